// Package opentelemetry is the OpenTelemetry trace API on Twinspan's tracer: every library that is instrumented with
// OpenTelemetry writes its spans into the same digest and stat logs, without OpenTelemetry's SDK.
//
//	tracer, err := twinspan.New(twinspan.DefaultConfig("payment"))
//	...
//	otel.SetTracerProvider(opentelemetry.NewTracerProvider(tracer))
//	otel.SetTextMapPropagator(opentelemetry.NewPropagator(tracer))
//
// Spans of both APIs nest in each other: trace.SpanFromContext gives a working span in a context that the native API
// started, and twinspan.SpanFromContext the native span in one that OpenTelemetry started. The nearest span of a context
// counts, whichever API put it there.
//
// The component of a span, and with it the log file, is inferred from its kind and attributes when it ends: see
// twinspan.Inferred. All attributes, events and links, the status (unset, ok, error) and the instrumentation scope are
// written; a resource is what the configuration says (the app and the instance). Limits are twinspan.Config.Limits: what
// comes beyond them is dropped and counted. Every span records, also those that are not sampled, because stat lines count
// them all.
package opentelemetry
