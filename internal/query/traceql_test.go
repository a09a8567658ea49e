package query

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twinspan/twinspan/internal/query/querytest"
	"github.com/twinspan/twinspan/internal/query/traceql"
	"github.com/twinspan/twinspan/internal/span"
	"github.com/twinspan/twinspan/internal/store"
	"github.com/twinspan/twinspan/sdk/id"
)

// Four traces: a shop that pays (a1, with an error in the bank; b2, without), a trace whose halves are stored apart (c3), and
// a job alone (d4), each a second after the one before.
const traceScenario = `
server web 1 trace=a1 at=0+100 op=GET_/
client web 2 trace=a1 parent=1 at=10+50 op=Pay tag=http.code:500 & server pay 3 trace=a1 parent=2 twin=2 at=15+40 op=Pay tag=user:ann
client pay 4 trace=a1 parent=3 at=20+20 op=Debit & server bank 5 trace=a1 parent=4 twin=4 at=22+10 op=Debit error message=broke
server web 1 trace=b2 at=1000+90 op=GET_/
client web 2 trace=b2 parent=1 at=1010+50 op=Pay tag=http.code:200 & server pay 3 trace=b2 parent=2 twin=2 at=1015+40 op=Pay tag=user:bob
server web 1 trace=c3 at=2000+30 op=GET_/
client web 2 trace=c3 parent=1 at=2001+20 op=Pay
server pay 3 trace=c3 parent=2 twin=2 at=2005+200 op=Pay tag=user:cho error
internal job 1 trace=d4 at=3000+5 op=clean
`

func traceService(t *testing.T, scenario string) (*Service, *querytest.Reader) {
	t.Helper()
	calls := querytest.Calls(t, scenario)
	r := &querytest.Reader{Calls: calls}
	half := len(calls) / 2
	// Two readers that both have the calls in the middle, as while a range moves.
	return New([]store.Reader{&querytest.Reader{Calls: calls[half:]}, &querytest.Reader{Calls: calls[:min(half+2, len(calls))]}},
		DefaultConfig(), slog.New(slog.DiscardHandler)), r
}

func traceRequest(expr string) TraceQLRequest {
	return TraceQLRequest{Expr: expr, From: querytest.Base - 1e9, To: querytest.Base + 60e9}
}

func shortID(t id.Trace) string { return strings.TrimLeft(t.Hex(), "0") }

// allTraces reads page after page.
func allTraces(t *testing.T, s *Service, req TraceQLRequest) (ids []string, pages int) {
	t.Helper()
	for {
		p, err := s.SearchTraceQL(context.Background(), req)
		if err != nil {
			t.Fatalf("%s: %v", req.Expr, err)
		}
		if pages++; pages > 1000 {
			t.Fatalf("%s: the pages do not end", req.Expr)
		}
		for _, m := range p.Traces {
			ids = append(ids, shortID(m.ID))
		}
		if p.Next == "" {
			return ids, pages
		}
		req.Cursor = p.Next
	}
}

var traceQueries = [][2]string{
	{`{ }`, "d4 c3 b2 a1"}, {`{ resource.service.name = "web" }`, "c3 b2 a1"}, {`{ .service.name = "bank" }`, "a1"},
	{`{ status = error }`, "c3 a1"}, {`{ status != error && kind = internal }`, "d4"}, {`{ duration > 150ms }`, "c3"}, {`{ duration < 8ms }`, "d4"},
	{`{ duration = 5ms }`, "d4"}, {`{ duration >= 100ms && kind = server }`, "c3 a1"}, {`{ duration > 30ms && duration < 45ms }`, "b2 a1"},
	{`{ span.http.code = "500" }`, "a1"}, {`{ .user =~ "a.*|b.*" }`, "b2 a1"}, {`{ .user != "ann" }`, "c3 b2"}, {`{ .user = nil }`, "d4 c3 b2 a1"}, {`{ .user != nil }`, "c3 b2 a1"},
	{`{ name = "Pay" && resource.service.name = "pay" && kind = server }`, "c3 b2 a1"}, {`{ name =~ "Deb.*" && resource.service.name != "bank" }`, "a1"},
	{`{ .user = "ann" || .user = "cho" }`, "c3 a1"}, {`{ !(kind = internal) }`, "c3 b2 a1"}, {`{ false }`, ""}, {`{ statusMessage = "broke" }`, "a1"},
	{`{ trace:id = "b2" }`, "b2"}, {`{ trace:id = "b2" || trace:id = "d4" }`, "b2 d4"}, {`{ trace:id = "b2" && kind = internal }`, ""}, {`{ span:id = "0000000000000004" }`, "a1"},
	{`{ rootServiceName = "job" }`, "d4"}, {`{ rootName = "GET /" }`, "c3 b2 a1"}, {`{ rootServiceName = "web" && .user = "bob" }`, "b2"}, {`{ traceDuration > 150ms }`, "c3"},
	{`{ call:caller = "web" && call:callee = "pay" }`, "b2 a1"}, {`{ call:callee = "pay" }`, "c3 b2 a1"}, {`{ call:caller = "pay" }`, "a1"}, {`{ call:gap > 5ms && call:callee = "bank" }`, "a1"},
	{`{ resource.service.name = "web" } >> { resource.service.name = "bank" }`, "a1"}, {`{ resource.service.name = "web" } >> { status = error }`, "c3 a1"},
	{`{ .user = "ann" } << { resource.service.name = "web" }`, "a1"}, {`{ status = error } !<< { resource.service.name = "pay" && kind = server }`, "c3 b2"},
	{`{ resource.service.name = "pay" } | count() > 1`, "a1"}, {`{ } | by(resource.service.name) | count() = 2 | avg(duration) > 35ms`, "b2 a1"},
	{`({ } | count()) = 1`, "d4"}, {`{ parent.resource.service.name = "pay" }`, "a1"}, {`{ .user = "bob" } || { kind = internal }`, "d4 b2"},
}

func TestSearchTraceQL(t *testing.T) {
	s, _ := traceService(t, traceScenario)
	for _, c := range traceQueries {
		got, pages := allTraces(t, s, traceRequest(c[0]))
		if text := strings.Join(got, " "); text != c[1] || pages != 1 {
			t.Errorf("%s found %q on %d pages, want %q", c[0], text, pages, c[1])
		}
		// Page by page the same, each trace once.
		req := traceRequest(c[0])
		req.Limit = 1
		if got, _ := allTraces(t, s, req); strings.Join(got, " ") != c[1] && !strings.Contains(c[0], "trace:id") {
			t.Errorf("%s, page by page, found %q, want %q", c[0], got, c[1])
		}
	}
}

// A search whose time is always up at once still comes to its end, and finds the same.
func TestSearchTraceQLGoesOn(t *testing.T) {
	s, _ := traceService(t, traceScenario)
	at := time.Unix(0, querytest.Base)
	s.now = func() time.Time { at = at.Add(time.Second); return at }
	for _, c := range traceQueries {
		req := traceRequest(c[0])
		req.MaxTime = time.Millisecond
		got, pages := allTraces(t, s, req)
		if strings.Join(got, " ") != c[1] && !strings.Contains(c[0], "trace:id") {
			t.Errorf("%s found %q on %d pages, want %q", c[0], got, pages, c[1])
		}
		if c[0] == `{ .user = "ann" || .user = "cho" }` && pages < 3 {
			t.Errorf("%s took %d pages", c[0], pages)
		}
	}
	p, err := s.SearchTraceQL(context.Background(), traceRequest(`{ .user = "ann" }`))
	if err != nil || !p.Partial || !strings.Contains(p.Reason, "time was up") || p.Next == "" || p.SearchedFrom <= querytest.Base-1e9 {
		t.Errorf("%+v, %v", p, err)
	}
}

func TestTraceMatch(t *testing.T) {
	s, _ := traceService(t, traceScenario)
	req := traceRequest(`{ .user = "ann" } >> { } | by(kind) | count() > 0`)
	req.SpansPerSet = 1
	p, err := s.SearchTraceQL(context.Background(), req)
	if err != nil || len(p.Traces) != 1 {
		t.Fatalf("%+v, %v", p, err)
	}
	m := p.Traces[0]
	if m.RootService != "web" || m.RootName != "GET /" || m.Start != querytest.Base || m.Duration != 100e6 || m.Spans != 5 || m.Errors != 1 ||
		!slices.Equal(m.Services, []ServiceCount{{"bank", 1, 1}, {"pay", 2, 0}, {"web", 2, 0}}) || len(m.Sets) != 2 {
		t.Errorf("%+v", m)
	}
	set := m.Sets[0]
	if set.Matched != 1 || len(set.Spans) != 1 || set.Spans[0].Half.Span != 4 || fmt.Sprint(set.Labels) != "[{by(kind) client} {count() 1}]" ||
		fmt.Sprint(set.Spans[0].Selected) != "[{kind client}]" {
		t.Errorf("%+v", set)
	}
}

func TestSearchTraceQLRefuses(t *testing.T) {
	s, _ := traceService(t, traceScenario)
	other := traceRequest("{ }")
	other.Limit = 1
	p, err := s.SearchTraceQL(context.Background(), other)
	if err != nil {
		t.Fatal(err)
	}
	bad := func(change func(*TraceQLRequest)) TraceQLRequest {
		req := traceRequest("{ }")
		change(&req)
		return req
	}
	for _, req := range []TraceQLRequest{
		traceRequest("{ .a = }"), traceRequest("{ } | rate()"), bad(func(r *TraceQLRequest) { r.Limit = 1001 }),
		bad(func(r *TraceQLRequest) { r.SpansPerSet = -1 }), bad(func(r *TraceQLRequest) { r.To = r.From }),
		bad(func(r *TraceQLRequest) { r.Cursor = "x" }), bad(func(r *TraceQLRequest) { r.Expr, r.Cursor = "{ true }", p.Next }),
		bad(func(r *TraceQLRequest) { r.Cursor = p.Next + "1" }),
	} {
		if _, err := s.SearchTraceQL(context.Background(), req); !errors.Is(err, ErrBad) {
			t.Errorf("%+v: %v", req, err)
		}
	}
	var wrong *traceql.ParseError
	if _, err := s.SearchTraceQL(context.Background(), traceRequest("{ .a = }")); !errors.As(err, &wrong) || wrong.Column != 8 {
		t.Errorf("%v", err)
	}
	m := TraceQLMetrics{Expr: "{ } | rate()", From: 0, To: 1e12, Step: 1}
	if _, err := s.MetricsTraceQL(context.Background(), m); !errors.Is(err, ErrBad) {
		t.Errorf("%v", err)
	}
	m.Expr, m.Step = "{ }", 1e9
	if _, err := s.MetricsTraceQL(context.Background(), m); !errors.Is(err, ErrBad) {
		t.Errorf("%v", err)
	}
}

// A great trace is evaluated in part, and that is said.
func TestSearchTraceQLGreatTrace(t *testing.T) {
	var b strings.Builder
	for i := range 5000 {
		fmt.Fprintf(&b, "internal job %x trace=a1 at=%d+1\n", i+1, i)
	}
	s, _ := traceService(t, b.String())
	s.config.MaxSearchCalls = 1000
	p, err := s.SearchTraceQL(context.Background(), traceRequest("{ } | count() > 100"))
	if err != nil || len(p.Traces) != 1 || !p.Traces[0].Truncated || !p.Partial || !strings.Contains(p.Reason, "more than 1000 calls") {
		t.Errorf("%+v, %v", p, err)
	}
}

func TestMetricsTraceQL(t *testing.T) {
	s, _ := traceService(t, traceScenario)
	for _, c := range []struct {
		expr string
		want []float64
	}{
		{"{ } | count_over_time()", []float64{5, 3, 3, 1}},
		{"{ status = error } | count_over_time()", []float64{1, 0, 1, 0}},
		{`{ .user =~ ".*" } | count_over_time()`, []float64{1, 1, 1, 0}},
		{`{ resource.service.name = "web" } >> { kind = server } | count_over_time()`, []float64{2, 1, 1, 0}},
		{`{ rootServiceName = "web" } | rate()`, []float64{5, 3, 3, 0}},
		{`{ trace:id = "a1" } | count_over_time()`, []float64{5, 0, 0, 0}},
	} {
		out, err := s.MetricsTraceQL(context.Background(), TraceQLMetrics{Expr: c.expr, From: querytest.Base, To: querytest.Base + 4e9, Step: 1e9})
		if err != nil || out.Partial || len(out.Series) != 1 || !slices.Equal(out.Series[0].Points, c.want) {
			t.Errorf("%s: %+v, %v, want %v", c.expr, out, err, c.want)
		}
	}
	at := time.Unix(0, querytest.Base)
	s.now = func() time.Time { at = at.Add(time.Second); return at }
	for _, expr := range []string{"{ } | rate()", "{ } >> { } | rate()"} {
		out, err := s.MetricsTraceQL(context.Background(), TraceQLMetrics{Expr: expr, From: querytest.Base, To: querytest.Base + 4e9, Step: 1e9, MaxTime: 1})
		if err != nil || !out.Partial || !strings.Contains(out.Reason, "time was up") {
			t.Errorf("%s: %+v, %v", expr, out, err)
		}
	}
}

// counted is a Reader that counts halves by itself, and gives no more of them than is promised.
type counted struct{ *querytest.Reader }

func (r counted) Halves(ctx context.Context, q *store.Query, yield func(*span.Half) bool) error {
	return r.Search(ctx, q, func(c span.Call) bool {
		return q.HalvesOf(&c, func(h *span.Half) bool {
			lean := span.Half{App: h.App, Operation: h.Operation, Component: h.Component, Kind: h.Kind, Status: h.Status,
				Start: h.Start, Duration: h.Duration}
			return yield(&lean)
		})
	})
}

// Series that readers count give what calls that are put together do.
func TestMetricsTraceQLCounts(t *testing.T) {
	_, r := traceService(t, traceScenario)
	whole := New([]store.Reader{r}, DefaultConfig(), slog.New(slog.DiscardHandler))
	counts := New([]store.Reader{counted{r}, counted{&querytest.Reader{}}}, DefaultConfig(), slog.New(slog.DiscardHandler))
	for _, c := range []struct {
		expr   string
		counts bool
	}{
		{"{ } | rate()", true}, {"{ } | count_over_time() by (resource.service.name)", true}, {"{ false } | rate()", true},
		{"{ status = error } | count_over_time() by (name, kind, status)", true}, {"{ } | rate() by (instrumentation:name)", true},
		{`{ resource.service.name = "web" || duration > 35ms } | count_over_time() by (name)`, true},
		{`{ !(kind = internal) && name =~ "Pay|Debit" } | max_over_time(duration) by (resource.service.name)`, true},
		{`{ kind = server } | quantile_over_time(duration, .5, .99) by (resource.service.name)`, true},
		{`{ duration >= 20ms } | histogram_over_time(duration)`, true}, {"{ } | avg_over_time(duration) by (duration)", true},
		{"{ } | rate() by (resource.service.name) | topk(1)", true}, {`{ .user =~ ".*" } | rate()`, false},
		{`{ resource.service.name = "web" } >> { } | rate()`, false}, {"{ } | rate() by (span.user)", false}, {"{ } | rate() by (rootName)", false},
	} {
		q, err := ParseTraceQL(c.expr, true)
		if err != nil || q.Columns() != c.counts {
			t.Fatalf("%s: columns tell: %v, want %v, %v", c.expr, q.Columns(), c.counts, err)
		}
		// Steps that begin within the scenario, and end within it.
		for _, req := range []TraceQLMetrics{{From: querytest.Base, To: querytest.Base + 4e9, Step: 1e9},
			{From: querytest.Base + 12e6, To: querytest.Base + 2005e6, Step: 7e6}} {
			req.Expr = c.expr
			want, err := whole.MetricsTraceQL(context.Background(), req)
			if err != nil {
				t.Fatal(err)
			}
			got, err := counts.MetricsTraceQL(context.Background(), req)
			if err != nil || got.Partial || fmt.Sprint(got.Series) != fmt.Sprint(want.Series) {
				t.Errorf("%s: %+v, %v, want %+v", c.expr, got, err, want)
			}
		}
	}
}

// Where time is up, what is told is whole from the step on that SearchedFrom says, and there is nothing before.
func TestMetricsTraceQLCountsInPart(t *testing.T) {
	_, r := traceService(t, traceScenario)
	s := New([]store.Reader{counted{r}}, DefaultConfig(), slog.New(slog.DiscardHandler))
	at := time.Unix(0, querytest.Base)
	s.now = func() time.Time { at = at.Add(time.Second); return at }
	out, err := s.MetricsTraceQL(context.Background(), TraceQLMetrics{Expr: "{ } | count_over_time()", From: querytest.Base, To: querytest.Base + 4e9, Step: 1e9, MaxTime: 3e9})
	if err != nil || !out.Partial || len(out.Series) != 1 {
		t.Fatalf("%+v, %v", out, err)
	}
	want := []float64{5, 3, 3, 1}
	for i := range want {
		if end := out.Start + int64(i+1)*out.Step; end <= out.SearchedFrom {
			want[i] = 0
		} else if end-out.Step < out.SearchedFrom {
			want[i] = out.Series[0].Points[i] // the step in which time was up
		}
	}
	if got := out.Series[0].Points; !slices.Equal(got, want) || want[0] != 0 || want[3] != 1 {
		t.Errorf("%v from %d on, want %v", got, out.SearchedFrom-querytest.Base, want)
	}
}

func TestTags(t *testing.T) {
	s, r := traceService(t, traceScenario)
	r.Rows = []span.Rollup{{RollupKey: span.RollupKey{Minute: querytest.Base / 60e9, Callee: "web", Operation: "GET /", Type: span.TypeHTTP, Instance: "i"}, Calls: 1}}
	s.readers = append(s.readers, r)
	rng := Range{querytest.Base, querytest.Base + 60e9}
	names, partial, err := s.TagNames(context.Background(), rng, traceql.ScopeNone)
	if err != nil || partial || fmt.Sprint(names) != "[{span http.code} {span user} {resource service.name}]" {
		t.Errorf("%v %v %v", names, partial, err)
	}
	if names, _, _ := s.TagNames(context.Background(), rng, traceql.ScopeResource); fmt.Sprint(names) != "[{resource service.name}]" {
		t.Errorf("%v", names)
	}
	for attribute, want := range map[string]string{
		".user": `["ann" "bob" "cho"]`, "span.http.code": `["200" "500"]`, "resource.service.name": `["web"]`, "name": `["GET /"]`,
		"status": "[unset ok error]", "call:loadTest": "[false true]", ".none": "[]", "statusMessage": `["" "broke"]`,
	} {
		got, _, err := s.TagValues(context.Background(), rng, attribute)
		slices.SortFunc(got, func(a, b traceql.Value) int {
			if attribute == "status" {
				return 0
			}
			return strings.Compare(a.String(), b.String())
		})
		if err != nil || fmt.Sprint(got) != want {
			t.Errorf("%s: %v, %v, want %s", attribute, got, err, want)
		}
	}
	if _, _, err := s.TagValues(context.Background(), rng, "{"); !errors.Is(err, ErrBad) {
		t.Errorf("%v", err)
	}
}

// A search for what is rare goes on page by page, says how far it came, and comes to its end.
func TestSearchGoesOn(t *testing.T) {
	s, _ := traceService(t, traceScenario)
	at := time.Unix(0, querytest.Base)
	s.now = func() time.Time { at = at.Add(time.Minute); return at }
	req := SearchRequest{Query: store.Query{From: querytest.Base - 1e9, To: querytest.Base + 60e9, Tags: []store.Tag{{Key: "user", Value: "ann"}}}}
	found, pages, before := 0, 0, req.Query.To
	for more := true; more; more = req.Cursor != "" {
		p, err := s.Search(context.Background(), req)
		if err != nil {
			t.Fatal(err)
		}
		if pages++; pages > 100 {
			t.Fatal("the pages do not end")
		}
		if p.Next != "" && (!p.Partial || p.SearchedFrom == 0 || p.SearchedFrom >= before) {
			t.Fatalf("page %d: %+v, the one before came to %d", pages, p, before)
		}
		found, req.Cursor, before = found+len(p.Calls), p.Next, p.SearchedFrom
	}
	if found != 1 || pages < 3 {
		t.Errorf("found %d on %d pages", found, pages)
	}
}
