// Package id holds the identities that every part of Twinspan agrees on: SOFATracer trace ids and their lossless
// 16-byte form, dotted span ids and their 8-byte form. It depends on the standard library only, so that the tracer and
// the server share one definition. It does not know spans, propagation or logs.
package id

import (
	"encoding/binary"
	"encoding/hex"
	"hash/fnv"
	"math/bits"
)

// Trace is a trace id in its 16-byte form, the one that is stored, compared and sent as W3C trace-id.
// The zero value is no trace id.
type Trace [16]byte

// The limits of the millisecond part of a SOFATracer trace id: the years 2001 to 2100, UTC.
const (
	minMillis = 978307200000
	maxMillis = 4133980799999
)

// They, with a hex digit for each decimal one.
const (
	minMillisDigits = 0x0978307200000
	maxMillisDigits = 0x4133980799999
)

// sofaFixed is the length of all parts of a SOFATracer trace id but the pid: 8 hex digits of the IPv4 address, 13 digits
// of epoch milliseconds, 4 digits of a sequence.
const sofaFixed = 8 + 13 + 4

// ParseTrace turns any text that logs and headers use as a trace id into its 16-byte form.
//
// Text of SOFATracer's shape is right-padded with 'f'; other hex of up to 32 digits is left-padded with '0'; anything else
// is hashed (FNV-1a-128). A final 'T' of a SOFATracer id is cut. exact says that String gives the text back; where it is
// false the caller keeps the text beside the id. Empty text gives the zero id.
func ParseTrace(text string) (t Trace, exact bool) {
	if text == "" {
		return t, true
	}
	body := text
	if body[len(body)-1] == 'T' && sofaLen(body[:len(body)-1]) {
		body = body[:len(body)-1]
	}
	if len(body) > 32 || !isHex(body) {
		h := fnv.New128a()
		h.Write([]byte(text))
		h.Sum(t[:0])
		return t, false
	}
	var digits [32]byte
	if sofaLen(body) {
		n := copy(digits[:], body)
		for i := n; i < len(digits); i++ {
			digits[i] = 'f'
		}
	} else {
		n := len(digits) - len(body)
		for i := range n {
			digits[i] = '0'
		}
		copy(digits[n:], body)
	}
	if _, err := hex.Decode(t[:], digits[:]); err != nil {
		panic("id: hex digits checked above do not decode: " + err.Error())
	}
	var back [32]byte
	return t, string(back[:t.digits(&back)]) == text
}

// ParseW3C reads the 32 lower-case hex digits of a traceparent. textLen is the length of what String gives: text[:textLen] is
// the same without an allocation. ok is false for other text and for zeros only.
func ParseW3C(text string) (t Trace, textLen int, ok bool) {
	if len(text) != 32 {
		return t, 0, false
	}
	high, ok := ParseLower(text[:16])
	low, ok2 := ParseLower(text[16:])
	if !ok || !ok2 || high|low == 0 {
		return Trace{}, 0, false
	}
	binary.BigEndian.PutUint64(t[:8], uint64(high))
	binary.BigEndian.PutUint64(t[8:], uint64(low))
	textLen, _ = t.shape()
	return t, textLen, true
}

// shape gives the length of String's text, and whether t has the shape of a SOFATracer trace id: digits 8 to 20 are decimal and a
// time within the limits, the rest up to the padding is decimal.
func (t Trace) shape() (textLen int, sofa bool) {
	high, low := binary.BigEndian.Uint64(t[:8]), binary.BigEndian.Uint64(t[8:])
	padding := min(bits.TrailingZeros64(^low)/4, 32-sofaFixed)
	if padding == 32-sofaFixed || letters(high&0xffffffff) || letters(low>>(4*padding)) {
		return 32, false
	}
	millis := (high&0xffffffff)<<20 | low>>44 // a digit in each four bits, which keep the order of decimal numbers
	if millis < minMillisDigits || millis > maxMillisDigits {
		return 32, false
	}
	return 32 - padding, true
}

// letters says that one of the hex digits of n is none of a decimal number.
func letters(n uint64) bool { return n>>3&(n>>2|n>>1)&0x1111111111111111 != 0 }

// IsZero says that t is no trace id.
func (t Trace) IsZero() bool { return t == Trace{} }

// Hex gives the 32 lower-case hex digits of W3C traceparent.
func (t Trace) Hex() string { return hex.EncodeToString(t[:]) }

// String gives the SOFATracer text of an id of that shape, else Hex.
func (t Trace) String() string {
	var digits [32]byte
	return string(digits[:t.digits(&digits)])
}

// IsSOFA says that t has the shape of a SOFATracer trace id.
func (t Trace) IsSOFA() bool {
	_, sofa := t.shape()
	return sofa
}

// digits writes the digits of String and gives their number; the 32 digits are whole, so that Hex is a longer prefix.
func (t Trace) digits(digits *[32]byte) (n int) {
	hex.Encode(digits[:], t[:])
	return t.TextLen()
}

// TextLen gives the length of String. String is a prefix of Hex, so that text that holds Hex holds String too.
func (t Trace) TextLen() int {
	n, _ := t.shape()
	return n
}

// sofaLen says whether s is a SOFATracer trace id without padding.
func sofaLen(s string) bool {
	if len(s) <= sofaFixed || len(s) > sofaFixed+7 {
		return false
	}
	for i := range 8 {
		if !hexDigit(s[i]) {
			return false
		}
	}
	var ms int64
	for i := 8; i < len(s); i++ {
		c := s[i]
		if c < '0' || c > '9' {
			return false
		}
		if i < 8+13 {
			ms = ms*10 + int64(c-'0')
		}
	}
	return ms >= minMillis && ms <= maxMillis
}

func isHex(s string) bool {
	for i := range len(s) {
		if !hexDigit(s[i]) {
			return false
		}
	}
	return true
}

func hexDigit(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F'
}

// AppendHex writes the 32 digits of Hex behind b.
func (t Trace) AppendHex(b []byte) []byte {
	b = Span(binary.BigEndian.Uint64(t[:8])).AppendHex(b)
	return Span(binary.BigEndian.Uint64(t[8:])).AppendHex(b)
}
