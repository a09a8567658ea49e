package query

import (
	"context"
	"slices"
	"strings"

	"github.com/twinspan/twinspan/internal/span"
	"github.com/twinspan/twinspan/internal/store"
)

// App is an application, store, queue or the outside, with what it received in a time range. Its JSON is that of the API.
type App struct {
	Name string `json:"name"`
	// Kind is KindApp, KindDB, KindCache, KindMQ or External.
	Kind    string `json:"kind"`
	Calls   int64  `json:"calls"`
	Errors  int64  `json:"errors"`
	P50Nano int64  `json:"p50Nano"`
	P99Nano int64  `json:"p99Nano"`
	// Source is SourceStats where stat lines are counted, else SourceCalls. Percentiles are 0 where the source has none.
	Source string `json:"source"`
}

// Edge is all calls of one type from one node to another.
type Edge struct {
	Caller        string `json:"caller"`
	Callee        string `json:"callee"`
	Type          string `json:"type"`
	Calls         int64  `json:"calls"`
	Errors        int64  `json:"errors"`
	P50Nano       int64  `json:"p50Nano"`
	P90Nano       int64  `json:"p90Nano"`
	P99Nano       int64  `json:"p99Nano"`
	LoadTestCalls int64  `json:"loadTestCalls"`
	// Source is SourceCalls: of sampled traffic an edge counts the sampled calls.
	Source string `json:"source"`
}

// Topology is who called whom.
type Topology struct {
	Nodes []App
	Edges []Edge
	// Range is what was counted: whole minutes.
	Range Range
	// Data is the part of the range from the first to the last call: what counts are to be divided by to get rates. Zero if
	// nothing was received.
	Data Range
}

// TopologyFilter restricts a topology; zero fields do not.
type TopologyFilter struct {
	// App keeps the edges from and to one node. The nodes' own counts stay whole.
	App string
	// Operation is the callee's operation.
	Operation string
	LoadTest  *bool
	// Counts asks for no more than edges with their counts, and names and kinds of nodes: the rest of the answer is left 0,
	// Data too. That is several times cheaper.
	Counts bool
}

type edgeKey struct {
	caller, callee string
	kind           span.Type
}

type edgeTotal struct {
	total
	loadTest uint64
}

// Topology counts the edges of a time range, each call once, and the nodes that they join.
func (s *Service) Topology(ctx context.Context, r Range, f TopologyFilter) (*Topology, error) {
	from, to, err := s.minutes(r)
	if err != nil {
		return nil, err
	}
	edges, nodes, roles := make(map[edgeKey]*edgeTotal), make(received), make(kinds)
	seen, err := s.eachOf(ctx, r, store.RollupQuery{Counts: f.Counts}, func(row *span.Rollup) {
		roles.add(row)
		if f.Operation != "" && row.Operation != f.Operation || f.LoadTest != nil && row.LoadTest != *f.LoadTest {
			return
		}
		if row.Type == span.TypeInternal {
			return
		}
		if !f.Counts {
			nodes.add(row)
		}
		if row.Source != span.SourceCalls ||
			f.App != "" && nodeName(row.Caller) != f.App && nodeName(row.Callee) != f.App {
			return
		}
		k := edgeKey{row.Caller, row.Callee, row.Type}
		e := edges[k]
		if e == nil {
			k.caller, k.callee = strings.Clone(k.caller), strings.Clone(k.callee)
			e = new(edgeTotal)
			edges[k] = e
		}
		if f.Counts {
			e.calls += row.Calls
			e.errors += row.Errors
		} else {
			e.add(row)
		}
		if row.LoadTest {
			e.loadTest += row.Calls
		}
	})
	if err != nil {
		return nil, err
	}
	t := &Topology{Range: Range{from * minute, to * minute}}
	if f.Counts {
		seen = store.Interval{}
	}
	if t.Data, err = s.data(ctx, r, seen); err != nil {
		return nil, err
	}
	names := make(map[string]bool)
	for k, e := range edges {
		if count(e.calls) == 0 {
			continue // corrected away
		}
		names[k.caller], names[k.callee] = true, true
		t.Edges = append(t.Edges, Edge{
			Caller: nodeName(k.caller), Callee: nodeName(k.callee), Type: k.kind.String(), Calls: count(e.calls),
			Errors: count(e.errors), P50Nano: e.quantile(0.5), P90Nano: e.quantile(0.9), P99Nano: e.quantile(0.99),
			LoadTestCalls: count(e.loadTest), Source: SourceCalls,
		})
	}
	byCalls(t.Edges, func(e *Edge) int64 { return e.Calls }, func(e *Edge) string { return e.Caller + "\x00" + e.Callee + "\x00" + e.Type })
	t.Nodes = apps(names, nodes.byApp(), roles)
	return t, nil
}

// apps makes the list of nodes, the busiest first.
func apps(names map[string]bool, totals map[string]*appTotal, roles kinds) []App {
	list := make([]App, 0, len(names))
	for name := range names {
		a := App{Name: nodeName(name), Kind: roles.of(name), Source: SourceCalls}
		if t := totals[name]; t != nil {
			a.Calls, a.Errors, a.Source = count(t.calls), count(t.errors), t.source
			a.P50Nano, a.P99Nano = t.quantile(0.5), t.quantile(0.99)
		}
		list = append(list, a)
	}
	byCalls(list, func(a *App) int64 { return a.Calls }, func(a *App) string { return a.Name })
	// An application may really be called "external": then there is one node for both.
	return slices.CompactFunc(list, func(a, b App) bool { return a.Name == b.Name })
}

// Apps lists everything that called or was called in a time range, with what it received.
func (s *Service) Apps(ctx context.Context, r Range) ([]App, error) {
	totals, roles := make(received), make(kinds)
	seen := make(map[string]*uint64) // the calls that a name has part in: what was corrected away has none
	_, err := s.each(ctx, r, 0, func(row *span.Rollup) {
		roles.add(row)
		if row.Type != span.TypeInternal {
			totals.add(row)
		}
		for _, name := range [2]string{row.Caller, row.Callee} {
			if seen[name] == nil {
				seen[strings.Clone(name)] = new(uint64)
			}
			*seen[name] += row.Calls
		}
	})
	if err != nil {
		return nil, err
	}
	byApp := totals.byApp()
	names := make(map[string]bool)
	for name, calls := range seen {
		called := byApp[name] != nil && count(byApp[name].calls) > 0
		// The outside is listed where it was called; so is a queue, whose messages else are calls to their consumers.
		if count(*calls) > 0 && (called || name != "" && roles.of(name) != KindMQ) {
			names[name] = true
		}
	}
	return apps(names, byApp, roles), nil
}
