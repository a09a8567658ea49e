package twinspan

import (
	"encoding/binary"
	"math"
	"slices"
	"strconv"
	"time"
	"unicode/utf8"
)

// appendKey writes `,"key":`; keys of ours need no escape.
func appendKey(b []byte, key string) []byte {
	b = append(b, ',', '"')
	b = append(b, key...)
	return append(b, '"', ':')
}

// appendField writes `,"key":"value"`.
func appendField(b []byte, key, value string) []byte {
	return appendString(appendKey(b, key), value)
}

// appendString writes a JSON string. Bytes that are no UTF-8 become U+FFFD: the line is valid JSON whatever the text.
func appendString(b []byte, s string) []byte {
	return append(appendText(append(b, '"'), s), '"')
}

// appendText writes what is between the quotes of a JSON string. Most texts need no escape: they are copied eight bytes at a time and
// looked at on the way.
func appendText(b []byte, s string) []byte {
	from, n := len(b), len(s)
	if cap(b)-from < n {
		b = slices.Grow(b, n)
	}
	to := b[from : from+n]
	if n < 8 {
		for i := range n {
			if !plainByte[s[i]] {
				return escapeJSON(b, s)
			}
			to[i] = s[i]
		}
		return b[:from+n]
	}
	for i := 0; ; i += 8 {
		if i > n-8 {
			if i == n {
				break
			}
			i = n - 8 // the last eight, some of which are there already
		}
		w := word(s[i : i+8])
		if special(w) {
			return escapeJSON(b, s)
		}
		binary.LittleEndian.PutUint64(to[i:i+8], w)
	}
	return b[:from+n]
}

// plainByte says of a byte that it needs no escape and is ASCII. It is read only.
var plainByte = func() (t [256]bool) {
	for c := ' '; c < utf8.RuneSelf; c++ {
		t[c] = c != '"' && c != '\\'
	}
	return t
}()

// plainJSON says that nothing of s has to be escaped or checked.
func plainJSON(s string) bool {
	for ; len(s) >= 8; s = s[8:] {
		if special(word(s)) {
			return false
		}
	}
	for i := range len(s) {
		if !plainByte[s[i]] {
			return false
		}
	}
	return true
}

// word gives the first eight bytes, the first one lowest.
func word(s string) uint64 {
	_ = s[7]
	return uint64(s[0]) | uint64(s[1])<<8 | uint64(s[2])<<16 | uint64(s[3])<<24 |
		uint64(s[4])<<32 | uint64(s[5])<<40 | uint64(s[6])<<48 | uint64(s[7])<<56
}

// special says that one of eight bytes is below 0x20, a quote, a backslash or not ASCII: each of these sets its highest bit in the sum,
// or a neighbour's, which costs a second look only.
func special(w uint64) bool {
	const ones, high = 0x0101010101010101, 0x8080808080808080
	quote, slash := w^ones*'"', w^ones*'\\'
	return (w|(w-ones*' ')|(quote-ones)|(slash-ones))&high != 0
}

func escapeJSON(b []byte, s string) []byte {
	from := 0
	for i := 0; i < len(s); {
		c := s[i]
		if plainByte[c] {
			i++
			continue
		}
		if c >= utf8.RuneSelf {
			r, n := utf8.DecodeRuneInString(s[i:])
			if r != utf8.RuneError || n > 1 {
				i += n
				continue
			}
		}
		b = append(b, s[from:i]...)
		switch {
		case c == '"' || c == '\\':
			b = append(b, '\\', c)
		case c == '\n':
			b = append(b, '\\', 'n')
		case c == '\r':
			b = append(b, '\\', 'r')
		case c == '\t':
			b = append(b, '\\', 't')
		case c < ' ':
			b = append(b, '\\', 'u', '0', '0', upperHex[c>>4], upperHex[c&15])
		default:
			b = append(b, "\uFFFD"...)
		}
		i++
		from = i
	}
	return append(b, s[from:]...)
}

// appendInt is strconv's, with a short way for what is usual: unknown sizes and calls of some milliseconds.
func appendInt(b []byte, n int64) []byte {
	if uint64(n) < 10 {
		return append(b, byte('0'+n))
	}
	if n == -1 {
		return append(b, '-', '1')
	}
	return strconv.AppendInt(b, n, 10)
}

// appendTag writes a tag's value with its type. JSON has no NaN and no infinities: they are written as texts.
func appendTag(b []byte, t *Tag) []byte {
	switch t.kind {
	case tagInt:
		return appendInt(b, int64(t.num))
	case tagBool:
		return strconv.AppendBool(b, t.num != 0)
	case tagFloat:
		return appendFloat(b, math.Float64frombits(t.num))
	case tagJSON:
		return append(b, t.str...)
	}
	return appendString(b, t.str)
}

func appendFloat(b []byte, f float64) []byte {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return appendString(b, strconv.FormatFloat(f, 'g', -1, 64))
	}
	from := len(b)
	b = strconv.AppendFloat(b, f, 'g', -1, 64)
	for _, c := range b[from:] {
		if c == '.' || c == 'e' {
			return b
		}
	}
	return append(b, ".0"...) // so that a reader sees that it is no integer
}

// appendTags writes an object of tags. A key that comes twice is written once, with its last value.
func appendTags(b []byte, tags []Tag) []byte {
	b = append(b, '{')
	for i := range tags {
		if !repeated(tags[i+1:], tags[i].Key) {
			b = appendTag(appendTagKey(b, tags[i].Key), &tags[i])
		}
	}
	return append(b, '}')
}

func repeated(tags []Tag, key string) bool {
	for i := range tags {
		if tags[i].Key == key {
			return true
		}
	}
	return false
}

// appendTagKey writes `"key":`, with a comma before it unless it is the first of its object.
func appendTagKey(b []byte, key string) []byte {
	if b[len(b)-1] != '{' {
		b = append(b, ',', '"')
	} else {
		b = append(b, '"')
	}
	return append(appendText(b, key), '"', ':')
}

// timeCache writes times as "yyyy-MM-dd HH:mm:ss.SSS" in the local zone and keeps the part that rarely changes.
type timeCache struct {
	second int64
	text   [20]byte // with the dot
}

func (c *timeCache) append(b []byte, t time.Time) []byte { return c.appendNano(b, t.UnixNano()) }

// appendNano is append of a time in nanoseconds since 1970.
func (c *timeCache) appendNano(b []byte, ns int64) []byte {
	second, rest := ns/1e9, ns%1e9
	if rest < 0 {
		second, rest = second-1, rest+1e9
	}
	if second != c.second || c.text[0] == 0 {
		time.Unix(second, 0).AppendFormat(c.text[:0], "2006-01-02 15:04:05.")
		c.second = second
	}
	b = append(b, c.text[:]...)
	ms := uint32(rest) / 1e6
	return append(b, byte('0'+ms/100), byte('0'+ms/10%10), byte('0'+ms%10))
}
