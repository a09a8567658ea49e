package thrift

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"
)

// everything is a struct with a field of each type, in both protocols.
func everything(compact bool) []byte {
	if compact {
		b := []byte{0x11, 0x12} // 1: true, 2: false
		b = append(b, 0x13, 0x7f, 0x14, 0x03, 0x15, 0x04)
		b = append(b, 0x16, 0x01) // 6: i64 -1
		b = binary.LittleEndian.AppendUint64(append(b, 0x17), math.Float64bits(1.5))
		b = append(b, 0x18, 2, 'h', 'i')
		b = append(b, 0x19, 0x25, 0x02, 0x04) // 9: list of two i32
		b = append(b, 0x1b, 1, 0x58, 0x02, 1, 'x')
		return append(b, 0x0c, 0x80, 0x01, 0x00, 0x00) // 64: an empty struct
	}
	field := func(b []byte, t Type, number int16) []byte {
		return binary.BigEndian.AppendUint16(append(b, byte(t)), uint16(number))
	}
	b := append(field(nil, Bool, 1), 1)
	b = append(field(b, Bool, 2), 0)
	b = append(field(b, Byte, 3), 0x7f)
	b = binary.BigEndian.AppendUint16(field(b, I16, 4), uint16(0xfffe))
	b = binary.BigEndian.AppendUint32(field(b, I32, 5), 2)
	b = binary.BigEndian.AppendUint64(field(b, I64, 6), math.MaxUint64)
	b = binary.BigEndian.AppendUint64(field(b, Double, 7), math.Float64bits(1.5))
	b = append(field(b, String, 8), 0, 0, 0, 2, 'h', 'i')
	b = append(field(b, List, 9), byte(I32), 0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0, 2)
	b = append(field(b, Map, 10), byte(I32), byte(String), 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1, 'x')
	return append(append(field(b, Struct, 64), 0), 0)
}

func TestReadEverything(t *testing.T) {
	for _, compact := range []bool{false, true} {
		for _, known := range []bool{true, false} { // or all is skipped
			b := everything(compact)
			r := NewReader(b, compact)
			var got strings.Builder
			r.Struct(func(n int16, typ Type) bool {
				fmt.Fprintf(&got, "%d:", n)
				if !known {
					return false
				}
				switch typ {
				case Bool:
					fmt.Fprintf(&got, "%v ", r.Bool())
				case Byte:
					fmt.Fprintf(&got, "%d ", r.Byte())
				case I16:
					fmt.Fprintf(&got, "%d ", r.I16())
				case I32:
					fmt.Fprintf(&got, "%d ", r.I32())
				case I64:
					fmt.Fprintf(&got, "%d ", r.I64())
				case Double:
					fmt.Fprintf(&got, "%g ", r.Double())
				case String:
					fmt.Fprintf(&got, "%s ", r.String())
				case List:
					r.List(func(Type) bool { fmt.Fprintf(&got, "%d,", r.I32()); return true })
				default:
					return false
				}
				return true
			})
			if r.Err() != nil || r.Offset() != len(b) {
				t.Errorf("compact %v, known %v: %v at %d of %d: %s", compact, known, r.Err(), r.Offset(), len(b), got.String())
			}
			if known && got.String() != "1:true 2:false 3:127 4:-2 5:2 6:-1 7:1.5 8:hi 9:1,2,10:64:" {
				t.Errorf("compact %v: %s", compact, got.String())
			}
		}
	}
}

func TestMalformed(t *testing.T) {
	for _, compact := range []bool{false, true} {
		b := everything(compact)
		for n := range b {
			r := NewReader(b[:n], compact)
			r.Struct(func(int16, Type) bool { return false })
			if !errors.Is(r.Err(), ErrMalformed) {
				t.Errorf("compact %v, cut at %d: %v", compact, n, r.Err())
			}
		}
	}
	deep := NewReader([]byte(strings.Repeat("\x0c\x00\x01", 100)), false)
	deep.Struct(func(int16, Type) bool { return false })
	if !errors.Is(deep.Err(), ErrMalformed) || !strings.Contains(deep.Err().Error(), "levels") {
		t.Errorf("structs in structs: %v", deep.Err())
	}
	for _, b := range [][]byte{{15, 0, 1, 12, 0x7f, 0xff, 0xff, 0xff}, {15, 0, 1, 12, 0xff, 0xff, 0xff, 0xff}, {13, 0, 1, 8, 8, 0x7f, 0, 0, 0},
		{11, 0, 1, 0xff, 0xff, 0xff, 0xff}, {5, 0, 1}} {
		r := NewReader(b, false)
		r.Struct(func(int16, Type) bool { return false })
		if !errors.Is(r.Err(), ErrMalformed) {
			t.Errorf("%x: %v", b, r.Err())
		}
	}
}

func FuzzReader(f *testing.F) {
	f.Add(everything(false), false)
	f.Add(everything(true), true)
	f.Fuzz(func(t *testing.T, b []byte, compact bool) {
		r := NewReader(b, compact)
		r.Struct(func(int16, Type) bool { return false })
		if r.Offset() > len(b) || r.Err() != nil && !errors.Is(r.Err(), ErrMalformed) {
			t.Fatalf("at %d of %d: %v", r.Offset(), len(b), r.Err())
		}
	})
}
