// Package twingrpc traces google.golang.org/grpc, unary calls and streams, by stats handlers:
//
//	grpc.NewServer(grpc.StatsHandler(twingrpc.NewServerHandler(tracer)))
//	grpc.NewClient(target, grpc.WithStatsHandler(twingrpc.NewClientHandler(tracer)))
//
// The client's spans are written to grpc-client-*.log, the server's to grpc-server-*.log. Each attempt of a retried call is
// a span of its own. The package sees no messages, only their sizes.
package twingrpc
