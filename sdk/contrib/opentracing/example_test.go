package twinopentracing_test

import (
	"context"
	"fmt"
	"os"

	ot "github.com/opentracing/opentracing-go"
	twinspan "github.com/twinspan/twinspan/sdk"
	twinopentracing "github.com/twinspan/twinspan/sdk/contrib/opentracing"
)

// Give the tracer to opentracing.SetGlobalTracer, or to an instrumentation's option.
func ExampleNewTracer() {
	dir, err := os.MkdirTemp("", "tracelog")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)
	cfg := twinspan.DefaultConfig("payment")
	cfg.LogDir = dir
	native, err := twinspan.New(cfg)
	if err != nil {
		panic(err)
	}
	defer native.Close()
	tracer := twinopentracing.NewTracer(native)

	charge, ctx := ot.StartSpanFromContextWithTracer(context.Background(), tracer, "charge")
	defer charge.Finish()
	ctx, book := native.Start(ctx, twinspan.Internal, twinspan.Biz, "book")
	defer book.End()
	check, _ := ot.StartSpanFromContextWithTracer(ctx, tracer, "check")
	defer check.Finish()
	fmt.Println(twinopentracing.Twinspan(charge).SpanID(), book.SpanID(), twinopentracing.Twinspan(check).SpanID())
	// Output: 0 0.1 0.1.1
}
