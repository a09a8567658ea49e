package twinzap_test

import (
	"context"
	"os"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	twinspan "github.com/twinspan/twinspan/sdk"
	twinzap "github.com/twinspan/twinspan/sdk/contrib/zap"
)

// newTracer makes a Tracer as a service's main does, in a directory that the example throws away.
func newTracer() (tracer *twinspan.Tracer, done func()) {
	dir, err := os.MkdirTemp("", "tracelog")
	if err != nil {
		panic(err)
	}
	config := twinspan.DefaultConfig("payment")
	config.LogDir = dir
	if tracer, err = twinspan.New(config); err != nil {
		panic(err)
	}
	return tracer, func() {
		if err := tracer.Close(); err != nil {
			panic(err)
		}
		_ = os.RemoveAll(dir)
	}
}

func ExampleFields() {
	tracer, done := newTracer()
	defer done()
	logger := zap.New(zapcore.NewCore(zapcore.NewJSONEncoder(zapcore.EncoderConfig{MessageKey: "msg"}), os.Stdout, zap.InfoLevel))

	carrier := twinspan.MapCarrier{"X-B3-TraceId": "0ad1348f1403169275002100356696", "X-B3-SpanId": "0.1"}
	ctx, span := tracer.StartFrom(context.Background(), carrier, twinspan.Server, twinspan.HTTPServer, "GET /pay/{id}")
	defer span.End()
	logger.Info("paid", twinzap.Fields(ctx)...)
	twinzap.Logger(ctx, logger).Info("booked")
	// Output:
	// {"msg":"paid","traceId":"0ad1348f1403169275002100356696","spanId":"0.1"}
	// {"msg":"booked","traceId":"0ad1348f1403169275002100356696","spanId":"0.1"}
}
