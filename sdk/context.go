package twinspan

import (
	"context"
	"sync/atomic"
	"time"
)

// spanContext is a Span as the context that carries it, so that starting one costs no allocation more.
type spanContext Span

type spanKey struct{}

// Deadline is context.Context's.
func (c *spanContext) Deadline() (time.Time, bool) { return c.ctx.Deadline() }

// Done is context.Context's.
func (c *spanContext) Done() <-chan struct{} { return c.ctx.Done() }

// Err is context.Context's.
func (c *spanContext) Err() error { return c.ctx.Err() }

// Value gives the span for the package's own key, and as another API's for that API's key (see ContextFace).
func (c *spanContext) Value(key any) any {
	return (*Span)(c).value(c.ctx, key)
}

// value gives what a context that carries the span, around another one, has under a key.
func (s *Span) value(around context.Context, key any) any {
	if key == (spanKey{}) {
		return s
	}
	if list := contextFaces.Load(); list != nil {
		for i := range list.n {
			if key == list.faces[i].Key {
				return list.faces[i].Wrap(s)
			}
		}
		if f := list.outer; f != nil && f.BaggageKey != nil && key == f.BaggageKey {
			return s.otherBaggage(around, f)
		}
	}
	return around.Value(key)
}

// otherContext is another context that carries a span: ContextWithSpan's.
type otherContext struct {
	context.Context
	span *Span
}

// Value is spanContext's.
func (c *otherContext) Value(key any) any {
	return c.span.value(c.Context, key)
}

// ContextFace joins this package's contexts with those of another tracing API, so that each sees the other's spans and the
// nearest one counts, whichever API put it there. It is for the packages that implement such an API on this one.
type ContextFace struct {
	// Key is the key under which the other API keeps its span in a context.
	Key any
	// Wrap gives the other API's span of one of ours, the same one each time: a type whose underlying type is Span's is made of a *Span
	// by a conversion.
	Wrap func(*Span) any
	// Unwrap says what a value under Key is: a span of ours, a span elsewhere, or neither. It is nil where the other API
	// tells of its contexts, so that each of them is one of ours too.
	Unwrap func(value any) (*Span, *SpanContext)
	// BaggageKey is the key under which the other API keeps baggage in a context, if Unwrap is there and it does: what a span has
	// is then seen there, too, and what is there goes to the spans that start below.
	BaggageKey any
	// WithBaggage gives a value for BaggageKey that has items over those of outer, which may be nil; outer itself if it has them all.
	WithBaggage func(outer any, items []Pair) any
	// BaggageItems gives the items of a value under BaggageKey.
	BaggageItems func(value any) []Pair
}

// ContextKey gives the key that another API looks for in a context, which it does not export: ask is to look for its span.
func ContextKey(ask func(context.Context)) any {
	p := probe{Context: context.Background()}
	ask(&p)
	return p.key
}

// probe is a context that notes what it is asked for.
type probe struct {
	context.Context
	key any
}

// Value notes the key.
func (p *probe) Value(key any) any {
	p.key = key
	return nil
}

// maxFaces is the number of other APIs: OpenTelemetry's and OpenTracing's.
const maxFaces = 2

type faceList struct {
	faces [maxFaces]*ContextFace
	n     int
	outer *ContextFace // the one with Unwrap
}

// contextFaces is process-wide because the other APIs' keys are.
var contextFaces atomic.Pointer[faceList]

// UseContextFace adds a ContextFace for the process. There may be one with Unwrap and one without; another of a kind that
// there is already is ignored.
func UseContextFace(f *ContextFace) {
	for {
		before := contextFaces.Load()
		var after faceList
		if before != nil {
			after = *before
		}
		for _, other := range after.faces[:after.n] {
			if (other.Unwrap == nil) == (f.Unwrap == nil) {
				return
			}
		}
		after.faces[after.n] = f
		after.n++
		if f.Unwrap != nil {
			after.outer = f
		}
		if contextFaces.CompareAndSwap(before, &after) {
			return
		}
	}
}

// current gives the span that ctx carries: one of this process, or one of another.
func current(ctx context.Context) (*Span, *SpanContext) {
	if c, ok := ctx.(*spanContext); ok {
		return (*Span)(c), nil
	}
	list := contextFaces.Load()
	if list == nil || list.outer == nil {
		s, _ := ctx.Value(spanKey{}).(*Span)
		return s, nil
	}
	f := list.outer
	v := ctx.Value(f.Key)
	if v == nil {
		return nil, nil
	}
	s, elsewhere := f.Unwrap(v)
	if s == nil && elsewhere.Valid() {
		return nil, elsewhere
	}
	return s, nil
}

// SpanFromContext gives the span that ctx carries, or nil.
func SpanFromContext(ctx context.Context) *Span {
	s, _ := current(ctx)
	return s
}

// SpanAlone gives the span that ctx carries if a look-up in ctx would find nothing else of interest to a propagator: ctx is what the
// span's start gave, and there was never any baggage, here or around. Else it gives nil.
func SpanAlone(ctx context.Context) *Span {
	if c, ok := ctx.(*spanContext); ok && c.bag.Load() == nil {
		return (*Span)(c)
	}
	return nil
}

// ContextWithSpan gives a context that carries s, such as for a goroutine that outlives the request's context.
func ContextWithSpan(ctx context.Context, s *Span) context.Context {
	if s == nil {
		return ctx
	}
	return &otherContext{ctx, s}
}

// Companion gives the one value of a key that goes with the Tracer, such as another API's tracer that is built on it. The
// first call makes it.
func (t *Tracer) Companion(key any, make func() any) any {
	if v, ok := t.companions.Load(key); ok {
		return v
	}
	v, _ := t.companions.LoadOrStore(key, make())
	return v
}
