package twinspan

import (
	"sync"
	"testing"
)

// Every span is counted exactly once, also while the counts are taken away.
func TestStatsAreExactWhileTheyAreTaken(t *testing.T) {
	tracer := stopped(t, 1000, DropWhenFull)
	const workers, each = 4, 2000
	var working sync.WaitGroup
	for range workers {
		working.Go(func() {
			for range each {
				tracer.finish(&Span{tracer: tracer, kind: Internal, spanWork: &spanWork{component: Biz, operation: "charge"}})
			}
		})
	}
	ended := make(chan struct{})
	go func() { working.Wait(); close(ended) }()
	total := uint64(0)
	take := func() {
		for _, v := range tracer.takeStats() {
			total += v.count
		}
	}
	for more := true; more; {
		select {
		case <-ended:
			more = false
		default:
		}
		take()
	}
	if total != workers*each {
		t.Errorf("%d spans counted, want %d", total, workers*each)
	}
}
