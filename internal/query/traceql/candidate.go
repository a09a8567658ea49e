package traceql

import (
	"regexp"

	"github.com/twinspan/twinspan/internal/span"
)

// Candidate is one way in which a trace can match: it has a span that Filter keeps, for which all Conditions hold.
type Candidate struct {
	// Filter is that of the span, nil where any span will do.
	Filter     *SpansetFilter
	Conditions []Condition
	// Complete says that the conditions say all that Filter says.
	Complete bool
}

// Condition compares an attribute with a value.
type Condition struct {
	Attribute Attribute
	Op        Op
	Value     Value
	// Compare is the comparison as it stands in the query, with the attribute on its left.
	Compare *Binary
}

// Holds tests the condition on a value of the attribute.
func (c *Condition) Holds(v Value) bool { return c.Compare.holds(v, c.Value) }

// maxCandidates bounds the alternatives that a query is taken apart to; beyond, they say less.
const maxCandidates = 8

// Candidates gives what to look for: every trace that matches has a span that one of the candidates describes. None at all
// says that nothing can match.
func (q *Query) Candidates() []Candidate { return candidatesOf(q.Pipeline) }

func candidatesOf(s Stage) []Candidate {
	switch s := s.(type) {
	case *Pipeline:
		// Later stages only take away. A filter that follows a filter is about the same spans.
		if len(s.Stages) > 1 {
			a, ok := s.Stages[0].(*SpansetFilter)
			b, follows := s.Stages[1].(*SpansetFilter)
			if ok && follows && a.Expr != nil && b.Expr != nil {
				return candidatesOf(&SpansetFilter{&Binary{Op: OpAnd, L: a.Expr, R: b.Expr}})
			}
		}
		return candidatesOf(s.Stages[0])
	case *SpansetFilter:
		list := alternatives(s.Expr)
		for i := range list {
			list[i].Filter = s
		}
		return list
	case *SpansetOp:
		l, r := candidatesOf(s.L), candidatesOf(s.R)
		switch {
		case s.Op == OpOr && len(l)+len(r) <= maxCandidates:
			return append(l, r...)
		case s.Op == OpOr:
			return []Candidate{{}}
		case s.Op.negated() || worth(r) >= worth(l):
			return r
		}
		return l
	case *ScalarFilter:
		l, r := ofScalar(s.L), ofScalar(s.R)
		if worth(l) >= worth(r) {
			return l
		}
		return r
	}
	return []Candidate{{}}
}

// ofScalar gives the candidates of a number that there is only where some spans are found.
func ofScalar(s Scalar) []Candidate {
	switch s := s.(type) {
	case *Pipeline:
		return candidatesOf(&Pipeline{s.Stages[:len(s.Stages)-1]})
	case *ScalarOp:
		l, r := ofScalar(s.L), ofScalar(s.R)
		if worth(l) >= worth(r) {
			return l
		}
		return r
	}
	return []Candidate{{}}
}

// alternatives takes a condition apart: one of the lists must hold as a whole.
func alternatives(e Expr) []Candidate {
	any := []Candidate{{}}
	switch e := e.(type) {
	case nil:
		return []Candidate{{Complete: true}}
	case Value:
		if !isTrue(e) {
			return nil
		}
		return []Candidate{{Complete: true}}
	case Attribute:
		return []Candidate{{Complete: true, Conditions: []Condition{conditionOf(e, OpEqual, Bool(true), nil)}}}
	case *Binary:
		switch {
		case e.Op == OpOr:
			if l, r := alternatives(e.L), alternatives(e.R); len(l)+len(r) <= maxCandidates {
				return append(l, r...)
			}
		case e.Op == OpAnd:
			return product(alternatives(e.L), alternatives(e.R))
		case e.Op.comparison():
			if a, ok := e.L.(Attribute); ok {
				if v, ok := e.R.(Value); ok {
					return []Candidate{{Complete: true, Conditions: []Condition{conditionOf(a, e.Op, v, e.Regex)}}}
				}
			}
			if a, ok := e.R.(Attribute); ok {
				if v, ok := e.L.(Value); ok {
					return []Candidate{{Complete: true, Conditions: []Condition{conditionOf(a, mirrored(e.Op), v, nil)}}}
				}
			}
		}
	}
	return any
}

func conditionOf(a Attribute, op Op, v Value, regex *regexp.Regexp) Condition {
	return Condition{Attribute: a, Op: op, Value: v, Compare: &Binary{Op: op, L: a, R: v, Regex: regex}}
}

// product gives the alternatives of which both sides hold.
func product(l, r []Candidate) (list []Candidate) {
	if len(l)*len(r) > maxCandidates {
		if worth(l) < worth(r) {
			l = r
		}
		for i := range l {
			l[i].Complete = false
		}
		return l
	}
	for i := range l {
		for k := range r {
			both := append(l[i].Conditions[:len(l[i].Conditions):len(l[i].Conditions)], r[k].Conditions...)
			list = append(list, Candidate{Conditions: both, Complete: l[i].Complete && r[k].Complete})
		}
	}
	return list
}

// worth says how much alternatives narrow a search: as much as the one that narrows least.
func worth(list []Candidate) int {
	if len(list) == 0 {
		return 1 << 20 // nothing can match
	}
	least := 1 << 20
	for i := range list {
		n := 0
		for k := range list[i].Conditions {
			n += list[i].Conditions[k].worth()
		}
		least = min(least, n)
	}
	return least
}

func (c *Condition) worth() int {
	if c.Value.IsNil() || c.Op == OpNotEqual || c.Op == OpNotRegex {
		return 1
	}
	exact := c.Op == OpEqual
	switch c.Attribute.Intrinsic {
	case TraceID, SpanID:
		if exact {
			return 1000
		}
	case NoIntrinsic:
		if c.Attribute.Parent || c.Attribute.Scope > ScopeResource {
			return 1
		}
		if exact {
			return 20
		}
		return 4
	case Name, CallOperation:
		if exact {
			return 20
		}
		return 4
	case StatusOf:
		if exact && c.Value.Int() == int64(span.StatusError) {
			return 30
		}
	case CallCaller, CallCallee:
		if exact {
			return 15
		}
		return 4
	case DurationOf:
		if c.Op == OpGreater || c.Op == OpGreaterEqual {
			return 5
		}
	}
	return 1
}
