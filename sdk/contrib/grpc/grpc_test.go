package twingrpc

import (
	"context"
	"net"
	"strings"
	"testing"

	twinspan "github.com/twinspan/twinspan/sdk"
	"github.com/twinspan/twinspan/sdk/contrib/internal/tracertest"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/health"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/stats"
	"google.golang.org/grpc/status"
)

// lines gives the digest lines of a component, by their gRPC method and result code.
func lines(t *testing.T, s *tracertest.Service, component string) map[string]map[string]any {
	t.Helper()
	all := make(map[string]map[string]any)
	for _, line := range s.Lines(t, component+"-digest.log") {
		key := line["method"].(string) + " " + line["result.code"].(string)
		if all[key] != nil {
			t.Errorf("%s: %s comes twice", component, key)
		}
		all[key] = line
	}
	return all
}

// connect gives a traced client of a traced server with the health service. stop ends both, when all calls are over.
func connect(t *testing.T, a, b *twinspan.Tracer, server []grpc.ServerOption, client []Option) (conn *grpc.ClientConn, stop func()) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := grpc.NewServer(append(server, grpc.StatsHandler(NewServerHandler(b)))...)
	healthpb.RegisterHealthServer(s, health.NewServer())
	done := make(chan error)
	go func() { done <- s.Serve(listener) }()
	conn, err = grpc.NewClient(listener.Addr().String(), grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithStatsHandler(NewClientHandler(a, client...)))
	if err != nil {
		t.Fatal(err)
	}
	return conn, func() {
		if err := conn.Close(); err != nil {
			t.Error(err)
		}
		s.GracefulStop()
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
}

func TestUnaryAndStream(t *testing.T) {
	a, b := tracertest.New(t, "a"), tracertest.New(t, "b")
	var inner *twinspan.Span
	intercept := grpc.UnaryInterceptor(func(ctx context.Context, request any, _ *grpc.UnaryServerInfo, h grpc.UnaryHandler) (any, error) {
		inner = twinspan.SpanFromContext(ctx)
		return h(ctx, request)
	})
	conn, stop := connect(t, a.Tracer, b.Tracer, []grpc.ServerOption{intercept}, []Option{WithRemoteApp("b")})
	client := healthpb.NewHealthClient(conn)
	ctx, root := a.Tracer.Start(t.Context(), twinspan.Server, twinspan.HTTPServer, "GET /")
	root.SetBaggage("user", "张 三")
	root.SetSystemBaggage("zone", "z1")
	ctx = metadata.AppendToOutgoingContext(ctx, "own", "kept")
	if _, err := client.Check(ctx, &healthpb.HealthCheckRequest{}); err != nil {
		t.Fatal(err)
	}
	if inner.SystemBaggage("zone") != "z1" || inner.Baggage("user") != "张 三" {
		t.Errorf("the handler's span has baggage %q and %q", inner.Baggage("user"), inner.SystemBaggage("zone"))
	}
	_, err := client.Check(ctx, &healthpb.HealthCheckRequest{Service: "unknown"})
	if status.Code(err) != codes.NotFound {
		t.Fatal(err)
	}
	if err := conn.Invoke(ctx, "/grpc.health.v1.Health/Missing", &healthpb.HealthCheckRequest{}, &healthpb.HealthCheckResponse{}); status.Code(err) != codes.Unimplemented {
		t.Fatal(err)
	}
	cancelled, cancel := context.WithCancel(ctx)
	stream, err := client.Watch(cancelled, &healthpb.HealthCheckRequest{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := stream.Recv(); err != nil {
		t.Fatal(err)
	}
	cancel()
	if _, err := stream.Recv(); status.Code(err) != codes.Canceled {
		t.Fatal(err)
	}
	root.End()
	stop()

	clients, servers := lines(t, a, "grpc-client"), lines(t, b, "grpc-server")
	// gRPC tells stats handlers nothing of the end of a call to a method that the server does not have.
	if len(clients) != 4 || len(servers) != 3 {
		t.Fatalf("%d client and %d server lines", len(clients), len(servers))
	}
	if early := clients["Missing 2"]; early != nil { // it was refused before the request was sent: see errUntold
		clients["Missing 12"] = early
	}
	for key, want := range map[string][2]map[string]any{
		"Check 00": {{"spanId": "0.1", "status": "ok", "invoke.type": "unary", "req.size.bytes": 0.0, "resp.size.bytes": 2.0, "error": ""},
			{"status": "ok", "invoke.type": "unary", "req.size.bytes": 0.0, "resp.size.bytes": 2.0, "error": ""}},
		"Check 5":    {{"spanId": "0.2", "status": "error", "error": "unknown service", "req.size.bytes": 9.0}, {"status": "ok", "req.size.bytes": 9.0}},
		"Missing 12": {{"spanId": "0.3", "status": "error"}, nil},
		"Watch 1":    {{"spanId": "0.4", "status": "error", "invoke.type": "stream"}, {"status": "ok", "invoke.type": "stream"}},
	} {
		c, s := clients[key], servers[key]
		tracertest.Check(t, "client "+key, c, want[0])
		if want[1] != nil {
			tracertest.Check(t, "server "+key, s, want[1])
		}
		tracertest.Check(t, "client "+key, c, map[string]any{"protocol": "grpc", "service": "grpc.health.v1.Health", "remote.app": "b", "type": "rpc", "span.kind": "client",
			"parent.id8": root.ID8().String(), "sys.baggage": "zone=z1&", "remote.host": "127.0.0.1", "local.host": "127.0.0.1"})
		if want[1] == nil {
			continue
		}
		tracertest.Check(t, "server "+key, s, map[string]any{"traceId": root.TraceID(), "spanId": c["spanId"], "twin.id8": c["span.id8"], "operation": c["operation"],
			"local.address": c["remote.address"], "remote.address": c["local.address"], "local.port": c["remote.port"], "sys.baggage": "zone=z1&"})
	}
}

// TestRefusedBeforeTheRequestIsSent: gRPC tells handlers of such a call no error, and of a good one its answer.
func TestRefusedBeforeTheRequestIsSent(t *testing.T) {
	for _, tt := range []struct {
		events []stats.RPCStats
		want   map[string]any
	}{
		{nil, map[string]any{"result.code": "2", "status": "error", "error": status.Convert(errUntold).Message()}},
		{[]stats.RPCStats{&stats.InPayload{Client: true}}, map[string]any{"result.code": "00", "status": "ok"}},
		{[]stats.RPCStats{&stats.Begin{Client: true, IsServerStream: true}}, map[string]any{"result.code": "00", "status": "ok"}},
	} {
		a := tracertest.New(t, "a")
		h := NewClientHandler(a.Tracer)
		ctx := h.TagRPC(t.Context(), &stats.RPCTagInfo{FullMethodName: "/pay.Ledger/Book"})
		for _, e := range append(append([]stats.RPCStats{&stats.Begin{Client: true}}, tt.events...), &stats.End{Client: true}) {
			h.HandleRPC(ctx, e)
		}
		tracertest.Check(t, "client", a.Lines(t, "grpc-client-digest.log")[0], tt.want)
	}
}

func TestRefusedConnection(t *testing.T) {
	a := tracertest.New(t, "a")
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := listener.Addr().String()
	if err := listener.Close(); err != nil {
		t.Fatal(err)
	}
	conn, err := grpc.NewClient(address, grpc.WithTransportCredentials(insecure.NewCredentials()), grpc.WithStatsHandler(NewClientHandler(a.Tracer)))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := healthpb.NewHealthClient(conn).Check(t.Context(), &healthpb.HealthCheckRequest{}); status.Code(err) != codes.Unavailable {
		t.Fatal(err)
	}
	if err := conn.Close(); err != nil {
		t.Fatal(err)
	}
	tracertest.Check(t, "client", lines(t, a, "grpc-client")["Check 14"], map[string]any{"status": "error", "operation": "grpc.health.v1.Health/Check"})
}

func TestSkipAndNil(t *testing.T) {
	a, b := tracertest.New(t, "a"), tracertest.New(t, "b")
	conn, stop := connect(t, a.Tracer, nil, nil, []Option{WithSkip(func(method string) bool { return strings.HasSuffix(method, "/Check") })})
	// Even inside a traced server's call a skipped one leaves the span around it alone.
	ctx := NewServerHandler(b.Tracer).TagRPC(t.Context(), &stats.RPCTagInfo{FullMethodName: "/x/Y"})
	if _, err := healthpb.NewHealthClient(conn).Check(ctx, &healthpb.HealthCheckRequest{}); err != nil {
		t.Fatal(err)
	}
	stop()
	if n := len(lines(t, a, "grpc-client")); n > 0 {
		t.Errorf("%d client lines", n)
	}
	if n := len(lines(t, b, "grpc-server")); n > 0 {
		t.Errorf("a client's events ended the server's span: %d lines", n)
	}
}

func TestCarrierSetsOnlyWhatCanBeSent(t *testing.T) {
	md := metadata.MD{}
	c := Carrier(md)
	for _, pair := range [][2]string{{"Fine", "v"}, {"baggage-a%3Db", "v"}, {"with space", "v"}, {"x-bin", "v"}, {"grpc-x", "v"}, {"", "v"}, {"k", "张"}, {"k2", "a\n"}} {
		c.Set(pair[0], pair[1])
	}
	if len(md) != 1 || md["fine"][0] != "v" {
		t.Errorf("%v", md)
	}
	if v, ok := c.Get("FINE"); v != "v" || !ok || len(c.All("fine")) != 1 {
		t.Error("case matters")
	}
	if _, ok := c.Get("missing"); ok {
		t.Error("found what is not there")
	}
}
