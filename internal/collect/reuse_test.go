package collect

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"
	"unsafe"

	"github.com/twinspan/twinspan/internal/bus/wal"
	"github.com/twinspan/twinspan/internal/span"
	"github.com/twinspan/twinspan/internal/store"
	"github.com/twinspan/twinspan/internal/wire"
	"github.com/twinspan/twinspan/sdk/id"
)

// TestMemoryIsUsedAgain overwrites each request once the collector has taken it, and lets ranges take over each other's
// memory while readers hold calls of them: nobody may see anything but what was sent.
func TestMemoryIsUsedAgain(t *testing.T) {
	cfg := DefaultConfig()
	cfg.RangeBytes = 1 << 20
	b := newBench(t, cfg)
	const records, each = 60, 60
	trace := func(n int) id.Trace { return id.Trace{byte(n), byte(n >> 8), 1} }

	var running sync.WaitGroup
	stop, reading := make(chan struct{}), make(chan struct{})
	var held []span.Call
	read := func() {
		begun := sync.OnceFunc(func() { close(reading) })
		defer begun()
		for n := 0; len(held) < 2000; n += 17 {
			select {
			case <-stop:
				return
			default:
			}
			var err error
			if n%8 == 0 {
				err = b.c.Search(context.Background(), &store.Query{}, func(c span.Call) bool {
					held = append(held, c)
					return len(held)%5 != 0
				})
			} else {
				var calls []span.Call
				calls, _, err = b.c.Trace(context.Background(), trace(n%(records*each)), 0)
				held = append(held, calls...)
			}
			if err != nil {
				t.Error(err)
				return
			}
			begun()
		}
	}

	taken := make(chan struct{}, records)
	for r := range records {
		var body []byte
		view := func(format string, args ...any) string {
			at := len(body)
			body = fmt.Appendf(body, format, args...)
			return unsafe.String(unsafe.SliceData(body[at:]), len(body)-at)
		}
		body = make([]byte, 0, 1<<20)
		halves := make([]span.Half, each)
		for i := range halves {
			n := r*each + i
			halves[i] = span.Half{
				Trace: trace(n), Span: 1, Kind: span.KindClient, Origin: uint64(n), App: view("app-%d", n%7), Peer: view("peer-%d", n%3),
				Operation: view("operation-%d", n), Start: b.now, Duration: int64(n),
				Payload: span.Payload(nil).AppendAttr("n", span.String(fmt.Sprintf("%0300d", n))),
			}
			halves[i].Payload = span.Payload(view("%s", halves[i].Payload))
		}
		rec := wire.Record{Batch: span.Batch{Halves: halves}}
		b.now += 1e6
		err := b.log.AppendFunc(context.Background(), []wal.Record{{Received: b.now, Data: b.enc.PackRecord(nil, &rec)}},
			func(offsets []int64) {
				b.c.Hand(offsets[0], b.now, &rec, func() {
					for i := range body[:cap(body)] {
						body[:cap(body)][i] = '#'
					}
					for i := range halves {
						halves[i] = span.Half{App: "used again"}
					}
					taken <- struct{}{}
				})
			})
		if err != nil {
			t.Fatal(err)
		}
		if r == 0 {
			running.Go(read)
			<-reading // else all could be in the store before the reader's first look
		}
	}
	for range records {
		select {
		case <-taken:
		case <-time.After(time.Minute):
			t.Fatal("records are not taken")
		}
	}
	b.cut()
	close(stop)
	running.Wait()

	for i := range held {
		checkNumbered(t, &held[i])
	}
	if len(held) == 0 {
		t.Error("nothing was read from memory")
	}
	for n := range records * each {
		calls, _, err := b.store.Trace(context.Background(), trace(n), 0)
		if err != nil || len(calls) != 1 {
			t.Fatalf("call %d: %d calls, %v", n, len(calls), err)
		}
		if got := int(calls[0].Client.Origin); got != n {
			t.Fatalf("call %d is %d", n, got)
		}
		checkNumbered(t, &calls[0])
	}
}

// checkNumbered says that all of a call's texts are those of its number, which is its origin.
func checkNumbered(t *testing.T, c *span.Call) {
	t.Helper()
	h := c.Client
	n := int(h.Origin)
	v, _ := h.Payload.Attr("n")
	want := [...]string{
		fmt.Sprintf("app-%d", n%7), fmt.Sprintf("peer-%d", n%3), fmt.Sprintf("operation-%d", n), fmt.Sprintf("%0300d", n),
		fmt.Sprintf("app-%d", n%7), fmt.Sprintf("peer-%d", n%3),
	}
	if got := [...]string{h.App, h.Peer, h.Operation, v.Text(), c.Caller, c.Callee}; got != want {
		t.Fatalf("call %d is %q", n, got)
	}
}
