package opentelemetry

import (
	"context"

	twinspan "github.com/twinspan/twinspan/sdk"
	"go.opentelemetry.io/otel/baggage"
)

// baggageKey is OpenTelemetry's own, which it does not export.
var baggageKey = twinspan.ContextKey(func(ctx context.Context) { baggage.FromContext(ctx) })

// under is a context that has a value under OpenTelemetry's baggage key.
type under struct {
	context.Context
	value any
}

// Value gives the value for OpenTelemetry's key.
func (u under) Value(key any) any {
	if key == baggageKey {
		return u.value
	}
	return u.Context.Value(key)
}

// baggageUnder gives the baggage of a value that a context has under OpenTelemetry's key.
func baggageUnder(value any) baggage.Baggage {
	return baggage.FromContext(under{context.Background(), value})
}

// itemsOf gives OpenTelemetry's baggage as native items.
func itemsOf(b baggage.Baggage) []twinspan.Pair {
	if b.Len() == 0 {
		return nil
	}
	pairs := make([]twinspan.Pair, 0, b.Len())
	for _, m := range b.Members() {
		pairs = append(pairs, twinspan.Pair{Key: m.Key(), Value: m.Value()})
	}
	return pairs
}

// overBaggage is twinspan.ContextFace's WithBaggage. Items that OpenTelemetry does not take (no UTF-8, or beyond its limits)
// are left out; members of an equal value keep their properties.
func overBaggage(outer any, items []twinspan.Pair) any {
	b := baggage.Baggage{}
	if outer != nil {
		b = baggageUnder(outer)
	}
	var more []baggage.Member
	for _, item := range items {
		if m := b.Member(item.Key); m.Key() != "" && m.Value() == item.Value {
			continue
		}
		if m, err := baggage.NewMemberRaw(item.Key, item.Value); err == nil {
			more = append(more, m)
		}
	}
	if len(more) == 0 {
		return outer
	}
	all, err := baggage.New(append(b.Members(), more...)...)
	if err != nil && all.Len() == 0 {
		return outer
	}
	return baggage.ContextWithBaggage(under{context.Background(), outer}, all).Value(baggageKey)
}
