package main

import (
	"fmt"
	"net/http"
	"strings"

	"go.opentelemetry.io/otel/propagation"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	twinspan "github.com/twinspan/twinspan/sdk"
	"github.com/twinspan/twinspan/sdk/contrib/opentelemetry"
)

// contender is one that is measured.
type contender struct {
	name, title string
	start       func(dir string) (running, error)
	headers     func() http.Header
}

// running is a tracer at work. unit is called by several goroutines, each with headers of its own.
type running struct {
	unit  func(in, out http.Header)
	flush func()                // until everything is out
	close func() (lost float64) // gives the share of spans that came nowhere
}

// baseline is what the others are compared with.
const baseline = "otel-otlp"

func all() []contender {
	return []contender{
		{baseline, "OTel SDK, batch processor + OTLP encoding, nothing dropped", startOTLP, headers},
		{"otel-nothing", "OTel SDK, batch processor, exporter that does nothing", startNothing, headers},
		{"datadog", "dd-trace-go v2", startDatadog, headers},
		{"zipkin", "zipkin-go, JSON encoding", startZipkin, zipkinHeaders},
		{"zerolog", "one log line of about 450 bytes by zerolog, buffered, to a file", startZerolog, headers},
		// OpenTelemetry's SDK reads and writes W3C headers only.
		{"twinspan-w3c", "**Twinspan, native API, both digest lines on disk**; W3C headers", startNative(onlyW3C), headers},
		{"twinspan-otel-w3c", "**Twinspan through the OpenTelemetry API, the same logs**; W3C headers", startOTel(onlyW3C), headers},
		{"twinspan-out-w3c", "**Twinspan, native API, sampled out (counted, not logged)**; W3C headers", startNative(onlyW3C), unsampled},
		// Ours reads and writes SOFATracer's as well, unless it is told not to.
		{"twinspan", "native API, W3C and SOFATracer headers (the default)", startNative(nil), headers},
		{"twinspan-text", "native API, both headers, text lines", startNative(func(c *twinspan.Config) { c.Format = twinspan.Text }), headers},
		{"twinspan-otel", "through the OpenTelemetry API, both headers", startOTel(nil), headers},
		{"twinspan-out", "native API, sampled out, both headers", startNative(nil), unsampled},
	}
}

func find(name string) (contender, error) {
	for _, t := range all() {
		if t.name == name {
			return t, nil
		}
	}
	return contender{}, fmt.Errorf("no tracer %q", name)
}

func unsampled() http.Header {
	h := headers()
	h.Set("traceparent", strings.TrimSuffix(h.Get("traceparent"), "1")+"0")
	h.Set("X-B3-Sampled", "false")
	return h
}

func config(dir string) twinspan.Config {
	c := twinspan.DefaultConfig("payment")
	c.LogDir = dir
	c.QueuePolicy = twinspan.WaitWhenFull
	return c
}

func finish(native *twinspan.Tracer) float64 {
	if err := native.Close(); err != nil {
		panic(err)
	}
	c := native.Counters()
	return float64(c.QueueDropped+c.WriteLost) / float64(max(c.Spans, 1))
}

// start makes a Tracer whose configuration change may alter.
func start(dir string, change func(*twinspan.Config)) (*twinspan.Tracer, error) {
	c := config(dir)
	if change != nil {
		change(&c)
	}
	return twinspan.New(c)
}

func startNative(change func(*twinspan.Config)) func(dir string) (running, error) {
	return func(dir string) (running, error) {
		native, err := start(dir, change)
		if err != nil {
			return running{}, err
		}
		return running{
			unit:  func(in, out http.Header) { nativeUnit(native, in, out) },
			flush: native.Flush,
			close: func() float64 { return finish(native) },
		}, nil
	}
}

func startOTel(change func(*twinspan.Config)) func(dir string) (running, error) {
	return func(dir string) (running, error) {
		native, err := start(dir, change)
		if err != nil {
			return running{}, err
		}
		unit := otelUnit(opentelemetry.NewTracerProvider(native), opentelemetry.NewPropagator(native))
		return running{unit, native.Flush, func() float64 { return finish(native) }}, nil
	}
}

func onlyW3C(c *twinspan.Config) {
	c.Inject, c.Extract = []twinspan.Propagation{twinspan.W3C}, []twinspan.Propagation{twinspan.W3C}
}

func startOTLP(string) (running, error) { return startSDK(newEncodingExporter()) }

func startNothing(string) (running, error) { return startSDK(nothing{}) }

func startSDK(exporter sdktrace.SpanExporter) (running, error) {
	provider := sdktrace.NewTracerProvider(sdktrace.WithBatcher(exporter, sdktrace.WithBlocking()))
	unit := otelUnit(provider, propagation.NewCompositeTextMapPropagator(propagation.TraceContext{}, propagation.Baggage{}))
	return running{unit, func() { must(provider.ForceFlush(background)) }, func() float64 {
		must(provider.Shutdown(background))
		return 0 // it blocks
	}}, nil
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}
