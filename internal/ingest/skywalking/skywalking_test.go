package skywalking

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus/testutil"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/twinspan/twinspan/internal/ingest"
	"github.com/twinspan/twinspan/internal/ingest/ingesttest"
	"github.com/twinspan/twinspan/internal/leaktest"
	"github.com/twinspan/twinspan/internal/span"
	"github.com/twinspan/twinspan/sdk/id"
)

func TestMain(m *testing.M) { leaktest.Main(m) }

// read gives a golden input; test/peer writes them with SkyWalking's own messages.
// shown is a half as the tests compare it, with ids by the names that names gives them.
func shown(h *span.Half, names map[id.Span]string) string {
	name := func(s id.Span) string {
		if s == 0 {
			return "-"
		}
		if n, ok := names[s]; ok {
			return n
		}
		return s.String()
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s<%s twin=%s %s %s %q %s/%s %s %s peer=%s/%s local=%s %s %d+%d", name(h.Span), name(h.Parent), name(h.Twin), h.Kind, h.Type,
		h.Operation, h.App, h.Instance, h.Component, h.Status, h.Peer, h.PeerAddr, h.LocalAddr, h.ResultCode, h.Start/1e6-1_790_000_000_000, h.Duration/1e6)
	attrs := func(p span.Payload) {
		p.Attrs(func(key string, v span.Value) bool {
			if key != attrSegment && key != attrSpan {
				fmt.Fprintf(&b, " %s=%s", key, v.Text())
			}
			return true
		})
	}
	attrs(h.Payload)
	h.Payload.Events(func(e span.Event) bool {
		fmt.Fprintf(&b, " @%d:%s", e.Time/1e6-1_790_000_000_000, e.Name)
		attrs(e.Attrs)
		return true
	})
	h.Payload.Links(func(l span.Link) bool { fmt.Fprint(&b, " link"); attrs(l.Attrs); return true })
	if text := h.Payload.StatusMessage(); text != "" {
		fmt.Fprintf(&b, " msg=%s", text)
	}
	return b.String()
}

var golden = []string{
	`shop.1/1<shop.1/0 twin=- client http "GET:/stock" shop/shop-1 HttpClient unset peer=/stock.local:8080 local=  1+89 url=http://stock.local:8080/stock`,
	`shop.1/2<shop.1/0 twin=- producer mq "Kafka/mails/Producer" shop/shop-1 kafka-producer unset peer=kafka:mails/k1:9092 local=  91+4 mq.topic=mails`,
	`shop.1/0<- twin=- server http "GET:/order" shop/shop-1 Tomcat unset peer=/ local=  0+100`,
	`stock.1/1<stock.1/0 twin=- client db "Mysql/JDBC/query" stock/stock-1 mysql-connector-java unset peer=mysql:goods/db:3306 local=  10+10 db.type=sql db.instance=goods db.statement=select 1`,
	`stock.1/0<shop.1/1 twin=shop.1/1 server http "GET:/stock" stock/stock-1 Tomcat error peer=shop/10.0.0.9:51000 local=stock.local:8080 500 5+75 http.status_code=500 sw.parent_endpoint=GET:/order @7:exception exception.type=java.lang.IllegalStateException exception.message=no stock exception.stacktrace=at a.b msg=no stock`,
	`stock.2/0<stock.1/0 twin=- internal internal "async" stock/stock-1  unset peer=/ local=  12+3`,
	`mail.1/0<shop.1/2 twin=shop.1/2 consumer mq "Kafka/mails/Consumer" mail/ kafka-consumer unset peer=shop/ local=  120+5 link sw.trace_id=other.trace`,
}

func TestDecodeGolden(t *testing.T) {
	names := make(map[id.Span]string)
	for _, segment := range []string{"shop.1", "stock.1", "stock.2", "mail.1"} {
		for n := range int32(3) {
			names[spanID(segment, n)] = fmt.Sprintf("%s/%d", segment, n)
		}
	}
	for name, decode := range map[string]func(*decoder, []byte) error{
		"segments.proto": (*decoder).collection,
		"segments.json":  func(d *decoder, b []byte) error { return d.json(b, true) },
	} {
		d := newDecoder(ingesttest.Limits())
		body := ingesttest.Read(t, name)
		if err := decode(d, body); err != nil || len(d.halves) != len(golden) {
			t.Errorf("%s: %v, %d halves", name, err, len(d.halves))
			continue
		}
		origins := make(map[uint64]bool)
		for i := range d.halves {
			h := &d.halves[i]
			origins[h.Origin] = true
			if got := shown(h, names); got != golden[i] {
				t.Errorf("%s:\n got %s\nwant %s", name, got, golden[i])
			}
			if h.TraceText != "trace.1.2" || h.Trace.IsZero() || h.Route != span.RouteSkyWalking || !h.Coarse {
				t.Errorf("%s: %+v", name, h)
			}
		}
		if len(origins) != len(golden) {
			t.Errorf("%s: %d origins of %d halves", name, len(origins), len(golden))
		}
		if v, _ := d.halves[0].Payload.Attr(attrSegment); v.Text() != "shop.1" {
			t.Errorf("%s: the segment's id is %q", name, v.Text())
		}
		small := ingest.Limits{MaxSpans: 6, MaxSpanBytes: 1 << 20, RetryAfter: 1}
		if err := decode(newDecoder(&small), body); !errors.Is(err, ingest.ErrTooLarge) {
			t.Errorf("%s, too many spans: %v", name, err)
		}
		tight := ingest.Limits{MaxSpans: 10, MaxSpanBytes: 100, RetryAfter: 1}
		d = newDecoder(&tight)
		if err := decode(d, body); err != nil || d.left.Rejected["too_large"] == 0 {
			t.Errorf("%s, large spans: %v, %+v", name, err, d.left)
		}
	}
}

func TestUnusable(t *testing.T) {
	for reason, s := range map[string]segment{
		"trace_id":   {id: "s", spans: []object{{start: 1}}},
		"segment_id": {trace: "t", spans: []object{{start: 1}}},
		"start_time": {trace: "t", id: "s", spans: []object{{}}},
	} {
		d := newDecoder(ingesttest.Limits())
		if err := d.add(&s); err != nil || len(d.halves) != 0 || d.left.Rejected[reason] != 1 {
			t.Errorf("%s: %v, %d halves, %+v", reason, err, len(d.halves), d.left)
		}
	}
	d := newDecoder(ingesttest.Limits())
	if err := d.add(&segment{trace: "t", id: "s", spans: []object{{start: 5, end: 4}}}); err != nil || d.left.Clamped != 1 || d.halves[0].Duration != 0 {
		t.Errorf("ends before it begins: %v, %+v", err, d.left)
	}
}

func TestTrim(t *testing.T) {
	limits := ingest.Limits{MaxSpans: 1, MaxSpanBytes: 1 << 20, MaxAttributes: 3, RetryAfter: 1}
	d := newDecoder(&limits)
	o := object{start: 1, tags: []pair{{"a", "1"}, {"b", "2"}, {"c", "3"}}}
	if err := d.add(&segment{trace: "t", id: "s", spans: []object{o}}); err != nil || d.left.Trimmed != 1 {
		t.Fatalf("%v, %+v", err, d.left)
	}
	n := 0
	d.halves[0].Payload.Attrs(func(string, span.Value) bool { n++; return true })
	if n != 3 {
		t.Errorf("%d attributes are kept, want 3", n)
	}
}

func TestComponents(t *testing.T) {
	for number, want := range map[int32]string{1: "Tomcat", 33: "mysql-connector-java", 52: "rabbitmq-producer", 67: "spring-webflux",
		95: "spring-kafka-consumer", 124: "AWSLambdaTrigger", 125: "", 0: "", -1: "", 5006: "Gin"} {
		if got := componentName(number); got != want {
			t.Errorf("component %d is %q, want %q", number, got, want)
		}
	}
	for number, want := range map[int32]string{30: "redis", 37: "postgresql", 42: "mongodb", 77: "elasticsearch", 2: "", 38: "rocketmq"} {
		if got := componentSystem(number); got != want {
			t.Errorf("the system of component %d is %q, want %q", number, got, want)
		}
	}
}

func testServer(to *ingesttest.Sink, streams int) (*Server, *ingest.ReceiverMetrics) {
	m := ingest.NewReceiverMetrics()
	cfg := DefaultConfig()
	cfg.MaxStreams = streams
	return New(cfg, to, m, slog.New(slog.DiscardHandler)), m
}

// segments gives the golden segments as a stream has them.
func segments(t testing.TB) (list [][]byte) {
	span.EachField(ingesttest.Read(t, "segments.proto"), func(f span.Field) { list = append(list, f.Data) })
	return list
}

// feed gives messages, and at the end what end gives.
func feed(list [][]byte, end func() error) func() ([]byte, error) {
	return func() ([]byte, error) {
		if len(list) == 0 {
			return nil, end()
		}
		m := list[0]
		list = list[1:]
		return m, nil
	}
}

func eof() error { return io.EOF }

func TestStream(t *testing.T) {
	to := &ingesttest.Sink{Max: 8192}
	s, m := testServer(to, 1)
	list := slices.Repeat(segments(t), 500)
	list = slices.Insert(list, 3, []byte{0xff, 0xff}, bytes.Repeat([]byte{0x12}, 7)) // what cannot be read is no reason to lose the rest
	if _, err := s.collect(context.Background(), feed(list, eof)); err != nil {
		t.Fatal(err)
	}
	if to.Halves() != 500*len(golden) || len(to.Got) < 2 {
		t.Errorf("%d halves in %d writes", to.Halves(), len(to.Got))
	}
	if n := testutil.ToFloat64(m.Rejected.WithLabelValues("skywalking/grpc", "malformed")); n != 2 {
		t.Errorf("%g segments are counted as malformed", n)
	}
	t.Logf("%d segments in %d writes", len(list), len(to.Got))
}

func TestStreamEndsWithTheWriter(t *testing.T) {
	to := &ingesttest.Sink{Err: ingest.ErrLater, Max: 8192}
	s, _ := testServer(to, 1)
	list := slices.Repeat(segments(t), 1000)
	if _, err := s.collect(context.Background(), feed(list, eof)); status.Code(err) != codes.Unavailable {
		t.Errorf("the collector is busy: %v", err)
	}
	if len(to.Got) != 1 {
		t.Errorf("%d writes", len(to.Got))
	}
	ctx, cancel := context.WithCancel(context.Background())
	if _, err := s.collect(ctx, feed(nil, func() error { cancel(); return ctx.Err() })); status.Code(err) != codes.Canceled {
		t.Errorf("the agent is gone: %v", err)
	}
}

func TestStreamsAreBounded(t *testing.T) {
	s, m := testServer(&ingesttest.Sink{Max: 8192}, 1)
	_, err := s.collect(context.Background(), feed(nil, func() error {
		_, err := s.collect(context.Background(), feed(nil, eof))
		if status.Code(err) != codes.Unavailable || !strings.Contains(err.Error(), "max_streams") {
			t.Errorf("a second stream: %v", err)
		}
		return io.EOF
	}))
	if err != nil || testutil.ToFloat64(m.Requests.WithLabelValues("skywalking/grpc", "later")) != 1 {
		t.Errorf("%v", err)
	}
	if _, err := s.collect(context.Background(), feed(nil, eof)); err != nil {
		t.Errorf("once the first has ended: %v", err)
	}
}

func TestCollectInSync(t *testing.T) {
	body := ingesttest.Read(t, "segments.proto")
	for _, tt := range []struct {
		name string
		body []byte
		err  error
		code codes.Code
	}{
		{"good", body, nil, codes.OK},
		{"cut", body[:50], nil, codes.InvalidArgument},
		{"later", body, ingest.ErrLater, codes.Unavailable},
		{"above the rate", body, ingest.ErrRate, codes.ResourceExhausted},
	} {
		s, _ := testServer(&ingesttest.Sink{Err: tt.err, Max: 8192}, 1)
		if _, err := s.collectInSync(context.Background(), &ingest.Memory{Body: tt.body}); status.Code(err) != tt.code {
			t.Errorf("%s: %v", tt.name, err)
		}
	}
}

func TestHTTP(t *testing.T) {
	list := string(ingesttest.Read(t, "segments.json"))
	one := `{"traceId":"t","traceSegmentId":"s","service":"a","serviceInstance":"b","spans":[{"operationName":"/x","startTime":1790000000000,
		"endTime":"1790000000001","spanType":"Exit","spanLayer":"Http","spanId":0,"parentSpanId":-1,"isError":false,"componentId":6000,"peer":"b"}]}`
	for _, tt := range []struct {
		name, path, contentType, body string
		err                           error
		status                        int
		answer                        string
	}{
		{"list", "/v3/segments", "application/json", list, nil, 200, "{}"},
		{"one", "/v3/segment", "application/json; charset=utf-8", one, nil, 200, "{}"},
		{"no content type", "/v3/segment", "", one, nil, 200, "{}"},
		{"one where a list is wanted", "/v3/segments", "application/json", one, nil, 400, "want a JSON list of segments"},
		{"no JSON", "/v3/segment", "application/json", "x", nil, 400, "segment 0 of 1"},
		{"an odd type", "/v3/segment", "application/json", strings.Replace(one, "Exit", "Away", 1), nil, 400, `spanType is "Away", want one of`},
		{"an odd time", "/v3/segment", "application/json", strings.Replace(one, "1790000000000", "1.5", 1), nil, 400, "1.5 is no whole number"},
		{"a new layer", "/v3/segment", "application/json", strings.Replace(one, "Http", "GenAI", 1), nil, 200, "{}"},
		{"no usable span", "/v3/segment", "application/json", strings.Replace(one, `"s"`, `""`, 1), nil, 400, "traceSegmentId is missing"},
		{"protobuf", "/v3/segment", "application/x-protobuf", one, nil, 415, "send application/json"},
		{"too large", "/v3/segment", "application/json", strings.Repeat(" ", 9000), nil, 413, "the limit is 8192"},
		{"later", "/v3/segment", "application/json", one, ingest.ErrLater, 503, "send again later"},
		{"properties", "/v3/management/reportProperties", "application/json", "{}", nil, 200, "{}"},
		{"alive", "/v3/management/keepAlive", "application/json", "{}", nil, 200, "{}"},
	} {
		s, _ := testServer(&ingesttest.Sink{Err: tt.err, Max: 8192}, 1)
		r := httptest.NewRequest(http.MethodPost, tt.path, strings.NewReader(tt.body))
		r.Header.Set("Content-Type", tt.contentType)
		w := httptest.NewRecorder()
		s.Handler().ServeHTTP(w, r)
		if w.Code != tt.status || !strings.Contains(w.Body.String(), tt.answer) {
			t.Errorf("%s: %d %s", tt.name, w.Code, w.Body)
		}
		if later := tt.status == 503; later != (w.Header().Get("Retry-After") == "1") {
			t.Errorf("%s: Retry-After %q", tt.name, w.Header().Get("Retry-After"))
		}
	}
}

func TestConfigIsChecked(t *testing.T) {
	c := DefaultConfig()
	if err := c.Validate(); err != nil {
		t.Error(err)
	}
	c.MaxStreams = 0
	if c.Validate() == nil {
		t.Error("no streams at all are accepted")
	}
}

func FuzzDecode(f *testing.F) {
	f.Add(ingesttest.Read(f, "segments.proto"), uint8(0))
	f.Add(ingesttest.Read(f, "segments.json"), uint8(1))
	f.Add(segments(f)[0], uint8(2))
	f.Fuzz(func(t *testing.T, body []byte, kind uint8) {
		d := newDecoder(ingesttest.Limits())
		var err error
		switch kind % 3 {
		case 0:
			err = d.collection(body)
		case 1:
			err = d.json(body, true)
		default:
			d.streamed(body)
		}
		ingesttest.Decoded(t, d.halves, err)
	})
}
