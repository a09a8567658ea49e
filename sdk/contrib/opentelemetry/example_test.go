package opentelemetry_test

import (
	"context"
	"fmt"
	"net/http"
	"os"

	twinspan "github.com/twinspan/twinspan/sdk"
	"github.com/twinspan/twinspan/sdk/contrib/opentelemetry"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
)

// newTracer makes a Tracer as a service's main does, in a directory that the examples throw away.
func newTracer() (tracer *twinspan.Tracer, done func()) {
	dir, err := os.MkdirTemp("", "tracelog")
	if err != nil {
		panic(err)
	}
	cfg := twinspan.DefaultConfig("payment")
	cfg.LogDir = dir
	tracer, err = twinspan.New(cfg)
	if err != nil {
		panic(err)
	}
	return tracer, func() {
		if err := tracer.Close(); err != nil {
			panic(err)
		}
		_ = os.RemoveAll(dir)
	}
}

// Give the provider to otel.SetTracerProvider, or to an instrumentation's option. Spans of both APIs nest in each other.
func ExampleNewTracerProvider() {
	native, done := newTracer()
	defer done()
	tracer := opentelemetry.NewTracerProvider(native).Tracer("github.com/you/payment")

	ctx, charge := tracer.Start(context.Background(), "charge", trace.WithAttributes(attribute.Int("amount", 12)))
	defer charge.End()
	ctx, book := native.Start(ctx, twinspan.Internal, twinspan.Biz, "book")
	defer book.End()
	_, check := tracer.Start(ctx, "check")
	defer check.End()

	fmt.Println(opentelemetry.Twinspan(charge).SpanID(), book.SpanID(), opentelemetry.Twinspan(check).SpanID())
	// Output: 0 0.1 0.1.1
}

// Give the propagator to otel.SetTextMapPropagator, or to an instrumentation's option.
func ExampleNewPropagator() {
	native, done := newTracer()
	defer done()
	tracer := opentelemetry.NewTracerProvider(native).Tracer("github.com/you/payment")
	propagator := opentelemetry.NewPropagator(native)

	ctx, call := tracer.Start(context.Background(), "GET /pay", trace.WithSpanKind(trace.SpanKindClient))
	defer call.End()
	headers := http.Header{}
	propagator.Inject(ctx, propagation.HeaderCarrier(headers))

	// In the server:
	far := propagator.Extract(context.Background(), propagation.HeaderCarrier(headers))
	_, serve := tracer.Start(far, "GET /pay", trace.WithSpanKind(trace.SpanKindServer))
	defer serve.End()
	fmt.Println(headers.Get("X-B3-SpanId"), serve.SpanContext().TraceID() == call.SpanContext().TraceID())
	// Output: 0 true
}
