package main

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	twingrpc "github.com/twinspan/twinspan/sdk/contrib/grpc"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/stats"
	"google.golang.org/grpc/status"
)

// rpcServer makes a gRPC server that traces and counts. Tracing is the one option with NewServerHandler.
func (s *service) rpcServer(services []*grpc.ServiceDesc) *grpc.Server {
	server := grpc.NewServer(
		grpc.StatsHandler(twingrpc.NewServerHandler(s.tracer)),
		grpc.StatsHandler(&rpcCounter{service: s}),
		grpc.ForceServerCodec(jsonCodec{}),
	)
	for _, d := range services {
		server.RegisterService(d, nil)
	}
	return server
}

// dial makes the connection to another service. Tracing is the one option with NewClientHandler.
func (s *service) dial(callee string) (*grpc.ClientConn, error) {
	conn, err := grpc.NewClient(s.peers[callee],
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithStatsHandler(twingrpc.NewClientHandler(s.tracer, twingrpc.WithRemoteApp(callee))),
		grpc.WithStatsHandler(&rpcCounter{service: s, callee: callee}),
		grpc.WithDefaultCallOptions(grpc.ForceCodec(jsonCodec{})),
	)
	if err != nil {
		return nil, err
	}
	s.closers = append(s.closers, conn.Close)
	return conn, nil
}

// invoke calls "package.Service/Method".
func invoke[Out any](ctx context.Context, conn *grpc.ClientConn, operation string, in any) (*Out, error) {
	out := new(Out)
	if err := conn.Invoke(ctx, "/"+operation, in, out); err != nil {
		return nil, err
	}
	return out, nil
}

// rpc describes a gRPC service of some methods. Generated code does the same; here it is written out, so that the example
// needs no generator, with JSON for messages.
func rpc(name string, methods ...grpc.MethodDesc) []*grpc.ServiceDesc {
	return []*grpc.ServiceDesc{{ServiceName: name, HandlerType: (*any)(nil), Methods: methods}}
}

func method[In, Out any](name string, fn func(context.Context, *In) (*Out, error)) grpc.MethodDesc {
	return grpc.MethodDesc{MethodName: name, Handler: func(_ any, ctx context.Context, decode func(any) error, _ grpc.UnaryServerInterceptor) (any, error) {
		in := new(In)
		if err := decode(in); err != nil {
			return nil, err
		}
		return fn(ctx, in)
	}}
}

type jsonCodec struct{}

// Marshal is encoding.Codec's.
func (jsonCodec) Marshal(v any) ([]byte, error) { return json.Marshal(v) }

// Unmarshal is encoding.Codec's.
func (jsonCodec) Unmarshal(b []byte, v any) error { return json.Unmarshal(b, v) }

// Name is encoding.Codec's.
func (jsonCodec) Name() string { return "json" }

// rpcCounter counts the calls of a server, or of a client where callee is set. (A stats handler and not an interceptor,
// which does not see calls that were cancelled before they arrived.)
type rpcCounter struct {
	service *service
	callee  string
}

type rpcCallKey struct{}

// TagRPC is stats.Handler's.
func (c *rpcCounter) TagRPC(ctx context.Context, info *stats.RPCTagInfo) context.Context {
	e := edge{
		Side: "client", Caller: c.service.name, Callee: c.callee, Type: "rpc", LoadTest: loadTest(ctx),
		Operation: strings.TrimPrefix(info.FullMethodName, "/"),
	}
	if c.callee == "" {
		md, _ := metadata.FromIncomingContext(ctx)
		e.Side, e.Caller, e.Callee = "server", "", c.service.name
		e.LoadTest = fmt.Sprint(md.Get("baggage-mark")) == "[T]"
	}
	return context.WithValue(ctx, rpcCallKey{}, e)
}

// HandleRPC is stats.Handler's.
func (c *rpcCounter) HandleRPC(ctx context.Context, s stats.RPCStats) {
	end, ok := s.(*stats.End)
	if !ok {
		return
	}
	e, _ := ctx.Value(rpcCallKey{}).(edge)
	code := status.Code(end.Error)
	c.service.counts.add(e, code != codes.OK && (e.Side == "client" || fault(code)))
}

// TagConn is stats.Handler's.
func (c *rpcCounter) TagConn(ctx context.Context, _ *stats.ConnTagInfo) context.Context { return ctx }

// HandleConn is stats.Handler's.
func (c *rpcCounter) HandleConn(context.Context, stats.ConnStats) {}

// fault says that a code is the server's fault, not its answer to a wrong request: OpenTelemetry's rule.
func fault(code codes.Code) bool {
	switch code {
	case codes.Unknown, codes.DeadlineExceeded, codes.Unimplemented, codes.Internal, codes.Unavailable, codes.DataLoss:
		return true
	}
	return false
}
