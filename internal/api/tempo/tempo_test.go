package tempo

import (
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"github.com/twinspan/twinspan/internal/query"
	"github.com/twinspan/twinspan/internal/query/querytest"
	"github.com/twinspan/twinspan/internal/span"
	"github.com/twinspan/twinspan/internal/store"
)

const payment = `
	server gw 1 trace=a1 at=0+100 type=http op=POST_/pay tag=user:42
	client gw 2 trace=a1 parent=1 at=10+50 op=Do & server pay 3 trace=a1 parent=2 twin=2 at=15+40 op=Pay/Do error message=no_money
	client pay 4 trace=a1 parent=3 at=20.5+10 type=db peer=mysql:pay op=SELECT
	server bank 7 trace=b2 at=1000+30 type=http op=POST_/transfer tag=user:43`

// newHandler makes a handler for which it is a minute after the payment.
func newHandler(t testing.TB, c query.Config, readers ...store.Reader) *Handler {
	t.Helper()
	if readers == nil {
		readers = append(readers, querytest.Counted(t, payment))
	}
	log := slog.New(slog.DiscardHandler)
	h := New(DefaultConfig(), query.New(readers, c, log), log)
	h.now = func() time.Time { return time.Unix(0, querytest.Base).Add(time.Minute) }
	return h
}

func get(t testing.TB, h http.Handler, path, accept string) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequest(http.MethodGet, "/tempo"+path, nil)
	r.Header.Set("Accept", accept)
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

// getJSON reads an answer into a value, and nothing else may be in it.
func getJSON(t testing.TB, h http.Handler, path string, into any) {
	t.Helper()
	w := get(t, h, path, "application/json")
	d := json.NewDecoder(strings.NewReader(w.Body.String()))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil || w.Code != 200 || w.Header().Get("Content-Type") != "application/json" {
		t.Fatalf("%s: %d %v: %s", path, w.Code, err, w.Body)
	}
}

func TestEcho(t *testing.T) {
	h := newHandler(t, query.DefaultConfig())
	for path, want := range map[string]string{"/api/echo": "echo", "/ready": "ready"} {
		if w := get(t, h, path, ""); w.Code != 200 || w.Body.String() != want || !strings.HasPrefix(w.Header().Get("Content-Type"), "text/plain") {
			t.Errorf("%s: %d %s", path, w.Code, w.Body)
		}
	}
	for _, path := range []string{"/api/status/buildinfo", "/status/buildinfo"} {
		var info map[string]string
		if getJSON(t, h, path, &info); info["version"] != speaks {
			t.Errorf("%s: %v", path, info)
		}
	}
}

// The four forms of a trace hold the same spans.
func TestTraceForms(t *testing.T) {
	h := newHandler(t, query.DefaultConfig())
	want := new(tracepb.TracesData)
	w := get(t, h, "/api/traces/a1?start=1&end=2", mimeProto)
	if err := proto.Unmarshal(w.Body.Bytes(), want); err != nil || w.Header().Get("Content-Type") != mimeProto || len(want.GetResourceSpans()) != 2 {
		t.Fatal(err, w.Header(), want)
	}
	check := func(form string, got *tracepb.TracesData, err error) {
		if err != nil || !proto.Equal(got, want) {
			t.Errorf("%s: %v %v\nwant %v", form, err, got, want)
		}
	}
	var v1 struct{ Batches json.RawMessage }
	getJSON(t, h, "/api/traces/000000000000000000000000000000a1", &v1)
	got := new(tracepb.TracesData)
	check("v1 JSON", got, protojson.Unmarshal([]byte(`{"resourceSpans":`+string(v1.Batches)+`}`), got))

	var v2 struct{ Trace, Metrics json.RawMessage }
	getJSON(t, h, "/api/v2/traces/a1", &v2)
	got = new(tracepb.TracesData)
	check("v2 JSON", got, protojson.Unmarshal(v2.Trace, got))

	f, rest, ok := span.NextField(get(t, h, "/api/v2/traces/a1", mimeProto).Body.Bytes())
	if !ok || f.Number != responseTrace {
		t.Fatal(f)
	}
	got = new(tracepb.TracesData)
	check("v2 protobuf", got, proto.Unmarshal(f.Data, got))
	if f, rest, ok = span.NextField(rest); !ok || f.Number != responseMetrics || len(rest) != 0 {
		t.Errorf("behind the trace: %v %x", f, rest)
	}
}

func TestTraceInPart(t *testing.T) {
	c := query.DefaultConfig()
	c.MaxTraceCalls = 2
	// Of more calls than are read together with other traces', the bound of one trace counts.
	h := newHandler(t, c, querytest.Counted(t, strings.Repeat("internal a 9 trace=a1 at=1+1\n", 2001)))
	var v2 struct {
		Trace, Metrics  json.RawMessage
		Status, Message string
	}
	if getJSON(t, h, "/api/v2/traces/a1", &v2); v2.Status != "PARTIAL" || v2.Message == "" {
		t.Errorf("%+v", v2)
	}
}

func TestRefusals(t *testing.T) {
	h := newHandler(t, query.DefaultConfig())
	for path, want := range map[string]int{"/api/traces/dead": 404, "/api/v2/traces/dead": 404, "/api/v2/traces/a1?q=%7B%7D": 400, "/nothing": 404,
		"/api/traces/" + strings.Repeat("a", 600): 400} {
		if w := get(t, h, path, ""); w.Code != want || !strings.HasPrefix(w.Header().Get("Content-Type"), "text/plain") {
			t.Errorf("%s: %d %s, want %d", path, w.Code, w.Body, want)
		}
	}
	failing := newHandler(t, query.DefaultConfig(), &querytest.Reader{Err: errors.New("disk on fire")})
	if w := get(t, failing, "/api/traces/a1", ""); w.Code != 500 || strings.Contains(w.Body.String(), "fire") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

func TestMetrics(t *testing.T) {
	h := newHandler(t, query.DefaultConfig())
	r := prometheus.NewRegistry()
	if err := h.Register(r); err != nil {
		t.Fatal(err)
	}
	get(t, h, "/api/echo", "")
	families, err := r.Gather()
	if err != nil || len(families) != 1 || families[0].GetMetric()[0].GetHistogram().GetSampleCount() != 1 {
		t.Errorf("%v %v", families, err)
	}
}
