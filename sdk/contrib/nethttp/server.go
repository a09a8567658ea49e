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
	ctx, span := h.tracer.StartFrom(r.Context(), twinspan.HeaderCarrier(r.Header), twinspan.Server, twinspan.HTTPServer, "")
	span.SetRemote(r.RemoteAddr)
	if local, ok := r.Context().Value(http.LocalAddrContextKey).(net.Addr); ok {
		span.SetLocal(local.String())
	}
	scheme := "http"
	if r.TLS != nil {
		scheme = "https"
	}
	span.SetTags(
		twinspan.String(twinspan.TagURL, h.options.url(scheme, r.Host, r)),
		twinspan.String(twinspan.TagMethod, method(r)),
		twinspan.Int(twinspan.TagRequestSize, serverRequestSize(r)),
	)
	recorder := &recorder{ResponseWriter: w}
	inner := r.WithContext(ctx)
	defer h.end(span, recorder, inner)
	h.next.ServeHTTP(recorder.as(), inner)
}

// end finishes the span, also when next panics; the panic goes on, with its value.
func (h *handler) end(span *twinspan.Span, w *recorder, r *http.Request) {
	panicked := recover()
	span.SetOperation(method(r) + " " + h.route(r))
	code := w.code
	switch {
	case panicked != nil:
		if code == 0 {
			code = http.StatusInternalServerError
		}
		span.Fail(fmt.Sprintf("panic: %v", panicked))
	case code == 0:
		code = http.StatusOK
	}
	if code >= 500 && panicked == nil && !w.hijacked {
		span.Fail(strconv.Itoa(code) + " " + http.StatusText(code))
	}
	span.SetResultCode(strconv.Itoa(code))
	span.SetTags(twinspan.Int(twinspan.TagResponseSize, w.size))
	span.End()
	if panicked != nil {
		panic(panicked)
	}
}

// route gives the request's route, which http.ServeMux has put into the request by now.
func (h *handler) route(r *http.Request) string {
	if h.options.route != nil {
		if route := h.options.route(r); route != "" {
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
	return generalRoute(r.URL.Path)
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
