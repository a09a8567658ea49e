package jaeger

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/twinspan/twinspan/internal/api/apitest"
	"github.com/twinspan/twinspan/internal/api/compat"
	"github.com/twinspan/twinspan/internal/query"
	"github.com/twinspan/twinspan/internal/query/querytest"
	"github.com/twinspan/twinspan/internal/span"
	"github.com/twinspan/twinspan/internal/store"
	"github.com/twinspan/twinspan/sdk/id"
)

// The payment came by OTLP.
const payment = `
	server gw 1 trace=a1 at=0+100 type=http op=POST_/pay tag=user:42
	client gw 2 trace=a1 parent=1 at=10+50 op=Do remote=10.0.0.2:90 tag=retry:no & server pay 3 trace=a1 parent=2 twin=2 at=15+40 op=Pay/Do error message=no_money
	client pay 4 trace=a1 parent=3 at=20.5+10 type=db peer=mysql:pay op=SELECT
	internal pay 5 trace=a1 parent=3 at=31+1 op=check`

// newHandler makes a handler for which it is a minute after the payment.
func newHandler(t testing.TB, readers ...store.Reader) *Handler {
	t.Helper()
	if readers == nil {
		readers = append(readers, querytest.Counted(t, payment+apitest.Transfer+apitest.Message))
	}
	log := slog.New(slog.DiscardHandler)
	h := New(DefaultConfig(), query.New(readers, query.DefaultConfig(), log), log)
	h.now = func() time.Time { return time.Unix(0, querytest.Base).Add(time.Minute) }
	h.names.Now = h.now
	return h
}

func get(t testing.TB, h http.Handler, path string) (status int, body string) {
	t.Helper()
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
	if ct := w.Header().Get("Content-Type"); ct != "application/json" {
		t.Errorf("%s: content type %q", path, ct)
	}
	if !json.Valid(w.Body.Bytes()) {
		t.Fatalf("%s: no JSON: %s", path, w.Body)
	}
	return w.Code, w.Body.String()
}

func TestGolden(t *testing.T) {
	h := newHandler(t)
	for name, path := range map[string]string{
		"trace_otlp":      "/jaeger/api/traces/a1",
		"trace_sofa":      "/jaeger/api/traces/" + querytest.TraceText,
		"trace_message":   "/jaeger/api/traces/000000000000000000000000000000b2",
		"search":          "/jaeger/api/traces?service=mailer&limit=20",
		"by_ids":          "/jaeger/api/traces?traceID=b2&traceID=dead",
		"services":        "/jaeger/api/services",
		"operations_old":  "/jaeger/api/services/pay/operations",
		"operations":      "/jaeger/api/operations?service=pay",
		"operations_kind": "/jaeger/api/operations?service=pay&spanKind=server",
		"dependencies":    "/jaeger/api/dependencies?endTs=1767323100000&lookback=3600000",
		"not_found":       "/jaeger/api/traces/dead",
	} {
		t.Run(name, func(t *testing.T) {
			_, body := get(t, h, path+map[bool]string{true: "&", false: "?"}[strings.Contains(path, "?")]+"prettyPrint=true")
			apitest.Golden(t, name, []byte(body))
		})
	}
}

// The model is Jaeger's own (its package uimodel), field by field.
type (
	modelAnswer struct {
		Data   []modelTrace `json:"data"`
		Total  int          `json:"total"`
		Limit  int          `json:"limit"`
		Offset int          `json:"offset"`
		Errors []errorJSON  `json:"errors"`
	}
	modelTrace struct {
		TraceID   string                  `json:"traceID"`
		Spans     []modelSpan             `json:"spans"`
		Processes map[string]modelProcess `json:"processes"`
		Warnings  []string                `json:"warnings"`
	}
	modelSpan struct {
		TraceID       string           `json:"traceID"`
		SpanID        string           `json:"spanID"`
		Flags         uint32           `json:"flags"`
		OperationName string           `json:"operationName"`
		References    []modelReference `json:"references"`
		StartTime     uint64           `json:"startTime"`
		Duration      uint64           `json:"duration"`
		Tags          []modelTag       `json:"tags"`
		Logs          []modelLog       `json:"logs"`
		ProcessID     string           `json:"processID"`
		Warnings      []string         `json:"warnings"`
	}
	modelReference struct {
		RefType string `json:"refType"`
		TraceID string `json:"traceID"`
		SpanID  string `json:"spanID"`
	}
	modelProcess struct {
		ServiceName string     `json:"serviceName"`
		Tags        []modelTag `json:"tags"`
	}
	modelTag struct {
		Key   string `json:"key"`
		Type  string `json:"type"`
		Value any    `json:"value"`
	}
	modelLog struct {
		Timestamp uint64     `json:"timestamp"`
		Fields    []modelTag `json:"fields"`
	}
)

func decode(t testing.TB, body string) modelAnswer {
	t.Helper()
	d := json.NewDecoder(strings.NewReader(body))
	d.DisallowUnknownFields()
	d.UseNumber()
	var a modelAnswer
	if err := d.Decode(&a); err != nil {
		t.Fatalf("%v in %s", err, body)
	}
	for _, tr := range a.Data {
		for _, s := range tr.Spans {
			if s.References == nil || s.Tags == nil || s.Logs == nil {
				t.Errorf("span %s has null where Jaeger has lists", s.SpanID)
			}
			if _, ok := tr.Processes[s.ProcessID]; !ok {
				t.Errorf("span %s has process %q of %v", s.SpanID, s.ProcessID, tr.Processes)
			}
		}
	}
	return a
}

// Everything that an OTLP span can hold arrives typed.
func TestSpan(t *testing.T) {
	big := int64(1) << 60
	var attrs span.Payload
	attrs = attrs.AppendAttr("z.text", span.String("a\"b\\c\n\x01\xff<é>")).AppendAttr("b.bool", span.Bool(true)).
		AppendAttr("i.int", span.Int(-7)).AppendAttr("i.big", span.Int(big)).AppendAttr("f.float", span.Float(72.5)).
		AppendAttr("f.nan", span.Float(math.NaN()))
	// An array ["x", 1] and bytes, as AnyValue messages.
	attrs = appendAny(attrs, "a.array", 5, []byte{10, 3, 10, 1, 'x', 10, 2, 24, 1})
	attrs = appendAny(attrs, "b.binary", 7, []byte{0, 0, 0x30, 0x39})
	attrs = attrs.AppendEvent(querytest.Base+5e6+999, "exception", span.Payload(nil).AppendAttr("exception.type", span.String("E")))
	attrs = attrs.AppendEvent(querytest.Base+6e6, "ignored", span.Payload(nil).AppendAttr("event", span.String("named")))
	attrs = attrs.AppendStatusMessage("broken")
	attrs = span.AppendBytesField(attrs, 3, []byte("k=v"))
	attrs = append(attrs, 16<<3&0x7f|5|0x80, 1, 1, 1, 0, 0) // flags 0x101
	link := span.AppendBytesField(nil, 1, bytes.Repeat([]byte{0xab}, 16))
	link = span.AppendBytesField(link, 2, bytes.Repeat([]byte{0xcd}, 8))
	attrs = span.AppendBytesField(attrs, 13, link)
	attrs = span.AppendBytesField(attrs, 13, span.AppendBytesField(nil, 1, make([]byte, 16))) // no link
	resource := span.Payload(nil).AppendAttr("service.name", span.String("shop")).AppendAttr("host.name", span.String("h1"))
	trace, _ := id.ParseTrace("0123456789abcdef0123456789abcdef")
	first := span.Half{Trace: trace, Span: 1, Parent: 9, Kind: span.KindServer, Twin: 9, Status: span.StatusError, App: "shop",
		Operation: "GET /", Component: "otelhttp", Route: span.RouteOTLP, Start: querytest.Base + 1999, Duration: 2_345_678,
		Origin: 1, Payload: attrs, Resource: resource.AppendAttr("otel.scope.version", span.String("1.2"))}
	second := first
	second.Span, second.Parent, second.Kind, second.Twin, second.Status, second.Origin = 2, 1, span.KindInternal, 0, span.StatusOK, 2
	second.Payload, second.Resource = nil, resource
	h := newHandler(t, &querytest.Reader{Calls: []span.Call{span.Join(nil, &first, ""), span.Join(&second, nil, "")}})
	_, body := get(t, h, "/jaeger/api/traces/"+trace.Hex())
	a := decode(t, body)
	if len(a.Data) != 1 || len(a.Data[0].Spans) != 2 || len(a.Data[0].Processes) != 1 {
		t.Fatalf("want one trace of two spans of one process: %s", body)
	}
	s := a.Data[0].Spans[0]
	var tags []string
	for _, tag := range s.Tags {
		tags = append(tags, fmt.Sprintf("%s %s %v", tag.Key, tag.Type, tag.Value))
	}
	want := []string{
		"otel.scope.name string otelhttp", "otel.scope.version string 1.2", `a.array string ["x",1]`, "b.binary binary AAAwOQ==",
		"b.bool bool true", "f.float float64 72.5", "f.nan float64 NaN", fmt.Sprintf("i.big int64 %d", big), "i.int int64 -7",
		"z.text string a\"b\\c\n\x01\ufffd<é>", "span.kind string server", "otel.status_code string ERROR", "error bool true",
		"otel.status_description string broken", "w3c.tracestate string k=v",
	}
	if !slices.Equal(tags, want) {
		t.Errorf("tags:\n%q\nwant\n%q", tags, want)
	}
	if !strings.Contains(body, fmt.Sprintf(`"value":"%d"`, big)) {
		t.Error("an integer beyond 2^53 is no text")
	}
	if s.StartTime != uint64(querytest.Base/1000+1) || s.Duration != 2345 || s.Flags != 1 {
		t.Errorf("start %d, duration %d, flags %d", s.StartTime, s.Duration, s.Flags)
	}
	refs := []modelReference{
		{"CHILD_OF", trace.Hex(), "0000000000000009"}, {"FOLLOWS_FROM", strings.Repeat("ab", 16), strings.Repeat("cd", 8)},
	}
	if !slices.Equal(s.References, refs) {
		t.Errorf("references %v, want %v", s.References, refs)
	}
	if logs := fmt.Sprint(s.Logs); logs != fmt.Sprintf("[{%d [{event string exception} {exception.type string E}]} {%d [{event string named}]}]",
		querytest.Base/1000+5000, querytest.Base/1000+6000) {
		t.Errorf("logs %s", logs)
	}
	if !slices.Equal(s.Warnings, []string{"the parent span is not stored"}) {
		t.Errorf("warnings %q", s.Warnings)
	}
	if p := fmt.Sprint(a.Data[0].Processes); p != "map[p1:{shop [{host.name string h1}]}]" {
		t.Errorf("processes %s", p)
	}
}

func appendAny(p span.Payload, key string, field int, data []byte) span.Payload {
	kv := span.AppendStringField(nil, 1, key)
	kv = span.AppendBytesField(kv, 2, span.AppendBytesField(nil, field, data))
	return span.AppendBytesField(p, 9, kv)
}

// A server half that shares its client's id has one of its own below it, and what its process did hangs below that.
func TestSharedIDs(t *testing.T) {
	for name, server := range map[string]string{
		"form known":     "server ledger 99 dotted=0.1 parent=0.1 twin=0.1",
		"form not known": "server ledger 0.1 dotted=0.1 parent=0 twin=0.1 shared",
	} {
		t.Run(name, func(t *testing.T) {
			r := querytest.Counted(t, "client bank 0.1 dotted=0.1 parent=0 & "+server+" at=1+3\n internal ledger 0.1.1 dotted=0.1.1 parent=0.1 at=2+1")
			if s := r.Calls[0].Server; s.Shared {
				s.Span = s.Twin
			}
			_, body := get(t, newHandler(t, r), "/jaeger/api/traces/"+querytest.TraceText)
			spans := decode(t, body).Data[0].Spans
			client, own := id.SpanOf("0.1").String(), id.ServerSpanOf("0.1").String()
			if spans[0].SpanID != client || spans[1].SpanID != own || spans[1].References[0].SpanID != client || spans[2].References[0].SpanID != own {
				t.Errorf("want %s, below it %s, below that the third: %s", client, own, body)
			}
		})
	}
}

func TestSearch(t *testing.T) {
	h := newHandler(t)
	for query, want := range map[string][]string{
		"":                                               {"b2", "sofa", "a1"},
		"limit=2":                                        {"b2", "sofa"},
		"service=gw":                                     {"a1"},
		"service=gw&operation=POST+/pay":                 {"a1"},
		"service=gw&operation=Pay/Do":                    {"a1"}, // by what the callee says
		"service=gw&operation=Do":                        nil,
		"service=gw&operation=all":                       {"a1"},
		"service=gw&operation=SELECT":                    nil, // that is pay's
		"service=nobody":                                 nil,
		"service=mysql:pay":                              nil, // wrote no span
		`service=pay&tags={"error":"true"}`:              {"a1"},
		`service=gw&tags={"error":"true"}`:               nil, // its own spans are fine
		`service=gw&tags={"error":true}`:                 nil,
		`service=gw&tags={"error":"false"}`:              {"a1"},
		"service=pay&tag=otel.status_code:ERROR":         {"a1"},
		`service=gw&tags={"user":"42"}`:                  {"a1"},
		`service=gw&tags={"user":42}`:                    {"a1"},
		`service=gw&tags={"user":"43"}`:                  nil,
		`service=gw&tags={"user":"42","retry":"no"}`:     nil, // no one span has both
		`service=pay&tags={"retry":"no"}`:                nil, // the other side's
		"service=gw&tag=span.kind:server":                {"a1"},
		"service=gw&tag=span.kind:consumer":              nil,
		"service=gw&minDuration=90ms":                    {"a1"},
		"service=gw&minDuration=101ms":                   nil,
		"service=mailer&minDuration=600ms":               {"b2"}, // longer than its producer
		"service=shop&maxDuration=5ms":                   {"b2"},
		"service=shop&maxDuration=1ms":                   nil,
		"start=1767323041000000&end=1767323041000000":    {"sofa"},
		"end=1767323039999999":                           nil,
		"lookback=59s":                                   {"b2", "sofa"},
		"lookback=1d":                                    {"b2", "sofa", "a1"},
		"lookback=custom&service=gw":                     {"a1"},
		"traceID=" + querytest.TraceText + "&traceID=a1": {"sofa", "a1"},
	} {
		t.Run(query, func(t *testing.T) {
			values, err := url.ParseQuery(query)
			if err != nil {
				t.Fatal(err)
			}
			_, body := get(t, h, "/jaeger/api/traces?"+values.Encode())
			var found []string
			for _, tr := range decode(t, body).Data {
				name := strings.TrimLeft(tr.TraceID, "0")
				if strings.HasPrefix(name, "ad1348f") {
					name = "sofa"
				}
				found = append(found, name)
			}
			if !slices.Equal(found, want) {
				t.Errorf("found %q, want %q", found, want)
			}
		})
	}
}

func TestErrors(t *testing.T) {
	h := newHandler(t)
	for path, want := range map[string]struct {
		status  int
		message string
	}{
		"api/traces/dead":                            {404, "trace not found"},
		"api/traces/" + strings.Repeat("a", 600):     {400, "longer than 512 bytes"},
		"api/traces?start=x":                         {400, "unable to parse param 'start'"},
		"api/traces?end=-1":                          {400, "unable to parse param 'end'"},
		"api/traces?end=99999999999999999999":        {400, "unable to parse param 'end'"},
		"api/traces?start=2&end=1":                   {400, "'start' should not be after 'end'"},
		"api/traces?lookback=soon":                   {400, "unable to parse param 'lookback'"},
		"api/traces?limit=0":                         {400, "from 1 to 1500"},
		"api/traces?limit=1501":                      {400, "from 1 to 1500"},
		"api/traces?minDuration=5":                   {400, "unable to parse param 'minDuration'"},
		"api/traces?maxDuration=-5ms":                {400, "unable to parse param 'maxDuration'"},
		"api/traces?minDuration=2s&maxDuration=1s":   {400, "'maxDuration' should be greater than 'minDuration'"},
		"api/traces?tags=nonsense":                   {400, "malformed 'tags' parameter"},
		"api/traces?tags=%7B%22a%22:%5B%5D%7D":       {400, "malformed 'tags' parameter"},
		"api/traces?tag=nocolon":                     {400, "malformed 'tag' parameter"},
		"api/traces?traceID=":                        {400, "cannot parse traceID param"},
		"api/traces?a=%zz":                           {400, "query string"},
		"api/operations":                             {400, "parameter 'service' is required"},
		"api/operations?service=gw&spanKind=sideway": {400, "unsupported span kind: 'sideway'"},
		"api/dependencies?endTs=x":                   {400, "unable to parse param 'endTs'"},
		"api/dependencies?lookback=0":                {400, "unable to parse param 'lookback'"},
		"api/dependencies?lookback=9000000000000":    {400, "the time range"},
		"api/nothing":                                {404, "is no path of this API"},
	} {
		t.Run(path, func(t *testing.T) {
			status, body := get(t, h, Prefix+path)
			a := decode(t, body)
			if status != want.status || a.Data != nil || len(a.Errors) != 1 || a.Errors[0].Code != status ||
				!strings.Contains(a.Errors[0].Message, want.message) {
				t.Errorf("%d %s, want %d and %q", status, body, want.status, want.message)
			}
		})
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(http.MethodPost, Prefix+"api/services", nil))
	if w.Code != http.StatusMethodNotAllowed || w.Header().Get("Allow") == "" {
		t.Errorf("POST is answered with %d", w.Code)
	}
}

func TestStoreErrors(t *testing.T) {
	for _, c := range []struct {
		err    error
		status int
	}{
		{context.DeadlineExceeded, 504}, {store.ErrClosed, 503}, {store.ErrCorrupt, 500}, {errors.New("other"), 500},
	} {
		h := newHandler(t, &querytest.Reader{Err: c.err})
		for _, path := range []string{"services", "services/a/operations", "operations?service=a", "traces?service=a", "traces/a1", "traces?traceID=a1", "dependencies"} {
			if status, body := get(t, h, Prefix+"api/"+path); status != c.status || strings.Contains(body, "other") {
				t.Errorf("%v: %s gives %d %s, want %d", c.err, path, status, body, c.status)
			}
		}
	}
}

// failing fails to read one trace.
type failing struct {
	*querytest.Reader
	trace id.Trace
}

func (f *failing) Trace(ctx context.Context, t id.Trace, limit int) ([]span.Call, bool, error) {
	if t == f.trace {
		return nil, false, store.ErrCorrupt
	}
	return f.Reader.Trace(ctx, t, limit)
}

// What fails behind the first trace cannot change the status: the answer stays valid and says so.
func TestSearchFailsHalfway(t *testing.T) {
	r := querytest.Counted(t, payment+apitest.Transfer+apitest.Message)
	bad, _ := id.ParseTrace("a1")
	_, body := get(t, newHandler(t, &failing{r, bad}), "/jaeger/api/traces")
	a := decode(t, body)
	if len(a.Data) != 2 || len(a.Errors) != 1 || a.Errors[0].Code != 500 || a.Errors[0].TraceID != bad.Hex() {
		t.Errorf("want two traces and an error: %s", body)
	}
}

func TestSearchIsBounded(t *testing.T) {
	h := newHandler(t)
	h.config.MaxSpans = 8
	_, body := get(t, h, "/jaeger/api/traces")
	if a := decode(t, body); len(a.Data) != 2 || len(a.Errors) != 1 || !strings.Contains(a.Errors[0].Message, "too many spans") {
		t.Errorf("3 and 4 spans fit, 5 more do not: %s", body)
	}
}

// Names are read once and then only as far as they may have changed.
func TestNamesAreRemembered(t *testing.T) {
	r := querytest.Counted(t, payment)
	h := newHandler(t, r)
	now := h.now()
	h.names.Now = func() time.Time { return now }
	services := func() string {
		_, body := get(t, h, "/jaeger/api/services")
		return body
	}
	before := services()
	r.Rows = append(r.Rows, span.Rollup{RollupKey: span.RollupKey{Minute: now.Unix() / 60, Callee: "new", Instance: "i", Operation: "op"}, Calls: 1})
	if got := services(); got != before {
		t.Errorf("read again at once: %s", got)
	}
	now = now.Add(h.config.NamesRefresh)
	if got := services(); !strings.Contains(got, `"new"`) || !strings.Contains(got, `"gw"`) {
		t.Errorf("after the refresh: %s", got)
	}
	r.Rows = nil
	now = now.Add(time.Hour)
	if got := services(); !strings.Contains(got, `"data":[]`) {
		t.Errorf("what is gone is still listed: %s", got)
	}
}

// Lists of a service that makes operations without end are cut, and say so.
func TestPartialNamesAreSaid(t *testing.T) {
	r := querytest.Counted(t, payment)
	h := newHandler(t, r)
	partial := func(path string) string {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
		return w.Header().Get(compat.HeaderPartial)
	}
	paths := []string{"/jaeger/api/services", "/jaeger/api/services/gw/operations", "/jaeger/api/operations?service=gw",
		"/jaeger/api/v3/services", "/jaeger/api/v3/operations?service=gw"}
	for _, path := range paths {
		if got := partial(path); got != "" {
			t.Errorf("%s: %q", path, got)
		}
	}
	for i := range 3000 {
		r.Rows = append(r.Rows, span.Rollup{RollupKey: span.RollupKey{
			Minute: h.now().Unix() / 60, Callee: "noisy", Instance: "i", Operation: "GET /" + strconv.Itoa(i)}, Calls: 1})
	}
	later := h.now().Add(h.config.NamesRefresh)
	h.names.Now = func() time.Time { return later }
	for _, path := range paths {
		if got := partial(path); !strings.Contains(got, "more services or operations") {
			t.Errorf("%s: %q", path, got)
		}
	}
	if _, body := get(t, h, "/jaeger/api/services/noisy/operations"); strings.Count(body, "GET /") != 2000 {
		t.Errorf("%d operations", strings.Count(body, "GET /"))
	}
}

func TestHandlerIsRegistered(t *testing.T) {
	h := newHandler(t)
	r := prometheus.NewPedanticRegistry()
	if err := h.Register(r); err != nil {
		t.Fatal(err)
	}
	get(t, h, "/jaeger/api/services")
	m, err := r.Gather()
	if err != nil || len(m) != 1 {
		t.Errorf("%v, %v", m, err)
	}
}

func TestConfig(t *testing.T) {
	c := DefaultConfig()
	if err := c.Validate(); err != nil {
		t.Error(err)
	}
	c.ReadBatch = 0
	if err := c.Validate(); err == nil || !strings.Contains(err.Error(), "read_batch") {
		t.Errorf("%v", err)
	}
}

func FuzzSearchParameters(f *testing.F) {
	for _, s := range []string{"service=a&limit=20", `tags={"a":"b"}&tag=a:b`, "start=1&end=2&lookback=2d", "minDuration=1ms&maxDuration=2s", "traceID=a&traceID=b"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		values, err := url.ParseQuery(s)
		if err != nil {
			t.Skip()
		}
		p, err := readSearch(values, time.Unix(0, querytest.Base))
		var refused *compat.RequestError
		if err != nil && !errors.As(err, &refused) {
			t.Errorf("%q: %v is no refusal", s, err)
		}
		if err == nil && (p.limit < 1 || p.limit > maxLimit || p.from.After(p.to)) {
			t.Errorf("%q: %+v", s, p)
		}
	})
}

func FuzzTrace(f *testing.F) {
	f.Add([]byte(span.Payload(nil).AppendAttr("a", span.String("b")).AppendEvent(1, "e", nil)), []byte{})
	f.Fuzz(func(t *testing.T, payload, resource []byte) {
		h := span.Half{Trace: id.Trace{1}, Span: 1, Kind: span.KindServer, App: "a", Payload: payload, Resource: resource}
		tr := query.Assemble(h.Trace, []span.Call{span.Join(nil, &h, "")}, false)
		if b := appendTrace(nil, tr); !json.Valid(b) {
			t.Errorf("no JSON: %s", b)
		}
	})
}

func BenchmarkTrace(b *testing.B) {
	calls := querytest.Calls(b, payment)
	tr := query.Assemble(calls[0].Trace(), calls, false)
	var buf []byte
	for b.Loop() {
		buf = appendTrace(buf[:0], tr)
	}
	b.SetBytes(int64(len(buf)))
}
