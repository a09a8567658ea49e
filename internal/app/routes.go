package app

import (
	"encoding/json"
	"net/http"
	"net/http/pprof"

	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/twinspan/twinspan/internal/api/jaeger"
	"github.com/twinspan/twinspan/internal/api/zipkin"
)

// routes are those of the port that people and tools come to: console, API, and what operators need.
func (p *process) routes() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("ok\n")) })
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, _ *http.Request) {
		if !p.ready.Load() {
			http.Error(w, "not ready: starting or stopping", http.StatusServiceUnavailable)
			return
		}
		_, _ = w.Write([]byte("ok\n"))
	})
	mux.Handle("GET /metrics", promhttp.HandlerFor(p.registry, promhttp.HandlerOpts{}))
	mux.HandleFunc("GET /debug/pprof/", pprof.Index)
	mux.HandleFunc("GET /debug/pprof/cmdline", pprof.Cmdline)
	mux.HandleFunc("GET /debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("GET /debug/pprof/symbol", pprof.Symbol)
	mux.HandleFunc("GET /debug/pprof/trace", pprof.Trace)
	answers := func(w http.ResponseWriter, r *http.Request) {
		h := p.api.Load()
		if h == nil {
			unavailable(w, p.noAPI())
			return
		}
		(*h).ServeHTTP(w, r)
	}
	mux.HandleFunc("/api/", answers)
	mux.HandleFunc(jaeger.Prefix, answers)
	mux.HandleFunc(zipkin.Prefix, answers)
	if c := p.webConsole(); c != nil {
		mux.Handle("/", c)
	}
	return mux
}

func (p *process) noAPI() string {
	if p.role.collect || p.role.remote {
		return "starting, try again in a moment"
	}
	return "the role " + string(p.role.name) + " has no API: ask a collector"
}

// unavailable answers 503 in the API's form.
func unavailable(w http.ResponseWriter, message string) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Retry-After", "1")
	w.WriteHeader(http.StatusServiceUnavailable)
	_ = json.NewEncoder(w).Encode(map[string]any{"error": map[string]string{"code": "unavailable", "message": message}})
}
