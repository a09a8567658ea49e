package collect

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"

	"github.com/twinspan/twinspan/internal/span"
	"github.com/twinspan/twinspan/internal/store"
	"github.com/twinspan/twinspan/sdk/id"
)

// hanging is a store that takes nothing until it is told to stop.
type hanging struct {
	store.KV
	entered chan struct{}
}

func (h *hanging) Write(ctx context.Context, _ int64, _ []store.Row, _ store.Row) (store.Volume, error) {
	h.entered <- struct{}{}
	<-ctx.Done()
	return nil, ctx.Err()
}

func TestCloseEndsAWriteThatHangs(t *testing.T) {
	b := newBench(t, slowConfig())
	b.stop()
	h := &hanging{b.rows, make(chan struct{}, 2)}
	b.kv = h
	b.start()
	b.halves(rpc(1, span.KindClient, "a", 1, 0), rpc(1, span.KindServer, "b", 2, 1))
	cut := make(chan error, 1)
	go func() { cut <- b.c.Cut(context.Background()) }()
	<-h.entered
	b.c.Close()
	b.c.Close()
	if err := <-cut; !errors.Is(err, context.Canceled) {
		t.Errorf("the cut that was under way gives %v", err)
	}
	b.kv = b.rows
	b.restart()
	b.cut()
	if got := fmt.Sprint(b.edges()); got != "map[a>b:1]" {
		t.Errorf("edges %v", got)
	}
}

// TestAStoreThatTakesNothing goes on reading and taking records while ranges cannot be written, and loses none.
func TestAStoreThatTakesNothing(t *testing.T) {
	cfg := slowConfig()
	cfg.RangeBytes = 2 * 4 << 10 // a range is some ten halves
	b := newBench(t, cfg)
	var fails atomic.Bool
	fails.Store(true)
	b.rows.Fault = func(int) error {
		if fails.Load() {
			return errors.New("input/output error")
		}
		return nil
	}
	const traces = 100
	want := make(map[uint64]int)
	for n := range byte(traces) {
		b.halves(rpc(n+1, span.KindClient, "a", 1, 0), rpc(n+1, span.KindServer, "b", 2, 1))
		want[uint64(n+1)] = 2
	}
	if len(b.trace(id.Trace{1, 1})) != 2 {
		t.Error("what was taken is not found")
	}
	fails.Store(false)
	b.restart()
	b.cut()
	if got := fmt.Sprint(b.edges()); got != fmt.Sprintf("map[a>b:%d]", traces) {
		t.Errorf("edges %v", got)
	}
	for n := range want {
		if got := b.trace(id.Trace{byte(n), 1}); len(got) != 2 {
			t.Errorf("trace %d has %v", n, got)
		}
	}
}

// TestARouteThatKnowsBetter has a server half come first on a route that cannot tell whom it answers, and then on one that
// can: it is joined with its client and counted once.
func TestARouteThatKnowsBetter(t *testing.T) {
	for _, unsureFirst := range []bool{true, false} {
		b := newBench(t, slowConfig())
		client := rpc(1, span.KindClient, "a", id.SpanOf("0.1"), 0)
		unsure := rpc(1, span.KindServer, "b", id.SpanOf("0.1.1"), id.SpanOf("0.1.1"))
		unsure.Dotted, unsure.Shared, unsure.Route = "0.1.1", true, span.RouteZipkin
		sure := unsure
		sure.Shared, sure.Twin, sure.Route, sure.Origin = false, client.Span, span.RouteAgent, 99
		order := []span.Half{unsure, sure}
		if !unsureFirst {
			order = []span.Half{sure, unsure}
		}
		b.halves(order[0])
		b.halves(client)
		b.halves(order[1])
		b.cut()
		if got := fmt.Sprint(b.edges()); got != "map[a>b:1]" {
			t.Errorf("unsure first: %v: edges %v", unsureFirst, got)
		}
		if got := b.trace(id.Trace{1, 1}); got[client.Origin] != 1 || got[unsure.Origin] != 1 || got[99] != 1 {
			t.Errorf("halves %v: the reader merges both routes", got)
		}
	}
}

// TestARequestThatCameTwiceAtATime has the second copy of a request in a later range than the first, and a crash between.
func TestARequestThatCameTwiceAtATime(t *testing.T) {
	b := newBench(t, slowConfig())
	h := rpc(1, span.KindClient, "a", 1, 0)
	h.Type = span.TypeDB
	first := request(7, h)
	b.send(first)
	b.cut()
	b.logOnly(request(7, h))
	b.restart()
	if got := fmt.Sprint(b.edges()); got != "map[a>:1]" {
		t.Errorf("edges %v", got)
	}
}
