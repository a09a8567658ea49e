package query

import (
	"context"
	"fmt"
	"hash/fnv"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/twinspan/twinspan/internal/query/traceql"
	"github.com/twinspan/twinspan/internal/span"
	"github.com/twinspan/twinspan/internal/store"
	"github.com/twinspan/twinspan/sdk/id"
)

// MaxTraces is the greatest page of a search for traces, DefaultTraces what 0 means; MaxSpansPerSet and
// DefaultSpansPerSet are the same for the spans that are given of a set.
const (
	MaxTraces          = 1000
	DefaultTraces      = 20
	MaxSpansPerSet     = 1000
	DefaultSpansPerSet = 3
)

// TraceQLRequest asks for one page of traces.
type TraceQLRequest struct {
	// Expr is the TraceQL.
	Expr string
	// From and To bound the time that spans are found by to [From, To), in nanoseconds of the Unix epoch. A trace is found
	// by a span within them, and evaluated as a whole.
	From, To int64
	// Limit is how many traces are wanted, SpansPerSet how many spans of each set are given.
	Limit, SpansPerSet int
	// Cursor is Next of the page before, "" for the first.
	Cursor string
	// MaxTime is how long to look, 0 for Config.MaxSearchTime.
	MaxTime time.Duration
}

// TraceQLPage is a page of traces, newest first by the span that they were found by.
type TraceQLPage struct {
	Traces []TraceMatch
	// Next is the cursor of the next page, "" behind the last trace. A page may be short, even empty, and have a next one.
	Next string
	// Partial says that time was up, or that a trace was too great to be evaluated as a whole; Reason says why.
	Partial bool
	Reason  string
	// SearchedFrom says how far the search came: what started from then on was looked at.
	SearchedFrom int64
	// InspectedTraces and InspectedCalls are how many were looked at.
	InspectedTraces, InspectedCalls int
}

// TraceMatch is a trace that was found.
type TraceMatch struct {
	ID id.Trace
	// Text is the id as the source spells it.
	Text string
	// RootService and RootName are the app and the operation of the first span without a parent.
	RootService, RootName string
	// Start and Duration cover the trace, in nanoseconds (of the Unix epoch).
	Start, Duration int64
	Spans, Errors   int
	// Services are the apps of the trace, sorted by name.
	Services []ServiceCount
	Sets     []MatchedSet
	// Truncated says that only a part of the trace was evaluated.
	Truncated bool
}

// ServiceCount is how many spans of a trace an app wrote.
type ServiceCount struct {
	Name          string
	Spans, Errors int
}

// MatchedSet is a set of spans that the query found together.
type MatchedSet struct {
	// Labels are what the set was grouped by and what numbers it was compared by.
	Labels []traceql.Label
	// Matched is how many spans the set has, Spans the first of them by time.
	Matched int
	Spans   []MatchedSpan
}

// MatchedSpan is one span of a set.
type MatchedSpan struct {
	Half *span.Half
	Call span.Call
	// Selected are the attributes that the query compares or selects, those that the span has.
	Selected []traceql.Label
}

// ParseTraceQL reads an expression. Its errors are ErrBad, and *traceql.ParseError where the text is wrong.
func ParseTraceQL(expr string, series bool) (*traceql.Query, error) {
	q, err := traceql.Parse(expr)
	if err == nil {
		err = q.Check(series)
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrBad, err)
	}
	return q, nil
}

// SearchTraceQL gives a page of the traces that a query finds. It looks at the newest first, for at most MaxTime.
func (s *Service) SearchTraceQL(ctx context.Context, req TraceQLRequest) (*TraceQLPage, error) {
	q, err := ParseTraceQL(req.Expr, false)
	if err != nil {
		return nil, err
	}
	if err := req.complete(&s.config); err != nil {
		return nil, err
	}
	f := &traceFinder{
		service: s, query: q, req: &req, to: req.To, selected: q.Shown(), seen: make(map[id.Trace]struct{}),
		page: &TraceQLPage{SearchedFrom: req.From},
	}
	if req.Cursor != "" {
		if f.after, f.to, err = req.place(); err != nil {
			return nil, err
		}
	}
	f.plan = newPlan(q, req.From, f.to)
	if f.plan.traces != nil {
		err = f.known(ctx)
	} else {
		err = f.find(ctx)
	}
	if err != nil {
		return nil, err
	}
	f.page.Partial = f.page.Reason != ""
	return f.page, nil
}

func (r *TraceQLRequest) complete(c *Config) error {
	defaults := func(n *int, def, most int, what string) error {
		if *n == 0 {
			*n = def
		}
		if *n < 1 || *n > most {
			return fmt.Errorf("%w: %s %d is not within 1 to %d", ErrBad, what, *n, most)
		}
		return nil
	}
	if err := defaults(&r.Limit, DefaultTraces, MaxTraces, "limit"); err != nil {
		return err
	}
	if err := defaults(&r.SpansPerSet, DefaultSpansPerSet, MaxSpansPerSet, "spans per set"); err != nil {
		return err
	}
	if r.MaxTime <= 0 {
		r.MaxTime = c.MaxSearchTime
	}
	if r.To == 0 || r.From >= r.To {
		return errRange(r.From, r.To)
	}
	return nil
}

// The cursor of a search for traces is one of calls, a dot, and the end of the first page's range: what is newer than that
// was on no page.
func (r *TraceQLRequest) hash(to int64) uint64 {
	h := fnv.New64a()
	fmt.Fprintf(h, "traceql,%d,%s", to, r.Expr)
	return h.Sum64()
}

func (r *TraceQLRequest) cursor(p store.Position, to int64) string {
	return encodeCursor(p, r.hash(to)) + "." + strconv.FormatInt(to, 36)
}

func (r *TraceQLRequest) place() (p store.Position, to int64, err error) {
	text, end, _ := strings.Cut(r.Cursor, ".")
	to, _ = strconv.ParseInt(end, 36, 64) // the hash tells a wrong one
	p, err = decodeCursor(text, r.hash(to))
	return p, to, err
}

// Calls gives the calls of the spans on the page, each once, trace by trace.
func (p *TraceQLPage) Calls() (calls []span.Call) {
	for i := range p.Traces {
		listed := make(map[*span.Half]struct{})
		for k := range p.Traces[i].Sets {
			for _, m := range p.Traces[i].Sets[k].Spans {
				lead := m.Call.Lead()
				if _, twice := listed[lead]; !twice {
					listed[lead] = struct{}{}
					calls = append(calls, m.Call)
				}
			}
		}
	}
	return calls
}

// traceFinder fills one page.
type traceFinder struct {
	service  *Service
	query    *traceql.Query
	req      *TraceQLRequest
	plan     plan
	after    store.Position
	to       int64
	selected []traceql.Attribute
	seen     map[id.Trace]struct{}
	page     *TraceQLPage
}

// firstTraces and mostTraces are how many traces are read together: few at first, for the page may be full soon.
const (
	firstTraces = 8
	mostTraces  = 256
)

type foundTrace struct {
	id id.Trace
	at store.Position
}

func (f *traceFinder) find(ctx context.Context) error {
	rows := f.service.newScan(&f.plan, f.after, f.service.now().Add(f.req.MaxTime))
	until := f.service.now().Add(f.req.MaxTime)
	size := min(firstTraces, f.req.Limit)
	var batch []foundTrace
	for {
		c, at, ok, err := rows.next(ctx)
		if err != nil {
			return err
		}
		f.page.InspectedCalls = rows.seen
		if ok {
			if _, known := f.seen[c.Trace()]; known {
				continue
			}
			f.seen[c.Trace()] = struct{}{}
			batch = append(batch, foundTrace{c.Trace(), at})
		}
		if ok && len(batch) < size {
			continue
		}
		full, last, err := f.evaluate(ctx, batch)
		switch {
		case err != nil:
			return err
		case full:
			f.next(last)
			return nil
		case !ok && rows.stopped:
			f.next(rows.resume)
			f.note("time was up after %s: all that started from %s on was searched", f.req.MaxTime, formatNano(f.page.SearchedFrom))
			return nil
		case !ok:
			return nil
		case f.service.now().After(until):
			f.next(at)
			f.note("time was up after %s: all that started from %s on was searched", f.req.MaxTime, formatNano(f.page.SearchedFrom))
			return nil
		}
		batch, size = batch[:0], min(2*size, mostTraces)
	}
}

func formatNano(ns int64) string { return time.Unix(0, ns).UTC().Format(time.RFC3339Nano) }

func (f *traceFinder) next(at store.Position) {
	f.page.Next, f.page.SearchedFrom = f.req.cursor(at, f.to), at.Start
}

// note says why the page is partial; the first reason stays.
func (f *traceFinder) note(format string, args ...any) {
	if f.page.Reason == "" {
		f.page.Reason = fmt.Sprintf(format, args...)
	}
}

// known answers a query about traces whose ids it names.
func (f *traceFinder) known(ctx context.Context) error {
	slices.SortFunc(f.plan.traces, func(a, b id.Trace) int { return slices.Compare(a[:], b[:]) })
	var batch []foundTrace
	for _, t := range slices.Compact(f.plan.traces) {
		batch = append(batch, foundTrace{id: t})
	}
	_, _, err := f.evaluate(ctx, batch)
	return err
}

// evaluate adds the traces of a batch that match. full says that the page is full; last is then the place of its last trace.
func (f *traceFinder) evaluate(ctx context.Context, batch []foundTrace) (full bool, last store.Position, err error) {
	if len(batch) == 0 {
		return false, last, nil
	}
	ids := make([]id.Trace, len(batch))
	for i := range batch {
		ids[i] = batch[i].id
	}
	f.page.InspectedTraces += len(batch)
	err = f.service.eachStored(ctx, ids, f.service.config.MaxSearchCalls, func(i int, calls []span.Call, truncated bool) bool {
		if truncated {
			f.note("trace %s has more than %d calls (query.max_search_calls): only these were searched", ids[i], f.service.config.MaxSearchCalls)
		}
		for k := range calls {
			if f.plan.isBefore(&calls[k], f.after) && store.Time(&calls[k]) < f.to {
				return true
			}
		}
		tr, t := traceOf(ids[i], calls, truncated)
		if sets := f.query.Eval(t); len(sets) > 0 {
			f.page.Traces = append(f.page.Traces, f.match(tr, t, sets))
			last = batch[i].at
		}
		full = len(f.page.Traces) >= f.req.Limit
		return !full
	})
	return full, last, err
}

// eachStored reads traces together and yields each that is stored, in order, until yield gives false.
func (s *Service) eachStored(ctx context.Context, ids []id.Trace, limit int, yield func(i int, calls []span.Call, truncated bool) bool) error {
	calls, great := make([][]span.Call, len(ids)), make([]bool, len(ids))
	for _, r := range s.readers {
		parts, truncated, err := readBatch(ctx, r, ids)
		if err != nil {
			return fmt.Errorf("read %d traces: %w", len(ids), err)
		}
		for i := range ids {
			calls[i], great[i] = append(calls[i], parts[i]...), great[i] || truncated[i]
		}
	}
	for i, t := range ids {
		more := true
		if great[i] {
			calls[i] = nil
			var err error
			if more, err = s.oneGreat(ctx, i, t, limit, yield); err != nil {
				return err
			}
		} else if len(calls[i]) > 0 {
			more = yield(i, calls[i], false)
		}
		calls[i] = nil
		if !more {
			return nil
		}
	}
	return nil
}

// oneGreat yields a trace that is too great to be read together with others.
func (s *Service) oneGreat(ctx context.Context, i int, t id.Trace, limit int, yield func(int, []span.Call, bool) bool) (more bool, err error) {
	select {
	case s.great <- struct{}{}:
		defer func() { <-s.great }()
	case <-ctx.Done():
		return false, ctx.Err()
	}
	calls, truncated, err := s.stored(ctx, t, limit)
	if err != nil || len(calls) == 0 {
		return true, err
	}
	return yield(i, calls, truncated), nil
}

// traceOf makes the spans of a trace that queries are evaluated on: every half, a call's server half below its client half.
func traceOf(trace id.Trace, calls []span.Call, truncated bool) (*Trace, *traceql.Trace) {
	tr := Assemble(trace, calls, truncated)
	spans := make([]traceql.Span, 0, tr.Halves)
	first := make([]int32, len(tr.Nodes)) // the first span of each node
	for i := range tr.Nodes {
		n := &tr.Nodes[i]
		parent := int32(-1)
		if n.Parent >= 0 {
			parent = first[n.Parent]
			if p := &tr.Nodes[n.Parent].Call; p.Client != nil && p.Server != nil && n.Call.Lead().Parent != p.Client.Span {
				parent++ // below the server half, unless it names the client half
			}
		}
		first[i] = int32(len(spans))
		for h := range n.Call.Halves() {
			spans = append(spans, traceql.Span{Half: h, Call: &n.Call, Parent: parent})
			parent = first[i]
		}
	}
	return tr, traceql.NewTrace(trace, spans, tr.Start, tr.Duration)
}

func (f *traceFinder) match(tr *Trace, t *traceql.Trace, sets []traceql.Spanset) TraceMatch {
	m := TraceMatch{
		ID: tr.ID, Text: strings.Clone(tr.Text), RootService: strings.Clone(t.RootService), RootName: strings.Clone(t.RootName),
		Start: tr.Start, Duration: tr.Duration, Spans: len(t.Spans), Truncated: tr.Truncated,
	}
	counts := make(map[string]*ServiceCount)
	for i := range t.Spans {
		h := t.Spans[i].Half
		n := counts[h.App]
		if n == nil {
			n = &ServiceCount{Name: strings.Clone(h.App)}
			counts[h.App] = n
		}
		n.Spans++
		if h.Status == span.StatusError {
			n.Errors++
			m.Errors++
		}
	}
	for _, n := range counts {
		m.Services = append(m.Services, *n)
	}
	slices.SortFunc(m.Services, func(a, b ServiceCount) int { return strings.Compare(a.Name, b.Name) })
	for i := range sets {
		m.Sets = append(m.Sets, f.set(t, &sets[i]))
	}
	return m
}

func (f *traceFinder) set(t *traceql.Trace, s *traceql.Spanset) MatchedSet {
	out := MatchedSet{Labels: s.Labels, Matched: len(s.Spans)}
	for _, i := range s.Spans[:min(len(s.Spans), f.req.SpansPerSet)] {
		m := MatchedSpan{Half: t.Spans[i].Half, Call: *t.Spans[i].Call}
		for _, a := range f.selected {
			if v := a.Of(t, i); !v.IsNil() {
				m.Selected = append(m.Selected, traceql.Label{Name: a.String(), Value: v})
			}
		}
		out.Spans = append(out.Spans, m)
	}
	return out
}
