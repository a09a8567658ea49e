package api

import (
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/twinspan/twinspan/internal/api/apitest"
	"github.com/twinspan/twinspan/internal/query"
	"github.com/twinspan/twinspan/internal/query/querytest"
	"github.com/twinspan/twinspan/internal/span"
	"github.com/twinspan/twinspan/internal/store"
)

const payment = `
	server gw 1 at=0+100 type=http op=POST_/pay code=200 local=10.0.0.1:80 tag=user:42
	client gw 2 parent=1 at=10+50 code=0 remote=10.0.0.2:90 tag=retry:no & server pay 3 parent=2 twin=2 at=15+40 op=Pay/Do error message=no_money code=13 local=10.0.0.2:90
	client pay 4 parent=3 at=20.5+10 type=db peer=mysql:pay op=SELECT load
	internal pay 5 parent=3 at=31+1 op=check`

// newAPI makes the handler over a payment and its roll-ups; now is one minute after the payment.
func newAPI(t testing.TB, readers ...store.Reader) *API {
	t.Helper()
	if readers == nil {
		readers = append(readers, querytest.Counted(t, payment))
	}
	log := slog.New(slog.DiscardHandler)
	status := func() Status {
		return Status{Version: "v0.1.0", Role: "all", StartedUnixNano: querytest.Base, CallsStored: 4, RetentionDays: 7,
			Days: []StatusDay{{"2026-01-02", 4, 1234}}}
	}
	a := New(DefaultConfig(), query.New(readers, query.DefaultConfig(), log), Server{status, func() Pipeline { return Pipeline{Stages: []Stage{{Name: "receive"}}} }}, nil, log)
	a.now = func() time.Time { return time.Unix(0, querytest.Base+60e9) }
	return a
}

func get(h http.Handler, path string) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
	return w
}

func TestAnswers(t *testing.T) {
	a := newAPI(t)
	for name, path := range map[string]string{
		"apps": "/apps", "operations": "/operations?app=pay", "trace": "/traces/" + querytest.TraceText,
		"calls": "/calls?limit=2", "topology": "/topology?from=-5m&to=now", "series": "/series?app=gw", "status": "/status",
		"appseries": "/apps/series?from=-5m", "scatter": "/calls/scatter?callee=pay",
		"found": "/traces?spans=1&query=" + url.QueryEscape(`{ .user = "42" } >> { } | by(kind) | count() > 0`), "tags": "/tags?scope=span",
		"tagvalues": "/tags/values?tag=resource.service.name",
	} {
		w := get(a, "/api/v1"+path)
		if w.Code != http.StatusOK || w.Header().Get("Content-Type") != "application/json" {
			t.Errorf("%s: %d %s", path, w.Code, w.Body)
			continue
		}
		var v any
		if err := json.Unmarshal(w.Body.Bytes(), &v); err != nil {
			t.Errorf("%s: %v", path, err)
			continue
		}
		pretty, _ := json.MarshalIndent(v, "", " ")
		apitest.Golden(t, name, append(pretty, '\n'))
	}
}

func TestSearchParameters(t *testing.T) {
	a := newAPI(t)
	for q, want := range map[string]int{
		"": 4, "app=pay": 3, "caller=gw": 1, "caller=external": 1, "callee=mysql:pay": 1, "address=10.0.0.2": 1,
		"address=10.0.0.1:80": 1, "operation=Pay/Do": 1, "type=internal": 1, "error=true": 1, "error=false": 3,
		"loadTest=true": 1, "minDuration=50ms": 2, "maxDuration=5ms": 1, "tag=user=42": 1, "tag=user": 1, "tag=user&tag=retry": 0,
		"tag=user=43": 0, "resultCode=13": 1, "traceId=" + querytest.TraceText: 4, "traceId=1": 0, "from=-30s": 0,
		"from=-5m&to=-1m": 0, "to=-30s": 4, "from=2026-01-02T03:04:00Z&to=2026-01-02T03:04:00.010000001Z": 2,
		"from=2026-01-02T11:04:00%2B08:00": 4, "from=2026-01-02T11:04:00+08:00": 4, "from=1767323040": 4, "from=1767323040020": 2,
		"from=1767323040020500": 2, "from=1767323040020500001": 1, "app=&error=&tag=": 4, "from=-7d": 4,
		"traceId=" + querytest.TraceText + "&to=-2h": 0,
	} {
		w := get(a, "/api/v1/calls?"+q)
		var page struct{ Calls []map[string]any }
		if err := json.Unmarshal(w.Body.Bytes(), &page); err != nil || w.Code != http.StatusOK || len(page.Calls) != want {
			t.Errorf("%s: %d, %d calls, want %d (%v) %s", q, w.Code, len(page.Calls), want, err, w.Body)
		}
	}
}

func TestPages(t *testing.T) {
	a := newAPI(t)
	var seen []string
	for cursor := ""; ; {
		w := get(a, "/api/v1/calls?limit=1&cursor="+cursor)
		var page struct {
			Calls []struct{ SpanID string }
			Next  string
		}
		if err := json.Unmarshal(w.Body.Bytes(), &page); err != nil || w.Code != http.StatusOK {
			t.Fatal(w.Code, err, w.Body)
		}
		for _, c := range page.Calls {
			seen = append(seen, strings.TrimLeft(c.SpanID, "0"))
		}
		if cursor = page.Next; cursor == "" {
			break
		}
	}
	if got := strings.Join(seen, " "); got != "5 4 2 1" {
		t.Errorf("spans %s", got)
	}
}

func TestRefusals(t *testing.T) {
	a := newAPI(t)
	for _, tt := range []struct {
		path   string
		status int
		says   string
	}{
		{"/calls?errors=true", 400, `did you mean "error"?`},
		{"/calls?loadtest=true", 400, `did you mean "loadTest"?`},
		{"/calls?min_duration=1ms", 400, `did you mean "minDuration"?`},
		{"/calls?whatever=1", 400, `"whatever" is unknown: use app, caller,`},
		{"/apps?app=x", 400, "use from, to"},
		{"/status?x=1", 400, "takes none"},
		{"/calls?error=yes", 400, `"error": "yes" is neither true nor false`},
		{"/calls?type=soap", 400, "use internal, rpc, http, db, cache or mq"},
		{"/calls?minDuration=5", 400, `"minDuration": "5" is no duration`},
		{"/calls?minDuration=-5ms", 400, "is no duration"},
		{"/calls?minDuration=5s&maxDuration=1s", 400, "minDuration 5s is more than maxDuration 1s"},
		{"/calls?limit=0", 400, "from 1 to 1000"},
		{"/calls?limit=1001", 400, "from 1 to 1000"},
		{"/calls?cursor=abc", 400, "cursor"},
		{"/calls?tag==v", 400, "names no tag"},
		{"/calls?app=a&app=b", 400, "more than once"},
		{"/calls?from=yesterday", 400, `"from": "yesterday" is no time: write RFC 3339`},
		{"/calls?from=-5", 400, "is no time"},
		{"/calls?to=50000000000", 400, "too far"},
		{"/calls?from=now&to=-1h", 400, `"from" (2026-01-02T03:05:00Z) is not before "to"`},
		{"/topology?from=2020-01-01T00:00:00Z", 400, "too long"},
		{"/calls?%zz", 400, "query string"},
		{"/traces/nothing", 404, `trace "nothing"`},
		{"/traces/" + strings.Repeat("a", 600), 400, "longer"},
		{"/trace/1", 404, "no path of this API"},
		{"/", 404, "no path of this API"},
	} {
		w := get(a, "/api/v1"+tt.path)
		var body errorJSON
		if err := json.Unmarshal(w.Body.Bytes(), &body); err != nil || w.Code != tt.status || !strings.Contains(body.Error.Message, tt.says) {
			t.Errorf("%s: %d %s %v", tt.path, w.Code, w.Body, err)
		}
	}
	w := httptest.NewRecorder()
	a.ServeHTTP(w, httptest.NewRequest(http.MethodPost, "/api/v1/calls", nil))
	if w.Code != http.StatusMethodNotAllowed || w.Header().Get("Allow") != "GET, HEAD" {
		t.Errorf("POST: %d %v", w.Code, w.Header())
	}
}

func TestErrorsBecomeStatuses(t *testing.T) {
	for _, tt := range []struct {
		err    error
		status int
		code   string
	}{
		{context.DeadlineExceeded, 504, "timeout"}, {context.Canceled, 499, "canceled"}, {store.ErrClosed, 503, "unavailable"},
		{fmt.Errorf("block 7: %w", store.ErrCorrupt), 500, "corrupt"}, {errors.New("secret"), 500, "internal"},
	} {
		a := newAPI(t, &querytest.Reader{Err: tt.err})
		for _, path := range []string{"apps", "operations", "traces/1", "calls", "topology", "series"} {
			w := get(a, "/api/v1/"+path)
			if w.Code != tt.status || !strings.Contains(w.Body.String(), `"code":"`+tt.code+`"`) || strings.Contains(w.Body.String(), "secret") {
				t.Errorf("%v, %s: %d %s", tt.err, path, w.Code, w.Body)
			}
		}
	}
}

// panicking is a reader with a bug.
type panicking struct{ querytest.Reader }

func (*panicking) Rollups(context.Context, store.RollupQuery, func(*span.Rollup) bool) (store.Interval, error) {
	panic("bug")
}

func (*panicking) Times(context.Context, int64, int64) (store.Interval, error) { panic("bug") }

func TestAPanicIsAnswered(t *testing.T) {
	w := get(newAPI(t, &panicking{}), "/api/v1/apps")
	if w.Code != http.StatusInternalServerError || !strings.Contains(w.Body.String(), `"code":"internal"`) {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

func TestTraceIDsOfAnyText(t *testing.T) {
	calls := querytest.Calls(t, "server a 1 trace=order/17?x")
	w := get(newAPI(t, &querytest.Reader{Calls: calls}), "/api/v1/traces/"+url.PathEscape("order/17?x"))
	if w.Code != http.StatusOK || !strings.Contains(w.Body.String(), `"traceId":"order/17?x"`) {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

func TestCompression(t *testing.T) {
	a := newAPI(t)
	r := httptest.NewRequest(http.MethodGet, "/api/v1/traces/"+querytest.TraceText, nil)
	r.Header.Set("Accept-Encoding", "gzip")
	w := httptest.NewRecorder()
	a.ServeHTTP(w, r)
	z, err := gzip.NewReader(w.Body)
	if err != nil || w.Header().Get("Content-Encoding") != "gzip" {
		t.Fatal(err, w.Header())
	}
	plain, err := io.ReadAll(z)
	if err != nil || string(plain) != get(a, "/api/v1/traces/"+querytest.TraceText).Body.String() {
		t.Error("the packed answer is another than the plain one", err)
	}
}

func TestMetrics(t *testing.T) {
	a := newAPI(t)
	reg := prometheus.NewRegistry()
	if err := a.metrics.Register(reg); err != nil {
		t.Fatal(err)
	}
	get(a, "/api/v1/traces/nothing")
	get(a, "/api/v1/apps")
	families, err := reg.Gather()
	if err != nil || len(families) != 1 || len(families[0].GetMetric()) != 2 {
		t.Fatal(err, families)
	}
}

func FuzzParameters(f *testing.F) {
	f.Add("from=-15m&to=now&tag=a=b&limit=5")
	f.Add("from=9223372036854775807&minDuration=1h&errro=1")
	f.Add("to=-0.5h&from=0001-01-01T00:00:00Z&cursor=AQ&%=")
	routes := newAPI(f).routes()
	now := time.Unix(0, querytest.Base)
	f.Fuzz(func(t *testing.T, raw string) {
		for _, rt := range routes {
			in, err := readInput(raw, rt.params, now)
			if err == nil {
				var r query.Range
				if r, err = in.timeRange(); err == nil && r.From >= r.To {
					t.Fatalf("%q gives the empty range %+v", raw, r)
				}
			}
			if err == nil {
				continue
			}
			if status, code, message := explain(err); status != http.StatusBadRequest || code != "bad_request" || message == "" {
				t.Fatalf("%q: %d %s %s", raw, status, code, message)
			}
		}
	})
}
