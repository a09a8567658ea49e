package traceql

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
