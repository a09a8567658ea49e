package twinspan

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/twinspan/twinspan/sdk/id"
)

func TestSpanIDsOfATree(t *testing.T) {
	tracer := newTracer(t, nil)
	// Each span: its parent's name, its kind, and the dotted id that it has to have.
	tests := []struct {
		name, parent string
		kind         Kind
		want         string
	}{
		{"root", "", Server, "0"},
		{"c1", "root", Client, "0.1"},
		{"c2", "root", Client, "0.2"},
		{"in", "root", Internal, "0.3"},
		{"in1", "in", Client, "0.3.1"},
		{"in2", "in", Internal, "0.3.2"},
		{"p", "root", Producer, "0.4"},
		{"below client", "c1", Internal, "0.1.0.1"},
		{"client below client", "c1", Client, "0.1.0.2"},
		{"below producer", "p", Client, "0.4.0.1"},
		{"deeper", "below client", Client, "0.1.0.1.1"},
		{"below that client", "deeper", Internal, "0.1.0.1.1.0.1"},
		{"root client", "", Client, "0"},
		{"below root client", "root client", Internal, "0.0.1"},
	}
	contexts := map[string]context.Context{"": t.Context()}
	for _, tt := range tests {
		ctx, span := tracer.Start(contexts[tt.parent], tt.kind, Biz, tt.name)
		contexts[tt.name] = ctx
		if span.SpanID() != tt.want || span.ID8() != id.SpanOf(tt.want) {
			t.Errorf("%s: %s (%s), want %s", tt.name, span.SpanID(), span.ID8(), tt.want)
		}
		parent := SpanFromContext(contexts[tt.parent])
		if span.parent8 != parent.ID8() || parent != nil && span.TraceID() != parent.TraceID() {
			t.Errorf("%s: parent %s, trace %s", tt.name, span.parent8, span.TraceID())
		}
		if got := id.ParentOf(tt.want); parent != nil && got != parent.SpanID() {
			t.Errorf("%s: the id alone gives %s as parent", tt.name, got)
		}
		if SpanFromContext(ctx) != span {
			t.Errorf("%s: the context carries another span", tt.name)
		}
		span.End()
	}
}

// TestTwoHalves has a client and a server half, over every kind of carried context.
func TestTwoHalves(t *testing.T) {
	sofa := MapCarrier{keyTraceID: "0a0fe8ec1700000000123100112345", keySpanID: "0.7"}
	foreign := MapCarrier{keyTraceparent: "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"}
	client8 := id.SpanOf("0.7")
	tests := []struct {
		name          string
		form          ServerSpanID
		carrier       MapCarrier
		kind          Kind
		spanID        string // a final "." is followed by a random number
		id8           id.Span
		parent8, twin id.Span
	}{
		{"shared", SharedSpanID, sofa, Server, "0.7", id.ServerSpanOf("0.7"), client8, client8},
		{"child", ChildSpanID, sofa, Server, "0.7.1", id.SpanOf("0.7.1"), client8, client8},
		{"consumer", SharedSpanID, sofa, Consumer, "0.7.", 0, client8, client8},
		{"internal work for a remote span", SharedSpanID, sofa, Internal, "0.7.", 0, client8, 0},
		{"foreign parent", SharedSpanID, foreign, Server, "00f067aa0ba902b7.", 0, spanOf("00f067aa0ba902b7"), spanOf("00f067aa0ba902b7")},
		{"foreign parent of a consumer", ChildSpanID, foreign, Consumer, "00f067aa0ba902b7.", 0, spanOf("00f067aa0ba902b7"), spanOf("00f067aa0ba902b7")},
		{"nothing", SharedSpanID, MapCarrier{}, Server, "0", id.SpanOf("0"), 0, 0},
	}
	for _, tt := range tests {
		tracer := newTracer(t, func(c *Config) { c.ServerSpanID = tt.form })
		ctx, span := tracer.StartFrom(t.Context(), tt.carrier, tt.kind, HTTPServer, "GET /")
		if tt.id8 == 0 {
			tt.id8 = id.SpanOf(span.spanID)
			if !strings.HasPrefix(span.spanID, tt.spanID) || len(span.spanID) == len(tt.spanID) {
				t.Errorf("%s: span id %s, want %s and a number", tt.name, span.spanID, tt.spanID)
			}
		} else if span.spanID != tt.spanID {
			t.Errorf("%s: span id %s, want %s", tt.name, span.spanID, tt.spanID)
		}
		if span.id8 != tt.id8 || span.parent8 != tt.parent8 || span.twin8() != tt.twin {
			t.Errorf("%s: %s below %s, twin %s", tt.name, span.id8, span.parent8, span.twin8())
		}
		_, child := tracer.Start(ctx, Client, HTTPClient, "GET /")
		if child.spanID != span.spanID+".1" || child.parent8 != span.id8 {
			t.Errorf("%s: child %s below %s", tt.name, child.spanID, child.parent8)
		}
	}
}

// TestClientToServer carries a context from one tracer to another by each format alone and by both.
func TestClientToServer(t *testing.T) {
	for i, formats := range [][]Propagation{{W3C}, {SOFAHTTP}, {W3C, SOFAHTTP}, {SOFAHTTP, W3C}, {W3C}, {SOFAHTTP}} {
		sampled := i < 4
		tracer := newTracer(t, func(c *Config) {
			c.Inject, c.Extract = formats, formats
			if !sampled {
				c.SamplePercentage = 0
			}
		})
		ctx, root := tracer.Start(t.Context(), Server, HTTPServer, "GET /")
		root.SetBaggage("user", "u 1,%=张")
		_, client := tracer.Start(ctx, Client, HTTPClient, "GET /")
		headers := HeaderCarrier{}
		client.Inject(headers)
		_, server := tracer.StartFrom(context.Background(), headers, Server, HTTPServer, "GET /")
		if server.TraceID() != client.TraceID() || server.SpanID() != "0.1" || server.twin8() != client.ID8() ||
			server.Sampled() != sampled || server.Baggage("user") != "u 1,%=张" {
			t.Errorf("%v: %+v gives %s %s %q", formats, headers, server.TraceID(), server.SpanID(), server.Baggage("user"))
		}
	}
}

func TestRandomTraceIDs(t *testing.T) {
	tracer := newTracer(t, func(c *Config) { c.RandomTraceIDs = true })
	_, client := tracer.Start(t.Context(), Client, HTTPClient, "GET /")
	headers := MapCarrier{}
	client.Inject(headers)
	_, server := tracer.StartFrom(t.Context(), headers, Server, HTTPServer, "GET /")
	if len(client.TraceID()) != 32 || client.trace.IsSOFA() || server.TraceID() != client.TraceID() || server.twin8() != client.ID8() {
		t.Errorf("%s gives %s", client.TraceID(), server.TraceID())
	}
	if want := "00-" + client.TraceID() + "-" + client.ID8().String() + "-03"; headers[keyTraceparent] != want {
		t.Errorf("%s, want %s", headers[keyTraceparent], want)
	}
}

func TestInjectFromAServerSpan(t *testing.T) {
	tracer := newTracer(t, nil)
	carrier := MapCarrier{keyTraceID: "0a0fe8ec1700000000123100112345", keySpanID: "0.7"}
	_, proxy := tracer.StartFrom(t.Context(), carrier, Server, HTTPServer, "GET /")
	headers := MapCarrier{}
	proxy.Inject(headers)
	_, server := tracer.StartFrom(t.Context(), headers, Server, HTTPServer, "GET /")
	if server.parent8 != proxy.ID8() || !strings.HasPrefix(server.SpanID(), proxy.ID8().String()+".") {
		t.Errorf("W3C: %s below %s", server.SpanID(), server.parent8)
	}
	if headers[keySpanID] != "0.7.1" {
		t.Errorf("SOFATracer's headers carry %s, want a number below 0.7 that no other span has", headers[keySpanID])
	}
}

func TestLongSpanIDsBeginAnew(t *testing.T) {
	tracer := newTracer(t, nil)
	ctx := t.Context()
	longest := 0
	for range 2000 {
		var span *Span
		ctx, span = tracer.Start(ctx, Internal, Biz, "recursion")
		longest = max(longest, len(span.spanID))
	}
	if longest > maxSpanID+20 {
		t.Errorf("an id has %d characters", longest)
	}
}

func TestUseAfterEnd(t *testing.T) {
	tracer := newTracer(t, nil)
	_, span := tracer.Start(t.Context(), Internal, Biz, "work")
	span.SetTag("before", "1")
	span.End()
	span.SetTag("after", "1")
	span.SetOperation("other")
	span.AddEvent("late")
	span.SetError(errors.New("late"))
	span.SetBaggage("late", "1")
	span.End()
	span.Discard()
	tracer.Flush()
	lines := readLines(t, tracer, "biz-digest.log")
	if len(lines) != 1 || strings.Contains(lines[0], "after") || strings.Contains(lines[0], "late") || strings.Contains(lines[0], "other") {
		t.Errorf("lines %q", lines)
	}
	if c := tracer.Counters(); c.Spans != 1 {
		t.Errorf("%d spans counted", c.Spans)
	}
}

func TestNilTracerAndSpan(t *testing.T) {
	var tracer *Tracer
	ctx, span := tracer.Start(t.Context(), Client, HTTPClient, "GET /")
	_, from := tracer.StartFrom(ctx, MapCarrier{}, Server, HTTPServer, "GET /")
	for _, s := range []*Span{span, from, SpanFromContext(ctx)} {
		s.SetTag("k", "v")
		s.SetTags(Int("k", 1))
		s.AddEvent("e")
		s.SetError(errors.New("x"))
		s.SetBaggage("k", "v")
		s.Inject(MapCarrier{})
		s.End()
		s.Discard()
		if s.TraceID() != "" || s.Sampled() || s.LoadTest() || s.Baggage("k") != "" {
			t.Error("a nil span says something")
		}
	}
	tracer.Flush()
	if err := tracer.Close(); err != nil || tracer.App() != "" {
		t.Error("a nil tracer does something")
	}
}

func TestDiscardLeavesNothing(t *testing.T) {
	tracer := newTracer(t, nil)
	_, span := tracer.Start(t.Context(), Client, SQLClient, "SELECT")
	span.Discard()
	span.End()
	tracer.FlushStats()
	if lines := readLines(t, tracer, "datasource-client-digest.log"); lines != nil || tracer.Counters().Spans != 0 {
		t.Errorf("%q", lines)
	}
}

// TestConcurrentUse is for the race detector: many goroutines use one span, and its children, while it ends and is written.
func TestConcurrentUse(t *testing.T) {
	tracer := newTracer(t, nil)
	const rounds, users = 50, 4
	for range rounds {
		ctx, span := tracer.Start(t.Context(), Server, HTTPServer, "GET /")
		var wg sync.WaitGroup
		for range users {
			wg.Go(func() {
				span.SetTags(Int("n", 1), String("s", "x"))
				span.AddEvent("e", Bool("b", true))
				span.SetBaggage("k", "v")
				_, child := tracer.Start(ctx, Client, HTTPClient, "GET /")
				child.Inject(MapCarrier{})
				child.End()
				span.End()
			})
		}
		wg.Wait()
	}
	tracer.Flush()
	if servers, clients := readJSON(t, tracer, "http-server-digest.log"), readJSON(t, tracer, "httpclient-digest.log"); len(servers) != rounds || len(clients) != rounds*users {
		t.Errorf("%d server and %d client lines", len(servers), len(clients))
	}
}

func TestBaggage(t *testing.T) {
	tracer := newTracer(t, func(c *Config) { c.BizBaggageBytes, c.SysBaggageBytes = 20, 10 })
	ctx, span := tracer.Start(t.Context(), Server, HTTPServer, "GET /")
	span.SetBaggage("mark", "T")
	span.SetBaggage("user", "u1")
	_, before := tracer.Start(ctx, Client, HTTPClient, "GET /")
	span.SetBaggage("user", "u2")
	span.SetBaggage("too", "long for what is left")
	span.SetBaggage("", "no key")
	span.SetSystemBaggage("user", "s")
	_, after := tracer.Start(ctx, Client, HTTPClient, "GET /")
	if before.Baggage("user") != "u1" || after.Baggage("user") != "u2" || after.SystemBaggage("user") != "s" || before.SystemBaggage("user") != "" {
		t.Errorf("before %v %v, after %v %v", before.baggage(), before.SystemBaggage("user"), after.baggage(), after.SystemBaggage("user"))
	}
	if after.Baggage("too") != "" || tracer.Counters().BaggageDropped != 2 {
		t.Errorf("%v, dropped %d", after.baggage(), tracer.Counters().BaggageDropped)
	}
	if !after.LoadTest() || !before.LoadTest() {
		t.Error("mark=T is load-test traffic")
	}
	after.SetBaggage("user", "changed below")
	if span.Baggage("user") != "u2" {
		t.Error("a child's baggage changes its parent's")
	}
}

func TestSampling(t *testing.T) {
	for _, tt := range []struct {
		percentage float64
		min, max   int
	}{{0, 0, 0}, {100, 2000, 2000}, {50, 800, 1200}, {0.5, 0, 60}} {
		tracer := newTracer(t, func(c *Config) { c.SamplePercentage = tt.percentage })
		n := 0
		for range 2000 {
			ctx, root := tracer.Start(t.Context(), Client, HTTPClient, "GET /")
			_, child := tracer.Start(ctx, Internal, Biz, "x")
			headers := MapCarrier{}
			root.Inject(headers)
			_, server := tracer.StartFrom(t.Context(), headers, Server, HTTPServer, "GET /")
			if child.Sampled() != root.Sampled() || server.Sampled() != root.Sampled() {
				t.Fatalf("root %v, child %v, server %v", root.Sampled(), child.Sampled(), server.Sampled())
			}
			if root.Sampled() {
				n++
			}
		}
		if n < tt.min || n > tt.max {
			t.Errorf("%v%%: %d of 2000", tt.percentage, n)
		}
	}
}

func TestLimitsOfASpan(t *testing.T) {
	tracer := newTracer(t, nil)
	_, span := tracer.Start(t.Context(), Internal, Biz, "loop")
	for i := range 1000 {
		span.SetTag(strings.Repeat("k", i+1), "v")
		span.AddEvent("e")
	}
	span.SetTag("k", strings.Repeat("张", 16384))
	span.End()
	tracer.Flush()
	lines := readJSON(t, tracer, "biz-digest.log")
	attributes := lines[0]["attributes"].(map[string]any)
	if attributes["dropped.tags"] != float64(1000-128) || attributes["dropped.events"] != float64(1000-128) {
		t.Errorf("dropped %v tags, %v events", attributes["dropped.tags"], attributes["dropped.events"])
	}
	if text := attributes["k"].(string); len(text) > 16384 || strings.Trim(text, "张") != "" {
		t.Errorf("text of %d bytes", len(text))
	}
}

// TestLateCallers has goroutines that go on with spans that have ended while new ones are started, whose work areas are the
// same: run it with -race. No line may hold what belongs to another span.
func TestLateCallers(t *testing.T) {
	tracer := newTracer(t, nil)
	var all sync.WaitGroup
	for g := range 4 {
		all.Go(func() {
			var late []*Span
			for i := range 200 {
				of := strconv.Itoa(g) + "-" + strconv.Itoa(i)
				_, s := tracer.Start(t.Context(), Internal, Biz, of)
				s.SetTags(String("of", of))
				late = append(late, s)
				all.Go(func() {
					s.SetTag("late", "1")
					s.AddEvent("late")
					s.Inject(MapCarrier{})
					s.SetBaggage("late", "1")
				})
				s.End()
				for _, l := range late {
					l.SetTag("of", "another")
					l.SetOperation("another")
					l.SetRemoteApp("another")
					l.Fail("another")
					l.End()
				}
			}
		})
	}
	all.Wait()
	tracer.Flush()
	seen := make(map[string]bool)
	for _, line := range readJSON(t, tracer, "biz-digest.log") {
		of := line["attributes"].(map[string]any)["of"].(string)
		if line["operation"] != of || seen[of] || line["status"] != "ok" || line["remote.app"] != nil {
			t.Errorf("%v", line)
		}
		seen[of] = true
	}
	if len(seen) != 800 {
		t.Errorf("%d spans", len(seen))
	}
}

// TestSpansOfTwoTracers has a span of one Tracer below one of another: it is of the same trace and logged by its own.
func TestSpansOfTwoTracers(t *testing.T) {
	first := newTracer(t, nil)
	second := newTracer(t, func(c *Config) { c.App = "other" })
	ctx, parent := first.Start(t.Context(), Server, HTTPServer, "GET /")
	parent.SetBaggage("mark", "T")
	ctx, below := second.Start(ctx, Internal, Biz, "work")
	_, last := second.Start(ctx, Client, HTTPClient, "GET /")
	if below.Tracer() != second || below.TraceID() != parent.TraceID() || below.SpanID() != "0.1" || last.SpanID() != "0.1.1" || !last.LoadTest() {
		t.Errorf("%s %s below %s %s, then %s", below.TraceID(), below.SpanID(), parent.TraceID(), parent.SpanID(), last.SpanID())
	}
	last.End()
	below.End()
	parent.End()
	first.Flush()
	second.Flush()
	if a, b := first.Counters().Spans, second.Counters().Spans; a != 1 || b != 2 {
		t.Errorf("%d and %d spans", a, b)
	}
}

// TestSpansThatAreOnlyCounted has stat lines of a trace that is sampled out with what its tags say, and nothing else.
func TestSpansThatAreOnlyCounted(t *testing.T) {
	tracer := newTracer(t, func(c *Config) { c.SamplePercentage = 0 })
	_, s := tracer.Start(t.Context(), Client, HTTPClient, "GET /pay/{id}")
	s.SetTags(String(TagURL, "http://ledger/pay/17"), String(TagMethod, "GET"), String("user.tier", "gold"))
	s.AddEvent("retry")
	s.SetRemoteApp("ledger")
	s.Fail("no luck")
	s.SetResultCode("503")
	if len(s.tags) != 1 || s.more != nil {
		t.Errorf("kept %v, %+v", s.tags, s.more)
	}
	s.End()
	tracer.FlushStats()
	stats := readJSON(t, tracer, "httpclient-stat.log")
	if len(stats) != 1 || stats[0]["success"] != "N" || stats[0]["remote.app"] != "ledger" || stats[0]["stat.key"].(map[string]any)["method"] != "GET" {
		t.Errorf("%v", stats)
	}
}

// twin8 is the calling half's id, of server and consumer spans; 0 when there is none.
func (s *Span) twin8() id.Span {
	if s.paired {
		return s.parent8
	}
	return 0
}
