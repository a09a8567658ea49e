package store

import (
	"cmp"
	"math/bits"
	"slices"
)

// order is where a row belongs: by high, then by low, then by its place before.
type order struct {
	high, low uint64
	at        int
}

func compareOrders(a, b order) int {
	return cmp.Or(cmp.Compare(a.high, b.high), cmp.Compare(a.low, b.low), a.at-b.at)
}

const orderBuckets = 1 << 12

// sorter sorts orders. It first deals them out by the upper bits of high, which leaves few to compare with each other. Its
// memory is used again.
type sorter struct {
	orders, dealt []order
	ends          [orderBuckets]int32
}

// begin gives the orders to fill in, n of them.
func (s *sorter) begin(n int) []order {
	s.orders = slices.Grow(s.orders[:0], n)[:n]
	s.dealt = slices.Grow(s.dealt[:0], n)[:n]
	return s.orders
}

// sort gives the orders that begin gave, sorted, none with a high above greatest. They are valid until the next begin.
func (s *sorter) sort(greatest uint64) []order {
	shift := max(0, bits.Len64(greatest)-bits.Len(orderBuckets-1))
	clear(s.ends[:])
	for i := range s.orders {
		s.ends[s.orders[i].high>>shift]++
	}
	end := int32(0)
	for i, n := range s.ends {
		s.ends[i], end = end, end+n
	}
	for i := range s.orders {
		to := &s.ends[s.orders[i].high>>shift]
		s.dealt[*to] = s.orders[i]
		*to++
	}
	begin := int32(0)
	for _, end := range s.ends {
		if end-begin > 1 {
			slices.SortFunc(s.dealt[begin:end], compareOrders)
		}
		begin = end
	}
	return s.dealt
}
