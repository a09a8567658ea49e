// Package thrift reads values in Apache Thrift's binary and compact protocols, in place and without generated code: the
// receivers that need it know a handful of structs. It reads no message envelopes (calls), and writes nothing.
//
// The encodings are those of https://github.com/apache/thrift/tree/master/doc/specs, thrift-binary-protocol.md and
// thrift-compact-protocol.md.
package thrift

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
)

// Type is the type of a field or an element, with the numbers of the binary protocol.
type Type uint8

// The types of values.
const (
	stop   Type = 0
	Bool   Type = 2
	Byte   Type = 3
	Double Type = 4
	I16    Type = 6
	I32    Type = 8
	I64    Type = 10
	// String is text or bytes.
	String Type = 11
	Struct Type = 12
	Map    Type = 13
	Set    Type = 14
	List   Type = 15
)

// compactTypes are the types by the numbers of the compact protocol, whose 1 and 2 are true and false.
var compactTypes = [...]Type{stop, Bool, Bool, Byte, I16, I32, I64, Double, String, List, Set, Map, Struct}

// ErrMalformed is wrapped by all errors of a Reader.
var ErrMalformed = errors.New("malformed thrift")

// maxDepth bounds how deep structs and lists lie in each other.
const maxDepth = 32

// Reader reads values one behind the other. After the first malformed byte every read gives the zero value, and Err says
// what it was. It is for one goroutine.
type Reader struct {
	b       []byte
	pos     int
	compact bool
	depth   int
	// held is 1 or 2 (true, false) where the compact protocol told a field's truth value with its type.
	held byte
	err  error
}

// NewReader reads b, in the compact or the binary protocol. Strings alias b.
func NewReader(b []byte, compact bool) *Reader { return &Reader{b: b, compact: compact} }

// Err is nil as long as nothing malformed was met.
func (r *Reader) Err() error { return r.err }

// Offset is the number of bytes read so far.
func (r *Reader) Offset() int { return r.pos }

// Since gives the bytes read from an Offset on.
func (r *Reader) Since(offset int) []byte { return r.b[offset:r.pos] }

func (r *Reader) fail(format string, args ...any) {
	if r.err == nil {
		r.err = fmt.Errorf("%w: byte %d of %d: %s", ErrMalformed, r.pos, len(r.b), fmt.Sprintf(format, args...))
	}
	r.pos = len(r.b)
}

// take gives the next n bytes.
func (r *Reader) take(n int) []byte {
	if n < 0 || n > len(r.b)-r.pos {
		r.fail("%d bytes are wanted, %d are left", n, len(r.b)-r.pos)
		return nil
	}
	r.pos += n
	return r.b[r.pos-n : r.pos : r.pos]
}

func (r *Reader) byte() byte {
	if b := r.take(1); b != nil {
		return b[0]
	}
	return 0
}

func (r *Reader) uvarint() uint64 {
	v, n := binary.Uvarint(r.b[r.pos:])
	if n <= 0 {
		r.fail("a number does not end")
		return 0
	}
	r.pos += n
	return v
}

func (r *Reader) zigzag() int64 {
	v := r.uvarint()
	return int64(v>>1) ^ -int64(v&1)
}

// Bool reads a truth value.
func (r *Reader) Bool() bool {
	if r.held != 0 {
		v := r.held == 1
		r.held = 0
		return v
	}
	return r.byte() == 1
}

// Byte reads 8 bits.
func (r *Reader) Byte() byte { return r.byte() }

// I16 reads 16 bits.
func (r *Reader) I16() int16 {
	if r.compact {
		return int16(r.zigzag())
	}
	if b := r.take(2); b != nil {
		return int16(binary.BigEndian.Uint16(b))
	}
	return 0
}

// I32 reads 32 bits.
func (r *Reader) I32() int32 {
	if r.compact {
		return int32(r.zigzag())
	}
	if b := r.take(4); b != nil {
		return int32(binary.BigEndian.Uint32(b))
	}
	return 0
}

// I64 reads 64 bits.
func (r *Reader) I64() int64 {
	if r.compact {
		return r.zigzag()
	}
	if b := r.take(8); b != nil {
		return int64(binary.BigEndian.Uint64(b))
	}
	return 0
}

// Double reads a floating-point number.
func (r *Reader) Double() float64 {
	b := r.take(8)
	switch {
	case b == nil:
		return 0
	case r.compact:
		return math.Float64frombits(binary.LittleEndian.Uint64(b))
	}
	return math.Float64frombits(binary.BigEndian.Uint64(b))
}

// Bytes reads text or bytes.
func (r *Reader) Bytes() []byte {
	if !r.compact {
		return r.take(int(r.I32()))
	}
	n := r.uvarint()
	if n > uint64(len(r.b)) {
		r.fail("text of %d bytes", n)
		return nil
	}
	return r.take(int(n))
}

// String reads text; what it gives is a copy.
func (r *Reader) String() string { return string(r.Bytes()) }

// enter counts a level; it is false when that is one too many.
func (r *Reader) enter() bool {
	if r.depth++; r.depth > maxDepth {
		r.fail("more than %d levels", maxDepth)
		return false
	}
	return true
}

// Struct reads a struct: field is called with each of its fields, and either reads its value or gives false for one that
// it does not know, which is skipped.
func (r *Reader) Struct(field func(number int16, t Type) (read bool)) {
	if !r.enter() {
		return
	}
	defer func() { r.depth-- }()
	for number := int16(0); r.err == nil; {
		var t Type
		if number, t = r.field(number); t == stop {
			return
		}
		if !field(number, t) {
			r.skip(t)
		}
		r.held = 0
	}
}

// field reads the head of a field behind the one numbered last.
func (r *Reader) field(last int16) (number int16, t Type) {
	head := r.byte()
	switch {
	case !r.compact && head == 0, r.compact && head&0xf == 0:
		return 0, stop
	case !r.compact:
		return r.I16(), Type(head)
	}
	if delta := int16(head >> 4); delta != 0 {
		number = last + delta
	} else {
		number = r.I16()
	}
	t = r.compactType(head & 0xf)
	if t == Bool {
		r.held = head & 0xf
	}
	return number, t
}

func (r *Reader) compactType(n byte) Type {
	if int(n) >= len(compactTypes) || n == 0 {
		r.fail("type %d is not known", n)
		return stop
	}
	return compactTypes[n]
}

// List reads a list or set: element is called for each element, and either reads its value or gives false for one that it
// does not know, which is skipped.
func (r *Reader) List(element func(t Type) (read bool)) {
	if !r.enter() {
		return
	}
	defer func() { r.depth-- }()
	t, n := r.listHead()
	for ; n > 0 && r.err == nil; n-- {
		if !element(t) {
			r.skip(t)
		}
	}
}

// listHead reads the head of a list: the type of its elements and their number, which is not more than bytes are left.
func (r *Reader) listHead() (t Type, n int) {
	var size int64
	if r.compact {
		head := r.byte()
		if r.err != nil {
			return stop, 0
		}
		t = r.compactType(head & 0xf)
		if size = int64(head >> 4); size == 15 {
			size = int64(min(r.uvarint(), math.MaxInt32))
		}
	} else {
		t, size = Type(r.byte()), int64(r.I32())
	}
	// Every element has a byte at least, an empty struct its end.
	if size < 0 || size > int64(len(r.b)-r.pos) {
		r.fail("a list of %d elements, %d bytes are left", size, len(r.b)-r.pos)
		return stop, 0
	}
	return t, int(size)
}

// skip passes over a value.
func (r *Reader) skip(t Type) {
	switch t {
	case Bool:
		r.Bool()
	case Byte:
		r.byte()
	case Double:
		r.take(8)
	case I16:
		r.I16()
	case I32:
		r.I32()
	case I64:
		r.I64()
	case String:
		r.Bytes()
	case Struct:
		r.Struct(func(int16, Type) bool { return false })
	case List, Set:
		r.List(func(Type) bool { return false })
	case Map:
		r.skipMap()
	default:
		r.fail("type %d is not known", t)
	}
}

func (r *Reader) skipMap() {
	if !r.enter() {
		return
	}
	defer func() { r.depth-- }()
	var key, value Type
	var size int64
	if r.compact {
		if size = int64(min(r.uvarint(), math.MaxInt32)); size == 0 {
			return
		}
		head := r.byte()
		if r.err != nil {
			return
		}
		key, value = r.compactType(head>>4), r.compactType(head&0xf)
	} else {
		key, value, size = Type(r.byte()), Type(r.byte()), int64(r.I32())
	}
	if size < 0 || size > int64(len(r.b)-r.pos) {
		r.fail("a map of %d elements, %d bytes are left", size, len(r.b)-r.pos)
	}
	for ; size > 0 && r.err == nil; size-- {
		r.skip(key)
		r.skip(value)
	}
}
