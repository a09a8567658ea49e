package twinspan

import (
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/twinspan/twinspan/sdk/histogram"
	"github.com/twinspan/twinspan/sdk/id"
)

var lineStart = time.Date(2026, 11, 23, 8, 36, 43, 951234567, time.UTC)

func lineSpan(kind Kind, c Component, operation string, tags ...Tag) *Span {
	return &Span{kind: kind, spanWork: &spanWork{component: c, operation: operation, start: lineStart.UnixNano(), duration: 12345678, tags: tags},
		trunk: &trunk{traceID: "c00002021795423003557100228074"}, spanID: "0.1", id8: id.SpanOf("0.1"), parent8: id.SpanOf("0")}
}

// goldenSpans are spans with fixed times, one for each component, with odd texts where they matter.
func goldenSpans() []*Span {
	start, make1 := lineStart, lineSpan
	biz := make1(Internal, Biz, "charge", String(TagMethod, "charge"), String("note", "say \"hi\", 100%\r\n张\x01\xff"), Int("n", -3),
		Bool("vip", true), Float("rate", 0.25), Float("whole", 2), Float("nan", math.NaN()), String("json", `{"a":1}`))
	biz.failed, biz.own().message = true, "no, luck\nat all"
	biz.bag.Store(&bag{[]Pair{{"k", "a=b&c%d"}, {"user", "u,1"}}, []Pair{{"zone", "z1"}}})
	biz.own().events = []Event{{Name: "checked", Time: start.Add(time.Millisecond), Tags: []Tag{String("by", "risk"), Int("by", 2)}}}

	client := make1(Client, HTTPClient, "GET /pay/{id}", String(TagURL, "http://127.0.0.1:8082/pay/17,18"), String(TagMethod, "GET"),
		Int(TagRequestSize, 0), Int(TagResponseSize, 5), String("http.route", "/pay/{id}"))
	client.resultCode, client.local, client.remote, client.remoteApp = "200", "10.0.0.1:3456", "10.0.0.2:8082", "ledger"

	server := make1(Server, HTTPServer, "GET /pay/{id}", String(TagURL, "http://127.0.0.1:8082/pay/17"), String(TagMethod, "GET"))
	server.resultCode, server.failed, server.own().message = "500", true, "no, luck"
	server.id8, server.parent8, server.paired = id.ServerSpanOf("0.1"), id.SpanOf("0.1"), true

	call := make1(Client, GRPCClient, "pay.Ledger/Book", String(TagProtocol, "grpc"), String(TagService, "pay.Ledger"),
		String(TagMethod, "Book"), String(TagInvokeType, "unary"), String(TagRemoteHost, "10.0.0.2"), String(TagRemotePort, "9000"),
		String(TagLocalHost, "10.0.0.1"), Int(TagRequestSize, 17), Int(TagResponseSize, 3))
	call.remoteApp = "ledger"
	serve := make1(Server, GRPCServer, "pay.Ledger/Book", String(TagService, "pay.Ledger"), String(TagMethod, "Book"), Int(TagMethod, 3))
	serve.resultCode = "14"

	sql := make1(Client, SQLClient, "SELECT account", String(TagDatabase, "ledger"), String(TagSQL, "SELECT a, b FROM account"),
		String(TagExecuteCost, "12ms"), String(TagDatabaseType, "mysql"), String(TagEndpoint, "10.0.0.7:3306"))
	sql.remoteApp = "mysql:ledger"
	redis := make1(Client, RedisClient, "GET", String(TagDBType, "redis"), String(TagMethod, "GET"))
	send := make1(Producer, MQSend, "send payments", String(TagTopic, "payments"), String(TagMessageID, "m-1"), String(TagBroker, "b-1"))
	send.remoteApp = "memq:payments"
	receive := make1(Consumer, MQConsume, "receive payments", String(TagTopic, "payments"), String(TagConsumerGroup, "risk"))
	receive.spanID, receive.parent8, receive.paired = "0.1.1734", id.SpanOf("0.1"), true
	return append([]*Span{biz, client, server, call, serve, sql, redis, send, receive}, append(goldenSOFA(make1), rpcSpans(make1)...)...)
}

// TestGoldenLines compares digest and stat lines of every component with testdata/lines-*.log, which the documentation
// and the server's reader are written to. Run with TWINSPAN_UPDATE=1 to write them anew, and then look at the difference.
func TestGoldenLines(t *testing.T) {
	for _, format := range []Format{JSON, Text} {
		e := encoder{lineText: newLineText(&Config{App: "pay", Instance: "pay-1", Format: format})}
		var b []byte
		for _, s := range goldenSpans() {
			var r resolved
			s.resolve(&r)
			b = e.line(b, s, &r)
		}
		for _, s := range goldenSpans() {
			var r resolved
			s.resolve(&r)
			var key statKey
			s.statKey(&key, &r)
			v := &statValue{count: 2, errors: 1, millis: 24}
			v.latency.AddN(int64(s.duration), 2)
			b = e.statLine(b, &key, v, lineStart, lineStart.Add(5*time.Second))
		}
		path := filepath.Join("testdata", "lines-"+string(format)+".log")
		if os.Getenv("TWINSPAN_UPDATE") != "" {
			if err := os.WriteFile(path, b, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		got, lines := strings.Split(string(b), "\n"), strings.Split(string(want), "\n")
		for i := range max(len(got), len(lines)) {
			if i >= len(got) || i >= len(lines) || got[i] != lines[i] {
				t.Fatalf("%s line %d:\n%s\nwant\n%s", path, i+1, append(got, "")[min(i, len(got))], append(lines, "")[min(i, len(lines))])
			}
		}
	}
}

// TestTextLinesReadBack takes text lines apart as a reader would.
func TestTextLinesReadBack(t *testing.T) {
	text, object := encoder{lineText: newLineText(&Config{App: "pay", Instance: "pay-1", Format: Text})}, encoder{lineText: newLineText(&Config{App: "pay", Instance: "pay-1", Format: JSON})}
	for _, s := range goldenSpans() {
		var r resolved
		s.resolve(&r)
		if s.component.spec().rpc != nil {
			continue // JSON in either format
		}
		line := strings.TrimSuffix(string(text.line(nil, s, &r)), "\n")
		columns := strings.Split(line, ",")
		// 8 columns, the component's, both baggages, ours; @Tracer's line has one more for its tags.
		spec := s.component.spec()
		want := 8 + len(spec.textAt) + 2 + 1
		for n := range spec.fields {
			if spec.fields[n].optional && s.absent(&spec.fields[n], n, &r) {
				want--
			}
		}
		if s.component == Biz {
			want++
		}
		if len(columns) != want || strings.ContainsAny(line, "\r\n") {
			t.Errorf("%s: %d columns, want %d: %s", s.component, len(columns), want, line)
		}
		extras := strings.NewReplacer("%2C", ",", "%25", "%").Replace(columns[len(columns)-1])
		var fromText, fromJSON map[string]any
		if err := json.Unmarshal([]byte(extras), &fromText); err != nil {
			t.Fatalf("%s: %v in %s", s.component, err, extras)
		}
		if err := json.Unmarshal(object.line(nil, s, &r), &fromJSON); err != nil {
			t.Fatal(err)
		}
		for key, v := range fromText {
			if key == "attributes" && len(spec.notText) > 0 || key == tagError && spec.errorNotText() {
				continue // they have what the columns do not
			}
			a, _ := json.Marshal(v)
			b, _ := json.Marshal(fromJSON[key])
			if string(a) != string(b) {
				t.Errorf("%s: %s is %s in text and %s in JSON", s.component, key, a, b)
			}
		}
	}
}

func FuzzDigestLine(f *testing.F) {
	f.Add("a", "b", "c", 1.5, int64(3))
	f.Add("\"\\\n\x00", "\xff\xfe", "{[", math.Inf(1), int64(-1))
	f.Fuzz(func(t *testing.T, key, value, operation string, number float64, n int64) {
		s := &Span{trunk: &trunk{traceID: value}, spanID: key, spanWork: &spanWork{
			component: Component(uint64(n) % uint64(componentCount+3)), operation: operation, start: n,
			tags: []Tag{String(key, value), Float("f", number), Int(TagRequestSize, n), String(TagURL, value)}, failed: n%2 == 0,
			remote: value, remoteApp: key,
			more: &spanExtra{message: value, events: []Event{{Name: key, Tags: []Tag{String(value, key), Float(key, number)}}}}}}
		s.bag.Store(&bag{biz: []Pair{{key, value}}})
		e := encoder{lineText: newLineText(&Config{App: value, Instance: key, Format: JSON})}
		var r resolved
		s.resolve(&r)
		line := e.line(nil, s, &r)
		if !json.Valid(line) || !utf8.Valid(line) || strings.Count(string(line), "\n") != 1 {
			t.Fatalf("%q", line)
		}
		var o struct {
			Operation string `json:"operation"`
			Start     string `json:"start.ns"`
		}
		if err := json.Unmarshal(line, &o); err != nil || o.Operation != strings.ToValidUTF8(operation, "\uFFFD") && utf8.ValidString(operation) {
			t.Fatalf("operation %q, %v", o.Operation, err)
		}
		e.lineText = newLineText(&Config{App: value, Instance: key, Format: Text})
		if line = e.line(nil, s, &r); strings.Count(string(line), "\n") != 1 {
			t.Fatalf("%q", line)
		}
		var statKey statKey
		s.statKey(&statKey, &r)
		v := statValue{count: 1}
		e.lineText = newLineText(&Config{App: value, Instance: key, Format: JSON})
		if line = e.statLine(nil, &statKey, &v, lineStart, lineStart); !json.Valid(line) {
			t.Fatalf("%q", line)
		}
	})
}

func TestStatCountsEverySpan(t *testing.T) {
	tracer := newTracer(t, func(c *Config) { c.SamplePercentage = 0 })
	for i := range 100 {
		_, s := tracer.Start(t.Context(), Client, HTTPClient, "GET /pay/{id}")
		s.SetTag(TagMethod, "GET")
		s.SetRemoteApp("ledger")
		s.SetResultCode("200")
		if i%10 == 0 {
			s.SetResultCode("503")
			s.Fail("503")
		}
		if i%2 == 0 {
			s.SetBaggage("mark", "T")
		}
		s.End()
	}
	tracer.FlushStats()
	if lines := readLines(t, tracer, "httpclient-digest.log"); lines != nil {
		t.Errorf("nothing is sampled, but %q", lines)
	}
	counts := map[string]float64{}
	for _, name := range []string{"httpclient-stat.log", "shadow/httpclient-stat.log"} {
		for _, o := range readJSON(t, tracer, name) {
			key := o["stat.key"].(map[string]any)
			counts[o["success"].(string)+o["load.test"].(string)] += o["count"].(float64)
			if key["method"] != "GET" || key["local.app"] != "pay" || key["request.url"] != "/pay/{id}" || o["remote.app"] != "ledger" {
				t.Errorf("%v", o)
			}
			h := decodeHistogram(t, o["latency"].(string))
			if float64(h.Count) != o["count"] {
				t.Errorf("histogram of %d in %v", h.Count, o)
			}
			if wrong := o["success"] == "N"; wrong != (o["errors"].(float64) > 0) {
				t.Errorf("%v", o)
			}
		}
	}
	if counts["YF"] != 50 || counts["NF"] != 0 || counts["YT"] != 40 || counts["NT"] != 10 {
		t.Errorf("%v", counts)
	}
}

func decodeHistogram(t *testing.T, text string) histogram.H {
	t.Helper()
	var b []byte
	if err := json.Unmarshal([]byte(`"`+text+`"`), &b); err != nil { // standard base64
		t.Fatal(err)
	}
	h, rest, err := histogram.Decode(b)
	if err != nil || len(rest) > 0 {
		t.Fatalf("%q: %v, rest %d", text, err, len(rest))
	}
	return h
}

func TestStatKeysAreBounded(t *testing.T) {
	tracer := newTracer(t, func(c *Config) { c.StatMaxKeys, c.SamplePercentage = 10, 0 })
	const spans = 5000
	for i := range spans {
		_, s := tracer.Start(t.Context(), Internal, Biz, strings.Repeat("x", i%1000))
		s.End()
	}
	tracer.FlushStats()
	total, overflow, lines := 0.0, 0.0, readJSON(t, tracer, "biz-stat.log")
	for _, o := range lines {
		total += o["count"].(float64)
		if o["operation"] == overflowKey {
			overflow += o["count"].(float64)
		}
	}
	if total != spans || overflow == 0 || len(lines) > 11 {
		t.Errorf("%d lines count %v spans, %v of them as overflow", len(lines), total, overflow)
	}
}

func TestSuccessIsSOFATracers(t *testing.T) {
	for code, want := range map[string]bool{"100": true, "200": true, "204": true, "301": true, "302": true, "303": false, "304": false,
		"404": false, "500": false, "00": true, "99": false} {
		if got := HTTPServer.spec().success(code, false); got != want {
			t.Errorf("%s: %v", code, got)
		}
	}
	if SQLClient.spec().success("", true) || !SQLClient.spec().success("success", false) || !HTTPServer.spec().success("", false) {
		t.Error("without HTTP codes it goes by the error")
	}
}

// TestEscapedText holds what looks at eight bytes at a time against a replacer, for every byte at every place.
func TestEscapedText(t *testing.T) {
	column, extra := strings.NewReplacer(",", "%2C", "\n", "%0A", "\r", "%0D"), strings.NewReplacer(",", "%2C", "%", "%25")
	check := func(s string) {
		if got := string(appendColumn([]byte("x"), s)); got != "x,"+column.Replace(s) {
			t.Fatalf("%q: %q", s, got)
		}
		if got := string(appendJSONColumn([]byte("x"), []byte(s))); got != "x,"+extra.Replace(s) {
			t.Fatalf("%q: %q", s, got)
		}
	}
	for _, n := range []int{0, 1, 7, 8, 9, 16, 23} {
		for at := range n {
			for c := range 256 {
				s := strings.Repeat("a", at) + string([]byte{byte(c)}) + strings.Repeat("b", n-at-1)
				check(s)
				check(s + s)
				check(strings.ReplaceAll(s, "a", ","))
				check(strings.ReplaceAll(s, "b", "%"))
			}
		}
	}
}
