package app

import (
	"encoding/json"
	"net/http"
	"net/http/pprof"

	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/twinspan/twinspan/internal/access"
	"github.com/twinspan/twinspan/internal/api"
)

// routes are those of the port that people and tools come to: console, API, and what operators need.
func (p *process) routes() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("ok\n")) })
	mux.HandleFunc("GET /readyz", p.readyz)
	operator := func(path string, h http.HandlerFunc) { mux.Handle(path, p.guard.HTTP(access.Operate, h, refuse)) }
	operator("GET /metrics", promhttp.HandlerFor(p.registry, promhttp.HandlerOpts{}).ServeHTTP)
	operator("GET /debug/pprof/", p.profiles(pprof.Index))
	operator("GET /debug/pprof/cmdline", p.profiles(pprof.Cmdline))
	operator("GET /debug/pprof/profile", p.profiles(pprof.Profile))
	operator("GET /debug/pprof/symbol", p.profiles(pprof.Symbol))
	operator("GET /debug/pprof/trace", p.profiles(pprof.Trace))
	answer := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := p.api.Load()
		if h == nil {
			unavailable(w, p.noAPI())
			return
		}
		(*h).ServeHTTP(w, r)
	})
	mux.Handle(api.TenantsPath, p.guard.Choices(access.Read, answer, refuse))
	answers := p.guard.HTTP(access.Read, answer, refuse)
	operator("GET "+backupPath, p.backupHandler)
	// Every API goes through the guard.
	for _, prefix := range apiPrefixes() {
		mux.Handle(prefix, answers)
	}
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
	w.Header().Set("Retry-After", "1")
	answerError(w, http.StatusServiceUnavailable, "unavailable", message)
}

// refuse answers a request that is not let in.
func refuse(w http.ResponseWriter, _ *http.Request, why *access.Refusal) {
	answerError(w, why.Status, why.Word, why.Message)
}

// answerError answers in the API's form.
func answerError(w http.ResponseWriter, status int, code, message string) {
	answerJSON(w, status, map[string]any{"error": map[string]string{"code": code, "message": message}})
}

func answerJSON(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v)
}
