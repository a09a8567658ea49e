package twinspan

import "context"

// otherBaggage gives the value under another API's baggage key: the span's business baggage over what the contexts around it have.
// It is made when somebody asks, so that spans do not pay for it.
func (s *Span) otherBaggage(around context.Context, f *ContextFace) any {
	outer := around.Value(f.BaggageKey)
	if b := s.bag.Load(); b != nil && len(b.biz) > 0 {
		return f.WithBaggage(outer, b.biz)
	}
	return outer
}

// ambientBaggage gives what another API's baggage in ctx has, for a span that starts there. A span's own context has nothing that the
// span has not.
func ambientBaggage(ctx context.Context) []Pair {
	list := contextFaces.Load()
	if list == nil || list.outer == nil || list.outer.BaggageKey == nil {
		return nil
	}
	if _, ok := ctx.(*spanContext); ok {
		return nil
	}
	if v := ctx.Value(list.outer.BaggageKey); v != nil {
		return list.outer.BaggageItems(v)
	}
	return nil
}
