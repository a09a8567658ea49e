package twinopentracing

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	ot "github.com/opentracing/opentracing-go"
	"github.com/opentracing/opentracing-go/ext"
	"github.com/opentracing/opentracing-go/harness"
	"github.com/opentracing/opentracing-go/log"
	twinspan "github.com/twinspan/twinspan/sdk"
	"github.com/twinspan/twinspan/sdk/contrib/internal/tracertest"
)

// harnessProbe tells the harness what belongs together.
type harnessProbe struct{}

func (harnessProbe) SameTrace(a, b ot.Span) bool {
	return Twinspan(a).TraceID() == Twinspan(b).TraceID() && Twinspan(a).TraceID() != ""
}

func (harnessProbe) SameSpanContext(s ot.Span, c ot.SpanContext) bool {
	sc, ok := c.(spanContext)
	return ok && sc.native.Trace() == Twinspan(s).Context().Trace() && sc.native.ID8() == Twinspan(s).ID8()
}

// TestHarness is the conformance suite of opentracing-go.
func TestHarness(t *testing.T) {
	native := tracertest.New(t, "pay")
	harness.RunAPIChecks(t, func() (ot.Tracer, func()) { return NewTracer(native.Tracer), nil },
		harness.CheckEverything(), harness.UseProbe(harnessProbe{}))
}

func TestFacesNest(t *testing.T) {
	native := tracertest.New(t, "pay")
	tracer := NewTracer(native.Tracer)
	ctx, a := native.Start(t.Context(), twinspan.Server, twinspan.HTTPServer, "GET /")
	if s := ot.SpanFromContext(ctx); Twinspan(s) != a || s.Tracer() != tracer {
		t.Fatalf("%v", s)
	}
	b, ctx := ot.StartSpanFromContextWithTracer(ctx, tracer, "b")
	if Twinspan(b).SpanID() != "0.1" || twinspan.SpanFromContext(ctx) != Twinspan(b) {
		t.Errorf("b is %s", Twinspan(b).SpanID())
	}
	ctx, c := native.Start(ctx, twinspan.Client, twinspan.HTTPClient, "c")
	if c.SpanID() != "0.1.1" || Twinspan(ot.SpanFromContext(ctx)) != c {
		t.Errorf("c is %s", c.SpanID())
	}
	_, d := native.Start(ot.ContextWithSpan(context.Background(), b), twinspan.Internal, twinspan.Biz, "d")
	if d.SpanID() != "0.1.2" {
		t.Errorf("d is %s", d.SpanID())
	}
}

func TestReferences(t *testing.T) {
	native := tracertest.New(t, "pay")
	tracer := NewTracer(native.Tracer)
	first, second := tracer.StartSpan("first"), tracer.StartSpan("second")
	child := tracer.StartSpan("child", ot.FollowsFrom(second.Context()), ot.ChildOf(harness.ForeignSpanContext{}), ot.ChildOf(first.Context()))
	follower := tracer.StartSpan("follower", ot.FollowsFrom(first.Context()))
	alone := tracer.StartSpan("alone", ot.ChildOf(harness.ForeignSpanContext{}))
	for _, s := range []ot.Span{child, follower, alone, second, first} {
		s.Finish()
	}
	if c, f := Twinspan(child), Twinspan(follower); c.SpanID() != "0.1" || c.TraceID() != Twinspan(first).TraceID() || f.SpanID() != "0.2" ||
		Twinspan(alone).SpanID() != "0" {
		t.Errorf("%s %s %s", c.SpanID(), f.SpanID(), Twinspan(alone).SpanID())
	}
	got := make(map[string]string)
	for _, line := range native.Lines(t, "biz-digest.log") {
		links, _ := line["links"].([]any)
		for _, l := range links {
			l := l.(map[string]any)
			got[line["operation"].(string)] += fmt.Sprint(l["span.id8"], l["trace.id16"] == Twinspan(second).Context().Trace().Hex(), l["attributes"])
		}
	}
	id8 := Twinspan(second).ID8().String() // both are roots
	if len(got) != 2 || got["child"] != id8+"true map[opentracing.ref_type:follows_from]" ||
		got["follower"] == "" {
		t.Errorf("%v", got)
	}
}

func TestTagsAndLogs(t *testing.T) {
	native := tracertest.New(t, "pay")
	tracer := NewTracer(native.Tracer)
	start := time.Unix(1767323045, 0)
	s := tracer.StartSpan("get", ext.SpanKindRPCClient, ot.StartTime(start), ot.Tags{"n": 1})
	ext.HTTPMethod.Set(s, "GET")
	ext.HTTPUrl.Set(s, "http://book:1/x")
	ext.HTTPStatusCode.Set(s, 503)
	ext.PeerService.Set(s, "book")
	ext.PeerAddress.Set(s, "10.0.0.7:1")
	ext.Error.Set(s, true)
	s.SetTag("big", uint64(1)<<63).SetTag("err", errors.New("x")).SetTag("nil", nil).SetTag("f", float32(0.5))
	s.LogFields(log.String("event", "retry"), log.Int("attempt", 2), log.Error(errors.New("bad")),
		log.Lazy(func(e log.Encoder) { e.EmitBool("lazy", true) }))
	s.LogKV("odd")
	s.FinishWithOptions(ot.FinishOptions{FinishTime: start.Add(time.Second),
		LogRecords: []ot.LogRecord{{Timestamp: start, Fields: []log.Field{log.Event("late")}}}})
	s.SetTag("after", 1)
	s.SetOperationName("after")
	s.LogKV("after", 1)
	s.Finish()
	line := native.Lines(t, "httpclient-digest.log")[0]
	for k, want := range map[string]any{"request.url": "http://book:1/x", "method": "GET", "result.code": "503", "remote.app": "book",
		"remote.address": "10.0.0.7:1", "status": "error", "operation": "get", "duration.ns": 1e9, "span.kind": "client"} {
		if line[k] != want {
			t.Errorf("%s is %v, want %v", k, line[k], want)
		}
	}
	attributes := line["attributes"].(map[string]any)
	for k, want := range map[string]any{"n": 1.0, "big": "9223372036854775808", "err": "x", "nil": "<nil>", "f": 0.5, "http.status_code": 503.0, "after": nil} {
		if attributes[k] != want {
			t.Errorf("attribute %s is %v, want %v", k, attributes[k], want)
		}
	}
	events := line["events"].([]any)
	if len(events) != 3 {
		t.Fatalf("%v", events)
	}
	if e := events[0].(map[string]any); e["name"] != "retry" || fmt.Sprint(e["attributes"]) != "map[attempt:2 error.object:bad lazy:true]" {
		t.Errorf("%v", e)
	}
	if e := events[2].(map[string]any); e["name"] != "late" || e["time.ns"] != "1767323045000000000" {
		t.Errorf("%v", e)
	}
}

// custom is a carrier of the application's own.
type custom struct{ pairs [][2]string }

func (c *custom) Set(key, value string) { c.pairs = append(c.pairs, [2]string{key, value}) }

func (c *custom) ForeachKey(handler func(key, value string) error) error {
	for _, p := range c.pairs {
		if err := handler(p[0], p[1]); err != nil {
			return err
		}
	}
	return nil
}

func TestCarriers(t *testing.T) {
	native := tracertest.New(t, "pay")
	tracer := NewTracer(native.Tracer)
	s := tracer.StartSpan("call", ext.SpanKindRPCClient)
	s.SetBaggageItem("user", "u 1")
	for name, c := range map[string]struct{ format, carrier any }{
		"text": {ot.TextMap, ot.TextMapCarrier{}}, "http": {ot.HTTPHeaders, ot.HTTPHeadersCarrier{}},
		"binary": {ot.Binary, new(bytes.Buffer)}, "custom": {ot.TextMap, new(custom)},
	} {
		if err := tracer.Inject(s.Context(), c.format, c.carrier); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		far, err := tracer.Extract(c.format, c.carrier)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		server := tracer.StartSpan("serve", ext.RPCServerOption(far))
		if n := Twinspan(server); n.SpanID() != Twinspan(s).SpanID() || n.TraceID() != Twinspan(s).TraceID() || server.BaggageItem("user") != "u 1" {
			t.Errorf("%s: %s in %s with %q", name, n.SpanID(), n.TraceID(), server.BaggageItem("user"))
		}
	}
	for _, c := range []any{ot.TextMapCarrier{}, ot.HTTPHeadersCarrier{}, new(custom)} {
		if _, err := tracer.Extract(ot.TextMap, c); !errors.Is(err, ot.ErrSpanContextNotFound) {
			t.Errorf("nothing in %T: %v", c, err)
		}
	}
}

// TestUseAfterFinish: run it with -race.
func TestUseAfterFinish(t *testing.T) {
	native := tracertest.New(t, "pay")
	tracer := NewTracer(native.Tracer)
	var all sync.WaitGroup
	for g := range 4 {
		all.Go(func() {
			var late []ot.Span
			for i := range 100 {
				s := tracer.StartSpan(fmt.Sprint("work ", g, " ", i))
				s.SetTag("of", fmt.Sprint(g, " ", i))
				late = append(late, s)
				all.Go(func() {
					s.SetTag("late", 1)
					s.LogKV("event", "late")
					s.SetBaggageItem("late", "1")
					_ = s.Context()
				})
				s.Finish()
				for _, l := range late {
					l.SetTag("of", "another")
					l.SetOperationName("another")
					l.Finish()
				}
			}
		})
	}
	all.Wait()
	seen := make(map[string]bool)
	for _, line := range native.Lines(t, "biz-digest.log") {
		of := line["attributes"].(map[string]any)["of"].(string)
		if line["operation"] != "work "+of || seen[of] {
			t.Errorf("%v", line)
		}
		seen[of] = true
	}
	if len(seen) != 400 {
		t.Errorf("%d spans", len(seen))
	}
}
