package twingrpc_test

import (
	"context"
	"fmt"
	"net"
	"os"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/health"
	"google.golang.org/grpc/health/grpc_health_v1"

	twinspan "github.com/twinspan/twinspan/sdk"
	twingrpc "github.com/twinspan/twinspan/sdk/contrib/grpc"
)

// A server and a client, each with the handler of its side.
func Example() {
	dir, err := os.MkdirTemp("", "tracelog")
	if err != nil {
		panic(err)
	}
	defer func() { _ = os.RemoveAll(dir) }()
	config := twinspan.DefaultConfig("ledger")
	config.LogDir = dir
	tracer, err := twinspan.New(config)
	if err != nil {
		panic(err)
	}
	defer func() { _ = tracer.Close() }()

	seen := func(ctx context.Context, request any, _ *grpc.UnaryServerInfo, handle grpc.UnaryHandler) (any, error) {
		fmt.Println("server", twinspan.SpanFromContext(ctx).SpanID())
		return handle(ctx, request)
	}
	server := grpc.NewServer(grpc.StatsHandler(twingrpc.NewServerHandler(tracer)), grpc.UnaryInterceptor(seen))
	grpc_health_v1.RegisterHealthServer(server, health.NewServer())
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	go func() { _ = server.Serve(listener) }()
	defer server.Stop()

	conn, err := grpc.NewClient(listener.Addr().String(), grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithStatsHandler(twingrpc.NewClientHandler(tracer, twingrpc.WithRemoteApp("ledger"))))
	if err != nil {
		panic(err)
	}
	defer func() { _ = conn.Close() }()

	ctx, span := tracer.Start(context.Background(), twinspan.Internal, twinspan.Biz, "check")
	defer span.End()
	answer, err := grpc_health_v1.NewHealthClient(conn).Check(ctx, &grpc_health_v1.HealthCheckRequest{})
	fmt.Println(answer.GetStatus(), err)
	// Output:
	// server 0.1
	// SERVING <nil>
}
