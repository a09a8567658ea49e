package span

import (
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"math"
	"strconv"
	"unsafe"
)

// ValueKind tells what a Value holds.
type ValueKind uint8

// The kinds of values of OTLP's AnyValue.
const (
	ValueEmpty ValueKind = iota
	ValueString
	ValueBool
	ValueInt
	ValueFloat
	ValueBytes
	// ValueArray and ValueMap stay encoded, as OTLP ArrayValue and KeyValueList messages.
	ValueArray
	ValueMap
)

// Value is one attribute value. Text aliases the Payload.
type Value struct {
	Kind ValueKind
	text string
	num  uint64
}

// String makes a value of text.
func String(s string) Value { return Value{Kind: ValueString, text: s} }

// Int makes an integer value.
func Int(n int64) Value { return Value{Kind: ValueInt, num: uint64(n)} }

// Float makes a floating-point value.
func Float(f float64) Value { return Value{Kind: ValueFloat, num: math.Float64bits(f)} }

// Bool makes a truth value.
func Bool(b bool) Value {
	v := Value{Kind: ValueBool}
	if b {
		v.num = 1
	}
	return v
}

// Bytes makes a value of bytes, which it copies.
func Bytes(b []byte) Value { return Value{Kind: ValueBytes, text: string(b)} }

// Int gives an integer value's number, 0 for other kinds.
func (v Value) Int() int64 {
	if v.Kind == ValueInt {
		return int64(v.num)
	}
	return 0
}

// Bool gives a truth value, false for other kinds.
func (v Value) Bool() bool { return v.Kind == ValueBool && v.num != 0 }

// Float gives a floating-point value, 0 for other kinds.
func (v Value) Float() float64 {
	if v.Kind == ValueFloat {
		return math.Float64frombits(v.num)
	}
	return 0
}

// Text gives the value as text, as a search compares it: numbers in decimal, arrays and maps as JSON.
func (v Value) Text() string {
	switch v.Kind {
	case ValueString:
		return v.text
	case ValueBool:
		return strconv.FormatBool(v.num != 0)
	case ValueInt:
		return strconv.FormatInt(int64(v.num), 10)
	case ValueFloat:
		return strconv.FormatFloat(v.Float(), 'g', -1, 64)
	case ValueBytes:
		return base64.StdEncoding.EncodeToString([]byte(v.text))
	case ValueArray, ValueMap:
		b, _ := json.Marshal(v)
		return string(b)
	}
	return ""
}

// Each calls yield with the elements of an array; other kinds have none.
func (v Value) Each(yield func(Value) bool) {
	if v.Kind != ValueArray {
		return
	}
	for f, rest, ok := NextField([]byte(v.text)); ok; f, rest, ok = NextField(rest) {
		if !yield(anyValue(f.Data)) {
			return
		}
	}
}

// maxDepth bounds how deep arrays and maps are followed.
const maxDepth = 16

// MarshalJSON gives the JSON value: integers beyond 2^53 as text, bytes in base64.
func (v Value) MarshalJSON() ([]byte, error) { return json.Marshal(v.any(0)) }

func (v Value) any(depth int) any {
	switch v.Kind {
	case ValueBool:
		return v.num != 0
	case ValueInt:
		if n := int64(v.num); n > -1<<53 && n < 1<<53 {
			return n
		}
		return v.Text()
	case ValueFloat:
		if f := v.Float(); !math.IsNaN(f) && !math.IsInf(f, 0) {
			return f
		}
		return v.Text()
	case ValueArray:
		list := []any{}
		if depth < maxDepth {
			for f, rest, ok := NextField([]byte(v.text)); ok; f, rest, ok = NextField(rest) {
				list = append(list, anyValue(f.Data).any(depth+1))
			}
		}
		return list
	case ValueMap:
		object := map[string]any{}
		if depth < maxDepth {
			for f, rest, ok := NextField([]byte(v.text)); ok; f, rest, ok = NextField(rest) {
				if key, val, ok := keyValue(f.Data); ok {
					object[key] = val.any(depth + 1)
				}
			}
		}
		return object
	case ValueEmpty:
		return nil
	}
	return v.Text()
}

// Members calls yield with the members of a map; other kinds have none.
func (v Value) Members(yield func(key string, v Value) bool) {
	if v.Kind != ValueMap {
		return
	}
	for f, rest, ok := NextField([]byte(v.text)); ok; f, rest, ok = NextField(rest) {
		if key, val, ok := keyValue(f.Data); ok && !yield(key, val) {
			return
		}
	}
}

// keyValue reads an OTLP KeyValue message.
func keyValue(m []byte) (key string, v Value, ok bool) {
	for f, rest, more := NextField(m); more; f, rest, more = NextField(rest) {
		switch f.Number {
		case 1:
			key, ok = text(f.Data), true
		case 2:
			v = anyValue(f.Data)
		}
	}
	return key, v, ok
}

// anyValue reads an OTLP AnyValue message.
func anyValue(m []byte) (v Value) {
	for f, rest, ok := NextField(m); ok; f, rest, ok = NextField(rest) {
		switch f.Number {
		case 1:
			v = String(text(f.Data))
		case 2:
			v = Value{Kind: ValueBool, num: f.Num}
		case 3:
			v = Int(int64(f.Num))
		case 4:
			v = Value{Kind: ValueFloat, num: f.Num}
		case 5:
			v = Value{Kind: ValueArray, text: text(f.Data)}
		case 6:
			v = Value{Kind: ValueMap, text: text(f.Data)}
		case 7:
			v = Value{Kind: ValueBytes, text: text(f.Data)}
		}
	}
	return v
}

// valueField gives the field number in AnyValue by ValueKind.
var valueField = [...]int{ValueString: 1, ValueBool: 2, ValueInt: 3, ValueFloat: 4, ValueBytes: 7, ValueArray: 5, ValueMap: 6}

func appendKeyValue(b []byte, key string, v Value) []byte {
	b = AppendStringField(b, 1, key)
	return appendMessage(b, 2, func(b []byte) []byte {
		field := valueField[v.Kind]
		switch v.Kind {
		case ValueEmpty:
		case ValueBool, ValueInt:
			b = binary.AppendUvarint(b, uint64(field)<<3)
			b = binary.AppendUvarint(b, v.num)
		case ValueFloat:
			b = binary.AppendUvarint(b, uint64(field)<<3|1)
			b = binary.LittleEndian.AppendUint64(b, v.num)
		default:
			b = AppendStringField(b, field, v.text)
		}
		return b
	})
}

// text views bytes as a string without a copy: payloads are never changed once they are read.
func text(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }
