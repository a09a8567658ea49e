package twinspan

import (
	"math"
	"strconv"
	"time"

	"github.com/twinspan/twinspan/sdk/id"
)

// Tag is a key with a typed value. Make it by String, Int, Bool or Float.
type Tag struct {
	Key  string
	kind tagKind
	// standard says that the tag is written as a standard field: Span.resolve.
	standard bool
	num      uint64
	str      string
}

type tagKind uint8

const (
	tagString tagKind = iota
	tagInt
	tagBool
	tagFloat
	tagJSON // str is JSON: a list or an object
)

// String makes a tag with a text.
func String(key, value string) Tag { return Tag{Key: key, str: value} }

// Int makes a tag with an integer.
func Int(key string, value int64) Tag { return Tag{Key: key, kind: tagInt, num: uint64(value)} }

// SetString makes t what String gives, where it is.
func (t *Tag) SetString(key, value string) {
	t.Key, t.kind, t.standard, t.str = key, tagString, false, value
}

// SetInt makes t what Int gives, where it is.
func (t *Tag) SetInt(key string, value int64) {
	t.Key, t.kind, t.standard, t.num = key, tagInt, false, uint64(value)
	if t.str != "" { // a look is cheaper than writing a pointer while the garbage collector runs
		t.str = ""
	}
}

// Float makes a tag with a floating-point number.
func Float(key string, value float64) Tag {
	return Tag{Key: key, kind: tagFloat, num: math.Float64bits(value)}
}

// Bool makes a tag with a truth value.
func Bool(key string, value bool) Tag {
	t := Tag{Key: key, kind: tagBool}
	if value {
		t.num = 1
	}
	return t
}

// Strings makes a tag with a list of texts.
func Strings(key string, values []string) Tag {
	return list(key, values, func(b []byte, v string) []byte { return appendString(b, v) })
}

// Ints makes a tag with a list of integers.
func Ints(key string, values []int64) Tag {
	return list(key, values, func(b []byte, v int64) []byte { return strconv.AppendInt(b, v, 10) })
}

// Floats makes a tag with a list of floating-point numbers.
func Floats(key string, values []float64) Tag {
	return list(key, values, appendFloat)
}

// Bools makes a tag with a list of truth values.
func Bools(key string, values []bool) Tag {
	return list(key, values, strconv.AppendBool)
}

// list encodes at once: the caller may change its list later.
func list[T any](key string, values []T, encode func([]byte, T) []byte) Tag {
	b := []byte{'['}
	for i, v := range values {
		if i > 0 {
			b = append(b, ',')
		}
		b = encode(b, v)
	}
	return Tag{Key: key, kind: tagJSON, str: string(append(b, ']'))}
}

// RawJSON makes a tag with a list or an object. What is no JSON of these becomes a text.
func RawJSON(key, text string) Tag {
	if line, ok := jsonLine(text); ok {
		return Tag{Key: key, kind: tagJSON, str: line}
	}
	return Tag{Key: key, str: text}
}

// Event is something that happened at one moment of a span.
type Event struct {
	Name string
	Time time.Time
	Tags []Tag
}

// Link is what Span.AddLink said.
type Link struct {
	Trace id.Trace
	Span  id.Span
	State string // W3C tracestate
	Tags  []Tag
}

// Limits bound what one span holds, so that a loop in the application cannot fill the memory. What is beyond is dropped and
// counted in the attributes "dropped.tags", "dropped.events" and "dropped.links"; texts are cut.
type Limits struct {
	Tags      int `yaml:"tags"`       // of a span. Default 128.
	Events    int `yaml:"events"`     // Default 128.
	Links     int `yaml:"links"`      // Default 128.
	EventTags int `yaml:"event_tags"` // of one event or link. Default 128.
	TextBytes int `yaml:"text_bytes"` // of a name or a value. Default 16384.
}

// copy gives tags of an event or link within the limits.
func (l *Limits) copy(tags []Tag) []Tag {
	if len(tags) == 0 {
		return nil
	}
	own := append([]Tag(nil), tags[:min(len(tags), l.EventTags)]...)
	for i := range own {
		own[i].cut(l.TextBytes)
	}
	return own
}

// cut shortens a text. JSON that is too long becomes a text, because part of it would be none.
func (t *Tag) cut(n int) {
	if len(t.str) > n {
		if t.kind == tagJSON {
			t.kind = tagString
		}
		t.str = cut(t.str, n)
	}
}

// cut shortens text to at most n bytes, at a character's boundary.
func cut(text string, n int) string {
	if len(text) <= n {
		return text
	}
	for n > 0 && text[n]&0xc0 == 0x80 {
		n--
	}
	return text[:n]
}
