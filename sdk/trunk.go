package twinspan

import (
	"sync/atomic"
	"time"

	"github.com/twinspan/twinspan/sdk/id"
)

// trunk is what the spans of a trace in this process have in common. It is read only once the first of them has started.
type trunk struct {
	tracer  *Tracer
	traceID string // as it is logged and sent in SOFATracer's headers
	trace   id.Trace
	state   string    // tracestate of others, without our member
	begin   time.Time // of the first span, by both clocks
	sampled bool
	random  bool // the W3C random-trace-id flag, as it came in

	// second is room for one more span and its id, as most requests have: allocations are a quarter of what a span costs.
	second   Span
	secondID [16]byte
	taken    atomic.Bool
}

// trunkSpan is the first span of a trace in this process, with what the others share: one allocation.
type trunkSpan struct {
	Span
	own trunk
}

// child gives memory for a span below another one of the trace, and for its id.
func (t *trunk) child() (*Span, []byte) {
	if !t.taken.Load() && t.taken.CompareAndSwap(false, true) {
		return &t.second, t.secondID[:0]
	}
	return new(Span), nil
}

// clock gives the time by the clock that the trace's first span was started by, so that a span lies inside its parent whatever
// the wall clock does, and reading one clock is enough. A trace that goes on for long follows the wall clock.
func (t *trunk) clock() time.Time {
	if since := time.Since(t.begin); since < time.Minute {
		return t.begin.Add(since)
	}
	return time.Now()
}
