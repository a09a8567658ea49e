package twinspan

import (
	"encoding/binary"
	"math/bits"
	"strconv"
	"unsafe"
)

// textLine writes SOFATracer's columns and the extra fields as one column more.
func (e *encoder) textLine(b []byte, s *Span, r *resolved) []byte {
	spec := s.component.spec()
	b = e.times.appendNano(b, s.start+int64(s.duration))
	b = appendColumn(b, e.app)
	b = appendColumn(b, s.traceID)
	b = appendColumn(b, s.spanID)
	b = appendColumn(b, s.kind.String())
	b = appendColumn(b, s.code(spec))
	b = append(b, ',', ',') // current.thread.name is empty
	b = strconv.AppendInt(b, s.duration.Milliseconds(), 10)
	b = append(b, "ms"...)
	b = s.appendTextFields(b, spec, r)
	if s.component == Biz {
		b = append(b, ',') // SOFATracer's column of all other tags: they are in the last one, with their types
	}
	bag := s.baggage()
	e.scratch = appendPairs(e.scratch[:0], bag.sys)
	b = appendColumn(b, string(e.scratch))
	e.scratch = appendPairs(e.scratch[:0], bag.biz)
	b = appendColumn(b, string(e.scratch))
	e.scratch = append(e.extras(append(e.scratch[:0], '{'), s, spec, r), '}')
	b = appendJSONColumn(b, e.scratch)
	return append(b, '\n')
}

// appendColumn writes a comma and a text in which nothing can be taken for the next column or line.
func appendColumn(b []byte, s string) []byte {
	return appendEscaped(append(b, ','), s, [...]byte{',', '\n', '\r'})
}

// appendJSONColumn writes a comma and JSON whose commas are "%2C" and whose '%' are "%25".
func appendJSONColumn(b, json []byte) []byte {
	return appendEscaped(append(b, ','), unsafe.String(unsafe.SliceData(json), len(json)), [...]byte{',', '%', '%'})
}

// appendEscaped writes a text with certain bytes as '%' and two hex digits. It looks at eight bytes at a time.
func appendEscaped(b []byte, s string, escaped [3]byte) []byte {
	const ones, high = 0x0101010101010101, 0x8080808080808080
	p, q, r := ones*uint64(escaped[0]), ones*uint64(escaped[1]), ones*uint64(escaped[2])
	for len(s) >= 8 {
		w := word(s)
		x, y, z := w^p, w^q, w^r // a byte that is escaped is 0 in one of them
		b = binary.LittleEndian.AppendUint64(b, w)
		found := ((x-ones)&^x | (y-ones)&^y | (z-ones)&^z) & high // its highest bit; what lies above the first is not to be relied on
		if found == 0 {
			s = s[8:]
			continue
		}
		n := bits.TrailingZeros64(found) / 8
		b = appendPercent(b[:len(b)-8+n], s[n])
		s = s[n+1:]
	}
	for i := range len(s) {
		if c := s[i]; c == escaped[0] || c == escaped[1] || c == escaped[2] {
			b = appendPercent(b, c)
		} else {
			b = append(b, c)
		}
	}
	return b
}

func appendPercent(b []byte, c byte) []byte {
	return append(b, '%', upperHex[c>>4], upperHex[c&15])
}

// appendTextFields writes a component's text columns.
func (s *Span) appendTextFields(b []byte, spec *componentSpec, r *resolved) []byte {
	for _, at := range spec.textAt {
		switch at {
		case emptyAt:
			b = append(b, ',')
			continue
		case nullAt:
			b = append(b, ",null"...)
			continue
		case remoteHostAt:
			b = appendColumn(b, s.remoteHost())
			continue
		}
		f := &spec.fields[at]
		switch {
		case f.optional && s.absent(f, at, r):
		case f.typ == maybeField && r.std[at] == 0:
			b = append(b, ",null"...)
		case f.number():
			b = strconv.AppendInt(append(b, ','), s.fieldNumber(f, at, r), 10)
			b = append(b, f.textUnit...)
		default:
			b = appendColumn(b, s.fieldText(f, at, r))
		}
	}
	return b
}
