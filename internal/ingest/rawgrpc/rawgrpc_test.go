package rawgrpc

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/encoding"
	"google.golang.org/grpc/status"
	"google.golang.org/grpc/test/bufconn"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/twinspan/twinspan/internal/ingest"
)

const limit = 1 << 20

// dial serves an echo, and a stream that counts, on an in-memory connection.
func dial(t *testing.T) *grpc.ClientConn {
	t.Helper()
	listener := bufconn.Listen(1 << 20)
	server := grpc.NewServer(Options(limit, Fresh)...)
	Service(server, "test.Echo", map[string]Unary{"say": func(_ context.Context, m *ingest.Memory) ([]byte, error) { return m.Body, nil }},
		map[string]Stream{"count": func(_ context.Context, next func() ([]byte, error)) ([]byte, error) {
			for n := 0; ; n++ {
				if _, err := next(); errors.Is(err, io.EOF) {
					return append([]byte{8}, byte(n)), nil
				} else if err != nil {
					return nil, err
				}
			}
		}})
	done := make(chan struct{})
	go func() { defer close(done); _ = server.Serve(listener) }()
	conn, err := grpc.NewClient("passthrough:///test", grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) { return listener.DialContext(ctx) }))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(); server.Stop(); <-done })
	return conn
}

func TestCompressors(t *testing.T) {
	conn := dial(t)
	for _, name := range []string{"identity", "gzip", "zstd"} {
		for _, size := range []int{0, 1, 1000, limit - 10} {
			req, answer := wrapperspb.Bytes(bytes.Repeat([]byte("a"), size)), new(wrapperspb.BytesValue)
			// Twice: readers and writers are used again.
			for range 2 {
				err := conn.Invoke(context.Background(), "/test.Echo/say", req, answer, grpc.UseCompressor(name))
				if err != nil || !bytes.Equal(answer.Value, req.Value) {
					t.Errorf("%s, %d bytes: %v, %d bytes back", name, size, err, len(answer.Value))
				}
			}
		}
		bomb := wrapperspb.Bytes(make([]byte, 64*limit))
		err := conn.Invoke(context.Background(), "/test.Echo/say", bomb, new(wrapperspb.BytesValue), grpc.UseCompressor(name))
		if status.Code(err) != codes.ResourceExhausted {
			t.Errorf("%s: a message beyond the limit: %v", name, err)
		}
	}
}

func TestStream(t *testing.T) {
	conn := dial(t)
	s, err := conn.NewStream(context.Background(), &grpc.StreamDesc{ClientStreams: true}, "/test.Echo/count")
	if err != nil {
		t.Fatal(err)
	}
	for range 5 {
		if err := s.SendMsg(wrapperspb.String("x")); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.CloseSend(); err != nil {
		t.Fatal(err)
	}
	var n wrapperspb.Int64Value
	if err := s.RecvMsg(&n); err != nil || n.Value != 5 {
		t.Errorf("%v, %d messages", err, n.Value)
	}
}

func TestStatus(t *testing.T) {
	for _, tt := range []struct {
		err   error
		code  codes.Code
		retry time.Duration
	}{
		{fmt.Errorf("%w: full", ingest.ErrLater), codes.Unavailable, time.Second},
		{ingest.ErrRate, codes.ResourceExhausted, time.Second},
		{ingest.ErrTooLarge, codes.ResourceExhausted, 0},
		{ingest.ErrInvalid, codes.InvalidArgument, 0},
		{context.Canceled, codes.Canceled, 0},
		{status.Error(codes.Unimplemented, "no"), codes.Unimplemented, 0},
	} {
		st := status.Convert(Status(tt.err, time.Second))
		var retry time.Duration
		for _, d := range st.Details() {
			if info, ok := d.(*errdetails.RetryInfo); ok {
				retry = info.RetryDelay.AsDuration()
			}
		}
		if st.Code() != tt.code || retry != tt.retry {
			t.Errorf("%v: %v, retry after %v", tt.err, st, retry)
		}
	}
}

func FuzzZstd(f *testing.F) {
	registerZstd()
	c := encoding.GetCompressor("zstd")
	var out bytes.Buffer
	w, err := c.Compress(&out)
	if err != nil {
		f.Fatal(err)
	}
	_, _ = io.Copy(w, strings.NewReader("hello hello hello"))
	_ = w.Close()
	f.Add(out.Bytes())
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := c.Decompress(bytes.NewReader(b))
		if err != nil {
			return
		}
		if n, _ := io.Copy(io.Discard, io.LimitReader(r, limit+1)); n > limit+1 {
			t.Fatal(n)
		}
	})
}
