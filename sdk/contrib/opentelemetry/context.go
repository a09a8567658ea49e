package opentelemetry

import (
	"context"
	"encoding/binary"

	twinspan "github.com/twinspan/twinspan/sdk"
	"github.com/twinspan/twinspan/sdk/id"
	"go.opentelemetry.io/otel/trace"
)

// face is read only.
var face = twinspan.ContextFace{
	Key:    twinspan.ContextKey(func(ctx context.Context) { trace.SpanFromContext(ctx) }),
	Wrap:   wrap,
	Unwrap: unwrap,

	BaggageKey:   baggageKey,
	WithBaggage:  overBaggage,
	BaggageItems: func(value any) []twinspan.Pair { return itemsOf(baggageUnder(value)) },
}

func unwrap(value any) (*twinspan.Span, *twinspan.SpanContext) {
	switch v := value.(type) {
	case *span:
		return v.native(), nil
	case *remote:
		return nil, &v.native
	case trace.Span:
		c := contextOf(v.SpanContext())
		return nil, &c
	}
	return nil, nil
}

// remote is a span of another process as the propagator found it: a context that carries it, and the span itself.
type remote struct {
	context.Context
	trace.Span // does nothing
	native     twinspan.SpanContext
	room       twinspan.Room // of the span that will start below it, as a rule
}

// Value gives the remote span for OpenTelemetry's key.
func (r *remote) Value(key any) any {
	if key == face.Key {
		return r
	}
	return r.Context.Value(key)
}

// SpanContext is trace.Span's.
func (r *remote) SpanContext() trace.SpanContext {
	return otelContext(&r.native, r.native.State(), true)
}

// contextOf makes a native context of OpenTelemetry's.
func contextOf(c trace.SpanContext) twinspan.SpanContext {
	span := c.SpanID()
	state := ""
	if s := c.TraceState(); s.Len() > 0 {
		state = s.String()
	}
	return twinspan.NewSpanContext(id.Trace(c.TraceID()), id.Span(binary.BigEndian.Uint64(span[:])), c.IsSampled(), c.IsRandom(), state)
}

func otelContext(c *twinspan.SpanContext, state string, remote bool) trace.SpanContext {
	config := trace.SpanContextConfig{TraceID: trace.TraceID(c.Trace()), Remote: remote}
	binary.BigEndian.PutUint64(config.SpanID[:], uint64(c.ID8()))
	config.TraceFlags = config.TraceFlags.WithSampled(c.Sampled()).WithRandom(c.Random())
	if state != "" {
		config.TraceState, _ = trace.ParseTraceState(state) // what does not parse is not passed on
	}
	return trace.NewSpanContext(config)
}
