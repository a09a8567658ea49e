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
	return &handler{exchanges: NewExchanges(tracer, list...), next: next}
}

// Middleware is NewHandler in the form that routers take.
func Middleware(tracer *twinspan.Tracer, list ...Option) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler { return NewHandler(tracer, next, list...) }
}

type handler struct {
	exchanges *Exchanges
	next      http.Handler
}

// ServeHTTP serves one request inside a span.
func (h *handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var e Exchange // stays on the stack
	if !h.exchanges.begin(&e, r) {
		h.next.ServeHTTP(w, r)
		return
	}
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

// Exchanges makes the server spans of a framework that has its own way of answering; others use NewHandler.
type Exchanges struct {
	tracer  *twinspan.Tracer
	options options
}

// NewExchanges makes what the options say for all requests. A nil tracer traces nothing.
func NewExchanges(tracer *twinspan.Tracer, list ...Option) *Exchanges {
	return &Exchanges{tracer: tracer, options: gather(list)}
}

// Exchange is a request that a server works on. Its methods are called by one goroutine: Request, then End.
type Exchange struct {
	span     *twinspan.Span
	options  *options
	request  *http.Request
	hijacked bool
}

// Begin starts the server span of a request. It gives nil when the request is not to be traced: the tracer is nil, or
// WithSkip says so.
func (x *Exchanges) Begin(r *http.Request) *Exchange {
	e := new(Exchange)
	if !x.begin(e, r) {
		return nil
	}
	return e
}

func (x *Exchanges) begin(e *Exchange, r *http.Request) bool {
	o := &x.options
	if x.tracer == nil || o.skip != nil && o.skip(r) {
		return false
	}
	operation := "" // End sets it, when the route is known
	if x.tracer.HasSamplingRules() {
		operation = method(r) + " " + r.URL.Path
	}
	ctx, span := x.tracer.StartFrom(r.Context(), twinspan.HeaderCarrier(r.Header), twinspan.Server, twinspan.HTTPServer, operation)
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
	return true
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
