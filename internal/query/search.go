package query

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/twinspan/twinspan/internal/span"
	"github.com/twinspan/twinspan/internal/store"
	"github.com/twinspan/twinspan/sdk/id"
)

// MaxLimit is the greatest page of a search, DefaultLimit what 0 means.
const (
	MaxLimit     = 1000
	DefaultLimit = 50
)

// External names in answers, and in the caller and callee of searches, what is not known: a caller from outside, or
// something called that is neither traced nor named.
const External = "external"

// SearchRequest asks for one page of calls.
type SearchRequest struct {
	// Query's After and Lean are set by the Service.
	Query store.Query
	// TraceID restricts to one trace, in any spelling; "" does not restrict.
	TraceID string
	// Limit is the size of the page.
	Limit int
	// Cursor is Next of the page before, "" for the first.
	Cursor string
}

// Page is a page of calls, newest first.
type Page struct {
	Calls []span.Call
	// Next is the cursor of the next page, "" behind the last call. A page may be short and still have a next one.
	Next string
	// Partial says that the page may lack calls, or shows one side of some whose other side is stored; Reason says why.
	Partial bool
	Reason  string
	// SearchedFrom says how far the search came: what started from then on was looked at. 0 says as far as was asked for.
	SearchedFrom int64
}

// Search gives a page of the calls that match, joined: a call whose halves are stored apart is listed once, and matches
// by what both halves say. Of those, it finds the ones of which at least one stored half matches for itself: where one
// filter holds by the client's half only and another by the server's only, the store cannot find the call.
func (s *Service) Search(ctx context.Context, req SearchRequest) (*Page, error) {
	if req.Limit == 0 {
		req.Limit = DefaultLimit
	}
	if req.Limit < 1 || req.Limit > MaxLimit {
		return nil, fmt.Errorf("%w: limit %d is not within 1 to %d", ErrBad, req.Limit, MaxLimit)
	}
	q := req.Query
	if q.To != 0 && q.From >= q.To {
		return nil, errRange(q.From, q.To)
	}
	filters := req.filterHash()
	var after store.Position
	if req.Cursor != "" {
		var err error
		if after, err = decodeCursor(req.Cursor, filters); err != nil {
			return nil, err
		}
	}
	p := &pager{service: s, match: q, limit: req.Limit, listed: make(map[uint64]struct{}), traces: make(map[id.Trace]*lookup)}
	p.match.After, p.match.Lean = store.Position{}, false
	p.externalCaller, p.externalCallee = askExternal(&p.match)
	var err error
	if req.TraceID != "" {
		err = p.listTrace(ctx, req.TraceID, after)
	} else {
		err = p.list(ctx, after)
	}
	if err != nil {
		return nil, err
	}
	page := &Page{Calls: p.calls, Partial: p.reason != "", Reason: p.reason}
	if p.more {
		page.Next, page.SearchedFrom = encodeCursor(p.last, filters), p.last.Start
	}
	return page, nil
}

// askExternal makes a filter on External one on names that are not known, or really that.
func askExternal(q *store.Query) (caller, callee bool) {
	q.NoCaller, q.NoCallee = q.Caller == External, q.Callee == External
	return q.NoCaller, q.NoCallee
}

// pager fills one page.
type pager struct {
	service *Service
	// match is the query without After.
	match                          store.Query
	externalCaller, externalCallee bool
	limit                          int

	calls []span.Call
	// last is the place of the last call that was listed or passed over; more says that there may be others behind it.
	last   store.Position
	more   bool
	reason string
	// listed holds the origins of the leads on the page.
	listed map[uint64]struct{}
	traces map[id.Trace]*lookup
}

// matches tests a call on all filters of the request.
func (p *pager) matches(c *span.Call) bool {
	return p.service.external(c, p.externalCaller, p.externalCallee) && p.match.Match(c)
}

// patience is how long the caller's half of a call may be behind the callee's before the caller counts as not known.
const patience = 10 * time.Second

// external tests a call on its caller and its callee being not known, as far as that is asked for.
func (s *Service) external(c *span.Call, caller, callee bool) bool {
	switch {
	case caller && c.Caller != "" && c.Caller != External, callee && c.Callee != "" && c.Callee != External:
		return false
	case !caller || c.Client != nil || c.Server == nil || c.Server.Parent == 0 && c.Server.Twin == 0:
		return true
	}
	// It names a caller's span, which just may not have arrived.
	return s.now().UnixNano()-c.Server.Received >= int64(patience)
}

func (p *pager) list(ctx context.Context, after store.Position) error {
	rows := newMerger(p.service.readers, p.match, after, p.limit+1)
	rows.until, rows.now = p.service.now().Add(p.service.config.MaxSearchTime), p.service.now
	p.last = after
	for passed := 0; ; {
		row, ok, err := rows.next(ctx)
		if err == nil && !ok && rows.stopped {
			p.last, p.more = rows.resume(), true
			p.note("time was up after %s: all that started from %s on was searched", p.service.config.MaxSearchTime, formatNano(p.last.Start))
		}
		if err != nil || !ok {
			return err
		}
		if len(p.calls) == p.limit {
			p.more = true
			return nil
		}
		if passed == p.service.config.MaxScan {
			p.more = true
			p.note("the page ends after passing over %d stored calls that do not match once they are joined; go on with next", passed)
			return nil
		}
		p.last = store.PositionOf(&row)
		keep, err := p.take(ctx, row)
		if err != nil {
			return err
		}
		if !keep {
			passed++
		}
	}
}

// take lists a stored call, completed by its other half, if it belongs on the page at this place.
func (p *pager) take(ctx context.Context, row span.Call) (listed bool, err error) {
	if canComplete(&row) {
		l, err := p.lookup(ctx, row.Trace())
		if err != nil {
			return false, err
		}
		if l != nil {
			return p.takeJoined(l, row), nil
		}
	}
	return p.add(row), nil
}

func (p *pager) add(c span.Call) bool {
	if _, twice := p.listed[c.Lead().Origin]; twice || !p.matches(&c) {
		return false
	}
	p.listed[c.Lead().Origin] = struct{}{}
	p.calls = append(p.calls, c)
	return true
}

// takeJoined lists the joined call that a stored call belongs to: at the place of the stored call with its lead half if
// the search comes by that one, else here.
func (p *pager) takeJoined(l *lookup, row span.Call) bool {
	at, ok := l.kept[row.Lead().Origin]
	if !ok {
		return p.add(row) // it went between the two reads
	}
	n := l.nodeOf[at]
	call := l.call(n)
	lead := l.lead(n).Origin
	if row.Lead().Origin != lead {
		for i := range l.calls {
			if c := &l.calls[i]; c.Lead().Origin == lead && p.match.Match(c) {
				return false
			}
		}
	}
	return p.add(call)
}

// canComplete says that the other half of a one-sided call may be stored elsewhere.
func canComplete(c *span.Call) bool {
	h := c.Lead()
	switch {
	case c.Client != nil && c.Server != nil || h.Type.Store():
		return false
	case h.Kind.CallerSide():
		return h.Span != 0
	case h.Kind.CalleeSide():
		return h.Twin != 0
	}
	return false
}

// lookup is a trace that was read to complete calls of the page.
type lookup struct {
	*pairing
	calls []span.Call
}

// lookup joins the halves of a trace; nil if the bounds forbid it.
func (p *pager) lookup(ctx context.Context, t id.Trace) (*lookup, error) {
	if l, ok := p.traces[t]; ok {
		return l, nil
	}
	if len(p.traces) >= p.service.config.MaxLookups {
		p.note("more than %d traces of the page have calls with one side only; the others are listed as stored", p.service.config.MaxLookups)
		return nil, nil
	}
	calls, truncated, err := p.service.stored(ctx, t, p.service.config.MaxLookupCalls)
	if err != nil {
		return nil, err
	}
	var l *lookup
	if truncated {
		p.note("trace %s has more than %d calls; those with one side are listed as stored", t, p.service.config.MaxLookupCalls)
	} else {
		l = &lookup{joinHalves(splitHalves(calls)), calls}
	}
	p.traces[t] = l
	return l, nil
}

// note says why the page is partial; the first reason stays.
func (p *pager) note(format string, args ...any) {
	if p.reason == "" {
		p.reason = fmt.Sprintf(format, args...)
	}
}

// listTrace lists the matching calls of one trace.
func (p *pager) listTrace(ctx context.Context, text string, after store.Position) error {
	for _, t := range traceIDs(text) {
		stored, truncated, err := p.service.stored(ctx, t, p.service.config.MaxTraceCalls)
		if err != nil {
			return err
		}
		if len(stored) == 0 {
			continue
		}
		if truncated {
			p.note("the trace has more than %d calls; only these were searched", p.service.config.MaxTraceCalls)
		}
		joined := joinHalves(splitHalves(stored))
		var calls []span.Call
		for n := range joined.nodes {
			c := joined.call(int32(n))
			if p.matches(&c) && (after.IsZero() || after.Compare(store.PositionOf(&c)) < 0) {
				calls = append(calls, c)
			}
		}
		slices.SortFunc(calls, func(a, b span.Call) int { return store.Compare(&a, &b) })
		p.more = len(calls) > p.limit
		p.calls = calls[:min(len(calls), p.limit)]
		if len(p.calls) > 0 {
			p.last = store.PositionOf(&p.calls[len(p.calls)-1])
		}
		return nil
	}
	return nil
}
