// Package storetest is what every implementation of the span store's KV has to pass, beside a KV in memory that keeps no
// more than the contract promises. It is for tests only.
package storetest

import (
	"context"
	"errors"
	"fmt"
	"math"
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
