package span

import (
	"encoding/binary"
	"math"
)

// The wire types of protobuf: WireBytes are strings, bytes and messages.
const (
	WireVarint  = 0
	WireFixed64 = 1
	WireBytes   = 2
	WireFixed32 = 5
)

// Field is one field of a protobuf message. Data aliases the message; Num holds varint and fixed values.
type Field struct {
	Number int
	Wire   int
	Data   []byte
	Num    uint64
}

// NextField reads the first field of m and gives what is behind it. ok is false at the end and before malformed bytes,
// which a caller tells apart by len(m).
func NextField(m []byte) (f Field, rest []byte, ok bool) {
	tag, n := binary.Uvarint(m)
	if n <= 0 || tag>>3 == 0 || tag>>3 > math.MaxInt32 {
		return f, m, false
	}
	f.Number, f.Wire = int(tag>>3), int(tag&7)
	b := m[n:]
	switch f.Wire {
	case WireVarint:
		if f.Num, n = binary.Uvarint(b); n <= 0 {
			return f, m, false
		}
		return f, b[n:], true
	case WireFixed64:
		if len(b) < 8 {
			return f, m, false
		}
		f.Num = binary.LittleEndian.Uint64(b)
		return f, b[8:], true
	case WireFixed32:
		if len(b) < 4 {
			return f, m, false
		}
		f.Num = uint64(binary.LittleEndian.Uint32(b))
		return f, b[4:], true
	case WireBytes:
		size, n := binary.Uvarint(b)
		if n <= 0 || size > uint64(len(b)-n) {
			return f, m, false
		}
		f.Data = b[n : n+int(size) : n+int(size)]
		return f, b[n+int(size):], true
	}
	return f, m, false
}

// EachField calls fn for every field of a message, in order; it is false when m is malformed, and fn was called for what
// stands before the malformed byte.
func EachField(m []byte, fn func(Field)) bool {
	for len(m) > 0 {
		f, rest, ok := NextField(m)
		if !ok {
			return false
		}
		fn(f)
		m = rest
	}
	return true
}

// AppendBytesField appends a field of wire type 2.
func AppendBytesField(b []byte, number int, data []byte) []byte {
	b = binary.AppendUvarint(b, uint64(number)<<3|WireBytes)
	b = binary.AppendUvarint(b, uint64(len(data)))
	return append(b, data...)
}

// AppendStringField appends a field of wire type 2.
func AppendStringField(b []byte, number int, data string) []byte {
	b = binary.AppendUvarint(b, uint64(number)<<3|WireBytes)
	b = binary.AppendUvarint(b, uint64(len(data)))
	return append(b, data...)
}

// AppendVarintField appends a field of wire type 0, nothing when v is 0.
func AppendVarintField(b []byte, number int, v uint64) []byte {
	if v == 0 {
		return b
	}
	b = binary.AppendUvarint(b, uint64(number)<<3)
	return binary.AppendUvarint(b, v)
}

// AppendFixed64Field appends a field of wire type 1, nothing when v is 0.
func AppendFixed64Field(b []byte, number int, v uint64) []byte {
	if v == 0 {
		return b
	}
	b = binary.AppendUvarint(b, uint64(number)<<3|1)
	return binary.LittleEndian.AppendUint64(b, v)
}

// appendMessage appends a message whose length is not known before it is written: it is written, measured and moved.
func appendMessage(b []byte, number int, write func([]byte) []byte) []byte {
	b = binary.AppendUvarint(b, uint64(number)<<3|WireBytes)
	at := len(b)
	b = write(b)
	size := len(b) - at
	var length [binary.MaxVarintLen64]byte
	n := binary.PutUvarint(length[:], uint64(size))
	b = append(b, length[:n]...)
	copy(b[at+n:], b[at:at+size])
	copy(b[at:], length[:n])
	return b
}
