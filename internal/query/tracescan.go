package query

import (
	"context"
	"math"
	"time"

	"github.com/twinspan/twinspan/internal/query/traceql"
	"github.com/twinspan/twinspan/internal/span"
	"github.com/twinspan/twinspan/internal/store"
	"github.com/twinspan/twinspan/sdk/id"
)

// plan is how the traces of a TraceQL query are looked for: each has a stored call that one of the lookups finds.
type plan struct {
	lookups []store.Query
	// traces are those that can match at all, by their ids; nil if there is no such restriction.
	traces []id.Trace
}

// newPlan takes from a query what the store can answer by its indexes and columns. What it cannot is evaluated later, on
// whole traces: a lookup may find too much, never too little.
func newPlan(q *traceql.Query, from, to int64) plan {
	var p plan
	byID := true
	for _, c := range q.Candidates() {
		t := translator{query: store.Query{From: from, To: to}, complete: c.Complete}
		for i := range c.Conditions {
			t.add(&c.Conditions[i])
		}
		if !t.pushed {
			t.addRoot(c.Conditions)
		}
		if !t.complete && c.Filter != nil {
			t.half().Test = c.Filter.MayMatch
		}
		// The store tests all, so that the calls' attributes are not needed to choose traces.
		t.query.Lean = true
		p.lookups = append(p.lookups, t.query)
		if t.trace.IsZero() {
			byID = false
		} else {
			p.traces = append(p.traces, t.trace)
		}
	}
	if !byID {
		p.traces = nil
	}
	return p
}

// translator makes a store's query of conditions that must all hold for one half.
type translator struct {
	query store.Query
	// pushed says that the query restricts something, complete that it says all that the filter does.
	pushed, complete bool
	trace            id.Trace
}

func (t *translator) half() *store.HalfFilter {
	t.pushed = true
	if t.query.Half == nil {
		t.query.Half = new(store.HalfFilter)
	}
	return t.query.Half
}

func (t *translator) add(c *traceql.Condition) {
	before := t.complete
	t.complete = false
	equal := c.Op == traceql.OpEqual
	switch c.Attribute.Intrinsic {
	case traceql.NoIntrinsic:
		t.complete = t.attribute(c) && before
	case traceql.Name:
		t.complete = t.text(c, func() *store.Text { return &t.half().Operation }) && before
	case traceql.InstrumentationName:
		t.complete = t.text(c, func() *store.Text { return &t.half().Component }) && before
	case traceql.DurationOf:
		t.complete = t.duration(c) && before
	case traceql.StatusOf:
		if equal && t.half().Status == nil {
			s := span.Status(c.Value.Int())
			t.half().Status, t.complete = &s, before
		}
	case traceql.KindOf:
		if equal && t.half().Kind == nil {
			k := span.Kind(c.Value.Int())
			t.half().Kind, t.complete = &k, before
		}
	case traceql.TraceID:
		if equal && c.Value.Type == traceql.TypeText {
			t.trace, _ = id.ParseTrace(c.Value.Plain())
			t.pushed = true
		}
	default:
		if equal {
			t.ofCall(c)
		}
	}
}

// ofCall takes what the stored call says. Joined to another one it may say something else; then one of the two has a
// half that says it for itself.
func (t *translator) ofCall(c *traceql.Condition) {
	set := func(field *string) {
		if text := c.Value.Plain(); *field == "" && c.Value.Type == traceql.TypeText {
			*field, t.pushed = text, true
		}
	}
	switch c.Attribute.Intrinsic {
	case traceql.CallCaller:
		set(&t.query.Caller)
	case traceql.CallCallee:
		set(&t.query.Callee)
	case traceql.CallOperation:
		set(&t.query.Operation)
	case traceql.CallResultCode:
		set(&t.query.ResultCode)
	case traceql.CallCallerAddress, traceql.CallCalleeAddress:
		set(&t.query.Address)
	case traceql.CallLoadTest:
		if yes := c.Value.Int() != 0; yes {
			t.query.LoadTest, t.pushed = &yes, true
		}
	}
}

// text restricts a text; field is asked for only if there is something to say.
func (t *translator) text(c *traceql.Condition, field func() *store.Text) bool {
	if c.Value.Type != traceql.TypeText {
		return false
	}
	if f := field(); c.Op == traceql.OpEqual && f.Is == "" && c.Value.Plain() != "" {
		f.Is = c.Value.Plain()
	} else {
		others := f.Test
		f.Test = func(s string) bool { return (others == nil || others(s)) && c.Holds(traceql.Text(s)) }
	}
	return true
}

func (t *translator) duration(c *traceql.Condition) bool {
	v := c.Value.Float()
	if math.IsNaN(v) || math.Abs(v) >= math.MaxInt64 {
		return false
	}
	// Bounds are whole nanoseconds, both inclusive, and 0 is none.
	low, high := int64(math.Ceil(v)), int64(math.Floor(v))
	h := t.half()
	switch c.Op {
	case traceql.OpGreater:
		low = high + 1
		fallthrough
	case traceql.OpGreaterEqual:
		h.MinDuration = max(h.MinDuration, low)
	case traceql.OpLess, traceql.OpLessEqual:
		if c.Op == traceql.OpLess {
			high = low - 1
		}
		if high <= 0 || h.MaxDuration != 0 && h.MaxDuration <= high {
			return h.MaxDuration != 0 && high > 0
		}
		h.MaxDuration = high
	case traceql.OpEqual:
		if low <= 0 {
			return false
		}
		h.MinDuration, h.MaxDuration = max(h.MinDuration, low), high
		return false // another bound may be lost
	default:
		return false
	}
	return true
}

// serviceName is the attribute of resources that is the application.
const serviceName = "service.name"

func (t *translator) attribute(c *traceql.Condition) bool {
	a := c.Attribute
	if a.Parent || c.Value.IsNil() && c.Op != traceql.OpNotEqual {
		return false
	}
	key := a.Name
	switch a.Scope {
	case traceql.ScopeNone, traceql.ScopeResource:
		if a.Name == serviceName {
			return t.text(c, func() *store.Text { return &t.half().App })
		}
		if a.Name == "service.instance.id" {
			return false // mostly outside of the resource
		}
	case traceql.ScopeInstrumentation:
		key = "otel.scope." + key
	case traceql.ScopeEvent, traceql.ScopeLink:
		return false
	}
	t.query.Tags = append(t.query.Tags, store.Tag{Key: key, Test: func(v span.Value) bool { return c.Holds(traceql.ValueOf(v)) }})
	t.pushed = true
	return true
}

// addRoot looks for the root where nothing else tells traces apart.
func (t *translator) addRoot(list []traceql.Condition) {
	for i := range list {
		c := &list[i]
		if c.Op != traceql.OpEqual || c.Value.Type != traceql.TypeText {
			continue
		}
		switch c.Attribute.Intrinsic {
		case traceql.RootService:
			t.half().App.Is = c.Value.Plain()
		case traceql.RootName:
			t.half().Operation.Is = c.Value.Plain()
		default:
			continue
		}
		// The filter is about other spans than the root.
		t.complete = true
	}
}

// scan gives the calls of several searches, newest first, each once.
type scan struct {
	sources []scanSource
	// stopped says that time was up; the search goes on behind resume.
	stopped bool
	resume  store.Position
	// seen is the number of calls that the stores found.
	seen int
}

type scanSource struct {
	*merger
	head  span.Call
	at    store.Position
	state uint8
}

const (
	scanEmpty = iota
	scanHead
	scanEnd
)

// scanChunk is how many calls of each reader are asked for at first; a merger asks for more each time.
const scanChunk = 128

func (s *Service) newScan(p *plan, after store.Position, until time.Time) *scan {
	out := &scan{sources: make([]scanSource, len(p.lookups))}
	for i := range out.sources {
		m := newMerger(s.readers, p.lookups[i], after, scanChunk)
		m.until, m.now = until, s.now
		out.sources[i] = scanSource{merger: m}
	}
	return out
}

// next gives the next call that a lookup wants, with its place.
func (s *scan) next(ctx context.Context) (c span.Call, at store.Position, ok bool, err error) {
	first := -1
	for i := range s.sources {
		src := &s.sources[i]
		if src.state == scanEmpty {
			if err := s.advance(ctx, src); err != nil {
				return c, at, false, err
			}
		}
		if src.state == scanHead && (first < 0 || src.at.Compare(s.sources[first].at) < 0) {
			first = i
		}
	}
	if first < 0 || s.stopped && s.sources[first].at.Compare(s.resume) >= 0 {
		return c, at, false, nil
	}
	c, at = s.sources[first].head, s.sources[first].at
	for i := range s.sources {
		if src := &s.sources[i]; src.state == scanHead && src.at == at {
			src.state = scanEmpty
		}
	}
	s.seen++
	return c, at, true, nil
}

func (s *scan) advance(ctx context.Context, src *scanSource) error {
	c, ok, err := src.merger.next(ctx)
	if err != nil {
		return err
	}
	if ok {
		src.head, src.at, src.state = c, store.PositionOf(&c), scanHead
		return nil
	}
	src.state = scanEnd
	if src.stopped {
		if r := src.merger.resume(); !s.stopped || r.Compare(s.resume) < 0 {
			s.stopped, s.resume = true, r
		}
	}
	return nil
}

// isBefore says that a call was found by the pages before a place.
func (p *plan) isBefore(c *span.Call, after store.Position) bool {
	at := store.PositionOf(c)
	if after.IsZero() || at.Compare(after) > 0 {
		return false
	}
	for i := range p.lookups {
		q := p.lookups[i]
		// A relative range may have moved since the page before.
		q.From, q.To, q.After = math.MinInt64, 0, store.Position{}
		if q.Match(c) {
			return true
		}
	}
	return false
}
