package opentelemetry

import (
	"context"
	"strings"

	twinspan "github.com/twinspan/twinspan/sdk"
	"go.opentelemetry.io/otel/baggage"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
)

// Propagator carries trace context and baggage in the formats that the Tracer is configured for. It is an OpenTelemetry
// propagation.TextMapPropagator and safe for concurrent use.
type Propagator struct {
	native  *twinspan.Tracer
	nothing trace.Span // does nothing
}

// NewPropagator gives the propagator of a Tracer. A nil tracer carries nothing.
func NewPropagator(native *twinspan.Tracer) Propagator {
	twinspan.UseContextFace(&face)
	return Propagator{native, trace.SpanFromContext(context.Background())}
}

// headerBaggage is the header of W3C Baggage.
const headerBaggage = "baggage"

// Inject is propagation.TextMapPropagator's.
func (p Propagator) Inject(ctx context.Context, carrier propagation.TextMapCarrier) {
	if p.native == nil || carrier == nil {
		return
	}
	c := carrierOf(carrier)
	if native := twinspan.SpanAlone(ctx); native != nil {
		native.Inject(c)
		return
	}
	b := baggage.FromContext(ctx)
	if b.Len() > 0 && p.writes(twinspan.W3C) {
		carrier.Set(headerBaggage, b.String()) // with the properties of its items, which only this format has
	}
	native, elsewhere := unwrap(trace.SpanFromContext(ctx))
	if native != nil && b.Len() == 0 {
		native.Inject(c)
		return
	}
	if native != nil {
		native.InjectWith(c, itemsOf(b)...)
		return
	}
	var from twinspan.SpanContext
	if elsewhere != nil {
		from = *elsewhere
	}
	p.native.Inject(p.native.WithBaggage(from, itemsOf(b)...), c)
}

func (p Propagator) writes(format twinspan.Propagation) bool {
	inject, _ := p.native.Formats()
	for _, f := range inject {
		if f == format {
			return true
		}
	}
	return false
}

// Extract is propagation.TextMapPropagator's. A carrier without a valid trace context leaves the context's as it is.
func (p Propagator) Extract(ctx context.Context, carrier propagation.TextMapCarrier) context.Context {
	if p.native == nil || carrier == nil {
		return ctx
	}
	found := p.native.Extract(carrierOf(carrier))
	if items := found.Baggage(); len(items) > 0 {
		ctx = withBaggage(ctx, items, carrier.Get(headerBaggage))
	}
	if found.Valid() {
		r := &remote{Context: ctx, Span: p.nothing, native: found}
		r.native.Use(&r.room)
		ctx = r
	}
	return ctx
}

// withBaggage adds items to OpenTelemetry's baggage. header is W3C's, from which items keep their properties.
func withBaggage(ctx context.Context, items []twinspan.Pair, header string) context.Context {
	all := baggage.FromContext(ctx)
	var w3c baggage.Baggage
	if header != "" {
		w3c, _ = baggage.Parse(header) // what it does not take has been read already
	}
	for _, item := range items {
		member := w3c.Member(item.Key)
		if member.Key() == "" || member.Value() != item.Value {
			var err error
			if member, err = baggage.NewMemberRaw(item.Key, item.Value); err != nil {
				continue // OpenTelemetry has no such key; the span has it
			}
		}
		if more, err := all.SetMember(member); err == nil {
			all = more
		}
	}
	return baggage.ContextWithBaggage(ctx, all)
}

// Fields is propagation.TextMapPropagator's: the keys that are written, but for those of baggage, which have its names.
func (p Propagator) Fields() []string {
	var fields []string
	if p.native == nil {
		return fields
	}
	if p.writes(twinspan.W3C) {
		fields = append(fields, "traceparent", "tracestate", headerBaggage)
	}
	if p.writes(twinspan.SOFAHTTP) {
		fields = append(fields, "X-B3-TraceId", "X-B3-SpanId", "X-B3-ParentSpanId", "X-B3-Sampled")
	}
	return fields
}

func carrierOf(c propagation.TextMapCarrier) twinspan.Carrier {
	switch c := c.(type) {
	case propagation.HeaderCarrier:
		return twinspan.HeaderCarrier(c)
	case propagation.MapCarrier:
		return twinspan.MapCarrier(c)
	}
	return textMap{c}
}

// textMap is an OpenTelemetry carrier as a native one.
type textMap struct{ propagation.TextMapCarrier }

// Get is twinspan.Carrier's.
func (c textMap) Get(key string) (string, bool) {
	v := c.TextMapCarrier.Get(key)
	return v, v != ""
}

// All is twinspan.Carrier's.
func (c textMap) All(key string) []string {
	if list, ok := c.TextMapCarrier.(propagation.ValuesGetter); ok {
		return list.Values(key)
	}
	if v := c.TextMapCarrier.Get(key); v != "" {
		return []string{v}
	}
	return nil
}

// WithPrefix is twinspan.Carrier's. Whether the carrier keeps the case of keys is not known: they are taken as they are.
func (c textMap) WithPrefix(prefix string, yield func(rest, value string)) {
	for _, key := range c.Keys() {
		if len(key) >= len(prefix) && strings.EqualFold(key[:len(prefix)], prefix) {
			yield(key[len(prefix):], c.TextMapCarrier.Get(key))
		}
	}
}
