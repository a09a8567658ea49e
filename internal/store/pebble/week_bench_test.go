package pebble

import (
	"fmt"
	"log/slog"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/twinspan/twinspan/internal/span"
	"github.com/twinspan/twinspan/internal/store"
	"github.com/twinspan/twinspan/internal/store/storetest"
)

// weekRanges is how many ranges BenchmarkWeek spreads over seven days; TWINSPAN_WEEK_RANGES sets another number.
const weekRanges = 5000

// week fills a store with a week of small ranges. One call in all is to the service "rare", an hour after the begin.
func week(b *testing.B) (store.KV, Config) {
	b.Helper()
	ranges := int64(weekRanges)
	if n, err := strconv.Atoi(os.Getenv("TWINSPAN_WEEK_RANGES")); err == nil {
		ranges = int64(n)
	}
	cfg := testConfig("store")
	cfg.FS, cfg.RetentionDays, cfg.MemoryBytes = vfs.NewMem(), 10, 64<<20
	s := openStore(b, cfg)
	shop := storetest.NewShop(1)
	step := 7 * 24 * int64(time.Hour) / ranges
	for n := range ranges {
		calls := shop.Calls(100)
		at := storetest.Day + n*step
		for i := range calls {
			for _, h := range []*span.Half{calls[i].Client, calls[i].Server} {
				if h != nil {
					h.Start, h.Received = at+int64(i)*step/int64(len(calls)), at+step
				}
			}
		}
		if n == ranges/160 {
			calls[0].Callee = "rare"
		}
		r := store.Range{ID: store.RangeID{Partition: uint16(n % 2), From: n}, To: n + 1, Received: at, Calls: calls,
			Rollups: rollupsOf(calls), State: fmt.Appendf(nil, "state %d", n)}
		if err := s.WriteRange(ctx, &r); err != nil {
			b.Fatal(err)
		}
	}
	if err := s.Close(); err != nil {
		b.Fatal(err)
	}
	kv, err := Open(cfg, slog.New(slog.DiscardHandler))
	if err != nil {
		b.Fatal(err)
	}
	return kv, cfg
}

// BenchmarkWeek asks a store of many small ranges: opening it, first pages of searches over the whole week, counts.
func BenchmarkWeek(b *testing.B) {
	kv, _ := week(b)
	s, err := store.Open(ctx, kv)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { s.Close() })
	yes := true
	from, to := storetest.Day, storetest.Day+7*24*int64(time.Hour)
	for _, q := range []struct {
		name string
		q    store.Query
	}{
		{"newest", store.Query{}}, {"common", store.Query{Callee: "service-08"}}, {"failed", store.Query{App: "service-08", Error: &yes}},
		{"rare", store.Query{Callee: "rare"}}, {"not-there", store.Query{Callee: "service-99"}},
		{"rare-of-common", store.Query{Callee: "rare", Caller: "service-01"}},
		{"slow", store.Query{MinDuration: 1e12}}, {"address", store.Query{Address: "10.32.7.39"}},
		{"no-address", store.Query{Address: "10.99.0.1"}}, {"no-caller", store.Query{Operation: "nothing", Error: &yes}},
		{"load-test", store.Query{LoadTest: &yes}}, {"tag", store.Query{Callee: "service-08", Tags: []store.Tag{{Key: "tenant.id", Value: "tenant-07"}}}},
	} {
		q.q.From, q.q.To, q.q.Lean = from, to, true
		b.Run("search/"+q.name, func(b *testing.B) {
			for b.Loop() {
				n := 0
				if err := s.Search(ctx, &q.q, func(span.Call) bool { n++; return n < 20 }); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	for _, q := range []struct {
		name string
		q    store.RollupQuery
	}{
		{"week", store.RollupQuery{}}, {"day", store.RollupQuery{From: 2 * 1440, To: 3 * 1440}},
		{"odd", store.RollupQuery{From: 1447, To: 5 * 1440}}, {"hour", store.RollupQuery{From: 3000, To: 3060}},
		{"steps-of-2h", store.RollupQuery{Step: 120}},
	} {
		if q.q.To == 0 {
			q.q.To = 7 * 1440
		}
		q.q.From, q.q.To = q.q.From+from/60e9, q.q.To+from/60e9
		b.Run("rollups/"+q.name, func(b *testing.B) {
			for b.Loop() {
				if _, err := s.Rollups(ctx, q.q, func(*span.Rollup) bool { return true }); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	b.Run("states", func(b *testing.B) {
		for b.Loop() {
			if err := s.States(ctx, 0, func(store.RangeID, int64, []byte) bool { return true }); err != nil {
				b.Fatal(err)
			}
		}
	})
}
