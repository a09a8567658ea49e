package traceql

import (
	"cmp"
	"fmt"
	"regexp"
	"strings"

	"github.com/twinspan/twinspan/sdk/id"
)

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
