package nethttp

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptrace"
	"strconv"

	twinspan "github.com/twinspan/twinspan/sdk"
)

// Transport is a RoundTripper that makes a client span of each request and sends its context along. The span ends when the
// answer's body is read to its end or closed.
type Transport struct {
	tracer  *twinspan.Tracer
	base    http.RoundTripper
	options options
}

// NewTransport wraps base; nil means http.DefaultTransport. A nil tracer traces nothing.
func NewTransport(tracer *twinspan.Tracer, base http.RoundTripper, list ...Option) *Transport {
	if base == nil {
		base = http.DefaultTransport
	}
	return &Transport{tracer: tracer, base: base, options: gather(list)}
}

// RoundTrip sends a request. It does not change the caller's request.
func (t *Transport) RoundTrip(r *http.Request) (*http.Response, error) {
	if t.tracer == nil || t.options.skip != nil && t.options.skip(r) {
		return t.base.RoundTrip(r)
	}
	ctx, span := t.tracer.Start(r.Context(), twinspan.Client, twinspan.HTTPClient, t.operation(r))
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{GotConn: func(c httptrace.GotConnInfo) {
		span.SetRemote(c.Conn.RemoteAddr().String())
		span.SetLocal(c.Conn.LocalAddr().String())
	}})
	host := r.URL.Host
	if r.Host != "" {
		host = r.Host
	}
	span.SetTags(
		twinspan.String(twinspan.TagURL, t.options.url(r.URL.Scheme, host, r)),
		twinspan.String(twinspan.TagMethod, method(r)),
		twinspan.Int(twinspan.TagRequestSize, requestSize(r)),
	)
	if t.options.remoteApp != nil {
		span.SetRemoteApp(t.options.remoteApp(r))
	}
	sent := r.Clone(ctx)
	if sent.Header == nil {
		sent.Header = make(http.Header)
	}
	span.Inject(twinspan.HeaderCarrier(sent.Header))

	answer, err := t.base.RoundTrip(sent)
	if err != nil {
		span.SetError(err)
		span.SetResultCode("99")
		span.End()
		return answer, err
	}
	span.SetResultCode(strconv.Itoa(answer.StatusCode))
	if answer.StatusCode >= 400 {
		span.Fail(strconv.Itoa(answer.StatusCode) + " " + http.StatusText(answer.StatusCode))
	}
	if answer.Body == nil || answer.Body == http.NoBody || answer.StatusCode == http.StatusSwitchingProtocols {
		size := answer.ContentLength
		if answer.Body == nil || answer.Body == http.NoBody {
			size = max(size, 0)
		}
		span.SetTags(twinspan.Int(twinspan.TagResponseSize, size))
		span.End()
		return answer, nil
	}
	answer.Body = &body{ReadCloser: answer.Body, span: span, length: answer.ContentLength}
	return answer, nil
}

// CloseIdleConnections is what http.Client.CloseIdleConnections looks for.
func (t *Transport) CloseIdleConnections() {
	if c, ok := t.base.(interface{ CloseIdleConnections() }); ok {
		c.CloseIdleConnections()
	}
}

func (t *Transport) operation(r *http.Request) string {
	route := ""
	if t.options.route != nil {
		route = t.options.route(r)
	}
	if route == "" {
		route, _ = r.Context().Value(routeKey{}).(string)
	}
	if route == "" {
		route = GeneralRoute(r.URL.Path)
	}
	return method(r) + " " + route
}

func method(r *http.Request) string {
	if r.Method == "" {
		return http.MethodGet
	}
	return r.Method
}

func requestSize(r *http.Request) int64 {
	if r.Body == nil || r.Body == http.NoBody {
		return 0
	}
	if r.ContentLength == 0 {
		return -1 // a client's body of unknown length
	}
	return r.ContentLength
}

// body ends the span with the answer's body.
type body struct {
	io.ReadCloser
	span   *twinspan.Span
	length int64 // -1 when the answer does not say
	read   int64
}

// Read reads on; at the end of the body the span ends.
func (b *body) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	b.read += int64(n)
	switch {
	case errors.Is(err, io.EOF):
		b.end(b.read)
	case err != nil:
		b.span.SetError(err)
		b.end(b.read)
	}
	return n, err
}

// Close ends the span, if the body was not read to its end.
func (b *body) Close() error {
	err := b.ReadCloser.Close()
	b.end(b.length)
	return err
}

func (b *body) end(size int64) {
	b.span.SetTags(twinspan.Int(twinspan.TagResponseSize, size))
	b.span.End()
}
