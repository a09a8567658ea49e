// Package twinspan is the tracer of Twinspan: it gives every request a trace id and every call a span, carries both from
// service to service, and writes SOFATracer's digest and stat logs, which an agent on the host forwards.
//
// A service makes one Tracer, gives it to the instrumentations (sdk/contrib/...), and starts spans of its own where it
// wants to see more:
//
//	cfg := twinspan.DefaultConfig("payment")
//	tracer, err := twinspan.New(cfg)
//	...
//	defer tracer.Close()
//	ctx, span := tracer.Start(ctx, twinspan.Internal, twinspan.Biz, "charge")
//	defer span.End()
//
// The package is not for reading logs (the server's part). It depends on the standard library and one package of OpenTelemetry's API,
// which is a list of interfaces. All exported methods of *Tracer and *Span are safe for concurrent use, and a nil *Tracer or *Span does
// nothing, so that code may be instrumented without asking whether tracing is on.
package twinspan
