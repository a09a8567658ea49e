package zipkin

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"

	"github.com/klauspost/compress/gzip"

	"github.com/twinspan/twinspan/internal/ingest"
	"github.com/twinspan/twinspan/internal/ingest/ingesttest"
	"github.com/twinspan/twinspan/internal/span"
	"github.com/twinspan/twinspan/sdk/id"
)

// half decodes one span.
func half(t *testing.T, text string) span.Half {
	t.Helper()
	d, err := decode([]byte("["+text+"]"), formatJSON, ingesttest.Limits())
	if err != nil || len(d.halves) != 1 {
		t.Fatalf("%s: %v, %d halves", text, err, len(d.halves))
	}
	return d.halves[0]
}

// strip takes off what tests look at by other means.
func strip(h span.Half) span.Half {
	h.Payload, h.Origin, h.Trace = nil, 0, id.Trace{}
	return h
}

const ids = `"traceId":"5af7183fb1d4cf5f5af7183fb1d4cf5f","id":"6b221d5bc9e6496c","timestamp":1556604172355737,"duration":1431`

func TestDecodeHalf(t *testing.T) {
	const start = 1556604172355737000
	client := span.Half{Span: 0x6b221d5bc9e6496c, Kind: span.KindClient, Type: span.TypeRPC, Route: span.RouteZipkin,
		App: "unknown_service", Operation: "get", Start: start, Duration: 1431e3}
	with := func(change func(*span.Half)) span.Half {
		h := client
		change(&h)
		return h
	}
	server := func(h *span.Half) { h.Kind = span.KindServer }
	tests := []struct {
		name, text string
		want       span.Half
	}{
		{"client", `{` + ids + `,"kind":"CLIENT","name":"get"}`, client},
		{"endpoints and HTTP", `{` + ids + `,"kind":"CLIENT","name":"get","parentId":"000000000000000a",
			"localEndpoint":{"serviceName":"front","ipv4":"10.0.0.1"},"remoteEndpoint":{"serviceName":"back","ipv6":"fe80::1","port":9000},
			"tags":{"http.method":"GET","http.status_code":"404"}}`,
			with(func(h *span.Half) {
				h.Parent, h.App, h.Instance, h.LocalAddr = 10, "front", "10.0.0.1", "10.0.0.1"
				h.Peer, h.PeerAddr, h.Type, h.ResultCode = "back", "[fe80::1]:9000", span.TypeHTTP, "404"
			})},
		{"server, child of its client", `{` + ids + `,"kind":"SERVER","name":"get","parentId":"a"}`,
			with(func(h *span.Half) { server(h); h.Parent, h.Twin = 10, 10 })},
		{"server that shares its client's id", `{` + ids + `,"kind":"SERVER","name":"get","parentId":"a","shared":true}`,
			with(func(h *span.Half) {
				server(h)
				h.Twin, h.Parent, h.Span = client.Span, client.Span, id.ServerSpanOf("6b221d5bc9e6496c")
			})},
		{"server, root", `{` + ids + `,"kind":"SERVER","name":"get","parentId":"6b221d5bc9e6496c"}`, with(server)},
		{"consumer", `{` + ids + `,"kind":"CONSUMER","name":"get","parentId":"a"}`,
			with(func(h *span.Half) { h.Kind, h.Type, h.Parent, h.Twin = span.KindConsumer, span.TypeMQ, 10, 10 })},
		{"internal", `{` + ids + `,"name":"get"}`,
			with(func(h *span.Half) { h.Kind, h.Type = span.KindInternal, span.TypeInternal })},
		{"error", `{` + ids + `,"kind":"CLIENT","name":"get","tags":{"error":""}}`,
			with(func(h *span.Half) { h.Status = span.StatusError })},
		{"load test", `{` + ids + `,"kind":"CLIENT","name":"get","tags":{"baggage.mark":"T"}}`,
			with(func(h *span.Half) { h.LoadTest = true })},
		{"64-bit trace id", `{"traceId":"48485a3953bb6124","id":"6b221d5bc9e6496c","timestamp":1556604172355737,"duration":1431,"kind":"CLIENT","name":"get"}`,
			with(func(h *span.Half) { h.TraceText = "48485a3953bb6124" })},
		{"time of an annotation", `{"traceId":"5af7183fb1d4cf5f5af7183fb1d4cf5f","id":"6b221d5bc9e6496c","name":"get","kind":"CLIENT",
			"annotations":[{"timestamp":1556604172355738,"value":"b"},{"timestamp":1556604172355737,"value":"a"}]}`,
			with(func(h *span.Half) { h.Duration = 0 })},
	}
	for _, tt := range tests {
		if got := strip(half(t, tt.text)); !reflect.DeepEqual(got, tt.want) {
			t.Errorf("%s:\n got %+v\nwant %+v", tt.name, got, tt.want)
		}
	}
}

func TestDecodeKeepsTagsAndAnnotations(t *testing.T) {
	h := half(t, `{`+ids+`,"tags":{"b":"2","a":"\"x\"","n":1.50,"t":true,"error":"broken"},
		"annotations":[{"timestamp":1556604172355738,"value":"foo"}]}`)
	var got []string
	h.Payload.Attrs(func(key string, v span.Value) bool {
		got = append(got, key+"="+v.Text())
		return true
	})
	h.Payload.Events(func(e span.Event) bool {
		got = append(got, fmt.Sprintf("%d %s", e.Time, e.Name))
		return true
	})
	want := []string{"b=2", `a="x"`, "n=1.50", "t=true", "error=broken", "1556604172355738000 foo"}
	if !reflect.DeepEqual(got, want) || h.Payload.StatusMessage() != "broken" || h.Trace.Hex() != "5af7183fb1d4cf5f5af7183fb1d4cf5f" {
		t.Errorf("got %q, %q, %v", got, h.Payload.StatusMessage(), h.Trace)
	}
}

func TestDecodeErrors(t *testing.T) {
	tests := []struct{ name, body, want string }{
		{"no list", `{}`, "want a JSON list of spans"},
		{"cut", `[{`, "want a JSON list of spans"},
		{"not JSON", `hello`, "want a JSON list of spans"},
		{"no object", `[{` + ids + `},1]`, "span 1 of 2 (from 0)"},
		{"no trace id", `[{"id":"1","timestamp":1}]`, `span 0 of 1 (from 0): traceId is ""`},
		{"odd trace id", `[{"traceId":"xyz","id":"1","timestamp":1}]`, `traceId is "xyz"`},
		{"zero trace id", `[{"traceId":"0000","id":"1","timestamp":1}]`, `traceId is "0000"`},
		{"long trace id", `[{"traceId":"` + strings.Repeat("1", 33) + `","id":"1","timestamp":1}]`, "want 16 or 32 hex digits"},
		{"no id", `[{"traceId":"1","timestamp":1}]`, `id is ""`},
		{"zero id", `[{"traceId":"1","id":"0","timestamp":1}]`, `id is "0"`},
		{"odd parent", `[{"traceId":"1","id":"1","parentId":"-","timestamp":1}]`, `parentId is "-"`},
		{"odd kind", `[{` + ids + `,"kind":"LOCAL"}]`, `kind is "LOCAL"`},
		{"odd timestamp", `[{"traceId":"1","id":"1","timestamp":1.5}]`, "1.5 is no number of microseconds"},
		{"late timestamp", `[{"traceId":"1","id":"1","timestamp":9223372036854775807}]`, "no number of microseconds"},
		{"negative duration", `[{"traceId":"1","id":"1","timestamp":1,"duration":-1}]`, "-1 is no number"},
		{"tag without text", `[{` + ids + `,"tags":{"a":{}}}]`, `tag "a" is no text`},
		{"tag of null", `[{` + ids + `,"tags":{"a":null}}]`, `tag "a" is no text`},
		{"no tags", `[{` + ids + `,"tags":[]}]`, "tags are no object"},
	}
	for _, tt := range tests {
		if _, err := decode([]byte(tt.body), formatJSON, ingesttest.Limits()); !errors.Is(err, ingest.ErrInvalid) || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v, want %q", tt.name, err, tt.want)
		}
	}
	small := Config{MaxSpans: 1, MaxSpanBytes: 1024, MaxAttributes: 9, RetryAfter: 1}
	if _, err := decode([]byte(`[{},{}]`), formatJSON, &small); !errors.Is(err, ingest.ErrTooLarge) {
		t.Errorf("too many spans: %v", err)
	}
	big := `[{` + ids + `,"name":"` + strings.Repeat("x", 1024) + `"}]`
	if _, err := decode([]byte(big), formatJSON, &small); !errors.Is(err, ingest.ErrTooLarge) {
		t.Errorf("a large span: %v", err)
	}
	if err := small.Validate(); err != nil || (&Config{}).Validate() == nil {
		t.Errorf("validate: %v", err)
	}
	d, err := decode([]byte(`[{"traceId":"1","id":"1"},{`+ids+`}]`), formatJSON, ingesttest.Limits())
	if err != nil || len(d.halves) != 1 || d.left.Rejected["timestamp"] != 1 {
		t.Errorf("a span without any time: %v, %+v", err, d)
	}
}

const testLimit = 4096

func post(t *testing.T, result error, body string, header ...string) (*httptest.ResponseRecorder, []ingest.Request) {
	t.Helper()
	to := &ingesttest.Sink{Err: result, Max: testLimit}
	s := New(DefaultConfig(), to, ingest.NewReceiverMetrics(), slog.New(slog.DiscardHandler))
	r := httptest.NewRequest(http.MethodPost, "/api/v2/spans", strings.NewReader(body))
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	s.Handler().ServeHTTP(w, r)
	return w, to.Got
}

func gzipped(t *testing.T, text string) string {
	t.Helper()
	var out bytes.Buffer
	z := gzip.NewWriter(&out)
	if _, err := z.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func TestHandler(t *testing.T) {
	const good = `[{` + ids + `}]`
	long := `[` + strings.Repeat(" ", testLimit) + `]`
	gz := []string{"Content-Type", "application/json", "Content-Encoding", "gzip"}
	tests := []struct {
		name, body string
		header     []string
		err        error
		status     int
		answer     string
		halves     int
	}{
		{"plain", good, []string{"Content-Type", "application/json; charset=utf-8"}, nil, 202, "", 1},
		{"no content type", good, nil, nil, 202, "", 1},
		{"gzip", gzipped(t, good), gz, nil, 202, "", 1},
		{"empty list", `[]`, nil, nil, 202, "", 0},
		{"malformed", `[{}]`, nil, nil, 400, "span 0 of 1 (from 0): traceId is", 0},
		{"one of two malformed", `[{` + ids + `},{}]`, nil, nil, 400, "span 1 of 2", 0},
		{"too large", long, nil, nil, 413, "the limit is 4096", 0},
		{"gzip bomb", gzipped(t, long), gz, nil, 413, "more than 4096 bytes", 0},
		{"protobuf", string(protoSpan()), []string{"Content-Type", "application/x-protobuf"}, nil, 202, "", 1},
		{"no protobuf", good, []string{"Content-Type", "application/x-protobuf"}, nil, 400, "malformed protobuf", 0},
		{"thrift", good, []string{"Content-Type", "application/x-thrift"}, nil, 415, "send one of application/json, application/x-protobuf", 0},
		{"encoding", good, []string{"Content-Encoding", "br"}, nil, 415, "send one of gzip, zstd, identity", 0},
		{"later", good, nil, ingest.ErrLater, 503, "send again later", 1},
		{"gone", good, nil, context.Canceled, 503, "canceled", 1},
	}
	for _, tt := range tests {
		w, got := post(t, tt.err, tt.body, tt.header...)
		halves := 0
		for _, req := range got {
			halves += len(req.Batch.Halves)
			if req.Hash == 0 {
				t.Errorf("%s: no hash", tt.name)
			}
		}
		if w.Code != tt.status || !strings.Contains(w.Body.String(), tt.answer) || halves != tt.halves {
			t.Errorf("%s: %d %s, %d halves", tt.name, w.Code, w.Body, halves)
		}
		if later := errors.Is(tt.err, ingest.ErrLater); later != (w.Header().Get("Retry-After") == "1") {
			t.Errorf("%s: Retry-After %q", tt.name, w.Header().Get("Retry-After"))
		}
	}
}

func FuzzDecode(f *testing.F) {
	f.Add([]byte(`[{`+ids+`,"kind":"SERVER","shared":true,"tags":{"a":"b"},"annotations":[{"timestamp":1,"value":"x"}]}]`), uint8(formatJSON))
	f.Add([]byte(`[{`+ids+`,"kind":"SERVER","tags":{"origin.span.id":"0.1.1","request.url":"http://a/b","method":"GET"}}]`), uint8(formatJSON))
	f.Add(protoSpan(), uint8(formatProto))
	f.Add([]byte("["+v1Both+"]"), uint8(formatV1JSON))
	f.Add(thriftSpan(), uint8(formatV1Thrift))
	f.Fuzz(func(t *testing.T, body []byte, kind uint8) {
		d, err := decode(body, format(kind%4), ingesttest.Limits())
		ingesttest.Decoded(t, d.halves, err)
	})
}
