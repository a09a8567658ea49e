package twinspan

import (
	"context"
	"testing"
)

// TestWorkThatOutlivesItsRequest: the span goes along, the request's cancellation does not.
func TestWorkThatOutlivesItsRequest(t *testing.T) {
	tracer := newTracer(t, nil)
	request, cancel := context.WithCancel(t.Context())
	ctx, server := tracer.Start(request, Server, HTTPServer, "GET /pay")
	type seen struct {
		span *Span
		err  error
	}
	results := make(chan seen, 3)
	work := func(ctx context.Context) {
		<-request.Done()
		_, span := tracer.Start(ctx, Internal, Biz, "later")
		span.End()
		results <- seen{span, ctx.Err()}
	}
	pool := make(chan func(), 1)
	pool <- Bind(ctx, work)
	go func() { (<-pool)() }()
	Go(ctx, work)
	AfterFunc(ctx, 0, work)
	server.End()
	cancel()
	ids := make(map[string]bool)
	for range 3 {
		r := <-results
		if r.err != nil || r.span.TraceID() != server.TraceID() || r.span.parent8 != server.ID8() {
			t.Errorf("span %s of trace %s, %v", r.span.SpanID(), r.span.TraceID(), r.err)
		}
		ids[r.span.SpanID()] = true
	}
	if len(ids) != 3 {
		t.Errorf("three spans have the ids %v", ids)
	}
}
