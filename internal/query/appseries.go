package query

import (
	"context"
	"slices"
	"strings"

	"github.com/twinspan/twinspan/internal/span"
)

// mostSteps is how many steps a series of all applications has at most, but for one that their alignment adds.
const mostSteps = 119

// stepFor gives the minutes of a step for a range of minutes: few enough steps, and of a length at which roll-ups are
// kept added up.
func stepFor(minutes int64) int64 {
	step := (minutes + mostSteps - 1) / mostSteps
	for _, whole := range [...]int64{10, 60} {
		if step > whole/2 {
			step = (step + whole - 1) / whole * whole
		}
	}
	return step
}

// AppCounts is what one application, store or queue received, step by step. Its JSON is that of the API.
type AppCounts struct {
	Name   string  `json:"name"`
	Calls  []int64 `json:"calls"`
	Errors []int64 `json:"errors"`
}

// AppSeries is what every application received over a time range.
type AppSeries struct {
	// Start is that of the first step in nanoseconds of the Unix epoch; a step is StepSeconds long, whole minutes.
	Start       int64
	StepSeconds int64
	// Data is as in Topology.
	Data Range
	// Apps have a number for each step, in the order of their names.
	Apps []AppCounts
}

// AppSeries counts for all applications at once, in steps that are few enough to draw.
func (s *Service) AppSeries(ctx context.Context, r Range) (*AppSeries, error) {
	from, to, err := s.minutes(r)
	if err != nil {
		return nil, err
	}
	per := stepFor(to - from)
	from = span.FloorDiv(from, per) * per
	steps := (to - from + per - 1) / per
	type counts struct{ calls, errors []uint64 }
	whole, parts := make(received), make(map[receivedKey]*counts)
	seen, err := s.each(ctx, r, per, func(row *span.Rollup) {
		k := receivedKey{row.Callee, row.Instance, row.Source == span.SourceStats}
		at := span.FloorDiv(row.Minute-from, per)
		if row.Type == span.TypeInternal || k.stats && row.Side != span.KindServer || at < 0 || at >= steps {
			return
		}
		whole.add(row)
		c := parts[k]
		if c == nil {
			k.app, k.instance = strings.Clone(k.app), strings.Clone(k.instance)
			c = &counts{make([]uint64, steps), make([]uint64, steps)}
			parts[k] = c
		}
		c.calls[at] += row.Calls
		c.errors[at] += row.Errors
	})
	if err != nil {
		return nil, err
	}
	withStats := whole.withStats()
	sums := make(map[string]*counts)
	for k, part := range parts {
		if !whole.counts(k, withStats) {
			continue
		}
		sum := sums[nodeName(k.app)]
		if sum == nil {
			sum = &counts{make([]uint64, steps), make([]uint64, steps)}
			sums[nodeName(k.app)] = sum
		}
		for i := range part.calls {
			sum.calls[i] += part.calls[i]
			sum.errors[i] += part.errors[i]
		}
	}
	out := &AppSeries{Start: from * minute, StepSeconds: per * 60}
	if out.Data, err = s.data(ctx, r, seen); err != nil {
		return nil, err
	}
	for name, sum := range sums {
		a := AppCounts{Name: name, Calls: make([]int64, steps), Errors: make([]int64, steps)}
		for i := range sum.calls {
			a.Calls[i], a.Errors[i] = count(sum.calls[i]), count(sum.errors[i])
		}
		out.Apps = append(out.Apps, a)
	}
	slices.SortFunc(out.Apps, func(a, b AppCounts) int { return strings.Compare(a.Name, b.Name) })
	return out, nil
}
