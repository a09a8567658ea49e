package store

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

func TestSorter(t *testing.T) {
	rnd := rand.New(rand.NewPCG(3, 4))
	var s sorter // used again and again, as ranges do
	for _, greatest := range []uint64{0, 1, 7, orderBuckets - 1, orderBuckets, 1 << 40, math.MaxUint64} {
		for _, n := range []int{0, 1, 2, 100, 20_000, 30} {
			orders := s.begin(n)
			for i := range orders {
				orders[i] = order{rnd.Uint64N(max(1, greatest)), rnd.Uint64N(1 << (i % 64)), i}
			}
			if n > 0 {
				orders[n/2].high = greatest
			}
			want := slices.SortedFunc(slices.Values(orders), compareOrders)
			if got := s.sort(greatest); !slices.Equal(got, want) {
				t.Errorf("%d orders up to %d are not sorted", n, greatest)
			}
		}
	}
}
