package twingin

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/gin-gonic/gin"

	twinspan "github.com/twinspan/twinspan/sdk"
	"github.com/twinspan/twinspan/sdk/contrib/internal/tracertest"
)

func TestMiddleware(t *testing.T) {
	tracertest.Middleware{Param: ":id", Failure: "no money", Serve: serve}.Test(t)
}

func serve(_ *testing.T, tracer *twinspan.Tracer, see func(*twinspan.Span)) func(*http.Request) {
	gin.SetMode(gin.ReleaseMode)
	router := gin.New()
	router.Use(gin.CustomRecoveryWithWriter(nil, func(c *gin.Context, _ any) { c.AbortWithStatus(http.StatusInternalServerError) }))
	router.Use(Middleware(tracer))
	router.GET("/pay/:id", func(c *gin.Context) {
		see(twinspan.SpanFromContext(c.Request.Context()))
		c.String(http.StatusOK, "paid")
	})
	router.GET("/fail/:id", func(c *gin.Context) { _ = c.AbortWithError(http.StatusServiceUnavailable, errors.New("no money")) })
	router.GET("/panic", func(*gin.Context) { panic("boom") })
	return func(r *http.Request) { router.ServeHTTP(httptest.NewRecorder(), r) }
}
