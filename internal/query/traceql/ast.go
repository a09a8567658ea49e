package traceql

import (
	"regexp"
	"strconv"
	"strings"
)

// Expr is an expression about one span: a Value, an Attribute, *Binary or *Unary.
type Expr interface{ String() string }

// Binary is an expression of two.
type Binary struct {
	Op   Op
	L, R Expr
	// Regex is that of OpRegex and OpNotRegex, anchored at both ends.
	Regex *regexp.Regexp
}

// String writes the expression with all parentheses that it needs.
func (b *Binary) String() string {
	return inner(b.L) + " " + b.Op.String() + " " + inner(b.R)
}

// inner puts what has an operator in parentheses.
func inner(e interface{ String() string }) string {
	switch e.(type) {
	case *Binary, *ScalarOp, *SpansetOp:
		return "(" + e.String() + ")"
	}
	return e.String()
}

// Unary is !X or -X.
type Unary struct {
	Op Op
	X  Expr
}

// String writes the expression.
func (u *Unary) String() string { return u.Op.String() + inner(u.X) }

// Stage is one step of a pipeline: *SpansetFilter, *SpansetOp, *ScalarFilter, *GroupBy, Coalesce, *Select, or *Pipeline
// in parentheses.
type Stage interface{ String() string }

// Pipeline is stages, each given what the one before it leaves.
type Pipeline struct{ Stages []Stage }

// String writes the pipeline without parentheses around it.
func (p *Pipeline) String() string {
	parts := make([]string, len(p.Stages))
	for i, s := range p.Stages {
		parts[i] = s.String()
		if _, ok := s.(*Pipeline); ok {
			parts[i] = "(" + parts[i] + ")"
		}
	}
	return strings.Join(parts, " | ")
}

// SpansetFilter keeps the spans for which Expr is true; nil keeps all.
type SpansetFilter struct{ Expr Expr }

// String writes the filter.
func (f *SpansetFilter) String() string {
	if f.Expr == nil {
		return "{ }"
	}
	return "{ " + f.Expr.String() + " }"
}

// SpansetOp combines two sets of spans.
type SpansetOp struct {
	Op   Op
	L, R Stage
}

// String writes the operation.
func (o *SpansetOp) String() string { return operand(o.L) + " " + o.Op.String() + " " + operand(o.R) }

func operand(s Stage) string {
	if _, ok := s.(*Pipeline); ok {
		return "(" + s.String() + ")"
	}
	return inner(s)
}

// Scalar is a number of a set of spans: a Value, *Aggregate, *ScalarOp, or a *Pipeline that ends in one.
type Scalar interface{ String() string }

// AggregateFunc makes a number of a set of spans.
type AggregateFunc uint8

// The aggregates.
const (
	Count AggregateFunc = iota
	Avg
	Min
	Max
	Sum
)

var aggregateNames = [...]string{"count", "avg", "min", "max", "sum"}

// Aggregate is a number of a set of spans. Count has no Expr.
type Aggregate struct {
	Func AggregateFunc
	Expr Expr
}

// String writes the aggregate.
func (a *Aggregate) String() string {
	if a.Func == Count {
		return "count()"
	}
	return aggregateNames[a.Func] + "(" + a.Expr.String() + ")"
}

// ScalarOp computes with numbers of sets of spans.
type ScalarOp struct {
	Op   Op
	L, R Scalar
}

// String writes the operation.
func (o *ScalarOp) String() string { return operand(o.L) + " " + o.Op.String() + " " + operand(o.R) }

// ScalarFilter keeps the sets of spans whose numbers compare so.
type ScalarFilter struct {
	Op   Op
	L, R Scalar
}

// String writes the filter.
func (f *ScalarFilter) String() string {
	return operand(f.L) + " " + f.Op.String() + " " + operand(f.R)
}

// GroupBy makes one set of spans for each value.
type GroupBy struct{ Expr Expr }

// String writes the stage.
func (g *GroupBy) String() string { return "by(" + g.Expr.String() + ")" }

// Coalesce makes one set of spans of all.
type Coalesce struct{}

// String writes the stage.
func (Coalesce) String() string { return "coalesce()" }

// Select asks for attributes to be shown with the spans.
type Select struct{ Attributes []Attribute }

// String writes the stage.
func (s *Select) String() string { return "select(" + joinAttributes(s.Attributes) + ")" }

// MetricsFunc makes series of spans.
type MetricsFunc uint8

// The functions over time.
const (
	Rate MetricsFunc = iota
	CountOverTime
	MinOverTime
	MaxOverTime
	AvgOverTime
	SumOverTime
	QuantileOverTime
	HistogramOverTime
)

var metricsNames = [...]string{
	"rate", "count_over_time", "min_over_time", "max_over_time", "avg_over_time", "sum_over_time", "quantile_over_time", "histogram_over_time",
}

func (f MetricsFunc) String() string { return metricsNames[f] }

// Metrics counts or measures spans over time.
type Metrics struct {
	Func MetricsFunc
	// Attribute is what is measured; Rate and CountOverTime have none.
	Attribute *Attribute
	// Quantiles are those of QuantileOverTime, from 0 to 1.
	Quantiles []float64
	By        []Attribute
}

// String writes the stage.
func (m *Metrics) String() string {
	var args []string
	if m.Attribute != nil {
		args = append(args, m.Attribute.String())
	}
	for _, q := range m.Quantiles {
		args = append(args, strconv.FormatFloat(q, 'f', -1, 64))
	}
	s := m.Func.String() + "(" + strings.Join(args, ", ") + ")"
	if len(m.By) > 0 {
		s += " by (" + joinAttributes(m.By) + ")"
	}
	return s
}

// Rank keeps the N greatest or least series of each step.
type Rank struct {
	Least bool
	N     int
}

// String writes the stage.
func (r *Rank) String() string {
	if r.Least {
		return "bottomk(" + strconv.Itoa(r.N) + ")"
	}
	return "topk(" + strconv.Itoa(r.N) + ")"
}

// String writes the query: another text of the same meaning, which is the same for all texts of one meaning but for
// the order of operands.
func (q *Query) String() string {
	s := q.Pipeline.String()
	if q.Metrics != nil {
		s += " | " + q.Metrics.String()
	}
	if q.Rank != nil {
		s += " | " + q.Rank.String()
	}
	return s
}
