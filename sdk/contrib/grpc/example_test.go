package twingrpc_test

import (
	twinspan "github.com/twinspan/twinspan/sdk"
	twingrpc "github.com/twinspan/twinspan/sdk/contrib/grpc"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
)

func Example() {
	var tracer *twinspan.Tracer // twinspan.New(...)

	server := grpc.NewServer(grpc.StatsHandler(twingrpc.NewServerHandler(tracer)))
	defer server.Stop()

	conn, err := grpc.NewClient("ledger:9000", grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithStatsHandler(twingrpc.NewClientHandler(tracer, twingrpc.WithRemoteApp("ledger"))))
	if err != nil {
		panic(err)
	}
	defer func() { _ = conn.Close() }()
	// Output:
}
