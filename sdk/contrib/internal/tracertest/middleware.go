package tracertest

import (
	"net/http"
	"net/http/httptest"
	"testing"

	twinspan "github.com/twinspan/twinspan/sdk"
)

// Middleware is that of one HTTP framework.
type Middleware struct {
	// Param is how the framework writes the parameter id in a route, such as ":id".
	Param string
	// Failure is the error of the span that /fail/{id} leaves.
	Failure string
	// Serve makes a server that traces with tracer, and gives what serves one request. Its routes are /pay/{id}, which hands the
	// span that it sees to see and answers "paid"; /fail/{id}, which fails as "no money" with status 503; and /panic, which
	// panics with "boom". It recovers from the panic outside the span.
	Serve func(t *testing.T, tracer *twinspan.Tracer, see func(*twinspan.Span)) func(*http.Request)
}

// Test sends requests to a server and reads the lines it logged: the same, whoever routes.
func (m Middleware) Test(t *testing.T) {
	service := New(t, "pay")
	var inside *twinspan.Span
	serve := m.Serve(t, service.Tracer, func(span *twinspan.Span) { inside = span })
	tests := []struct {
		target, operation string
		want              map[string]any
	}{
		{"/pay/17?secret=1", "GET /pay/" + m.Param, map[string]any{"result.code": "200", "error": "", "resp.size.bytes": 4.0}},
		{"/fail/17", "GET /fail/" + m.Param, map[string]any{"result.code": "503", "error": m.Failure}},
		{"/panic", "GET /panic", map[string]any{"result.code": "500", "error": "panic: boom"}},
		{"/nothing/17", "GET /nothing/{id}", map[string]any{"result.code": "404", "error": ""}},
	}
	for _, tt := range tests {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, tt.target, nil)
		r.Header.Set("X-B3-TraceId", "c0a8000117000000000001001999")
		r.Header.Set("X-B3-SpanId", "0.3")
		r.Header.Set("baggage-user", "u1")
		inside = nil
		serve(r)
		if found := tt.want["result.code"] == "200"; found != (inside != nil) {
			t.Errorf("%s: the handler sees span %v", tt.target, inside)
		}
	}
	lines := service.Lines(t, "http-server-digest.log")
	if len(lines) != len(tests) {
		t.Errorf("%d lines, want %d: %v", len(lines), len(tests), lines)
	}
	byOperation := make(map[any]map[string]any)
	for _, line := range lines {
		byOperation[line["operation"]] = line
	}
	for _, tt := range tests {
		line := byOperation[tt.operation]
		Check(t, tt.target, line, map[string]any{"traceId": "c0a8000117000000000001001999", "spanId": "0.3", "biz.baggage": "user=u1&"})
		Check(t, tt.target, line, tt.want)
	}
	m.rules(t)
}

// rules: sampling rules see method and path where the trace begins.
func (m Middleware) rules(t *testing.T) {
	service := New(t, "pay")
	if err := service.SetSampling(twinspan.Sampling{Percentage: 100, Rules: []twinspan.SampleRule{"http-server:server:GET /pay/1*=0%"}}); err != nil {
		t.Fatal(err)
	}
	serve := m.Serve(t, service.Tracer, func(*twinspan.Span) {})
	for _, target := range []string{"/pay/17", "/pay/27"} {
		serve(httptest.NewRequestWithContext(t.Context(), http.MethodGet, target, nil))
	}
	lines := service.Lines(t, "http-server-digest.log")
	if len(lines) != 1 || lines[0]["operation"] != "GET /pay/"+m.Param {
		t.Errorf("of /pay/17, which a rule takes out, and /pay/27: %v", lines)
	}
}
