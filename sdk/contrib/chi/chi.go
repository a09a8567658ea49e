// Package twinchi traces servers that route with chi. It is nethttp's middleware with chi's route patterns as operations; it
// routes nothing itself.
package twinchi

import (
	"net/http"

	"github.com/go-chi/chi/v5"

	twinspan "github.com/twinspan/twinspan/sdk"
	"github.com/twinspan/twinspan/sdk/contrib/nethttp"
)

// Middleware makes a server span of each request. Use it on the outermost router, before the others that are to be inside the
// span. A nil tracer traces nothing.
func Middleware(tracer *twinspan.Tracer, list ...nethttp.Option) func(http.Handler) http.Handler {
	return nethttp.Middleware(tracer, append([]nethttp.Option{nethttp.WithRoute(route)}, list...)...)
}

// route gives the pattern that chi matched by the time the request is answered, "" where it matched none.
func route(r *http.Request) string {
	if c := chi.RouteContext(r.Context()); c != nil {
		return c.RoutePattern()
	}
	return ""
}
