package twinspan

import (
	"errors"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

func plan(t testing.TB, s Sampling) *samplingPlan {
	t.Helper()
	p, err := newSamplingPlan(s)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func rootSpan(kind Kind, c Component, operation string, baggage ...Pair) *Span {
	s := &Span{kind: kind, trunk: &trunk{}, spanWork: &spanWork{component: c, operation: operation}}
	s.bag.Store(&bag{biz: baggage})
	return s
}

// TestPercentageIsKept draws with a fixed source: what comes out is within four standard deviations of what was asked.
func TestPercentageIsKept(t *testing.T) {
	const draws = 200_000
	for _, percentage := range []float64{0, 0.1, 1, 33.9, 50, 99.9, 100} {
		p, source, sampled := plan(t, Sampling{Percentage: percentage}), rand.New(rand.NewPCG(1, 2)), 0
		s := rootSpan(Internal, Biz, "work")
		for range draws {
			if p.decide(s, source.Uint32()) {
				sampled++
			}
		}
		share := percentage / 100
		if off := math.Abs(float64(sampled) - draws*share); off > 4*math.Sqrt(draws*share*(1-share)) {
			t.Errorf("%v%%: %d of %d", percentage, sampled, draws)
		}
	}
}

func TestRateIsKept(t *testing.T) {
	for _, rate := range []float64{0.5, 1, 10, 333, 100_000} {
		p := plan(t, Sampling{Percentage: 100, PerSecond: rate})
		var now time.Duration
		p.elapsed = func() time.Duration { return now }
		s, sampled := rootSpan(Internal, Biz, "work"), 0
		const seconds, calls = 10, 2_000_000
		for i := range calls {
			now = time.Duration(i) * seconds * time.Second / calls
			if p.decide(s, 0) {
				sampled++
			}
		}
		if want := rate*seconds + max(rate, 1); float64(sampled) > want+1 || float64(sampled) < want*0.99-1 {
			t.Errorf("%v a second: %d in %d seconds, want %v with the first burst", rate, sampled, seconds, want)
		}
	}
}

func TestRateUnderContention(t *testing.T) {
	p := plan(t, Sampling{Percentage: 100, PerSecond: 1000})
	p.elapsed = func() time.Duration { return 0 }
	var workers sync.WaitGroup
	counts := make([]int, 4)
	for i := range counts {
		workers.Go(func() {
			for range 5000 {
				if p.decide(rootSpan(Internal, Biz, "work"), 0) {
					counts[i]++
				}
			}
		})
	}
	workers.Wait()
	if n := counts[0] + counts[1] + counts[2] + counts[3]; n != 1000 {
		t.Errorf("%d sampled of a bucket of 1000", n)
	}
}

func TestRules(t *testing.T) {
	p := plan(t, Sampling{Percentage: 100, Rules: []SampleRule{
		"http-server:server:GET /health*=0%",
		"http-*:server:POST /pay/?=100%",
		"*:server:POST *=0%",
		"inferred:*:poll=0%",
		"*:consumer:*=2/s",
		"biz:internal:a=b:c=0%", // the last = separates, the first two colons do
	}, Sampler: func(r Root) Decision {
		for _, p := range r.Baggage {
			if p == (Pair{"debug", "1"}) {
				return SampleIn
			}
		}
		if r.Component == RedisClient && r.Kind == Client && r.Operation == "PING" {
			return SampleOut
		}
		return Undecided
	}})
	p.elapsed = func() time.Duration { return 0 }
	for _, c := range []struct {
		span *Span
		want bool
	}{
		{rootSpan(Server, HTTPServer, "GET /health"), false},
		{rootSpan(Server, HTTPServer, "GET /healthz/live"), false},
		{rootSpan(Client, HTTPServer, "GET /health"), true},
		{rootSpan(Server, HTTPServer, "GET /pay/1"), true},
		{rootSpan(Server, HTTPServer, "POST /pay/1"), true},
		{rootSpan(Server, HTTPServer, "POST /pay/17"), false},
		{rootSpan(Server, GRPCServer, "POST /pay/1"), false},
		{rootSpan(Server, HTTPServer, "GET /health", Pair{"debug", "1"}), true},
		{rootSpan(Client, RedisClient, "PING"), false},
		{rootSpan(Client, RedisClient, "GET"), true},
		{rootSpan(Internal, Inferred, "poll"), false},
		{rootSpan(Internal, Biz, "poll"), true},
		{rootSpan(Internal, Biz, "a=b:c"), false},
		{rootSpan(Consumer, MQConsume, "receive"), true},
		{rootSpan(Consumer, MQConsume, "receive"), true},
		{rootSpan(Consumer, MQConsume, "receive"), false}, // the rule's bucket is empty
		{rootSpan(Internal, Biz, "receive"), true},
	} {
		if got := p.decide(c.span, 12345); got != c.want {
			t.Errorf("%s %s %q: %v", c.span.component.pattern(), c.span.kind, c.span.operation, got)
		}
	}
}

func TestSamplingIsChecked(t *testing.T) {
	tracer := newTracer(t, nil)
	for want, s := range map[string]Sampling{
		"sample_percentage is 101":          {Percentage: 101},
		"sample_percentage is NaN":          {Percentage: math.NaN()},
		"sample_per_second is -1":           {PerSecond: -1},
		"keep_slower_than is -1ns":          {KeepSlowerThan: -1},
		"there is no =":                     {Rules: []SampleRule{"*:*:*"}},
		"less than three parts":             {Rules: []SampleRule{"*:*=1%"}},
		"a pattern is empty":                {Rules: []SampleRule{"*::*=1%"}},
		"the amount is no number":           {Rules: []SampleRule{"*:*:*=NaN%"}},
		"ends neither in % nor in /s":       {Rules: []SampleRule{"*:*:*=1"}},
		"the percentage is above 100":       {Rules: []SampleRule{"*:*:*=101%"}},
		"\"x:y:z=-1/s\"; it has to be":      {Rules: []SampleRule{"x:y:z=-1/s"}},
		"the rate is above 1e9":             {Rules: []SampleRule{"*:*:*=+Inf/s"}},
		"sample_per_second is +Inf; it has": {PerSecond: math.Inf(1)},
	} {
		if err := tracer.SetSampling(s); !errors.Is(err, ErrConfig) || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
		c := DefaultConfig("pay")
		c.SamplePercentage, c.SamplePerSecond, c.SampleRules, c.KeepSlowerThan = s.Percentage, s.PerSecond, s.Rules, s.KeepSlowerThan
		if err := c.Validate(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
	if got := tracer.Sampling(); got.Percentage != 100 {
		t.Errorf("a wrong setting changed the sampling: %+v", got)
	}
}

func TestFits(t *testing.T) {
	for _, c := range []struct {
		pattern, text string
		want          bool
	}{
		{"", "", true}, {"", "a", false}, {"*", "", true}, {"*", "anything", true}, {"a", "a", true}, {"a", "ab", false}, {"ab", "a", false},
		{"a*c", "abbc", true}, {"a*c", "abcd", false}, {"*a*b*", "xaybz", true}, {"a?c", "abc", true}, {"a?c", "ac", false},
		{"GET /*/x", "GET /a/b/x", true}, {"**", "a", true}, {"a*a*a*a*b", strings.Repeat("a", 100), false},
	} {
		if got := fits(c.pattern, c.text); got != c.want {
			t.Errorf("%q fits %q: %v", c.pattern, c.text, got)
		}
	}
}

// TestKeptHalves: failed and slow spans of a trace that is sampled out are logged and marked; the decision that travels and
// the statistics are as without.
func TestKeptHalves(t *testing.T) {
	for _, format := range []Format{JSON, Text} {
		var exported listExporter
		tracer := newTracer(t, func(c *Config) {
			c.Format, c.SamplePercentage, c.KeepErrors, c.KeepSlowerThan = format, 0, true, time.Minute
			c.Exporters = []Exporter{&exported}
		})
		ctx, root := tracer.Start(t.Context(), Server, HTTPServer, "GET /")
		_, failed := tracer.Start(ctx, Client, HTTPClient, "GET /a")
		failed.Fail("no, luck")
		out := MapCarrier{}
		failed.Inject(out)
		failed.End()
		_, slow := tracer.Start(ctx, Client, HTTPClient, "GET /b")
		slow.EndAt(time.Now().Add(time.Hour))
		_, quick := tracer.Start(ctx, Client, HTTPClient, "GET /c")
		quick.End()
		root.End()
		tracer.FlushStats()
		if out["x-b3-sampled"]+out["X-B3-Sampled"] != "false" || failed.Sampled() {
			t.Errorf("the decision that travels: %v", out)
		}
		lines := readLines(t, tracer, "httpclient-digest.log")
		if len(lines) != 2 || readLines(t, tracer, "http-server-digest.log") != nil {
			t.Fatalf("%q", lines)
		}
		for i, reason := range []string{"error", "slow"} {
			if !strings.Contains(lines[i], `"sampled.out":"`+reason+`"`) {
				t.Errorf("%s: %s", reason, lines[i])
			}
		}
		if len(exported) != 2 || !slices.Contains(exported[0].Tags, String("sampled.out", "error")) || !slices.Contains(exported[1].Tags, String("sampled.out", "slow")) {
			t.Errorf("exported: %+v", exported)
		}
		if format == JSON {
			counts := map[any]float64{}
			for _, o := range readJSON(t, tracer, "httpclient-stat.log") {
				counts[o["operation"]] += o["count"].(float64)
			}
			if len(counts) != 3 || counts["GET /a"] != 1 || counts["GET /b"] != 1 || counts["GET /c"] != 1 {
				t.Errorf("%v", counts)
			}
		}
	}
}

type listExporter []*SpanData

func (l *listExporter) Export(d *SpanData) { *l = append(*l, d) }
func (l *listExporter) Flush()             {}
func (l *listExporter) Close() error       { return nil }

// TestDecisionIsTheRoots: what came with the request counts, not our sampling; and a root decides once for all below it.
func TestDecisionIsTheRoots(t *testing.T) {
	calls := 0
	tracer := newTracer(t, func(c *Config) {
		c.Sampler = func(r Root) Decision {
			calls++
			if len(r.Baggage) == 1 && r.Baggage[0] == (Pair{"user", "u1"}) {
				return SampleOut
			}
			return Undecided
		}
	})
	_, s := tracer.StartFrom(t.Context(), MapCarrier{"X-B3-TraceId": "0a0fe8ec1700000000123100112345", "X-B3-SpanId": "0.1", "X-B3-Sampled": "false"},
		Server, HTTPServer, "GET /")
	if s.Sampled() || calls != 0 {
		t.Errorf("sampled %v after %d calls", s.Sampled(), calls)
	}
	s.End()
	ctx, root := tracer.StartFrom(t.Context(), MapCarrier{"baggage-user": "u1"}, Server, HTTPServer, "GET /")
	_, child := tracer.Start(ctx, Client, HTTPClient, "GET /")
	if root.Sampled() || child.Sampled() || calls != 1 {
		t.Errorf("root %v, child %v after %d calls", root.Sampled(), child.Sampled(), calls)
	}
	child.End()
	root.End()
}

// TestSamplingChangesWhileRunning is for the race detector, and counts.
func TestSamplingChangesWhileRunning(t *testing.T) {
	tracer := newTracer(t, nil)
	var workers sync.WaitGroup
	stop := make(chan struct{})
	workers.Go(func() {
		for i := 0; ; i++ {
			select {
			case <-stop:
				return
			default:
			}
			if err := tracer.SetSampling(Sampling{Percentage: float64(i % 101), PerSecond: 1000, Rules: []SampleRule{"*:client:*=50%"}, KeepErrors: i%2 == 0}); err != nil {
				t.Error(err)
			}
			_ = tracer.Sampling()
		}
	})
	var spans sync.WaitGroup
	for range 2 {
		spans.Go(func() {
			for i := range 2000 {
				ctx, root := tracer.Start(t.Context(), Internal, Biz, "work")
				_, child := tracer.Start(ctx, Client, HTTPClient, "GET /")
				if child.Sampled() != root.Sampled() {
					t.Error("a child decided anew")
				}
				if i%3 == 0 {
					child.Fail("no luck")
				}
				child.End()
				root.End()
			}
		})
	}
	spans.Wait()
	close(stop)
	workers.Wait()
	if c := tracer.Counters(); c.Spans != 8000 {
		t.Errorf("%+v", c)
	}
	if err := tracer.SetSampling(Sampling{}); err != nil {
		t.Fatal(err)
	}
	if _, s := tracer.Start(t.Context(), Internal, Biz, "work"); s.Sampled() {
		t.Error("sampled at 0%")
	}
}

// BenchmarkSample is the decision about one trace.
func BenchmarkSample(b *testing.B) {
	for name, s := range map[string]Sampling{
		"percentage": {Percentage: 50},
		"rate":       {Percentage: 100, PerSecond: 100},
		"rules": {Percentage: 100, Rules: []SampleRule{"http-server:server:GET /health*=0%", "http-server:server:GET /metrics=0%",
			"*:consumer:*=10/s"}},
	} {
		b.Run(name, func(b *testing.B) {
			tracer := &Tracer{}
			tracer.sampling.Store(plan(b, s))
			span := rootSpan(Server, HTTPServer, "GET /pay/{id}")
			b.ReportAllocs()
			for b.Loop() {
				tracer.sample(span)
			}
		})
	}
}
