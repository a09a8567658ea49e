package otlp

import (
	"context"
	"errors"
	"net"
	"strings"
	"testing"
	"time"

	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/encoding/gzip"
	"google.golang.org/grpc/health"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"
	"google.golang.org/grpc/test/bufconn"
	"google.golang.org/protobuf/types/known/emptypb"

	"github.com/twinspan/twinspan/internal/ingest"
	"github.com/twinspan/twinspan/internal/ingest/ingesttest"
)

// dial serves OTLP, and the standard health service beside it, on an in-memory connection.
func dial(t *testing.T, s *ingesttest.Sink) *grpc.ClientConn {
	t.Helper()
	listener := bufconn.Listen(1 << 20)
	receiver := testServer(s)
	server := grpc.NewServer(receiver.GRPCOptions()...)
	receiver.RegisterGRPC(server)
	healthpb.RegisterHealthServer(server, health.NewServer())
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = server.Serve(listener)
	}()
	conn, err := grpc.NewClient("passthrough:///test", grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) { return listener.DialContext(ctx) }))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = conn.Close()
		server.Stop()
		<-done
	})
	return conn
}

// export calls as a client with the official messages does: the answer's fields are read from its unknown ones.
func export(conn *grpc.ClientConn, req *tracepb.TracesData, opts ...grpc.CallOption) ([]byte, error) {
	var answer emptypb.Empty
	err := conn.Invoke(context.Background(), "/opentelemetry.proto.collector.trace.v1.TraceService/Export", req, &answer, opts...)
	return answer.ProtoReflect().GetUnknown(), err
}

func TestGRPC(t *testing.T) {
	s := sinkOf(nil)
	conn := dial(t, s)
	bad := sample()
	bad.TraceId = nil
	for _, opts := range [][]grpc.CallOption{nil, {grpc.UseCompressor(gzip.Name)}, {grpc.UseCompressor("zstd")}} {
		s.Got = nil
		answer, err := export(conn, request("pay", sample(), sample()), opts...)
		if err != nil || len(answer) != 0 || len(s.Got) != 1 || len(s.Got[0].Batch.Halves) != 2 || s.Got[0].Hash == 0 {
			t.Fatalf("%v, %x, %+v", err, answer, s.Got)
		}
		if h := s.Got[0].Batch.Halves[0]; h.App != "pay" || h.Operation != "GET /pay" {
			t.Errorf("got %+v", h)
		}
	}
	answer, err := export(conn, request("pay", sample(), bad))
	if err != nil || !strings.Contains(string(answer), "1 of 2 spans cannot be used") {
		t.Errorf("partial success: %v, %q", err, answer)
	}
	if _, err := export(conn, &tracepb.TracesData{}); err != nil {
		t.Errorf("empty request: %v", err)
	}
	if _, err := healthpb.NewHealthClient(conn).Check(context.Background(), &healthpb.HealthCheckRequest{}); err != nil {
		t.Errorf("a service with generated messages beside ours: %v", err)
	}
}

func TestGRPCErrors(t *testing.T) {
	big := sample()
	big.Name = strings.Repeat("x", testLimit)
	garbled := &tracepb.TracesData{}
	garbled.ProtoReflect().SetUnknown([]byte{0x0a, 0x03, 0x12, 0x05, 0x00})
	tests := []struct {
		name string
		req  *tracepb.TracesData
		err  error
		code codes.Code
	}{
		{"later", request("pay", sample()), ingest.ErrLater, codes.Unavailable},
		{"rate", request("pay", sample()), ingest.ErrRate, codes.ResourceExhausted},
		{"record too large", request("pay", sample()), ingest.ErrTooLarge, codes.ResourceExhausted},
		{"message too large", request("pay", big), nil, codes.ResourceExhausted},
		{"malformed", garbled, nil, codes.InvalidArgument},
		{"cancelled", request("pay", sample()), context.Canceled, codes.Canceled},
	}
	for _, tt := range tests {
		_, err := export(dial(t, sinkOf(tt.err)), tt.req)
		st := status.Convert(err)
		if st.Code() != tt.code {
			t.Errorf("%s: %v, want %v", tt.name, err, tt.code)
		}
		var retry time.Duration
		for _, d := range st.Details() {
			if info, ok := d.(*errdetails.RetryInfo); ok {
				retry = info.RetryDelay.AsDuration()
			}
		}
		if want := map[bool]time.Duration{true: DefaultConfig().RetryAfter}[errors.Is(tt.err, ingest.ErrLater)]; retry != want {
			t.Errorf("%s: retry after %v, want %v", tt.name, retry, want)
		}
	}
}

func TestGRPCHalvesOutliveTheCall(t *testing.T) {
	s := sinkOf(nil)
	conn := dial(t, s)
	for range 50 {
		if _, err := export(conn, request("pay", sample())); err != nil {
			t.Fatal(err)
		}
	}
	for i, req := range s.Got {
		if h := req.Batch.Halves[0]; h.Operation != "GET /pay" {
			t.Fatalf("half %d reads %q now: its bytes were used again", i, h.Operation)
		}
	}
}
