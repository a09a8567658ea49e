package opentelemetry

import (
	"slices"
	"testing"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"
)

// TestStartConfig holds what reads attributes where they lie against the API's own reading, for every place that they may be in.
func TestStartConfig(t *testing.T) {
	if attributeOption == nil {
		t.Error("trace.WithAttributes is no list of attributes any more: spans start right, but slower")
	}
	kind, root := trace.WithSpanKind(trace.SpanKindServer), trace.WithNewRoot()
	a := trace.WithAttributes(attribute.String("a", "1"), attribute.Int("b", 2))
	b := trace.WithAttributes(attribute.Bool("c", true))
	none := trace.WithAttributes()
	for _, options := range [][]trace.SpanStartOption{
		nil, {kind}, {a}, {none}, {kind, a}, {a, kind}, {kind, a, root}, {a, b}, {a, kind, b}, {kind, a, b}, {b, none}, {none, a}, {kind, none, root, b},
	} {
		want := trace.NewSpanStartConfig(options...)
		got, attributes := startConfig(options)
		if !slices.Equal(attributes, want.Attributes()) || got.SpanKind() != want.SpanKind() || got.NewRoot() != want.NewRoot() {
			t.Errorf("%v: %v, want %v", options, attributes, want.Attributes())
		}
	}
}
