package twinspan

import (
	"context"
	"sync/atomic"
)

// spanContext is the context that carries a span. It lies inside the Span, so that starting one costs no allocation more.
type spanContext struct {
	context.Context
	span *Span
}

type spanKey struct{}

// Value gives the span for the package's own key, and as another API's for that API's key.
func (c *spanContext) Value(key any) any {
	if key == (spanKey{}) {
		return c.span
	}
	if f := contextFace.Load(); f != nil && key == f.Key {
		return c.span.as(f)
	}
	return c.Context.Value(key)
}

// ContextFace joins this package's contexts with those of another tracing API, so that each sees the other's spans and the
// nearest one counts, whichever API put it there. It is for the packages that implement such an API on this one.
type ContextFace struct {
	// Key is the key under which the other API keeps its span in a context.
	Key any
	// Wrap makes the other API's span of one of ours. What the result points to is kept with the span.
	Wrap func(*Span) *any
	// Unwrap says what a value under Key is: a span of ours, a span elsewhere, or neither.
	Unwrap func(value any) (*Span, SpanContext)
}

// contextFace is process-wide because the other API's key is.
var contextFace atomic.Pointer[ContextFace]

// UseContextFace sets the one ContextFace of the process. Only the first call does something.
func UseContextFace(f *ContextFace) { contextFace.CompareAndSwap(nil, f) }

// as gives the span as another API's.
func (s *Span) as(f *ContextFace) any {
	if v := s.face.Load(); v != nil {
		return *v
	}
	s.face.CompareAndSwap(nil, f.Wrap(s))
	return *s.face.Load()
}

// current gives the span that ctx carries: one of this process, or one of another.
func current(ctx context.Context) (*Span, *SpanContext) {
	if c, ok := ctx.(*spanContext); ok {
		return c.span, nil
	}
	f := contextFace.Load()
	if f == nil {
		s, _ := ctx.Value(spanKey{}).(*Span)
		return s, nil
	}
	v := ctx.Value(f.Key)
	if v == nil {
		return nil, nil
	}
	s, elsewhere := f.Unwrap(v)
	if s == nil && elsewhere.Valid() {
		return nil, &elsewhere
	}
	return s, nil
}

// SpanFromContext gives the span that ctx carries, or nil.
func SpanFromContext(ctx context.Context) *Span {
	s, _ := current(ctx)
	return s
}

// ContextWithSpan gives a context that carries s, such as for a goroutine that outlives the request's context.
func ContextWithSpan(ctx context.Context, s *Span) context.Context {
	if s == nil {
		return ctx
	}
	return &spanContext{ctx, s}
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
