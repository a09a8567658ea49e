package twinecho

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/labstack/echo/v4"
	"github.com/labstack/echo/v4/middleware"

	twinspan "github.com/twinspan/twinspan/sdk"
	"github.com/twinspan/twinspan/sdk/contrib/internal/tracertest"
)

func TestMiddleware(t *testing.T) {
	tracertest.Middleware{Param: ":id", Failure: "code=503, message=no money", Serve: serve}.Test(t)
}

func serve(_ *testing.T, tracer *twinspan.Tracer, see func(*twinspan.Span)) func(*http.Request) {
	router := echo.New()
	router.Use(middleware.RecoverWithConfig(middleware.RecoverConfig{DisablePrintStack: true, LogErrorFunc: func(_ echo.Context, err error, _ []byte) error { return err }}))
	router.Use(Middleware(tracer))
	router.GET("/pay/:id", func(c echo.Context) error {
		see(twinspan.SpanFromContext(c.Request().Context()))
		return c.String(http.StatusOK, "paid")
	})
	router.GET("/fail/:id", func(echo.Context) error { return echo.NewHTTPError(http.StatusServiceUnavailable, "no money") })
	router.GET("/panic", func(echo.Context) error { panic("boom") })
	return func(r *http.Request) { router.ServeHTTP(httptest.NewRecorder(), r) }
}
