package rawgrpc

import (
	"context"
	"net"
	"testing"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"
	"google.golang.org/grpc/tap"
	"google.golang.org/protobuf/types/known/emptypb"

	"github.com/twinspan/twinspan/internal/ingest"
)

// TestAdmit: a call for which there is no room is told to come later, and let in once the one before it is answered.
func TestAdmit(t *testing.T) {
	room := ingest.NewRoom(&ingest.Config{MaxReadingBytes: messageLease, MaxInFlightBytes: 1})
	open := func(ctx context.Context, _ *tap.Info) (context.Context, error) { return ctx, nil }
	g := grpc.NewServer(append(Options(1<<20, Fresh), grpc.InTapHandle(Admit(room, open)))...)
	entered, leave := make(chan struct{}), make(chan struct{})
	Service(g, "test", map[string]Unary{"Wait": func(context.Context, *ingest.Memory) ([]byte, error) {
		entered <- struct{}{}
		<-leave
		return nil, nil
	}}, nil)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- g.Serve(l) }()
	conn, err := grpc.NewClient(l.Addr().String(), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = conn.Close()
		g.Stop()
		<-served
	})
	call := func() error {
		return conn.Invoke(context.Background(), "/test/Wait", &emptypb.Empty{}, &emptypb.Empty{})
	}

	first := make(chan error, 1)
	go func() { first <- call() }()
	<-entered
	st := status.Convert(call())
	var retry time.Duration
	for _, d := range st.Details() {
		if info, ok := d.(*errdetails.RetryInfo); ok {
			retry = info.RetryDelay.AsDuration()
		}
	}
	if st.Code() != codes.Unavailable || retry <= 0 {
		t.Errorf("without room: %v, retry after %v", st, retry)
	}
	leave <- struct{}{}
	if err := <-first; err != nil {
		t.Fatal(err)
	}
	// Room is given back right after the answer, not before it.
	for deadline := time.Now().Add(time.Minute); ; {
		again := make(chan error, 1)
		go func() { again <- call() }()
		select {
		case <-entered:
			leave <- struct{}{}
			if err := <-again; err != nil {
				t.Fatal(err)
			}
			return
		case err := <-again:
			if time.Now().After(deadline) {
				t.Fatalf("after the first call was answered: %v", err)
			}
		}
	}
}
