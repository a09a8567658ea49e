package twinspan

import (
	"math"
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
	b = append(b, '"')
	from := 0
	for i := 0; i < len(s); {
		c := s[i]
		if c >= ' ' && c < utf8.RuneSelf && c != '"' && c != '\\' {
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
	b = append(b, s[from:]...)
	return append(b, '"')
}

// appendTag writes a tag's value with its type. JSON has no NaN and no infinities: they are written as texts.
func appendTag(b []byte, t *Tag) []byte {
	switch t.kind {
	case tagInt:
		return strconv.AppendInt(b, int64(t.num), 10)
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
		b = append(b, ',')
	}
	return append(appendString(b, key), ':')
}

// timeCache writes times as "yyyy-MM-dd HH:mm:ss.SSS" in the local zone and keeps the part that rarely changes.
type timeCache struct {
	second int64
	text   [20]byte // with the dot
}

func (c *timeCache) append(b []byte, t time.Time) []byte {
	if second := t.Unix(); second != c.second || c.text[0] == 0 {
		t.AppendFormat(c.text[:0], "2006-01-02 15:04:05.")
		c.second = second
	}
	b = append(b, c.text[:]...)
	ms := t.Nanosecond() / 1e6
	return append(b, byte('0'+ms/100), byte('0'+ms/10%10), byte('0'+ms%10))
}
