package otlp

import (
	"context"
	"fmt"

	"google.golang.org/grpc"
	"google.golang.org/grpc/encoding"
	"google.golang.org/grpc/encoding/proto"
	"google.golang.org/grpc/mem"

	"github.com/twinspan/twinspan/internal/ingest"
	"github.com/twinspan/twinspan/internal/ingest/rawgrpc"
)

const protocolGRPC = "otlp/grpc"

// traceService is the server's side of opentelemetry.proto.collector.trace.v1.TraceService.
type traceService interface {
	exportGRPC(ctx context.Context, req *message) (*message, error)
}

// message is an answer in its encoded form, or a request.
type message struct {
	data   []byte
	memory *ingest.Memory
}

// RegisterGRPC registers the TraceService with g, which must have been made with GRPCOptions.
func (s *Server) RegisterGRPC(g *grpc.Server) {
	g.RegisterService(&grpc.ServiceDesc{
		ServiceName: "opentelemetry.proto.collector.trace.v1.TraceService",
		HandlerType: (*traceService)(nil),
		Methods:     []grpc.MethodDesc{{MethodName: "Export", Handler: exportHandler}},
		Metadata:    "opentelemetry/proto/collector/trace/v1/trace_service.proto",
	}, s)
}

// GRPCOptions are what a gRPC server needs for RegisterGRPC: a codec that leaves our messages encoded (and serves others
// as always), and the limit of the size.
func (s *Server) GRPCOptions() []grpc.ServerOption {
	rawgrpc.RegisterZstd()
	return []grpc.ServerOption{
		grpc.ForceServerCodecV2(codec{encoding.GetCodecV2(proto.Name), s.bodies}),
		grpc.MaxRecvMsgSize(int(s.bodies.Limit())),
	}
}

// exportHandler is what generated code has for each method.
//
//nolint:revive // gRPC has the context second
func exportHandler(srv any, ctx context.Context, dec func(any) error, intercept grpc.UnaryServerInterceptor) (any, error) {
	req := new(message)
	if err := dec(req); err != nil {
		return nil, err
	}
	s := srv.(traceService)
	if intercept == nil {
		return s.exportGRPC(ctx, req)
	}
	info := &grpc.UnaryServerInfo{Server: srv, FullMethod: "/opentelemetry.proto.collector.trace.v1.TraceService/Export"}
	return intercept(ctx, req, info, func(ctx context.Context, req any) (any, error) {
		return s.exportGRPC(ctx, req.(*message))
	})
}

func (s *Server) exportGRPC(ctx context.Context, req *message) (*message, error) {
	p, err := s.export(ctx, protocolGRPC, req.memory, hash(req.memory.Body))
	if err != nil {
		return nil, rawgrpc.Status(err, s.cfg.RetryAfter)
	}
	return &message{data: p.encode(typeProtobuf)}, nil
}

// codec is the protobuf codec, but for messages.
type codec struct {
	encoding.CodecV2
	bodies *ingest.Bodies
}

func (c codec) Marshal(v any) (mem.BufferSlice, error) {
	if m, ok := v.(*message); ok {
		return mem.BufferSlice{mem.SliceBuffer(m.data)}, nil
	}
	return c.CodecV2.Marshal(v)
}

func (c codec) Unmarshal(data mem.BufferSlice, v any) error {
	m, ok := v.(*message)
	if !ok {
		return c.CodecV2.Unmarshal(data, v)
	}
	if m.memory != nil {
		return fmt.Errorf("read an OTLP request: it was read before")
	}
	m.memory = c.bodies.Memory(data.Len()) // a copy: the halves keep it, gRPC uses its buffers again
	m.memory.Body = m.memory.Body[:data.Len()]
	data.CopyTo(m.memory.Body)
	return nil
}
