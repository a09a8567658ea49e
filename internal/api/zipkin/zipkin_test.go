package zipkin

import (
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
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
	server Gw 1 trace=a1 at=0+100 type=http op=POST_/pay tag=user:42 local=10.0.0.1:80 remote=[2001:db8::1]:4711
	client Gw 2 trace=a1 parent=1 at=10+50 op=Do remote=10.0.0.2:90 tag=retry:no & server pay 3 trace=a1 parent=2 twin=2 at=15+40 op=Pay/Do error message=no_money
	client pay 4 trace=a1 parent=3 at=20.5+10 type=db peer=mysql:pay op=SELECT
	internal pay 5 trace=a1 parent=3 at=31+0 op=check`

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

func get(t testing.TB, h http.Handler, path string) *httptest.ResponseRecorder {
	t.Helper()
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
	if w.Code == http.StatusOK && (!json.Valid(w.Body.Bytes()) || w.Header().Get("Content-Type") != "application/json") {
		t.Fatalf("%s: no JSON: %s", path, w.Body)
	}
	return w
}

func TestGolden(t *testing.T) {
	h := newHandler(t)
	for name, path := range map[string]string{
		"trace_otlp":    "/zipkin/api/v2/trace/00000000000000a1",
		"trace_sofa":    "/zipkin/api/v2/trace/" + querytest.TraceText,
		"search":        "/zipkin/api/v2/traces?serviceName=mailer&limit=20",
		"many":          "/zipkin/api/v2/traceMany?traceIds=a1,dead,b2",
		"services":      "/zipkin/api/v2/services",
		"spans":         "/zipkin/api/v2/spans?serviceName=gw",
		"remote":        "/zipkin/api/v2/remoteServices?serviceName=pay",
		"dependencies":  "/zipkin/api/v2/dependencies?endTs=1767323100000&lookback=3600000",
		"autocomplete":  "/zipkin/api/v2/autocompleteKeys",
		"config":        "/zipkin/config.json",
		"health":        "/zipkin/health",
		"trace_hex":     "/zipkin/api/v2/trace/0ad1348f1403169275002100356696ff",
		"complete_none": "/zipkin/api/v2/autocompleteValues?key=env",
	} {
		t.Run(name, func(t *testing.T) {
			w := get(t, h, path+map[bool]string{true: "&", false: "?"}[strings.Contains(path, "?")]+"prettyPrint=true")
			apitest.Golden(t, name, w.Body.Bytes())
		})
	}
}

// spanJSON is a span by Zipkin's OpenAPI.
type spanJSON struct {
	TraceID        string        `json:"traceId"`
	ParentID       string        `json:"parentId"`
	ID             string        `json:"id"`
	Kind           string        `json:"kind"`
	Name           string        `json:"name"`
	Timestamp      int64         `json:"timestamp"`
	Duration       int64         `json:"duration"`
	Debug          bool          `json:"debug"`
	Shared         bool          `json:"shared"`
	LocalEndpoint  *endpointJSON `json:"localEndpoint"`
	RemoteEndpoint *endpointJSON `json:"remoteEndpoint"`
	Annotations    []struct {
		Timestamp int64  `json:"timestamp"`
		Value     string `json:"value"`
	} `json:"annotations"`
	Tags map[string]string `json:"tags"`
}

type endpointJSON struct {
	ServiceName string `json:"serviceName"`
	IPv4        string `json:"ipv4"`
	IPv6        string `json:"ipv6"`
	Port        uint16 `json:"port"`
}

func strictly(t testing.TB, body string, into any) {
	t.Helper()
	d := json.NewDecoder(strings.NewReader(body))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		t.Fatalf("not Zipkin's shape: %v\n%s", err, body)
	}
}

// All conditions hold for one span; the whole trace is given.
func TestSearch(t *testing.T) {
	h := newHandler(t)
	const a1, b2, sofa = "00000000000000a1", "00000000000000b2", "0ad1348f1403169275002100356696ff"
	for _, tt := range []struct{ query, want string }{
		{"", b2 + " " + sofa + " " + a1},
		{"limit=1", b2},
		{"serviceName=Gw", a1},
		{"serviceName=gw", a1}, // Zipkin's clients write names in lower case
		{"serviceName=nobody", ""},
		{"serviceName=gw&spanName=post%20/pay", a1},
		{"serviceName=gw&spanName=all", a1},
		{"serviceName=pay&spanName=post%20/pay", ""},
		{"spanName=INSERT%20entry", sofa},
		{"serviceName=gw&remoteServiceName=pay", a1},
		{"serviceName=pay&remoteServiceName=gw", a1},
		{"serviceName=pay&remoteServiceName=mysql:pay", a1},
		{"serviceName=gw&remoteServiceName=bank", ""},
		{"annotationQuery=error", a1},
		{"annotationQuery=error%3Dno+money", a1},
		{"annotationQuery=error%3Dother", ""},
		{"serviceName=gw&annotationQuery=error", ""},
		{"annotationQuery=user%3D42", a1},
		{"annotationQuery=user%3D42+and+retry", ""}, // of two spans
		{"annotationQuery=retry+and+retry%3Dno", a1},
		{"annotationQuery=origin.span.id%3D0.1", sofa},
		{"annotationQuery=load_test", sofa},
		{"minDuration=600000", b2},
		{"minDuration=90000&maxDuration=110000", a1},
		{"endTs=1767323040999&lookback=3600000", a1},
		{"endTs=1767323041001&lookback=1", sofa},
	} {
		w := get(t, h, "/zipkin/api/v2/traces?"+tt.query)
		var traces [][]spanJSON
		strictly(t, w.Body.String(), &traces)
		var ids []string
		for _, tr := range traces {
			ids = append(ids, tr[0].TraceID)
		}
		if got := strings.Join(ids, " "); got != tt.want {
			t.Errorf("%s: %s, want %s", tt.query, got, tt.want)
		}
	}
}

func TestRefusals(t *testing.T) {
	h := newHandler(t)
	for path, want := range map[string]int{
		"traces?limit=0": 400, "traces?limit=1501": 400, "traces?maxDuration=5": 400, "traces?minDuration=9&maxDuration=5": 400,
		"traces?minDuration=-1": 400, "traces?endTs=x": 400, "traces?lookback=0": 400, "traces?%": 400, "spans": 400,
		"remoteServices": 400, "dependencies": 400, "autocompleteValues": 400, "traceMany": 400, "traceMany?traceIds=a1": 400,
		"traceMany?traceIds=a1,a1": 400, "traceMany?traceIds=a1,": 400, "trace/dead": 404, "nothing": 404,
	} {
		if w := get(t, h, "/zipkin/api/v2/"+path); w.Code != want || !strings.HasPrefix(w.Header().Get("Content-Type"), "text/plain") || w.Body.Len() < 5 {
			t.Errorf("%s: %d %s, want %d", path, w.Code, w.Body, want)
		}
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(http.MethodPost, "/zipkin/api/v2/spans", strings.NewReader("[]")))
	if w.Code != http.StatusMethodNotAllowed {
		t.Errorf("POST: %d", w.Code)
	}
	failing := newHandler(t, &querytest.Reader{Err: errors.New("disk on fire")})
	for _, path := range []string{"health", "api/v2/services", "api/v2/traces", "api/v2/trace/a1", "api/v2/remoteServices?serviceName=a"} {
		if w := get(t, failing, "/zipkin/"+path); w.Code != 500 || strings.Contains(w.Body.String(), "fire") {
			t.Errorf("%s: %d %s", path, w.Code, w.Body)
		}
	}
}

func TestPartialIsSaid(t *testing.T) {
	h := newHandler(t)
	h.config.MaxSpans = 8
	s := httptest.NewServer(h)
	defer s.Close()
	res, err := http.Get(s.URL + "/zipkin/api/v2/traces")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	var traces [][]spanJSON
	d := json.NewDecoder(res.Body)
	if err := d.Decode(&traces); err != nil || len(traces) != 2 {
		t.Fatal(err, len(traces))
	}
	for d.More() {
		t.Fatal("there is more behind the answer")
	}
	if got := res.Trailer.Get(compat.HeaderPartial); !strings.Contains(got, "zipkin.max_spans") {
		t.Errorf("trailer %q", got)
	}

	text := payment
	log := slog.New(slog.DiscardHandler)
	c := query.DefaultConfig()
	c.MaxScan = 1
	h.query = query.New([]store.Reader{querytest.Counted(t, text)}, c, log)
	r := querytest.Counted(t, text)
	for i := range 3000 {
		r.Rows = append(r.Rows, span.Rollup{RollupKey: span.RollupKey{
			Minute: h.now().Unix() / 60, Callee: "noisy", Instance: "i", Operation: "get /" + strconv.Itoa(i)}, Calls: 1})
	}
	h.names = compat.NewNames(query.New([]store.Reader{r}, query.DefaultConfig(), log), h.config.Config)
	h.names.Now = h.now
	for _, path := range []string{"services", "spans?serviceName=noisy"} {
		if w := get(t, h, "/zipkin/api/v2/"+path); !strings.Contains(w.Header().Get(compat.HeaderPartial), "more services or operations") {
			t.Errorf("%s: %v", path, w.Header())
		}
	}
	if w := get(t, h, "/zipkin/api/v2/traces?annotationQuery=nowhere"); w.Header().Get(compat.HeaderPartial) == "" || w.Body.String() != "[]\n" {
		t.Errorf("a search that was cut: %v %s", w.Header(), w.Body)
	}
}

// What a Zipkin client sent with a shared id is given back with it.
func TestSharedIDs(t *testing.T) {
	calls := querytest.Calls(t, `client a 2 trace=c3 parent=1 at=0+10 route=zipkin & server b 3 trace=c3 parent=2 twin=2 at=1+5 route=zipkin
		client b 4 trace=c3 parent=2 at=2+1 route=zipkin
		server d 5 trace=c3 parent=7 twin=7 at=3+1 route=zipkin shared`)
	calls[0].Server.Span = id.ServerSpanOf(calls[0].Client.Span.String())
	h := newHandler(t, &querytest.Reader{Calls: calls})
	var spans []spanJSON
	strictly(t, get(t, h, "/zipkin/api/v2/trace/c3").Body.String(), &spans)
	got := map[string]string{}
	for _, s := range spans {
		got[s.LocalEndpoint.ServiceName+s.Kind] = s.ID[15:] + "<" + strings.TrimLeft(s.ParentID, "0") + map[bool]string{true: " shared"}[s.Shared]
	}
	for who, want := range map[string]string{"aCLIENT": "2<1", "bSERVER": "2<1 shared", "bCLIENT": "4<2", "dSERVER": "5<7"} {
		if got[who] != want {
			t.Errorf("%s: %q, want %q", who, got[who], want)
		}
	}
}

func TestAutocomplete(t *testing.T) {
	h := newHandler(t)
	h.config.AutocompleteKeys = []string{"user", "retry"}
	for path, want := range map[string]string{"Keys": `["user","retry"]`, "Values?key=user": `["42"]`, "Values?key=env": `[]`} {
		if got := strings.TrimSpace(get(t, h, "/zipkin/api/v2/autocomplete"+path).Body.String()); got != want {
			t.Errorf("%s: %s, want %s", path, got, want)
		}
	}
	h.config.AutocompleteKeys = make([]string, maxAutocompleteKeys+1)
	if err := h.config.Validate(); err == nil || !strings.Contains(err.Error(), "autocomplete_keys") {
		t.Error(err)
	}
}

func TestMetrics(t *testing.T) {
	h := newHandler(t)
	r := prometheus.NewRegistry()
	if err := h.Register(r); err != nil {
		t.Fatal(err)
	}
	get(t, h, "/zipkin/api/v2/services")
	families, err := r.Gather()
	if err != nil || len(families) != 1 || families[0].GetMetric()[0].GetHistogram().GetSampleCount() != 1 {
		t.Errorf("%v %v", families, err)
	}
}

func FuzzSearchParameters(f *testing.F) {
	for _, s := range []string{"serviceName=a&limit=20", "annotationQuery=a%3Db and c", "endTs=1&lookback=2", "minDuration=1&maxDuration=2"} {
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
		if err == nil && (p.limit < 1 || p.limit > maxLimit || p.from.After(p.to) || p.min < 0 || p.max < 0) {
			t.Errorf("%q: %+v", s, p)
		}
	})
}

func FuzzTrace(f *testing.F) {
	f.Add([]byte(span.Payload(nil).AppendAttr("a", span.String("b")).AppendEvent(1, "e", span.Payload(nil).AppendAttr("x", span.Int(1)))), []byte{}, "1.2.3.4:5")
	f.Fuzz(func(t *testing.T, payload, resource []byte, addr string) {
		h := span.Half{Trace: id.Trace{1}, Span: 1, Kind: span.KindServer, App: "a", Payload: payload, Resource: resource, LocalAddr: addr}
		tr := query.Assemble(h.Trace, []span.Call{span.Join(nil, &h, "")}, false)
		var spans []spanJSON
		if err := json.Unmarshal(appendTrace(nil, tr), &spans); err != nil {
			t.Errorf("%v: %s", err, appendTrace(nil, tr))
		}
	})
}
