package jaeger

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/encoding/protojson"

	"github.com/twinspan/twinspan/internal/query/querytest"
	"github.com/twinspan/twinspan/internal/span"
	"github.com/twinspan/twinspan/internal/store"
)

const always = "query.startTimeMin=2026-01-01T00:00:00Z&query.startTimeMax=2026-01-03T00:00:00.5Z"

// result takes the OTLP JSON out of an answer. Ids are hex there, which protojson takes for base64.
func result(t testing.TB, body string) *tracepb.TracesData {
	t.Helper()
	var a struct{ Result json.RawMessage }
	if err := json.Unmarshal([]byte(body), &a); err != nil || a.Result == nil {
		t.Fatalf("%v: %s", err, body)
	}
	m := new(tracepb.TracesData)
	if err := protojson.Unmarshal(a.Result, m); err != nil {
		t.Fatalf("%v: %s", err, a.Result)
	}
	return m
}

func services(m *tracepb.TracesData) string {
	var list []string
	for _, rs := range m.GetResourceSpans() {
		n := 0
		for _, ss := range rs.GetScopeSpans() {
			n += len(ss.GetSpans())
		}
		list = append(list, fmt.Sprintf("%s:%d", rs.GetResource().GetAttributes()[0].GetValue().GetStringValue(), n))
	}
	slices.Sort(list)
	return strings.Join(list, " ")
}

func TestV3Traces(t *testing.T) {
	h := newHandler(t)
	for path, want := range map[string]string{
		"traces/a1":                                      "gw:2 pay:3",
		"traces/AAAAAAAAAAAAAAAAAAAAoQ==":                "gw:2 pay:3",
		"traces/AAAAAAAAAAAAAAAAAAAAoQ":                  "gw:2 pay:3",
		"traces/" + querytest.TraceText:                  "bank:2 ledger:2",
		"traces?" + always + "&query.serviceName=mailer": "mailer:2 shop:1",
		"traces?" + always + "&query.service_name=pay&query.operation_name=Pay/Do":                                           "gw:2 pay:3",
		"traces?" + always + "&query.searchDepth=1":                                                                          "mailer:2 shop:1",
		"traces?" + always + "&query.attributes=%7B%22error%22:%22true%22%7D":                                                "gw:2 pay:3",
		"traces?" + always + "&query.durationMin=600ms&query.durationMax=1s":                                                 "mailer:2 shop:1",
		"traces?query.start_time_min=2026-01-02T04:00:00+01:00&query.start_time_max=2026-01-03T00:00:00Z&query.num_traces=1": "mailer:2 shop:1",
	} {
		status, body := get(t, h, "/jaeger/api/v3/"+path)
		if status != 200 {
			t.Errorf("%s: %d %s", path, status, body)
			continue
		}
		if got := services(result(t, body)); got != want {
			t.Errorf("%s: %s, want %s", path, got, want)
		}
	}
	_, body := get(t, h, "/jaeger/api/v3/traces/a1")
	var ids struct {
		Result struct {
			ResourceSpans []struct {
				ScopeSpans []struct {
					Spans []struct{ TraceID, SpanID string }
				}
			}
		}
	}
	if err := json.Unmarshal([]byte(body), &ids); err != nil {
		t.Fatal(err)
	}
	if b, err := hex.DecodeString(ids.Result.ResourceSpans[0].ScopeSpans[0].Spans[0].TraceID); err != nil || len(b) != 16 {
		t.Errorf("ids are not hex: %s", body)
	}
}

func TestV3Names(t *testing.T) {
	h := newHandler(t)
	for path, want := range map[string]string{
		"services":                               `{"services":["bank","gw","ledger","mailer","pay","shop"]}`,
		"operations?service=pay&spanKind=server": `{"operations":[{"name":"Pay/Do","spanKind":"server"}]}`,
		"operations?service=nobody":              `{"operations":[]}`,
		"dependencies?startTime=2026-01-02T03:00:00Z&endTime=2026-01-02T04:00:00Z": `{"dependencies":[{"parent":"bank","child":"ledger","callCount":"1"},{"parent":"gw","child":"pay","callCount":"1"},{"parent":"shop","child":"mailer","callCount":"1"}]}`,
	} {
		if _, body := get(t, h, "/jaeger/api/v3/"+path); strings.TrimSpace(body) != want {
			t.Errorf("%s: %s, want %s", path, body, want)
		}
	}
	_, body := get(t, h, "/jaeger/api/v3/trace-summaries?"+always+"&query.serviceName=gw")
	const want = `{"summaries":[{"traceId":"000000000000000000000000000000a1","rootServiceName":"gw","rootOperationName":"POST /pay",` +
		`"minStartTimeUnixNano":"1767323040000000000","maxEndTimeUnixNano":"1767323040100000000","spanCount":5,"errorSpanCount":1,` +
		`"services":[{"name":"gw","spanCount":2},{"name":"pay","spanCount":3,"errorSpanCount":1}]}]}`
	if strings.TrimSpace(body) != want {
		t.Errorf("%s\nwant %s", body, want)
	}
}

func TestV3Refusals(t *testing.T) {
	h := newHandler(t)
	for path, want := range map[string]int{
		"traces": 400, "traces?query.startTimeMin=x&query.startTimeMax=2026-01-03T00:00:00Z": 400,
		"traces?query.startTimeMin=2026-01-03T00:00:00Z&query.startTimeMax=2026-01-03T00:00:00Z": 400,
		"traces?" + always + "&query.searchDepth=0":                                              400,
		"traces?" + always + "&query.durationMin=soon":                                           400,
		"traces?" + always + "&query.attributes=no":                                              400,
		"traces?" + always + "&query.filter=%7B%7D":                                              400,
		"traces?" + always + "&query.serviceName=nobody":                                         404,
		"traces/dead": 404, "operations?service=a&spanKind=b": 400, "nothing": 404, "dependencies?startTime=x": 400,
	} {
		status, body := get(t, h, "/jaeger/api/v3/"+path)
		var a struct {
			Error struct {
				HTTPCode int `json:"httpCode"`
				Message  string
			}
		}
		if err := json.Unmarshal([]byte(body), &a); err != nil || status != want || a.Error.HTTPCode != want || a.Error.Message == "" {
			t.Errorf("%s: %d %s, want %d", path, status, body, want)
		}
	}
	for _, path := range []string{"archive/a1", "transform"} {
		if status, body := get(t, h, "/jaeger/api/"+path); status != 501 || !strings.Contains(body, `"errors":[{"code":501`) {
			t.Errorf("%s: %d %s", path, status, body)
		}
	}
}

func TestMetricsOfServices(t *testing.T) {
	minute := querytest.Base / 60e9
	r := &querytest.Reader{}
	for m := range int64(10) {
		for _, op := range []string{"a", "b"} {
			row := span.Rollup{RollupKey: span.RollupKey{Minute: minute + m, Type: span.TypeRPC, Caller: "gw", Callee: "pay", Operation: op, Instance: "i"}, Calls: 60, Errors: 15}
			row.Latency.AddN(20e6, 60)
			r.Rows = append(r.Rows, row)
		}
	}
	h := newHandler(t, []store.Reader{r}...)
	end := (querytest.Base + 600e9) / 1e6
	ask := func(path string) (f metricFamilyJSON) {
		t.Helper()
		_, body := get(t, h, fmt.Sprintf("/jaeger/api/metrics/%s&endTs=%d&lookback=60000&step=30000&ratePer=120000", path, end))
		d := json.NewDecoder(strings.NewReader(body))
		d.DisallowUnknownFields()
		if err := d.Decode(&f); err != nil {
			t.Fatalf("%v: %s", err, body)
		}
		return f
	}
	for _, tt := range []struct {
		path, name string
		labels     int
		value      float64
	}{
		{"calls?service=pay", "service_call_rate", 1, 2},
		{"calls?service=pay&groupByOperation=true", "service_operation_call_rate", 2, 1},
		{"calls?service=gw&spanKind=client", "service_call_rate", 1, 2},
		{"errors?service=pay", "service_error_rate", 1, 0.25},
		{"latencies?service=pay&quantile=0.95", "service_latencies", 1, 20},
		{"latencies?service=pay&quantile=0.5&groupByOperation=true&spanKind=server", "service_operation_latencies", 2, 20},
	} {
		f := ask(tt.path)
		if f.Name != tt.name || f.Type != "GAUGE" || len(f.Metrics) != tt.labels || len(f.Metrics[0].Labels) != tt.labels || len(f.Metrics[0].Points) != 3 {
			t.Errorf("%s: %+v", tt.path, f)
			continue
		}
		if p := f.Metrics[0].Points[2]; math.Abs(p.Gauge.Double/tt.value-1) > 0.03 || p.Timestamp != "2026-01-02T03:14:00Z" {
			t.Errorf("%s: %+v, want %v", tt.path, p, tt.value)
		}
	}
	if f := ask("errors?service=nobody"); f.Metrics == nil || len(f.Metrics) != 0 {
		t.Errorf("%+v", f)
	}
	if _, body := get(t, h, "/jaeger/api/metrics/minstep"); !strings.Contains(body, `"data":60000`) {
		t.Error(body)
	}
	for _, path := range []string{"calls", "latencies?service=a", "latencies?service=a&quantile=2", "calls?service=a&spanKind=x", "calls?service=a&step=0",
		"calls?service=a&groupByOperation=maybe", "calls?service=a&lookback=86400000&step=1"} {
		if status, body := get(t, h, "/jaeger/api/metrics/"+path); status != 400 {
			t.Errorf("%s: %d %s", path, status, body)
		}
	}
}
