// Package twinfiber traces servers that route with Fiber (v2): a server span of each request, with Fiber's route as its operation.
package twinfiber

import (
	"errors"
	"fmt"
	"strconv"

	"github.com/gofiber/fiber/v2"
	"github.com/valyala/fasthttp"

	twinspan "github.com/twinspan/twinspan/sdk"
	"github.com/twinspan/twinspan/sdk/contrib/nethttp"
)

// Option changes what Middleware does.
type Option func(*options)

type options struct {
	skip  func(*fiber.Ctx) bool
	query bool
}

// WithSkip leaves requests untraced for which skip gives true, such as health checks.
func WithSkip(skip func(*fiber.Ctx) bool) Option { return func(o *options) { o.skip = skip } }

// WithQuery has request.url hold the query. Without it queries stay out of the logs: they may hold secrets.
func WithQuery() Option { return func(o *options) { o.query = true } }

// Middleware makes a server span of each request, which c.UserContext() carries. Texts that Fiber reuses after the request are
// copied. A nil tracer traces nothing.
func Middleware(tracer *twinspan.Tracer, list ...Option) fiber.Handler {
	var o options
	for _, option := range list {
		option(&o)
	}
	return func(c *fiber.Ctx) (err error) {
		if tracer == nil || o.skip != nil && o.skip(c) {
			return c.Next()
		}
		method, path := string(c.Request().Header.Method()), string(c.Request().URI().Path())
		operation := "" // end sets it, when the route is known
		if tracer.HasSamplingRules() {
			operation = method + " " + path
		}
		ctx, span := tracer.StartFrom(c.UserContext(), carrier{&c.Request().Header}, twinspan.Server, twinspan.HTTPServer, operation)
		c.SetUserContext(ctx)
		span.SetRemote(c.Context().RemoteAddr().String())
		span.SetLocal(c.Context().LocalAddr().String())
		url := c.Protocol() + "://" + string(c.Request().Host()) + string(c.Request().URI().PathOriginal())
		if query := c.Request().URI().QueryString(); o.query && len(query) > 0 {
			url += "?" + string(query)
		}
		size := int64(-1)
		if n := c.Request().Header.ContentLength(); n > 0 {
			size = int64(n)
		}
		span.SetTags(twinspan.String(twinspan.TagURL, url), twinspan.String(twinspan.TagMethod, method), twinspan.Int(twinspan.TagRequestSize, size))
		defer func() {
			panicked := recover()
			end(c, span, method, path, err, panicked)
			if panicked != nil {
				panic(panicked)
			}
		}()
		return c.Next()
	}
}

func end(c *fiber.Ctx, span *twinspan.Span, method, path string, err error, panicked any) {
	code := c.Response().StatusCode()
	var answered *fiber.Error
	switch { // Fiber answers an error after all middleware
	case panicked != nil:
		code = fasthttp.StatusInternalServerError
	case errors.As(err, &answered):
		code = answered.Code
	case err != nil:
		code = fasthttp.StatusInternalServerError
	}
	switch {
	case panicked != nil:
		span.Fail(fmt.Sprintf("panic: %v", panicked))
	case err != nil && code >= 500:
		span.SetError(err)
	case code >= 500:
		span.Fail(strconv.Itoa(code) + " " + fasthttp.StatusMessage(code))
	}
	// A middleware's own route, "/", is what Fiber gives where nothing matched.
	route := c.Route().Path
	if code == fasthttp.StatusNotFound && route == "/" || route == "" {
		route = nethttp.GeneralRoute(path)
	}
	span.SetOperation(method + " " + route)
	span.SetResultCode(strconv.Itoa(code))
	size := int64(len(c.Response().Body()))
	if c.Response().IsBodyStream() {
		size = max(int64(c.Response().Header.ContentLength()), 0)
	}
	span.SetTags(twinspan.Int(twinspan.TagResponseSize, size))
	span.End()
}
