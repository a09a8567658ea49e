// Package zipkin receives spans in Zipkin's v2 JSON (POST /api/v2/spans), from Zipkin's own clients and from Java
// SOFATracer's reporter, whose dotted ids and trace ids it brings back. It opens no listener.
package zipkin

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"mime"
	"net/http"
	"time"

	"github.com/cespare/xxhash/v2"

	"github.com/twinspan/twinspan/internal/ingest"
	"github.com/twinspan/twinspan/internal/span"
)

// Config bounds requests.
type Config = ingest.Limits

// DefaultConfig gives the limits of all receivers.
func DefaultConfig() Config { return ingest.DefaultLimits() }

// Server answers Zipkin's requests. It is safe for concurrent use and starts no goroutines.
type Server struct {
	cfg     Config
	bodies  *ingest.Bodies
	write   func(context.Context, ingest.Request) error
	metrics *ingest.ReceiverMetrics
	log     *slog.Logger
	pace    ingest.Pace
}

// New makes a Server that gives what it reads to w.
func New(cfg Config, w ingest.Sink, m *ingest.ReceiverMetrics, log *slog.Logger) *Server {
	return newServer(cfg, ingest.BodiesFor(w), w.Write, m, log)
}

func newServer(cfg Config, bodies *ingest.Bodies, write func(context.Context, ingest.Request) error,
	m *ingest.ReceiverMetrics, log *slog.Logger) *Server {
	return &Server{cfg: cfg, bodies: bodies, write: write, metrics: m, log: log}
}

// Handler serves POST /api/v2/spans.
func (s *Server) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /api/v2/spans", s.serveSpans)
	return mux
}

const (
	protocol = "zipkin"
	typeJSON = "application/json"
)

var errContentType = errors.New("content type not supported")

func (s *Server) serveSpans(w http.ResponseWriter, r *http.Request) {
	if err := s.take(w, r); err != nil {
		outcome, status := s.outcome(err)
		s.metrics.Requests.WithLabelValues(protocol, outcome).Inc()
		if s.pace.Allow(time.Now(), samplePace) {
			s.log.WarnContext(r.Context(), "Zipkin request not taken", "reason", err)
		}
		switch outcome {
		case "later":
			w.Header().Set("Retry-After", ingest.RetrySeconds(err, s.cfg.RetryAfter))
		case "unsupported":
			w.Header().Set("Accept-Encoding", ingest.Encodings)
			w.Header().Set("Accept-Post", typeJSON)
		}
		http.Error(w, err.Error(), status)
		return
	}
	s.metrics.Requests.WithLabelValues(protocol, "ok").Inc()
	w.WriteHeader(http.StatusAccepted)
}

// samplePace is how often a refused request is described in the log.
const samplePace = 10 * time.Second

func (s *Server) take(w http.ResponseWriter, r *http.Request) error {
	// Zipkin's server takes a request without a content type for JSON.
	header := r.Header.Get("Content-Type")
	if contentType, _, _ := mime.ParseMediaType(header); contentType != typeJSON && header != "" {
		return fmt.Errorf("%w: it is %q, send %s", errContentType, header, typeJSON)
	}
	body, err := s.bodies.Read(w, r)
	if err != nil {
		return err
	}
	d, err := decode(body, &s.cfg)
	if err != nil {
		return err
	}
	req := ingest.Request{Batch: span.Batch{Halves: d.halves}, Bytes: int64(len(body)), Hash: xxhash.Sum64(body)}
	if err := s.write(r.Context(), req); err != nil {
		return err
	}
	if d.timeless > 0 {
		s.metrics.Rejected.WithLabelValues(protocol, "timestamp").Add(float64(d.timeless))
	}
	return nil
}

// outcome gives the label of the metrics and the HTTP status for an error.
func (s *Server) outcome(err error) (outcome string, status int) {
	switch {
	case errors.Is(err, ingest.ErrRate):
		return "later", http.StatusTooManyRequests
	case errors.Is(err, ingest.ErrLater):
		return "later", http.StatusServiceUnavailable
	case errors.Is(err, ingest.ErrTooLarge):
		return "too_large", http.StatusRequestEntityTooLarge
	case errors.Is(err, ingest.ErrEncoding), errors.Is(err, errContentType):
		return "unsupported", http.StatusUnsupportedMediaType
	case errors.Is(err, ingest.ErrInvalid):
		return "invalid", http.StatusBadRequest
	}
	return "cancelled", http.StatusServiceUnavailable
}
