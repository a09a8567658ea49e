// Package storetest is what every implementation of the span store's KV has to pass, beside a KV in memory that keeps no
// more than the contract promises. It is for tests only.
package storetest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"
	"reflect"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twinspan/twinspan/internal/span"
	"github.com/twinspan/twinspan/internal/store"
	"github.com/twinspan/twinspan/sdk/id"
)

// Run runs the suite. open opens the same store again each time it is called within one test, after the store of the call
// before was closed; it is empty the first time. Its KV has to keep at least 3 days.
func Run(t *testing.T, open func(t *testing.T) (reopen func() *store.Store)) {
	for name, test := range map[string]func(*testing.T, func() *store.Store){
		"Empty":      testEmpty,
		"RoundTrip":  testRoundTrip,
		"Search":     testSearch,
		"Traces":     testTraces,
		"Rollups":    testRollups,
		"Sums":       testSums,
		"SumsExpire": testSumsExpire,
		"Ranges":     testRanges,
		"States":     testStates,
		"Expire":     testExpire,
		"Large":      testLarge,
		"Closed":     testClosed,
		"Cancelled":  testCancelled,
		"FutureTime": testFuture,
		"Concurrent": testConcurrent,
		"ManyRanges": testManyRanges,
		"ManyHosts":  testManyHosts,
		"ClockBack":  testClockBack,
		"TraceBatch": testTraceBatch,
	} {
		t.Run(name, func(t *testing.T) { test(t, open(t)) })
	}
}

var ctx = context.Background()

// Write writes calls and roll-ups as ranges of some size, beginning at offset from.
func Write(t testing.TB, s *store.Store, partition uint16, from int64, calls []span.Call, rollups []span.Rollup, size int) (to int64) {
	t.Helper()
	for len(calls) > 0 || len(rollups) > 0 {
		n, m := min(size, len(calls)), min(size, len(rollups))
		r := store.Range{ID: store.RangeID{Partition: partition, From: from}, To: from + int64(max(n, 1)), Received: Day,
			Calls: slices.Clone(calls[:n]), Rollups: rollups[:m]}
		if err := s.WriteRange(ctx, &r); err != nil {
			t.Fatal(err)
		}
		calls, rollups, from = calls[n:], rollups[m:], r.To
	}
	return from
}

// Describe tells a call's every field, for comparisons and messages. lean leaves out what Query.Lean does not bring.
func Describe(c *span.Call, lean bool) string {
	side := func(h *span.Half) string {
		if h == nil {
			return "none"
		}
		v := *h
		payload, resource := fmt.Sprintf("%x", []byte(v.Payload)), fmt.Sprintf("%x", []byte(v.Resource))
		if lean {
			payload, resource = "", ""
		}
		v.Payload, v.Resource = nil, nil
		return fmt.Sprintf("%+v payload=%s resource=%s", v, payload, resource)
	}
	return fmt.Sprintf("%q→%q type=%d\n client %s\n server %s", c.Caller, c.Callee, c.Type, side(c.Client), side(c.Server))
}

func describeAll(calls []span.Call, lean bool) []string {
	out := make([]string, len(calls))
	for i := range calls {
		out[i] = Describe(&calls[i], lean)
	}
	return out
}

// Search collects at most limit calls.
func Search(t testing.TB, r store.Reader, q *store.Query, limit int) (calls []span.Call) {
	t.Helper()
	err := r.Search(ctx, q, func(c span.Call) bool {
		calls = append(calls, c)
		return len(calls) < limit
	})
	if err != nil {
		t.Fatal(err)
	}
	return calls
}

// naive is the oracle: what Query.Match and Compare say.
func naive(calls []span.Call, q *store.Query) (found []span.Call) {
	for i := range calls {
		if q.Match(&calls[i]) {
			found = append(found, calls[i])
		}
	}
	slices.SortStableFunc(found, func(a, b span.Call) int { return store.Compare(&a, &b) })
	return found
}

func equal(t *testing.T, what string, got, want []string) {
	t.Helper()
	if len(got) != len(want) {
		t.Errorf("%s: %d calls, want %d", what, len(got), len(want))
	}
	for i := range min(len(got), len(want)) {
		if got[i] != want[i] {
			t.Fatalf("%s: call %d is\n%s\nwant\n%s", what, i, got[i], want[i])
		}
	}
}

const everything = 1 << 30

func testEmpty(t *testing.T, open func() *store.Store) {
	s := open()
	defer close(t, s)
	if calls := Search(t, s, &store.Query{}, everything); len(calls) > 0 {
		t.Errorf("an empty store has %d calls", len(calls))
	}
	if calls, truncated, err := s.Trace(ctx, id.Trace{1}, 10); err != nil || len(calls) > 0 || truncated {
		t.Errorf("trace: %d calls, truncated %v, %v", len(calls), truncated, err)
	}
	if last, err := s.LastDone(ctx); err != nil || len(last) > 0 {
		t.Errorf("last done: %v, %v", last, err)
	}
	if st := s.Stats(); st.Calls != 0 || len(st.Days) != 0 {
		t.Errorf("stats: %+v", st)
	}
}

func close(t *testing.T, s *store.Store) {
	t.Helper()
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}

func testRoundTrip(t *testing.T, open func() *store.Store) {
	for _, size := range []int{1, 70, 5000} {
		g := NewGen(uint64(size))
		calls := g.Calls(min(2*size+3, 6000))
		for i := range calls {
			if size == 70 { // what ids are derived from must not matter
				setOrigins(&calls[i], func(h *span.Half) uint64 { return uint64(h.Span) })
			} else if size == 1 {
				setOrigins(&calls[i], func(*span.Half) uint64 { return 0 })
			}
		}
		s := open()
		from := int64(size) << 20
		Write(t, s, uint16(size), from, calls, nil, size)
		close(t, s)
		s = open() // what is on disk counts
		all := Search(t, s, &store.Query{From: math.MinInt64}, everything)
		got, want := describeAll(all, false), describeAll(calls, false)
		slices.Sort(got)
		slices.Sort(want)
		for _, w := range want {
			if _, ok := slices.BinarySearch(got, w); !ok {
				t.Fatalf("ranges of %d: lost or changed:\n%s", size, w)
			}
		}
		close(t, s)
	}
}

func setOrigins(c *span.Call, origin func(*span.Half) uint64) {
	for _, h := range []*span.Half{c.Client, c.Server} {
		if h != nil {
			h.Origin = origin(h)
		}
	}
}

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

func testRanges(t *testing.T, open func() *store.Store) {
	g := NewGen(4)
	s := open()
	write := func(partition uint16, from, to int64) error {
		return s.WriteRange(ctx, &store.Range{ID: store.RangeID{Partition: partition, From: from}, To: to, Received: Day, Calls: g.Calls(5)})
	}
	for _, r := range [][3]int64{{0, 0, 10}, {0, 10, 20}, {0, 30, 40}, {3, 100, 101}, {0, 0, 10}} {
		if err := write(uint16(r[0]), r[1], r[2]); err != nil {
			t.Fatal(err)
		}
	}
	for _, r := range [][2]int64{{0, 11}, {5, 8}, {19, 21}, {25, 31}, {20, 50}} {
		if err := write(0, r[0], r[1]); !errors.Is(err, store.ErrConflict) {
			t.Errorf("range %v: %v, want a conflict", r, err)
		}
	}
	if err := write(0, 50, 50); err == nil {
		t.Error("a range without records was taken")
	}
	check := func() {
		t.Helper()
		done, err := s.Done(ctx)
		want := map[uint16][]store.Interval{0: {{From: 0, To: 20}, {From: 30, To: 40}}, 3: {{From: 100, To: 101}}}
		if err != nil || !reflect.DeepEqual(done, want) {
			t.Errorf("done %v, %v", done, err)
		}
		last, err := s.LastDone(ctx)
		if err != nil || !reflect.DeepEqual(last, map[uint16]int64{0: 20, 3: 101}) {
			t.Errorf("last done %v, %v", last, err)
		}
		if n := len(Search(t, s, &store.Query{}, everything)); n != 20 {
			t.Errorf("%d calls, want those of four ranges", n)
		}
		if st := s.Stats(); st.Calls != 20 || st.Ranges != 4 || len(st.Days) != 1 || st.Days[0].Day != store.DayOf(Day) || st.Bytes <= 0 {
			t.Errorf("stats %+v", st)
		}
	}
	check()
	close(t, s)
	s = open()
	defer func() { close(t, s) }()
	check()
	if err := write(0, 20, 30); err != nil {
		t.Errorf("filling the gap: %v", err)
	}
	if last, _ := s.LastDone(ctx); last[0] != 40 {
		t.Errorf("last done %v after the gap was filled", last)
	}
}

func testStates(t *testing.T, open func() *store.Store) {
	s := open()
	large := bytes.Repeat([]byte("state "), 3<<20)
	for i, r := range []store.Range{
		{ID: store.RangeID{From: 0}, To: 5, Received: Day, State: []byte("a")},
		{ID: store.RangeID{From: 5}, To: 9, Received: Day + 100},
		{ID: store.RangeID{Partition: 2, From: 7}, To: 8, Received: Day, State: large},
		{ID: store.RangeID{From: 9}, To: 10, Received: Day + 50, State: []byte("c")},
	} {
		if err := s.WriteRange(ctx, &r); err != nil {
			t.Fatal(i, err)
		}
	}
	close(t, s)
	s = open()
	defer func() { close(t, s) }()
	var got []string
	err := s.States(ctx, Day+60, func(id store.RangeID, to int64, state []byte) bool {
		got = append(got, fmt.Sprintf("%s %d %d", id, to, len(state)))
		return true
	})
	want := []string{"0000-0000000000000005 9 0", "0000-0000000000000009 10 1", fmt.Sprintf("0002-0000000000000007 8 %d", len(large))}
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("%v %q, want %q", err, got, want)
	}
	got = nil
	err = s.StatesBack(ctx, 0, func(id store.RangeID, state []byte) bool {
		got = append(got, fmt.Sprintf("%s %q", id, state))
		return id.From > 5
	})
	if want := []string{`0000-0000000000000009 "c"`, `0000-0000000000000005 ""`}; err != nil || !slices.Equal(got, want) {
		t.Errorf("%v %q, want %q", err, got, want)
	}
}

func testExpire(t *testing.T, open func() *store.Store) {
	const day = int64(24 * time.Hour)
	g := NewGen(5)
	s := open()
	defer func() { close(t, s) }()
	byDay := make(map[int64][]span.Call)
	for d := range int64(4) {
		byDay[d] = g.Calls(20)
		r := store.Range{ID: store.RangeID{From: d}, To: d + 1, Received: Day + d*day, Calls: slices.Clone(byDay[d])}
		if err := s.WriteRange(ctx, &r); err != nil {
			t.Fatal(err)
		}
	}
	if dropped, err := s.Expire(ctx, time.Unix(0, Day+3*day)); err != nil || len(dropped) > 0 {
		t.Fatalf("dropped %v, %v", dropped, err)
	}
	// A hundred days later everything is old, but the newest day tells how far the log was read.
	dropped, err := s.Expire(ctx, time.Unix(0, Day+100*day))
	first := store.DayOf(Day)
	if err != nil || !slices.Equal(dropped, []store.Day{first, first + 1, first + 2}) {
		t.Fatalf("dropped %v, %v", dropped, err)
	}
	all := Search(t, s, &store.Query{}, everything)
	q := store.Query{}
	equal(t, "after expiry", describeAll(all, false), describeAll(naive(byDay[3], &q), false))
	if last, err := s.LastDone(ctx); err != nil || last[0] != 4 {
		t.Errorf("last done %v, %v", last, err)
	}
	close(t, s)
	s = open()
	if n := len(Search(t, s, &store.Query{}, everything)); n != 20 {
		t.Errorf("%d calls after a restart", n)
	}
	if last, err := s.LastDone(ctx); err != nil || last[0] != 4 {
		t.Errorf("last done %v, %v after a restart", last, err)
	}
}

// testClockBack has a clock go back over midnight: the ranges stay in their order, so that they expire in it.
func testClockBack(t *testing.T, open func() *store.Store) {
	s := open()
	defer close(t, s)
	g := NewGen(14)
	for i, received := range []int64{0, -1, -2, 5} {
		r := store.Range{ID: store.RangeID{From: int64(i)}, To: int64(i) + 1, Received: Day + received, Calls: g.Calls(3)}
		if err := s.WriteRange(ctx, &r); err != nil {
			t.Fatal(err)
		}
	}
	r := store.Range{ID: store.RangeID{Partition: 1}, To: 1, Received: Day - 3, Calls: g.Calls(3)}
	if err := s.WriteRange(ctx, &r); err != nil {
		t.Fatal(err)
	}
	if days := s.Stats().Days; len(days) != 2 || days[0].Ranges != 4 || days[1].Ranges != 1 {
		t.Errorf("%+v", days)
	}
}

func testLarge(t *testing.T, open func() *store.Store) {
	g := NewGen(6)
	calls := g.Calls(8)
	noise := make([]byte, 11<<20)
	for i := range noise {
		noise[i] = byte(g.Uint32())
	}
	calls[2].Lead().Payload = span.Payload(nil).AppendAttr("huge", span.String(string(noise)))
	s := open()
	Write(t, s, 0, 0, calls, nil, 100)
	close(t, s)
	s = open()
	defer func() { close(t, s) }()
	q := store.Query{}
	if got, want := Search(t, s, &q, everything), naive(calls, &q); !slices.Equal(describeAll(got, false), describeAll(want, false)) {
		t.Error("a large payload did not come back as it was")
	}
}

func testClosed(t *testing.T, open func() *store.Store) {
	s := open()
	close(t, s)
	close(t, s)
	err := s.Search(ctx, &store.Query{}, func(span.Call) bool { return true })
	if !errors.Is(err, store.ErrClosed) {
		t.Errorf("search: %v", err)
	}
	if err := s.WriteRange(ctx, &store.Range{To: 1}); !errors.Is(err, store.ErrClosed) {
		t.Errorf("write: %v", err)
	}
}

func testCancelled(t *testing.T, open func() *store.Store) {
	s := open()
	defer close(t, s)
	calls := NewGen(7).Calls(100)
	Write(t, s, 0, 0, calls, nil, 10)
	gone, cancel := context.WithCancel(ctx)
	cancel()
	if err := s.Search(gone, &store.Query{}, func(span.Call) bool { return true }); !errors.Is(err, context.Canceled) {
		t.Errorf("search: %v", err)
	}
	if _, _, err := s.Trace(gone, calls[0].Trace(), 0); !errors.Is(err, context.Canceled) {
		t.Errorf("trace: %v", err)
	}
	if err := s.WriteRange(gone, &store.Range{ID: store.RangeID{From: 100}, To: 101}); !errors.Is(err, context.Canceled) {
		t.Errorf("write: %v", err)
	}
}

func testFuture(t *testing.T, open func() *store.Store) {
	s := open()
	defer close(t, s)
	c := NewGen(8).Calls(1)[0]
	lead := c.Lead()
	lead.Received, lead.Start = Day+5e9, Day+5e9+store.MaxAhead+1
	Write(t, s, 0, 0, []span.Call{c}, nil, 1)
	q := store.Query{From: Day, To: Day + 6e9}
	if found := Search(t, s, &q, 10); len(found) != 1 || found[0].Start() != lead.Start {
		t.Errorf("%d calls found by their receipt", len(found))
	}
}

// testConcurrent writes several partitions while others read: what is found is always whole ranges.
func testConcurrent(t *testing.T, open func() *store.Store) {
	s := open()
	defer close(t, s)
	const partitions, ranges, size = 3, 8, 40
	var writers, readers sync.WaitGroup
	var done atomic.Bool
	for p := range uint16(partitions) {
		writers.Go(func() {
			g := NewGen(uint64(p))
			for i := range int64(ranges) {
				r := store.Range{ID: store.RangeID{Partition: p, From: i}, To: i + 1, Received: Day + i%2*int64(24*time.Hour),
					Calls: g.Calls(size), Rollups: g.Rollups(5)}
				if err := s.WriteRange(ctx, &r); err != nil {
					t.Error(err)
				}
			}
		})
	}
	for range 2 {
		readers.Go(func() {
			for !done.Load() {
				n := 0
				err := s.Search(ctx, &store.Query{From: math.MinInt64, Lean: true}, func(span.Call) bool { n++; return true })
				if err != nil || n%size != 0 {
					t.Errorf("%d calls in ranges of %d, %v", n, size, err)
					return
				}
				s.Stats()
				if found := Search(t, s, &store.Query{From: math.MinInt64, App: "app-1"}, 30); len(found) > 0 {
					if _, _, err := s.Traces(ctx, []id.Trace{found[0].Trace()}, 10); err != nil {
						t.Error(err)
					}
				}
			}
		})
	}
	writers.Wait()
	done.Store(true)
	readers.Wait()
	if n := len(Search(t, s, &store.Query{From: math.MinInt64}, everything)); n != partitions*ranges*size {
		t.Errorf("%d calls at the end", n)
	}
}
