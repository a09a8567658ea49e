package jaeger

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus/testutil"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/twinspan/twinspan/internal/ingest"
	"github.com/twinspan/twinspan/internal/ingest/ingesttest"
	"github.com/twinspan/twinspan/internal/ingest/thrift"
	"github.com/twinspan/twinspan/internal/span"
)

// read gives a golden input; test/peer writes them with the libraries of Jaeger and Apache Thrift.
// shown is a half as the tests compare it.
func shown(h *span.Half) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s<%s twin=%s %s %s %q %s/%s %s peer=%s/%s %s %d+%d", h.Trace.Hex(), h.Span, h.Parent, h.Twin, h.Kind, h.Type, h.Operation,
		h.App, h.Instance, h.Status, h.Peer, h.PeerAddr, h.ResultCode, h.Start, h.Duration)
	attrs := func(p span.Payload) {
		p.Attrs(func(key string, v span.Value) bool { fmt.Fprintf(&b, " %s=%s", key, v.Text()); return true })
	}
	attrs(h.Payload)
	h.Payload.Events(func(e span.Event) bool { fmt.Fprintf(&b, " @%d:%s", e.Time, e.Name); attrs(e.Attrs); return true })
	h.Payload.Links(func(l span.Link) bool { fmt.Fprintf(&b, " ->%x/%x", l.TraceID, l.SpanID); attrs(l.Attrs); return true })
	return b.String()
}

const goldenHalf = `00000000000000010000000000000002 0000000000000003<0000000000000004 twin=0000000000000004 server http "GET /stock" ` +
	`stock/host-1 error peer=/ 500 1790000000000000000+1500000 http.method=GET http.status_code=500 load=1.5 cached=false raw=AQI= ` +
	`@1790000000000005000:error message=no stock ->00000000000000050000000000000006/0000000000000007 opentracing.ref_type=follows_from`

func TestDecodeGolden(t *testing.T) {
	for name, decode := range map[string]func(*decoder, []byte) error{
		"batch.binary":  func(d *decoder, b []byte) error { return d.batchThrift(thrift.NewReader(b, false)) },
		"batch.compact": func(d *decoder, b []byte) error { return d.batchThrift(thrift.NewReader(b, true)) },
		"batch.proto":   (*decoder).request,
	} {
		d := newDecoder(ingesttest.Limits())
		body := ingesttest.Read(t, name)
		if err := decode(d, body); err != nil || len(d.halves) != 1 {
			t.Errorf("%s: %v, %d halves", name, err, len(d.halves))
			continue
		}
		h := &d.halves[0]
		if got := shown(h); got != goldenHalf || h.Route != span.RouteJaeger || h.Origin == 0 {
			t.Errorf("%s:\n got %s\nwant %s", name, got, goldenHalf)
		}
		if v, _ := h.Resource.Attr("ip"); v.Text() != "10.0.0.1" {
			t.Errorf("%s: resource %q", name, v.Text())
		}
		for n := range body {
			if err := decode(newDecoder(ingesttest.Limits()), body[:n]); err != nil && errors.Is(err, ingest.ErrTooLarge) {
				t.Errorf("%s, cut at %d: %v", name, n, err)
			}
		}
		small := Config{MaxSpans: 1, MaxSpanBytes: 60, RetryAfter: 1}
		if err := decode(newDecoder(&small), body); !errors.Is(err, ingest.ErrTooLarge) {
			t.Errorf("%s, a large span: %v", name, err)
		}
		none := Config{MaxSpans: 0, MaxSpanBytes: 1 << 20, RetryAfter: 1}
		if err := decode(newDecoder(&none), body); !errors.Is(err, ingest.ErrTooLarge) {
			t.Errorf("%s, too many spans: %v", name, err)
		}
	}
}

func TestTags(t *testing.T) {
	tests := []struct {
		name string
		kind string
		tags []string
		want string
	}{
		{"a database", "client", []string{"db.type", "mysql", "db.instance", "goods", "peer.address", "db:3306"}, "client db peer=mysql:goods/db:3306 unset"},
		{"a cache", "client", []string{"db.type", "redis", "peer.ipv4", "10.0.0.3", "peer.port", "6379"}, "client cache peer=redis/10.0.0.3:6379 unset"},
		{"a message", "producer", []string{"message_bus.destination", "mails"}, "producer mq peer=mails/ unset"},
		{"a message's consumer", "consumer", []string{"message_bus.destination", "mails"}, "consumer mq peer=/ unset"},
		{"http by its URL", "client", []string{"http.url", "http://stock:80/x?y"}, "client http peer=/stock:80 unset"},
		{"a named service", "client", []string{"peer.service", "stock", "peer.hostname", "s"}, "client rpc peer=stock/s unset"},
		{"no kind", "", []string{"db.type", "mysql"}, "internal internal peer=/ unset"},
		{"an unknown kind", "x", nil, "internal internal peer=/ unset"},
		{"OpenTelemetry's status", "server", []string{"otel.status_code", "OK", "otel.status_description", "x"}, "server rpc peer=/ ok"},
		{"an error with a text", "server", []string{"error", "broken"}, "server rpc peer=/ error"},
		{"no error", "server", []string{"error", "false"}, "server rpc peer=/ unset"},
	}
	for _, tt := range tests {
		r := record{trace: traceOf(0, 1), span: 1, start: 1}
		if tt.kind != "" {
			r.tag("span.kind", span.String(tt.kind))
		}
		for i := 0; i < len(tt.tags); i += 2 {
			r.tag(tt.tags[i], span.String(tt.tags[i+1]))
		}
		d := newDecoder(ingesttest.Limits())
		d.add(&r, &process{app: "a"})
		h := d.halves[0]
		if got := fmt.Sprintf("%s %s peer=%s/%s %s", h.Kind, h.Type, h.Peer, h.PeerAddr, h.Status); got != tt.want {
			t.Errorf("%s: got %s, want %s", tt.name, got, tt.want)
		}
	}
	if got := ipv4(span.Int(0x0a000001)); got != "10.0.0.1" {
		t.Errorf("an address as a number: %s", got)
	}
}

func TestUnusable(t *testing.T) {
	good := record{trace: traceOf(0, 1), span: 1, start: 1}
	for reason, change := range map[string]func(*record){
		"trace_id":   func(r *record) { r.trace = traceOf(0, 0) },
		"span_id":    func(r *record) { r.span = 0 },
		"start_time": func(r *record) { r.start = -1 },
	} {
		r := good
		change(&r)
		d := newDecoder(ingesttest.Limits())
		d.add(&r, &process{app: "shop"})
		if len(d.halves) != 0 || d.left.Rejected[reason] != 1 || !strings.Contains(d.left.First, `service "shop"`) {
			t.Errorf("%s: %d halves, %+v", reason, len(d.halves), d.left)
		}
	}
	d := newDecoder(ingesttest.Limits())
	r := good
	r.duration = -1
	r.parent = r.span
	d.add(&r, &process{})
	if len(d.halves) != 1 || d.halves[0].Duration != 0 || d.left.Clamped != 1 || d.halves[0].Parent != 0 {
		t.Errorf("ends before it begins, its own parent: %+v", d.halves)
	}
}

func TestHTTP(t *testing.T) {
	body := string(ingesttest.Read(t, "batch.binary"))
	const binary = "application/x-thrift"
	empty := strings.Replace(body, "\x00\x00\x00\x00\x00\x00\x00\x02", "\x00\x00\x00\x00\x00\x00\x00\x00", 1)
	empty = strings.Replace(empty, "\x00\x00\x00\x00\x00\x00\x00\x01", "\x00\x00\x00\x00\x00\x00\x00\x00", 1)
	tests := []struct {
		name, path, contentType, body string
		err                           error
		status                        int
		answer, outcome               string
	}{
		{"Jaeger's client", "?format=jaeger.thrift", binary, body, nil, 202, "", "ok"},
		{"no format", "", "application/vnd.apache.thrift.binary", body, nil, 202, "", "ok"},
		{"compact", "", "application/vnd.apache.thrift.compact", string(ingesttest.Read(t, "batch.compact")), nil, 202, "", "ok"},
		{"another format", "?format=zipkin.thrift", binary, body, nil, 415, "send format=jaeger.thrift", "unsupported"},
		{"JSON", "", "application/json", "{}", nil, 415, "send a Batch as one of application/x-thrift", "unsupported"},
		{"cut", "", binary, body[:100], nil, 400, "malformed thrift: byte 100 of 100", "invalid"},
		{"no usable span", "", binary, empty, nil, 400, "1 of 1 spans cannot be used; the first is a span of service \"stock\": its trace id is missing", "invalid"},
		{"too large", "", binary, strings.Repeat("x", 5000), nil, 413, "the limit is 4096", "too_large"},
		{"later", "", binary, body, ingest.ErrLater, 503, "send again later", "later"},
		{"above the rate", "", binary, body, ingest.ErrRate, 429, "rate limit", "later"},
	}
	for _, tt := range tests {
		m := ingest.NewReceiverMetrics()
		to := &ingesttest.Sink{Err: tt.err, Max: 4096}
		s := New(DefaultConfig(), to, m, slog.New(slog.DiscardHandler))
		r := httptest.NewRequest(http.MethodPost, "/api/traces"+tt.path, strings.NewReader(tt.body))
		r.Header.Set("Content-Type", tt.contentType)
		w := httptest.NewRecorder()
		s.Handler().ServeHTTP(w, r)
		if w.Code != tt.status || !strings.Contains(w.Body.String(), tt.answer) {
			t.Errorf("%s: %d %s", tt.name, w.Code, w.Body)
		}
		if (tt.outcome == "later") != (w.Header().Get("Retry-After") != "") {
			t.Errorf("%s: Retry-After %q", tt.name, w.Header().Get("Retry-After"))
		}
		if n := testutil.ToFloat64(m.Requests.WithLabelValues("jaeger/http", tt.outcome)); n != 1 {
			t.Errorf("%s: counted %g times as %s", tt.name, n, tt.outcome)
		}
		identified(t, to, len(tt.body))
	}
}

// identified: what is sent again has to be recognised, and counts for the rate limit.
func identified(t *testing.T, to *ingesttest.Sink, size int) {
	t.Helper()
	for _, req := range to.Got {
		if req.Hash == 0 || req.Bytes != int64(size) {
			t.Errorf("a request of %d bytes comes as %d bytes with hash %d", size, req.Bytes, req.Hash)
		}
	}
}

func TestPostSpans(t *testing.T) {
	body := ingesttest.Read(t, "batch.proto")
	for _, tt := range []struct {
		name string
		body []byte
		err  error
		code codes.Code
	}{
		{"good", body, nil, codes.OK},
		{"empty", []byte{}, nil, codes.OK},
		{"cut", body[:20], nil, codes.InvalidArgument},
		{"later", body, ingest.ErrLater, codes.Unavailable},
	} {
		to := &ingesttest.Sink{Err: tt.err, Max: 4096}
		s := New(DefaultConfig(), to, ingest.NewReceiverMetrics(), slog.New(slog.DiscardHandler))
		if _, err := s.postSpans(context.Background(), &ingest.Memory{Body: bytes.Clone(tt.body)}); status.Code(err) != tt.code {
			t.Errorf("%s: %v", tt.name, err)
		}
		identified(t, to, len(tt.body))
	}
}

func FuzzDecode(f *testing.F) {
	for kind, name := range []string{"batch.binary", "batch.compact", "batch.proto"} {
		f.Add(ingesttest.Read(f, name), uint8(kind))
	}
	f.Fuzz(func(t *testing.T, body []byte, kind uint8) {
		d := newDecoder(ingesttest.Limits())
		var err error
		if kind%3 == 2 {
			err = d.request(body)
		} else {
			err = d.batchThrift(thrift.NewReader(body, kind%3 == 1))
		}
		if err == nil {
			ingesttest.Decoded(t, d.halves, nil)
		}
	})
}
