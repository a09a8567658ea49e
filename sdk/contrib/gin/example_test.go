package twingin_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"

	"github.com/gin-gonic/gin"

	twinspan "github.com/twinspan/twinspan/sdk"
	twingin "github.com/twinspan/twinspan/sdk/contrib/gin"
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
	gin.SetMode(gin.ReleaseMode)
	tracer, done := newTracer()
	defer done()
	router := gin.New()
	router.Use(twingin.Middleware(tracer), gin.Recovery())
	router.GET("/pay/:id", func(c *gin.Context) {
		span := twinspan.SpanFromContext(c.Request.Context())
		fmt.Println("order", c.Param("id"), span.TraceID(), span.SpanID())
	})

	r := httptest.NewRequest(http.MethodGet, "/pay/17", nil)
	r.Header.Set("X-B3-TraceId", "0ad1348f1403169275002100356696") // as a Java service sends it
	r.Header.Set("X-B3-SpanId", "0.1")
	router.ServeHTTP(httptest.NewRecorder(), r)
	// Output: order 17 0ad1348f1403169275002100356696 0.1
}
