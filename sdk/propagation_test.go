package twinspan

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/textproto"
	"strings"
	"testing"

	"github.com/twinspan/twinspan/sdk/id"
)

// goldenContext is a span context as Java SOFATracer has it.
type goldenContext struct {
	TraceID   string            `json:"traceId"`
	SpanID    string            `json:"spanId"`
	ParentID  string            `json:"parentId"`
	Sampled   bool              `json:"sampled"`
	Biz       map[string]string `json:"bizBaggage"`
	Sys       map[string]string `json:"sysBaggage"`
	Generated bool              `json:"traceIdWasGenerated"`
}

func asMap(pairs []Pair) map[string]string {
	m := make(map[string]string, len(pairs))
	for _, p := range pairs {
		m[p.Key] = p.Value
	}
	return m
}

// listCarrier keeps what is set as it is set, whatever a protocol would allow.
type listCarrier [][2]string

func (c *listCarrier) Get(string) (string, bool)               { return "", false }
func (c *listCarrier) All(string) []string                     { return nil }
func (c *listCarrier) WithPrefix(string, func(string, string)) {}
func (c *listCarrier) Set(key, value string)                   { *c = append(*c, [2]string{key, value}) }

// TestInjectAsSOFATracer compares what we inject with what Java SOFATracer injects for the same context.
func TestInjectAsSOFATracer(t *testing.T) {
	var golden []struct {
		Context goldenContext `json:"context"`
		Carrier [][2]string   `json:"carrier"`
	}
	readGolden(t, "inject-http.json", &golden)
	tracer := newTracer(t, nil)
	for i, g := range golden {
		span := goldenSpan(tracer, g.Context)
		var got listCarrier
		(&outgoing{Span: span, bag: span.baggage()}).injectSOFA(&got, SOFAHTTP)
		if len(got) < 4 {
			t.Fatalf("%d: only %v", i, got)
		}
		for j, header := range got[:4] {
			want := g.Carrier[j]
			if want[0] == keyParentID && g.Context.ParentID != id.ParentOf(g.Context.SpanID) {
				continue // a context whose parent its id does not name: no span of ours is like that
			}
			if header != want {
				t.Errorf("%d: %v, SOFATracer has %v", i, header, want)
			}
		}
		want := make(map[string]string)
		for _, header := range g.Carrier[4:] {
			want[header[0]] = header[1]
		}
		for k := range g.Context.Biz {
			if strings.HasPrefix(k, systemKey) {
				// Java sends it, and its receiver takes it for system baggage. We leave it to W3C baggage.
				delete(want, prefixBaggage+k)
			}
		}
		have := make(map[string]string)
		for _, header := range got[4:] {
			have[header[0]] = header[1]
		}
		if !maps.Equal(have, want) {
			t.Errorf("%d: %v, SOFATracer has %v", i, have, want)
		}
	}
}

// TestHeadersThatHTTPCannotCarry: Java sends such keys raw, and some of its clients fail the request.
func TestHeadersThatHTTPCannotCarry(t *testing.T) {
	tracer := newTracer(t, nil)
	_, span := tracer.Start(t.Context(), Client, HTTPClient, "GET /")
	for _, key := range []string{"with space", "a,b", `a"b`, "张", "line\nbreak", "fine", "a=b"} {
		span.SetBaggage(key, "v")
	}
	headers := HeaderCarrier{}
	span.Inject(headers)
	for key := range headers {
		if !isToken(key) {
			t.Errorf("header %q", key)
		}
	}
	if v, _ := headers.Get("baggage-fine"); v != "v" {
		t.Error("the key that fits is missing")
	}
	if v, _ := headers.Get("baggage-a%3Db"); v != "v" {
		t.Error("the escaped key is missing")
	}
	if v, _ := headers.Get("baggage"); v != "fine=v" {
		t.Errorf("W3C baggage %q", v)
	}
}

// headerCarrier builds headers as net/http's server gives them.
func headerCarrier(lines []string) HeaderCarrier {
	c := HeaderCarrier{}
	for _, line := range lines {
		key, value, _ := strings.Cut(line, ":")
		key = textproto.CanonicalMIMEHeaderKey(key)
		c[key] = append(c[key], strings.Trim(value, " \t"))
	}
	return c
}

// wireDifferences are the header sets on which we differ from Java on purpose, by their place in wire-inbound.json.
var wireDifferences = map[int]struct {
	why  string
	want goldenContext // TraceID "": a new trace begins; SpanID "x." is followed by a random number
}{
	17: {"an empty trace id is none", goldenContext{SpanID: "0", Sampled: true}},
	18: {"an empty span id is none", goldenContext{SpanID: "0", Sampled: true}},
	19: {"empty ids are none", goldenContext{SpanID: "0", Sampled: true}},
	20: {"16 hex digits are B3's span id: a foreign parent", goldenContext{TraceID: "463ac35c9f6413ad48485a3953bb6124", SpanID: "a2fb4a1d1a96d312.", Sampled: true}},
	21: {"b3 is read", goldenContext{TraceID: "463ac35c9f6413ad48485a3953bb6124", SpanID: "a2fb4a1d1a96d312.", Sampled: true}},
	22: {"traceparent is read", goldenContext{TraceID: "4bf92f3577b34da6a3ce929d0e0e4736", SpanID: "00f067aa0ba902b7.", Sampled: true}},
	30: {"system baggage is system baggage only", goldenContext{TraceID: wireTrace, SpanID: "0.7.1", Sampled: true, Sys: map[string]string{"zone": "z1"}}},
	31: {"system baggage is system baggage only", goldenContext{TraceID: wireTrace, SpanID: "0.7.1", Sampled: true, Sys: map[string]string{"zone": "z1"}}},
	36: {"an empty key is none", goldenContext{TraceID: wireTrace, SpanID: "0.7.1", Sampled: true}},
	37: {"an empty key is none", goldenContext{TraceID: wireTrace, SpanID: "0.7.1", Sampled: true}},
	38: {"an escaped key is unescaped, although HTTP made its digits lower case", goldenContext{TraceID: wireTrace, SpanID: "0.7.1", Sampled: true, Biz: map[string]string{"a=b": "v"}}},
	40: {"raw UTF-8 stays UTF-8", goldenContext{TraceID: wireTrace, SpanID: "0.7.1", Sampled: true, Biz: map[string]string{"k": "张三"}}},
	41: {"a malformed % is kept, not answered 500", goldenContext{TraceID: wireTrace, SpanID: "0.7.1", Sampled: true, Biz: map[string]string{"k": "100%zz"}}},
	42: {"a malformed % is kept, not answered 500", goldenContext{TraceID: wireTrace, SpanID: "0.7.1", Sampled: true, Biz: map[string]string{"k": "50%"}}},
	51: {"baggage needs no trace", goldenContext{SpanID: "0", Sampled: true, Biz: map[string]string{"user": "u1"}}},
	61: {"a malformed % is kept, not answered 500", goldenContext{TraceID: "50%", SpanID: "0.7.1", Sampled: true}},
}

const wireTrace = "0a0fe8ec1700000000123100112345"

// TestExtractAsSpringMVC sends the 62 sets of headers that were sent to Java SOFATracer's server.
func TestExtractAsSpringMVC(t *testing.T) {
	var golden []struct {
		Headers []string      `json:"headers"`
		Context goldenContext `json:"context"`
	}
	readGolden(t, "wire-inbound.json", &golden)
	if len(golden) != 62 {
		t.Fatalf("%d header sets", len(golden))
	}
	tracer := newTracer(t, func(c *Config) { c.ServerSpanID = ChildSpanID }) // as Java's HTTP servers
	for i, g := range golden {
		want := g.Context
		if d, ok := wireDifferences[i]; ok {
			want = d.want
		} else if want.SpanID == "0" {
			want.TraceID = "" // a new trace
		}
		_, span := tracer.StartFrom(t.Context(), headerCarrier(g.Headers), Server, HTTPServer, "GET /ctx")
		problem := ""
		switch {
		case want.TraceID == "" && !span.trace.IsSOFA(), want.TraceID != "" && span.TraceID() != want.TraceID:
			problem = "trace id"
		case strings.HasSuffix(want.SpanID, ".") && !strings.HasPrefix(span.SpanID(), want.SpanID),
			!strings.HasSuffix(want.SpanID, ".") && span.SpanID() != want.SpanID:
			problem = "span id"
		case span.Sampled() != want.Sampled:
			problem = "sampled"
		case !maps.Equal(asMap(span.baggage().biz), want.Biz) && len(span.baggage().biz)+len(want.Biz) > 0:
			problem = "business baggage"
		case !maps.Equal(asMap(span.baggage().sys), want.Sys) && len(span.baggage().sys)+len(want.Sys) > 0:
			problem = "system baggage"
		}
		if problem != "" {
			t.Errorf("%d %q: %s: %s %s %v %v %v, want %+v (%s)", i, g.Headers, problem, span.TraceID(), span.SpanID(),
				span.Sampled(), span.baggage().biz, span.baggage().sys, want, wireDifferences[i].why)
		}
	}
}

// TestExtractAsSOFATracer reads the headers that were given to SOFATracer's HTTP format itself.
func TestExtractAsSOFATracer(t *testing.T) {
	var golden []struct {
		Carrier   [][2]string     `json:"carrier"`
		Extracted json.RawMessage `json:"extracted"`
	}
	readGolden(t, "extract-http.json", &golden)
	for i, g := range golden {
		var want goldenContext
		if json.Unmarshal(g.Extracted, &want) != nil {
			continue // the text of an exception, for a malformed %; see wireDifferences
		}
		carrier := MapCarrier{}
		skip := ""
		for _, header := range g.Carrier {
			if _, twice := carrier[header[0]]; twice {
				skip = "a map has no repeated keys"
			}
			carrier[header[0]] = header[1]
			switch {
			case header[1] == "" && (header[0] == keyTraceID || header[0] == keySpanID):
				skip = "empty ids are none"
			case strings.HasPrefix(strings.ToLower(header[0]), prefixSystem):
				delete(want.Biz, header[0][len(prefixBaggage):]) // Java doubles it
			case header[0] != strings.ToLower(header[0]) && strings.HasPrefix(strings.ToLower(header[0]), prefixBaggage) && !strings.HasPrefix(header[0], prefixBaggage):
				skip = "Java reads the prefix in lower case only; its servers have made it so"
			case header[0] == prefixBaggage || header[0] == prefixSystem:
				skip = "an empty key is none"
			case header[1] != strings.TrimSpace(header[1]) && header[0] == keyTraceID:
				skip = "blanks around an id are no part of it"
			case isSpanHex(header[1]):
				skip = "B3's span id"
			}
		}
		_, hasTrace := carrier.Get(keyTraceID)
		_, hasSpan := carrier.Get(keySpanID)
		if skip != "" || !hasTrace || !hasSpan {
			continue // one id alone is no context: see wire-inbound.json
		}
		var r SpanContext
		r.extract(carrier, []Propagation{SOFAHTTP})
		if r.traceID != want.TraceID || r.spanID != want.SpanID || r.sampled != want.Sampled ||
			!maps.Equal(asMap(r.baggage().biz), want.Biz) || !maps.Equal(asMap(r.baggage().sys), want.Sys) {
			t.Errorf("%d %v: %+v, SOFATracer has %+v", i, g.Carrier, r, want)
		}
	}
}

func TestEscapesAsSOFATracer(t *testing.T) {
	var golden []struct {
		In       string `json:"in"`
		Escape   string `json:"escapePercentEqualAnd"`
		Unescape string `json:"unescapeEqualAndPercent"`
	}
	readGolden(t, "string-escapes.json", &golden)
	for _, g := range golden {
		if got := escapePair(g.In); got != g.Escape {
			t.Errorf("escape %q: %q, want %q", g.In, got, g.Escape)
		}
		if got := unescapePair(g.In); got != g.Unescape {
			t.Errorf("unescape %q: %q, want %q", g.In, got, g.Unescape)
		}
	}
}

func TestTraceparent(t *testing.T) {
	const trace, span = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
	tests := []struct {
		name, header   string
		ok             bool
		sampled, other bool
	}{
		{"sampled", "00-" + trace + "-" + span + "-01", true, true, false},
		{"not sampled", "00-" + trace + "-" + span + "-00", true, false, false},
		{"random flag", "00-" + trace + "-" + span + "-03", true, true, true},
		{"unknown flags", "00-" + trace + "-" + span + "-ff", true, true, true},
		{"later version", "cc-" + trace + "-" + span + "-01", true, true, false},
		{"later version with more", "cc-" + trace + "-" + span + "-01-what-the-future-holds", true, true, false},
		{"spaces around", "\t00-" + trace + "-" + span + "-01 ", true, true, false},
		{"later version with junk", "cc-" + trace + "-" + span + "-01.what", false, false, false},
		{"version 00 with more", "00-" + trace + "-" + span + "-01-x", false, false, false},
		{"version ff", "ff-" + trace + "-" + span + "-01", false, false, false},
		{"upper case", "00-" + strings.ToUpper(trace) + "-" + span + "-01", false, false, false},
		{"upper case version", "0A-" + trace + "-" + span + "-01", false, false, false},
		{"no trace id", "00-00000000000000000000000000000000-" + span + "-01", false, false, false},
		{"no parent id", "00-" + trace + "-0000000000000000-01", false, false, false},
		{"not hex", "00-" + trace[:31] + "g-" + span + "-01", false, false, false},
		{"short", "00-" + trace[:31] + "-" + span + "-01", false, false, false},
		{"underscores", "00_" + trace + "_" + span + "_01", false, false, false},
		{"empty", "", false, false, false},
	}
	for _, tt := range tests {
		var r SpanContext
		r.extract(HeaderCarrier{"Traceparent": {tt.header}}, []Propagation{W3C})
		if ok := !r.trace.IsZero(); ok != tt.ok || r.sampled != tt.sampled || r.random != tt.other {
			t.Errorf("%s: %+v", tt.name, r)
		}
		if tt.ok && (r.traceID != trace || r.id8.String() != span || r.spanID != "") {
			t.Errorf("%s: %+v", tt.name, r)
		}
	}
	var r SpanContext
	r.extract(HeaderCarrier{"Traceparent": {tests[0].header, tests[1].header}}, []Propagation{W3C})
	if !r.trace.IsZero() {
		t.Error("two traceparent headers are none")
	}
}

func TestTracestate(t *testing.T) {
	parent := id.SpanOf("0.7")
	ours := stateKey + "=0.7:" + parent.String()
	long := make([]string, maxStateMembers)
	for i := range long {
		long[i] = fmt.Sprintf("k%d=v", i)
	}
	tests := []struct {
		name    string
		headers []string
		others  string
		spanID  string
	}{
		{"none", nil, "", ""},
		{"ours", []string{ours}, "", "0.7"},
		{"ours among others", []string{"a=1, " + ours + " ,b@x=2"}, "a=1,b@x=2", "0.7"},
		{"two headers", []string{"a=1", "b=2," + ours}, "a=1,b=2", "0.7"},
		{"ours of another span", []string{stateKey + "=0.8:" + id.SpanOf("0.8").String() + ",a=1"}, "a=1", ""},
		{"ours of a server half", []string{stateKey + "=0.7:" + id.ServerSpanOf("0.7").String()}, "", ""},
		{"ours, damaged", []string{stateKey + "=0.7"}, "", ""},
		{"empty members", []string{"a=1,,b=2,"}, "a=1,b=2", ""},
		{"key twice", []string{"a=1,a=2"}, "", ""},
		{"bad key", []string{"A=1"}, "", ""},
		{"no value", []string{"a="}, "", ""},
		{"bad value", []string{"a=1=2"}, "", ""},
		{"32 members", []string{strings.Join(long, ",")}, strings.Join(long[:31], ","), ""},
		{"33 members", []string{strings.Join(long, ",") + ",x=1"}, "", ""},
		{"512 characters and more", []string{"a=" + strings.Repeat("x", 256) + ",b=" + strings.Repeat("y", 256)}, "a=" + strings.Repeat("x", 256), ""},
	}
	for _, tt := range tests {
		if others, spanID := parseTracestate(tt.headers, parent); others != tt.others || spanID != tt.spanID {
			t.Errorf("%s: %q %q", tt.name, others, spanID)
		}
	}
}

func TestOrderOfFormats(t *testing.T) {
	const w3c, single = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", "463ac35c9f6413ad48485a3953bb6124-a2fb4a1d1a96d312-0"
	tests := []struct {
		name    string
		order   []Propagation
		carrier MapCarrier
		trace   string
	}{
		{"W3C before SOFA", nil, MapCarrier{keyTraceparent: w3c, keyTraceID: wireTrace, keySpanID: "0.7"}, "4bf92f3577b34da6a3ce929d0e0e4736"},
		{"SOFA before W3C", []Propagation{SOFAHTTP, W3C}, MapCarrier{keyTraceparent: w3c, keyTraceID: wireTrace, keySpanID: "0.7"}, wireTrace},
		{"an invalid W3C does not count", nil, MapCarrier{keyTraceparent: "00-x", keyTraceID: wireTrace, keySpanID: "0.7"}, wireTrace},
		{"B3 last", nil, MapCarrier{keyB3: single, keyTraceID: wireTrace, keySpanID: "0.7"}, wireTrace},
		{"B3", nil, MapCarrier{keyB3: single}, "463ac35c9f6413ad48485a3953bb6124"},
		{"B3 in several headers", nil, MapCarrier{keyTraceID: "463ac35c9f6413ad", keySpanID: "a2fb4a1d1a96d312"}, "0000000000000000463ac35c9f6413ad"},
		{"B3 switched off", []Propagation{W3C, SOFAHTTP}, MapCarrier{keyB3: single}, ""},
	}
	for _, tt := range tests {
		tracer := newTracer(t, func(c *Config) {
			if tt.order != nil {
				c.Extract = tt.order
			}
		})
		var r SpanContext
		r.extract(tt.carrier, tracer.config.Extract)
		if r.traceID != tt.trace {
			t.Errorf("%s: %+v", tt.name, r)
		}
	}
}

func TestBaggageIsMerged(t *testing.T) {
	tracer := newTracer(t, nil)
	headers := headerCarrier([]string{
		"traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
		"baggage: Order=o%201;prop=x , plain=p=q", "baggage: more=m", "baggage-order: o+1", "baggage-mark: T", "baggage-sys-Zone: z",
	})
	_, span := tracer.StartFrom(t.Context(), headers, Server, HTTPServer, "GET /")
	want := map[string]string{"Order": "o 1", "plain": "p=q", "more": "m", "mark": "T"}
	if got := asMap(span.baggage().biz); !maps.Equal(got, want) || !maps.Equal(asMap(span.baggage().sys), map[string]string{"zone": "z"}) {
		t.Errorf("%v %v", got, span.baggage().sys)
	}
}

// TestProxyThatCopiesHeaders: what came in is in the way of what goes out, hop after hop.
func TestProxyThatCopiesHeaders(t *testing.T) {
	tracer := newTracer(t, nil)
	headers := headerCarrier([]string{"baggage: own=1, user=u1;p=x", "baggage-user: u1", "traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"})
	for range 3 {
		_, server := tracer.StartFrom(t.Context(), headers, Server, HTTPServer, "GET /")
		_, client := tracer.Start(ContextWithSpan(t.Context(), server), Client, HTTPClient, "GET /")
		client.Inject(headers)
		if v := headers["Baggage"]; len(v) != 1 || v[0] != "user=u1;p=x,own=1" { // properties of unchanged items stay
			t.Fatalf("baggage %q", v)
		}
		var r SpanContext
		if r.extract(headers, tracer.config.Extract); r.id8 != client.ID8() || r.spanID != client.SpanID() {
			t.Fatalf("%v", headers)
		}
	}
}

// TestTextsSurviveW3C: a trace id that W3C cannot spell comes through when SOFATracer's headers are beside it.
func TestTextsSurviveW3C(t *testing.T) {
	tracer := newTracer(t, nil)
	_, first := tracer.StartFrom(t.Context(), MapCarrier{keyTraceID: "order/17", keySpanID: "0.7"}, Server, HTTPServer, "GET /")
	ctx := ContextWithSpan(t.Context(), first)
	_, client := tracer.Start(ctx, Client, HTTPClient, "GET /")
	headers := MapCarrier{}
	client.Inject(headers)
	delete(headers, keyTracestate) // a proxy may do that
	_, second := tracer.StartFrom(t.Context(), headers, Server, HTTPServer, "GET /")
	if second.TraceID() != "order/17" || second.SpanID() != client.SpanID() || second.trace != first.trace {
		t.Errorf("%v gives %s %s", headers, second.TraceID(), second.SpanID())
	}
}

func FuzzExtract(f *testing.F) {
	f.Add("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", stateKey+"=0.7:b1ecc5b0e1cf206b,a=1", "k=v%20;x", "T%201", "0.7", "1", "k", "100%zz")
	f.Add("", "", "", "463ac35c9f6413ad", "a2fb4a1d1a96d312", "d", "", "")
	tracer := newTracer(f, nil)
	f.Fuzz(func(t *testing.T, parent, state, baggage, trace, span, sampled, key, value string) {
		in := MapCarrier{keyTraceparent: parent, keyTracestate: state, keyBaggage: baggage, keyTraceID: trace, keySpanID: span,
			keySampled: sampled, prefixBaggage + key: value, prefixSystem + key: value, keyB3: state}
		_, server := tracer.StartFrom(t.Context(), in, Server, HTTPServer, "GET /")
		_, client := tracer.Start(ContextWithSpan(t.Context(), server), Client, HTTPClient, "GET /")
		if server.trace.IsZero() || client.spanID == "" || client.id8 == server.id8 {
			t.Fatalf("server %s, client %s", server.spanID, client.spanID)
		}
		headers := HeaderCarrier{}
		client.Inject(headers)
		for name, values := range headers {
			for _, v := range values {
				if !isToken(name) || strings.ContainsFunc(v, func(r rune) bool { return r < ' ' || r > '~' }) {
					t.Fatalf("header %q: %q", name, v)
				}
			}
		}
		_, next := tracer.StartFrom(t.Context(), headers, Server, HTTPServer, "GET /")
		if next.trace != client.trace || next.parent8 != client.id8 || next.sampled != client.sampled {
			t.Fatalf("%v: trace %s below %s, sent %s %s", headers, next.traceID, next.parent8, client.traceID, client.id8)
		}
	})
}

func FuzzEscapes(f *testing.F) {
	f.Add("a=b&c%d 张+")
	f.Fuzz(func(t *testing.T, s string) {
		if got := unescapePair(escapePair(s)); got != s {
			t.Errorf("pair: %q reads back as %q", s, got)
		}
		if got := unescapeURL(escapeURL(s)); got != s {
			t.Errorf("url: %q reads back as %q", s, got)
		}
	})
}
