// Package console is the web console, embedded in the binary: the files that vite built from the TypeScript beside this
// file, and the handler that serves them. It is not a place for anything else of the server: what the console shows, it
// asks of the HTTP API under /api/v1.
//
// The build output lies in dist, which is not committed. Without it this package still compiles and serves a page that
// says how to build the console.
package console

import (
	"bytes"
	"compress/gzip"
	"embed"
	"io/fs"
	"mime"
	"net/http"
	"path"
	"strings"
	"time"
)

//go:embed all:dist
var dist embed.FS

// notBuilt stands in for the console in binaries that were built without Node.
const notBuilt = `<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>Twinspan</title>
<style>:root{color-scheme:light dark}body{font:15px/1.6 system-ui,sans-serif;max-width:34em;margin:15vh auto;padding:0 1em}
code{font-family:ui-monospace,monospace}</style>
<h1>The console is not in this binary</h1>
<p>It was built without the web console. With Node 20 or later, run this in the repository and build again:</p>
<pre><code>make console
go build ./cmd/twinspan</code></pre>
<p>The API works without it: <a href="/api/v1/apps">/api/v1/apps</a>, <a href="/api/v1/openapi.yaml">/api/v1/openapi.yaml</a>.</p>
</html>
`

// The console loads nothing from elsewhere and runs no script but its own. Styles are set by script on elements, which
// this policy allows, but never written into the markup.
const policy = "default-src 'self'; img-src 'self' data:; object-src 'none'; base-uri 'none'; frame-ancestors 'self'; " +
	"form-action 'self'"

// file is one embedded file, ready to be sent.
type file struct {
	plain, gzipped []byte
	contentType    string
	// immutable files carry the hash of their content in their name.
	immutable bool
}

type handler struct {
	files map[string]*file
	// started stands in for the files' own times, which embedding does not keep.
	started time.Time
}

// Handler serves the console. Paths that are no file get index.html, so that the console's own addresses can be opened
// and reloaded; paths under /api/ and missing assets get 404. It is safe for concurrent use.
func Handler() http.Handler {
	sub, err := fs.Sub(dist, "dist")
	if err != nil {
		// The path is fixed above and embedded: this cannot fail.
		panic(err)
	}
	return newHandler(sub)
}

func newHandler(root fs.FS) *handler {
	h := &handler{files: make(map[string]*file), started: time.Now()}
	_ = fs.WalkDir(root, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || path.Base(name) == ".keep" {
			return err
		}
		data, err := fs.ReadFile(root, name)
		if err != nil {
			return err
		}
		h.files["/"+name] = newFile(name, data)
		return nil
	})
	if h.files["/index.html"] == nil {
		h.files["/index.html"] = newFile("index.html", []byte(notBuilt))
	}
	return h
}

func newFile(name string, data []byte) *file {
	f := &file{plain: data, contentType: mime.TypeByExtension(path.Ext(name)), immutable: strings.HasPrefix(name, "assets/")}
	switch path.Ext(name) {
	// The host's own table of types may be missing or wrong, and browsers refuse modules of a wrong type.
	case ".js":
		f.contentType = "text/javascript; charset=utf-8"
	case ".css":
		f.contentType = "text/css; charset=utf-8"
	case ".html":
		f.contentType = "text/html; charset=utf-8"
	case ".svg":
		f.contentType = "image/svg+xml"
	case ".woff2":
		f.contentType = "font/woff2"
	}
	// Fonts are compressed already. All else is small and compressed once, at the start.
	if path.Ext(name) != ".woff2" && len(data) > 1024 {
		var b bytes.Buffer
		w, _ := gzip.NewWriterLevel(&b, gzip.BestCompression)
		_, _ = w.Write(data)
		_ = w.Close()
		f.gzipped = b.Bytes()
	}
	return f
}

func (h *handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		http.Error(w, "the console is only read: use GET", http.StatusMethodNotAllowed)
		return
	}
	name := path.Clean("/" + r.URL.Path)
	f := h.files[name]
	if f == nil {
		if strings.HasPrefix(name, "/api/") || strings.HasPrefix(name, "/assets/") {
			http.NotFound(w, r)
			return
		}
		f = h.files["/index.html"]
	}
	head := w.Header()
	head.Set("Content-Type", f.contentType)
	head.Set("X-Content-Type-Options", "nosniff")
	head.Set("Referrer-Policy", "same-origin")
	head.Set("Vary", "Accept-Encoding")
	if f.immutable {
		head.Set("Cache-Control", "public, max-age=31536000, immutable")
	} else {
		head.Set("Cache-Control", "no-cache")
		if f == h.files["/index.html"] && len(h.files) > 1 {
			head.Set("Content-Security-Policy", policy)
		}
	}
	body := f.plain
	if f.gzipped != nil && acceptsGzip(r) {
		head.Set("Content-Encoding", "gzip")
		body = f.gzipped
	}
	http.ServeContent(w, r, "", h.started, bytes.NewReader(body))
}

// acceptsGzip reads Accept-Encoding as far as it matters here: gzip is named and not refused by q=0.
func acceptsGzip(r *http.Request) bool {
	for _, part := range strings.Split(r.Header.Get("Accept-Encoding"), ",") {
		name, params, _ := strings.Cut(strings.TrimSpace(part), ";")
		if strings.EqualFold(strings.TrimSpace(name), "gzip") {
			return strings.ReplaceAll(params, " ", "") != "q=0"
		}
	}
	return false
}
