package nethttp

import (
	"bufio"
	"io"
	"net"
	"net/http"
)

// recorder is a ResponseWriter that remembers the status and the size of the answer. What else the server's writer can do
// is reached by http.ResponseController, and by the usual type assertions for what as gives.
type recorder struct {
	http.ResponseWriter
	code     int
	size     int64
	hijacked bool
}

// WriteHeader remembers the first final status.
func (r *recorder) WriteHeader(code int) {
	if r.code == 0 && (code >= 200 || code == http.StatusSwitchingProtocols) {
		r.code = code
	}
	r.ResponseWriter.WriteHeader(code)
}

// Write counts what is written.
func (r *recorder) Write(p []byte) (int, error) {
	r.implicit()
	n, err := r.ResponseWriter.Write(p)
	r.size += int64(n)
	return n, err
}

func (r *recorder) implicit() {
	if r.code == 0 {
		r.code = http.StatusOK
	}
}

// Unwrap is for http.ResponseController.
func (r *recorder) Unwrap() http.ResponseWriter { return r.ResponseWriter }

// as gives a writer that can do what the server's can, of what the writers of net/http's HTTP/1 and HTTP/2 servers can.
func (r *recorder) as() http.ResponseWriter {
	flusher, flushes := r.ResponseWriter.(http.Flusher)
	hijacker, hijacks := r.ResponseWriter.(http.Hijacker)
	from, reads := r.ResponseWriter.(io.ReaderFrom)
	pusher, pushes := r.ResponseWriter.(http.Pusher)
	switch {
	case flushes && hijacks && reads:
		return &http1{flushing{r, flusher}, hijacker, from}
	case flushes && pushes:
		return &http2{flushing{r, flusher}, pusher}
	case flushes:
		return &flushing{r, flusher}
	}
	return r
}

type flushing struct {
	*recorder
	flusher http.Flusher
}

// Flush sends what was written.
func (w *flushing) Flush() {
	w.implicit()
	w.flusher.Flush()
}

type http1 struct {
	flushing
	hijacker http.Hijacker
	from     io.ReaderFrom
}

// Hijack hands the connection to the handler; what it does with it is not seen.
func (w *http1) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	conn, buffered, err := w.hijacker.Hijack()
	if err == nil {
		w.hijacked = true
		if w.code == 0 {
			w.code = http.StatusSwitchingProtocols
		}
	}
	return conn, buffered, err
}

// ReadFrom keeps sendfile usable.
func (w *http1) ReadFrom(source io.Reader) (int64, error) {
	w.implicit()
	n, err := w.from.ReadFrom(source)
	w.size += n
	return n, err
}

type http2 struct {
	flushing
	pusher http.Pusher
}

// Push starts a server push.
func (w *http2) Push(target string, o *http.PushOptions) error { return w.pusher.Push(target, o) }
