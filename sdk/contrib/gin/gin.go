// Package twingin traces servers that route with gin: a server span of each request, with gin's route as its operation.
package twingin

import (
	"fmt"

	"github.com/gin-gonic/gin"

	twinspan "github.com/twinspan/twinspan/sdk"
	"github.com/twinspan/twinspan/sdk/contrib/nethttp"
)

// Middleware makes a server span of each request, which c.Request.Context() carries. Use it before the others that are to be
// inside the span; outside of gin.Recovery it sees the panics that Recovery answers as status 500, inside of it as panics. Errors
// that handlers leave with c.Error are the span's error where the status is 500 or above. A nil tracer traces nothing.
func Middleware(tracer *twinspan.Tracer, list ...nethttp.Option) gin.HandlerFunc {
	exchanges := nethttp.NewExchanges(tracer, list...)
	return func(c *gin.Context) {
		e := exchanges.Begin(c.Request)
		if e == nil {
			c.Next()
			return
		}
		c.Request = e.Request()
		defer func() {
			panicked := recover()
			code, size := c.Writer.Status(), max(int64(c.Writer.Size()), 0)
			var err error
			if last := c.Errors.Last(); last != nil && code >= 500 {
				err = last.Err
			}
			if panicked == nil {
				e.End(c.FullPath(), code, size, err)
				return
			}
			if !c.Writer.Written() {
				code = 0 // gin says 200 as long as nothing is written
			}
			e.End(c.FullPath(), code, size, fmt.Errorf("panic: %v", panicked))
			panic(panicked)
		}()
		c.Next()
	}
}
