package otlp

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	spb "google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	"github.com/twinspan/twinspan/internal/ingest"
	"github.com/twinspan/twinspan/internal/ingest/ingesttest"
	"github.com/twinspan/twinspan/internal/span"
)

const testLimit = 64 << 10

func sinkOf(err error) *ingesttest.Sink { return &ingesttest.Sink{Err: err, Max: testLimit} }

func testServer(s *ingesttest.Sink) *Server {
	return New(DefaultConfig(), s, ingest.NewReceiverMetrics(), slog.New(slog.DiscardHandler))
}

func post(s *ingesttest.Sink, body []byte, header ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodPost, "/v1/traces", bytes.NewReader(body))
	r.Header.Set("Content-Type", typeProtobuf)
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	testServer(s).Handler().ServeHTTP(w, r)
	return w
}

func gzipped(t *testing.T, b []byte) []byte {
	t.Helper()
	var out bytes.Buffer
	z := gzip.NewWriter(&out)
	if _, err := z.Write(b); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func zstded(t *testing.T, b []byte) []byte {
	t.Helper()
	z, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1))
	if err != nil {
		t.Fatal(err)
	}
	defer z.Close()
	return z.EncodeAll(b, nil)
}

func TestHTTPTakesEveryEncoding(t *testing.T) {
	body := marshal1(t, request("pay", sample(), sample()))
	var sums []uint64
	for name, r := range map[string]struct {
		body   []byte
		header []string
	}{
		"plain":             {body, nil},
		"identity":          {body, []string{"Content-Encoding", "identity"}},
		"gzip":              {gzipped(t, body), []string{"Content-Encoding", "gzip"}},
		"zstd":              {zstded(t, body), []string{"Content-Encoding", "zstd"}},
		"charset parameter": {body, []string{"Content-Type", "application/x-protobuf; charset=utf-8"}},
	} {
		s := sinkOf(nil)
		w := post(s, r.body, r.header...)
		if w.Code != http.StatusOK || w.Body.Len() != 0 || w.Header().Get("Content-Type") != typeProtobuf {
			t.Errorf("%s: %d %q", name, w.Code, w.Body)
		}
		if len(s.Got) != 1 || len(s.Got[0].Batch.Halves) != 2 {
			t.Fatalf("%s: got %+v", name, s.Got)
		}
		sums = append(sums, s.Got[0].Hash)
	}
	for _, sum := range sums {
		if sum == 0 || sum != sums[0] {
			t.Errorf("the hashes of one content differ: %x", sums)
		}
	}
}

func TestHTTPJSON(t *testing.T) {
	const body = `{"resourceSpans":[{"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"pay \"traceId\": \"zz\""}}]},
	"scopeSpans":[{"scope":{"name":"my.library","version":"1.0.0"},"spans":[{"traceId" : "5B8EFFF798038103D269B633813FC60C",
	"spanId":"eee19b7ec3c1b174","parentSpanId":"EEE19B7EC3C1B173","name":"I'm a server span","startTimeUnixNano":"1544712660000000000",
	"endTimeUnixNano":1544712661000000000,"kind":2,"newField":{"spanId":"00"},"attributes":[{"key":"traceId","value":{"stringValue":"some value"}},
	{"key":"http.status_code","value":{"intValue":"200"}}],"links":[{"traceId":"5b8efff798038103d269b633813fc60c","spanId":"eee19b7ec3c1b170"}]}]}]}]}`
	s := sinkOf(nil)
	w := post(s, []byte(body), "Content-Type", "application/json; charset=utf-8")
	if w.Code != http.StatusOK || w.Body.String() != "{}" || w.Header().Get("Content-Type") != typeJSON {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	h := s.Got[0].Batch.Halves[0]
	if h.Trace.Hex() != "5b8efff798038103d269b633813fc60c" || h.Span.String() != "eee19b7ec3c1b174" ||
		h.Parent.String() != "eee19b7ec3c1b173" || h.Duration != 1e9 || h.ResultCode != "200" ||
		h.App != `pay "traceId": "zz"` || h.Operation != "I'm a server span" || h.Kind != span.KindServer {
		t.Errorf("got %+v", h)
	}
	if v, _ := h.Payload.Attr("traceId"); v.Text() != "some value" {
		t.Errorf("an attribute named traceId became %q", v.Text())
	}
	h.Payload.Links(func(l span.Link) bool {
		if fmt.Sprintf("%x", l.SpanID) != "eee19b7ec3c1b170" {
			t.Errorf("link %x", l.SpanID)
		}
		return true
	})
}

func TestHTTPPartialSuccess(t *testing.T) {
	bad := sample()
	bad.SpanId = nil
	body := marshal1(t, request("pay", sample(), bad))
	s := sinkOf(nil)
	w := post(s, body)
	if w.Code != http.StatusOK || len(s.Got[0].Batch.Halves) != 1 {
		t.Fatalf("%d, %d halves", w.Code, len(s.Got[0].Batch.Halves))
	}
	field, _, n := protowire.ConsumeField(w.Body.Bytes())
	inner, m := protowire.ConsumeBytes(w.Body.Bytes()[1:])
	if field != 1 || n != w.Body.Len() || m < 0 {
		t.Fatalf("answer %x", w.Body)
	}
	const message = `1 of 2 spans cannot be used; the first is a span of service "pay": span_id is , want 8 bytes that are not all zero`
	want := protowire.AppendVarint([]byte{0x08}, 1)
	want = protowire.AppendString(append(want, 0x12), message)
	if !bytes.Equal(inner, want) {
		t.Errorf("\n got %q\nwant %q", inner, want)
	}

	w = post(s, []byte(`{"resourceSpans":[{"scopeSpans":[{"spans":[{"traceId":"00"}]}]}]}`), "Content-Type", typeJSON)
	var answer struct {
		PartialSuccess struct{ RejectedSpans, ErrorMessage string }
	}
	if err := json.Unmarshal(w.Body.Bytes(), &answer); err != nil || answer.PartialSuccess.RejectedSpans != "1" {
		t.Errorf("%v, %s", err, w.Body)
	}
}

// TestHTTPWarning has a request that is taken whole but for attributes beyond the limit: nothing is rejected, and the answer says
// what was left out.
func TestHTTPWarning(t *testing.T) {
	many := sample()
	for i := range DefaultConfig().MaxAttributes + 1 {
		many.Attributes = append(many.Attributes, attr(strconv.Itoa(i), "v"))
	}
	for contentType, want := range map[string]string{typeJSON: `"rejectedSpans":"0"`, typeProtobuf: "1 of 1 spans were taken without"} {
		body := marshal1(t, request("pay", many))
		if contentType == typeJSON {
			body = []byte(`{"resourceSpans":[{"scopeSpans":[{"spans":[{"traceId":"0af7651916cd43dd8448eb211c80319c","spanId":"b7ad6b7169203331","startTimeUnixNano":"1","endTimeUnixNano":"2","attributes":[` +
				strings.Repeat(`{"key":"k","value":{"intValue":"1"}},`, DefaultConfig().MaxAttributes) + `{"key":"k","value":{"intValue":"1"}}]}]}]}]}`)
		}
		s := sinkOf(nil)
		w := post(s, body, "Content-Type", contentType)
		if w.Code != http.StatusOK || len(s.Got[0].Batch.Halves) != 1 || !strings.Contains(w.Body.String(), want) {
			t.Errorf("%s: %d %q", contentType, w.Code, w.Body)
		}
	}
}

func TestHTTPErrors(t *testing.T) {
	good := marshal1(t, request("pay", sample()))
	big := bytes.Repeat([]byte{0}, testLimit+1)
	tests := []struct {
		name    string
		body    []byte
		header  []string
		err     error
		status  int
		code    codes.Code
		message string
	}{
		{"not protobuf", []byte("hello"), nil, nil, 400, codes.InvalidArgument, "malformed protobuf"},
		{"not JSON", []byte("hello"), []string{"Content-Type", typeJSON}, nil, 400, codes.InvalidArgument, "OTLP/JSON"},
		{"id not hex", []byte(`{"resourceSpans":[{"scopeSpans":[{"spans":[{"traceId":"xy"}]}]}]}`), []string{"Content-Type", typeJSON},
			nil, 400, codes.InvalidArgument, `traceId is "xy", want hex digits`},
		{"not gzip", good, []string{"Content-Encoding", "gzip"}, nil, 400, codes.InvalidArgument, "unpack the body by gzip"},
		{"gzip cut", gzipped(t, good)[:30], []string{"Content-Encoding", "gzip"}, nil, 400, codes.InvalidArgument, "unpack the body by gzip"},
		{"nothing for gzip", nil, []string{"Content-Encoding", "gzip"}, nil, 400, codes.InvalidArgument, "unpack the body by gzip"},
		{"not zstd", good, []string{"Content-Encoding", "zstd"}, nil, 400, codes.InvalidArgument, "unpack the body by zstd"},
		{"too large", big, nil, nil, 413, codes.ResourceExhausted, "the body has 65537 bytes, the limit is 65536"},
		{"gzip bomb", gzipped(t, big), []string{"Content-Encoding", "gzip"}, nil, 413, codes.ResourceExhausted, "more than 65536 bytes"},
		{"zstd bomb", zstded(t, big), []string{"Content-Encoding", "zstd"}, nil, 413, codes.ResourceExhausted, "more than 65536 bytes"},
		{"unknown encoding", good, []string{"Content-Encoding", "br"}, nil, 415, codes.InvalidArgument, `packed with "br", send one of gzip, zstd, identity`},
		{"content type", good, []string{"Content-Type", "text/plain"}, nil, 415, codes.InvalidArgument, `it is "text/plain", send application/x-protobuf or application/json`},
		{"no content type", good, []string{"Content-Type", ""}, nil, 415, codes.InvalidArgument, `it is ""`},
		{"later", good, nil, fmt.Errorf("%w: the log is full", ingest.ErrLater), 503, codes.Unavailable, "the log is full"},
		{"rate", good, nil, ingest.ErrRate, 429, codes.ResourceExhausted, "rate limit"},
		{"record too large", good, nil, ingest.ErrTooLarge, 413, codes.ResourceExhausted, "too large"},
		{"gone", good, nil, context.Canceled, 503, codes.Unavailable, "canceled"},
	}
	for _, tt := range tests {
		w := post(sinkOf(tt.err), tt.body, tt.header...)
		var st spb.Status
		var err error
		if w.Header().Get("Content-Type") == typeJSON {
			err = json.Unmarshal(w.Body.Bytes(), &st)
		} else {
			err = proto.Unmarshal(w.Body.Bytes(), &st)
		}
		if err != nil || w.Code != tt.status || codes.Code(st.Code) != tt.code || !strings.Contains(st.Message, tt.message) {
			t.Errorf("%s: %d %v %v", tt.name, w.Code, &st, err)
		}
		if later := errors.Is(tt.err, ingest.ErrLater); later != (w.Header().Get("Retry-After") == "1") {
			t.Errorf("%s: Retry-After %q", tt.name, w.Header().Get("Retry-After"))
		}
	}
}

func TestHTTPBodyWithoutLength(t *testing.T) {
	r := httptest.NewRequest(http.MethodPost, "/v1/traces", io.LimitReader(zeros{}, testLimit+1))
	r.ContentLength = -1
	r.Header.Set("Content-Type", typeProtobuf)
	w := httptest.NewRecorder()
	testServer(sinkOf(nil)).Handler().ServeHTTP(w, r)
	if w.Code != http.StatusRequestEntityTooLarge {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

type zeros struct{}

func (zeros) Read(b []byte) (int, error) { clear(b); return len(b), nil }

func TestHTTPRoutes(t *testing.T) {
	for _, tt := range []struct {
		method, path string
		want         int
	}{{"GET", "/v1/traces", 405}, {"POST", "/v1/metrics", 404}, {"POST", "/", 404}} {
		w := httptest.NewRecorder()
		testServer(sinkOf(nil)).Handler().ServeHTTP(w, httptest.NewRequest(tt.method, tt.path, nil))
		if w.Code != tt.want {
			t.Errorf("%s %s: %d", tt.method, tt.path, w.Code)
		}
	}
}

func TestEmptyRequest(t *testing.T) {
	for _, header := range [][]string{nil, {"Content-Type", typeJSON}} {
		body := []byte(nil)
		if header != nil {
			body = []byte("{}")
		}
		if w := post(sinkOf(nil), body, header...); w.Code != http.StatusOK {
			t.Errorf("%v: %d %s", header, w.Code, w.Body)
		}
	}
}

func FuzzFromJSON(f *testing.F) {
	f.Add([]byte(`{"resourceSpans":[{"scopeSpans":[{"spans":[{"traceId":"5b8efff798038103d269b633813fc60c","name":"a\"b"}]}]}]}`))
	f.Add([]byte(`{"traceId" : "`))
	f.Fuzz(func(t *testing.T, body []byte) {
		out, err := fromJSON(body)
		if err != nil {
			return
		}
		var data tracepb.TracesData
		if err := proto.Unmarshal(out, &data); err != nil {
			t.Fatal(err)
		}
		if _, err := decode(&ingest.Memory{Body: out}, ingesttest.Limits()); err != nil {
			t.Fatal(err)
		}
	})
}
