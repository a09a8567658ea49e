//go:build !race

package opentelemetry

import (
	"context"
	"net/http"
	"testing"

	"github.com/twinspan/twinspan/sdk/contrib/internal/tracertest"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
)

// TestAllocationsOfAUnit holds the number of allocations of a request with one call, of which OpenTelemetry's API makes ten
// itself. The race detector allocates too, so that it has no such test.
func TestAllocationsOfAUnit(t *testing.T) {
	native := tracertest.New(t, "pay").Tracer
	tracer, propagator := NewTracerProvider(native).Tracer("unit"), NewPropagator(native)
	in, out := http.Header{}, http.Header{}
	in.Set("traceparent", "00-0a0fe8ec1700000000123100112345ff-4e18dd181d0a2066-01")
	in.Set("tracestate", "twinspan=0.1:4e18dd181d0a2066")
	unit := func() {
		ctx := propagator.Extract(context.Background(), propagation.HeaderCarrier(in))
		ctx, server := tracer.Start(ctx, "GET /pay/{id}", trace.WithSpanKind(trace.SpanKindServer),
			trace.WithAttributes(attribute.String("http.request.method", "GET"), attribute.String("url.path", "/pay/17")))
		calling, client := tracer.Start(ctx, "GET /book/{id}", trace.WithSpanKind(trace.SpanKindClient),
			trace.WithAttributes(attribute.String("http.request.method", "GET"), attribute.String("url.full", "http://10.0.0.7:8080/book/17")))
		propagator.Inject(calling, propagation.HeaderCarrier(out))
		client.SetAttributes(attribute.Int("http.response.status_code", 200))
		client.End()
		server.SetAttributes(attribute.Int("http.response.status_code", 200))
		server.End()
	}
	unit() // opens the files
	native.Flush()
	if n := testing.AllocsPerRun(500, unit); n > 17 {
		t.Errorf("%v allocations", n)
	}
}
