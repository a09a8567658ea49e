package rollup

import (
	"strconv"
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

// TestRowsAreBounded counts many operations, many callers, many minutes and many stat lines: all of them are counted, in few rows.
func TestRowsAreBounded(t *testing.T) {
	name := func(i int) string { return "n" + strconv.Itoa(i) }
	call := func(change func(h *span.Half, i int)) func(c *Counter, i int) {
		return func(c *Counter, i int) {
			h := client("a", "b", 1)
			change(h, i)
			call := span.Join(h, nil, "")
			c.Call(&call)
		}
	}
	stat := func(change func(s *span.Stat, i int)) func(c *Counter, i int) {
		return func(c *Counter, i int) {
			s := span.Stat{App: "a", Kind: span.KindServer, Operation: "o", Begin: 120e9, Count: 1}
			change(&s, i)
			c.Stat(&s)
		}
	}
	const max, n = 100, 1000
	for _, test := range []struct {
		name  string
		count func(c *Counter, i int)
		rows  int
		want  Overflow
		// other is a row that has to be there.
		other span.RollupKey
	}{
		{"operations", call(func(h *span.Half, i int) { h.Operation = name(i) }), max + 1, Overflow{Operations: n - max},
			span.RollupKey{Minute: 1, Type: span.TypeRPC, Caller: "a", Callee: "b", Operation: Other}},
		{"callers", call(func(h *span.Half, i int) { h.App = name(i) }), max + max/4 + 1, Overflow{Operations: max / 4, Edges: n - max - max/4},
			span.RollupKey{Minute: 7, Type: span.TypeRPC, Caller: Other, Callee: Other, Operation: Other}},
		{"minutes", call(func(h *span.Half, i int) { h.Start = int64(i) * 60e9 }), max + max/4 + 1, Overflow{Operations: max / 4, Edges: n - max - max/4},
			span.RollupKey{Minute: 7, Type: span.TypeRPC, Caller: Other, Callee: Other, Operation: Other}},
		{"servers' stat lines", stat(func(s *span.Stat, i int) { s.App = name(i) }), max + max/4 + 1, Overflow{Operations: max / 4, Edges: n - max - max/4},
			span.RollupKey{Minute: 7, Source: span.SourceStats, Side: span.KindServer, Callee: Other, Operation: Other}},
		{"clients' stat lines", stat(func(s *span.Stat, i int) { s.Kind, s.Peer = span.KindClient, name(i) }), max + max/4 + 1,
			Overflow{Operations: max / 4, Edges: n - max - max/4},
			span.RollupKey{Minute: 7, Source: span.SourceStats, Side: span.KindClient, Caller: Other, Callee: Other, Operation: Other}},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := NewCounter(max)
			c.Minute = 7
			for i := range n {
				test.count(c, i)
			}
			total := uint64(0)
			c.Each(func(r *span.Rollup) bool { total += r.Calls; return true })
			if c.Len() != test.rows || total != n || c.Overflow != test.want || c.rows[test.other] == nil {
				t.Errorf("%d rows, %d calls, %+v, want %d and %+v with %+v", c.Len(), total, c.Overflow, test.rows, test.want, test.other)
			}
		})
	}
}

// TestCorrectionsAreBounded lets calls be that were counted by more rows than a range may correct.
func TestCorrectionsAreBounded(t *testing.T) {
	const max, n = 100, 1000
	c := NewCounter(max)
	alone := span.Join(client("a", "?", 10), nil, "")
	for i := range n {
		was := Counted{Key: keyOf(&alone), Duration: 10}
		was.Key.Minute = int64(i)
		c.Correct(was, WithServer(was, server("b", 8)))
	}
	total := uint64(0)
	c.Each(func(r *span.Rollup) bool { total += r.Calls; return true })
	if c.Len() > 2*max+max/4+1 || total != 0 || c.Overflow.Corrections == 0 {
		t.Errorf("%d rows, %d calls, %+v", c.Len(), int64(total), c.Overflow)
	}
}

// TestCorrectionsOfOther leaves what has no names where it is.
func TestCorrectionsOfOther(t *testing.T) {
	c, s := client("a", "?", 10), server("b", 8)
	s.Status = span.StatusError
	is := func(was Counted) Counted { return WithServer(was, s) }
	counter := NewCounter(3) // without a quarter
	for i := range 3 {
		call := span.Join(client("x"+strconv.Itoa(i), "y", 1), nil, "")
		counter.Call(&call)
	}
	alone := span.Join(c, nil, "")
	was := Counted{Key: counter.Call(&alone), Duration: 10}
	counter.Correct(was, is(was))
	if r := counter.rows[was.Key]; was.Key.Caller != Other || counter.Len() != 4 || r.Calls != 1 || r.Errors != 1 {
		t.Errorf("%d rows, counted by %+v: %+v", counter.Len(), was.Key, r)
	}
}

// TestCorrectionsAboveTheBound takes a count back where it was counted, though the row is a new one and there are too many.
func TestCorrectionsAboveTheBound(t *testing.T) {
	first, second := NewCounter(4), NewCounter(4)
	for _, c := range []*Counter{first, second} {
		for i := range 4 {
			other := span.Join(client("x"+strconv.Itoa(i), "y", 1), nil, "")
			c.Call(&other)
		}
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
