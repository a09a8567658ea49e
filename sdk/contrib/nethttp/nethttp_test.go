package nethttp

import (
	"bufio"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/twinspan/twinspan/sdk/contrib/internal/tracertest"
)

// peer is a traced service.
type peer struct {
	*tracertest.Service
	// serving are the requests in work: a server does not wait for hijacked connections when it closes.
	serving sync.WaitGroup
}

func newPeer(t testing.TB, app string) *peer { return &peer{Service: tracertest.New(t, app)} }

// lines gives the digest lines of a component, when everything has been written.
func (p *peer) lines(t *testing.T, component string) []map[string]any {
	t.Helper()
	p.serving.Wait()
	return p.Lines(t, component+"-digest.log")
}

// start starts a traced server whose server spans are in the log when the client has its answer.
func (p *peer) start(t *testing.T, h http.Handler, list ...Option) *httptest.Server {
	t.Helper()
	traced := NewHandler(p.Tracer, h, list...)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p.serving.Add(1)
		defer p.serving.Done()
		traced.ServeHTTP(w, r)
	}))
	t.Cleanup(s.Close)
	return s
}

func get(t *testing.T, client *http.Client, url string) string {
	t.Helper()
	answer, err := client.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	if err := answer.Body.Close(); err != nil {
		t.Fatal(err)
	}
	return string(body)
}

func TestBothHalves(t *testing.T) {
	a, b := newPeer(t, "a"), newPeer(t, "b")
	mux := http.NewServeMux()
	mux.HandleFunc("POST /pay/{id}", func(w http.ResponseWriter, r *http.Request) {
		if SpanFromRequest(r) == nil || r.PathValue("id") != "17" {
			t.Error("the handler sees no span or no path value")
		}
		_, _ = io.Copy(io.Discard, r.Body)
		w.WriteHeader(http.StatusCreated)
		_, _ = io.WriteString(w, "paid")
	})
	server := b.start(t, mux)
	client := &http.Client{Transport: NewTransport(a.Tracer, nil, WithRemoteApp(func(*http.Request) string { return "b" }))}
	answer, err := client.Post(server.URL+"/pay/17?secret=1", "text/plain", strings.NewReader("order"))
	if err != nil {
		t.Fatal(err)
	}
	if body, err := io.ReadAll(answer.Body); string(body) != "paid" || err != nil {
		t.Errorf("%q %v", body, err)
	}
	_ = answer.Body.Close()
	server.Close() // waits for the handler's end

	c, s := a.lines(t, "httpclient")[0], b.lines(t, "http-server")[0]
	tracertest.Check(t, "client", c, map[string]any{"request.url": server.URL + "/pay/17", "method": "POST", "req.size.bytes": 5.0, "resp.size.bytes": 4.0,
		"remote.app": "b", "result.code": "201", "operation": "POST /pay/{id}", "status": "ok", "type": "http", "span.kind": "client", "spanId": "0",
		"remote.address": strings.TrimPrefix(server.URL, "http://")})
	tracertest.Check(t, "server", s, map[string]any{"request.url": server.URL + "/pay/17", "method": "POST", "req.size.bytes": 5.0, "resp.size.bytes": 4.0,
		"error": "", "result.code": "201", "operation": "POST /pay/{id}", "status": "ok", "span.kind": "server", "spanId": "0", "traceId": c["traceId"],
		"twin.id8": c["span.id8"], "local.address": c["remote.address"], "remote.address": c["local.address"]})
}

func TestFailures(t *testing.T) {
	a, b := newPeer(t, "a"), newPeer(t, "b")
	mux := http.NewServeMux()
	mux.HandleFunc("/status", func(w http.ResponseWriter, r *http.Request) { http.Error(w, "no", http.StatusServiceUnavailable) })
	mux.HandleFunc("/panic", func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
	mux.HandleFunc("/nothing", func(http.ResponseWriter, *http.Request) {})
	mux.HandleFunc("/cut", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "10")
		_, _ = io.WriteString(w, "half")
	})
	server := b.start(t, mux)
	client := &http.Client{Transport: NewTransport(a.Tracer, nil)}
	get(t, client, server.URL+"/status")
	get(t, client, server.URL+"/unknown/4711")
	get(t, client, server.URL+"/nothing")
	if answer, err := client.Get(server.URL + "/panic"); err == nil {
		t.Errorf("the panic was swallowed: %v", answer.Status)
	}
	if answer, err := client.Get(server.URL + "/cut"); err == nil {
		if _, err := io.ReadAll(answer.Body); !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Error(err)
		}
		_ = answer.Body.Close()
	}
	server.Close()
	if _, err := client.Get(server.URL + "/refused"); err == nil {
		t.Error("the server is closed")
	}
	clients, servers := byURL(a.lines(t, "httpclient")), byURL(b.lines(t, "http-server"))
	for path, want := range map[string]map[string]any{
		"/status":       {"result.code": "503", "status": "error", "error": "503 Service Unavailable"},
		"/unknown/4711": {"result.code": "404", "status": "error", "operation": "GET /unknown/{id}"},
		"/nothing":      {"result.code": "200", "status": "ok", "resp.size.bytes": 0.0},
		"/panic":        {"result.code": "99", "status": "error"},
		"/cut":          {"result.code": "200", "status": "error", "error": "unexpected EOF", "resp.size.bytes": 4.0},
		"/refused":      {"result.code": "99", "status": "error"},
	} {
		tracertest.Check(t, "client "+path, clients[path], want)
	}
	for path, want := range map[string]map[string]any{
		"/status":       {"result.code": "503", "status": "error", "error": "503 Service Unavailable"},
		"/unknown/4711": {"result.code": "404", "status": "ok", "operation": "GET /unknown/{id}"},
		"/nothing":      {"result.code": "200", "status": "ok", "resp.size.bytes": 0.0},
		"/panic":        {"result.code": "500", "status": "error", "error": "panic: net/http: abort Handler"},
	} {
		tracertest.Check(t, "server "+path, servers[path], want)
	}
	if servers["/refused"] != nil || len(clients) != 6 {
		t.Errorf("%d client lines", len(clients))
	}
}

func byURL(lines []map[string]any) map[string]map[string]any {
	m := make(map[string]map[string]any)
	for _, line := range lines {
		url := line["request.url"].(string)
		m[url[strings.Index(url[7:], "/")+7:]] = line
	}
	return m
}

// TestRequestStaysAsItIs: a RoundTripper must not change the request.
func TestRequestStaysAsItIs(t *testing.T) {
	a := newPeer(t, "a")
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("X-B3-SpanId") != "0" || r.Header.Get("traceparent") == "" {
			t.Errorf("headers %v", r.Header)
		}
	}))
	defer server.Close()
	request, err := http.NewRequest(http.MethodGet, server.URL, nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Header = nil
	answer, err := NewTransport(a.Tracer, nil).RoundTrip(request)
	if err != nil {
		t.Fatal(err)
	}
	_ = answer.Body.Close()
	if len(request.Header) > 0 {
		t.Errorf("%v", request.Header)
	}
}

// TestWriterKeepsItsAbilities has a handler use what net/http's writers can do, directly and by ResponseController.
func TestWriterKeepsItsAbilities(t *testing.T) {
	b := newPeer(t, "b")
	mux := http.NewServeMux()
	mux.HandleFunc("/flush", func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, "one")
		w.(http.Flusher).Flush()
		if err := http.NewResponseController(w).Flush(); err != nil {
			t.Error(err)
		}
		if n, err := w.(io.ReaderFrom).ReadFrom(strings.NewReader("two")); n != 3 || err != nil {
			t.Error(n, err)
		}
	})
	mux.HandleFunc("/hijack", func(w http.ResponseWriter, _ *http.Request) {
		conn, _, err := w.(http.Hijacker).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		_, _ = io.WriteString(conn, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\nhello")
		_ = conn.Close()
	})
	server := b.start(t, mux)
	if body := get(t, http.DefaultClient, server.URL+"/flush"); body != "onetwo" {
		t.Errorf("%q", body)
	}
	conn, err := net.Dial("tcp", server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	_, _ = io.WriteString(conn, "GET /hijack HTTP/1.1\r\nHost: x\r\n\r\n")
	if status, err := bufio.NewReader(conn).ReadString('\n'); !strings.Contains(status, "101") || err != nil {
		t.Errorf("%q %v", status, err)
	}
	_ = conn.Close()
	server.Close()
	// A plain writer has none of this, and is not said to have.
	NewHandler(b.Tracer, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if _, ok := w.(http.Flusher); ok {
			t.Error("a writer that cannot flush says that it can")
		}
	})).ServeHTTP(plainWriter{httptest.NewRecorder()}, httptest.NewRequest(http.MethodGet, "/plain", nil))
	lines := byURL(b.lines(t, "http-server"))
	tracertest.Check(t, "flush", lines["/flush"], map[string]any{"resp.size.bytes": 6.0, "result.code": "200"})
	tracertest.Check(t, "hijack", lines["/hijack"], map[string]any{"result.code": "101", "status": "ok"})
}

type plainWriter struct{ w *httptest.ResponseRecorder }

func (w plainWriter) Header() http.Header         { return w.w.Header() }
func (w plainWriter) Write(p []byte) (int, error) { return w.w.Write(p) }
func (w plainWriter) WriteHeader(code int)        { w.w.WriteHeader(code) }

// TestUpgradeKeepsTheConnection: the body of a 101 answer is the connection itself.
func TestUpgradeKeepsTheConnection(t *testing.T) {
	a := newPeer(t, "a")
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		conn, _, err := w.(http.Hijacker).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		_, _ = io.WriteString(conn, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n")
		_ = conn.Close()
	}))
	defer server.Close()
	request, err := http.NewRequest(http.MethodGet, server.URL, nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Upgrade", "x")
	request.Header.Set("Connection", "Upgrade")
	answer, err := NewTransport(a.Tracer, nil).RoundTrip(request)
	if err != nil {
		t.Fatal(err)
	}
	if _, ok := answer.Body.(io.ReadWriteCloser); !ok {
		t.Errorf("body is a %T", answer.Body)
	}
	_ = answer.Body.Close()
	tracertest.Check(t, "client", a.lines(t, "httpclient")[0], map[string]any{"result.code": "101"})
}

func TestOptions(t *testing.T) {
	a, b := newPeer(t, "a"), newPeer(t, "b")
	server := b.start(t, http.NotFoundHandler(), WithSkip(func(r *http.Request) bool { return r.URL.Path == "/health" }),
		WithRoute(func(*http.Request) string { return "/named" }), WithQuery())
	transport := NewTransport(a.Tracer, nil, WithSkip(func(r *http.Request) bool { return r.URL.Path == "/health" }))
	client := &http.Client{Transport: transport}
	get(t, client, server.URL+"/health")
	request, err := http.NewRequestWithContext(ContextWithRoute(t.Context(), "/by/{context}"), http.MethodGet, server.URL+"/x?a=1", nil)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	_ = answer.Body.Close()
	server.Close()
	clients, servers := a.lines(t, "httpclient"), b.lines(t, "http-server")
	if len(clients) != 1 || len(servers) != 1 {
		t.Fatalf("%d client and %d server lines", len(clients), len(servers))
	}
	tracertest.Check(t, "client", clients[0], map[string]any{"operation": "GET /by/{context}", "request.url": server.URL + "/x"})
	tracertest.Check(t, "server", servers[0], map[string]any{"operation": "GET /named", "request.url": server.URL + "/x?a=1"})
}

func TestWithoutTracer(t *testing.T) {
	handler := NewHandler(nil, http.NotFoundHandler())
	server := httptest.NewServer(Middleware(nil)(handler))
	defer server.Close()
	get(t, &http.Client{Transport: NewTransport(nil, nil)}, server.URL)
}

func TestGeneralRoute(t *testing.T) {
	for path, want := range map[string]string{
		"": "/", "/": "/", "/pay": "/pay", "/pay/17": "/pay/{id}", "/pay/17/items/3": "/pay/{id}/items/{id}", "/v1/pay": "/v1/pay",
		"/pay/550e8400-e29b-41d4-a716-446655440000": "/pay/{id}", "/t/0ad1348f1403169275002100356696": "/t/{id}",
		"/feed": "/feed", "/face1234": "/{id}", "/" + strings.Repeat("x", 41): "/{id}", "/deadbeef": "/deadbeef",
	} {
		if got := GeneralRoute(path); got != want {
			t.Errorf("%s: %s, want %s", path, got, want)
		}
	}
}
