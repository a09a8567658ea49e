package twinspan

import "testing"

// TestRulesSeeInferredSpans: rules fit spans whose component their first tags say, of the present and the older conventions.
func TestRulesSeeInferredSpans(t *testing.T) {
	present := []Tag{String("http.request.method", "GET"), String("url.scheme", "http"), String("url.path", "/health/live"), String("server.address", "pay")}
	older := []Tag{String("http.method", "GET"), String("http.scheme", "http"), String("http.target", "/health/live?deep=1"), String("net.host.name", "pay")}
	call := []Tag{String("http.request.method", "GET"), String("url.full", "http://pay:8080/health/live?deep=1")}
	for _, tt := range []struct {
		name      string
		kind      Kind
		operation string
		tags      []Tag
		rule      SampleRule
		out       bool
	}{
		{"present", Server, "GET", present, "http-server:server:GET /health*=0%", true},
		{"older", Server, "HTTP GET", older, "http-server:server:GET /health*=0%", true},
		{"the span's own name", Server, "health check", present, "http-server:server:health*=0%", true},
		{"a client", Client, "HTTP GET", call, "httpclient:client:GET /health/live=0%", true},
		{"a client's host alone", Client, "HTTP GET", []Tag{String("http.method", "GET"), String("http.url", "http://pay")}, "httpclient:client:GET /=0%", true},
		{"another path", Server, "GET", present, "http-server:server:GET /pay*=0%", false},
		{"another kind", Server, "GET", present, "http-server:client:GET /health*=0%", false},
		{"another component", Server, "GET", present, "grpc-server:server:*=0%", false},
		{"rpc", Server, "pay.Ledger/Check", []Tag{String("rpc.system", "grpc"), String("rpc.service", "pay.Ledger")}, "grpc-server:*:*/Check=0%", true},
		{"rpc of today", Client, "pay.Ledger/Check", []Tag{String("rpc.system.name", "sofa_rpc")}, "rpc-client:*:*=0%", true},
		{"a queue", Consumer, "pay process", []Tag{String("messaging.system", "kafka")}, "kafkamq-consume:*:*=0%", true},
		{"the old name of all", Server, "GET", present, "inferred:*:*=0%", true},
		{"nothing known", Server, "GET", nil, "http-server:*:*=0%", false},
		{"nothing known is biz", Internal, "work", nil, "biz:*:work=0%", true},
	} {
		tracer := makeTracer(Config{Limits: DefaultConfig("pay").Limits, SamplePercentage: 100, SampleRules: []SampleRule{tt.rule}, StatMaxKeys: 1, QueueSize: 1})
		_, s := tracer.StartSpan(t.Context(), &StartOptions{Kind: tt.kind, Component: Inferred, Operation: tt.operation, Tags: tt.tags})
		if s.Sampled() == tt.out {
			t.Errorf("%s: sampled %v by %s", tt.name, s.Sampled(), tt.rule)
		}
		if s.component != Inferred || len(s.tags) != len(tt.tags) {
			t.Errorf("%s: the start settles the component %v or changes the tags %v", tt.name, s.component, s.tags)
		}
	}
}

// TestSamplerSeesFirstTags: a Sampler gets what OpenTelemetry's gets.
func TestSamplerSeesFirstTags(t *testing.T) {
	var got Root
	tracer := makeTracer(Config{Limits: DefaultConfig("pay").Limits, SamplePercentage: 100, StatMaxKeys: 1, QueueSize: 1, Sampler: func(r Root) Decision {
		got = r
		return SampleOut
	}})
	_, s := tracer.StartSpan(t.Context(), &StartOptions{Kind: Server, Component: Inferred, Operation: "GET", Tags: []Tag{String("http.request.method", "GET"), Int("tenant", 7)}})
	if s.Sampled() || got.Component != HTTPServer || got.Operation != "GET" || len(got.Tags) != 2 || got.Tags[1].Value() != int64(7) {
		t.Errorf("%+v", got)
	}
}

// TestHasSamplingRules: who starts a span is asked for more only where somebody looks at it.
func TestHasSamplingRules(t *testing.T) {
	for _, tt := range []struct {
		set  Sampling
		want bool
	}{
		{Sampling{Percentage: 10, PerSecond: 3}, false},
		{Sampling{Rules: []SampleRule{"*:server:*=10%", "**:*:**=5/s"}}, false},
		{Sampling{Rules: []SampleRule{"*:server:GET*=10%"}}, true},
		{Sampling{Rules: []SampleRule{"*:*:*=10%", "redis:*:*=5/s"}}, true},
		{Sampling{Sampler: func(Root) Decision { return Undecided }}, true},
	} {
		tracer := makeTracer(Config{StatMaxKeys: 1, QueueSize: 1})
		if err := tracer.SetSampling(tt.set); err != nil || tracer.HasSamplingRules() != tt.want {
			t.Errorf("%+v: %v %v", tt.set, tracer.HasSamplingRules(), err)
		}
	}
	if (*Tracer)(nil).HasSamplingRules() {
		t.Error("no tracer has rules")
	}
}

// TestTagsAtTheStartAreKept: a span has the tags that it starts with, also in memory that a span used before of which only what is
// counted was kept.
func TestTagsAtTheStartAreKept(t *testing.T) {
	var spans listExporter
	tracer := newTracer(t, func(c *Config) { c.Exporters, c.SamplePercentage = []Exporter{&spans}, 0 })
	for range 100 {
		_, s := tracer.Start(t.Context(), Internal, Biz, "counted")
		s.SetTag("city", "Bern")
		s.End()
	}
	if err := tracer.SetSampling(Sampling{Percentage: 100}); err != nil {
		t.Fatal(err)
	}
	for range 100 {
		_, s := tracer.StartSpan(t.Context(), &StartOptions{Kind: Internal, Component: Biz, Operation: "logged", Tags: []Tag{String("city", "Bern")}})
		s.End()
	}
	if len(spans) != 100 {
		t.Fatalf("%d spans", len(spans))
	}
	for _, d := range spans {
		if len(d.Tags) != 1 || d.Tags[0] != String("city", "Bern") {
			t.Fatalf("%+v", d.Tags)
		}
	}
}
