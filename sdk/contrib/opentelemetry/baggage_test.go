package opentelemetry

import (
	"context"
	"net/http"
	"strings"
	"testing"

	twinspan "github.com/twinspan/twinspan/sdk"
	"github.com/twinspan/twinspan/sdk/contrib/internal/tracertest"
	"go.opentelemetry.io/otel/baggage"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
)

func parse(t *testing.T, text string) baggage.Baggage {
	t.Helper()
	b, err := baggage.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestBaggageOfOneIsTheOthers: items set through either API are seen through both, by everything below.
func TestBaggageOfOneIsTheOthers(t *testing.T) {
	native := tracertest.New(t, "pay")
	tracer, p := NewTracerProvider(native.Tracer).Tracer("test"), NewPropagator(native.Tracer)
	value := func(ctx context.Context, key string) string { return baggage.FromContext(ctx).Member(key).Value() }

	ctx, a := native.Start(t.Context(), twinspan.Server, twinspan.HTTPServer, "GET /")
	if b := baggage.FromContext(ctx); b.Len() != 0 {
		t.Errorf("a new span has %v", b)
	}
	a.SetBaggage("user", "u1")
	a.SetBaggage("bad \xff key", "v")
	type key struct{}
	inner := context.WithValue(ctx, key{}, 1)
	if value(ctx, "user") != "u1" || value(inner, "user") != "u1" || baggage.FromContext(ctx).Len() != 1 {
		t.Errorf("native baggage is %v for OpenTelemetry", baggage.FromContext(ctx))
	}
	a.SetBaggage("user", "u2")
	if value(inner, "user") != "u2" {
		t.Errorf("a later value is not seen: %v", baggage.FromContext(inner))
	}

	// OpenTelemetry's baggage on top, and native and other spans below it.
	ctx = baggage.ContextWithBaggage(inner, parse(t, "user=u3,tier=gold;since=2020"))
	if value(ctx, "user") != "u3" {
		t.Errorf("the nearest value is %s", value(ctx, "user"))
	}
	ctx, b := native.Start(ctx, twinspan.Internal, twinspan.Biz, "b")
	if b.Baggage("user") != "u3" || b.Baggage("tier") != "gold" || a.Baggage("user") != "u2" {
		t.Errorf("b has %q, %q", b.Baggage("user"), b.Baggage("tier"))
	}
	if m := baggage.FromContext(ctx).Member("tier"); m.Value() != "gold" || len(m.Properties()) != 1 {
		t.Errorf("the property of %v is lost", m)
	}
	b.SetBaggage("step", "2")
	ctx, c := tracer.Start(ctx, "c", trace.WithSpanKind(trace.SpanKindClient))
	if got := baggage.FromContext(ctx); value(ctx, "step") != "2" || value(ctx, "user") != "u3" || len(got.Member("tier").Properties()) != 1 || Twinspan(c).Baggage("step") != "2" {
		t.Errorf("c has %v", got)
	}

	// Both propagators write the same, and a new root keeps OpenTelemetry's baggage, as in OpenTelemetry.
	headers, theirs := propagation.HeaderCarrier{}, propagation.HeaderCarrier{}
	p.Inject(ctx, headers)
	propagation.Baggage{}.Inject(ctx, theirs)
	for _, want := range []string{"user=u3", "tier=gold;since=2020", "step=2"} {
		if !strings.Contains(headers.Get("baggage"), want) || !strings.Contains(theirs.Get("baggage"), want) {
			t.Errorf("without %s: ours %q, OpenTelemetry's %q", want, headers.Get("baggage"), theirs.Get("baggage"))
		}
	}
	if http.Header(headers).Get("baggage-user") != "u3" {
		t.Errorf("headers %v", headers)
	}
	_, root := tracer.Start(ctx, "root", trace.WithNewRoot())
	if Twinspan(root).SpanID() != "0" || Twinspan(root).Baggage("step") != "2" {
		t.Errorf("the new root %s has %q", Twinspan(root).SpanID(), Twinspan(root).Baggage("step"))
	}
	_, plain := native.StartSpan(ctx, &twinspan.StartOptions{NewRoot: true})
	if plain.Baggage("step") != "" {
		t.Error("a new native root has baggage")
	}
}

// TestBaggageOfARequestWins: of the same key the request's item counts, not the one around the server.
func TestBaggageOfARequestWins(t *testing.T) {
	native := tracertest.New(t, "pay")
	NewTracerProvider(native.Tracer)
	around := baggage.ContextWithBaggage(t.Context(), parse(t, "user=around,zone=z1"))
	header := twinspan.HeaderCarrier{"Traceparent": {"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"}, "Baggage": {"user=u1"}}
	ctx, s := native.StartFrom(around, header, twinspan.Server, twinspan.HTTPServer, "GET /")
	if s.Baggage("user") != "u1" || s.Baggage("zone") != "z1" || baggage.FromContext(ctx).Member("user").Value() != "u1" {
		t.Errorf("%q %q, %v", s.Baggage("user"), s.Baggage("zone"), baggage.FromContext(ctx))
	}
	// A span that is carried into another context takes what is there for what starts below.
	_, below := native.Start(twinspan.ContextWithSpan(baggage.ContextWithBaggage(t.Context(), parse(t, "late=1")), s), twinspan.Internal, twinspan.Biz, "below")
	if below.Baggage("late") != "1" || below.Baggage("user") != "u1" {
		t.Errorf("%q %q", below.Baggage("late"), below.Baggage("user"))
	}
}
