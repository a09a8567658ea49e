package otlp

import (
	"context"

	"google.golang.org/grpc"

	"github.com/twinspan/twinspan/internal/ingest"
	"github.com/twinspan/twinspan/internal/ingest/rawgrpc"
)

const protocolGRPC = "otlp/grpc"

// GRPCOptions are what a gRPC server needs for RegisterGRPC.
func (s *Server) GRPCOptions() []grpc.ServerOption {
	return rawgrpc.Options(s.in.Bodies.Limit(), s.in.Bodies.Memory)
}

// RegisterGRPC registers the TraceService with g, which must have been made with GRPCOptions.
func (s *Server) RegisterGRPC(g *grpc.Server) {
	rawgrpc.Service(g, "opentelemetry.proto.collector.trace.v1.TraceService", map[string]rawgrpc.Unary{"Export": s.exportGRPC}, nil)
}

func (s *Server) exportGRPC(ctx context.Context, request *ingest.Memory) ([]byte, error) {
	p, err := s.export(ctx, protocolGRPC, request, hash(request.Body))
	if err != nil {
		return nil, rawgrpc.Status(err, s.in.Limits.RetryAfter)
	}
	return p.encode(typeProtobuf), nil
}
