// Package twinecho traces servers that route with Echo (v4): a server span of each request, with Echo's route as its operation.
package twinecho

import (
	"fmt"

	"github.com/labstack/echo/v4"

	twinspan "github.com/twinspan/twinspan/sdk"
	"github.com/twinspan/twinspan/sdk/contrib/nethttp"
)

// Middleware makes a server span of each request, which c.Request().Context() carries. An error that the handler returns is
// answered by Echo's error handler inside the span, so that its status is known, and returned to outer middleware, as Echo's own
// tracing middleware does. A nil tracer traces nothing.
func Middleware(tracer *twinspan.Tracer, list ...nethttp.Option) echo.MiddlewareFunc {
	exchanges := nethttp.NewExchanges(tracer, list...)
	return func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) (err error) {
			e := exchanges.Begin(c.Request())
			if e == nil {
				return next(c)
			}
			c.SetRequest(e.Request())
			defer func() {
				panicked := recover()
				answer := c.Response()
				if panicked == nil {
					e.End(c.Path(), answer.Status, answer.Size, err)
					return
				}
				code := answer.Status
				if !answer.Committed {
					code = 0 // Echo says 200 as long as nothing is written
				}
				e.End(c.Path(), code, answer.Size, fmt.Errorf("panic: %v", panicked))
				panic(panicked)
			}()
			if err = next(c); err != nil {
				c.Error(err)
			}
			return err
		}
	}
}
