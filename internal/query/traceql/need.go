package traceql

import "fmt"

// Columns says that the query is Simple and depends on no more of a half than its App, Operation, Component, Kind, Status,
// Start and Duration.
func (q *Query) Columns() bool {
	columns := q.Simple() != nil
	q.attributes(func(a Attribute) {
		p := plainOf([]Attribute{a})
		columns = columns && (p.all || a.Intrinsic == DurationOf && !a.Parent)
	})
	return columns
}

// NeedsPayload says that the series depend on more of a half than its columns.
func (q *Query) NeedsPayload() bool {
	needs := func(a Attribute) bool {
		switch a.Intrinsic {
		case NoIntrinsic:
			return a != (Attribute{Scope: ScopeResource, Name: serviceName})
		case StatusMessage, EventName, EventTimeSinceStart, LinkTraceID, LinkSpanID, InstrumentationVersion:
			return true
		}
		return false
	}
	found := false
	q.attributes(func(a Attribute) { found = found || needs(a) })
	return found
}

// Simple gives the filter of a query that is one filter and, it may be, series of what it keeps, where both need no more
// than each half by itself. Else nil.
func (q *Query) Simple() *SpansetFilter {
	if len(q.Pipeline.Stages) != 1 {
		return nil
	}
	f, ok := q.Pipeline.Stages[0].(*SpansetFilter)
	simple := ok
	q.attributes(func(a Attribute) { simple = simple && !a.ofTrace() })
	if !simple {
		return nil
	}
	return f
}

// attributes visits all attributes of a query.
func (q *Query) attributes(visit func(Attribute)) {
	visitAll(q.Pipeline, visit)
	if m := q.Metrics; m != nil {
		if m.Attribute != nil {
			visit(*m.Attribute)
		}
		for _, a := range m.By {
			visit(a)
		}
	}
}

func visitAll(x any, visit func(Attribute)) {
	switch x := x.(type) {
	case *Pipeline:
		for _, s := range x.Stages {
			visitAll(s, visit)
		}
	case *SpansetFilter:
		visitAll(x.Expr, visit)
	case *SpansetOp:
		visitAll(x.L, visit)
		visitAll(x.R, visit)
	case *ScalarFilter:
		visitAll(x.L, visit)
		visitAll(x.R, visit)
	case *ScalarOp:
		visitAll(x.L, visit)
		visitAll(x.R, visit)
	case *Aggregate:
		visitAll(x.Expr, visit)
	case *GroupBy:
		visitAll(x.Expr, visit)
	case *Select:
		for _, a := range x.Attributes {
			visit(a)
		}
	case *Binary:
		visitAll(x.L, visit)
		visitAll(x.R, visit)
	case *Unary:
		visitAll(x.X, visit)
	case Attribute:
		visit(x)
	}
}

// Check says what keeps the query from being one for series, or for traces.
func (q *Query) Check(series bool) error {
	switch {
	case series && q.Metrics == nil:
		return fmt.Errorf("TraceQL: the query finds spans and makes no series: end it with a function over time, such as | rate()")
	case !series && q.Metrics != nil:
		return fmt.Errorf("TraceQL: the query makes series and finds no traces: leave out | %s", q.Metrics)
	}
	return nil
}
