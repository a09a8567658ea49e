package twinecho_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"

	"github.com/labstack/echo/v4"

	twinspan "github.com/twinspan/twinspan/sdk"
	twinecho "github.com/twinspan/twinspan/sdk/contrib/echo"
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
	router := echo.New()
	router.Use(twinecho.Middleware(tracer))
	router.GET("/pay/:id", func(c echo.Context) error {
		span := twinspan.SpanFromContext(c.Request().Context())
		fmt.Println("order", c.Param("id"), span.TraceID(), span.SpanID())
		return c.NoContent(http.StatusOK)
	})

	r := httptest.NewRequest(http.MethodGet, "/pay/17", nil)
	r.Header.Set("X-B3-TraceId", "0ad1348f1403169275002100356696") // as a Java service sends it
	r.Header.Set("X-B3-SpanId", "0.1")
	router.ServeHTTP(httptest.NewRecorder(), r)
	// Output: order 17 0ad1348f1403169275002100356696 0.1
}
