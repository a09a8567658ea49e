package rollup

import (
	"testing"

	"github.com/twinspan/twinspan/internal/span"
	"github.com/twinspan/twinspan/sdk/histogram"
)

func client(app, peer string, d int64) *span.Half {
	return &span.Half{Kind: span.KindClient, Type: span.TypeRPC, App: app, Peer: peer, Operation: "call", Start: 60e9, Duration: d}
}

func server(app string, d int64) *span.Half {
	return &span.Half{Kind: span.KindServer, Type: span.TypeRPC, App: app, Operation: "serve", Instance: "i1", Start: 61e9, Duration: d}
}

func TestALateTwinLeavesWhatThePairWouldHaveGiven(t *testing.T) {
	c, s := client("a", "?", 10), server("b", 8)
	want := NewCounter(100)
	pair := span.Join(c, s, "")
	want.Call(&pair)

	late := NewCounter(100)
	alone := span.Join(c, nil, "")
	late.Call(&alone)
	late.Correct(
		Counted{Key: keyOf(&alone), Duration: 10},
		Counted{Key: keyOf(&pair), Duration: 10})
	late.Each(func(r *span.Rollup) bool {
		if r.Calls == 0 {
			if r.Latency.Count != 0 || r.Latency.Sum != 0 || r.Latency.Quantile(0.5) != 0 {
				t.Errorf("taken back, but left %+v", r)
			}
			return true
		}
		w := want.rows[r.RollupKey]
		if w == nil || w.Calls != r.Calls || string(w.Latency.Append(nil)) != string(r.Latency.Append(nil)) {
			t.Errorf("got %+v, want %+v", r, w)
		}
		return true
	})
}

func TestStatLinesKeepTheirSide(t *testing.T) {
	c := NewCounter(100)
	var h histogram.H
	h.AddN(5e6, 3)
	c.Stat(&span.Stat{App: "a", Kind: span.KindClient, Peer: "b", Operation: "o", Begin: 120e9, Count: 3, Errors: 1, Latency: &h})
	c.Stat(&span.Stat{App: "b", Kind: span.KindServer, Operation: "o", Begin: 125e9, Count: 3, TotalNanos: 12})
	c.Stat(&span.Stat{App: "b", Kind: span.KindServer, Operation: "o", Begin: 130e9, Count: 2, TotalNanos: 5, LoadTest: true})
	c.Stat(&span.Stat{App: "b", Kind: span.KindConsumer, Type: span.TypeMQ, Peer: "kafka:paid", Operation: "o", Begin: 130e9, Count: 2})
	if c.Len() != 4 {
		t.Fatalf("%d rows, want 4", c.Len())
	}
	if r := c.rows[span.RollupKey{Minute: 2, Source: span.SourceStats, Side: span.KindServer, Type: span.TypeMQ, Callee: "b", Operation: "o"}]; r == nil || r.Calls != 2 {
		t.Errorf("consumer row %+v: the queue is no caller", r)
	}
	r := c.rows[span.RollupKey{Minute: 2, Source: span.SourceStats, Side: span.KindServer, Callee: "b", Operation: "o"}]
	if r == nil || r.Calls != 3 || r.Latency.Sum != 12 {
		t.Errorf("server row %+v", r)
	}
}

func TestRowsAreBounded(t *testing.T) {
	c := NewCounter(10)
	for i := range 1000 {
		h := client("a", "b", 1)
		h.Operation = string(rune('a' + i))
		call := span.Join(h, nil, "")
		c.Call(&call)
	}
	total := uint64(0)
	c.Each(func(r *span.Rollup) bool { total += r.Calls; return true })
	if c.Len() != 11 || total != 1000 || c.Overflowed != 990 {
		t.Errorf("%d rows, %d calls, %d overflowed", c.Len(), total, c.Overflowed)
	}
}

// TestCorrectionsAboveTheBound takes a count back where it was counted, though the row is a new one and there are too many.
func TestCorrectionsAboveTheBound(t *testing.T) {
	first, second := NewCounter(1), NewCounter(1)
	for _, c := range []*Counter{first, second} {
		other := span.Join(client("x", "y", 1), nil, "")
		c.Call(&other)
	}
	for _, counter := range []*Counter{first, NewCounter(10)} {
		c, s := client("a", "?", 10), server("b", 8)
		alone := span.Join(c, nil, "")
		was := Counted{Key: counter.Call(&alone), Duration: 10}
		second.Correct(was, WithServer(was, s))
		if r := second.rows[was.Key]; r == nil || r.Calls != ^uint64(0) {
			t.Errorf("counted by %+v, taken back %+v", was.Key, r)
		}
	}
}
