package store

import (
	"fmt"
	"testing"

	"github.com/twinspan/twinspan/internal/span"
)

// TestHostsByHash indexes more hosts than have postings of their own: each block is found by its hosts, and few others.
func TestHostsByHash(t *testing.T) {
	p := newPostings()
	const blocks, hosts = 20, 600
	for b := range blocks {
		p.begin()
		for i := range hosts {
			h := &span.Half{Kind: span.KindServer, PeerAddr: fmt.Sprintf("10.0.%d.%d:%d", b, i, 1000+i), Start: int64(b)}
			c := span.Alone(h, "")
			r := newRow(&c)
			p.add(b, &r)
		}
	}
	r := &rangeInfo{done: &done{unindexed: p.unindexed()}}
	if r.has(fieldHost) || !r.has(fieldHostHash) || r.lacks(want{{fieldHost, "x"}}) {
		t.Fatalf("fields without postings: %b", p.unindexed())
	}
	found := make(map[string][]posting)
	p.rows(RangeID{}, 0, func(row Row) {
		list, err := parsePostings(row.Value, 0)
		if err != nil {
			t.Fatal(err)
		}
		found[string(row.Key[:len(row.Key)-RangeIDSize])] = list
	})
	more := 0
	for b := range blocks {
		for i := range hosts {
			list := found[string(postingPrefix(fieldHostHash, hostHash(fmt.Sprintf("10.0.%d.%d", b, i))))]
			is := false
			for k, at := range list {
				is = is || at.block == b && at.least <= int64(b) && at.greatest >= int64(b)
				if k > 0 && at.block <= list[k-1].block {
					t.Fatal("blocks are not in order")
				}
			}
			if !is {
				t.Fatalf("block %d is not found by host %d", b, i)
			}
			more += len(list) - 1
		}
	}
	if more > 6*blocks*hosts {
		t.Errorf("%d blocks are found in vain by %d hosts", more, blocks*hosts)
	}
}
