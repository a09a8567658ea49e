package twinfiber_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"

	"github.com/gofiber/fiber/v2"

	twinspan "github.com/twinspan/twinspan/sdk"
	twinfiber "github.com/twinspan/twinspan/sdk/contrib/fiber"
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
	app := fiber.New()
	app.Use(twinfiber.Middleware(tracer))
	app.Get("/pay/:id", func(c *fiber.Ctx) error {
		span := twinspan.SpanFromContext(c.UserContext())
		fmt.Println("order", c.Params("id"), span.TraceID(), span.SpanID())
		return nil
	})

	r := httptest.NewRequest(http.MethodGet, "/pay/17", nil)
	r.Header.Set("X-B3-TraceId", "0ad1348f1403169275002100356696") // as a Java service sends it
	r.Header.Set("X-B3-SpanId", "0.1")
	answer, err := app.Test(r, -1)
	if err != nil {
		panic(err)
	}
	_ = answer.Body.Close()
	// Output: order 17 0ad1348f1403169275002100356696 0.1
}
