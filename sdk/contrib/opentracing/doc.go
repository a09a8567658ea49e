// Package twinopentracing is the OpenTracing API (github.com/opentracing/opentracing-go) on Twinspan's tracer.
//
//	tracer, err := twinspan.New(twinspan.DefaultConfig("payment"))
//	...
//	opentracing.SetGlobalTracer(twinopentracing.NewTracer(tracer))
//
// Spans nest in those of the native API and of OpenTelemetry's: a context made by opentracing.ContextWithSpan carries the
// native span as well, and opentracing.SpanFromContext finds a span in a context that another of the APIs made.
//
// Text maps and HTTP headers carry the formats of the configuration, the binary format SOFATracer's text and W3C's, as
// twinspan.BinaryCarrier has them. A span's kind is the tag "span.kind" that it starts with; ext's tags choose the component
// when it ends, see twinspan.Inferred. The tag "error" sets the status, logs become events. FollowsFrom makes a child with a
// link that says so; references beyond the first are links.
package twinopentracing
