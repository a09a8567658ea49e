package id

import (
	"encoding/binary"
	"encoding/hex"
	"strings"
)

// Span is a span id in its 8-byte form, the one that is stored, compared and sent as W3C parent-id. 0 is no span id.
type Span uint64

// FNV-1a, 64 bits: http://www.isthe.com/chongo/tech/comp/fnv/.
const (
	fnvOffset = 0xcbf29ce484222325
	fnvPrime  = 0x100000001b3
)

// SpanOf gives the 8-byte form of a dotted span id: the FNV-1a-64 of its text, as SOFATracer's Zipkin reporter has it.
// A dotted id whose first part is the 16 hex digits of a foreign parent and that has no further part is that parent.
func SpanOf(dotted string) Span {
	if dotted == "" {
		return 0
	}
	if len(dotted) == 16 {
		if s, ok := ParseSpan(dotted); ok {
			return s
		}
	}
	return Span(fnv1a(fnvOffset, dotted))
}

// ServerSpanOf gives the 8-byte id of a server half that shares the text of its client's span id, dotted or 16 hex
// digits: the FNV-1a-64 of the text followed by "/server". So both halves have ids of their own, and each can be
// computed from the other's text alone.
func ServerSpanOf(text string) Span {
	return Span(fnv1a(fnv1a(fnvOffset, text), "/server"))
}

func fnv1a(h uint64, s string) uint64 {
	for i := range len(s) {
		h = (h ^ uint64(s[i])) * fnvPrime
	}
	return h
}

// ParseSpan reads up to 16 hex digits; ok is false for other text and for the empty one.
func ParseSpan(text string) (s Span, ok bool) {
	if text == "" || len(text) > 16 {
		return 0, false
	}
	bad := byte(0)
	for i := range len(text) {
		v := digitValue[text[i]]
		bad |= v
		s = s<<4 | Span(v&15)
	}
	if bad > 15 {
		return 0, false
	}
	return s, true
}

// ParseLower reads 16 lower-case hex digits, as W3C writes a parent-id; ok is false for other text.
func ParseLower(text string) (s Span, ok bool) {
	if len(text) != 16 {
		return 0, false
	}
	high, ok := lowerHex(text[:8])
	low, ok2 := lowerHex(text[8:])
	return Span(high<<32 | low), ok && ok2
}

// lowerHex reads 8 lower-case hex digits, all of them at once.
func lowerHex(text string) (n uint64, ok bool) {
	const ones = 0x0101010101010101
	_ = text[7]
	x := uint64(text[0])<<56 | uint64(text[1])<<48 | uint64(text[2])<<40 | uint64(text[3])<<32 |
		uint64(text[4])<<24 | uint64(text[5])<<16 | uint64(text[6])<<8 | uint64(text[7])
	letters := x >> 6 & ones // 1 for 'a' to 'f', and what lies around them
	low := x & (15 * ones)
	n = low + 9*letters
	// Digits are 0x30 to 0x39, letters 0x61 to 0x66: the upper halves have to be these, and the lower ones neither too great nor, of
	// letters, 0.
	bad := x&(0xf0*ones) ^ (0x30*ones + 0x30*letters) | (n|low+6*(ones-letters))&(0x10*ones) | letters<<4&^(low+15*ones)
	n = (n | n>>4) & 0x00ff00ff00ff00ff
	n = (n | n>>8) & 0x0000ffff0000ffff
	return (n | n>>16) & 0xffffffff, bad == 0
}

// digitValue gives the value of a hex digit, 255 for other bytes. It is read only.
var digitValue = func() (t [256]byte) {
	for i := range t {
		t[i] = 255
	}
	for i, c := range []byte("0123456789") {
		t[c] = byte(i)
	}
	for i := range byte(6) {
		t['a'+i], t['A'+i] = 10+i, 10+i
	}
	return t
}()

// String gives 16 lower-case hex digits.
func (s Span) String() string {
	b := [8]byte{byte(s >> 56), byte(s >> 48), byte(s >> 40), byte(s >> 32), byte(s >> 24), byte(s >> 16), byte(s >> 8), byte(s)}
	return hex.EncodeToString(b[:])
}

// ParentOf gives the dotted id without its last part, or "" for a root. A ".0" part, the branch of spans started locally
// below a client span, counts as no level of its own: the parent of "0.1.0.1" is "0.1".
func ParentOf(dotted string) string {
	i := strings.LastIndexByte(dotted, '.')
	if i < 0 {
		return ""
	}
	return strings.TrimSuffix(dotted[:i], ".0")
}

// AppendHex writes the 16 digits of String behind b.
func (s Span) AppendHex(b []byte) []byte {
	b = binary.BigEndian.AppendUint64(b, hexDigits(uint32(s>>32)))
	return binary.BigEndian.AppendUint64(b, hexDigits(uint32(s)))
}

// hexDigits gives the 8 lower-case hex digits of a number as bytes, the first one highest. It works on all of them at once: ids
// are most of what a log line and a header have to be computed for.
func hexDigits(n uint32) uint64 {
	const ones = 0x0101010101010101
	x := uint64(n)
	x = (x<<16 | x) & 0x0000ffff0000ffff
	x = (x<<8 | x) & 0x00ff00ff00ff00ff
	x = (x<<4 | x) & 0x0f0f0f0f0f0f0f0f
	letters := (x + 6*ones) >> 4 & ones // 1 for 10 to 15
	return x + '0'*ones + letters*('a'-'0'-10)
}
