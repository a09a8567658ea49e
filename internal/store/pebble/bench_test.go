package pebble

import (
	"slices"
	"testing"

	"github.com/twinspan/twinspan/internal/span"
	"github.com/twinspan/twinspan/internal/store"
	"github.com/twinspan/twinspan/internal/store/storetest"
)

// benchCalls is about what a range of 64 MB in memory has.
const benchCalls = 60_000

func halvesOf(calls []span.Call) (n int) {
	for i := range calls {
		if calls[i].Client != nil {
			n++
		}
		if calls[i].Server != nil {
			n++
		}
	}
	return n
}

// BenchmarkWriteRange writes ranges: time and bytes on disk of one half.
func BenchmarkWriteRange(b *testing.B) {
	s := openStore(b, testConfig(b.TempDir()))
	defer s.Close()
	calls := storetest.NewShop(1).Calls(benchCalls)
	halves := halvesOf(calls)
	n := int64(0)
	for b.Loop() {
		r := store.Range{ID: store.RangeID{From: n}, To: n + 1, Received: storetest.Day, Calls: slices.Clone(calls)}
		if err := s.WriteRange(ctx, &r); err != nil {
			b.Fatal(err)
		}
		n++
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(n)/float64(halves), "ns/half")
	b.ReportMetric(float64(s.Stats().Bytes)/float64(n)/float64(halves), "B/half")
}

func readStore(b *testing.B) (*store.Store, []span.Call) {
	b.Helper()
	s := openStore(b, testConfig(b.TempDir()))
	b.Cleanup(func() { s.Close() })
	var calls []span.Call
	shop := storetest.NewShop(1)
	for n := range int64(4) {
		some := shop.Calls(benchCalls / 2)
		calls = append(calls, some...)
		r := store.Range{ID: store.RangeID{From: n}, To: n + 1, Received: storetest.Day, Calls: some}
		if err := s.WriteRange(ctx, &r); err != nil {
			b.Fatal(err)
		}
	}
	return s, calls
}

func BenchmarkTrace(b *testing.B) {
	s, calls := readStore(b)
	for i := 0; b.Loop(); i++ {
		found, _, err := s.Trace(ctx, calls[i*7919%len(calls)].Trace(), 0)
		if err != nil || len(found) == 0 {
			b.Fatal(len(found), err)
		}
	}
}

func BenchmarkSearch(b *testing.B) {
	s, _ := readStore(b)
	yes := true
	for name, q := range map[string]store.Query{
		"newest":    {Lean: true},
		"callee":    {Callee: "service-08", Lean: true},
		"whole":     {Callee: "service-08"},
		"failed":    {App: "service-08", Error: &yes, Lean: true},
		"slow":      {MinDuration: 40e6, Lean: true},
		"tag":       {Callee: "service-08", Tags: []store.Tag{{Key: "tenant.id", Value: "tenant-07"}}, Lean: true},
		"not there": {Callee: "service-99"},
	} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				n := 0
				if err := s.Search(ctx, &q, func(span.Call) bool { n++; return n < 20 }); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkRollups reads 20 ranges of roll-ups, as a topology over some minutes does: time of one row.
func BenchmarkRollups(b *testing.B) {
	s := openStore(b, testConfig(b.TempDir()))
	defer s.Close()
	shop := storetest.NewShop(1)
	total := 0
	for n := range int64(20) {
		r := store.Range{ID: store.RangeID{From: n}, To: n + 1, Received: storetest.Day, Rollups: rollupsOf(shop.Calls(20_000))}
		if err := s.WriteRange(ctx, &r); err != nil {
			b.Fatal(err)
		}
		total += len(r.Rollups)
	}
	for b.Loop() {
		rows := 0
		if _, err := s.Rollups(ctx, store.RollupQuery{To: 1 << 40}, func(*span.Rollup) bool { rows++; return true }); err != nil || rows == 0 {
			b.Fatal(rows, err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(total), "ns/row")
	b.ReportMetric(float64(total), "rows")
}

func rollupsOf(calls []span.Call) (rows []span.Rollup) {
	at := make(map[span.RollupKey]int)
	for i := range calls {
		c := &calls[i]
		key := span.RollupKey{Minute: c.Start() / 60e9, Type: c.Type, Caller: c.Caller, Callee: c.Callee, Operation: c.Operation()}
		n, ok := at[key]
		if !ok {
			n = len(rows)
			at[key] = n
			rows = append(rows, span.Rollup{RollupKey: key})
		}
		rows[n].Calls++
		rows[n].Latency.Add(c.Duration())
	}
	return rows
}
