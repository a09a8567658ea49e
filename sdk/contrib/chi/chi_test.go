package twinchi

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/go-chi/chi/v5"
	"github.com/go-chi/chi/v5/middleware"

	twinspan "github.com/twinspan/twinspan/sdk"
	"github.com/twinspan/twinspan/sdk/contrib/internal/tracertest"
)

func TestMiddleware(t *testing.T) {
	tracertest.Middleware{Param: "{id}", Failure: "503 Service Unavailable", Serve: serve}.Test(t)
}

func serve(_ *testing.T, tracer *twinspan.Tracer, see func(*twinspan.Span)) func(*http.Request) {
	router := chi.NewRouter()
	router.Use(middleware.Recoverer, Middleware(tracer))
	router.Route("/pay", func(router chi.Router) {
		router.Get("/{id}", func(w http.ResponseWriter, r *http.Request) {
			see(twinspan.SpanFromContext(r.Context()))
			_, _ = w.Write([]byte("paid"))
		})
	})
	router.Get("/fail/{id}", func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "no money", http.StatusServiceUnavailable) })
	router.Get("/panic", func(http.ResponseWriter, *http.Request) { panic("boom") })
	return func(r *http.Request) { router.ServeHTTP(httptest.NewRecorder(), r) }
}
