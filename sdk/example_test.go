package twinspan_test

import (
	"context"
	"fmt"
	"os"

	twinspan "github.com/twinspan/twinspan/sdk"
)

// newTracer makes a Tracer as a service's main does, in a directory that the examples throw away.
func newTracer(app string) (tracer *twinspan.Tracer, done func()) {
	dir, err := os.MkdirTemp("", "tracelog")
	if err != nil {
		panic(err)
	}
	cfg := twinspan.DefaultConfig(app)
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

// A span of the application's own, with what it wants to see in the console.
func ExampleTracer_Start() {
	tracer, done := newTracer("payment")
	defer done()

	ctx, span := tracer.Start(context.Background(), twinspan.Internal, twinspan.Biz, "charge")
	defer span.End()
	span.SetTags(twinspan.Int("amount", 12), twinspan.String("currency", "CNY"))
	span.AddEvent("checked", twinspan.String("by", "risk"))

	_, child := tracer.Start(ctx, twinspan.Internal, twinspan.Biz, "book")
	defer child.End()
	fmt.Println(span.SpanID(), child.SpanID(), child.TraceID() == span.TraceID())
	// Output: 0 0.1 true
}

// A message queue without an instrumentation: the trace context travels in the message's properties.
func ExampleTracer_StartFrom() {
	tracer, done := newTracer("payment")
	defer done()

	ctx, root := tracer.Start(context.Background(), twinspan.Server, twinspan.HTTPServer, "POST /pay")
	defer root.End()
	_, send := tracer.Start(ctx, twinspan.Producer, twinspan.MQSend, "send payments")
	properties := map[string]string{}
	send.Inject(twinspan.MapCarrier(properties))
	send.End()

	// In the consumer, for each delivery:
	_, receive := tracer.StartFrom(context.Background(), twinspan.MapCarrier(properties),
		twinspan.Consumer, twinspan.MQConsume, "receive payments")
	defer receive.End()
	fmt.Println(receive.TraceID() == root.TraceID(), send.SpanID(), receive.SpanID()[:4])
	// Output: true 0.1 0.1.
}

// Baggage goes wherever the request goes. mark=T makes it load-test traffic, which has log files of its own.
func ExampleSpan_SetBaggage() {
	tracer, done := newTracer("gateway")
	defer done()

	ctx, root := tracer.Start(context.Background(), twinspan.Server, twinspan.HTTPServer, "POST /pay")
	defer root.End()
	root.SetBaggage("mark", "T")
	_, call := tracer.Start(ctx, twinspan.Client, twinspan.HTTPClient, "POST /book")
	defer call.End()
	headers := twinspan.HeaderCarrier{}
	call.Inject(headers)
	fmt.Println(headers["Baggage-Mark"], headers["Baggage"], call.LoadTest())
	// Output: [T] [mark=T] true
}
