package storetest

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"slices"
	"testing"

	"github.com/twinspan/twinspan/internal/span"
	"github.com/twinspan/twinspan/internal/store"
	"github.com/twinspan/twinspan/sdk/id"
)

func TestMemory(t *testing.T) {
	Run(t, func(t *testing.T) func() *store.Store {
		kv := &Memory{RetentionDays: 3}
		return func() *store.Store {
			s, err := store.Open(ctx, kv)
			if err != nil {
				t.Fatal(err)
			}
			return s
		}
	})
}

// TestLeftRows writes a range anew, cut and paired differently, after attempts that left rows behind without a done row.
func TestLeftRows(t *testing.T) {
	g := NewGen(11)
	kv := &Memory{}
	s, err := store.Open(ctx, kv)
	if err != nil {
		t.Fatal(err)
	}
	var calls []span.Call
	var rollups []span.Rollup
	traces := make(map[id.Trace]bool)
	broken := errors.New("broken")
	for n := range int64(12) {
		for range 2 {
			stop := g.IntN(400)
			kv.Fault = func(row int) error {
				if row >= stop {
					return broken
				}
				return nil
			}
			lost := store.Range{ID: store.RangeID{From: 10 * n}, To: 10*n + 7, Received: Day, Calls: g.Calls(1 + g.IntN(5000)), Rollups: g.Rollups(50)}
			if err := s.WriteRange(ctx, &lost); err == nil {
				calls, rollups = append(calls, lost.Calls...), append(rollups, lost.Rollups...)
				break // fewer rows than the fault
			} else if !errors.Is(err, broken) {
				t.Fatal(err)
			}
			for i := range lost.Calls {
				traces[lost.Calls[i].Trace()] = true
			}
		}
		kv.Fault = nil
		r := store.Range{ID: store.RangeID{From: 10 * n}, To: 10*n + 10, Received: Day, Calls: g.Calls(g.IntN(300)), Rollups: g.Rollups(20)}
		switch err := s.WriteRange(ctx, &r); {
		case err == nil:
			calls, rollups = append(calls, r.Calls...), append(rollups, r.Rollups...)
		case !errors.Is(err, store.ErrConflict):
			t.Fatal(err)
		}
	}
	for i := range 60 {
		q := g.Query()
		equal(t, fmt.Sprintf("query %d %+v", i, q), describeAll(Search(t, s, &q, everything), false), describeAll(naive(calls, &q), false))
	}
	byTrace := make(map[id.Trace]int)
	for i := range calls {
		byTrace[calls[i].Trace()]++
		traces[calls[i].Trace()] = true
	}
	for trace := range traces {
		found, _, err := s.Trace(ctx, trace, 0)
		if err != nil || len(found) != byTrace[trace] {
			t.Fatalf("trace %s: %d calls, want %d, %v", trace, len(found), byTrace[trace], err)
		}
	}
	checkSums(t, s, rollups, store.RollupQuery{To: 1 << 40, Step: 1}) // none of an attempt that failed
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}

// TestCorrupt changes single bytes of what is stored: reads give an error or other data, and never end the program.
func TestCorrupt(t *testing.T) {
	g := NewGen(12)
	kv := &Memory{}
	s, err := store.Open(ctx, kv)
	if err != nil {
		t.Fatal(err)
	}
	calls := g.Calls(800)
	Write(t, s, 0, 0, calls, g.Rollups(100), 800)
	v := kv.volumes[0]
	var keys []store.Row
	for table, rows := range v.rows {
		for key := range rows {
			if table != store.TableDone { // it is read at the start only
				keys = append(keys, store.Row{Table: table, Key: []byte(key)})
			}
		}
	}
	slices.SortFunc(keys, func(a, b store.Row) int { return bytes.Compare(a.Key, b.Key) })
	check := func(err error) {
		if err != nil && !errors.Is(err, store.ErrCorrupt) {
			t.Fatal(err)
		}
	}
	tag := store.Query{From: math.MinInt64, Tags: []store.Tag{{Key: "key-1", Exists: true}}, Address: "10.0.0.1", Operation: g.Operation()}
	for range 600 {
		at := keys[g.IntN(len(keys))]
		value := v.rows[at.Table][string(at.Key)]
		i, old := g.IntN(len(value)), value
		value = bytes.Clone(value)
		value[i] ^= 1 << g.IntN(8)
		v.rows[at.Table][string(at.Key)] = value
		check(s.Search(ctx, &store.Query{From: math.MinInt64}, func(span.Call) bool { return true }))
		check(s.Search(ctx, &tag, func(span.Call) bool { return true }))
		_, _, err := s.Trace(ctx, calls[g.IntN(len(calls))].Trace(), 0)
		check(err)
		_, err = s.Rollups(ctx, store.RollupQuery{To: 1 << 40}, func(*span.Rollup) bool { return true })
		check(err)
		v.rows[at.Table][string(at.Key)] = old
	}
}
