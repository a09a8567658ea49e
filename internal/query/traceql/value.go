package traceql

import (
	"cmp"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/twinspan/twinspan/internal/span"
)

// Type is the type of a value.
type Type uint8

// The types. TypeUnknown is what an expression has whose value depends on more of the trace than is at hand.
const (
	TypeNil Type = iota
	TypeBool
	TypeInt
	TypeFloat
	TypeText
	TypeDuration
	TypeStatus
	TypeKind
	TypeList
	TypeUnknown
)

var typeNames = [...]string{"nil", "a truth value", "an integer", "a number", "a text", "a duration", "a status", "a kind", "a list", "unknown"}

func (t Type) String() string { return typeNames[t] }

// numeric says that values of the type are compared as numbers, durations in nanoseconds.
func (t Type) numeric() bool { return t == TypeInt || t == TypeFloat || t == TypeDuration }

// Value is a value of a query or of a span.
type Value struct {
	Type Type
	text string
	num  uint64
	list []Value
}

// Text makes a text.
func Text(s string) Value { return Value{Type: TypeText, text: s} }

// Int makes an integer.
func Int(n int64) Value { return Value{Type: TypeInt, num: uint64(n)} }

// Float makes a number.
func Float(f float64) Value { return Value{Type: TypeFloat, num: math.Float64bits(f)} }

// Duration makes a duration.
func Duration(d time.Duration) Value { return Value{Type: TypeDuration, num: uint64(d)} }

// Bool makes a truth value.
func Bool(b bool) Value {
	if b {
		return Value{Type: TypeBool, num: 1}
	}
	return Value{Type: TypeBool}
}

// Status makes a status.
func Status(s span.Status) Value { return Value{Type: TypeStatus, num: uint64(s)} }

// Kind makes a kind.
func Kind(k span.Kind) Value { return Value{Type: TypeKind, num: uint64(k)} }

// unknown is the value of what is not at hand.
var unknown = Value{Type: TypeUnknown}

// IsNil says that there is no value.
func (v Value) IsNil() bool { return v.Type == TypeNil }

// Int is the number of an integer, a duration in nanoseconds, a status, a kind or a truth value, else 0.
func (v Value) Int() int64 {
	switch v.Type {
	case TypeInt, TypeDuration, TypeStatus, TypeKind, TypeBool:
		return int64(v.num)
	}
	return 0
}

// Float is the number of an integer, a number or, in nanoseconds, a duration; NaN for others.
func (v Value) Float() float64 {
	switch v.Type {
	case TypeInt, TypeDuration:
		return float64(int64(v.num))
	case TypeFloat:
		return math.Float64frombits(v.num)
	}
	return math.NaN()
}

// List is the elements of a list.
func (v Value) List() []Value { return v.list }

// Plain is the value as text without quotes, as labels and lists of values show it.
func (v Value) Plain() string {
	if v.Type == TypeText {
		return v.text
	}
	return v.String()
}

// String writes the value as a query has it.
func (v Value) String() string {
	switch v.Type {
	case TypeBool:
		return strconv.FormatBool(v.num != 0)
	case TypeInt:
		return strconv.FormatInt(int64(v.num), 10)
	case TypeFloat:
		return formatFloat(v.Float())
	case TypeText:
		return strconv.Quote(v.text)
	case TypeDuration:
		return time.Duration(v.num).String()
	case TypeStatus:
		return span.Status(v.num).String()
	case TypeKind:
		return span.Kind(v.num).String()
	case TypeList:
		s := "["
		for i, e := range v.list {
			if i > 0 {
				s += ", "
			}
			s += e.String()
		}
		return s + "]"
	}
	return "nil"
}

// formatFloat writes a number so that it reads back as one that is no integer.
func formatFloat(f float64) string {
	s := strconv.FormatFloat(f, 'f', -1, 64)
	if f == math.Trunc(f) && !math.IsInf(f, 0) {
		s += ".0"
	}
	return s
}

// wordValue gives the values that are words.
func wordValue(word string) (Value, bool) {
	switch word {
	case "nil":
		return Value{}, true
	case "true", "false":
		return Bool(word == "true"), true
	}
	if s, err := span.ParseStatus(word); err == nil {
		return Status(s), true
	}
	if k, err := span.ParseKind(word); err == nil {
		return Kind(k), true
	}
	return Value{}, false
}

// ValueOf takes over an attribute's value. Maps and bytes are texts, as a search shows them.
func ValueOf(v span.Value) Value {
	switch v.Kind {
	case span.ValueEmpty:
		return Value{}
	case span.ValueString:
		return Text(v.Text())
	case span.ValueBool:
		return Bool(v.Bool())
	case span.ValueInt:
		return Int(v.Int())
	case span.ValueFloat:
		return Float(v.Float())
	case span.ValueArray:
		list := Value{Type: TypeList}
		v.Each(func(e span.Value) bool {
			list.list = append(list.list, ValueOf(e))
			return true
		})
		return list
	}
	return Text(v.Text())
}

// compare orders two values; ok is false where they cannot be compared.
func compare(a, b Value) (n int, ok bool) {
	switch {
	case a.Type.numeric() && b.Type.numeric():
		if a.Type == TypeFloat || b.Type == TypeFloat {
			x, y := a.Float(), b.Float()
			return cmp.Compare(x, y), !math.IsNaN(x) && !math.IsNaN(y)
		}
		return cmp.Compare(a.Int(), b.Int()), true
	case a.Type != b.Type:
		return 0, false
	case a.Type == TypeText:
		return cmp.Compare(a.text, b.text), true
	case a.Type == TypeBool, a.Type == TypeStatus, a.Type == TypeKind:
		return cmp.Compare(a.num, b.num), true
	case a.Type == TypeNil:
		return 0, true
	case a.Type == TypeList:
		return slices.CompareFunc(a.list, b.list, func(x, y Value) int {
			n, _ := compare(x, y)
			return n
		}), true
	}
	return 0, false
}

// arithmetic computes a op b; nil where they are no numbers.
func arithmetic(op Op, a, b Value) Value {
	if a.Type == TypeUnknown || b.Type == TypeUnknown {
		return unknown
	}
	if op == OpAdd && a.Type == TypeText && b.Type == TypeText {
		return Text(a.text + b.text)
	}
	if !a.Type.numeric() || !b.Type.numeric() {
		return Value{}
	}
	if a.Type != TypeFloat && b.Type != TypeFloat && op != OpPower && op != OpDivide {
		n, ok := integers(op, a.Int(), b.Int())
		switch {
		case !ok:
			return Value{}
		case a.Type == TypeDuration || b.Type == TypeDuration:
			return Duration(time.Duration(n))
		}
		return Int(n)
	}
	f := floats(op, a.Float(), b.Float())
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return Value{}
	}
	if (a.Type == TypeDuration) != (b.Type == TypeDuration) && math.Abs(f) < math.MaxInt64 {
		return Duration(time.Duration(f))
	}
	return Float(f)
}

func integers(op Op, a, b int64) (int64, bool) {
	switch op {
	case OpAdd:
		return a + b, true
	case OpSubtract:
		return a - b, true
	case OpMultiply:
		return a * b, true
	case OpModulo:
		if b != 0 && b != -1 {
			return a % b, true
		}
	}
	return 0, false
}

func floats(op Op, a, b float64) float64 {
	switch op {
	case OpAdd:
		return a + b
	case OpSubtract:
		return a - b
	case OpMultiply:
		return a * b
	case OpDivide:
		return a / b
	case OpModulo:
		return math.Mod(a, b)
	}
	return math.Pow(a, b)
}

// Clone gives a value that shares no memory with the span it is of.
func (v Value) Clone() Value {
	v.text = strings.Clone(v.text)
	list := v.list
	v.list = nil
	for _, e := range list {
		v.list = append(v.list, e.Clone())
	}
	return v
}
