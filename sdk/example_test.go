package twinspan_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
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

// Settings come from a file and the environment, and code has the last word. Errors name the line or the variable.
func ExampleConfig_ReadEnv() {
	config := twinspan.DefaultConfig("payment")
	err := config.ReadEnv([]string{"OTEL_SERVICE_NAME=pay", "SOFA_TRACER_SAMPLE_PERCENTAGE=12.5"})
	fmt.Println(config.App, config.SamplePercentage, err)

	err = config.ReadEnv([]string{"SOFA_TRACER_STAT_INTERVAL=5"})
	fmt.Println(err)
	// Output:
	// pay 12.5 <nil>
	// variable SOFA_TRACER_STAT_INTERVAL: tracer configuration: stat_interval is "5"; it has to be a duration with a unit, such as 5s
}

// The properties of a Java service do as well.
func ExampleConfig_ReadFile() {
	file, err := os.CreateTemp("", "*.properties")
	if err != nil {
		panic(err)
	}
	defer func() { _ = os.Remove(file.Name()) }()
	_, err = file.WriteString("spring.application.name=payment\nlogging.path=/home/admin/logs\ncom.alipay.sofa.tracer.samplerPercentage=10\n")
	if err = errors.Join(err, file.Close()); err != nil {
		panic(err)
	}
	config := twinspan.DefaultConfig("")
	err = config.ReadFile(file.Name())
	fmt.Println(config.App, config.LogDir, config.SamplePercentage, err)
	// Output: payment /home/admin/logs/tracelog 10 <nil>
}

// Sampling is changed while the service runs; traces that have begun keep their decision.
func ExampleTracer_SetSampling() {
	tracer, done := newTracer("payment")
	defer done()

	err := tracer.SetSampling(twinspan.Sampling{Percentage: 0, Rules: []twinspan.SampleRule{"*:*:POST /pay*=100%"}, KeepErrors: true})
	_, pay := tracer.Start(context.Background(), twinspan.Server, twinspan.HTTPServer, "POST /pay")
	defer pay.End()
	_, health := tracer.Start(context.Background(), twinspan.Server, twinspan.HTTPServer, "GET /health")
	defer health.End()
	fmt.Println(err, pay.Sampled(), health.Sampled())
	// Output: <nil> true false
}

// The lines of slog get the ids of the span in the context.
func ExampleNewLogHandler() {
	tracer, done := newTracer("payment")
	defer done()
	plain := slog.NewTextHandler(os.Stdout, &slog.HandlerOptions{ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
		if a.Key == slog.TimeKey {
			return slog.Attr{} // only for this example
		}
		return a
	}})
	logger := slog.New(twinspan.NewLogHandler(plain))

	caller := twinspan.MapCarrier{"X-B3-TraceId": "0ad1348f1403169275002100356696", "X-B3-SpanId": "0.1"}
	ctx, span := tracer.StartFrom(context.Background(), caller, twinspan.Server, twinspan.HTTPServer, "GET /pay/{id}")
	defer span.End()
	logger.InfoContext(ctx, "paid")
	// Output: level=INFO msg=paid traceId=0ad1348f1403169275002100356696 spanId=0.1
}

// Work for a pool keeps the span and outlives the request.
func ExampleBind() {
	tracer, done := newTracer("payment")
	defer done()
	pool := make(chan func(), 1)

	request, cancel := context.WithCancel(context.Background())
	request, span := tracer.Start(request, twinspan.Server, twinspan.HTTPServer, "POST /pay")
	pool <- twinspan.Bind(request, func(ctx context.Context) {
		fmt.Println(ctx.Err(), twinspan.SpanFromContext(ctx) == span)
	})
	span.End()
	cancel()
	(<-pool)()
	// Output: <nil> true
}

// What a protocol's own format looks like: the attachment of Dubbo.
func ExampleSpan_Inject() {
	tracer, done := newTracer("payment")
	defer done()
	caller := twinspan.MapCarrier{"X-B3-TraceId": "0ad1348f1403169275002100356696", "X-B3-SpanId": "0"}
	ctx, span := tracer.StartFrom(context.Background(), caller, twinspan.Server, twinspan.HTTPServer, "POST /pay")
	defer span.End()
	_, call := tracer.Start(ctx, twinspan.Client, twinspan.Biz, "Ledger.book")
	defer call.End()

	attachments := map[string]string{}
	call.Inject(twinspan.MapCarrier(attachments), twinspan.Dubbo)
	fmt.Println(attachments["dubbo.rpc.sofa.tracer"])
	// Output: tcid=0ad1348f1403169275002100356696&spid=0.1&pspid=0&sample=true&
}
