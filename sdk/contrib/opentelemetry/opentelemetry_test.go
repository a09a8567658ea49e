package opentelemetry

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"

	twinspan "github.com/twinspan/twinspan/sdk"
	"github.com/twinspan/twinspan/sdk/contrib/internal/tracertest"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/baggage"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
)

// TestFacesNest starts spans by turns through both APIs, and takes contexts apart in the ways that applications do.
func TestFacesNest(t *testing.T) {
	native := tracertest.New(t, "pay")
	tracer := NewTracerProvider(native.Tracer).Tracer("test")

	ctx, a := native.Start(t.Context(), twinspan.Server, twinspan.HTTPServer, "GET /")
	aOtel := trace.SpanFromContext(ctx)
	if Twinspan(aOtel) != a || !aOtel.IsRecording() || !aOtel.SpanContext().IsValid() || trace.SpanFromContext(ctx) != aOtel {
		t.Fatalf("%+v", aOtel.SpanContext())
	}
	aOtel.SetAttributes(attribute.String("by", "otel"))
	ctx, b := tracer.Start(ctx, "b")
	if got := twinspan.SpanFromContext(ctx); got != Twinspan(b) || got.SpanID() != "0.1" || trace.SpanFromContext(ctx) != b {
		t.Fatalf("%v", got)
	}
	ctx, c := native.Start(ctx, twinspan.Internal, twinspan.Biz, "c")
	if c.SpanID() != "0.1.1" {
		t.Errorf("c is %s", c.SpanID())
	}
	type key struct{}
	ctx, d := tracer.Start(context.WithValue(ctx, key{}, 1), "d", trace.WithSpanKind(trace.SpanKindClient))
	if id := Twinspan(d).SpanID(); id != "0.1.1.1" {
		t.Errorf("d is %s", id)
	}
	if sc := d.SpanContext(); sc.TraceID().String() != a.Context().Trace().Hex() || sc.SpanID().String() != Twinspan(d).ID8().String() ||
		sc.TraceState().Get("twinspan") != "0.1.1.1:"+sc.SpanID().String() || !sc.IsSampled() || sc.IsRemote() {
		t.Errorf("%+v", sc)
	}

	// A context that carries the span only, as for work that outlives the request.
	_, e := native.Start(trace.ContextWithSpan(context.Background(), b), twinspan.Internal, twinspan.Biz, "e")
	if e.SpanID() != "0.1.2" {
		t.Errorf("e is %s", e.SpanID())
	}
	_, f := tracer.Start(twinspan.ContextWithSpan(ctx, a), "f")
	if id := Twinspan(f).SpanID(); id != "0.2" {
		t.Errorf("f is %s: the nearest span has to count", id)
	}
	// A span of elsewhere, as OpenTelemetry's propagators leave it.
	remote := trace.NewSpanContext(trace.SpanContextConfig{TraceID: trace.TraceID{1}, SpanID: trace.SpanID{2}, TraceFlags: trace.FlagsSampled, Remote: true})
	for name, start := range map[string]func(context.Context) *twinspan.Span{
		"native": func(ctx context.Context) *twinspan.Span {
			_, s := native.Start(ctx, twinspan.Server, twinspan.Biz, "g")
			return s
		},
		"otel": func(ctx context.Context) *twinspan.Span {
			_, s := tracer.Start(ctx, "g", trace.WithSpanKind(trace.SpanKindServer))
			return Twinspan(s)
		},
	} {
		g := start(trace.ContextWithRemoteSpanContext(ctx, remote))
		if c := g.Context(); trace.TraceID(c.Trace()) != remote.TraceID() || g.SpanID()[:17] != "0200000000000000." {
			t.Errorf("%s: %s in %s", name, g.SpanID(), g.TraceID())
		}
		// Our own span, carried by OpenTelemetry's W3C propagator, keeps its dotted id.
		headers := propagation.HeaderCarrier{}
		propagation.TraceContext{}.Inject(ctx, headers)
		if g := start(propagation.TraceContext{}.Extract(context.Background(), headers)); g.SpanID() != "0.1.1.1" || g.TraceID() != a.TraceID() {
			t.Errorf("%s: %s in %s below %v", name, g.SpanID(), g.TraceID(), headers)
		}
	}
	if twinspan.SpanFromContext(trace.ContextWithRemoteSpanContext(ctx, remote)) != nil {
		t.Error("a remote span is no span of this process")
	}
	_, root := tracer.Start(ctx, "root", trace.WithNewRoot())
	if id := Twinspan(root).SpanID(); id != "0" || root.SpanContext().TraceID() == b.SpanContext().TraceID() {
		t.Errorf("new root %s", id)
	}
}

func TestEverythingIsWritten(t *testing.T) {
	native := tracertest.New(t, "pay")
	provider := NewTracerProvider(native.Tracer)
	tracer := provider.Tracer("lib", trace.WithInstrumentationVersion("1.2"), trace.WithSchemaURL("https://x"),
		trace.WithInstrumentationAttributes(attribute.Int("build", 7)))
	start := time.Date(2026, 1, 2, 3, 4, 5, 6, time.UTC)
	other := trace.NewSpanContext(trace.SpanContextConfig{TraceID: trace.TraceID{3}, SpanID: trace.SpanID{4}})
	_, s := tracer.Start(t.Context(), "first", trace.WithTimestamp(start), trace.WithAttributes(attribute.Bool("b", true)),
		trace.WithLinks(trace.Link{SpanContext: other, Attributes: []attribute.KeyValue{attribute.Int("n", 1)}}, trace.Link{}))
	s.SetName("work")
	s.SetAttributes(attribute.Int("i", 1), attribute.Float64("f", 2), attribute.StringSlice("l", []string{"a", "b\""}),
		attribute.Int64Slice("il", []int64{1, 2}), attribute.Float64Slice("fl", []float64{1}), attribute.BoolSlice("bl", nil),
		attribute.Map("m", attribute.String("k", "v"), attribute.Slice("s", attribute.IntValue(1), attribute.StringValue("x"))),
		attribute.ByteSlice("raw", []byte{1, 2}), attribute.String("", "no key"), attribute.Int("i", 3))
	s.AddEvent("e", trace.WithTimestamp(start.Add(time.Second)), trace.WithAttributes(attribute.String("k", "v")))
	s.RecordError(errors.New("bad"), trace.WithTimestamp(start), trace.WithAttributes(attribute.Int("n", 2)))
	s.RecordError(nil)
	s.AddLink(trace.Link{SpanContext: other})
	s.SetStatus(codes.Error, "no luck")
	s.SetStatus(codes.Unset, "")
	if s.TracerProvider() != provider || provider.Tracer("lib") == tracer || provider.Tracer("x") != provider.Tracer("x") {
		t.Error("another provider, or tracers of different scopes are one")
	}
	s.End(trace.WithTimestamp(start.Add(3 * time.Second)))
	s.SetAttributes(attribute.Int("late", 1))
	s.AddEvent("late")
	s.SetName("late")
	s.SetStatus(codes.Ok, "")
	s.AddLink(trace.Link{SpanContext: other})
	s.End()
	if s.IsRecording() || !s.SpanContext().IsValid() {
		t.Error("an ended span records, or has no context")
	}
	line := native.Lines(t, "biz-digest.log")[0]
	delete(line, "span.id8")
	line["traceId"] = ""
	delete(line, "instance")
	delete(line, "time")
	want := `{"local.app":"pay","traceId":"","spanId":"0","span.kind":"internal","result.code":"99","current.thread.name":"",
		"time.cost.milliseconds":"3000ms","method":"","sys.baggage":"","biz.baggage":"","start.ns":"1767323045000000006","duration.ns":3000000000,
		"operation":"work","status":"error","error":"no luck","type":"internal",
		"scope":{"name":"lib","version":"1.2","schema.url":"https://x","attributes":{"build":7}},
		"attributes":{"b":true,"i":3,"f":2.0,"l":["a","b\""],"il":[1,2],"fl":[1.0],"bl":[],"m":{"k":"v","s":[1,"x"]},"raw":"AQI="},
		"events":[{"name":"e","time.ns":"1767323046000000006","attributes":{"k":"v"}},
			{"name":"exception","time.ns":"1767323045000000006","attributes":{"n":2,"exception.type":"*errors.errorString","exception.message":"bad"}}],
		"links":[{"trace.id16":"03000000000000000000000000000000","span.id8":"0400000000000000","attributes":{"n":1}},
			{"trace.id16":"03000000000000000000000000000000","span.id8":"0400000000000000","attributes":{}}]}`
	same(t, line, want)
}

func same(t *testing.T, got map[string]any, want string) {
	t.Helper()
	var object map[string]any
	if err := json.Unmarshal([]byte(want), &object); err != nil {
		t.Fatal(err)
	}
	g, _ := json.MarshalIndent(got, "", " ")
	w, _ := json.MarshalIndent(object, "", " ")
	if !bytes.Equal(g, w) {
		t.Errorf("got %s\nwant %s", g, w)
	}
}

func TestStatus(t *testing.T) {
	native := tracertest.New(t, "pay")
	tracer := NewTracerProvider(native.Tracer).Tracer("")
	steps := map[string]func(trace.Span){
		"unset":    func(trace.Span) {},
		"ok":       func(s trace.Span) { s.SetStatus(codes.Ok, "ignored") },
		"error":    func(s trace.Span) { s.SetStatus(codes.Error, "a") },
		"ok stays": func(s trace.Span) { s.SetStatus(codes.Ok, ""); s.SetStatus(codes.Error, "a") },
		"ok wins":  func(s trace.Span) { s.SetStatus(codes.Error, "a"); s.SetStatus(codes.Ok, "") },
		"again":    func(s trace.Span) { s.SetStatus(codes.Error, "a"); s.SetStatus(codes.Error, "b") },
	}
	want := map[string][2]any{"unset": {"unset", nil}, "ok": {"ok", nil}, "error": {"error", "a"}, "ok stays": {"ok", nil},
		"ok wins": {"ok", nil}, "again": {"error", "b"}}
	for name, step := range steps {
		_, s := tracer.Start(t.Context(), name)
		step(s)
		s.End()
	}
	got := make(map[string][2]any)
	for _, line := range native.Lines(t, "biz-digest.log") {
		got[line["operation"].(string)] = [2]any{line["status"], line["error"]}
	}
	if !maps.Equal(got, want) {
		t.Errorf("%v", got)
	}
}

func TestPanicIsRecorded(t *testing.T) {
	native := tracertest.New(t, "pay")
	tracer := NewTracerProvider(native.Tracer).Tracer("")
	func() {
		defer func() {
			if v := recover(); v != "out" {
				t.Errorf("%v", v)
			}
		}()
		_, s := tracer.Start(t.Context(), "work")
		defer s.End(trace.WithStackTrace(true))
		panic("out")
	}()
	event := native.Lines(t, "biz-digest.log")[0]["events"].([]any)[0].(map[string]any)
	attributes := event["attributes"].(map[string]any)
	if event["name"] != "exception" || attributes["exception.message"] != "out" || attributes["exception.type"] != ".string" ||
		attributes["exception.stacktrace"] == "" {
		t.Errorf("%v", event)
	}
}

// TestComponents has spans as instrumentations make them, by the present conventions and the older ones.
func TestComponents(t *testing.T) {
	str, num := attribute.String, attribute.Int
	tests := []struct {
		name  string
		kind  trace.SpanKind
		attrs []attribute.KeyValue
		file  string
		want  map[string]any
	}{
		{"GET /pay/{id}", trace.SpanKindServer, []attribute.KeyValue{str("http.request.method", "GET"), str("url.scheme", "https"),
			str("server.address", "pay"), num("server.port", 8080), str("url.path", "/pay/7"), str("http.route", "/pay/{id}"),
			str("network.peer.address", "10.0.0.1"), num("network.peer.port", 99), num("http.response.status_code", 200),
			num("http.response.body.size", 12)}, "http-server",
			map[string]any{"request.url": "https://pay:8080/pay/7", "method": "GET", "result.code": "200", "remote.address": "10.0.0.1:99",
				"resp.size.bytes": 12.0, "req.size.bytes": -1.0, "type": "http"}},
		{"HTTP GET", trace.SpanKindServer, []attribute.KeyValue{str("http.method", "GET"), str("http.target", "/a?b=c"), str("net.host.name", "pay"),
			str("http.scheme", "http"), num("http.status_code", 503)}, "http-server",
			map[string]any{"request.url": "http://pay/a", "result.code": "503"}},
		{"GET", trace.SpanKindClient, []attribute.KeyValue{str("http.request.method", "GET"), str("url.full", "http://b:1/x"),
			str("server.address", "b"), num("server.port", 1), str("peer.service", "book")}, "httpclient",
			map[string]any{"request.url": "http://b:1/x", "remote.app": "book", "remote.address": "b:1", "result.code": "00"}},
		{"pay.Ledger/Book", trace.SpanKindClient, []attribute.KeyValue{str("rpc.system", "grpc"), str("rpc.service", "pay.Ledger"),
			str("rpc.method", "Book"), num("rpc.grpc.status_code", 5), str("server.address", "l"), num("server.port", 2)}, "grpc-client",
			map[string]any{"protocol": "grpc", "service": "pay.Ledger", "method": "Book", "result.code": "5", "remote.host": "l", "remote.port": "2"}},
		{"pay.Ledger/Book", trace.SpanKindServer, []attribute.KeyValue{str("rpc.system.name", "grpc"), str("rpc.method", "pay.Ledger/Book"),
			str("rpc.response.status_code", "NOT_FOUND")}, "grpc-server",
			map[string]any{"service": "pay.Ledger", "method": "Book", "result.code": "5"}},
		{"SELECT", trace.SpanKindClient, []attribute.KeyValue{str("db.system.name", "mysql"), str("db.namespace", "ledger"),
			str("db.query.text", "SELECT 1"), str("server.address", "db"), num("server.port", 3306)}, "datasource-client",
			map[string]any{"database.name": "ledger", "sql": "SELECT 1", "database.type": "mysql", "database.endpoint": "db:3306",
				"remote.app": "mysql:ledger", "result.code": "success"}},
		{"get", trace.SpanKindClient, []attribute.KeyValue{str("db.system", "redis"), str("db.operation.name", "GET")}, "redis",
			map[string]any{"db.type": "redis", "method": "GET", "remote.app": "redis"}},
		{"send t", trace.SpanKindProducer, []attribute.KeyValue{str("messaging.system", "kafka"), str("messaging.destination.name", "t"),
			str("messaging.message.id", "7")}, "kafkamq-send", map[string]any{"kafka.topic": "t", "kafka.partition": -1.0, "remote.app": "kafka:t"}},
		{"send t", trace.SpanKindProducer, []attribute.KeyValue{str("messaging.system", "pulsar"), str("messaging.destination.name", "t"),
			str("messaging.message.id", "7")}, "mq-send", map[string]any{"msg.topic": "t", "msg.id": "7", "remote.app": "pulsar:t"}},
		{"process t", trace.SpanKindConsumer, []attribute.KeyValue{str("messaging.system", "kafka"), str("messaging.destination.name", "t"),
			str("messaging.destination.partition.id", "3"), num("messaging.kafka.offset", 17)}, "kafkamq-consume",
			map[string]any{"kafka.topic": "t", "kafka.partition": 3.0, "kafka.offset": 17.0}},
		{"publish e", trace.SpanKindProducer, []attribute.KeyValue{str("messaging.system", "rabbitmq"), str("messaging.destination.name", "e"),
			str("messaging.rabbitmq.destination.routing_key", "k")}, "rabbitmq-send", map[string]any{"exchange": "e", "rountingKey": "k"}},
		{"send t", trace.SpanKindProducer, []attribute.KeyValue{str("messaging.system", "rocketmq"), str("messaging.destination.name", "t"),
			str("messaging.consumer.group.name", "g"), str("server.address", "q"), num("server.port", 10911)}, "rocketmq-send",
			map[string]any{"msg.topic": "t", "producerGroup": "g", "brokerAddr": "q:10911"}},
		{"find orders", trace.SpanKindClient, []attribute.KeyValue{str("db.system.name", "mongodb"), str("db.namespace", "pay"), str("db.operation.name", "find"),
			str("db.query.text", `{"find": "orders"}`), str("server.address", "m"), num("server.port", 27017)}, "mongodb",
			map[string]any{"method": "find", "db.instance": "pay", "peer.hostname": "m", "peer.port": 27017.0, "db.type": "mongodb"}},
		{"pay.Pay/hello", trace.SpanKindClient, []attribute.KeyValue{str("rpc.system", "apache_dubbo"), str("rpc.service", "pay.Pay"),
			str("rpc.method", "hello"), str("server.address", "l"), num("server.port", 20880)}, "dubbo-client",
			map[string]any{"service": "pay.Pay", "method": "hello", "remote.host": "l", "remote.port": "20880", "client.serialize.time": ""}},
		{"poll t", trace.SpanKindClient, []attribute.KeyValue{str("messaging.system", "kafka"), str("messaging.operation.type", "receive"),
			str("messaging.consumer.group.name", "g")}, "kafkamq-consume", map[string]any{"kafka.topic": "", "span.kind": "client"}},
		{"other", trace.SpanKindClient, nil, "biz", map[string]any{"type": "rpc", "span.kind": "client"}},
	}
	for _, tt := range tests {
		native := tracertest.New(t, "pay")
		_, s := NewTracerProvider(native.Tracer).Tracer("").Start(t.Context(), tt.name, trace.WithSpanKind(tt.kind), trace.WithAttributes(tt.attrs...))
		s.End()
		line := native.Lines(t, tt.file+"-digest.log")[0]
		for k, v := range tt.want {
			if line[k] != v {
				t.Errorf("%s %s: %s is %v, want %v", tt.name, tt.kind, k, line[k], v)
			}
		}
		attributes, _ := line["attributes"].(map[string]any)
		for _, a := range tt.attrs {
			if fmt.Sprint(attributes[string(a.Key)]) != a.Value.String() {
				t.Errorf("%s: attribute %s is %v", tt.name, a.Key, attributes[string(a.Key)])
			}
		}
		if stat := native.Lines(t, tt.file+"-stat.log")[0]; stat["operation"] != tt.name {
			t.Errorf("stat line %v", stat)
		}
	}
}

func TestPropagator(t *testing.T) {
	native := tracertest.New(t, "pay")
	p := NewPropagator(native.Tracer)
	tracer := NewTracerProvider(native.Tracer).Tracer("")
	member, err := baggage.Parse("mark=T,tier=gold;since=2020")
	if err != nil {
		t.Fatal(err)
	}
	ctx, client := tracer.Start(baggage.ContextWithBaggage(t.Context(), member), "call", trace.WithSpanKind(trace.SpanKindClient))
	Twinspan(client).SetBaggage("user", "u1")
	headers := propagation.HeaderCarrier{}
	p.Inject(ctx, headers)
	for key, want := range map[string]string{"traceparent": "00-" + client.SpanContext().TraceID().String() + "-" + client.SpanContext().SpanID().String() + "-01",
		"X-B3-TraceId": Twinspan(client).TraceID(), "X-B3-SpanId": "0", "baggage-mark": "T", "baggage-user": "u1"} {
		if got := http.Header(headers).Get(key); got != want {
			t.Errorf("%s: %s, want %s", key, got, want)
		}
	}
	far := p.Extract(context.Background(), headers)
	if b := baggage.FromContext(far); b.Member("tier").Value() != "gold" || len(b.Member("tier").Properties()) != 1 || b.Member("user").Value() != "u1" {
		t.Errorf("baggage %s of %v", b, headers)
	}
	if sc := trace.SpanContextFromContext(far); !sc.IsRemote() || sc.SpanID() != client.SpanContext().SpanID() || !sc.IsSampled() {
		t.Errorf("%+v", sc)
	}
	_, server := tracer.Start(far, "serve", trace.WithSpanKind(trace.SpanKindServer))
	if s := Twinspan(server); s.SpanID() != "0" || s.ID8() == Twinspan(client).ID8() || !s.LoadTest() || s.Baggage("user") != "u1" {
		t.Errorf("server %s %s", s.SpanID(), s.ID8())
	}
	again := propagation.MapCarrier{}
	p.Inject(far, again) // a proxy that passes the context on
	if again["traceparent"] != headers.Get("traceparent") || again["X-B3-SpanId"] != "0" || again["baggage"] == "" {
		t.Errorf("%v", again)
	}
	only := propagation.MapCarrier{}
	p.Inject(baggage.ContextWithBaggage(context.Background(), member), only)
	if only["traceparent"] != "" || baggage.FromContext(p.Extract(context.Background(), only)).Len() != 2 {
		t.Errorf("baggage alone: %v", only)
	}
	kept := p.Extract(far, propagation.MapCarrier{"traceparent": "00-zz"})
	if trace.SpanContextFromContext(kept).SpanID() != client.SpanContext().SpanID() {
		t.Error("an invalid header took the context's span away")
	}
	if !slices.Contains(p.Fields(), "traceparent") {
		t.Errorf("%v", p.Fields())
	}
	server.End()
	if line := native.Lines(t, "shadow/biz-digest.log"); len(line) != 1 {
		t.Errorf("%v", line)
	}
}

// TestUseAfterEnd has callers that go on with spans that have ended, while new ones are started: run it with -race. No line
// may hold what belongs to another span.
func TestUseAfterEnd(t *testing.T) {
	native := tracertest.New(t, "pay")
	tracer := NewTracerProvider(native.Tracer).Tracer("")
	var all sync.WaitGroup
	for g := range 4 {
		all.Go(func() {
			var late []trace.Span
			for i := range 200 {
				_, s := tracer.Start(t.Context(), fmt.Sprint("work ", g, " ", i))
				s.SetAttributes(attribute.String("of", fmt.Sprint(g, " ", i)))
				late = append(late, s)
				all.Go(func() { // a goroutine that outlives the span
					s.SetAttributes(attribute.String("late", "1"))
					s.AddEvent("late")
					s.SetStatus(codes.Error, "late")
					s.AddLink(trace.Link{SpanContext: s.SpanContext()})
				})
				s.End()
				for _, l := range late {
					l.SetAttributes(attribute.String("of", "another"))
					l.SetName("another")
					l.End()
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
	if len(seen) != 800 {
		t.Errorf("%d spans", len(seen))
	}
}

func TestNilTracer(t *testing.T) {
	ctx, s := NewTracerProvider(nil).Tracer("x").Start(context.Background(), "work")
	s.SetAttributes(attribute.Int("n", 1))
	s.End()
	carrier := propagation.MapCarrier{}
	NewPropagator(nil).Inject(ctx, carrier)
	if s.IsRecording() || len(carrier) > 0 {
		t.Error("a nil tracer traces")
	}
}

// TestSpansBelowOneRemoteParent: several spans may start below what was extracted once; the first one's memory is nobody else's.
func TestSpansBelowOneRemoteParent(t *testing.T) {
	native := tracertest.New(t, "pay")
	ctx := NewPropagator(native.Tracer).Extract(t.Context(), propagation.MapCarrier{"traceparent": "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"})
	tracer := NewTracerProvider(native.Tracer).Tracer("test")
	spans := make([]trace.Span, 50)
	var all sync.WaitGroup
	for i := range spans {
		all.Go(func() {
			below, s := tracer.Start(ctx, fmt.Sprint("server ", i), trace.WithSpanKind(trace.SpanKindServer), trace.WithAttributes(attribute.Int("n", i)))
			_, child := tracer.Start(below, "child")
			child.SetAttributes(attribute.Int("n", i))
			child.End()
			spans[i] = s
			s.End()
			s.SetAttributes(attribute.String("late", "yes")) // ignored
		})
	}
	all.Wait()
	seen := make(map[trace.SpanID]bool)
	for i, s := range spans {
		c := s.SpanContext()
		if c.TraceID().String() != "4bf92f3577b34da6a3ce929d0e0e4736" || seen[c.SpanID()] {
			t.Errorf("span %d: %v", i, c)
		}
		seen[c.SpanID()] = true
	}
	for _, line := range native.Lines(t, "biz-digest.log") {
		attributes := line["attributes"].(map[string]any)
		if name := line["operation"].(string); name != "child" && (name != fmt.Sprint("server ", attributes["n"]) || attributes["late"] != nil) {
			t.Errorf("%v", line)
		}
	}
}
