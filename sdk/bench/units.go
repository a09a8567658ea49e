package main

import (
	"context"
	"net/http"

	twinspan "github.com/twinspan/twinspan/sdk"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
)

// background is what a request's context is below.
var background = context.Background()

func nativeUnit(t *twinspan.Tracer, in, out http.Header) {
	ctx, server := t.StartFrom(background, twinspan.HeaderCarrier(in), twinspan.Server, twinspan.HTTPServer, "GET /pay/{id}")
	server.SetTags(twinspan.String(twinspan.TagURL, "http://127.0.0.1:8080/pay/17"), twinspan.String(twinspan.TagMethod, "GET"),
		twinspan.Int(twinspan.TagRequestSize, 120), twinspan.Int(twinspan.TagResponseSize, 512), twinspan.String("user.tier", "gold"))
	_, client := t.Start(ctx, twinspan.Client, twinspan.HTTPClient, "GET /book/{id}")
	client.SetTags(twinspan.String(twinspan.TagURL, "http://10.0.0.7:8080/book/17"), twinspan.String(twinspan.TagMethod, "GET"),
		twinspan.Int(twinspan.TagRequestSize, 0), twinspan.Int(twinspan.TagResponseSize, 64), twinspan.String("http.flavor", "1.1"))
	client.Inject(twinspan.HeaderCarrier(out))
	client.SetResultCode("200")
	client.End()
	server.SetResultCode("200")
	server.End()
}

// otelUnit is the same through OpenTelemetry's API, with the attributes of its conventions.
func otelUnit(provider trace.TracerProvider, propagator propagation.TextMapPropagator) func(in, out http.Header) {
	t := provider.Tracer("bench")
	return func(in, out http.Header) {
		ctx := propagator.Extract(background, propagation.HeaderCarrier(in))
		ctx, server := t.Start(ctx, "GET /pay/{id}", trace.WithSpanKind(trace.SpanKindServer), trace.WithAttributes(
			attribute.String("http.request.method", "GET"), attribute.String("url.path", "/pay/17"),
			attribute.String("http.route", "/pay/{id}"), attribute.String("user.tier", "gold")))
		calling, client := t.Start(ctx, "GET /book/{id}", trace.WithSpanKind(trace.SpanKindClient), trace.WithAttributes(
			attribute.String("http.request.method", "GET"), attribute.String("url.full", "http://10.0.0.7:8080/book/17"),
			attribute.String("server.address", "10.0.0.7"), attribute.Int("server.port", 8080)))
		propagator.Inject(calling, propagation.HeaderCarrier(out))
		client.SetAttributes(attribute.Int("http.response.status_code", 200))
		client.End()
		server.SetAttributes(attribute.Int("http.response.status_code", 200))
		server.End()
	}
}
