package storetest

import (
	"fmt"
	"math"
	"slices"
	"testing"

	"github.com/twinspan/twinspan/internal/store"
	"github.com/twinspan/twinspan/sdk/id"
)

func testSearch(t *testing.T, open func() *store.Store) {
	g := NewGen(1)
	calls := g.Calls(2800)
	s := open()
	defer func() { close(t, s) }()
	Write(t, s, 1, 0, calls[:1000], nil, 500)
	Write(t, s, 2, 0, calls[1000:1400], nil, 100)
	Write(t, s, 1, 1000, calls[1400:], nil, 2000)
	for i := range 120 {
		q := g.Query()
		want := describeAll(naive(calls, &q), false)
		equal(t, fmt.Sprintf("query %d %+v", i, q), describeAll(Search(t, s, &q, everything), false), want)
		if i%4 == 0 {
			pages(t, s, q, want, 1+len(want)/8+g.IntN(9))
		}
		if i%8 == 0 {
			q.Lean = true
			equal(t, fmt.Sprintf("lean query %d %+v", i, q), describeAll(Search(t, s, &q, everything), true), describeAll(naive(calls, &q), true))
		}
	}
	for range 60 {
		from, to := g.Start(), g.Start()
		var want store.Interval
		for i := range calls {
			if at := store.Time(&calls[i]); at >= from && at < to {
				want.Include(at, at+1)
			}
		}
		if got, err := s.Times(ctx, from, to); err != nil || got != want {
			t.Fatalf("times from %d to %d: %v, %v, want %v", from, to, got, err, want)
		}
	}
	all := store.Query{}
	equal(t, "all", describeAll(Search(t, s, &all, everything), false), describeAll(naive(calls, &all), false))
	pages(t, s, all, describeAll(naive(calls, &all), false), 397)
}

// testManyRanges searches for what few of many ranges have.
func testManyRanges(t *testing.T, open func() *store.Store) {
	g := NewGen(13)
	s := open()
	defer close(t, s)
	calls := g.Calls(600)
	for i := range calls {
		if i%150 == 70 {
			calls[i].Callee = "rare"
			calls[i].Lead().PeerAddr = "rare.host:80"
		}
	}
	Write(t, s, 0, 0, calls, nil, 3)
	yes := true
	for _, q := range []store.Query{{Callee: "rare"}, {App: "rare", Error: &yes}, {Address: "rare.host"}, {Callee: "nowhere"}, {App: "rare"},
		{Callee: "rare", Caller: "app-1"}} {
		q.From = math.MinInt64
		equal(t, fmt.Sprintf("query %+v", q), describeAll(Search(t, s, &q, everything), false), describeAll(naive(calls, &q), false))
	}
}

// testManyHosts has more hosts than are indexed one by one.
func testManyHosts(t *testing.T, open func() *store.Store) {
	g := NewGen(14)
	s := open()
	defer close(t, s)
	calls := g.Calls(7000)
	for i := range calls {
		calls[i].Lead().PeerAddr = fmt.Sprintf("10.%d.%d.%d:80", i/3%2, i/256%50, i%256)
	}
	Write(t, s, 0, 0, calls, nil, 6500)
	for i := range 12 {
		q := store.Query{From: math.MinInt64, Address: calls[i*577].Lead().PeerAddr}
		if i%2 == 0 {
			q.Address = q.Address[:len(q.Address)-3]
		}
		equal(t, fmt.Sprintf("query %+v", q), describeAll(Search(t, s, &q, everything), false), describeAll(naive(calls, &q), false))
	}
}

// pages reads a search page by page.
func pages(t *testing.T, s *store.Store, q store.Query, want []string, size int) {
	t.Helper()
	var got []string
	for len(got) <= len(want) {
		page := Search(t, s, &q, size)
		got = append(got, describeAll(page, false)...)
		if len(page) < size {
			break
		}
		q.After = store.PositionOf(&page[len(page)-1])
	}
	equal(t, fmt.Sprintf("pages of %d of %+v", size, q), got, want)
}

func testTraces(t *testing.T, open func() *store.Store) {
	g := NewGen(2)
	calls := g.Calls(3000)
	s := open()
	Write(t, s, 0, 0, calls, nil, 700)
	close(t, s)
	s = open()
	defer func() { close(t, s) }()
	byTrace := make(map[id.Trace][]string)
	for i := range calls {
		byTrace[calls[i].Trace()] = append(byTrace[calls[i].Trace()], Describe(&calls[i], false))
	}
	for trace, want := range byTrace {
		found, truncated, err := s.Trace(ctx, trace, 0)
		if err != nil || truncated {
			t.Fatalf("trace %s: truncated %v, %v", trace, truncated, err)
		}
		got := describeAll(found, false)
		slices.Sort(got)
		slices.Sort(want)
		equal(t, "trace "+trace.String(), got, want)
		if len(want) > 1 {
			found, truncated, err = s.Trace(ctx, trace, len(want)-1)
			if err != nil || !truncated || len(found) != len(want)-1 {
				t.Fatalf("trace %s with a limit: %d calls, truncated %v, %v", trace, len(found), truncated, err)
			}
		}
	}
}

// testTraceBatch reads several traces at once: each as Trace gives it.
func testTraceBatch(t *testing.T, open func() *store.Store) {
	g := NewGen(15)
	calls := g.Calls(1500)
	s := open()
	defer close(t, s)
	Write(t, s, 0, 0, calls, nil, 400)
	traces := []id.Trace{{1, 2, 3}} // one that is not there
	for len(traces) < 40 {
		if c := calls[g.IntN(len(calls))].Trace(); !slices.Contains(traces, c) {
			traces = append(traces, c)
		}
	}
	for _, limit := range []int{1, 3, everything} {
		got, truncated, err := s.Traces(ctx, traces, limit)
		if err != nil {
			t.Fatal(err)
		}
		for i, trace := range traces {
			want, _, err := s.Trace(ctx, trace, 0)
			if err != nil {
				t.Fatal(err)
			}
			if truncated[i] != (len(want) > limit) {
				t.Errorf("trace %s of %d calls is truncated at %d: %v", trace, len(want), limit, truncated[i])
			}
			if truncated[i] {
				want = nil
			}
			a, b := describeAll(got[i], false), describeAll(want, false)
			slices.Sort(a)
			slices.Sort(b)
			equal(t, fmt.Sprintf("trace %s, at most %d", trace, limit), a, b)
		}
	}
}
