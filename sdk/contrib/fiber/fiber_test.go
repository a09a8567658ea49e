package twinfiber

import (
	"net/http"
	"testing"

	"github.com/gofiber/fiber/v2"
	"github.com/gofiber/fiber/v2/middleware/recover"

	twinspan "github.com/twinspan/twinspan/sdk"
	"github.com/twinspan/twinspan/sdk/contrib/internal/tracertest"
)

func TestMiddleware(t *testing.T) {
	tracertest.Middleware{Param: ":id", Failure: "no money", Serve: serve}.Test(t)
}

func serve(t *testing.T, tracer *twinspan.Tracer, see func(*twinspan.Span)) func(*http.Request) {
	router := fiber.New()
	router.Use(recover.New(), Middleware(tracer))
	router.Get("/pay/:id", func(c *fiber.Ctx) error {
		see(twinspan.SpanFromContext(c.UserContext()))
		return c.SendString("paid")
	})
	router.Get("/fail/:id", func(*fiber.Ctx) error { return fiber.NewError(fiber.StatusServiceUnavailable, "no money") })
	router.Get("/panic", func(*fiber.Ctx) error { panic("boom") })
	return func(r *http.Request) {
		answer, err := router.Test(r, -1) // without a deadline
		if err != nil {
			t.Fatal(err)
		}
		answer.Body.Close()
	}
}
