package collect

import (
	"fmt"
	"testing"

	"github.com/twinspan/twinspan/internal/span"
	"github.com/twinspan/twinspan/sdk/id"
)

// TestDeliveriesInAnyOrder has a producer's half and those of two consumers, which name the queue as their peer, come in
// every order and over every division into ranges, with and without restarts: the counts come out the same.
func TestDeliveriesInAnyOrder(t *testing.T) {
	mq := func(kind span.Kind, app string, n, twin id.Span) span.Half {
		h := rpc(1, kind, app, n, twin)
		h.Type, h.Peer = span.TypeMQ, "mq:paid"
		return h
	}
	halves := []span.Half{mq(span.KindProducer, "a", 1, 0), mq(span.KindConsumer, "b", 2, 1), mq(span.KindConsumer, "c", 3, 1)}
	orders := [][3]int{{0, 1, 2}, {1, 0, 2}, {1, 2, 0}}
	for _, order := range orders {
		for cuts := range 4 {
			for _, restart := range []bool{false, true} {
				b := newBench(t, slowConfig())
				for i, at := range order {
					b.halves(halves[at])
					if cuts&(1<<i) == 0 {
						continue
					}
					b.cut()
					if restart {
						b.restart()
					}
				}
				b.cut()
				if got := fmt.Sprint(b.edges()); got != "map[a>b:1 a>c:1]" {
					t.Errorf("order %v, cuts %02b, restart %v: edges %v", order, cuts, restart, got)
				}
			}
		}
	}
}
