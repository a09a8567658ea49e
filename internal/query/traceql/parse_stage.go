package traceql

import (
	"slices"
	"strings"
)

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
