// Package jaeger answers the HTTP API of Jaeger's query service below Prefix, so that Grafana's Jaeger data source,
// jaeger-ui and scripts written for Jaeger read from Twinspan: services, operations, traces by id and by search, and
// dependencies, in Jaeger's own JSON. docs/compatible-apis.md says how to point clients at it and where it differs.
//
// It translates and keeps no state but a short memory of names; what is found is decided in package query. It is not the
// API of the console (package api), and it does not receive spans.
package jaeger

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/twinspan/twinspan/internal/query"
)

// Prefix is the path below which Handler answers.
const Prefix = "/jaeger/"

// MaxLimit is the most traces that one search gives, as in jaeger-ui.
const MaxLimit = 1500

// Config bounds what requests may cost.
type Config struct {
	// QueryTimeout bounds one request.
	QueryTimeout time.Duration `yaml:"query_timeout"`
	// MaxSpans is how many spans one search gives; the traces that do not fit are left out, and errors says so.
	MaxSpans int `yaml:"max_spans"`
	// ReadBatch is how many traces of one search are read together.
	ReadBatch int `yaml:"read_batch"`
	// NamesLookback is how far back services and operations are listed: these requests of Jaeger's have no time range.
	NamesLookback time.Duration `yaml:"names_lookback"`
	// NamesRefresh is how old a list of services and operations may be.
	NamesRefresh time.Duration `yaml:"names_refresh"`
}

// DefaultConfig gives the bounds that fit one machine.
func DefaultConfig() Config {
	return Config{
		QueryTimeout: 30 * time.Second, MaxSpans: 200_000, ReadBatch: 32,
		NamesLookback: 24 * time.Hour, NamesRefresh: 5 * time.Second,
	}
}

// Validate says which setting is wrong.
func (c *Config) Validate() error {
	for _, s := range []struct {
		name  string
		value int64
	}{
		{"query_timeout", int64(c.QueryTimeout)}, {"max_spans", int64(c.MaxSpans)}, {"read_batch", int64(c.ReadBatch)},
		{"names_lookback", int64(c.NamesLookback)}, {"names_refresh", int64(c.NamesRefresh)},
	} {
		if s.value <= 0 {
			return fmt.Errorf("%s is %d: it has to be above 0", s.name, s.value)
		}
	}
	return nil
}

// Handler answers requests. It may be used by any number of goroutines.
type Handler struct {
	config   Config
	query    *query.Service
	log      *slog.Logger
	now      func() time.Time
	names    names
	mux      *http.ServeMux
	requests *prometheus.HistogramVec
}

// New makes the handler of everything below Prefix.
func New(config Config, q *query.Service, log *slog.Logger) *Handler {
	h := &Handler{config: config, query: q, log: log, now: time.Now, mux: http.NewServeMux(),
		requests: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "twinspan_jaeger_api_request_duration_seconds",
			Help:    "Time to answer requests of Jaeger's API, by route and status.",
			Buckets: prometheus.ExponentialBuckets(0.0005, 4, 9),
		}, []string{"route", "status"}),
	}
	for path, handle := range map[string]handleFunc{
		"api/services":                      h.services,
		"api/services/{service}/operations": h.operationsOfService,
		"api/operations":                    h.operations,
		"api/traces":                        h.search,
		"api/traces/{id}":                   h.trace,
		"api/dependencies":                  h.dependencies,
	} {
		h.mux.HandleFunc("GET "+Prefix+path, h.serve("/"+path, handle))
		h.mux.HandleFunc(Prefix+path, h.wrongMethod)
	}
	h.mux.HandleFunc(Prefix, h.unknownPath)
	return h
}

// Register shows the metrics of the handler.
func (h *Handler) Register(r prometheus.Registerer) error { return r.Register(h.requests) }

// ServeHTTP answers one request.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) { h.mux.ServeHTTP(w, r) }

// handleFunc answers through w, or gives an error before it has written anything.
type handleFunc func(ctx context.Context, w *response, r *http.Request) error

// serve wraps a handler: time limit, errors, metrics.
func (h *Handler) serve(route string, handle handleFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		begin := time.Now()
		status := http.StatusOK
		defer func() { h.requests.WithLabelValues(route, strconv.Itoa(status)).Observe(time.Since(begin).Seconds()) }()
		ctx, cancel := context.WithTimeout(r.Context(), h.config.QueryTimeout)
		defer cancel()
		out := &response{w: w}
		if pretty := r.URL.Query().Get("prettyPrint"); pretty != "" && pretty != "false" {
			out.pretty = new(bytes.Buffer)
		}
		err := handle(ctx, out, r)
		if err != nil && !out.begun {
			status = h.fail(w, r, err)
			return
		}
		if err == nil {
			err = out.end()
		}
		if err != nil && !errors.Is(r.Context().Err(), context.Canceled) {
			h.log.Warn("answer was cut off", "path", r.URL.Path, "error", err)
		}
	}
}

// response writes an answer in parts.
type response struct {
	w     http.ResponseWriter
	begun bool
	// pretty gathers an answer that is to be indented.
	pretty *bytes.Buffer
}

func (r *response) Write(b []byte) (int, error) {
	if !r.begun {
		r.begun = true
		r.w.Header().Set("Content-Type", "application/json")
		r.w.Header().Set("Cache-Control", "no-store")
	}
	if r.pretty != nil {
		return r.pretty.Write(b)
	}
	return r.w.Write(b)
}

func (r *response) end() error {
	if r.pretty == nil {
		return nil
	}
	var out bytes.Buffer
	if err := json.Indent(&out, r.pretty.Bytes(), "", "    "); err != nil {
		return err
	}
	_, err := out.WriteTo(r.w)
	return err
}

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

func (r *response) answer(a answerJSON) error { return json.NewEncoder(r).Encode(a) }

// requestError is a refusal whose status is known.
type requestError struct {
	status  int
	message string
}

func (e *requestError) Error() string { return e.message }

func badRequest(format string, args ...any) error {
	return &requestError{http.StatusBadRequest, fmt.Sprintf(format, args...)}
}

// messageNotFound is Jaeger's; clients compare with it.
const messageNotFound = "trace not found"

// explain is the one place where errors become HTTP.
func explain(err error) (status int, message string) {
	var refused *requestError
	switch {
	case errors.As(err, &refused):
		return refused.status, refused.message
	case errors.Is(err, query.ErrNotFound):
		return http.StatusNotFound, messageNotFound
	case errors.Is(err, query.ErrBad):
		return http.StatusBadRequest, err.Error()
	case errors.Is(err, context.DeadlineExceeded):
		return http.StatusGatewayTimeout, "the query took longer than jaeger.query_timeout: narrow the time range or add filters"
	case errors.Is(err, context.Canceled):
		return 499, "the request was canceled" // what proxies log; nobody reads it
	case errors.Is(err, query.ErrClosed):
		return http.StatusServiceUnavailable, "the server is shutting down: try again later"
	case errors.Is(err, query.ErrCorrupt):
		return http.StatusInternalServerError, "stored data cannot be read: see the server's log"
	}
	return http.StatusInternalServerError, "the server failed to answer: see its log"
}

// fail answers with an error and gives its status.
func (h *Handler) fail(w http.ResponseWriter, r *http.Request, err error) int {
	status, message := explain(err)
	if status >= http.StatusInternalServerError {
		h.log.Error("request failed", "path", r.URL.Path, "query", r.URL.RawQuery, "status", status, "error", err)
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(answerJSON{Errors: []errorJSON{{Code: status, Message: message}}})
	return status
}

func (h *Handler) wrongMethod(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Allow", "GET, HEAD")
	h.fail(w, r, &requestError{http.StatusMethodNotAllowed, fmt.Sprintf("%s %s: use GET", r.Method, r.URL.Path)})
}

func (h *Handler) unknownPath(w http.ResponseWriter, r *http.Request) {
	h.fail(w, r, &requestError{http.StatusNotFound, fmt.Sprintf("%q is no path of this API: of Jaeger's it has services, operations, "+
		"traces and dependencies, below %sapi/", r.URL.Path, Prefix)})
}
