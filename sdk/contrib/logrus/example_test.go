package twinlogrus_test

import (
	"context"
	"os"

	"github.com/sirupsen/logrus"

	twinspan "github.com/twinspan/twinspan/sdk"
	twinlogrus "github.com/twinspan/twinspan/sdk/contrib/logrus"
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

func ExampleHook() {
	tracer, done := newTracer()
	defer done()
	logger := logrus.New()
	logger.SetOutput(os.Stdout)
	logger.SetFormatter(&logrus.JSONFormatter{DisableTimestamp: true})
	logger.AddHook(twinlogrus.Hook{})

	carrier := twinspan.MapCarrier{"X-B3-TraceId": "0ad1348f1403169275002100356696", "X-B3-SpanId": "0.1"}
	ctx, span := tracer.StartFrom(context.Background(), carrier, twinspan.Server, twinspan.HTTPServer, "GET /pay/{id}")
	defer span.End()
	logger.WithContext(ctx).Info("paid")
	// Output: {"level":"info","msg":"paid","spanId":"0.1","traceId":"0ad1348f1403169275002100356696"}
}
