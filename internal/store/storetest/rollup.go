package storetest

import (
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/twinspan/twinspan/internal/span"
	"github.com/twinspan/twinspan/internal/store"
	"github.com/twinspan/twinspan/sdk/histogram"
)

// Sums are roll-ups added up by key, whoever added them.
type Sums map[span.RollupKey]*Sum

// Sum is the numbers of one key.
type Sum struct {
	Calls, Errors uint64
	Latency       histogram.H
}

// Add adds a row.
func (s Sums) Add(r *span.Rollup) {
	v := s[r.RollupKey]
	if v == nil {
		v = new(Sum)
		s[r.RollupKey] = v
	}
	v.Calls += r.Calls
	v.Errors += r.Errors
	v.Latency.Merge(&r.Latency)
}

// SumOf is the oracle: what a query has to give of rows.
func SumOf(rows []span.Rollup, q store.RollupQuery) (sums Sums, minutes store.Interval) {
	sums = make(Sums)
	for _, r := range rows {
		if r.Minute < q.From || r.Minute >= q.To {
			continue
		}
		minutes.Include(r.Minute, r.Minute+1)
		r.Minute = q.Minute(r.Minute)
		if q.Counts {
			r.Latency = histogram.H{}
		}
		sums.Add(&r)
	}
	return sums, minutes
}

// Lines describes sums, for comparisons and messages.
func (s Sums) Lines() []string {
	var out []string
	for key, v := range s {
		out = append(out, fmt.Sprintf("%+v %d %d %x", key, v.Calls, v.Errors, v.Latency.Append(nil)))
	}
	slices.Sort(out)
	return out
}

// checkSums compares what a store gives with the oracle.
func checkSums(t *testing.T, s *store.Store, rows []span.Rollup, q store.RollupQuery) {
	t.Helper()
	if !q.Counts {
		counts := q
		counts.Counts = true
		checkSums(t, s, rows, counts)
	}
	got := make(Sums)
	minutes, err := s.Rollups(ctx, q, func(r *span.Rollup) bool {
		got.Add(r)
		return true
	})
	if err != nil {
		t.Fatal(err)
	}
	want, wantMinutes := SumOf(rows, q)
	equal(t, fmt.Sprintf("%+v", q), got.Lines(), want.Lines())
	if minutes != wantMinutes {
		t.Fatalf("%+v: minutes %v, want %v", q, minutes, wantMinutes)
	}
}

func testRollups(t *testing.T, open func() *store.Store) {
	g := NewGen(3)
	rows := g.Rollups(6000)
	s := open()
	Write(t, s, 0, 0, nil, rows, 5000)
	close(t, s)
	s = open()
	defer func() { close(t, s) }()
	first := Day / 60e9
	for _, span := range [][2]int64{{first, first + 4}, {first + 1, first + 2}, {first + 3, first + 3}, {first + 9, first + 10}, {0, 1 << 40}} {
		for _, step := range []int64{0, 1, 3, 60} {
			checkSums(t, s, rows, store.RollupQuery{From: span[0], To: span[1], Step: step})
		}
	}
	n := 0
	_, err := s.Rollups(ctx, store.RollupQuery{To: 1 << 40, Step: 1}, func(*span.Rollup) bool { n++; return n < 3 })
	if err != nil || n != 3 {
		t.Errorf("stopped at %d rows, %v", n, err)
	}
}

// fewKeys makes rows alike, so that adding them up leaves fewer.
func fewKeys(rows []span.Rollup) []span.Rollup {
	for i := range rows {
		k := &rows[i].RollupKey
		k.Source, k.Side, k.Type, k.LoadTest, k.Instance, k.Operation = 0, 0, 1, false, "", "op"
		k.Caller = "app-1"
	}
	return rows
}

// testSums writes so many ranges that their roll-ups are added up, over several levels and days, and asks for all kinds of
// spans of time and steps: the sums that are kept must not be seen.
func testSums(t *testing.T, open func() *store.Store) {
	const ranges, perDay = 900, 400
	g := NewGen(21)
	s := open()
	defer func() { close(t, s) }()
	var rows []span.Rollup
	byRange := make(map[store.RangeID][]span.Rollup)
	for n := range int64(ranges) {
		id := store.RangeID{Partition: uint16(n % 2), From: n}
		some := fewKeys(g.Rollups(g.IntN(8)))
		minute := Day/60e9 + n/perDay*1440 + n%perDay
		for i := range some {
			some[i].Minute += minute - Day/60e9
			if g.one(40) { // late
				some[i].Minute -= g.Int64N(200)
			}
			if g.one(200) { // a clock that is wrong
				some[i].Minute = g.Int64N(1 << 32)
			}
		}
		r := store.Range{ID: id, To: n + 1, Received: Day + n/perDay*int64(24*time.Hour), Rollups: some}
		if err := s.WriteRange(ctx, &r); err != nil {
			t.Fatal(err)
		}
		rows = append(rows, some...)
		byRange[id] = some
	}
	queries := []store.RollupQuery{{From: 0, To: 1 << 40}, {From: Day / 60e9, To: Day/60e9 + 1440}}
	for range 60 {
		from := Day/60e9 + g.Int64N(3*1440) - 100
		length := []int64{1, 7, 60, 61, 400, 1440, 5000}[g.IntN(7)]
		queries = append(queries, store.RollupQuery{From: from, To: from + length, Step: []int64{0, 0, 1, 7, 10, 60, 120, 1440}[g.IntN(8)]})
	}
	for _, q := range queries {
		checkSums(t, s, rows, q)
	}
	close(t, s)
	s = open() // what is on disk counts
	for _, q := range queries {
		checkSums(t, s, rows, q)
	}
	// Of a range that was read elsewhere nothing is counted again.
	without := make(map[store.RangeID]bool)
	var rest []span.Rollup
	for id, some := range byRange {
		if without[id] = g.one(300); !without[id] {
			rest = append(rest, some...)
		}
	}
	maps.DeleteFunc(without, func(_ store.RangeID, left bool) bool { return !left })
	for _, q := range queries[:10] {
		got := make(Sums)
		_, err := s.RollupsWithout(ctx, q, without, func(r *span.Rollup) bool { got.Add(r); return true })
		if err != nil {
			t.Fatal(err)
		}
		want, _ := SumOf(rest, q)
		equal(t, fmt.Sprintf("%+v without %v", q, without), got.Lines(), want.Lines())
	}
}

// testSumsExpire drops a day whose roll-ups were added up beside ranges of the next.
func testSumsExpire(t *testing.T, open func() *store.Store) {
	const day = int64(24 * time.Hour)
	g := NewGen(22)
	s := open()
	defer func() { close(t, s) }()
	var rows, kept []span.Rollup
	for n := range int64(60) {
		d := min(n/20, 2) * 2
		r := store.Range{ID: store.RangeID{From: n}, To: n + 1, Received: Day + d*day, Rollups: fewKeys(g.Rollups(5))}
		if err := s.WriteRange(ctx, &r); err != nil {
			t.Fatal(err)
		}
		rows = append(rows, r.Rollups...)
		if d > 0 {
			kept = append(kept, r.Rollups...)
		}
	}
	all := store.RollupQuery{To: 1 << 40}
	checkSums(t, s, rows, all)
	if dropped, err := s.Expire(ctx, time.Unix(0, Day+4*day)); err != nil || len(dropped) != 1 {
		t.Fatalf("dropped %v, %v", dropped, err)
	}
	checkSums(t, s, kept, all)
	for n := int64(60); n < 100; n++ {
		r := store.Range{ID: store.RangeID{From: n}, To: n + 1, Received: Day + 4*day, Rollups: fewKeys(g.Rollups(5))}
		if err := s.WriteRange(ctx, &r); err != nil {
			t.Fatal(err)
		}
		kept = append(kept, r.Rollups...)
	}
	checkSums(t, s, kept, all)
	close(t, s)
	s = open()
	checkSums(t, s, kept, all)
}
