package twinopentracing

import (
	"testing"

	ot "github.com/opentracing/opentracing-go"
	"github.com/opentracing/opentracing-go/ext"
	twinspan "github.com/twinspan/twinspan/sdk"
	"github.com/twinspan/twinspan/sdk/contrib/internal/tracertest"
)

// TestRules: sampling rules see the tags that a span starts with.
func TestRules(t *testing.T) {
	native := tracertest.New(t, "pay")
	tracer := NewTracer(native.Tracer)
	if err := native.SetSampling(twinspan.Sampling{Percentage: 100, Rules: []twinspan.SampleRule{"http-server:server:GET /health*=0%"}}); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]bool{"/health/live": false, "/pay": true} {
		s := tracer.StartSpan("HTTP GET", ext.SpanKindRPCServer, ot.Tag{Key: "http.method", Value: "GET"}, ot.Tag{Key: "http.url", Value: "http://pay" + path},
			ot.Tag{Key: "error", Value: true})
		s.Finish()
		if got := Twinspan(s).Sampled(); got != want {
			t.Errorf("%s: sampled %v", path, got)
		}
	}
	lines := native.Lines(t, "http-server-digest.log")
	if len(lines) != 1 || lines[0]["request.url"] != "http://pay/pay" || lines[0]["status"] != "error" || len(lines[0]["attributes"].(map[string]any)) != 2 {
		t.Errorf("%v", lines)
	}
}
