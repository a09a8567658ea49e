package query

import (
	"testing"

	"github.com/twinspan/twinspan/internal/query/querytest"
)

// TestDeliveriesAreListedAsStored: of two deliveries, the one that was stored with the producer stays with it, although
// the other one fits better; so both are listed, and counted as roll-ups count them.
func TestDeliveriesAreListedAsStored(t *testing.T) {
	s := newService(t, `
	producer a 1 type=mq peer=q at=10+1 & consumer b 2 twin=1 type=mq peer=q at=50+1
	consumer c 3 twin=1 type=mq peer=q at=12+1`)
	for _, limit := range []int{1, 10} {
		got, err := s.Search(t.Context(), SearchRequest{Limit: limit})
		if err != nil {
			t.Fatal(err)
		}
		calls := got.Calls
		if limit == 1 {
			rest, err := s.Search(t.Context(), SearchRequest{Limit: limit, Cursor: got.Next})
			if err != nil {
				t.Fatal(err)
			}
			calls = append(calls, rest.Calls...)
		}
		if l := listing(calls); l != "a>c server@12, a>b both@10" {
			t.Errorf("limit %d: %s", limit, l)
		}
	}
	tr, err := s.Trace(t.Context(), querytest.TraceText)
	if err != nil {
		t.Fatal(err)
	}
	if len(tr.Nodes) != 2 || tr.Nodes[0].Call.Callee != "b" {
		t.Errorf("%+v", tr.Nodes)
	}
}
