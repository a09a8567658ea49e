// Package otlp receives traces by the OpenTelemetry protocol: OTLP/HTTP with protobuf or JSON, and OTLP/gRPC. Both end in
// one decoder of its own that reads a request's bytes straight into halves. It opens no listeners, and takes neither
// metrics nor logs.
package otlp

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/cespare/xxhash/v2"

	"github.com/twinspan/twinspan/internal/ingest"
	"github.com/twinspan/twinspan/internal/span"
)

// Config bounds requests. Spans that are too large are rejected alone; a resource that is refuses its request.
type Config = ingest.Limits

// DefaultConfig gives the limits of all receivers.
func DefaultConfig() Config { return ingest.DefaultLimits() }

// Server answers OTLP requests. It is safe for concurrent use and starts no goroutines.
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

// samplePace is how often a refused request is described in the log.
const samplePace = 10 * time.Second

// partial is what OTLP calls a partial success: the request was taken but for some spans. The zero value is a whole one.
type partial struct {
	rejected int
	message  string
}

// export decodes and writes one request: hash is that of the request as received, m.Body is in protobuf; m is
// owned by export. protocol is a label of the metrics.
func (s *Server) export(ctx context.Context, protocol string, m *ingest.Memory, hash uint64) (partial, error) {
	size := int64(len(m.Body))
	d, err := decode(m, &s.cfg)
	if err != nil {
		m.Free()
		return partial{}, s.failed(ctx, protocol, err)
	}
	err = s.write(ctx, ingest.Request{Batch: span.Batch{Halves: d.halves}, Bytes: size, Hash: hash, Memory: m})
	if err != nil {
		return partial{}, s.failed(ctx, protocol, err)
	}
	s.metrics.Taken(protocol, len(d.halves), d.clamped, d.trim.Trimmed)
	if len(d.rejected) == 0 {
		s.metrics.Requests.WithLabelValues(protocol, "ok").Inc()
		return partial{}, nil
	}
	for why, n := range d.rejected {
		s.metrics.Rejected.WithLabelValues(protocol, string(why)).Add(float64(n))
	}
	s.metrics.Requests.WithLabelValues(protocol, "partial").Inc()
	n := d.refused()
	p := partial{n, fmt.Sprintf("%d of %d spans cannot be used; the first is %s", n, n+len(d.halves), d.first)}
	s.sample(ctx, protocol, p.message)
	return p, nil
}

// failed counts a request that is answered with err.
func (s *Server) failed(ctx context.Context, protocol string, err error) error {
	s.metrics.Requests.WithLabelValues(protocol, outcome(err)).Inc()
	s.sample(ctx, protocol, err.Error())
	return err
}

func (s *Server) sample(ctx context.Context, protocol, why string) {
	if s.pace.Allow(time.Now(), samplePace) {
		s.log.WarnContext(ctx, "OTLP request not taken as it is", "protocol", protocol, "reason", why)
	}
}

func outcome(err error) string {
	switch {
	case errors.Is(err, ingest.ErrLater):
		return "later"
	case errors.Is(err, ingest.ErrTooLarge):
		return "too_large"
	case errors.Is(err, ingest.ErrEncoding), errors.Is(err, errContentType):
		return "unsupported"
	case errors.Is(err, ingest.ErrInvalid):
		return "invalid"
	}
	return "cancelled"
}

// hash identifies a request's content.
func hash(body []byte) uint64 { return xxhash.Sum64(body) }
