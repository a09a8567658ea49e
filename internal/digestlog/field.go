package digestlog

import (
	"strconv"

	"github.com/twinspan/twinspan/internal/span"
)

// form is how a field's value was written.
type form uint8

const (
	formString form = iota
	formNumber
	formBool
	formNull
	// formRaw is an object or array, or text that began like one and stood without quotes.
	formRaw
)

// field is one key of a JSON line, or one column of a text line under the key that it has in JSON. Both alias the record.
type field struct {
	key, val string
	form     form
}

// value gives the field as an attribute value; numbers that fit neither int64 nor float64 stay text.
func (f field) value() span.Value {
	switch f.form {
	case formNumber:
		if n, ok := parseInt(f.val); ok {
			return span.Int(n)
		}
		if x, err := strconv.ParseFloat(f.val, 64); err == nil {
			return span.Float(x)
		}
	case formBool:
		return span.Bool(f.val == "true")
	case formNull:
		return span.Value{}
	}
	return span.String(f.val)
}

// parseInt reads a decimal number with an optional minus sign.
func parseInt(s string) (int64, bool) {
	digits := s
	if digits != "" && digits[0] == '-' {
		digits = digits[1:]
	}
	if digits == "" || len(digits) > 19 {
		return 0, false
	}
	var n int64
	for i := range len(digits) {
		if !digit(digits[i]) {
			return 0, false
		}
		n = n*10 + int64(digits[i]-'0')
		if n < 0 {
			return 0, false
		}
	}
	if len(digits) < len(s) {
		n = -n
	}
	return n, true
}

// bareForm tells the form of a JSON value without quotes; ok is false when it is none.
func bareForm(s string) (form, bool) {
	switch s {
	case "":
		return 0, false
	case "true", "false":
		return formBool, true
	case "null":
		return formNull, true
	}
	if s[0] == '{' || s[0] == '[' {
		return formRaw, true
	}
	if !number(s) {
		return 0, false
	}
	return formNumber, true
}

// number says whether s is a JSON number, or one of Java's that JSON does not have.
func number(s string) bool {
	if s == "NaN" || s == "Infinity" || s == "-Infinity" {
		return true
	}
	if s == "" || s[0] != '-' && !digit(s[0]) {
		return false
	}
	for i := 1; i < len(s); i++ {
		switch c := s[i]; {
		case digit(c), c == '.', c == 'e', c == 'E', c == '+', c == '-':
		default:
			return false
		}
	}
	return digit(s[len(s)-1])
}
