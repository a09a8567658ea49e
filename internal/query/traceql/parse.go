package traceql

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/twinspan/twinspan/sdk/id"
)

// parser reads one token ahead. Expressions of spans and of sets of spans are read by precedence; what is what comes from
// the operands.
type parser struct {
	lexer
	token token
	depth int
}

// maxNesting bounds parentheses within each other.
const maxNesting = 100

func (p *parser) advance() *ParseError {
	t, err := p.next()
	if err == nil {
		p.token = t
	}
	return err
}

func (p *parser) expected(what string) *ParseError {
	return failAt(p.token.at, max(p.token.end, p.token.at+1), "expected %s, found %s", what, p.token.describe())
}

func (p *parser) take(symbol string) *ParseError {
	if !p.token.is(symbol) {
		return p.expected(strconv.Quote(symbol))
	}
	return p.advance()
}

// enter counts a level of nesting.
func (p *parser) enter() *ParseError {
	if p.depth++; p.depth > maxNesting {
		return failAt(p.token.at, p.token.end, "more than %d parentheses within each other", maxNesting)
	}
	return nil
}

func (p *parser) attributeAlone() (a Attribute, err *ParseError) {
	if err = p.advance(); err != nil {
		return a, err
	}
	if p.token.kind != tokenAttribute {
		return a, p.expected("an attribute")
	}
	a = p.token.attr
	if err = p.advance(); err == nil && p.token.kind != tokenEnd {
		err = p.expected("the end of the attribute")
	}
	return a, err
}

func (p *parser) query() (*Query, *ParseError) {
	if err := p.advance(); err != nil {
		return nil, err
	}
	if p.token.kind == tokenEnd {
		return nil, failAt(0, 0, "the query is empty: { } finds all spans")
	}
	q := &Query{Pipeline: &Pipeline{}}
	for {
		if q.Metrics == nil && p.isMetrics() {
			if len(q.Pipeline.Stages) == 0 {
				return nil, failAt(p.token.at, p.token.end, "%s needs spans to work on: begin with { } |", p.token.text)
			}
			m, err := p.metrics()
			if err != nil {
				return nil, err
			}
			q.Metrics = m
		} else if q.Metrics != nil {
			r, err := p.rank()
			if err != nil {
				return nil, err
			}
			q.Rank = r
		} else {
			at, end := p.token.at, p.token.end
			s, err := p.stage()
			if err != nil {
				return nil, err
			}
			if kindOf(s) != kindSpans {
				return nil, failAt(at, end, "%s is a number and finds nothing by itself: compare it, such as %s > 2", s, s)
			}
			q.Pipeline.Stages = append(q.Pipeline.Stages, s)
		}
		if !p.token.is("|") {
			break
		}
		if q.Rank != nil {
			return nil, failAt(p.token.at, p.token.end, "nothing can follow %s", q.Rank)
		}
		if err := p.advance(); err != nil {
			return nil, err
		}
	}
	if p.token.kind == tokenWord && p.token.text == "with" {
		if err := p.hints(); err != nil {
			return nil, err
		}
	}
	if p.token.kind != tokenEnd {
		what := `an operator, "|" or the end of the query`
		if q.Metrics != nil {
			what = `"|" or the end of the query`
		}
		return nil, p.expected(what)
	}
	return q, nil
}

// hints reads with(name=value, …), which tell Tempo how to work, and passes over them: they change no answer.
func (p *parser) hints() *ParseError {
	if err := p.advance(); err != nil {
		return err
	}
	if err := p.take("("); err != nil {
		return err
	}
	for {
		if p.token.kind != tokenWord {
			return p.expected("the name of a hint")
		}
		if err := p.advance(); err != nil {
			return err
		}
		if err := p.take("="); err != nil {
			return err
		}
		if p.token.kind != tokenValue {
			return p.expected("the value of the hint")
		}
		if err := p.advance(); err != nil {
			return err
		}
		if !p.token.is(",") {
			return p.take(")")
		}
		if err := p.advance(); err != nil {
			return err
		}
	}
}

// The kinds of what a stage can be made of.
const (
	kindSpans = iota
	kindNumber
	kindConstant
)

func kindOf(s Stage) int {
	switch s := s.(type) {
	case Value:
		return kindConstant
	case *Aggregate, *ScalarOp:
		return kindNumber
	case *Pipeline:
		return kindOf(s.Stages[len(s.Stages)-1])
	}
	return kindSpans
}

// unsupported are words of Tempo's that are not for us.
var unsupported = []string{"compare", "quantile", "stddev", "group", "sum_by", "second_stage"}

// stage reads one stage of a pipeline.
func (p *parser) stage() (Stage, *ParseError) {
	if p.token.kind != tokenWord {
		return p.combined(0)
	}
	switch word := p.token.text; word {
	case "by":
		e, err := p.argument()
		if err != nil {
			return nil, err
		}
		return &GroupBy{e}, nil
	case "coalesce":
		if err := p.noArgument(); err != nil {
			return nil, err
		}
		return Coalesce{}, nil
	case "select":
		if err := p.advance(); err != nil {
			return nil, err
		}
		list, err := p.attributes()
		if err != nil {
			return nil, err
		}
		return &Select{list}, nil
	case "count", "avg", "min", "max", "sum":
		return p.combined(0)
	default:
		switch {
		case slices.Contains(metricsNames[:], word):
			return nil, failAt(p.token.at, p.token.end, "%s can only be the last stage of the whole query", word)
		case word == "topk" || word == "bottomk":
			return nil, failAt(p.token.at, p.token.end, "%s needs series: write it behind a function over time, such as { } | rate() by (name) | topk(5)", word)
		case slices.Contains(unsupported, word):
			return nil, failAt(p.token.at, p.token.end, "%s() is not supported", word)
		}
		return nil, p.expected(`"{", "(", or one of by, select, coalesce, count, avg, min, max, sum, ` + strings.Join(metricsNames[:], ", "))
	}
}

// argument reads (expression) behind a word.
func (p *parser) argument() (Expr, *ParseError) {
	if err := p.advance(); err != nil {
		return nil, err
	}
	if err := p.take("("); err != nil {
		return nil, err
	}
	e, err := p.expr(0)
	if err != nil {
		return nil, err
	}
	return e, p.take(")")
}

func (p *parser) noArgument() *ParseError {
	if err := p.advance(); err != nil {
		return err
	}
	if err := p.take("("); err != nil {
		return err
	}
	return p.take(")")
}

// attributes reads (attribute, …).
func (p *parser) attributes() (list []Attribute, err *ParseError) {
	if err := p.take("("); err != nil {
		return nil, err
	}
	for {
		if p.token.kind != tokenAttribute {
			return nil, p.expected("an attribute, such as resource.service.name")
		}
		list = append(list, p.token.attr)
		if err := p.advance(); err != nil {
			return nil, err
		}
		if !p.token.is(",") {
			return list, p.take(")")
		}
		if err := p.advance(); err != nil {
			return nil, err
		}
	}
}

// stageOps are the operators between the parts of a stage, by precedence: && and || bind alike, as in Tempo.
var stageOps = map[string]struct {
	precedence     int
	spans, numbers Op
}{
	"&&": {1, OpAnd, none}, "||": {1, OpOr, none},
	">": {2, OpChild, OpGreater}, "<": {2, OpParent, OpLess}, ">>": {2, OpDescendant, none}, "<<": {2, OpAncestor, none}, "~": {2, OpSibling, none},
	"!>": {2, OpNotChild, none}, "!<": {2, OpNotParent, none}, "!>>": {2, OpNotDescendant, none}, "!<<": {2, OpNotAncestor, none}, "!~": {2, OpNotSibling, none},
	"&>": {2, OpUnionChild, none}, "&<": {2, OpUnionParent, none}, "&>>": {2, OpUnionDescendant, none}, "&<<": {2, OpUnionAncestor, none}, "&~": {2, OpUnionSibling, none},
	"=": {2, none, OpEqual}, "!=": {2, none, OpNotEqual}, ">=": {2, none, OpGreaterEqual}, "<=": {2, none, OpLessEqual},
	"+": {3, none, OpAdd}, "-": {3, none, OpSubtract}, "*": {4, none, OpMultiply}, "/": {4, none, OpDivide}, "%": {4, none, OpModulo}, "^": {5, none, OpPower},
}

// none stands for "no such operator".
const none = Op(255)

// combined reads parts of a stage and the operators between them that bind tighter than least.
func (p *parser) combined(least int) (Stage, *ParseError) {
	left, err := p.part()
	if err != nil {
		return nil, err
	}
	for p.token.kind == tokenSymbol {
		t := p.token
		op, ok := stageOps[t.text]
		if !ok || op.precedence <= least {
			break
		}
		if err := p.advance(); err != nil {
			return nil, err
		}
		bind := op.precedence
		if op.numbers == OpPower {
			bind--
		}
		right, err := p.combined(bind)
		if err != nil {
			return nil, err
		}
		if left, err = combine(&t, op.spans, op.numbers, left, right); err != nil {
			return nil, err
		}
	}
	return left, nil
}

func combine(t *token, spans, numbers Op, l, r Stage) (Stage, *ParseError) {
	lk, rk := kindOf(l), kindOf(r)
	switch {
	case lk == kindSpans && rk == kindSpans:
		_, lf := l.(*ScalarFilter)
		_, rf := r.(*ScalarFilter)
		if lf || rf {
			return nil, failAt(t.at, t.end, "%q does not combine comparisons of numbers: write a stage for each, such as | count() > 2 | avg(duration) > 1s", t.text)
		}
		if spans == none {
			return nil, failAt(t.at, t.end, "%q does not combine sets of spans: use &&, ||, >, >>, <, <<, ~ and their forms with ! and &", t.text)
		}
		return &SpansetOp{spans, l, r}, nil
	case lk == kindSpans || rk == kindSpans:
		return nil, failAt(t.at, t.end, "%q stands between a set of spans and a number: write { … } | count() > 2 to compare numbers", t.text)
	case numbers == none:
		return nil, failAt(t.at, t.end, "%q does not combine numbers", t.text)
	case numbers.comparison():
		if lk == kindConstant && rk == kindConstant {
			return nil, failAt(t.at, t.end, "both sides of %q are constants", t.text)
		}
		return &ScalarFilter{numbers, l, r}, nil
	}
	return &ScalarOp{numbers, l, r}, nil
}

// part reads an operand of a stage.
func (p *parser) part() (Stage, *ParseError) {
	switch t := p.token; {
	case t.is("{"):
		return p.filter()
	case t.is("("):
		return p.parenthesis()
	case t.is("-"):
		if err := p.advance(); err != nil {
			return nil, err
		}
		if p.token.kind != tokenValue || !p.token.value.Type.numeric() {
			return nil, p.expected("a number")
		}
		v := arithmetic(OpSubtract, Int(0), p.token.value)
		return v, p.advance()
	case t.kind == tokenValue:
		if !t.value.Type.numeric() {
			return nil, failAt(t.at, t.end, "expected a set of spans or a number, found the value %s: conditions stand in braces, such as { .attribute = %s }", t.value, t.value)
		}
		return t.value, p.advance()
	case t.kind == tokenAttribute:
		return nil, failAt(t.at, t.end, "the attribute %s stands outside of braces: conditions are such as { %s = 1 }", t.attr, t.attr)
	case t.kind == tokenWord:
		return p.aggregate()
	}
	return nil, p.expected(`"{", "(" or a number`)
}

func (p *parser) filter() (Stage, *ParseError) {
	if err := p.advance(); err != nil {
		return nil, err
	}
	f := &SpansetFilter{}
	if p.token.is("}") {
		return f, p.advance()
	}
	at, end := p.token.at, p.token.end
	e, err := p.expr(0)
	if err != nil {
		return nil, err
	}
	if t := typeOf(e); t != TypeBool && t != TypeUnknown {
		if _, constant := e.(Value); constant {
			return nil, failAt(at, end, "%s is %s: a filter needs a condition, such as { .attribute = %s }", e, t, e)
		}
		return nil, failAt(at, max(end, p.token.at), "%s is %s: a filter needs a condition, such as { %s = … }", e, t, e)
	}
	if !p.token.is("}") {
		return nil, p.expected(`an operator or "}"`)
	}
	f.Expr = e
	return f, p.advance()
}

func (p *parser) parenthesis() (Stage, *ParseError) {
	if err := p.enter(); err != nil {
		return nil, err
	}
	defer func() { p.depth-- }()
	if err := p.advance(); err != nil {
		return nil, err
	}
	list := &Pipeline{}
	for {
		at, end := p.token.at, p.token.end
		s, err := p.stage()
		if err != nil {
			return nil, err
		}
		list.Stages = append(list.Stages, s)
		if !p.token.is("|") {
			break
		}
		if kindOf(s) != kindSpans {
			return nil, failAt(at, end, "%s is a number: nothing can follow it but the closing parenthesis", s)
		}
		if err := p.advance(); err != nil {
			return nil, err
		}
	}
	if !p.token.is(")") {
		return nil, p.expected(`an operator, "|" or ")"`)
	}
	if len(list.Stages) == 1 {
		return list.Stages[0], p.advance()
	}
	return list, p.advance()
}

func (p *parser) aggregate() (Stage, *ParseError) {
	f := slices.Index(aggregateNames[:], p.token.text)
	if f < 0 {
		return nil, p.expected(`"{", "(", count, avg, min, max or sum`)
	}
	a := &Aggregate{Func: AggregateFunc(f)}
	if a.Func == Count {
		return a, p.noArgument()
	}
	at, end, name := p.token.at, p.token.end, p.token.text
	e, err := p.argument()
	if err != nil {
		return nil, err
	}
	if t := typeOf(e); t != TypeUnknown && !t.numeric() {
		return nil, failAt(at, end, "%s needs numbers, but %s is %s", name, e, t)
	}
	a.Expr = e
	return a, nil
}

func (p *parser) isMetrics() bool {
	return p.token.kind == tokenWord && slices.Contains(metricsNames[:], p.token.text)
}

func (p *parser) metrics() (*Metrics, *ParseError) {
	m := &Metrics{Func: MetricsFunc(slices.Index(metricsNames[:], p.token.text))}
	if err := p.advance(); err != nil {
		return nil, err
	}
	if err := p.take("("); err != nil {
		return nil, err
	}
	if m.Func > CountOverTime {
		if p.token.kind != tokenAttribute {
			return nil, p.expected("the attribute to measure, such as duration")
		}
		a := p.token.attr
		if t := typeOf(a); t != TypeUnknown && !t.numeric() {
			return nil, failAt(p.token.at, p.token.end, "%s needs numbers, but %s is %s", m.Func, a, t)
		}
		m.Attribute = &a
		if err := p.advance(); err != nil {
			return nil, err
		}
	}
	for m.Func == QuantileOverTime && p.token.is(",") {
		if err := p.advance(); err != nil {
			return nil, err
		}
		q := p.token.value.Float()
		if p.token.kind != tokenValue || !(q >= 0 && q <= 1) || p.token.value.Type == TypeDuration {
			return nil, p.expected("a quantile from 0 to 1, such as .99")
		}
		m.Quantiles = append(m.Quantiles, q)
		if err := p.advance(); err != nil {
			return nil, err
		}
	}
	if m.Func == QuantileOverTime && len(m.Quantiles) == 0 {
		return nil, p.expected(`"," and a quantile from 0 to 1`)
	}
	if err := p.take(")"); err != nil {
		return nil, err
	}
	if p.token.kind == tokenWord && p.token.text == "by" {
		if err := p.advance(); err != nil {
			return nil, err
		}
		var err *ParseError
		if m.By, err = p.attributes(); err != nil {
			return nil, err
		}
	}
	return m, nil
}

func (p *parser) rank() (*Rank, *ParseError) {
	if p.token.kind != tokenWord || p.token.text != "topk" && p.token.text != "bottomk" {
		return nil, p.expected("topk or bottomk")
	}
	r := &Rank{Least: p.token.text == "bottomk"}
	if err := p.advance(); err != nil {
		return nil, err
	}
	if err := p.take("("); err != nil {
		return nil, err
	}
	if p.token.kind != tokenValue || p.token.value.Type != TypeInt || p.token.value.Int() < 1 || p.token.value.Int() > 1000 {
		return nil, p.expected("a number from 1 to 1000")
	}
	r.N = int(p.token.value.Int())
	if err := p.advance(); err != nil {
		return nil, err
	}
	return r, p.take(")")
}

// exprOps are the operators within braces, by precedence as in Tempo.
var exprOps = map[string]struct {
	precedence int
	op         Op
}{
	"&&": {1, OpAnd}, "||": {1, OpOr}, "=": {2, OpEqual}, "!=": {2, OpNotEqual}, "<": {2, OpLess}, "<=": {2, OpLessEqual}, ">": {2, OpGreater},
	">=": {2, OpGreaterEqual}, "=~": {2, OpRegex}, "!~": {2, OpNotRegex}, "+": {3, OpAdd}, "-": {3, OpSubtract}, "*": {5, OpMultiply}, "/": {5, OpDivide},
	"%": {5, OpModulo}, "^": {6, OpPower},
}

// precedenceOfNot is that of ! within braces, precedenceOfMinus that of a sign.
const (
	precedenceOfNot   = 4
	precedenceOfMinus = 4
)

// expr reads an expression about one span whose operators bind tighter than least.
func (p *parser) expr(least int) (Expr, *ParseError) {
	if err := p.enter(); err != nil {
		return nil, err
	}
	defer func() { p.depth-- }()
	left, err := p.operand()
	if err != nil {
		return nil, err
	}
	for p.token.kind == tokenSymbol {
		t := p.token
		op, ok := exprOps[t.text]
		if !ok || op.precedence <= least {
			break
		}
		if err := p.advance(); err != nil {
			return nil, err
		}
		bind := op.precedence
		if op.op == OpPower {
			bind--
		}
		at := p.token
		right, err := p.expr(bind)
		if err != nil {
			return nil, err
		}
		if left, err = binary(&t, &at, op.op, left, right); err != nil {
			return nil, err
		}
	}
	return left, nil
}

func (p *parser) operand() (Expr, *ParseError) {
	switch t := p.token; {
	case t.is("("):
		if err := p.advance(); err != nil {
			return nil, err
		}
		e, err := p.expr(0)
		if err != nil {
			return nil, err
		}
		if !p.token.is(")") {
			return nil, p.expected(`an operator or ")"`)
		}
		return e, p.advance()
	case t.is("!"), t.is("-"):
		if err := p.advance(); err != nil {
			return nil, err
		}
		op, bind, want := OpNot, precedenceOfNot, TypeBool
		if t.is("-") {
			op, bind, want = OpSubtract, precedenceOfMinus, TypeFloat
		}
		x, err := p.expr(bind)
		if err != nil {
			return nil, err
		}
		if v, ok := x.(Value); ok && op == OpSubtract && v.Type.numeric() {
			return arithmetic(OpSubtract, Int(0), v), nil
		}
		if got := typeOf(x); got != TypeUnknown && got != want && (op == OpNot || !got.numeric()) {
			return nil, failAt(t.at, t.end, "%q needs %s, but %s is %s", t.text, want, x, got)
		}
		return &Unary{op, x}, nil
	case t.kind == tokenValue:
		return t.value, p.advance()
	case t.kind == tokenAttribute:
		return t.attr, p.advance()
	case t.kind == tokenWord:
		return nil, failAt(t.at, t.end, "%q is no intrinsic: attributes begin with a dot or a scope (.%s, span.%s), texts stand in quotes", t.text, t.text, t.text)
	}
	return nil, p.expected("an attribute or a value")
}

// binary checks the types of both sides.
func binary(t, right *token, op Op, l, r Expr) (Expr, *ParseError) {
	b := &Binary{Op: op, L: l, R: r}
	lt, rt := typeOf(l), typeOf(r)
	wrong := func(want string, e Expr, got Type) *ParseError {
		return failAt(t.at, t.end, "%q needs %s, but %s is %s", t.text, want, e, got)
	}
	switch {
	case op == OpAnd || op == OpOr:
		for _, side := range [2]Expr{l, r} {
			if got := typeOf(side); got != TypeBool && got != TypeUnknown {
				return nil, wrong("conditions on both sides", side, got)
			}
		}
	case op == OpRegex || op == OpNotRegex:
		v, ok := r.(Value)
		if !ok || v.Type != TypeText {
			return nil, failAt(right.at, right.end, "%q needs a text in quotes on its right side", t.text)
		}
		if lt != TypeText && lt != TypeUnknown {
			return nil, wrong("a text", l, lt)
		}
		_, err := regexp.Compile(v.text)
		re, anchored := regexp.Compile("^(?:" + v.text + ")$")
		if err = cmp.Or(err, anchored); err != nil {
			return nil, failAt(right.at, right.end, "the regular expression cannot be read: %s", regexProblem(err))
		}
		b.Regex = re
	case op.comparison():
		l, r = traceIDs(l, r)
		b.L, b.R = l, r
		if lt != TypeUnknown && rt != TypeUnknown && lt != TypeNil && rt != TypeNil && lt != rt && (!lt.numeric() || !rt.numeric()) {
			return nil, failAt(t.at, t.end, "%s is %s and %s is %s: they cannot be compared", l, lt, r, rt)
		}
	default:
		for _, side := range [2]Expr{l, r} {
			if got := typeOf(side); got != TypeUnknown && !got.numeric() && (op != OpAdd || got != TypeText) {
				return nil, wrong("numbers", side, got)
			}
		}
	}
	return b, nil
}

// traceIDs writes the ids that trace:id is compared with in the one way in which it has its own, whatever their spelling.
func traceIDs(l, r Expr) (Expr, Expr) {
	spell := func(e, other Expr) Expr {
		v, ok := e.(Value)
		a, is := other.(Attribute)
		if !ok || !is || a.Intrinsic != TraceID || v.Type != TypeText {
			return e
		}
		if t, _ := id.ParseTrace(v.text); !t.IsZero() {
			return Text(t.Hex())
		}
		return e
	}
	return spell(l, r), spell(r, l)
}

func regexProblem(err error) string {
	return strings.TrimPrefix(fmt.Sprint(err), "error parsing regexp: ")
}

// typeOf is the type of an expression, TypeUnknown where the spans decide.
func typeOf(e Expr) Type {
	switch e := e.(type) {
	case Value:
		return e.Type
	case Attribute:
		if e.Intrinsic != NoIntrinsic {
			return intrinsics[e.Intrinsic].of
		}
	case *Unary:
		if e.Op == OpNot {
			return TypeBool
		}
		return typeOf(e.X)
	case *Binary:
		switch {
		case e.Op <= OpNotRegex:
			return TypeBool
		case typeOf(e.L) == TypeUnknown || typeOf(e.R) == TypeUnknown:
			return TypeUnknown
		case typeOf(e.L) == TypeText:
			return TypeText
		case typeOf(e.L) == TypeDuration && typeOf(e.R) == TypeDuration && e.Op == OpDivide:
			return TypeFloat
		case typeOf(e.L) == TypeDuration || typeOf(e.R) == TypeDuration:
			return TypeDuration
		}
		return TypeFloat
	}
	return TypeUnknown
}
