package query

import (
	"context"
	"fmt"
	"math"
	"time"

	"github.com/twinspan/twinspan/internal/query/traceql"
	"github.com/twinspan/twinspan/internal/span"
	"github.com/twinspan/twinspan/internal/store"
	"github.com/twinspan/twinspan/sdk/id"
)

// MaxSteps is the greatest number of points of a series of TraceQL.
const MaxSteps = 11_000

// TraceQLMetrics asks for series of a TraceQL query that ends in a function over time.
type TraceQLMetrics struct {
	Expr string
	// From and To bound the starts of the spans that count to [From, To), Step is the length of each step; in nanoseconds
	// (of the Unix epoch).
	From, To, Step int64
	// MaxTime is how long to look, 0 for Config.MaxMetricsTime.
	MaxTime time.Duration
}

// TraceQLSeries is the answer: point i counts the spans that started from Start + i × Step on, for Step.
type TraceQLSeries struct {
	Start, Step int64
	Series      []traceql.Series
	// Partial says that time was up, that there were too many series or that a trace was too great; Reason says why.
	Partial bool
	Reason  string
	// SearchedFrom says how far the search came: what started from then on is counted.
	SearchedFrom int64
	// InspectedCalls counts stored calls that were looked at; their halves, where columns alone were counted.
	InspectedTraces, InspectedCalls int
}

// maxMetricTraces bounds the traces that are remembered while series are made.
const maxMetricTraces = 1 << 20

// MetricsTraceQL counts spans over time, the newest first, for at most MaxTime.
func (s *Service) MetricsTraceQL(ctx context.Context, req TraceQLMetrics) (*TraceQLSeries, error) {
	q, err := ParseTraceQL(req.Expr, true)
	if err != nil {
		return nil, err
	}
	if req.To == 0 || req.From >= req.To {
		return nil, errRange(req.From, req.To)
	}
	if req.Step <= 0 || (req.To-req.From-1)/req.Step >= MaxSteps {
		return nil, fmt.Errorf("%w: the step %s gives more than %d points: make it longer", ErrBad, time.Duration(req.Step), MaxSteps)
	}
	if req.MaxTime <= 0 {
		req.MaxTime = s.config.MaxMetricsTime
	}
	steps := int((req.To-req.From-1)/req.Step) + 1
	m := &metricsFinder{service: s, query: q, collector: q.NewCollector(req.From, req.Step, steps)}
	m.out = &TraceQLSeries{Start: req.From, Step: req.Step, SearchedFrom: req.From}
	p := newPlan(q, req.From, req.To)
	until := s.now().Add(req.MaxTime)
	switch f := q.Simple(); {
	case p.traces != nil:
		err = m.evaluate(ctx, p.traces)
	case q.Columns() && s.countsHalves():
		err = m.count(ctx, f, &p, req.From, req.To, until)
	case f != nil:
		err = m.halves(ctx, f, &p, req.From, req.To, until)
	default:
		err = m.traces(ctx, &p, until)
	}
	if err != nil {
		return nil, err
	}
	if m.collector.Overflow() {
		m.note("there are too many series: only the first that were found are counted")
	}
	m.out.Series = m.collector.Result()
	m.out.Partial = m.out.Reason != ""
	return m.out, nil
}

// metricsFinder counts for one answer.
type metricsFinder struct {
	service   *Service
	query     *traceql.Query
	collector *traceql.Collector
	out       *TraceQLSeries
}

func (m *metricsFinder) note(format string, args ...any) {
	if m.out.Reason == "" {
		m.out.Reason = fmt.Sprintf(format, args...)
	}
}

func (m *metricsFinder) stop(at int64) {
	m.out.SearchedFrom = at
	m.note("time was up: only what started from %s on is counted", formatNano(at))
}

// halfCounter is what readers may have to count halves without putting calls together. Like roll-ups, the readers
// together give each range's halves once. Of a half only what traceql.Query.Columns names is set, until yield returns.
type halfCounter interface {
	Halves(ctx context.Context, q *store.Query, yield func(*span.Half) bool) error
}

func (s *Service) countsHalves() bool {
	for _, r := range s.readers {
		if _, ok := r.(halfCounter); !ok {
			return false
		}
	}
	return true
}

// count counts from the stores' columns alone.
func (m *metricsFinder) count(ctx context.Context, f *traceql.SpansetFilter, p *plan, from, to int64, until time.Time) error {
	if len(p.lookups) == 0 {
		return nil // nothing can match
	}
	// Of several alternatives each half is to be counted once: all are gone through, and tested here.
	q, complete := store.Query{From: from, To: to}, false
	if len(p.lookups) == 1 {
		q = p.lookups[0]
		if complete = q.Half == nil || q.Half.Test == nil; !complete {
			half := *q.Half
			half.Test = nil
			q.Half = &half
		}
	}
	complete = complete || f.Expr == nil
	stopped := int64(math.MinInt64)
	q.Progress = func(at int64) bool {
		if m.service.now().After(until) {
			stopped = max(stopped, at)
			return false
		}
		return true
	}
	for _, r := range m.service.readers {
		err := r.(halfCounter).Halves(ctx, &q, func(h *span.Half) bool {
			if m.out.InspectedCalls++; complete || f.MayMatch(h) {
				m.collector.AddHalf(h)
			}
			return true
		})
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			return fmt.Errorf("count spans: %w", err)
		}
	}
	if stopped >= from {
		m.stop(stopped + 1)
		m.collector.Forget(stopped + 1)
	}
	return nil
}

// halves counts halves as they are stored: no trace is read where a half alone tells all.
func (m *metricsFinder) halves(ctx context.Context, f *traceql.SpansetFilter, p *plan, from, to int64, until time.Time) error {
	for i := range p.lookups {
		p.lookups[i].Lean = !m.query.NeedsPayload()
	}
	rows := m.service.newScan(p, store.Position{}, until)
	for {
		c, _, ok, err := rows.next(ctx)
		m.out.InspectedCalls = rows.seen
		if err != nil {
			return err
		}
		if !ok {
			if rows.stopped {
				m.stop(rows.resume.Start)
			}
			return nil
		}
		for h := range c.Halves() {
			if h.Start >= from && h.Start < to && f.MayMatch(h) {
				m.collector.AddHalf(h)
			}
		}
	}
}

// traces counts what the query finds in whole traces.
func (m *metricsFinder) traces(ctx context.Context, p *plan, until time.Time) error {
	rows := m.service.newScan(p, store.Position{}, until)
	seen := make(map[id.Trace]struct{})
	var batch []id.Trace
	for {
		c, at, ok, err := rows.next(ctx)
		m.out.InspectedCalls = rows.seen
		if err != nil {
			return err
		}
		if ok {
			if _, known := seen[c.Trace()]; known {
				continue
			}
			seen[c.Trace()] = struct{}{}
			if batch = append(batch, c.Trace()); len(batch) < mostTraces {
				continue
			}
		}
		if err := m.evaluate(ctx, batch); err != nil {
			return err
		}
		batch = batch[:0]
		switch {
		case !ok && rows.stopped:
			m.stop(rows.resume.Start)
			return nil
		case !ok:
			return nil
		case m.service.now().After(until) || len(seen) >= maxMetricTraces:
			m.stop(at.Start)
			return nil
		}
	}
}

func (m *metricsFinder) evaluate(ctx context.Context, ids []id.Trace) error {
	if len(ids) == 0 {
		return nil
	}
	m.out.InspectedTraces += len(ids)
	limit := m.service.config.MaxSearchCalls
	return m.service.eachStored(ctx, ids, limit, func(i int, calls []span.Call, truncated bool) bool {
		if truncated {
			m.note("trace %s has more than %d calls (query.max_search_calls): only these were counted", ids[i], limit)
		}
		_, t := traceOf(ids[i], calls, truncated)
		m.collector.AddTrace(t, m.query.Eval(t))
		return true
	})
}
