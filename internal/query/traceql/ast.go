package traceql

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/twinspan/twinspan/internal/span"
)

// Scope is where an attribute is looked for.
type Scope uint8

// The scopes. ScopeNone looks at the span, then at its resource; for service.name at the resource only.
const (
	ScopeNone Scope = iota
	ScopeSpan
	ScopeResource
	ScopeEvent
	ScopeLink
	ScopeInstrumentation
)

var scopeNames = [...]string{"", "span", "resource", "event", "link", "instrumentation"}

func (s Scope) String() string { return scopeNames[s] }

// ParseScope reads what String gives.
func ParseScope(text string) (Scope, error) {
	if i := slices.Index(scopeNames[:], text); i >= 0 {
		return Scope(i), nil
	}
	return ScopeNone, fmt.Errorf("scope %.100q is unknown: use one of %s", text, strings.Join(scopeNames[1:], ", "))
}

// Intrinsic is a property of a span, of its call or of its trace that is no attribute.
type Intrinsic uint8

// The intrinsics.
const (
	NoIntrinsic Intrinsic = iota
	Name
	DurationOf
	StatusOf
	StatusMessage
	KindOf
	SpanID
	SpanParentID
	ChildCount
	NestedSetLeft
	NestedSetRight
	NestedSetParent
	Parent
	TraceID
	TraceDuration
	RootName
	RootService
	EventName
	EventTimeSinceStart
	LinkTraceID
	LinkSpanID
	InstrumentationName
	InstrumentationVersion
	CallCaller
	CallCallee
	CallOperation
	CallType
	CallGap
	CallLoadTest
	CallResultCode
	CallCallerAddress
	CallCalleeAddress
)

// intrinsics gives for each its names, the one that is printed first, and the type that it has where there is one.
var intrinsics = [...]struct {
	names []string
	of    Type
}{
	Name:                   {[]string{"name", "span:name"}, TypeText},
	DurationOf:             {[]string{"duration", "span:duration"}, TypeDuration},
	StatusOf:               {[]string{"status", "span:status"}, TypeStatus},
	StatusMessage:          {[]string{"statusMessage", "span:statusMessage"}, TypeText},
	KindOf:                 {[]string{"kind", "span:kind"}, TypeKind},
	SpanID:                 {[]string{"span:id"}, TypeText},
	SpanParentID:           {[]string{"span:parentID"}, TypeText},
	ChildCount:             {[]string{"span:childCount", "childCount"}, TypeInt},
	NestedSetLeft:          {[]string{"nestedSetLeft"}, TypeInt},
	NestedSetRight:         {[]string{"nestedSetRight"}, TypeInt},
	NestedSetParent:        {[]string{"nestedSetParent"}, TypeInt},
	Parent:                 {[]string{"parent"}, TypeText},
	TraceID:                {[]string{"trace:id"}, TypeText},
	TraceDuration:          {[]string{"traceDuration", "trace:duration"}, TypeDuration},
	RootName:               {[]string{"rootName", "trace:rootName"}, TypeText},
	RootService:            {[]string{"rootServiceName", "trace:rootService"}, TypeText},
	EventName:              {[]string{"event:name"}, TypeText},
	EventTimeSinceStart:    {[]string{"event:timeSinceStart"}, TypeDuration},
	LinkTraceID:            {[]string{"link:traceID"}, TypeText},
	LinkSpanID:             {[]string{"link:spanID"}, TypeText},
	InstrumentationName:    {[]string{"instrumentation:name"}, TypeText},
	InstrumentationVersion: {[]string{"instrumentation:version"}, TypeText},
	CallCaller:             {[]string{"call:caller"}, TypeText},
	CallCallee:             {[]string{"call:callee"}, TypeText},
	CallOperation:          {[]string{"call:operation"}, TypeText},
	CallType:               {[]string{"call:type"}, TypeText},
	CallGap:                {[]string{"call:gap"}, TypeDuration},
	CallLoadTest:           {[]string{"call:loadTest"}, TypeBool},
	CallResultCode:         {[]string{"call:resultCode"}, TypeText},
	CallCallerAddress:      {[]string{"call:callerAddress"}, TypeText},
	CallCalleeAddress:      {[]string{"call:calleeAddress"}, TypeText},
}

// String is the name that is printed.
func (i Intrinsic) String() string {
	if i == NoIntrinsic {
		return ""
	}
	return intrinsics[i].names[0]
}

// Intrinsics gives the names of all intrinsics, sorted.
func Intrinsics() (names []string) {
	for i := range intrinsics {
		if i > 0 {
			names = append(names, intrinsics[i].names[0])
		}
	}
	slices.Sort(names)
	return names
}

func scopedIntrinsics() (names []string) {
	for i := range intrinsics {
		for _, n := range intrinsics[i].names {
			if strings.Contains(n, ":") {
				names = append(names, n)
			}
		}
	}
	slices.Sort(names)
	return names
}

func intrinsicOf(name string) (Intrinsic, bool) {
	for i := range intrinsics {
		if slices.Contains(intrinsics[i].names, name) {
			return Intrinsic(i), true
		}
	}
	return NoIntrinsic, false
}

// Attribute is an intrinsic or a named attribute of a span.
type Attribute struct {
	Intrinsic Intrinsic
	Scope     Scope
	// Parent says that the parent span's attribute is meant.
	Parent bool
	Name   string
}

// ParseAttribute reads an attribute as a query has it, such as "resource.service.name" or "name".
func ParseAttribute(text string) (Attribute, error) {
	p := &parser{lexer: lexer{text: text}}
	a, err := p.attributeAlone()
	if err != nil {
		return a, locate(text, err)
	}
	return a, nil
}

// String writes the attribute as a query has it.
func (a Attribute) String() string {
	if a.Intrinsic != NoIntrinsic {
		return a.Intrinsic.String()
	}
	s := ""
	if a.Parent {
		s = "parent"
		if a.Scope != ScopeNone {
			s += "."
		}
	}
	name := a.Name
	if strings.ContainsAny(name, " \t\r\n\"\\{}()=~!<>&|^,") || !isPlain(name) ||
		a.Parent && (strings.HasPrefix(name, "span.") || strings.HasPrefix(name, "resource.")) || startsDigit(name) {
		name = `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(name) + `"`
	}
	return s + a.Scope.String() + "." + name
}

// startsDigit says that behind a dot the name would be read as a number.
func startsDigit(name string) bool { return name[0] >= '0' && name[0] <= '9' }

func isPlain(name string) bool {
	for _, r := range name {
		if r <= ' ' || r == 0x7f || r > 0x7f {
			return false
		}
	}
	return true
}

// Op is an operator.
type Op uint8

// The operators, of values and of sets of spans.
const (
	OpAnd Op = iota
	OpOr
	OpEqual
	OpNotEqual
	OpLess
	OpLessEqual
	OpGreater
	OpGreaterEqual
	OpRegex
	OpNotRegex
	OpAdd
	OpSubtract
	OpMultiply
	OpDivide
	OpModulo
	OpPower
	OpNot
	OpChild
	OpParent
	OpDescendant
	OpAncestor
	OpSibling
	OpNotChild
	OpNotParent
	OpNotDescendant
	OpNotAncestor
	OpNotSibling
	OpUnionChild
	OpUnionParent
	OpUnionDescendant
	OpUnionAncestor
	OpUnionSibling
)

var opNames = [...]string{
	OpAnd: "&&", OpOr: "||", OpEqual: "=", OpNotEqual: "!=", OpLess: "<", OpLessEqual: "<=", OpGreater: ">", OpGreaterEqual: ">=",
	OpRegex: "=~", OpNotRegex: "!~", OpAdd: "+", OpSubtract: "-", OpMultiply: "*", OpDivide: "/", OpModulo: "%", OpPower: "^", OpNot: "!",
	OpChild: ">", OpParent: "<", OpDescendant: ">>", OpAncestor: "<<", OpSibling: "~",
	OpNotChild: "!>", OpNotParent: "!<", OpNotDescendant: "!>>", OpNotAncestor: "!<<", OpNotSibling: "!~",
	OpUnionChild: "&>", OpUnionParent: "&<", OpUnionDescendant: "&>>", OpUnionAncestor: "&<<", OpUnionSibling: "&~",
}

func (o Op) String() string { return opNames[o] }

// comparison says that the operator gives a truth value of two values.
func (o Op) comparison() bool { return o >= OpEqual && o <= OpNotRegex }

// negated says that a relation of spans must not hold.
func (o Op) negated() bool { return o >= OpNotChild && o <= OpNotSibling }

// union says that a relation of spans gives those of both sides.
func (o Op) union() bool { return o >= OpUnionChild && o <= OpUnionSibling }

// relation is the plain relation of spans that the operator is about.
func (o Op) relation() Op {
	switch {
	case o.negated():
		return o - OpNotChild + OpChild
	case o.union():
		return o - OpUnionChild + OpChild
	}
	return o
}

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

func joinAttributes(list []Attribute) string {
	parts := make([]string, len(list))
	for i, a := range list {
		parts[i] = a.String()
	}
	return strings.Join(parts, ", ")
}

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

// Enumerated gives all values that an attribute can have, nil where there are too many to name.
func (a Attribute) Enumerated() (list []Value) {
	switch a.Intrinsic {
	case StatusOf:
		for s := span.StatusUnset; s <= span.StatusError; s++ {
			list = append(list, Status(s))
		}
	case KindOf:
		for k := span.KindUnspecified; k <= span.KindConsumer; k++ {
			list = append(list, Kind(k))
		}
	case CallType:
		for t := span.TypeInternal; t <= span.TypeMQ; t++ {
			list = append(list, Text(t.String()))
		}
	case CallLoadTest:
		list = []Value{Bool(false), Bool(true)}
	}
	return list
}
