package traceql_test

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/twinspan/twinspan/internal/query/traceql"
	"github.com/twinspan/twinspan/internal/span"
	"github.com/twinspan/twinspan/sdk/id"
)

const base = int64(1767323040e9)

// sample is this trace, times in milliseconds:
//
//	0 web   server  GET /       0+100  root
//	1  web   client  Pay/Do     10+80            ╮ one call
//	2   pay   server  Pay/Do    15+60  error      ╯ code=500 retry
//	3    pay   client  SELECT    20+10            a database
//	4    pay   internal check    40+5             two events
//	5  web   client  Stock/Get  92+5             ╮ one call
//	6   stock server  Stock/Get 93+3              ╯ load test
func sample(tb testing.TB) *traceql.Trace {
	tb.Helper()
	half := func(n int, kind span.Kind, app, op string, at, ms int64) *span.Half {
		h := &span.Half{Trace: id.Trace{15: 7}, Span: id.Span(n + 1), Kind: kind, App: app, Operation: op, Start: base + at*1e6, Duration: ms * 1e6}
		h.Resource = h.Resource.AppendAttr("service.name", span.String(app)).AppendAttr("host.name", span.String("h-"+app)).AppendAttr("otel.scope.version", span.String("1.2"))
		return h
	}
	h := []*span.Half{
		half(0, span.KindServer, "web", "GET /", 0, 100), half(1, span.KindClient, "web", "Pay/Do", 10, 80),
		half(2, span.KindServer, "pay", "Pay/Do", 15, 60), half(3, span.KindClient, "pay", "SELECT", 20, 10),
		half(4, span.KindInternal, "pay", "check", 40, 5), half(5, span.KindClient, "web", "Stock/Get", 92, 5),
		half(6, span.KindServer, "stock", "Stock/Get", 93, 3),
	}
	parents := []int32{-1, 0, 1, 2, 2, 0, 5}
	for i, p := range parents {
		if p >= 0 {
			h[i].Parent = h[p].Span
		}
	}
	h[2].Status = span.StatusError
	h[2].Payload = h[2].Payload.AppendAttr("code", span.Int(500)).AppendAttr("retry", span.Bool(true)).AppendStatusMessage("no money")
	h[3].Component, h[3].Payload = "sql", h[3].Payload.AppendAttr("rows", span.Float(2.5)).AppendAttr("code", span.String("ok"))
	h[4].Payload = h[4].Payload.AppendEvent(h[4].Start+1e6, "begin", nil).AppendEvent(h[4].Start+3e6, "end", span.Payload(nil).AppendAttr("n", span.Int(4)))
	h[6].LoadTest, h[6].ResultCode = true, "200"
	calls := []*span.Call{{Callee: "web", Server: h[0]}, {Caller: "web", Callee: "pay", Client: h[1], Server: h[2], Type: span.TypeRPC},
		{Caller: "pay", Callee: "mysql:x", Client: h[3], Type: span.TypeDB}, {Caller: "pay", Callee: "pay", Client: h[4]},
		{Caller: "web", Callee: "stock", Client: h[5], Server: h[6], Type: span.TypeRPC}}
	of := []int{0, 1, 1, 2, 3, 4, 4}
	spans := make([]traceql.Span, len(h))
	for i := range h {
		spans[i] = traceql.Span{Half: h[i], Call: calls[of[i]], Parent: parents[i]}
	}
	return traceql.NewTrace(h[0].Trace, spans, base, 100e6)
}

func TestEval(t *testing.T) {
	for _, c := range [][2]string{
		{`{ }`, "0123456"}, {`{ false }`, ""},
		{`{ resource.service.name = "web" }`, "015"}, {`{ .service.name = "pay" }`, "234"}, {`{ span.service.name = "pay" }`, ""},
		{`{ name = "Pay/Do" && kind = server }`, "2"}, {`{ name =~ "Pay|Stock.*" }`, "56"}, {`{ name !~ ".*/.*" }`, "34"},
		{`{ duration >= 60ms }`, "012"}, {`{ duration / 2 > 30ms }`, "01"}, {`{ 50ms < duration && duration < 70ms }`, "2"},
		{`{ status = error }`, "2"}, {`{ status != error && kind != client }`, "046"}, {`{ statusMessage = "no money" }`, "2"},
		{`{ .code = 500 }`, "2"}, {`{ .code > 400.5 }`, "2"}, {`{ .code != 500 }`, ""}, {`{ .code = "ok" }`, "3"}, {`{ .code != "x" }`, "3"},
		{`{ .code = nil }`, "01456"}, {`{ .code != nil }`, "23"}, {`{ .retry }`, "2"}, {`{ !.retry }`, ""}, {`{ .rows * 2 = 5 }`, "3"}, {`{ .code + 1 = 501 }`, "2"},
		{`{ .none = .other }`, ""}, {`{ .none < 3 || .none > 3 }`, ""}, {`{ resource.host.name = "h-stock" }`, "6"},
		{`{ span:id = "0000000000000003" }`, "2"}, {`{ span:parentID = "0000000000000003" }`, "34"}, {`{ parent = nil }`, "0"},
		{`{ trace:id = "00000000000000000000000000000007" && kind = internal }`, "4"}, {`{ traceDuration = 100ms && rootName = "GET /" && rootServiceName = "web" && .retry }`, "2"},
		{`{ nestedSetParent = -1 }`, "0"}, {`{ nestedSetLeft = 1 }`, "0"}, {`{ nestedSetRight = 14 }`, "0"}, {`{ childCount = 2 }`, "02"},
		{`{ parent.code = 500 }`, "34"}, {`{ parent.resource.service.name = "pay" }`, "34"}, {`{ parent.span.retry }`, "34"},
		{`{ event:name = "end" }`, "4"}, {`{ event:name != "end" }`, ""}, {`{ event:name != "x" }`, "4"}, {`{ event.n = 4 && .n = nil }`, "4"}, {`{ event:timeSinceStart > 2ms }`, "4"},
		{`{ instrumentation:name = "sql" && instrumentation:version = "1.2" && instrumentation.version = "1.2" }`, "3"},
		{`{ call:caller = "web" && call:callee = "pay" }`, "12"}, {`{ call:gap = 20ms }`, "12"}, {`{ call:loadTest = true }`, "56"}, {`{ call:type = "db" }`, "3"},
		{`{ call:operation = "Stock/Get" && kind = client }`, "5"}, {`{ call:resultCode = "200" }`, "56"},
		{`{ kind = server } && { kind = internal }`, "0246"}, {`{ kind = server } && { kind = producer }`, ""}, {`{ kind = internal } || { kind = producer }`, "4"},
		{`{ .service.name = "web" } > { .service.name = "pay" }`, "2"}, {`{ .service.name = "web" } >> { .service.name = "pay" }`, "234"},
		{`{ .service.name = "pay" } << { .service.name = "web" }`, "01"}, {`{ .service.name = "pay" } < { .service.name = "web" }`, "1"},
		{`{ kind = internal } ~ { kind = client }`, "3"}, {`{ kind = client } ~ { kind = client }`, "15"}, {`{ } ~ { nestedSetParent = -1 }`, ""},
		{`{ .service.name = "pay" } !>> { }`, "01256"}, {`{ .service.name = "web" } !> { .service.name = "pay" }`, "34"},
		{`{ kind = internal } !~ { kind = client }`, "15"}, {`{ status = error } !<< { kind = client }`, "35"}, {`{ status = error } !< { kind = client }`, "35"}, {`{ false } !>> { kind = internal }`, "4"},
		{`{ .service.name = "web" } &>> { .service.name = "pay" }`, "01234"}, {`{ .service.name = "web" } &> { .service.name = "pay" }`, "12"},
		{`{ status = error } &<< { kind = server }`, "02"}, {`{ status = error } &< { kind = client }`, "12"}, {`{ kind = internal } &~ { kind = client }`, "34"},
		{`{ status = error } >> { kind = client } | { duration > 50ms }`, ""}, {`{ status = error } >> { kind = client } | { duration > 5ms }`, "3"},
		{`{ } | count() = 7`, "0123456"}, {`{ } | count() > 7`, ""}, {`{ kind = client } | avg(duration) > 31ms`, "135"}, {`{ kind = client } | max(duration) - min(duration) = 75ms`, "135"},
		{`{ } | sum(.code) = 500`, "0123456"}, {`{ } | min(.rows) < 2.6 | max(.none) > 0`, ""},
		{`{ } | by(resource.service.name) | count() >= 3`, "015 234"}, {`{ } | by(resource.service.name) | count() >= 3 | coalesce()`, "012345"},
		{`({ kind = client } | count() > 2) && { kind = internal }`, "1345"}, {`({ kind = client } | count() > 3) || { kind = internal }`, "4"},
		{`({ kind = client } | count()) > ({ kind = internal } | count())`, "1345"}, {`({ kind = internal } | count()) > ({ kind = client } | count())`, ""},
		{`({ kind = server } | count()) = 3`, "026"}, {`{ kind = server } | select(.code)`, "026"},
		{`{ } | count() > 7 - 1 * 2`, "0123456"},
	} {
		q, err := traceql.Parse(c[0])
		if err != nil {
			t.Error(err)
			continue
		}
		var got []string
		tr := sample(t)
		for _, s := range q.Eval(tr) {
			text := ""
			for _, i := range s.Spans {
				text += fmt.Sprint(i)
			}
			got = append(got, text)
		}
		if text := strings.Join(got, " "); text != c[1] {
			t.Errorf("%s found %q, want %q", c[0], text, c[1])
		}
		checkCandidates(t, q, tr, len(got) > 0)
	}
}

// checkCandidates: where a query finds something, one of its candidates must describe a span of the trace.
func checkCandidates(t *testing.T, q *traceql.Query, tr *traceql.Trace, found bool) {
	t.Helper()
	some := slices.ContainsFunc(q.Candidates(), func(c traceql.Candidate) bool {
		for i := range tr.Spans {
			holds := c.Filter == nil || c.Filter.MayMatch(tr.Spans[i].Half)
			for k := range c.Conditions {
				holds = holds && c.Conditions[k].Holds(c.Conditions[k].Attribute.Of(tr, int32(i)))
			}
			if holds {
				return true
			}
		}
		return false
	})
	if found && !some {
		t.Errorf("%s: no candidate describes a span of the trace", q.Text)
	}
}

func TestCandidates(t *testing.T) {
	for _, c := range [][2]string{
		{`{ }`, "any"}, {`{ false }`, ""}, {`{ .a = 1 && .b = 2 || .c = 3 }`, ".a = 1 & .b = 2 | .c = 3"},
		{`{ (.a = 1 || .b = 2) && 3 < .c }`, ".a = 1 & .c > 3 | .b = 2 & .c > 3"}, {`{ !(.a = 1) }`, "any"}, {`{ .a }`, ".a = true"},
		{`{ .a } >> { name = "x" && status = error }`, `name = "x" & status = error`}, {`{ name = "x" } !>> { .a > 1 }`, `.a > 1`},
		{`{ .a = 1 } || { .b = 1 }`, ".a = 1 | .b = 1"}, {`{ .a = 1 } || { }`, ".a = 1 | any"}, {`{ .a = 1 } | { .b = 1 } | count() > 2`, ".a = 1 & .b = 1"},
		{`({ .a > 1 } | count()) > ({ .b = 1 } | count())`, ".b = 1"}, {`count() > 2`, "any"}, {`{ .a = .b }`, "any"},
	} {
		q, err := traceql.Parse(c[0])
		if err != nil {
			t.Error(err)
			continue
		}
		var list []string
		for _, a := range q.Candidates() {
			var all []string
			for _, k := range a.Conditions {
				all = append(all, k.Compare.String())
			}
			if all == nil {
				all = []string{"any"}
			}
			list = append(list, strings.Join(all, " & "))
		}
		if got := strings.Join(list, " | "); got != c[1] {
			t.Errorf("%s: %s, want %s", c[0], got, c[1])
		}
	}
}

func TestMetrics(t *testing.T) {
	for _, c := range [][2]string{
		{`{ } | rate()`, "[] 100 40"}, {`{ kind = client } | count_over_time()`, "[] 2 1"},
		{`{ } | count_over_time() by (resource.service.name)`, "[pay] 3 0, [stock] 0 1, [web] 2 1"},
		{`{ } | count_over_time() by (.service.name, kind)`, "[pay internal] 1 0, [pay server] 1 0, [pay client] 1 0, [stock server] 0 1, [web server] 1 0, [web client] 1 1"},
		{`{ } | max_over_time(duration)`, "[] 0.1 0.005"}, {`{ } | min_over_time(duration)`, "[] 0.005 0.003"}, {`{ } | sum_over_time(.code)`, "[] 500 NaN"},
		{`{ } | avg_over_time(duration) by (kind) | topk(1)`, "[server] 0.08 NaN, [client] NaN 0.005"},
		{`{ } | count_over_time() by (.service.name) | bottomk(1)`, "[pay] NaN 0, [stock] 0 NaN"},
		{`{ kind = client } | quantile_over_time(duration, 0, 1)`, "[0.0] 0.01 0.005, [1.0] 0.08 0.005"},
		{`{ kind = client } | histogram_over_time(duration)`, "[0.0078125] 0 1, [0.015625] 1 0, [0.125] 1 0"},
		{`{ status = error } >> { } | count_over_time()`, "[] 2 0"},
	} {
		q, err := traceql.Parse(c[0])
		if err != nil {
			t.Error(err)
			continue
		}
		tr := sample(t)
		col := q.NewCollector(base, 50e6, 2)
		if f := q.Simple(); f != nil {
			for i := range tr.Spans {
				if h := tr.Spans[i].Half; f.MayMatch(h) {
					col.AddHalf(h)
				}
			}
		} else {
			col.AddTrace(tr, q.Eval(tr))
		}
		var lines []string
		for _, s := range col.Result() {
			var labels []string
			for _, l := range s.Labels {
				labels = append(labels, l.Value.Plain())
			}
			points := ""
			for _, p := range s.Points {
				points += fmt.Sprintf(" %.6g", p)
			}
			lines = append(lines, fmt.Sprint(labels, points))
		}
		got := strings.ReplaceAll(strings.Join(lines, ", "), "]  ", "] ")
		if got != c[1] {
			t.Errorf("%s: %s, want %s", c[0], got, c[1])
		}
	}
}

func TestQuantile(t *testing.T) {
	q, err := traceql.Parse(`{ } | quantile_over_time(duration, .5, .9, .99)`)
	if err != nil {
		t.Fatal(err)
	}
	col := q.NewCollector(base, 60e9, 1)
	for i := range 10_000 {
		col.AddHalf(&span.Half{Start: base, Duration: int64(i+1) * 1e5})
	}
	for i, want := range []float64{.5, .9, .99} {
		if got := col.Result()[i].Points[0]; math.Abs(got-want) > want*.03 {
			t.Errorf("quantile %g is %g", want, got)
		}
	}
}
