package compat

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Options say how a Server differs from others.
type Options struct {
	// Name is that of the API's settings, such as "jaeger".
	Name string
	// Metric is the name of its histogram of durations.
	Metric string
	// Prefix is the path that it answers below, with slashes at both ends.
	Prefix string
	// Timeout bounds one request.
	Timeout time.Duration
	Log     *slog.Logger
	// Fail writes an error in the API's own form.
	Fail func(w http.ResponseWriter, r *http.Request, status int, message string)
	// Has says what paths there are, for who asks for another.
	Has string
}

// Server routes the requests of one API. It may be used by any number of goroutines.
type Server struct {
	options  Options
	mux      *http.ServeMux
	requests *prometheus.HistogramVec
}

// NewServer makes a server without routes.
func NewServer(o Options) *Server {
	s := &Server{options: o, mux: http.NewServeMux(),
		requests: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    o.Metric,
			Help:    "Time to answer requests of " + strings.ToUpper(o.Name[:1]) + o.Name[1:] + "'s API, by route and status.",
			Buckets: prometheus.ExponentialBuckets(0.0005, 4, 9),
		}, []string{"route", "status"}),
	}
	s.mux.HandleFunc(o.Prefix, s.unknownPath)
	return s
}

// Register shows the server's metrics.
func (s *Server) Register(r prometheus.Registerer) error { return r.Register(s.requests) }

// ServeHTTP answers one request.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.mux.ServeHTTP(w, r) }

// HandleFunc answers through w, or gives an error before it has written anything.
type HandleFunc func(ctx context.Context, w *Response, r *http.Request) error

// Get adds a route below the prefix, for GET and HEAD.
func (s *Server) Get(path string, handle HandleFunc) {
	s.mux.HandleFunc("GET "+s.options.Prefix+path, s.wrap("/"+path, handle))
	s.mux.HandleFunc(s.options.Prefix+path, s.wrongMethod)
}

// Refuse adds a route that answers every method with an error.
func (s *Server) Refuse(path string, status int, message string) {
	s.mux.HandleFunc(s.options.Prefix+path, func(w http.ResponseWriter, r *http.Request) {
		s.fail(w, r, Refuse(status, "%s", message))
	})
}

// wrap adds time limit, errors and metrics.
func (s *Server) wrap(route string, handle HandleFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		begin := time.Now()
		status := http.StatusOK
		defer func() { s.requests.WithLabelValues(route, strconv.Itoa(status)).Observe(time.Since(begin).Seconds()) }()
		ctx, cancel := context.WithTimeout(r.Context(), s.options.Timeout)
		defer cancel()
		out := &Response{w: w}
		if pretty := r.URL.Query().Get("prettyPrint"); pretty != "" && pretty != "false" {
			out.pretty = new(bytes.Buffer)
		}
		err := handle(ctx, out, r)
		if err != nil && !out.begun {
			status = s.fail(w, r, err)
			return
		}
		if err == nil {
			err = out.end()
		}
		if err != nil && !errors.Is(r.Context().Err(), context.Canceled) {
			s.options.Log.Warn("answer was cut off", "path", r.URL.Path, "error", err)
		}
	}
}

// fail answers with an error and gives its status.
func (s *Server) fail(w http.ResponseWriter, r *http.Request, err error) int {
	status, message := Explain(err, s.options.Name)
	if status >= http.StatusInternalServerError && status != http.StatusNotImplemented {
		s.options.Log.Error("request failed", "path", r.URL.Path, "query", r.URL.RawQuery, "status", status, "error", err)
	}
	w.Header().Set("Cache-Control", "no-store")
	s.options.Fail(w, r, status, message)
	return status
}

func (s *Server) wrongMethod(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Allow", "GET, HEAD")
	s.fail(w, r, Refuse(http.StatusMethodNotAllowed, "%s %s: use GET", r.Method, r.URL.Path))
}

func (s *Server) unknownPath(w http.ResponseWriter, r *http.Request) {
	s.fail(w, r, Refuse(http.StatusNotFound, "%q is no path of this API: it has %s, below %s", r.URL.Path, s.options.Has, s.options.Prefix))
}

// Response writes an answer in parts: JSON, unless ContentType was called.
type Response struct {
	w     http.ResponseWriter
	begun bool
	mime  string
	// pretty gathers an answer that is to be indented.
	pretty *bytes.Buffer
}

// ContentType says what the answer is, if not JSON. Such an answer is never indented.
func (r *Response) ContentType(mime string) { r.mime, r.pretty = mime, nil }

// HeaderPartial says, in a header or behind the answer in a trailer, why an answer is not all that there is, where the
// API's own shape has no place for it.
const HeaderPartial = "X-Twinspan-Partial"

// Partial sets HeaderPartial.
func (r *Response) Partial(reason string) {
	name := HeaderPartial
	if r.begun {
		name = http.TrailerPrefix + name
	}
	r.w.Header().Set(name, reason)
}

// Write writes a part of the answer.
func (r *Response) Write(b []byte) (int, error) {
	if !r.begun {
		r.begun = true
		mime := r.mime
		if mime == "" {
			mime = "application/json"
		}
		r.w.Header().Set("Content-Type", mime)
		r.w.Header().Set("Cache-Control", "no-store")
	}
	if r.pretty != nil {
		return r.pretty.Write(b)
	}
	return r.w.Write(b)
}

// JSON writes a value as the whole answer.
func (r *Response) JSON(v any) error {
	e := json.NewEncoder(r)
	e.SetEscapeHTML(false)
	return e.Encode(v)
}

func (r *Response) end() error {
	if r.pretty == nil {
		return nil
	}
	var out bytes.Buffer
	if err := json.Indent(&out, r.pretty.Bytes(), "", "    "); err != nil {
		return err
	}
	_, err := out.WriteTo(r.w)
	return err
}
