package query

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"strings"

	"github.com/twinspan/twinspan/internal/span"
)

// Operation is one operation of an application, with what it received in a time range. Its JSON is that of the API.
type Operation struct {
	Name    string `json:"name"`
	Type    string `json:"type"`
	Calls   int64  `json:"calls"`
	Errors  int64  `json:"errors"`
	P50Nano int64  `json:"p50Nano"`
	P90Nano int64  `json:"p90Nano"`
	P99Nano int64  `json:"p99Nano"`
	// Source is SourceCalls or SourceStats.
	Source string `json:"source"`
}

type operationKey struct {
	name  string
	kind  span.Type
	stats bool
}

// maxOperations bounds the list of Operations: more than people read, and each has a histogram of up to some kilobytes.
const maxOperations = 5000

// Operations lists the operations of an application, internal ones included, the busiest first; of all for app "". They
// are counted by calls, since stat lines may spell operations differently; by stat lines where there are no calls. partial
// says that there are more than are listed: those with few calls are missing, and the counts of such as come and go are too low.
func (s *Service) Operations(ctx context.Context, r Range, app string) (list []Operation, partial bool, err error) {
	totals := make(map[operationKey]*total)
	hasCalls := false
	_, err = s.each(ctx, r, 0, func(row *span.Rollup) {
		k := operationKey{row.Operation, row.Type, row.Source == span.SourceStats}
		if app != "" && nodeName(row.Callee) != app || k.stats && row.Side == span.KindClient {
			return
		}
		hasCalls = hasCalls || !k.stats
		t := totals[k]
		if t == nil {
			if len(totals) >= 2*maxOperations {
				dropQuiet(totals)
				partial = true
			}
			k.name = strings.Clone(k.name)
			t = new(total)
			totals[k] = t
		}
		t.add(row)
	})
	if err != nil {
		return nil, false, err
	}
	list = make([]Operation, 0, len(totals))
	for k, t := range totals {
		if k.stats == hasCalls || count(t.calls) == 0 {
			continue
		}
		o := Operation{
			Name: k.name, Type: k.kind.String(), Calls: count(t.calls), Errors: count(t.errors), Source: SourceCalls,
			P50Nano: t.quantile(0.5), P90Nano: t.quantile(0.9), P99Nano: t.quantile(0.99),
		}
		if k.stats {
			o.Source = SourceStats
		}
		list = append(list, o)
	}
	byCalls(list, func(o *Operation) int64 { return o.Calls }, func(o *Operation) string { return o.Name + "\x00" + o.Type })
	if len(list) > maxOperations {
		return list[:maxOperations], true, nil
	}
	return list, partial, nil
}

// dropQuiet keeps the busier half.
func dropQuiet(totals map[operationKey]*total) {
	keys := slices.SortedFunc(maps.Keys(totals), func(a, b operationKey) int {
		return cmp.Or(cmp.Compare(count(totals[b].calls), count(totals[a].calls)), cmp.Compare(a.name, b.name))
	})
	for _, k := range keys[len(keys)/2:] {
		delete(totals, k)
	}
}

// SeriesFilter restricts a series; zero fields do not.
type SeriesFilter struct {
	// App is the callee.
	App, Operation, Caller string
}

// Point is one minute.
type Point struct {
	// Time is the minute's start in nanoseconds of the Unix epoch.
	Time             int64
	Calls, Errors    int64
	P50Nano, P99Nano int64
}

// Series gives counts per minute of what was received; minutes without calls are left out. Totals of applications come
// from stat lines as those of Apps do, everything narrower from calls.
func (s *Service) Series(ctx context.Context, r Range, f SeriesFilter) ([]Point, error) {
	perMinute := make(map[int64]received)
	whole := make(received)
	totalsOnly := f.Operation == "" && f.Caller == ""
	_, err := s.each(ctx, r, 1, func(row *span.Rollup) {
		switch {
		case f.App != "" && nodeName(row.Callee) != f.App, f.Caller != "" && nodeName(row.Caller) != f.Caller,
			f.Operation != "" && row.Operation != f.Operation:
			return
		case !totalsOnly && row.Source != span.SourceCalls, f.Operation == "" && row.Type == span.TypeInternal:
			return
		}
		m := perMinute[row.Minute]
		if m == nil {
			m = make(received)
			perMinute[row.Minute] = m
		}
		m.add(row)
		whole.add(row)
	})
	if err != nil {
		return nil, err
	}
	points := make([]Point, 0, len(perMinute))
	withStats := whole.withStats()
	for at, m := range perMinute {
		var t total
		for k, part := range m {
			if whole.counts(k, withStats) {
				t.merge(part)
			}
		}
		if count(t.calls) > 0 {
			points = append(points, Point{at * minute, count(t.calls), count(t.errors), t.quantile(0.5), t.quantile(0.99)})
		}
	}
	slices.SortFunc(points, func(a, b Point) int { return int(a.Time/minute - b.Time/minute) })
	return points, nil
}
