package console

import (
	"bytes"
	"compress/gzip"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/fstest"
)

var script = strings.Repeat("console.log(1);", 200)

func built() *handler {
	return newHandler(fstest.MapFS{
		".keep":                 {},
		"index.html":            {Data: []byte("<!doctype html>the console")},
		"boot.js":               {Data: []byte("boot()")},
		"assets/index-abc.js":   {Data: []byte(script)},
		"assets/font-abc.woff2": {Data: bytes.Repeat([]byte("f"), 4096)},
	})
}

func get(h http.Handler, method, path string, header ...string) *http.Response {
	r := httptest.NewRequest(method, path, nil)
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w.Result()
}

func TestHandler(t *testing.T) {
	const page, forever, check = "<!doctype html>the console", "public, max-age=31536000, immutable", "no-cache"
	tests := []struct {
		path, method string
		status       int
		contentType  string
		cache, body  string
	}{
		{path: "/", status: 200, contentType: "text/html; charset=utf-8", cache: check, body: page},
		{path: "/index.html", status: 200, contentType: "text/html; charset=utf-8", cache: check, body: page},
		{path: "/trace/0ad1348f?span=1", status: 200, contentType: "text/html; charset=utf-8", cache: check, body: page},
		{path: "/trace/with.dots", status: 200, contentType: "text/html; charset=utf-8", cache: check, body: page},
		{path: "/../../etc/passwd", status: 200, contentType: "text/html; charset=utf-8", cache: check, body: page},
		{path: "/.keep", status: 200, contentType: "text/html; charset=utf-8", cache: check, body: page},
		{path: "/boot.js", status: 200, contentType: "text/javascript; charset=utf-8", cache: check, body: "boot()"},
		{path: "/assets/index-abc.js", status: 200, contentType: "text/javascript; charset=utf-8", cache: forever, body: script},
		{path: "/assets/font-abc.woff2", status: 200, contentType: "font/woff2", cache: forever, body: strings.Repeat("f", 4096)},
		{path: "/assets/index-old.js", status: 404},
		{path: "/api/v1/nothing", status: 404},
		{path: "/", method: http.MethodPost, status: 405},
	}
	h := built()
	for _, tt := range tests {
		method := tt.method
		if method == "" {
			method = http.MethodGet
		}
		res := get(h, method, tt.path)
		if res.StatusCode != tt.status {
			t.Errorf("%s %s: status %d, want %d", method, tt.path, res.StatusCode, tt.status)
			continue
		}
		if tt.status != 200 {
			continue
		}
		body, _ := io.ReadAll(res.Body)
		if string(body) != tt.body {
			t.Errorf("%s: body %.40q, want %.40q", tt.path, body, tt.body)
		}
		if got := res.Header.Get("Content-Type"); got != tt.contentType {
			t.Errorf("%s: type %q, want %q", tt.path, got, tt.contentType)
		}
		if got := res.Header.Get("Cache-Control"); got != tt.cache {
			t.Errorf("%s: cache %q, want %q", tt.path, got, tt.cache)
		}
	}
}

func TestGzip(t *testing.T) {
	h := built()
	for accept, want := range map[string]string{"gzip, br": "gzip", "br, gzip;q=0.5": "gzip", "gzip;q=0": "", "br": "", "": ""} {
		res := get(h, http.MethodGet, "/assets/index-abc.js", "Accept-Encoding", accept)
		if got := res.Header.Get("Content-Encoding"); got != want {
			t.Errorf("Accept-Encoding %q: got %q, want %q", accept, got, want)
		}
		body := io.Reader(res.Body)
		if want == "gzip" {
			z, err := gzip.NewReader(res.Body)
			if err != nil {
				t.Fatal(err)
			}
			body = z
		}
		if data, _ := io.ReadAll(body); string(data) != script {
			t.Errorf("Accept-Encoding %q: the body does not read back", accept)
		}
	}
	if got := get(h, http.MethodGet, "/assets/font-abc.woff2", "Accept-Encoding", "gzip").Header.Get("Content-Encoding"); got != "" {
		t.Errorf("a font is sent as %q, want it as it is", got)
	}
}

func TestPolicy(t *testing.T) {
	if got := get(built(), http.MethodGet, "/").Header.Get("Content-Security-Policy"); got != policy {
		t.Errorf("policy %q, want %q", got, policy)
	}
}

// Without Node the package still builds, and the page says how to get the console.
func TestNotBuilt(t *testing.T) {
	res := get(newHandler(fstest.MapFS{".keep": {}}), http.MethodGet, "/topology")
	body, _ := io.ReadAll(res.Body)
	if res.StatusCode != http.StatusOK || !strings.Contains(string(body), "make console") {
		t.Errorf("status %d, body %.80q: want a page that names make console", res.StatusCode, body)
	}
}

// Whatever dist holds at the moment, the exported handler serves a page.
func TestEmbedded(t *testing.T) {
	res := get(Handler(), http.MethodGet, "/")
	body, _ := io.ReadAll(res.Body)
	if res.StatusCode != http.StatusOK || !bytes.Contains(body, []byte("<!doctype html>")) {
		t.Errorf("status %d, body %.80q: want a page", res.StatusCode, body)
	}
}
