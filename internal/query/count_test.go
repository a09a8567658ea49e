package query

import (
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"

	"github.com/twinspan/twinspan/internal/query/querytest"
	"github.com/twinspan/twinspan/internal/span"
	"github.com/twinspan/twinspan/internal/store"
)

// row is a roll-up in one line: calls of one duration.
func row(m int64, kind span.Type, caller, callee, op, instance string, calls, errs int, nanos int64) span.Rollup {
	r := span.Rollup{RollupKey: span.RollupKey{
		Minute: querytest.Base/minute + m, Type: kind, Caller: caller, Callee: callee, Operation: op, Instance: instance,
	}, Calls: uint64(calls), Errors: uint64(errs)}
	r.Latency.AddN(nanos, uint64(calls))
	return r
}

func stats(r span.Rollup, side span.Kind) span.Rollup {
	r.Source, r.Side = span.SourceStats, side
	return r
}

func load(r span.Rollup) span.Rollup { r.LoadTest = true; return r }

var (
	shop = [][]span.Rollup{{
		row(0, span.TypeHTTP, "", "gw", "GET /pay", "gw-1", 10, 1, 100e6),
		row(1, span.TypeHTTP, "", "gw", "GET /pay", "gw-1", 6, 0, 50e6),
		row(0, span.TypeRPC, "gw", "pay", "Pay/Do", "p-1", 8, 0, 20e6),
		row(0, span.TypeRPC, "gw", "pay", "Pay/Do", "p-2", 2, 1, 80e6),
		load(row(1, span.TypeRPC, "gw", "pay", "Pay/Do", "p-2", 3, 0, 20e6)),
		row(0, span.TypeInternal, "pay", "pay", "check", "p-1", 99, 0, 1e6),
		row(0, span.TypeDB, "pay", "mysql:pay", "SELECT orders", "", 10, 0, 2e6),
		row(0, span.TypeMQ, "pay", "kafka:paid", "paid", "", 4, 0, 1e6),
		row(0, span.TypeMQ, "pay", "mailer", "paid", "", 5, 0, 1e6),
		row(0, span.TypeHTTP, "pay", "", "POST /bank", "", 1, 0, 1e6),
	}, {
		// Another range: a half came late, what was counted one-sided is taken back.
		row(0, span.TypeRPC, "gw", "", "Pay/Do", "", 1, 0, 20e6),
		row(0, span.TypeRPC, "gw", "", "Pay/Do", "", -1, 0, 20e6),
		row(0, span.TypeCache, "pay", "redis", "GET", "", 7, 0, 1e6),
		row(9, span.TypeRPC, "gw", "pay", "Pay/Do", "p-1", 1000, 0, 1),
	}}
	firstMinutes = Range{querytest.Base + 5, querytest.Base + 2*minute}
)

func counts(rows [][]span.Rollup) *Service {
	var readers []store.Reader
	for _, r := range rows {
		readers = append(readers, &querytest.Reader{Rows: r})
	}
	return New(readers, DefaultConfig(), slog.New(slog.DiscardHandler))
}

// about rounds nanoseconds to ms, since percentiles are off by up to 2.2%.
func about(ns int64) string { return fmt.Sprintf("%.0f", float64(ns)/1e6) }

func drawApps(apps []App) string {
	var b strings.Builder
	for _, a := range apps {
		fmt.Fprintf(&b, "%s %s %d/%d %s %s\n", a.Name, a.Kind, a.Calls, a.Errors, about(a.P50Nano), a.Source)
	}
	return b.String()
}

func drawEdges(edges []Edge) string {
	var b strings.Builder
	for _, e := range edges {
		fmt.Fprintf(&b, "%s>%s %s %d/%d load=%d %s\n", e.Caller, e.Callee, e.Type, e.Calls, e.Errors, e.LoadTestCalls, about(e.P50Nano))
	}
	return b.String()
}

func TestTopology(t *testing.T) {
	tests := []struct {
		name         string
		filter       TopologyFilter
		edges, nodes string
	}{
		{"all", TopologyFilter{}, `external>gw http 16/1 load=0 101
gw>pay rpc 13/1 load=3 20
pay>mysql:pay db 10/0 load=0 2
pay>redis cache 7/0 load=0 1
pay>mailer mq 5/0 load=0 1
pay>kafka:paid mq 4/0 load=0 1
pay>external http 1/0 load=0 1
`, `gw app 16/1 101 calls
pay app 13/1 20 calls
mysql:pay db 10/0 2 calls
redis cache 7/0 1 calls
mailer app 5/0 1 calls
kafka:paid mq 4/0 1 calls
external external 1/0 1 calls
`},
		{"around one app", TopologyFilter{App: "gw"}, `external>gw http 16/1 load=0 101
gw>pay rpc 13/1 load=3 20
`, `gw app 16/1 101 calls
pay app 13/1 20 calls
external external 1/0 1 calls
`},
		{"load test", TopologyFilter{LoadTest: yes()}, "gw>pay rpc 3/0 load=3 20\n", `pay app 3/0 20 calls
gw app 0/0 0 calls
`},
		{"the rest", TopologyFilter{LoadTest: no(), Operation: "Pay/Do"}, "gw>pay rpc 10/1 load=0 20\n", `pay app 10/1 20 calls
gw app 0/0 0 calls
`},
		{"none", TopologyFilter{Operation: "no"}, "", ""},
	}
	for _, tt := range tests {
		got, err := counts(shop).Topology(t.Context(), firstMinutes, tt.filter)
		if err != nil {
			t.Fatal(err)
		}
		if e, n := drawEdges(got.Edges), drawApps(got.Nodes); e != tt.edges || n != tt.nodes {
			t.Errorf("%s: got\n%s%swant\n%s%s", tt.name, e, n, tt.edges, tt.nodes)
		}
		if got.Range != (Range{querytest.Base, querytest.Base + 2*minute}) {
			t.Errorf("range %+v", got.Range)
		}
		tt.filter.Counts = true
		less, err := counts(shop).Topology(t.Context(), firstMinutes, tt.filter)
		if err != nil {
			t.Fatal(err)
		}
		for i := range got.Edges {
			e := &got.Edges[i]
			e.P50Nano, e.P90Nano, e.P99Nano = 0, 0, 0
		}
		names := func(list []App) (out []string) {
			for _, a := range list {
				out = append(out, a.Name+" "+a.Kind)
			}
			slices.Sort(out)
			return out
		}
		if !slices.Equal(less.Edges, got.Edges) || !slices.Equal(names(less.Nodes), names(got.Nodes)) {
			t.Errorf("%s: counts alone give %+v, want %+v", tt.name, less, got)
		}
	}
}

func TestAppsPreferStatLines(t *testing.T) {
	// Calls are sampled. p-1 writes stat lines, p-3 does not; the client's view of it does not count.
	rows := [][]span.Rollup{{
		row(0, span.TypeRPC, "gw", "pay", "Do", "p-1", 2, 0, 10e6),
		row(0, span.TypeRPC, "gw", "pay", "Do", "p-3", 5, 1, 10e6),
		row(0, span.TypeRPC, "gw", "pay", "Do", "", 1, 0, 10e6),
		stats(row(0, span.TypeRPC, "", "pay", "Do()", "p-1", 200, 7, 30e6), span.KindServer),
		stats(row(0, span.TypeRPC, "gw", "pay", "Do()", "g-1", 210, 7, 30e6), span.KindClient),
		stats(row(0, span.TypeInternal, "pay", "pay", "check", "p-1", 50, 0, 30e6), span.KindInternal),
		// All messages of this queue have consumers: it received none itself.
		stats(row(0, span.TypeMQ, "pay", "kafka:paid", "paid", "p-1", 40, 0, 1e6), span.KindClient),
	}}
	s := counts(rows)
	apps, err := s.Apps(t.Context(), firstMinutes)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := drawApps(apps), "pay app 205/8 30 stats\ngw app 0/0 0 calls\n"; got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
	points, err := s.Series(t.Context(), firstMinutes, SeriesFilter{App: "pay"})
	if err != nil || len(points) != 1 || points[0].Calls != 205 || points[0].Errors != 8 {
		t.Errorf("%v %+v", err, points)
	}
	points, err = s.Series(t.Context(), firstMinutes, SeriesFilter{App: "pay", Caller: "gw"})
	if err != nil || len(points) != 1 || points[0].Calls != 8 {
		t.Errorf("from one caller: %v %+v", err, points)
	}
	topology, err := s.Topology(t.Context(), firstMinutes, TopologyFilter{})
	if got, want := drawEdges(topology.Edges)+drawApps(topology.Nodes),
		"gw>pay rpc 8/1 load=0 10\npay app 205/8 30 stats\ngw app 0/0 0 calls\n"; err != nil || got != want {
		t.Errorf("%v got\n%swant\n%s", err, got, want)
	}
}

func TestOperations(t *testing.T) {
	s := counts(shop)
	got, partial, err := s.Operations(t.Context(), firstMinutes, "pay")
	if err != nil || partial || len(got) != 2 || got[0].Name != "check" || got[0].Type != "internal" || got[1].Name != "Pay/Do" ||
		got[1].Calls != 13 || got[1].Errors != 1 || about(got[1].P50Nano) != "20" || about(got[1].P99Nano) != "82" {
		t.Errorf("%v %+v", err, got)
	}
	if got, _, err = s.Operations(t.Context(), firstMinutes, "nobody"); err != nil || len(got) != 0 {
		t.Errorf("%v %+v", err, got)
	}
	only := counts([][]span.Rollup{{stats(row(0, span.TypeRPC, "", "pay", "Do()", "p-1", 200, 7, 30e6), span.KindServer)}})
	if got, _, err = only.Operations(t.Context(), firstMinutes, "pay"); err != nil || len(got) != 1 || got[0].Source != SourceStats {
		t.Errorf("%v %+v", err, got)
	}
}

// TestOperationsAreBounded has more operations than are listed, of which the busy ones come first or last: those are counted exactly.
func TestOperationsAreBounded(t *testing.T) {
	const quiet = 5*maxOperations + 7
	var rows []span.Rollup
	add := func(name string, calls int) {
		rows = append(rows, row(0, span.TypeRPC, "gw", "pay", name, "p-1", calls, 0, 30e6))
	}
	for i := range 10 {
		add(fmt.Sprintf("early-%d", i), 50)
	}
	for i := range quiet {
		add(fmt.Sprintf("quiet-%d", i), 1)
	}
	for i := range 10 {
		add(fmt.Sprintf("late-%d", i), 60)
	}
	got, partial, err := counts([][]span.Rollup{rows}).Operations(t.Context(), firstMinutes, "pay")
	if err != nil || !partial || len(got) != maxOperations {
		t.Fatalf("%d operations, partial %v, %v", len(got), partial, err)
	}
	for i, o := range got[:20] {
		want, calls := "late-", int64(60)
		if i >= 10 {
			want, calls = "early-", 50
		}
		if !strings.HasPrefix(o.Name, want) || o.Calls != calls {
			t.Errorf("%d is %+v", i, o)
		}
	}
}

// TestNamesAreBounded has an application with operations without end, and applications without end: each is cut, and hides nothing else.
func TestNamesAreBounded(t *testing.T) {
	names := func(rows []span.Rollup) (set NameSet) {
		t.Helper()
		if err := counts([][]span.Rollup{rows}).Names(t.Context(), firstMinutes, &set); err != nil {
			t.Fatal(err)
		}
		return set
	}
	size := func(set *NameSet, app string) int { return len(slices.Collect(set.Of(app))) }
	var rows []span.Rollup
	for i := range maxNamesOfApp + 10 {
		rows = append(rows, row(0, span.TypeRPC, "", "noisy", fmt.Sprintf("o-%d", i), "p-1", 1, 0, 30e6))
	}
	set := names(append(rows, row(0, span.TypeRPC, "", "pay", "Pay/Do", "p-1", 1, 0, 30e6)))
	if size(&set, "noisy") != maxNamesOfApp || size(&set, "pay") != 1 || !set.Partial {
		t.Errorf("%d and %d names, partial %v", size(&set, "noisy"), size(&set, "pay"), set.Partial)
	}
	rows = nil
	for i := range maxNamedApps + 10 {
		for j := range 4 {
			rows = append(rows, row(0, span.TypeRPC, "", fmt.Sprintf("app-%d", i), fmt.Sprintf("o-%d", j), "p-1", 1, 0, 30e6))
		}
	}
	set = names(rows)
	apps := make(map[string]bool)
	for n := range set.Of("") {
		apps[n.App] = true
	}
	if len(apps) != maxNamedApps || size(&set, "") > maxNames+maxNamedApps || !set.Partial {
		t.Errorf("%d applications, %d names, partial %v", len(apps), size(&set, ""), set.Partial)
	}
}

func TestSeries(t *testing.T) {
	got, err := counts(shop).Series(t.Context(), firstMinutes, SeriesFilter{App: "gw"})
	if err != nil || len(got) != 2 || got[0].Time != querytest.Base || got[0].Calls != 10 || got[0].Errors != 1 ||
		got[1].Time != querytest.Base+minute || got[1].Calls != 6 || about(got[1].P50Nano) != "51" {
		t.Errorf("%v %+v", err, got)
	}
	got, err = counts(shop).Series(t.Context(), firstMinutes, SeriesFilter{App: "pay", Operation: "check"})
	if err != nil || len(got) != 1 || got[0].Calls != 99 {
		t.Errorf("internal operation: %v %+v", err, got)
	}
}

func TestRangesAreChecked(t *testing.T) {
	s := counts(nil)
	for _, r := range []Range{{5, 5}, {6, 5}, {0, querytest.Base}, {-1 << 63, 1<<63 - 1}} {
		if _, err := s.Apps(t.Context(), r); !errors.Is(err, ErrBad) {
			t.Errorf("%+v: %v", r, err)
		}
	}
	broken := errors.New("broken")
	s = New([]store.Reader{&querytest.Reader{Err: broken}}, DefaultConfig(), nil)
	if _, err := s.Topology(t.Context(), firstMinutes, TopologyFilter{}); !errors.Is(err, broken) {
		t.Error(err)
	}
}
