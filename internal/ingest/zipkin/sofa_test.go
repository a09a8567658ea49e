package zipkin

import (
	"bytes"
	"encoding/json"
	"os"
	"path"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/twinspan/twinspan/internal/ingest/ingesttest"

	"github.com/twinspan/twinspan/internal/digestlog"
	"github.com/twinspan/twinspan/internal/span"
	"github.com/twinspan/twinspan/sdk/id"
)

// TestSOFAVectors reads spans as Java SOFATracer's reporter converts them.
func TestSOFAVectors(t *testing.T) {
	data, err := os.ReadFile("testdata/sofatracer/spans.json")
	if err != nil {
		t.Fatal(err)
	}
	var vectors []struct {
		TraceID, SpanID, ParentID string
		Zipkin                    json.RawMessage
	}
	if err := json.Unmarshal(data, &vectors); err != nil {
		t.Fatal(err)
	}
	read := 0
	for _, v := range vectors {
		if v.Zipkin[0] != '{' {
			continue // the reporter throws
		}
		read++
		h := half(t, string(v.Zipkin))
		want, _ := id.ParseTrace(v.TraceID)
		if h.Trace != want || h.Dotted != v.SpanID || h.Span != id.SpanOf(v.SpanID) || h.Parent != id.SpanOf(v.ParentID) ||
			h.App != "Pay-A" || !h.Coarse {
			t.Errorf("%s %s:\n got %+v\nwant trace %v", v.TraceID, v.SpanID, h, want)
		}
		if text := strings.TrimSuffix(v.TraceID, "T"); want.IsSOFA() && h.TraceString() != text {
			t.Errorf("%s is shown as %s", text, h.TraceString())
		}
	}
	if read != 6 {
		t.Errorf("%d vectors read, want 6", read)
	}
}

// TestSOFASpansAreTheDigestLines compares what SOFATracer posted with the digest lines of the same requests, as the agent
// reads them: each span is one line and the other way round, and tells the same.
func TestSOFASpansAreTheDigestLines(t *testing.T) {
	lines := digestHalves(t)
	spans := sofaHalves(t)
	if len(lines) != len(spans) {
		t.Errorf("%d lines, %d spans", len(lines), len(spans))
	}
	for i := range spans {
		s := &spans[i]
		var same []*span.Half
		for _, l := range lines {
			if l.Trace == s.Trace && l.Same(s) {
				same = append(same, l)
			}
		}
		if len(same) != 1 {
			t.Errorf("%s %s %q is %d digest lines", s.Trace, s.Dotted, s.Operation, len(same))
			continue
		}
		// What only one of the routes knows is not compared.
		got, want := strip(*s), strip(*same[0])
		want.Route, want.Component, want.TraceText = got.Route, "", strings.TrimSuffix(want.TraceText, s.Trace.String()+"T")
		got.Instance, got.LocalAddr = "", ""
		want.Instance, want.LocalAddr = "", ""
		got.Origin, want.Origin = 0, 0
		if !reflect.DeepEqual(got, want) {
			t.Errorf("the span tells something else than its line:\nspan %+v\nline %+v", got, want)
		}
	}
}

// digestHalves reads the digest lines of the run, each behind the name of its file.
func digestHalves(t *testing.T) (all []*span.Half) {
	t.Helper()
	data, err := os.ReadFile("testdata/sofatracer/digest.tsv")
	if err != nil {
		t.Fatal(err)
	}
	for text := range strings.Lines(string(data)) {
		name, text, _ := strings.Cut(text, "\t")
		r, err := digestlog.NewReader(digestlog.Source{Name: path.Base(name), Zone: time.FixedZone("", 8*3600),
			Shadow: strings.Contains(name, "/shadow/")}, 0)
		if err != nil {
			t.Fatal(err)
		}
		r.Feed([]byte(text))
		r.Flush()
		rec, ok := r.Next()
		if !ok || rec.Half == nil {
			t.Fatalf("%s: no half: %v", text, rec.Err)
		}
		rec.Half.Origin = uint64(len(all)) + 1 // as the agent has it from file and offset
		all = append(all, rec.Half)
	}
	return all
}

func sofaHalves(t *testing.T) (all []span.Half) {
	t.Helper()
	bodies, err := os.ReadFile("testdata/sofatracer/bodies.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	for body := range bytes.Lines(bodies) {
		d, err := decode(body, formatJSON, ingesttest.Limits())
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, d.halves...)
	}
	return all
}

// TestSOFAServersFindTheirClients checks that every HTTP server span below another has a client span as twin.
func TestSOFAServersFindTheirClients(t *testing.T) {
	halves := sofaHalves(t)
	type key struct {
		trace id.Trace
		span  id.Span
	}
	clients := make(map[key]string)
	for _, h := range halves {
		if h.Kind == span.KindClient {
			clients[key{h.Trace, h.Span}] = h.Operation
		}
	}
	servers, marked, failed := 0, 0, 0
	for _, h := range halves {
		if h.LoadTest {
			marked++
		}
		if h.Status == span.StatusError {
			failed++
		}
		if h.Kind != span.KindServer || h.Dotted == "0" || h.App == "ledger-b" && h.Trace.String()[:8] != "c0000202" {
			continue // roots, and those whose caller was not traced
		}
		servers++
		if op, ok := clients[key{h.Trace, h.Twin}]; !ok || op != h.Operation || h.Twin != h.Parent {
			t.Errorf("server half %s %s %q has the client %q", h.Trace, h.Dotted, h.Operation, op)
		}
	}
	if servers < 20 || marked != 3 || failed < 8 {
		t.Errorf("%d servers, %d of load tests, %d failed", servers, marked, failed)
	}
}

func TestSOFAComponents(t *testing.T) {
	const head = `{"traceId":"000c0000202179542430003610016950","id":"1","timestamp":1795424300036000,` +
		`"localEndpoint":{"serviceName":"pay-a","ipv4":"192.0.2.2"},"kind":"`
	const origin = `","tags":{"origin.span.id":"0.1.2","origin.parent.span.id":"0.1","local.app":"Pay-A","result.code":"00",`
	base := span.Half{Span: id.SpanOf("0.1.2"), Parent: id.SpanOf("0.1"), Dotted: "0.1.2", App: "Pay-A", Instance: "192.0.2.2",
		LocalAddr: "192.0.2.2", Route: span.RouteZipkin, Coarse: true, Status: span.StatusOK, ResultCode: "00", Start: 1795424300036000000}
	child := func(h *span.Half) { h.Twin = h.Parent }
	tests := []struct {
		name, kind, tags string
		change           func(*span.Half)
	}{
		{"dubbo client", "CLIENT", `"service":"pay.Pay","method":"hello","protocol":"dubbo","remote.host":"10.0.0.2","remote.port":"20880"`,
			func(h *span.Half) {
				h.Kind, h.Type, h.Operation, h.PeerAddr = span.KindClient, span.TypeRPC, "pay.Pay#hello", "10.0.0.2:20880"
			}},
		{"dubbo server shares the id", "SERVER", `"service":"pay.Pay","method":"hello","local.host":"10.0.0.2","local.port":"20880"`,
			func(h *span.Half) {
				h.Kind, h.Type, h.Operation, h.LocalAddr = span.KindServer, span.TypeRPC, "pay.Pay#hello", "10.0.0.2:20880"
				h.Twin, h.Parent, h.Span = h.Span, h.Span, id.ServerSpanOf("0.1.2")
			}},
		{"HTTP server", "SERVER", `"request.url":"http://10.0.0.1:80/pay/123","method":"GET"`,
			func(h *span.Half) {
				h.Kind, h.Type, h.Operation, h.LocalAddr = span.KindServer, span.TypeHTTP, "GET /pay/{}", "10.0.0.1:80"
				child(h)
			}},
		{"HTTP client", "CLIENT", `"request.url":"http://10.0.0.1:80/pay/123?a=b","method":"GET","remote.app":"ledger"`,
			func(h *span.Half) {
				h.Kind, h.Type, h.Operation, h.PeerAddr, h.Peer = span.KindClient, span.TypeHTTP, "GET /pay/{}", "10.0.0.1:80", "ledger"
			}},
		{"Kafka consumer", "SERVER", `"kafka.topic":"orders"`,
			func(h *span.Half) {
				h.Kind, h.Type, h.Operation, h.Peer = span.KindConsumer, span.TypeMQ, "orders", "kafka:orders"
				child(h)
			}},
		{"RabbitMQ producer", "CLIENT", `"exchange":"pay.exchange"`,
			func(h *span.Half) {
				h.Kind, h.Type, h.Operation, h.Peer = span.KindProducer, span.TypeMQ, "pay.exchange", "rabbitmq:pay.exchange"
			}},
		{"SQL", "CLIENT", `"sql":"SELECT a%2C b FROM t","database.name":"ledger","database.type":"mysql","database.endpoint":"db:3306","result.code":"x"`,
			func(h *span.Half) {
				h.Kind, h.Type, h.Operation, h.Peer, h.PeerAddr = span.KindClient, span.TypeDB, "SELECT t", "mysql:ledger", "db:3306"
				h.Status = span.StatusError // by its rule, of "success", "00" is none
			}},
		{"Redis", "CLIENT", `"db.type":"redis","method":"GET"`,
			func(h *span.Half) {
				h.Kind, h.Type, h.Operation, h.Peer = span.KindClient, span.TypeCache, "GET", "redis"
			}},
		{"@Tracer", "CLIENT", `"method":"charge"`,
			func(h *span.Half) { h.Kind, h.Type, h.Operation = span.KindInternal, span.TypeInternal, "charge" }},
		{"unknown server", "SERVER", `"x":"y"`,
			func(h *span.Half) {
				h.Kind, h.Type, h.Twin, h.Shared, h.Status = span.KindServer, span.TypeRPC, h.Span, true, span.StatusUnset
			}},
	}
	for _, tt := range tests {
		want := base
		tt.change(&want)
		h := half(t, head+tt.kind+origin+tt.tags+"}}")
		if v, ok := h.Payload.Attr("sql"); ok && v.Text() != "SELECT a, b FROM t" {
			t.Errorf("sql is %q", v.Text())
		}
		if _, ok := h.Payload.Attr("origin.span.id"); ok {
			t.Errorf("%s: a tag that is in Dotted is kept twice", tt.name)
		}
		if h.Trace.String() != "c0000202179542430003610016950" {
			t.Errorf("%s: trace %s", tt.name, h.Trace)
		}
		if got := strip(h); ingesttest.JSON(t, &got) != ingesttest.JSON(t, &want) || got.Shared != want.Shared || got.Coarse != want.Coarse {
			t.Errorf("%s:\n got %s\nwant %s", tt.name, ingesttest.JSON(t, &got), ingesttest.JSON(t, &want))
		}
	}
}

func TestSOFATrace(t *testing.T) {
	const start = 1795424300036
	tests := []struct{ text, want string }{
		{"000c0000202179542430003610016950", "c0000202179542430003610016950"},
		{"00c00002021795424300036100111340", "c00002021795424300036100111340"},
		{"0000a0fe8ec179542430003610016950", "0a0fe8ec179542430003610016950"}, // 10.15.232.236
		{"00000000001179542430003610016950", "00000001179542430003610016950"}, // 0.0.0.1
		{"00ffffffff1795424300036100111340", "ffffffff1795424300036100111340"},
		{"0a0fe8ec179542430003610011234567", "0a0fe8ec179542430003610011234567"},
		// Two readings have the shape: with the host's last digit for the first of the time, it would be of 2096.
		{"000c0000204179542430003610016950", "c0000204179542430003610016950"},
	}
	for _, tt := range tests {
		got, ok := sofaTrace(tt.text, start)
		if !ok || got.String() != tt.want {
			t.Errorf("%s: got %s, %v, want %s", tt.text, got, ok, tt.want)
		}
	}
	for _, text := range []string{"463ac35c9f6413ad48485a3953bb6124", "0000000000000abc", ""} {
		if got, ok := sofaTrace(text, start); ok {
			t.Errorf("%s: taken for %s", text, got)
		}
	}
}
