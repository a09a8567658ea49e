// Package tempo answers the HTTP query API of Grafana Tempo below Prefix, so that Grafana's Tempo data source and scripts
// written for Tempo read from Twinspan: traces by id, searches in TraceQL, names and values of attributes, and series.
// docs/compatible-apis.md says how to point clients at it and where it differs.
//
// It translates; what is found is decided in package query, and TraceQL is read in its package traceql. It does not
// receive spans.
package tempo

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"runtime"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/twinspan/twinspan/internal/api/compat"
	"github.com/twinspan/twinspan/internal/query"
)

// Prefix is the path below which Handler answers.
const Prefix = "/tempo/"

const apiName = "tempo"

// Config bounds what requests may cost.
type Config struct {
	// QueryTimeout bounds one request.
	QueryTimeout time.Duration `yaml:"query_timeout"`
}

// DefaultConfig gives the bounds that fit one machine.
func DefaultConfig() Config { return Config{QueryTimeout: 30 * time.Second} }

// Validate says which setting is wrong.
func (c *Config) Validate() error {
	if c.QueryTimeout <= 0 {
		return fmt.Errorf("query_timeout is %s: it has to be above 0", c.QueryTimeout)
	}
	return nil
}

// Handler answers requests. It may be used by any number of goroutines.
type Handler struct {
	query  *query.Service
	now    func() time.Time
	server *compat.Server
}

// New makes the handler of everything below Prefix.
func New(config Config, q *query.Service, log *slog.Logger) *Handler {
	h := &Handler{query: q, now: time.Now}
	h.server = compat.NewServer(compat.Options{
		Name: apiName, Metric: "twinspan_tempo_api_request_duration_seconds", Prefix: Prefix, Timeout: config.QueryTimeout, Log: log, Fail: fail,
		Has: "api/echo, api/status/buildinfo, ready, api/traces/{id}, api/search, api/search/tags, api/search/tag/{tag}/values, these also " +
			"below api/v2/, api/metrics/query_range and api/metrics/query",
	})
	for path, handle := range map[string]compat.HandleFunc{
		"api/echo":             h.echo,
		"ready":                h.ready,
		"api/status/buildinfo": h.buildInfo,
		"status/buildinfo":     h.buildInfo,
		"api/traces/{id}":      h.traceV1,
		"api/v2/traces/{id}":   h.traceV2,
		"api/search":           h.search,

		"api/search/tags":                h.tagsV1,
		"api/v2/search/tags":             h.tagsV2,
		"api/search/tag/{tag}/values":    h.valuesV1,
		"api/v2/search/tag/{tag}/values": h.valuesV2,

		"api/metrics/query_range": h.queryRange,
		"api/metrics/query":       h.queryInstant,
	} {
		h.server.Get(path, handle)
	}
	return h
}

// Register shows the metrics of the handler.
func (h *Handler) Register(r prometheus.Registerer) error { return h.server.Register(r) }

// ServeHTTP answers one request.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) { h.server.ServeHTTP(w, r) }

const mimeText = "text/plain; charset=utf-8"

// fail answers with text, as Tempo does.
func fail(w http.ResponseWriter, _ *http.Request, status int, message string) {
	w.Header().Set("Content-Type", mimeText)
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	_, _ = fmt.Fprintln(w, strings.ToValidUTF8(message, "\ufffd"))
}

// echo is what Grafana asks to test the data source.
func (h *Handler) echo(_ context.Context, w *compat.Response, _ *http.Request) error {
	w.ContentType(mimeText)
	_, err := w.Write([]byte("echo"))
	return err
}

func (h *Handler) ready(_ context.Context, w *compat.Response, _ *http.Request) error {
	w.ContentType(mimeText)
	_, err := w.Write([]byte("ready"))
	return err
}

// speaks is the version of Tempo whose API this is: Grafana offers what that version has.
const speaks = "2.8.0"

func (h *Handler) buildInfo(_ context.Context, w *compat.Response, _ *http.Request) error {
	return w.JSON(map[string]string{
		"version": speaks, "revision": "twinspan", "branch": "twinspan", "buildUser": "", "buildDate": "", "goVersion": runtime.Version(),
	})
}
