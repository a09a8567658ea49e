package twinspan

import (
	"context"
	"time"
)

// Contexts carry spans into goroutines by themselves. What these functions add is that work which goes on after its request
// keeps the span without being cancelled with the request. A span that has ended may still have children.

// Detach gives a context with the span and the values of ctx, without its cancellation and deadline.
func Detach(ctx context.Context) context.Context { return context.WithoutCancel(ctx) }

// Go runs f in a goroutine of its own, with Detach(ctx).
func Go(ctx context.Context, f func(context.Context)) { go f(Detach(ctx)) }

// Bind gives a function for a worker pool or a queue that takes func(): it runs f with Detach(ctx), whenever it is called.
func Bind(ctx context.Context, f func(context.Context)) func() {
	ctx = Detach(ctx)
	return func() { f(ctx) }
}

// AfterFunc is time.AfterFunc for f with Detach(ctx).
func AfterFunc(ctx context.Context, d time.Duration, f func(context.Context)) *time.Timer {
	return time.AfterFunc(d, Bind(ctx, f))
}
