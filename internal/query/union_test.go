package query

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/twinspan/twinspan/internal/query/querytest"
	"github.com/twinspan/twinspan/internal/span"
	"github.com/twinspan/twinspan/internal/store"
	"github.com/twinspan/twinspan/internal/store/storetest"
	"github.com/twinspan/twinspan/sdk/id"
)

// randomCalls makes traces of joined calls with all ids different.
func randomCalls(r *rand.Rand, traces int) (calls []span.Call) {
	origin := uint64(0)
	half := func(t id.Trace, kind span.Kind, app int, parent, twin id.Span, start, duration int64) *span.Half {
		origin++
		return &span.Half{Trace: t, Kind: kind, Type: span.TypeRPC, App: fmt.Sprint("app", app), Span: id.Span(origin),
			Parent: parent, Twin: twin, Start: querytest.Base + start, Duration: duration, Origin: origin, Route: span.RouteOTLP,
			Received: querytest.Base + start + 1e6, Operation: fmt.Sprint("op", r.IntN(3)), Status: span.Status(r.IntN(3))}
	}
	for n := range traces {
		t := id.Trace{byte(n), byte(n >> 8), 1}
		start := r.Int64N(1e9)
		holders := []*span.Half{half(t, span.KindServer, 0, 0, 0, start, 1e6)}
		calls = append(calls, span.Join(nil, holders[0], ""))
		for range r.IntN(8) {
			up := holders[r.IntN(len(holders))]
			from := up.Start - querytest.Base + r.Int64N(1000)
			c := half(t, span.KindClient, int(up.App[3]-'0'), up.Span, 0, from, 1000)
			s := half(t, span.KindServer, r.IntN(6), c.Span, c.Span, from+100, 500)
			holders = append(holders, s)
			calls = append(calls, span.Join(c, s, ""))
		}
	}
	return calls
}

// However calls are divided over readers, in whatever order and how often, halves apart or joined, the answers are those
// of one reader that has every call once.
func TestUnionIsAsOne(t *testing.T) {
	for seed := range uint64(8) {
		r := rand.New(rand.NewPCG(seed, 1))
		whole := randomCalls(r, 30)
		disk, err := store.Open(t.Context(), &storetest.Memory{})
		if err != nil {
			t.Fatal(err)
		}
		defer disk.Close()
		open := &querytest.Reader{}
		ranges := make([][]span.Call, 4)
		put := func(c span.Call) {
			for again := true; again; again = r.IntN(4) == 0 {
				if n := r.IntN(len(ranges) + 1); n < len(ranges) {
					ranges[n] = append(ranges[n], c)
				} else {
					open.Calls = append(open.Calls, c)
				}
			}
		}
		for _, i := range r.Perm(len(whole)) {
			c := whole[i]
			if c.Client != nil && r.IntN(3) == 0 {
				put(span.Join(c.Client, nil, ""))
				c = span.Join(nil, c.Server, "")
			}
			put(c)
		}
		for n, calls := range ranges {
			rng := store.Range{ID: store.RangeID{From: int64(n)}, To: int64(n + 1), Received: querytest.Base, Calls: calls}
			if err := disk.WriteRange(t.Context(), &rng); err != nil {
				t.Fatal(err)
			}
		}
		log := slog.New(slog.DiscardHandler)
		got := New([]store.Reader{open, disk}, DefaultConfig(), log)
		want := New([]store.Reader{&querytest.Reader{Calls: whole}}, DefaultConfig(), log)
		compare(t, seed, got, want, whole)
	}
}

func compare(t *testing.T, seed uint64, got, want *Service, calls []span.Call) {
	t.Helper()
	queries := []store.Query{{}, {App: "app1"}, {Callee: "app2"}, {Caller: "app3"}, {Error: yes()}, {Error: no()},
		{Operation: "op1"}, {MinDuration: 1e6}, {From: querytest.Base + 3e8, To: querytest.Base + 6e8}}
	for i, q := range queries {
		a, b := all(t, got, q, 7), all(t, want, q, 1000)
		if q.Error != nil && *q.Error {
			// Of a call whose halves are apart and of which only one failed, the place is that half's.
			slices.Sort(a)
			slices.Sort(b)
		}
		if i == 2 || i == 6 {
			slices.Sort(a) // likewise where only the server's half tells the callee, or the operation
			slices.Sort(b)
		}
		if !slices.Equal(a, b) {
			t.Errorf("seed %d, query %d: got %d calls, want %d\n%v\n%v", seed, i, len(a), len(b), a, b)
		}
	}
	for i := range calls {
		text := calls[i].Lead().TraceString()
		a, err := got.Trace(context.Background(), text)
		if err != nil {
			t.Fatal(err)
		}
		b, err := want.Trace(context.Background(), text)
		if err != nil {
			t.Fatal(err)
		}
		for n := range a.Nodes {
			a.Nodes[n].Notes &^= NoteLate
		}
		if x, y := draw(a), draw(b); x != y {
			t.Fatalf("seed %d, trace %s: got\n%swant\n%s", seed, text, x, y)
		}
	}
}

// all goes through all pages.
func all(t *testing.T, s *Service, q store.Query, limit int) (list []string) {
	t.Helper()
	req := SearchRequest{Query: q, Limit: limit}
	for {
		page, err := s.Search(t.Context(), req)
		if err != nil || page.Partial {
			t.Fatal(err, page)
		}
		for i := range page.Calls {
			c := &page.Calls[i]
			list = append(list, fmt.Sprint(c.Lead().Origin, c.Caller, c.Callee, c.Server != nil))
		}
		if req.Cursor = page.Next; req.Cursor == "" {
			return list
		}
	}
}
