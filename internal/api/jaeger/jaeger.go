// Package jaeger answers the HTTP API of Jaeger's query service below Prefix, so that Grafana's Jaeger data source,
// jaeger-ui and scripts written for Jaeger read from Twinspan: services, operations, traces by id and by search, and
// dependencies, in Jaeger's own JSON. docs/compatible-apis.md says how to point clients at it and where it differs.
//
// It translates and keeps no state but a short memory of names; what is found is decided in package query. It is not the
// API of the console (package api), and it does not receive spans.
package jaeger

import (
	"encoding/json"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/twinspan/twinspan/internal/api/compat"
	"github.com/twinspan/twinspan/internal/query"
)

// Prefix is the path below which Handler answers.
const Prefix = "/jaeger/"

// maxLimit is the most traces that one search gives, as in jaeger-ui.
const maxLimit = 1500

// Config bounds what requests may cost.
type Config = compat.Config

// DefaultConfig gives the bounds that fit one machine.
func DefaultConfig() Config { return compat.DefaultConfig() }

// apiName is that of the settings and metrics.
const apiName = "jaeger"

// Handler answers requests. It may be used by any number of goroutines.
type Handler struct {
	config Config
	query  *query.Service
	log    *slog.Logger
	now    func() time.Time
	names  *compat.Names
	server *compat.Server
}

// New makes the handler of everything below Prefix.
func New(config Config, q *query.Service, log *slog.Logger) *Handler {
	h := &Handler{config: config, query: q, log: log, now: time.Now, names: compat.NewNames(q, config)}
	h.server = compat.NewServer(compat.Options{
		Name: apiName, Metric: "twinspan_jaeger_api_request_duration_seconds", Prefix: Prefix, Timeout: config.QueryTimeout, Log: log, Fail: fail,
		Has: "services, operations, traces, dependencies and metrics, below api/, and services, operations and traces, below api/v3/",
	})
	for path, handle := range map[string]compat.HandleFunc{
		"api/services":                      h.services,
		"api/services/{service}/operations": h.operationsOfService,
		"api/operations":                    h.operations,
		"api/traces":                        h.search,
		"api/traces/{id}":                   h.trace,
		"api/dependencies":                  h.dependencies,
		"api/metrics/latencies":             h.latencies,
		"api/metrics/calls":                 h.callRates,
		"api/metrics/errors":                h.errorRates,
		"api/metrics/minstep":               h.minStep,
		pathV3 + "services":                 h.servicesV3,
		pathV3 + "operations":               h.operationsV3,
		pathV3 + "traces":                   h.searchV3,
		pathV3 + "traces/{id}":              h.traceV3,
		pathV3 + "trace-summaries":          h.summariesV3,
		pathV3 + "dependencies":             h.dependenciesV3,
	} {
		h.server.Get(path, handle)
	}
	h.server.Refuse("api/archive/{id}", http.StatusNotImplemented, "archive span storage was not configured: traces are kept for the retention")
	h.server.Refuse("api/transform", http.StatusNotImplemented, "OTLP is not transformed here")
	return h
}

// Register shows the metrics of the handler.
func (h *Handler) Register(r prometheus.Registerer) error { return h.server.Register(r) }

// ServeHTTP answers one request.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) { h.server.ServeHTTP(w, r) }

// answerJSON is what every answer of Jaeger's is, errors included.
type answerJSON struct {
	Data   any         `json:"data"`
	Total  int         `json:"total"`
	Limit  int         `json:"limit"`
	Offset int         `json:"offset"`
	Errors []errorJSON `json:"errors"`
}

type errorJSON struct {
	Code    int    `json:"code,omitempty"`
	Message string `json:"msg"`
	TraceID string `json:"traceID,omitempty"`
}

// messageNotFound is Jaeger's; clients compare with it.
const messageNotFound = "trace not found"

// fail answers with an error, in the form of the version that was asked.
func fail(w http.ResponseWriter, r *http.Request, status int, message string) {
	if strings.HasPrefix(r.URL.Path, Prefix+pathV3) {
		failV3(w, status, message)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(answerJSON{Errors: []errorJSON{{Code: status, Message: message}}})
}
