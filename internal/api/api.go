// Package api is the HTTP surface of queries: /api/v1, documented in docs/api. It reads parameters, asks package query and
// writes JSON; what an answer means is decided there. It serves no pages, receives no spans and keeps no state but its
// metrics.
package api

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"runtime/debug"
	"slices"
	"strconv"
	"time"

	"github.com/klauspost/compress/gzhttp"
	"github.com/prometheus/client_golang/prometheus"

	apidoc "github.com/twinspan/twinspan/docs/api"
	"github.com/twinspan/twinspan/internal/query"
)

// Config is the API's part of the configuration.
type Config struct {
	// QueryTimeout bounds one request; beyond it the answer is 504.
	QueryTimeout time.Duration `yaml:"query_timeout"`
}

// DefaultConfig gives 30 seconds.
func DefaultConfig() Config { return Config{QueryTimeout: 30 * time.Second} }

// Validate says which setting is wrong.
func (c *Config) Validate() error {
	if c.QueryTimeout <= 0 {
		return fmt.Errorf("query_timeout is %s: it has to be above 0", c.QueryTimeout)
	}
	return nil
}

// Prefix is the path below which the handler of New answers.
const Prefix = "/api/v1/"

// TenantsPath is where a sender learns which tenants it may name. The answer has nothing of any tenant's data.
const TenantsPath = Prefix + "tenants"

// API answers requests. It may be used by any number of goroutines.
type API struct {
	config  Config
	query   *query.Service
	server  Server
	log     *slog.Logger
	now     func() time.Time
	metrics *Metrics
	mux     *http.ServeMux
	handler http.Handler
}

// Server tells of the process: it is asked for each request of /status and /pipeline.
type Server struct {
	Status   func() Status
	Pipeline func() Pipeline
}

// New makes the handler of everything below Prefix. metrics may be nil.
func New(config Config, q *query.Service, server Server, metrics *Metrics, log *slog.Logger) *API {
	if metrics == nil {
		metrics = NewMetrics()
	}
	a := &API{config: config, query: q, server: server, log: log, now: time.Now, metrics: metrics, mux: http.NewServeMux()}
	for _, r := range a.routes() {
		a.mux.HandleFunc("GET "+r.path, a.serve(r))
		a.mux.HandleFunc(r.path, a.wrongMethod)
	}
	a.mux.HandleFunc(Prefix, a.unknownPath)
	a.handler = gzhttp.GzipHandler(a.mux)
	return a
}

// ServeHTTP answers one request.
func (a *API) ServeHTTP(w http.ResponseWriter, r *http.Request) { a.handler.ServeHTTP(w, r) }

// route is one path with the query parameters that it knows. The tests hold this table against docs/api/openapi.yaml.
type route struct {
	path   string
	params []param
	// handle reads its parameters before it asks anything, and writes nothing before it has an answer.
	handle func(ctx context.Context, r *http.Request, in *input) (answer, error)
}

// answer writes itself as a whole. Its errors are those of the connection.
type answer interface {
	writeTo(w http.ResponseWriter) error
}

func (a *API) routes() []route {
	timeRange := []param{paramFrom, paramTo}
	with := func(params ...param) []param { return slices.Concat(params, timeRange) }
	filters := callFilters()
	return []route{
		{Prefix + "apps", timeRange, a.apps},
		{Prefix + "apps/series", timeRange, a.appSeries},
		{Prefix + "operations", with(paramApp), a.operations},
		{Prefix + "traces", with(paramQuery, paramSpans, paramLimit, paramCursor), a.traces},
		{Prefix + "traces/{id}", nil, a.trace},
		{Prefix + "calls", slices.Concat(filters, with(paramQuery, paramSpans, paramLimit, paramCursor)), a.calls},
		{Prefix + "calls/scatter", slices.Concat(filters, with(paramQuery, paramPoints)), a.scatter},
		{Prefix + "traceql", []param{paramQuery}, a.checkTraceQL},
		{Prefix + "tags", with(paramScope), a.tags},
		{Prefix + "tags/values", with(paramTagName), a.tagValues},
		{Prefix + "topology", with(paramApp, paramOperation, paramLoadTest), a.topology},
		{Prefix + "series", with(paramApp, paramOperation, paramCaller), a.series},
		{Prefix + "status", nil, a.serverStatus},
		{Prefix + "pipeline", nil, a.pipelineHealth},
		{TenantsPath, nil, a.tenants},
		{Prefix + "openapi.yaml", nil, a.openAPI},
	}
}

// serve wraps a route's handler: parameters, time limit, errors, metrics.
func (a *API) serve(rt route) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		begin := time.Now()
		status := http.StatusOK
		answering := false
		defer func() {
			if p := recover(); p != nil {
				if err, ok := p.(error); answering || ok && errors.Is(err, http.ErrAbortHandler) {
					panic(p) // what was begun can only be cut off
				}
				status = a.fail(w, r, fmt.Errorf("panic: %v\n%s", p, debug.Stack()))
			}
			a.metrics.observe(rt.path, status, time.Since(begin))
		}()
		ctx, cancel := context.WithTimeout(r.Context(), a.config.QueryTimeout)
		defer cancel()
		in, err := readInput(r.URL.RawQuery, rt.params, a.now())
		var out answer
		if err == nil {
			out, err = rt.handle(ctx, r, in)
		}
		if err != nil {
			status = a.fail(w, r, err)
			return
		}
		answering = true
		w.Header().Set("Cache-Control", "no-store")
		if r.Method == http.MethodHead {
			w.Header().Set("Content-Type", "application/json")
			return
		}
		if err := out.writeTo(w); err != nil && !errors.Is(r.Context().Err(), context.Canceled) {
			a.log.Warn("answer was cut off", "path", r.URL.Path, "error", err)
		}
	}
}

func (a *API) wrongMethod(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Allow", "GET, HEAD")
	a.fail(w, r, &requestError{http.StatusMethodNotAllowed, "method_not_allowed", fmt.Sprintf("%s %s: use GET", r.Method, r.URL.Path)})
}

func (a *API) unknownPath(w http.ResponseWriter, r *http.Request) {
	var known []string
	for _, rt := range a.routes() {
		known = append(known, rt.path)
	}
	a.fail(w, r, &requestError{http.StatusNotFound, "not_found",
		fmt.Sprintf("%q is no path of this API: use one of %q", r.URL.Path, known)})
}

func (a *API) openAPI(context.Context, *http.Request, *input) (answer, error) {
	return document(apidoc.OpenAPI), nil
}

type document []byte

func (d document) writeTo(w http.ResponseWriter) error {
	w.Header().Set("Content-Type", "application/yaml")
	_, err := w.Write(d)
	return err
}

// Metrics count the requests of the API.
type Metrics struct {
	requests *prometheus.HistogramVec
}

// NewMetrics makes the metrics; Register shows them.
func NewMetrics() *Metrics {
	return &Metrics{requests: prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name:    "twinspan_api_request_duration_seconds",
		Help:    "Time to answer requests of /api/v1, by route and status.",
		Buckets: prometheus.ExponentialBuckets(0.0005, 4, 9),
	}, []string{"route", "status"})}
}

// Register adds the metrics to a registry.
func (m *Metrics) Register(r prometheus.Registerer) error { return r.Register(m.requests) }

func (m *Metrics) observe(route string, status int, d time.Duration) {
	m.requests.WithLabelValues(route, strconv.Itoa(status)).Observe(d.Seconds())
}
