package twinchi_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"

	"github.com/go-chi/chi/v5"

	twinspan "github.com/twinspan/twinspan/sdk"
	twinchi "github.com/twinspan/twinspan/sdk/contrib/chi"
)

// newTracer makes a Tracer as a service's main does, in a directory that the example throws away.
func newTracer() (tracer *twinspan.Tracer, done func()) {
	dir, err := os.MkdirTemp("", "tracelog")
	if err != nil {
		panic(err)
	}
	config := twinspan.DefaultConfig("payment")
	config.LogDir = dir
	if tracer, err = twinspan.New(config); err != nil {
		panic(err)
	}
	return tracer, func() {
		if err := tracer.Close(); err != nil {
			panic(err)
		}
		_ = os.RemoveAll(dir)
	}
}

func ExampleMiddleware() {
	tracer, done := newTracer()
	defer done()
	router := chi.NewRouter()
	router.Use(twinchi.Middleware(tracer))
	router.Get("/pay/{id}", func(_ http.ResponseWriter, r *http.Request) {
		span := twinspan.SpanFromContext(r.Context())
		fmt.Println("order", chi.URLParam(r, "id"), span.TraceID(), span.SpanID())
	})

	r := httptest.NewRequest(http.MethodGet, "/pay/17", nil)
	r.Header.Set("X-B3-TraceId", "0ad1348f1403169275002100356696") // as a Java service sends it
	r.Header.Set("X-B3-SpanId", "0.1")
	router.ServeHTTP(httptest.NewRecorder(), r)
	// Output: order 17 0ad1348f1403169275002100356696 0.1
}
