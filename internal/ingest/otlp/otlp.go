// Package otlp receives traces by the OpenTelemetry protocol: OTLP/HTTP with protobuf or JSON, and OTLP/gRPC. Both end in
// one decoder of its own that reads a request's bytes straight into halves. It opens no listeners, and takes neither
// metrics nor logs.
package otlp

import (
	"context"
	"log/slog"

	"github.com/cespare/xxhash/v2"

	"github.com/twinspan/twinspan/internal/ingest"
	"github.com/twinspan/twinspan/internal/span"
)

// Config bounds requests. Spans that are too large are rejected alone; a resource that is refuses its request.
type Config = ingest.Limits

// DefaultConfig gives the limits of all receivers.
func DefaultConfig() Config { return ingest.DefaultLimits() }

// Server answers OTLP requests. It is safe for concurrent use and starts no goroutines.
type Server struct{ in *ingest.Intake }

// New makes a Server that gives what it reads to w.
func New(cfg Config, w ingest.Sink, m *ingest.ReceiverMetrics, log *slog.Logger) *Server {
	return &Server{ingest.NewIntake(cfg, w, m, log)}
}

// partial is what OTLP calls a partial success: the request was taken but for some spans, or, with a message alone, but for parts
// of some. The zero value is a whole one.
type partial struct {
	rejected int
	message  string
}

// export decodes and writes one request: hash is that of the request as received, m.Body is in protobuf; m is
// owned by export. protocol is a label of the metrics.
func (s *Server) export(ctx context.Context, protocol string, m *ingest.Memory, hash uint64) (partial, error) {
	size := int64(len(m.Body))
	d, err := decode(m, &s.in.Limits)
	if err != nil {
		m.Free()
		return partial{}, s.in.Refuse(ctx, protocol, err)
	}
	taken := len(d.halves) // they are the Sink's from now on
	err = s.in.Take(ctx, protocol, ingest.Request{Batch: span.Batch{Halves: d.halves}, Bytes: size, Hash: hash, Memory: m}, &d.left)
	if err != nil {
		return partial{}, err
	}
	return partial{d.left.Spans(), d.left.Describe(taken)}, nil
}

// hash identifies a request's content.
func hash(body []byte) uint64 { return xxhash.Sum64(body) }
