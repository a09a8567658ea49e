// Package zipkin answers the query side of Zipkin's v2 API below Prefix, so that Zipkin's own UI (Lens), Grafana's Zipkin
// data source and scripts written for Zipkin read from Twinspan. docs/compatible-apis.md says how to point clients at it
// and where it differs.
//
// It translates; what is found is decided in package query. Zipkin's receiver is in internal/ingest/zipkin.
package zipkin

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/twinspan/twinspan/internal/api/compat"
	"github.com/twinspan/twinspan/internal/query"
)

// Prefix is the path below which Handler answers. It is the path that Zipkin's UI is built for.
const Prefix = "/zipkin/"

// maxLimit is the most traces that one search gives.
const maxLimit = 1500

const apiName = "zipkin"

// Config bounds what requests may cost, and says what Zipkin's UI offers.
type Config struct {
	compat.Config `yaml:",inline"`
	// AutocompleteKeys are the names of the tags that the UI offers, with their values.
	AutocompleteKeys []string `yaml:"autocomplete_keys"`
}

// DefaultConfig gives the bounds that fit one machine.
func DefaultConfig() Config { return Config{Config: compat.DefaultConfig()} }

// maxAutocompleteKeys bounds the list that every page of the UI asks for.
const maxAutocompleteKeys = 100

// Validate says which setting is wrong.
func (c *Config) Validate() error {
	if n := len(c.AutocompleteKeys); n > maxAutocompleteKeys {
		return fmt.Errorf("autocomplete_keys has %d keys: at most %d", n, maxAutocompleteKeys)
	}
	return c.Config.Validate()
}

// Handler answers requests. It may be used by any number of goroutines.
type Handler struct {
	config Config
	query  *query.Service
	now    func() time.Time
	names  *compat.Names
	server *compat.Server
	log    *slog.Logger
}

// New makes the handler of everything below Prefix.
func New(config Config, q *query.Service, log *slog.Logger) *Handler {
	h := &Handler{config: config, query: q, now: time.Now, names: compat.NewNames(q, config.Config), log: log}
	h.server = compat.NewServer(compat.Options{
		Name: apiName, Metric: "twinspan_zipkin_api_request_duration_seconds", Prefix: Prefix, Timeout: config.QueryTimeout, Log: log, Fail: fail,
		Has: "api/v2/services, spans, remoteServices, traces, trace/{id}, traceMany, dependencies, autocompleteKeys, autocompleteValues, " +
			"config.json and health",
	})
	for path, handle := range map[string]compat.HandleFunc{
		"api/v2/services":           h.services,
		"api/v2/spans":              h.spans,
		"api/v2/remoteServices":     h.remoteServices,
		"api/v2/traces":             h.traces,
		"api/v2/trace/{id}":         h.trace,
		"api/v2/traceMany":          h.traceMany,
		"api/v2/dependencies":       h.dependencies,
		"api/v2/autocompleteKeys":   h.autocompleteKeys,
		"api/v2/autocompleteValues": h.autocompleteValues,
		"config.json":               h.uiConfig,
		"health":                    h.health,
	} {
		h.server.Get(path, handle)
	}
	return h
}

// Register shows the metrics of the handler.
func (h *Handler) Register(r prometheus.Registerer) error { return h.server.Register(r) }

// ServeHTTP answers one request.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) { h.server.ServeHTTP(w, r) }

// fail answers with text, as Zipkin does.
func fail(w http.ResponseWriter, _ *http.Request, status int, message string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	_, _ = fmt.Fprintln(w, strings.ToValidUTF8(message, "\ufffd"))
}

// uiConfig says to Zipkin's UI what this server has.
func (h *Handler) uiConfig(_ context.Context, w *compat.Response, _ *http.Request) error {
	return w.JSON(map[string]any{
		"environment": "", "queryLimit": defaultLimit, "defaultLookback": (15 * time.Minute).Milliseconds(), "searchEnabled": true,
		"dependency": map[string]any{"enabled": true, "lowErrorRate": 0.5, "highErrorRate": 0.75},
	})
}

// health is up when names can be read.
func (h *Handler) health(ctx context.Context, w *compat.Response, _ *http.Request) error {
	if _, err := h.names.Services(ctx, nil); err != nil {
		return err
	}
	up := map[string]any{"status": "UP"}
	return w.JSON(map[string]any{"status": "UP", "zipkin": map[string]any{"status": "UP", "details": map[string]any{"Twinspan": up}}})
}
