package twingin

import (
	"bufio"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"

	"github.com/gin-gonic/gin"

	twinspan "github.com/twinspan/twinspan/sdk"
)

// line is what the tests read of a digest line.
type line struct {
	TraceID   string `json:"traceId"`
	SpanID    string `json:"spanId"`
	Operation string `json:"operation"`
	Result    string `json:"result.code"`
	Error     string `json:"error"`
	Baggage   string `json:"biz.baggage"`
	Size      int64  `json:"resp.size.bytes"`
}

// TestMiddleware sends requests to a server and reads the lines it logged.
func TestMiddleware(t *testing.T) {
	config := twinspan.DefaultConfig("pay")
	config.LogDir = t.TempDir()
	tracer, err := twinspan.New(config)
	if err != nil {
		t.Fatal(err)
	}
	var inside *twinspan.Span
	serve := newServer(t, tracer, func(span *twinspan.Span) { inside = span })
	tests := []struct {
		name, target string
		want         line
	}{
		{"a route", "/pay/17?secret=1", line{Operation: "GET /pay/:id", Result: "200", Size: 4}},
		{"an error", "/fail/17", line{Operation: "GET /fail/:id", Result: "503", Error: "no money", Size: -1}},
		{"a panic", "/panic", line{Operation: "GET /panic", Result: "500", Error: "panic: boom", Size: -1}},
		{"no route", "/nothing/17", line{Operation: "GET /nothing/{id}", Result: "404", Size: -1}},
	}
	for _, tt := range tests {
		r := httptest.NewRequest(http.MethodGet, tt.target, nil)
		r.Header.Set("X-B3-TraceId", "c0a8000117000000000001001999")
		r.Header.Set("X-B3-SpanId", "0.3")
		r.Header.Set("baggage-user", "u1")
		inside = nil
		serve(r)
		if found := tt.want.Result == "200"; found != (inside != nil) {
			t.Errorf("%s: the handler sees span %v", tt.name, inside)
		}
	}
	if err := tracer.Close(); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(filepath.Join(config.LogDir, "http-server-digest.log"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	for _, tt := range tests {
		var got line
		if !lines.Scan() {
			t.Fatalf("%s: no line", tt.name)
		}
		if err := json.Unmarshal(lines.Bytes(), &got); err != nil {
			t.Fatalf("%v: %s", err, lines.Bytes())
		}
		if tt.want.Size < 0 { // whatever the framework answers
			tt.want.Size = got.Size
		}
		tt.want.TraceID, tt.want.SpanID, tt.want.Baggage = "c0a8000117000000000001001999", "0.3", "user=u1&"
		if got != tt.want {
			t.Errorf("%s: %+v, want %+v", tt.name, got, tt.want)
		}
	}
	if lines.Scan() {
		t.Errorf("one line more: %s", lines.Bytes())
	}
}

func newServer(_ *testing.T, tracer *twinspan.Tracer, see func(*twinspan.Span)) func(*http.Request) {
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
