// Package jaeger receives spans from Jaeger's clients and agents: over gRPC (jaeger.api_v2.CollectorService/PostSpans)
// and as Thrift over HTTP (POST /api/traces). Both encodings are read by small decoders of its own, since what the
// official packages would bring along (gogo/protobuf, Thrift's runtime, generated code) is larger than they are. It opens
// no listener, and serves no sampling strategies.
package jaeger

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"mime"
	"net/http"

	"github.com/cespare/xxhash/v2"
	"google.golang.org/grpc"

	"github.com/twinspan/twinspan/internal/ingest"
	"github.com/twinspan/twinspan/internal/ingest/rawgrpc"
	"github.com/twinspan/twinspan/internal/ingest/thrift"
	"github.com/twinspan/twinspan/internal/span"
)

// Config bounds requests.
type Config = ingest.Limits

// DefaultConfig gives the limits of all receivers.
func DefaultConfig() Config { return ingest.DefaultLimits() }

// Server answers Jaeger's requests. It is safe for concurrent use and starts no goroutines.
type Server struct{ in *ingest.Intake }

// New makes a Server that gives what it reads to w.
func New(cfg Config, w ingest.Sink, m *ingest.ReceiverMetrics, log *slog.Logger) *Server {
	return &Server{ingest.NewIntake(cfg, w, m, log)}
}

// The protocols, as labels of the metrics.
const (
	protocolGRPC = "jaeger/grpc"
	protocolHTTP = "jaeger/http"
)

// GRPCOptions are what a gRPC server needs for RegisterGRPC.
func (s *Server) GRPCOptions() []grpc.ServerOption {
	return rawgrpc.Options(s.in.Bodies.Limit(), rawgrpc.Fresh)
}

// RegisterGRPC registers the CollectorService with g, which must have been made with GRPCOptions.
func (s *Server) RegisterGRPC(g *grpc.Server) {
	rawgrpc.Service(g, "jaeger.api_v2.CollectorService", map[string]rawgrpc.Unary{"PostSpans": s.postSpans}, nil)
}

func (s *Server) postSpans(ctx context.Context, request *ingest.Memory) ([]byte, error) {
	hash := xxhash.Sum64(request.Body)
	d := newDecoder(&s.in.Limits)
	if err := d.request(request.Body); err != nil {
		return nil, rawgrpc.Status(s.in.Refuse(ctx, protocolGRPC, err), s.in.Limits.RetryAfter)
	}
	if err := s.take(ctx, protocolGRPC, d, len(request.Body), hash); err != nil {
		return nil, rawgrpc.Status(err, s.in.Limits.RetryAfter)
	}
	return nil, nil
}

// take writes what d read.
func (s *Server) take(ctx context.Context, protocol string, d *decoder, size int, hash uint64) error {
	return s.in.TakeSome(ctx, protocol, ingest.Request{Batch: span.Batch{Halves: d.halves}, Bytes: int64(size), Hash: hash}, &d.left)
}

// The content types of Thrift over HTTP. Jaeger's clients name the first, which says nothing of the protocol: it is the
// binary one.
const (
	typeThrift  = "application/x-thrift"
	typeBinary  = "application/vnd.apache.thrift.binary"
	typeCompact = "application/vnd.apache.thrift.compact"
	acceptPost  = typeThrift + ", " + typeBinary + ", " + typeCompact
)

// Handler serves POST /api/traces.
func (s *Server) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /api/traces", s.serveTraces)
	return mux
}

func (s *Server) serveTraces(w http.ResponseWriter, r *http.Request) {
	d, body, err := s.readHTTP(w, r)
	if err != nil {
		s.in.Answer(w, s.in.Refuse(r.Context(), protocolHTTP, err), acceptPost)
		return
	}
	if err := s.take(r.Context(), protocolHTTP, d, len(body), xxhash.Sum64(body)); err != nil {
		s.in.Answer(w, err, acceptPost)
		return
	}
	w.WriteHeader(http.StatusAccepted)
}

func (s *Server) readHTTP(w http.ResponseWriter, r *http.Request) (d *decoder, body []byte, err error) {
	header := r.Header.Get("Content-Type")
	compact := false
	switch contentType, _, _ := mime.ParseMediaType(header); contentType {
	case typeThrift, typeBinary:
	case typeCompact:
		compact = true
	default:
		return nil, nil, fmt.Errorf("%w: it is %q, send a Batch as one of %s", ingest.ErrMedia, header, acceptPost)
	}
	if format := r.URL.Query().Get("format"); format != "" && format != "jaeger.thrift" {
		return nil, nil, fmt.Errorf("%w: format is %.40q, send format=jaeger.thrift", ingest.ErrMedia, format)
	}
	body, err = s.in.Bodies.Read(w, r)
	if err != nil {
		return nil, nil, err
	}
	d = newDecoder(&s.in.Limits)
	if err := d.batchThrift(thrift.NewReader(body, compact)); err != nil {
		if errors.Is(err, ingest.ErrTooLarge) {
			return nil, nil, err
		}
		return nil, nil, fmt.Errorf("%w: want a Batch of jaeger.thrift: %w", ingest.ErrInvalid, err)
	}
	return d, body, nil
}
