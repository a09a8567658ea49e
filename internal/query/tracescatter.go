package query

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/twinspan/twinspan/internal/query/traceql"
	"github.com/twinspan/twinspan/internal/span"
	"github.com/twinspan/twinspan/internal/store"
)

const (
	// traceScatterCuts is how many pieces of the time range are looked into for traces, traceScatterSpans how many spans of
	// a set are drawn.
	traceScatterCuts  = 24
	traceScatterSpans = 20
)

// ScatterTraceQL gives a sample of the calls whose spans a query finds, within Config.MaxScatterTime. Of a query that the
// store answers by itself it is the sample that Scatter gives; of others it is the newest traces of each piece of time.
func (s *Service) ScatterTraceQL(ctx context.Context, expr string, r Range, points int) (*Scatter, error) {
	q, err := ParseTraceQL(expr, false)
	if err != nil {
		return nil, err
	}
	if points == 0 {
		points = DefaultPoints
	}
	if one := onlyLookup(q, r); one != nil {
		return s.Scatter(ctx, ScatterRequest{Query: *one, Points: points})
	}
	out := &Scatter{Matched: -1, Complete: true}
	width := max((r.To-r.From+traceScatterCuts-1)/traceScatterCuts, 1)
	until := s.now().Add(s.config.MaxScatterTime)
	listed := make(map[store.Position]struct{})
	for cut := 0; cut < traceScatterCuts && r.To > r.From; cut++ {
		left := until.Sub(s.now())
		page, err := s.SearchTraceQL(ctx, TraceQLRequest{
			Expr: expr, From: max(r.From, r.To-width), To: r.To, Limit: min(max(points/traceScatterCuts/2, 1), MaxTraces), SpansPerSet: traceScatterSpans,
			MaxTime: max(left/4, left/time.Duration(traceScatterCuts-cut), time.Millisecond),
		})
		if err != nil {
			return nil, err
		}
		r.To -= width
		room := points / traceScatterCuts * (cut + 1)
		for _, c := range page.Calls() {
			at := store.PositionOf(&c)
			if _, twice := listed[at]; !twice && len(out.Calls) < max(room, 1) {
				listed[at] = struct{}{}
				out.Calls = append(out.Calls, c)
			}
		}
		out.Complete = out.Complete && page.Next == "" && !page.Partial
		if page.Partial && out.Reason == "" {
			if out.Partial, out.Reason = true, page.Reason; page.Next != "" {
				out.Reason = fmt.Sprintf("the search was ended after %s: some stretches of time were looked at in part only", s.config.MaxScatterTime)
			}
		}
	}
	if len(out.Calls) >= points/traceScatterCuts*traceScatterCuts {
		out.Complete = false // some may have had no room
	}
	if out.Complete {
		out.Matched = int64(len(out.Calls))
	}
	slices.SortFunc(out.Calls, func(a, b span.Call) int { return store.Compare(&a, &b) })
	return out, nil
}

// onlyLookup gives the store's query that says all that a query of one filter does, nil where there is none.
func onlyLookup(q *traceql.Query, r Range) *store.Query {
	p := newPlan(q, r.From, r.To)
	if q.Simple() == nil || len(p.lookups) != 1 || p.traces != nil {
		return nil
	}
	if h := p.lookups[0].Half; h != nil && h.Test != nil {
		return nil
	}
	return &p.lookups[0]
}
