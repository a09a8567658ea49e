package nethttp

import (
	"fmt"
	"net"
	"net/http"
	"strconv"
	"strings"

	twinspan "github.com/twinspan/twinspan/sdk"
)

// NewHandler makes a server span of each request that next serves; the request's context carries it. A nil tracer traces
// nothing. A panic of next is recorded and goes on.
func NewHandler(tracer *twinspan.Tracer, next http.Handler, list ...Option) http.Handler {
	if tracer == nil {
		return next
	}
	return &handler{tracer: tracer, next: next, options: gather(list)}
}

// Middleware is NewHandler in the form that routers take.
func Middleware(tracer *twinspan.Tracer, list ...Option) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler { return NewHandler(tracer, next, list...) }
}

type handler struct {
	tracer  *twinspan.Tracer
	next    http.Handler
	options options
}

// ServeHTTP serves one request inside a span.
func (h *handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if h.options.skip != nil && h.options.skip(r) {
		h.next.ServeHTTP(w, r)
		return
	}
	var e Exchange
	e.begin(h.tracer, r, &h.options)
	recorder := &recorder{ResponseWriter: w}
	defer func() {
		panicked := recover()
		e.hijacked = recorder.hijacked
		if panicked == nil {
			e.End("", recorder.code, recorder.size, nil)
			return
		}
		e.End("", recorder.code, recorder.size, fmt.Errorf("panic: %v", panicked))
		panic(panicked) // goes on, with its value
	}()
	h.next.ServeHTTP(recorder.as(), e.request)
}

// Exchange is a request that a server works on. It is for frameworks that have their own way of answering; others use
// NewHandler. Its methods are called by one goroutine, in the order Begin, Request, End.
type Exchange struct {
	span     *twinspan.Span
	options  *options
	request  *http.Request
	hijacked bool
}

// Begin starts the server span of a request. It gives nil when the request is not to be traced: the tracer is nil, or
// WithSkip says so.
func Begin(tracer *twinspan.Tracer, r *http.Request, list ...Option) *Exchange {
	o := gather(list)
	if tracer == nil || o.skip != nil && o.skip(r) {
		return nil
	}
	e := new(Exchange)
	e.begin(tracer, r, &o)
	return e
}

func (e *Exchange) begin(tracer *twinspan.Tracer, r *http.Request, o *options) {
	ctx, span := tracer.StartFrom(r.Context(), twinspan.HeaderCarrier(r.Header), twinspan.Server, twinspan.HTTPServer, "")
	span.SetRemote(r.RemoteAddr)
	if local, ok := r.Context().Value(http.LocalAddrContextKey).(net.Addr); ok {
		span.SetLocal(local.String())
	}
	scheme := "http"
	if r.TLS != nil {
		scheme = "https"
	}
	span.SetTags(
		twinspan.String(twinspan.TagURL, o.url(scheme, r.Host, r)),
		twinspan.String(twinspan.TagMethod, method(r)),
		twinspan.Int(twinspan.TagRequestSize, serverRequestSize(r)),
	)
	e.span, e.options, e.request = span, o, r.WithContext(ctx)
}

// Request gives the request to go on with: its context carries the span.
func (e *Exchange) Request() *http.Request { return e.request }

// End finishes the span. route is such as "/pay/{id}"; "" takes WithRoute's, then http.ServeMux's, then the path with numbers
// and the like replaced. code is the answer's status, 0 when the handler set none, size that of its body in bytes. err is why the
// handler failed, such as "panic: ..."; with a status of 4xx the fault is the caller's and the span no error.
func (e *Exchange) End(route string, code int, size int64, err error) {
	if route == "" {
		route = e.route()
	}
	e.span.SetOperation(method(e.request) + " " + route)
	if code == 0 {
		code = http.StatusOK
		if err != nil {
			code = http.StatusInternalServerError
		}
	}
	switch {
	case code >= 400 && code < 500:
	case err != nil:
		e.span.SetError(err)
	case code >= 500 && !e.hijacked:
		e.span.Fail(strconv.Itoa(code) + " " + http.StatusText(code))
	}
	e.span.SetResultCode(strconv.Itoa(code))
	e.span.SetTags(twinspan.Int(twinspan.TagResponseSize, size))
	e.span.End()
}

// route gives the request's route, which http.ServeMux has put into the request by now.
func (e *Exchange) route() string {
	r := e.request
	if e.options.route != nil {
		if route := e.options.route(r); route != "" {
			return route
		}
	}
	if r.Pattern != "" {
		pattern := r.Pattern
		if _, rest, ok := strings.Cut(pattern, " "); ok {
			pattern = strings.TrimLeft(rest, " \t")
		}
		if i := strings.IndexByte(pattern, '/'); i >= 0 {
			pattern = pattern[i:] // without the host
		}
		return pattern
	}
	return GeneralRoute(r.URL.Path)
}

// serverRequestSize is -1 for a request without length, and for one without body, as SOFATracer has it.
func serverRequestSize(r *http.Request) int64 {
	if r.ContentLength == 0 && r.Header.Get("Content-Length") == "" {
		return -1
	}
	return r.ContentLength
}

// SpanFromRequest gives the server span of a request, or nil.
func SpanFromRequest(r *http.Request) *twinspan.Span { return twinspan.SpanFromContext(r.Context()) }
