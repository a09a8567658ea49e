package twinspan

import (
	"sync/atomic"

	"github.com/twinspan/twinspan/sdk/id"
)

// trunk is what the spans of a trace in this process have in common. It is read only once the first of them has started.
type trunk struct {
	tracer  *Tracer
	traceID string // as it is logged and sent in SOFATracer's headers
	trace   id.Trace
	others  *string // tracestate of others, without our member; nil: none
	offset  int64   // of the clock
	sampled bool
	random  bool        // the W3C random-trace-id flag, as it came in
	taken   atomic.Bool // second

	// second is room for one more span and its id, as most requests have: allocations are a quarter of what a span costs.
	second   Span
	secondID [16]byte
}

// trunkSpan is the first span of a trace in this process, with what the others share: one allocation.
type trunkSpan struct {
	Span
	own trunk
}

// Room is memory for the first span below a SpanContext, for who keeps that one in an allocation of its own anyway: see
// SpanContext.Use. The zero value is ready.
type Room struct {
	first trunkSpan
	taken atomic.Bool
}

// take gives the memory to one who asks, once.
func (r *Room) take() *trunkSpan {
	if r != nil && r.taken.CompareAndSwap(false, true) {
		return &r.first
	}
	return new(trunkSpan)
}

// child gives memory for a span below another one of the trace, and for its id.
func (t *trunk) child() (*Span, []byte) {
	if !t.taken.Load() && t.taken.CompareAndSwap(false, true) {
		return &t.second, t.secondID[:0]
	}
	return new(Span), nil
}

// state gives the tracestate of others.
func (t *trunk) state() string {
	if t.others == nil {
		return ""
	}
	return *t.others
}

// setState sets it, while the first span is being started. Few traces have one.
func (t *trunk) setState(others string) {
	if others != "" {
		kept := others // a variable of its own, so that only traces with one allocate it
		t.others = &kept
	}
}
