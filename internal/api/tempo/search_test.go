package tempo

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twinspan/twinspan/internal/api/compat"
	"github.com/twinspan/twinspan/internal/query"
	"github.com/twinspan/twinspan/internal/query/querytest"
	"github.com/twinspan/twinspan/internal/query/traceql"
	"github.com/twinspan/twinspan/internal/span"
)

// searching makes a handler over the payment, with its counts.
func searching(t testing.TB, c query.Config) *Handler {
	t.Helper()
	r := querytest.Counted(t, payment)
	for i := range r.Calls {
		c := &r.Calls[i]
		if h := c.Client; h != nil && h.Span == 4 {
			h.Payload = h.Payload.AppendAttr("rows", span.Int(7)).AppendEvent(1, "slow", span.Payload(nil).AppendAttr("why", span.String("lock")))
			h.Resource = h.Resource.AppendAttr("host.name", span.String("node-1"))
		}
	}
	return newHandler(t, c, r)
}

func TestSearch(t *testing.T) {
	h := searching(t, query.DefaultConfig())
	const a1, b2 = "000000000000000000000000000000a1", "000000000000000000000000000000b2"
	for _, tt := range []struct{ query, want string }{
		{"", b2 + " " + a1},
		{"q={}&limit=1", b2},
		{"q={status=error}", a1},
		{"q={ .user = \"43\" }", b2},
		{"q={ resource.service.name = \"gw\" } >> { resource.service.name = \"pay\" }", a1},
		{"q={ span.rows > 5 }&spss=1", a1},
		{"q={ duration > 2s }", ""},
		{"tags=service.name=PA", a1},
		{"tags=user=\"43\" status.code=unset", b2},
		{"tags=error=true", a1},
		{"tags=name=transfer", b2},
		{"tags=root.service.name=bank", b2},
		{"tags=&minDuration=90ms", a1},
		{"minDuration=20ms&maxDuration=40ms", b2},
		{"q={}&start=1767323040&end=1767323041", a1},
		{"q={}&start=1767320000&end=1767321000", ""},
	} {
		key, rest, _ := strings.Cut(tt.query, "=")
		escaped := tt.query
		if key == "q" || key == "tags" {
			expr, more, _ := strings.Cut(rest, "&")
			escaped = key + "=" + url.QueryEscape(expr) + "&" + more
		}
		var answer searchJSON
		getJSON(t, h, "/api/search?"+escaped, &answer)
		var ids []string
		for _, tr := range answer.Traces {
			ids = append(ids, tr.TraceID)
		}
		if got := strings.Join(ids, " "); got != tt.want || answer.Metrics.CompletedJobs != 1 || answer.Metrics.TotalJobs != 1 {
			t.Errorf("%s: %s, want %s; %+v", tt.query, got, tt.want, answer.Metrics)
		}
	}
}

// The shape is Tempo's: 64-bit numbers as text, one place for each thing.
func TestSearchShape(t *testing.T) {
	h := searching(t, query.DefaultConfig())
	w := get(t, h, "/api/search?limit=5&spss=2&q="+url.QueryEscape(`{ span.rows > 5 && resource.host.name != nil && kind = client } | by(resource.service.name) | count() > 0`), "")
	var got any
	if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil {
		t.Fatal(err, w.Body)
	}
	set := `{"spans":[{"spanID":"0000000000000004","name":"SELECT","startTimeUnixNano":"1767323040020500000","durationNanos":"10000000",
		"attributes":[{"key":"rows","value":{"intValue":"7"}},{"key":"host.name","value":{"stringValue":"node-1"}},
			{"key":"kind","value":{"stringValue":"client"}},{"key":"service.name","value":{"stringValue":"pay"}}]}],"matched":1,
		"attributes":[{"key":"by(resource.service.name)","value":{"stringValue":"pay"}},{"key":"count()","value":{"intValue":"1"}}]}`
	want := `{"traces":[{"traceID":"000000000000000000000000000000a1","rootServiceName":"gw","rootTraceName":"POST /pay",
		"startTimeUnixNano":"1767323040000000000","durationMs":100,"spanSet":` + set + `,"spanSets":[` + set + `],
		"serviceStats":{"gw":{"spanCount":2},"pay":{"spanCount":2,"errorCount":1}}}],
		"metrics":{"inspectedTraces":1,"inspectedSpans":"1","completedJobs":1,"totalJobs":1}}`
	var wanted any
	if err := json.Unmarshal([]byte(want), &wanted); err != nil {
		t.Fatal(err)
	}
	a, _ := json.MarshalIndent(got, "", " ")
	b, _ := json.MarshalIndent(wanted, "", " ")
	if string(a) != string(b) {
		t.Errorf("%s\nwant\n%s", a, b)
	}
}

func TestPartialSearch(t *testing.T) {
	c := query.DefaultConfig()
	c.MaxSearchCalls = 1
	h := newHandler(t, c, querytest.Counted(t, strings.Repeat("internal a 9 trace=a1 at=1+1\n", 2001)))
	w := get(t, h, "/api/search", "")
	var answer searchJSON
	if err := json.Unmarshal(w.Body.Bytes(), &answer); err != nil || answer.Metrics.CompletedJobs != 0 || answer.Metrics.TotalJobs != 1 || w.Header().Get(compat.HeaderPartial) == "" {
		t.Errorf("%v %+v %v", err, answer.Metrics, w.Header())
	}
	var series rangeJSON
	getJSON(t, h, "/api/metrics/query_range?q="+url.QueryEscape(`{ traceDuration > 0 } | rate()`), &series)
	if series.Status != "PARTIAL" || series.Message == "" || series.Metrics.CompletedJobs != 0 {
		t.Errorf("%+v", series)
	}
}

func TestTags(t *testing.T) {
	h := searching(t, query.DefaultConfig())
	var v1 struct {
		TagNames []string    `json:"tagNames"`
		Metrics  metricsJSON `json:"metrics"`
	}
	if getJSON(t, h, "/api/search/tags", &v1); strings.Join(v1.TagNames, " ") != "host.name rows service.name user" {
		t.Error(v1)
	}
	if getJSON(t, h, "/api/search/tags?scope=event", &v1); strings.Join(v1.TagNames, " ") != "why" {
		t.Error(v1)
	}
	var v2 struct {
		Scopes  []scopeJSON `json:"scopes"`
		Metrics metricsJSON `json:"metrics"`
	}
	getJSON(t, h, "/api/v2/search/tags", &v2)
	got := ""
	for _, s := range v2.Scopes {
		if s.Name != scopeIntrinsic {
			got += fmt.Sprint(s)
		} else if !slices.Contains(s.Tags, "duration") {
			t.Error(s)
		}
	}
	if want := "{resource [host.name service.name]}{span [rows user]}{event [why]}"; got != want || len(v2.Scopes) != 4 {
		t.Errorf("%s, want %s", got, want)
	}
	v2.Metrics = metricsJSON{}
	if getJSON(t, h, "/api/v2/search/tags?scope=span&limit=1", &v2); fmt.Sprint(v2.Scopes) != "[{span [rows]}]" || v2.Metrics.CompletedJobs != 0 {
		t.Error(v2)
	}
}

func TestTagValues(t *testing.T) {
	h := searching(t, query.DefaultConfig())
	for path, want := range map[string]string{
		"/api/search/tag/service.name/values":                                                     "bank gw pay",
		"/api/search/tag/user/values":                                                             "42 43",
		"/api/search/tag/user/values?limit=1":                                                     "42",
		"/api/search/tag/nothing/values":                                                          "",
		"/api/search/tag/status.code/values":                                                      "error ok unset",
		"/api/v2/search/tag/resource.service.name/values":                                         "string:bank string:gw string:pay",
		"/api/v2/search/tag/.service.name/values?start=1&end=2":                                   "",
		"/api/v2/search/tag/span.rows/values":                                                     "int:7",
		"/api/v2/search/tag/status/values":                                                        "keyword:error keyword:ok keyword:unset",
		"/api/v2/search/tag/name/values":                                                          "string:Pay/Do string:SELECT string:POST /pay string:POST /transfer",
		"/api/v2/search/tag/span.user/values?q={ resource.service.name = \"gw\" }":                "string:42",
		"/api/v2/search/tag/span.user/values?q={ resource.service.name = \"gw\" && span.rows = }": "string:42",
		"/api/v2/search/tag/span.user/values?q={ resource.service.name = }":                       "string:42 string:43",
		"/api/v2/search/tag/span.user/values?q={}":                                                "string:42 string:43",
	} {
		path, q, _ := strings.Cut(path, "?q=")
		if q != "" {
			path += "?q=" + url.QueryEscape(q)
		}
		var got []string
		if strings.HasPrefix(path, "/api/v2") {
			var answer struct {
				TagValues []typedJSON `json:"tagValues"`
				Metrics   metricsJSON `json:"metrics"`
			}
			getJSON(t, h, path, &answer)
			for _, v := range answer.TagValues {
				got = append(got, v.Type+":"+v.Value)
			}
		} else {
			var answer struct {
				TagValues []string    `json:"tagValues"`
				Metrics   metricsJSON `json:"metrics"`
			}
			getJSON(t, h, path, &answer)
			got = answer.TagValues
		}
		wanted := strings.Split(want, " string:")
		if !strings.Contains(want, " string:") {
			wanted = strings.Fields(want)
		} else {
			for i := range wanted[1:] {
				wanted[i+1] = "string:" + wanted[i+1]
			}
		}
		slices.Sort(got)
		slices.Sort(wanted)
		if strings.Join(got, "|") != strings.Join(wanted, "|") {
			t.Errorf("%s %s: %q, want %q", path, q, got, wanted)
		}
	}
}

func TestSeries(t *testing.T) {
	h := searching(t, query.DefaultConfig())
	ask := "/api/metrics/query_range?start=1767323030&end=1767323050&step=10s&q="
	var a rangeJSON
	getJSON(t, h, ask+url.QueryEscape(`{} | count_over_time() by (resource.service.name)`), &a)
	sums := map[string]float64{}
	for _, s := range a.Series {
		for _, p := range s.Samples {
			sums[s.Labels[0].Key+"="+*s.Labels[0].Value.String] += p.Value
		}
	}
	if fmt.Sprint(sums) != "map[resource.service.name=bank:1 resource.service.name=gw:2 resource.service.name=pay:2]" || a.Series[0].Samples[0].Time%10_000 != 0 {
		t.Errorf("%v %+v", sums, a)
	}
	getJSON(t, h, ask+url.QueryEscape(`{} | rate()`), &a)
	if len(a.Series) != 1 || a.Series[0].Labels[0].Key != "__name__" || *a.Series[0].Labels[0].Value.String != "rate" {
		t.Errorf("%+v", a)
	}
	getJSON(t, h, ask+url.QueryEscape(`{} | quantile_over_time(duration, .5, .99)`), &a)
	if len(a.Series) != 2 || a.Series[0].Labels[0].Key != "p" || a.Series[0].Labels[0].Value.Double == nil {
		t.Errorf("%+v", a)
	}
	var i instantJSON
	getJSON(t, h, "/api/metrics/query?start=1767323030&end=1767323050&q="+url.QueryEscape(`{ status = error } | count_over_time()`), &i)
	if len(i.Series) != 1 || i.Series[0].Value != 1 {
		t.Errorf("%+v", i)
	}
}

func TestSearchRefusals(t *testing.T) {
	h := searching(t, query.DefaultConfig())
	for path, want := range map[string]string{
		"/api/search?q={&limit=1":                         "TraceQL",
		"/api/search?q={}&tags=a=b":                       "tags and q",
		"/api/search?limit=0":                             "limit",
		"/api/search?spss=x":                              "spss",
		"/api/search?start=5&end=4":                       "start must be before end",
		"/api/search?start=x":                             "start",
		"/api/search?tags=a=\"b":                          "quotes",
		"/api/search?tags=a=b a=c":                        "twice",
		"/api/search?minDuration=soon":                    "minDuration",
		"/api/search?q={} | rate()":                       "",
		"/api/search/tags?scope=x":                        "scope",
		"/api/v2/search/tag/name/values?limit=-1":         "limit",
		"/api/metrics/query_range":                        "q is required",
		"/api/metrics/query_range?q={}":                   "",
		"/api/metrics/query_range?q={} | rate()&step=0":   "step",
		"/api/metrics/query_range?q={} | rate()&step=1ms": "step",
		"/api/metrics/query?q={} | rate()&since=-1h":      "since",
	} {
		path = strings.NewReplacer(" ", "%20", "{", "%7B", "}", "%7D", "\"", "%22", "|", "%7C").Replace(path)
		w := get(t, h, path, "")
		if w.Code != 400 || !strings.Contains(w.Body.String(), want) {
			t.Errorf("%s: %d %s", path, w.Code, w.Body)
		}
	}
}

func TestReadTime(t *testing.T) {
	want := time.Date(2026, 1, 2, 3, 4, 0, 0, time.UTC)
	for _, text := range []string{"1767323040", "1767323040.0", "1767323040000000000", "2026-01-02T03:04:00Z"} {
		if got, err := readTime(url.Values{"start": {text}}, "start", time.Time{}); err != nil || !got.Equal(want) {
			t.Errorf("%s: %v %v", text, got, err)
		}
	}
}

func FuzzParameters(f *testing.F) {
	for _, s := range []string{"q={}&limit=20", "tags=a=\"b c\" d=e&minDuration=1s", "start=1&end=2&spss=3", "since=1d&step=5"} {
		f.Add(s)
	}
	h := &Handler{now: func() time.Time { return time.Unix(0, querytest.Base) }}
	f.Fuzz(func(t *testing.T, s string) {
		values, err := url.ParseQuery(s)
		if err != nil {
			t.Skip()
		}
		req, err := h.readSearch(values)
		var refused *compat.RequestError
		if err != nil {
			if !errors.As(err, &refused) {
				t.Errorf("%q: %v is no refusal", s, err)
			}
			return
		}
		if req.From >= req.To || req.Limit < 0 || req.Limit > query.MaxTraces {
			t.Errorf("%q: %+v", s, req)
		}
		if values.Get("q") == "" && len(req.Expr) < traceql.MaxLength {
			if _, err := traceql.Parse(req.Expr); err != nil {
				t.Errorf("%q became %q: %v", s, req.Expr, err)
			}
		}
		if filter := selector(values.Get("q")); filter != "" {
			if _, err := query.ParseTraceQL(filter, false); err != nil {
				t.Errorf("%q was mended to %q: %v", s, filter, err)
			}
		}
	})
}
