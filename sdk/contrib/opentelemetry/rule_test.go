package opentelemetry

import (
	"testing"

	twinspan "github.com/twinspan/twinspan/sdk"
	"github.com/twinspan/twinspan/sdk/contrib/internal/tracertest"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"
)

// TestRules: sampling rules and a Sampler see the attributes that a span starts with, and the span has them once.
func TestRules(t *testing.T) {
	native := tracertest.New(t, "pay")
	tracer := NewTracerProvider(native.Tracer).Tracer("test")
	set := twinspan.Sampling{Percentage: 100, Rules: []twinspan.SampleRule{"http-server:server:GET /health*=0%"}, Sampler: func(r twinspan.Root) twinspan.Decision {
		for _, tag := range r.Tags {
			if tag.Key == "tenant" && tag.Value() == int64(7) {
				return twinspan.SampleOut
			}
		}
		return twinspan.Undecided
	}}
	if err := native.SetSampling(set); err != nil {
		t.Fatal(err)
	}
	request := func(path, pathKey, methodKey string, more ...attribute.KeyValue) bool {
		_, s := tracer.Start(t.Context(), "GET", trace.WithSpanKind(trace.SpanKindServer),
			trace.WithAttributes(append(more, attribute.String(methodKey, "GET"), attribute.String(pathKey, path))...))
		s.End()
		return s.SpanContext().IsSampled()
	}
	if request("/health", "url.path", "http.request.method") || request("/health?x=1", "http.target", "http.method") {
		t.Error("/health is sampled")
	}
	if request("/pay", "url.path", "http.request.method", attribute.Int("tenant", 7)) {
		t.Error("tenant 7 is sampled")
	}
	if !request("/pay", "url.path", "http.request.method", attribute.Int("tenant", 8)) {
		t.Error("/pay is not sampled")
	}
	lines := native.Lines(t, "http-server-digest.log")
	if len(lines) != 1 {
		t.Fatalf("%v", lines)
	}
	attributes, _ := lines[0]["attributes"].(map[string]any)
	if len(attributes) != 3 || attributes["tenant"] != 8.0 || lines[0]["method"] != "GET" {
		t.Errorf("%v", lines[0])
	}
}
