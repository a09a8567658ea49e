package query

import (
	"math"
	"testing"

	"github.com/twinspan/twinspan/internal/span"
	"github.com/twinspan/twinspan/sdk/id"
)

// Whatever ids and times halves have: each is in exactly one call, parents stand before their children, and the result
// does not depend on the order in which calls are read.
func FuzzAssemble(f *testing.F) {
	f.Add([]byte{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20})
	f.Add([]byte("a few bytes that make some halves with ids that repeat, circles and clocks that are wrong"))
	f.Fuzz(func(t *testing.T, data []byte) {
		calls := fuzzCalls(data)
		got := Assemble(id.Trace{}, calls, false)
		seen := make(map[uint64]int)
		for i := range got.Nodes {
			n := &got.Nodes[i]
			if n.Parent >= i || n.Parent < -1 || n.Self < 0 {
				t.Fatalf("call %d has parent %d and %d ns for itself", i, n.Parent, n.Self)
			}
			for _, h := range []*span.Half{n.Call.Client, n.Call.Server} {
				if h != nil {
					seen[h.Origin]++
				}
			}
		}
		if len(seen) != got.Halves || got.Duration < 0 {
			t.Fatalf("%d of %d halves are shown, duration %d", len(seen), got.Halves, got.Duration)
		}
		for origin, n := range seen {
			if n != 1 {
				t.Fatalf("half %d is shown %d times", origin, n)
			}
		}
		turned := make([]span.Call, len(calls))
		for i := range calls {
			turned[len(calls)-1-i] = calls[i]
		}
		if a, b := draw(got), draw(Assemble(id.Trace{}, turned, false)); a != b {
			t.Fatalf("the order of reading changes\n%sto\n%s", a, b)
		}
	})
}

func fuzzCalls(data []byte) (calls []span.Call) {
	next := func() int64 {
		if len(data) == 0 {
			return 0
		}
		b := data[0]
		data = data[1:]
		return int64(b)
	}
	times := [...]int64{0, 1, 1e6, 1e9, math.MaxInt64, math.MinInt64, math.MaxInt64 / 2}
	dotted := [...]string{"", "0", "0.1", "0.1.1", "0.1.0.1", "0.2"}
	half := func() *span.Half {
		h := &span.Half{
			Kind: span.Kind(next() % 6), Type: span.Type(next() % 6), Span: id.Span(next() % 8), Parent: id.Span(next() % 8),
			Twin: id.Span(next() % 8), Route: span.Route(next() % 4), Dotted: dotted[next()%int64(len(dotted))],
			Start: times[next()%int64(len(times))] + next(), Duration: max(0, times[next()%int64(len(times))]),
			App: string(rune('a' + next()%3)), Origin: uint64(1 + len(data)),
		}
		if h.Shared = next()%4 == 0; h.Shared {
			h.Twin = h.Span
		}
		return h
	}
	for len(data) > 0 {
		h := half()
		switch {
		case !h.Kind.CalleeSide() && next()%2 == 0 && len(data) > 0:
			s := half()
			s.Kind = span.KindServer
			calls = append(calls, span.Join(h, s, ""))
		case h.Kind.CalleeSide():
			calls = append(calls, span.Join(nil, h, ""))
		default:
			calls = append(calls, span.Join(h, nil, ""))
		}
	}
	return calls
}
