package query

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"sync"
	"time"

	"github.com/twinspan/twinspan/internal/span"
	"github.com/twinspan/twinspan/internal/store"
)

// MaxPoints is the greatest number of points of a scatter, DefaultPoints what 0 means.
const (
	MaxPoints     = 10_000
	DefaultPoints = 2_000
)

const (
	// scatterCuts is how many pieces of the time range are looked into for an even sample, scatterFailedCuts the same for
	// failed calls where they are too many to show all.
	scatterCuts       = 200
	scatterFailedCuts = 50
	// scatterAtOnce is how many pieces are read at the same time.
	scatterAtOnce = 3
	// slowRounds is how often the bound for the slowest calls is raised until all beyond it fit.
	slowRounds = 10
)

// ScatterRequest asks for calls to draw over time and duration.
type ScatterRequest struct {
	// Query's After and Lean are set by the Service; From and To are needed unless TraceID is set.
	Query store.Query
	// TraceID restricts to one trace, in any spelling; "" does not restrict.
	TraceID string
	// Points is how many are wanted at most.
	Points int
}

// Scatter is a sample of calls.
type Scatter struct {
	// Calls are lean and newest first. They are not joined: a call whose halves are stored apart may be there twice.
	Calls []span.Call
	// Complete says that these are all calls that match.
	Complete bool
	// Matched is about how many match, -1 if that is not known.
	Matched int64
	// Partial says that time ran out, so that stretches of time, failed or slow calls may be missing; Reason says why.
	Partial bool
	Reason  string
}

// Scatter gives all matching calls if they fit. If not, it gives as many from each piece of the time in which there were
// calls, and besides them failed ones and the slowest, each up to an eighth of the points, so that the picture keeps its
// proportions: all failed calls if they fit, else some of each piece of time; and all calls that are slower than some
// bound. It takes Config.MaxScatterTime at most.
func (s *Service) Scatter(ctx context.Context, req ScatterRequest) (*Scatter, error) {
	if req.Points == 0 {
		req.Points = DefaultPoints
	}
	if req.Points < 1 || req.Points > MaxPoints {
		return nil, fmt.Errorf("%w: %d points are not within 1 to %d", ErrBad, req.Points, MaxPoints)
	}
	q := req.Query
	if req.TraceID == "" && q.From >= q.To || q.To != 0 && q.From >= q.To {
		return nil, errRange(q.From, q.To)
	}
	if req.TraceID != "" {
		return s.scatterTrace(ctx, req)
	}
	d := &drawer{service: s, points: req.Points, query: q, drawn: make(map[store.Position]struct{})}
	d.query.After, d.query.Lean = store.Position{}, true
	d.externalCaller, d.externalCallee = askExternal(&d.query)
	limited, cancel := context.WithTimeout(ctx, s.config.MaxScatterTime)
	defer cancel()
	err := d.draw(limited)
	out := &Scatter{Calls: d.calls, Complete: d.complete, Matched: d.matched}
	if err != nil {
		// The caller's own end is no part of an answer.
		if ctx.Err() != nil || !errors.Is(err, context.DeadlineExceeded) {
			return nil, fmt.Errorf("sample calls: %w", err)
		}
		out.Partial = true
		out.Reason = fmt.Sprintf("the search was ended after %s: narrow the time range or add filters", s.config.MaxScatterTime)
	}
	if out.Complete {
		out.Matched = int64(len(out.Calls))
	}
	out.Matched = max(out.Matched, -1)
	slices.SortFunc(out.Calls, func(a, b span.Call) int { return store.Compare(&a, &b) })
	return out, nil
}

// scatterTrace gives the newest matching calls of one trace.
func (s *Service) scatterTrace(ctx context.Context, req ScatterRequest) (*Scatter, error) {
	p := &pager{service: s, match: req.Query, limit: req.Points}
	p.externalCaller, p.externalCallee = askExternal(&p.match)
	if err := p.listTrace(ctx, req.TraceID, store.Position{}); err != nil {
		return nil, err
	}
	out := &Scatter{Calls: p.calls, Complete: !p.more && p.reason == "", Matched: -1, Partial: p.reason != "", Reason: p.reason}
	if out.Complete {
		out.Matched = int64(len(p.calls))
	}
	return out, nil
}

// drawer gathers the points of one scatter.
type drawer struct {
	service                        *Service
	query                          store.Query
	externalCaller, externalCallee bool
	points                         int

	mu       sync.Mutex
	calls    []span.Call
	drawn    map[store.Position]struct{}
	complete bool
	matched  int64
}

func (d *drawer) draw(ctx context.Context) error {
	d.matched = -1
	newest, more, err := d.read(ctx, d.query, d.points)
	if err != nil {
		d.add(newest)
		return err
	}
	if !more {
		d.add(newest)
		d.complete = true
		return nil
	}
	// What was read is left out: it would make the newest moments look busier than the rest.
	active, err := d.active(ctx)
	if err != nil {
		return err
	}
	eighth := max(d.points/8, 1)
	failed := d.query
	wanted := true
	failed.Error = &wanted
	if d.query.Error == nil {
		if err := d.drawFailed(ctx, failed, active, eighth); err != nil {
			return err
		}
	}
	even := d.points - 2*eighth
	if d.query.Error != nil {
		even = d.points - eighth
	}
	cuts := min(scatterCuts, max(even, 1))
	if err := d.spread(ctx, d.query, active, cuts, max(even/cuts, 1)); err != nil {
		return err
	}
	return d.drawSlow(ctx, eighth)
}

// add keeps calls that are not there yet, as long as there is room.
func (d *drawer) add(calls []span.Call) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for i := range calls {
		at := store.PositionOf(&calls[i])
		if _, twice := d.drawn[at]; !twice && len(d.calls) < d.points {
			d.drawn[at] = struct{}{}
			d.calls = append(d.calls, calls[i])
		}
	}
}

// read gives the newest limit matches of a query; more says that there may be others.
func (d *drawer) read(ctx context.Context, q store.Query, limit int) (calls []span.Call, more bool, err error) {
	rows := newMerger(d.service.readers, q, store.Position{}, limit+1)
	for passed := 0; ; {
		c, ok, err := rows.next(ctx)
		if err != nil || !ok {
			return calls, false, err
		}
		if !d.service.external(&c, d.externalCaller, d.externalCallee) {
			if passed++; passed >= d.service.config.MaxScan {
				return calls, true, nil
			}
			continue
		}
		if len(calls) == limit {
			return calls, true, nil
		}
		calls = append(calls, c)
	}
}

func (d *drawer) drawFailed(ctx context.Context, q store.Query, active []Range, limit int) error {
	calls, more, err := d.read(ctx, q, limit)
	if err != nil {
		return err
	}
	if !more {
		d.add(calls)
		return nil
	}
	cuts := min(scatterFailedCuts, limit)
	return d.spread(ctx, q, active, cuts, limit/cuts)
}

// drawSlow finds a bound which at most limit calls exceed, and adds those.
func (d *drawer) drawSlow(ctx context.Context, limit int) error {
	bound := upper(d.calls, 0.99)
	for range slowRounds {
		q := d.query
		q.MinDuration = max(q.MinDuration, bound)
		calls, more, err := d.read(ctx, q, limit)
		if err != nil {
			return err
		}
		next := upper(calls, 0.8)
		if !more || next <= bound {
			d.add(calls) // or as many as there are of one duration
			return nil
		}
		bound = next
	}
	return nil
}

// upper gives the duration that a share of the calls does not exceed.
func upper(calls []span.Call, share float64) int64 {
	if len(calls) == 0 {
		return 0
	}
	durations := make([]int64, len(calls))
	for i := range calls {
		durations[i] = calls[i].Duration()
	}
	slices.Sort(durations)
	return durations[min(int(share*float64(len(durations))), len(durations)-1)]
}

// spread adds the newest per calls of each of a number of pieces of time. What is read at the same time lies far apart: pieces
// beside each other are in the same blocks, which only one reader at a time has unpacked.
func (d *drawer) spread(ctx context.Context, q store.Query, active []Range, pieces, per int) error {
	list := cut(active, pieces)
	var failed error
	var group sync.WaitGroup
	for part := range scatterAtOnce {
		own := list[len(list)*part/scatterAtOnce : len(list)*(part+1)/scatterAtOnce]
		take := func(err error) (r Range, ok bool) {
			d.mu.Lock()
			defer d.mu.Unlock()
			if failed == nil {
				failed = err
			}
			if failed != nil || len(own) == 0 {
				return Range{}, false
			}
			last := len(own) - 1
			r, own = own[last], own[:last]
			return r, true
		}
		group.Go(func() {
			for r, ok := take(nil); ok; {
				piece := q
				piece.From, piece.To = r.From, r.To
				calls, _, err := d.read(ctx, piece, per)
				d.add(calls)
				r, ok = take(err)
			}
		})
	}
	group.Wait()
	return failed
}

// active gives the stretches of the time range in which there were calls, as far as roll-ups tell, and estimates how many
// match, if roll-ups know all the filters.
func (d *drawer) active(ctx context.Context) ([]Range, error) {
	q := &d.query
	whole := Range{q.From, q.To}
	if time.Duration(satSub(q.To, q.From)) > d.service.config.MaxRange {
		return []Range{whole}, nil
	}
	counted := q.Address == "" && q.MinDuration == 0 && q.MaxDuration == 0 && q.Kind == nil && q.Component == "" &&
		q.Instance == "" && q.ResultCode == "" && len(q.Tags) == 0 && q.Half == nil
	perMinute := make(map[int64]int64)
	_, err := d.service.eachOf(ctx, whole, store.RollupQuery{Step: 1, Counts: true}, func(row *span.Rollup) {
		if row.Source != span.SourceCalls || !d.matchesRow(row) {
			return
		}
		n := count(row.Calls)
		if q.Error != nil {
			failed := count(row.Errors)
			if *q.Error {
				n = failed
			} else {
				n -= failed
			}
		}
		perMinute[row.Minute] += n
	})
	if err != nil {
		return nil, err
	}
	matched := 0.0
	var list []Range
	minutes := make([]int64, 0, len(perMinute))
	for at, n := range perMinute {
		if n > 0 {
			minutes = append(minutes, at)
		}
	}
	slices.Sort(minutes)
	for _, at := range minutes {
		r := Range{max(at*minute, q.From), min((at+1)*minute, q.To)}
		matched += float64(perMinute[at]) * float64(r.To-r.From) / float64(minute)
		if last := len(list) - 1; last >= 0 && list[last].To == r.From {
			list[last].To = r.To
		} else {
			list = append(list, r)
		}
	}
	if len(list) == 0 {
		return []Range{whole}, nil // there are calls, but not yet in roll-ups
	}
	if counted {
		d.matched = int64(math.Round(matched))
	}
	return list, nil
}

// matchesRow tests what roll-ups know of the filters.
func (d *drawer) matchesRow(row *span.Rollup) bool {
	q := &d.query
	return (q.App == "" || row.Caller == q.App || row.Callee == q.App) && (q.Caller == "" || nodeName(row.Caller) == q.Caller) &&
		(q.Callee == "" || nodeName(row.Callee) == q.Callee) && (q.Operation == "" || row.Operation == q.Operation) &&
		(q.Type == nil || row.Type == *q.Type) && (q.LoadTest == nil || row.LoadTest == *q.LoadTest)
}

// cut divides stretches of time into pieces of about the same length; what lies between two stretches does not count.
func cut(active []Range, pieces int) []Range {
	if len(active) > pieces {
		active = []Range{{active[0].From, active[len(active)-1].To}}
	}
	length := int64(0)
	for _, r := range active {
		length += r.To - r.From
	}
	size := max(length/int64(pieces), 1)
	list := make([]Range, 0, pieces+len(active))
	for _, r := range active {
		// Stretches that are shorter than a piece are one of their own; a short rest goes to the piece before.
		n := max((r.To-r.From+size/2)/size, 1)
		for i := range n {
			list = append(list, Range{r.From + (r.To-r.From)/n*i, r.From + (r.To-r.From)/n*(i+1)})
		}
		list[len(list)-1].To = r.To
	}
	return list
}
