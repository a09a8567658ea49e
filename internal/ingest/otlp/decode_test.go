package otlp

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	commonpb "go.opentelemetry.io/proto/otlp/common/v1"
	resourcepb "go.opentelemetry.io/proto/otlp/resource/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"

	"github.com/twinspan/twinspan/internal/ingest"
	"github.com/twinspan/twinspan/internal/ingest/ingesttest"
	"github.com/twinspan/twinspan/internal/span"
	"github.com/twinspan/twinspan/sdk/id"
)

func text1(s string) *commonpb.AnyValue {
	return &commonpb.AnyValue{Value: &commonpb.AnyValue_StringValue{StringValue: s}}
}

func attr(key, value string) *commonpb.KeyValue {
	return &commonpb.KeyValue{Key: key, Value: text1(value)}
}

func number(key string, n int64) *commonpb.KeyValue {
	return &commonpb.KeyValue{Key: key, Value: &commonpb.AnyValue{Value: &commonpb.AnyValue_IntValue{IntValue: n}}}
}

func marshal1(t testing.TB, m proto.Message) []byte {
	t.Helper()
	b, err := proto.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// request wraps spans of one service.
func request(service string, spans ...*tracepb.Span) *tracepb.TracesData {
	return &tracepb.TracesData{ResourceSpans: []*tracepb.ResourceSpans{{
		Resource:   &resourcepb.Resource{Attributes: []*commonpb.KeyValue{attr("service.name", service)}},
		ScopeSpans: []*tracepb.ScopeSpans{{Spans: spans}},
	}}}
}

func sample() *tracepb.Span {
	return &tracepb.Span{
		TraceId: bytes.Repeat([]byte{0xab}, 16), SpanId: []byte{1, 2, 3, 4, 5, 6, 7, 8}, Name: "GET /pay",
		Kind: tracepb.Span_SPAN_KIND_CLIENT, StartTimeUnixNano: 1e18, EndTimeUnixNano: 1e18 + 5,
	}
}

func TestDecodeHalf(t *testing.T) {
	s := sample()
	s.Kind, s.ParentSpanId = tracepb.Span_SPAN_KIND_SERVER, []byte{0, 0, 0, 0, 0, 0, 0, 9}
	s.Attributes = []*commonpb.KeyValue{
		attr("http.request.method", "GET"), number("http.response.status_code", 500),
		attr("server.address", "10.0.0.1"), number("server.port", 80), attr("client.address", "10.0.0.2"), attr("mark", "T"),
	}
	s.Status = &tracepb.Status{Message: "broken", Code: tracepb.Status_STATUS_CODE_ERROR}
	s.Flags = 0x101
	req := request("pay", s)
	req.ResourceSpans[0].Resource.Attributes = append(req.ResourceSpans[0].Resource.Attributes,
		attr("k8s.pod.name", "pod"), attr("host.name", "node"))
	req.ResourceSpans[0].ScopeSpans[0].Scope = &commonpb.InstrumentationScope{
		Name: "net/http", Version: "1.2", Attributes: []*commonpb.KeyValue{attr("team", "core")}}

	d, err := decode(&ingest.Memory{Body: marshal1(t, req)}, ingesttest.Limits())
	if err != nil || len(d.halves) != 1 || d.left.Spans() != 0 {
		t.Fatalf("%v, %d halves, %d refused: %s", err, len(d.halves), d.left.Spans(), d.left.First)
	}
	h := d.halves[0]
	want := span.Half{
		Trace: id.Trace(s.TraceId), Span: 0x0102030405060708, Parent: 9, Twin: 9, Kind: span.KindServer,
		Type: span.TypeHTTP, Status: span.StatusError, Route: span.RouteOTLP, LoadTest: true, App: "pay", Instance: "node",
		Operation: "GET /pay", Component: "net/http", ResultCode: "500", LocalAddr: "10.0.0.1:80", PeerAddr: "10.0.0.2",
		Start: 1e18, Duration: 5,
	}
	if got := h.Payload.StatusMessage(); got != "broken" {
		t.Errorf("status message %q", got)
	}
	for key, want := range map[string]string{"service.name": "pay", "otel.scope.version": "1.2", "otel.scope.team": "core"} {
		if v, _ := h.Resource.Attr(key); v.Text() != want {
			t.Errorf("resource attribute %s is %q, want %q", key, v.Text(), want)
		}
	}
	if h.Origin == 0 {
		t.Error("no origin")
	}
	h.Payload, h.Resource, h.Origin = nil, nil, 0
	if got, want := ingesttest.JSON(t, &h), ingesttest.JSON(t, &want); got != want || h.Twin != 9 || !h.LoadTest {
		t.Errorf("\n got %s\nwant %s", got, want)
	}
}

func TestDecodeDefaults(t *testing.T) {
	s := sample()
	s.Kind, s.EndTimeUnixNano = 0, s.StartTimeUnixNano-1
	req := request("", s)
	req.ResourceSpans[0].Resource = nil
	d, err := decode(&ingest.Memory{Body: marshal1(t, req)}, ingesttest.Limits())
	if err != nil || len(d.halves) != 1 {
		t.Fatal(err, d.left.First)
	}
	h := d.halves[0]
	if h.App != "unknown_service" || h.Kind != span.KindInternal || h.Duration != 0 || d.left.Clamped != 1 || h.Resource != nil {
		t.Errorf("got %+v, clamped %d", h, d.left.Clamped)
	}
}

func TestDecodeRejects(t *testing.T) {
	tests := []struct {
		name   string
		change func(*tracepb.Span)
		reason string
		text   string
	}{
		{"no trace id", func(s *tracepb.Span) { s.TraceId = nil }, reasonTraceID, `a span of service "pay": trace_id is `},
		{"zero trace id", func(s *tracepb.Span) { s.TraceId = make([]byte, 16) }, reasonTraceID, "trace_id is 0000"},
		{"short trace id", func(s *tracepb.Span) { s.TraceId = []byte("x") }, reasonTraceID, "trace_id is 78, want 16 bytes"},
		{"no span id", func(s *tracepb.Span) { s.SpanId = nil }, reasonSpanID, "span_id is , want 8 bytes"},
		{"zero span id", func(s *tracepb.Span) { s.SpanId = make([]byte, 8) }, reasonSpanID, "span_id is 0000"},
		{"odd parent", func(s *tracepb.Span) { s.ParentSpanId = []byte{1} }, reasonParentID, "parent_span_id is 01"},
		{"no start", func(s *tracepb.Span) { s.StartTimeUnixNano = 0 }, reasonStart, "start_time_unix_nano is 0"},
		{"start beyond 2262", func(s *tracepb.Span) { s.StartTimeUnixNano = 1 << 63 }, reasonStart, "start_time_unix_nano is 9223372036854775808"},
	}
	for _, tt := range tests {
		bad := sample()
		tt.change(bad)
		d, err := decode(&ingest.Memory{Body: marshal1(t, request("pay", sample(), bad, sample()))}, ingesttest.Limits())
		if err != nil || len(d.halves) != 2 || d.left.Rejected[tt.reason] != 1 || d.left.Spans() != 1 || !strings.Contains(d.left.First, tt.text) {
			t.Errorf("%s: %v, %d halves, %v, %q", tt.name, err, len(d.halves), d.left.Rejected, d.left.First)
		}
	}
}

// TestDecodeMalformed cuts and garbles requests inside and outside of spans.
func TestDecodeMalformed(t *testing.T) {
	good := marshal1(t, sample())
	wrap := func(spans ...[]byte) []byte {
		var scope, resource []byte
		for _, s := range spans {
			scope = span.AppendBytesField(scope, 2, s)
		}
		resource = span.AppendBytesField(resource, 2, scope)
		return span.AppendBytesField(nil, 1, resource)
	}
	badAttr := span.AppendBytesField(bytes.Clone(good), 9, []byte{0x0a, 5, 'x'})
	for name, bad := range map[string][]byte{"cut": good[:len(good)-1], "wire type 7": append(bytes.Clone(good), 0x0f), "attribute": badAttr} {
		d, err := decode(&ingest.Memory{Body: wrap(good, bad)}, ingesttest.Limits())
		if err != nil || len(d.halves) != 1 || d.left.Rejected[reasonMalformed] != 1 {
			t.Errorf("span, %s: %v, %+v", name, err, d)
		}
	}
	whole := wrap(good)
	for name, bad := range map[string][]byte{
		"cut":      whole[:len(whole)-1],
		"text":     []byte("not protobuf"),
		"resource": span.AppendBytesField(nil, 1, span.AppendBytesField(nil, 1, []byte{0x0a, 9})),
		"attribute of the resource": span.AppendBytesField(nil, 1, span.AppendBytesField(nil, 1,
			span.AppendBytesField(nil, 1, []byte{0x0a, 9}))),
		"scope": span.AppendBytesField(nil, 1, span.AppendBytesField(nil, 2, span.AppendBytesField(nil, 1, []byte{0x0a, 9}))),
	} {
		if _, err := decode(&ingest.Memory{Body: bytes.Clone(bad)}, ingesttest.Limits()); !errors.Is(err, ingest.ErrInvalid) {
			t.Errorf("request, %s: %v", name, err)
		}
	}
	if d, err := decode(&ingest.Memory{Body: nil}, ingesttest.Limits()); err != nil || len(d.halves) != 0 {
		t.Errorf("empty request: %v", err)
	}
}

func TestDecodeLimits(t *testing.T) {
	limits := Config{MaxSpans: 2, MaxSpanBytes: 1024, MaxAttributes: 3, RetryAfter: 1}
	if err := limits.Validate(); err != nil {
		t.Fatal(err)
	}
	if _, err := decode(&ingest.Memory{Body: marshal1(t, request("pay", sample(), sample(), sample()))}, &limits); !errors.Is(err, ingest.ErrTooLarge) {
		t.Errorf("too many spans: %v", err)
	}
	many := sample()
	for range 5 {
		many.Attributes = append(many.Attributes, attr("k", "v"))
		many.Events = append(many.Events, &tracepb.Span_Event{Name: "e"})
	}
	many.DroppedEventsCount = 7
	trimmed, err := decode(&ingest.Memory{Body: marshal1(t, request("pay", sample(), many))}, &limits)
	if err != nil || len(trimmed.halves) != 2 || trimmed.left.Trimmed != 1 {
		t.Fatalf("many attributes: %v, %+v", err, trimmed)
	}
	fields := make(map[int]uint64)
	p := []byte(trimmed.halves[1].Payload)
	for f, rest, ok := span.NextField(p); ok; f, rest, ok = span.NextField(rest) {
		fields[f.Number] += max(1, f.Num)
	}
	if fields[9] != 3 || fields[10] != 2 || fields[11] != 3 || fields[12] != 7+2 {
		t.Errorf("many attributes: %v of fields are kept", fields)
	}
	big := sample()
	big.Attributes = []*commonpb.KeyValue{attr("k", strings.Repeat("v", 1024))}
	d, err := decode(&ingest.Memory{Body: marshal1(t, request("pay", sample(), big))}, &limits)
	if err != nil || len(d.halves) != 1 || d.left.Rejected[reasonTooLarge] != 1 || !strings.Contains(d.left.First, "bytes, the limit is 1024") {
		t.Errorf("a large span: %v, %+v", err, d)
	}
	if _, err := decode(&ingest.Memory{Body: marshal1(t, request(strings.Repeat("v", 1024), sample()))}, &limits); !errors.Is(err, ingest.ErrTooLarge) {
		t.Errorf("a large resource: %v", err)
	}
	scope := request("pay", sample())
	scope.ResourceSpans[0].ScopeSpans[0].Scope = &commonpb.InstrumentationScope{Name: strings.Repeat("v", 1024)}
	if _, err := decode(&ingest.Memory{Body: marshal1(t, scope)}, &limits); !errors.Is(err, ingest.ErrTooLarge) {
		t.Errorf("a large scope: %v", err)
	}
	for _, c := range []Config{{}, {MaxSpans: 1, MaxSpanBytes: 1, RetryAfter: 1}, {MaxSpans: 1, MaxSpanBytes: 1 << 21, RetryAfter: 1}} {
		if c.Validate() == nil {
			t.Errorf("%+v passes", c)
		}
	}
}

func TestOriginTellsContentAndService(t *testing.T) {
	origin := func(service string, s *tracepb.Span) uint64 {
		d, err := decode(&ingest.Memory{Body: marshal1(t, request(service, s))}, ingesttest.Limits())
		if err != nil || len(d.halves) != 1 {
			t.Fatal(err)
		}
		return d.halves[0].Origin
	}
	other := sample()
	other.Name = "x"
	if first := origin("a", sample()); first != origin("a", sample()) {
		t.Error("the same span twice has two origins")
	}
	if origin("a", sample()) == origin("b", sample()) || origin("a", sample()) == origin("a", other) {
		t.Error("different spans have one origin")
	}
}

// TestDecodeAgreesWithOfficialTypes compares random requests, field for field, in the official order and shuffled.
func TestDecodeAgreesWithOfficialTypes(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for range 300 {
		data := randomData(rng)
		compare(t, marshal1(t, data))
		compare(t, shuffled(t, rng, data))
	}
}

func FuzzDecode(f *testing.F) {
	rng := rand.New(rand.NewPCG(3, 4))
	for range 5 {
		data := randomData(rng)
		f.Add(marshal1(f, data))
		f.Add(shuffled(f, rng, data))
	}
	f.Fuzz(func(t *testing.T, body []byte) { compare(t, body) })
}

// compare decodes body with the official types and with ours. Where the official ones refuse it, ours only must not
// panic; where it has what they do not know or writes fields twice, only the number of spans is compared.
func compare(t *testing.T, body []byte) {
	t.Helper()
	var data tracepb.TracesData
	official := proto.Unmarshal(body, &data)
	d, err := decode(&ingest.Memory{Body: bytes.Clone(body)}, ingesttest.Limits())
	if err == nil {
		for i := range d.halves {
			if !d.halves[i].Payload.Valid() || !d.halves[i].Resource.Valid() {
				t.Fatalf("half %d has a malformed payload %x", i, d.halves[i].Payload)
			}
		}
	}
	if official != nil {
		return
	}
	again, e := proto.Marshal(&data)
	if e != nil || len(again) != len(body) || hasUnknown(&data) {
		return
	}
	if err != nil {
		t.Fatalf("the official types read it, we do not: %v", err)
	}
	halves := d.halves
	for _, rs := range data.ResourceSpans {
		for _, ss := range rs.ScopeSpans {
			for _, s := range ss.Spans {
				if !takes(s) {
					continue
				}
				if len(halves) == 0 {
					t.Fatalf("a span is missing: %v; %s", s, d.left.First)
				}
				compareSpan(t, &halves[0], rs, ss, s)
				halves = halves[1:]
			}
		}
	}
	if len(halves) != 0 {
		t.Fatalf("%d halves too many", len(halves))
	}
}

// hasUnknown says that the message has fields that the official types do not know: without them it is shorter.
func hasUnknown(data *tracepb.TracesData) bool {
	all, _ := proto.Marshal(data)
	var known tracepb.TracesData
	_ = proto.UnmarshalOptions{DiscardUnknown: true}.Unmarshal(all, &known)
	return proto.Size(&known) != len(all)
}

func takes(s *tracepb.Span) bool {
	zero := func(b []byte) bool { return len(bytes.Trim(b, "\x00")) == 0 }
	return len(s.TraceId) == 16 && !zero(s.TraceId) && len(s.SpanId) == 8 && !zero(s.SpanId) &&
		(len(s.ParentSpanId) == 0 || len(s.ParentSpanId) == 8) && s.StartTimeUnixNano > 0 && s.StartTimeUnixNano <= math.MaxInt64
}

func compareSpan(t *testing.T, h *span.Half, rs *tracepb.ResourceSpans, ss *tracepb.ScopeSpans, s *tracepb.Span) {
	t.Helper()
	app := "unknown_service"
	for _, kv := range rs.GetResource().GetAttributes() {
		if kv.Key != "service.name" || kv.Value.GetValue() == nil {
			continue
		}
		if _, ok := kv.Value.Value.(*commonpb.AnyValue_StringValue); !ok {
			app = h.App // not compared
			break
		}
		if app = kv.Value.GetStringValue(); app != "" {
			break
		}
		app = "unknown_service"
	}
	var parent id.Span
	if len(s.ParentSpanId) == 8 {
		parent = id.Span(binary.BigEndian.Uint64(s.ParentSpanId))
	}
	kind, status := span.KindInternal, span.StatusUnset
	if s.Kind > 0 && s.Kind <= 5 {
		kind = span.Kind(s.Kind)
	}
	if c := s.GetStatus().GetCode(); c >= 0 && c <= 2 {
		status = span.Status(c)
	}
	duration := int64(0)
	if s.EndTimeUnixNano >= s.StartTimeUnixNano && s.EndTimeUnixNano <= math.MaxInt64 {
		duration = int64(s.EndTimeUnixNano - s.StartTimeUnixNano)
	}
	check := func(what string, ok bool) {
		if !ok {
			t.Fatalf("%s differs:\n%+v\n%v", what, h, s)
		}
	}
	check("trace", bytes.Equal(h.Trace[:], s.TraceId))
	check("span", uint64(h.Span) == binary.BigEndian.Uint64(s.SpanId))
	check("parent", h.Parent == parent)
	check("kind", h.Kind == kind)
	check("status", h.Status == status)
	check("twin", h.Twin == 0 && !kind.CalleeSide() || h.Twin == parent && kind.CalleeSide())
	check("times", h.Start == int64(s.StartTimeUnixNano) && h.Duration == duration)
	check("app", h.App == app || len(app) > span.MaxName)
	if s.Name != "" && len(s.Name) <= span.MaxName {
		check("operation", h.Operation == s.Name)
	}
	check("component", h.Component == ss.GetScope().GetName() || len(ss.GetScope().GetName()) > span.MaxName)

	var payload tracepb.Span
	if err := proto.Unmarshal(h.Payload, &payload); err != nil {
		t.Fatal(err)
	}
	want := &tracepb.Span{
		TraceState: s.TraceState, Attributes: s.Attributes, DroppedAttributesCount: s.DroppedAttributesCount,
		Events: s.Events, DroppedEventsCount: s.DroppedEventsCount, Links: s.Links, DroppedLinksCount: s.DroppedLinksCount, Flags: s.Flags,
	}
	if msg := s.GetStatus().GetMessage(); msg != "" {
		want.Status = &tracepb.Status{Message: msg}
	}
	if !proto.Equal(want, &payload) {
		t.Fatalf("the payload differs:\n got %v\nwant %v", &payload, want)
	}
}

// randomData makes a request that uses all fields now and then.
func randomData(rng *rand.Rand) *tracepb.TracesData {
	maybe := func() bool { return rng.IntN(2) == 0 }
	word := func() string { return strings.Repeat("wörd ", rng.IntN(2)) + strings.Repeat("x", rng.IntN(9)) }
	raw := func(n int) []byte {
		b := make([]byte, n)
		for i := range b {
			b[i] = byte(rng.Uint32() | 1)
		}
		return b
	}
	var value func(depth int) *commonpb.AnyValue
	attrs := func(depth int) (list []*commonpb.KeyValue) {
		for range rng.IntN(5) {
			list = append(list, &commonpb.KeyValue{Key: "k" + word(), Value: value(depth)})
		}
		return list
	}
	value = func(depth int) *commonpb.AnyValue {
		switch n := rng.IntN(8); {
		case n == 0:
			return number("", rng.Int64()-rng.Int64()).Value
		case n == 1:
			return &commonpb.AnyValue{Value: &commonpb.AnyValue_BoolValue{BoolValue: maybe()}}
		case n == 2:
			return &commonpb.AnyValue{Value: &commonpb.AnyValue_DoubleValue{DoubleValue: rng.NormFloat64()}}
		case n == 3 && depth < 3:
			return &commonpb.AnyValue{Value: &commonpb.AnyValue_ArrayValue{ArrayValue: &commonpb.ArrayValue{
				Values: []*commonpb.AnyValue{value(depth + 1), value(depth + 1)}}}}
		case n == 4 && depth < 3:
			return &commonpb.AnyValue{Value: &commonpb.AnyValue_KvlistValue{KvlistValue: &commonpb.KeyValueList{Values: attrs(depth + 1)}}}
		case n == 5:
			return &commonpb.AnyValue{Value: &commonpb.AnyValue_BytesValue{BytesValue: raw(rng.IntN(200))}}
		case n == 6:
			return nil
		}
		return text1(strings.Repeat(word(), 1+rng.IntN(20)))
	}
	aSpan := func() *tracepb.Span {
		s := &tracepb.Span{TraceId: raw(16), SpanId: raw(8), Name: word(), Kind: tracepb.Span_SpanKind(rng.IntN(7)),
			StartTimeUnixNano: rng.Uint64() >> 2, Attributes: attrs(0)}
		s.EndTimeUnixNano = s.StartTimeUnixNano + rng.Uint64()>>4
		if maybe() {
			s.ParentSpanId, s.Flags = raw(8), rng.Uint32()
		}
		if maybe() {
			s.TraceState, s.DroppedAttributesCount = "a=b", rng.Uint32()
		}
		for range rng.IntN(3) {
			s.Events = append(s.Events, &tracepb.Span_Event{TimeUnixNano: rng.Uint64(), Name: word(), Attributes: attrs(0)})
		}
		if maybe() {
			s.Links = append(s.Links, &tracepb.Span_Link{TraceId: raw(16), SpanId: raw(8), TraceState: word(), Attributes: attrs(0), Flags: 1})
			s.DroppedLinksCount, s.DroppedEventsCount = 7, 300
		}
		if maybe() {
			s.Status = &tracepb.Status{Message: strings.Repeat(word(), rng.IntN(30)), Code: tracepb.Status_StatusCode(rng.IntN(4))}
		}
		if rng.IntN(20) == 0 {
			s.TraceId = nil
		}
		return s
	}
	data := &tracepb.TracesData{}
	for range 1 + rng.IntN(3) {
		rs := &tracepb.ResourceSpans{SchemaUrl: word()}
		if maybe() {
			rs.Resource = &resourcepb.Resource{Attributes: append(attrs(0), attr("service.name", word()))}
		}
		for range rng.IntN(3) {
			ss := &tracepb.ScopeSpans{SchemaUrl: word()}
			if maybe() {
				ss.Scope = &commonpb.InstrumentationScope{Name: word(), Version: word(), Attributes: attrs(0)}
			}
			for range rng.IntN(6) {
				ss.Spans = append(ss.Spans, aSpan())
			}
			rs.ScopeSpans = append(rs.ScopeSpans, ss)
		}
		data.ResourceSpans = append(data.ResourceSpans, rs)
	}
	return data
}

// shuffled encodes data with the fields of resource spans, scope spans and spans in random order; fields of one number
// keep theirs.
func shuffled(t testing.TB, rng *rand.Rand, data *tracepb.TracesData) []byte {
	var out []byte
	for _, rs := range data.ResourceSpans {
		plain := proto.Clone(rs).(*tracepb.ResourceSpans)
		plain.ScopeSpans = nil
		m := marshal1(t, plain)
		for _, ss := range rs.ScopeSpans {
			plain := proto.Clone(ss).(*tracepb.ScopeSpans)
			plain.Spans = nil
			scope := marshal1(t, plain)
			for _, s := range ss.Spans {
				scope = span.AppendBytesField(scope, 2, shuffle(rng, marshal1(t, s)))
			}
			m = span.AppendBytesField(m, 2, shuffle(rng, scope))
		}
		out = span.AppendBytesField(out, 1, shuffle(rng, m))
	}
	return out
}

func shuffle(rng *rand.Rand, m []byte) []byte {
	var numbers []int
	var raw [][]byte
	for rest := m; len(rest) > 0; {
		f, behind, ok := span.NextField(rest)
		if !ok {
			panic("the official types write malformed protobuf")
		}
		numbers, raw = append(numbers, f.Number), append(raw, rest[:len(rest)-len(behind)])
		rest = behind
	}
	order := append([]int(nil), numbers...)
	rng.Shuffle(len(order), func(i, j int) { order[i], order[j] = order[j], order[i] })
	used := make([]bool, len(raw))
	var out []byte
	for _, number := range order {
		for i := range raw {
			if !used[i] && numbers[i] == number {
				used[i] = true
				out = append(out, raw[i]...)
				break
			}
		}
	}
	return out
}
