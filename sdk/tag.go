package twinspan

import (
	"math"
	"time"
)

// Tag is a key with a typed value. Make it by String, Int, Bool or Float.
type Tag struct {
	Key  string
	kind tagKind
	num  uint64
	str  string
}

type tagKind uint8

const (
	tagString tagKind = iota
	tagInt
	tagBool
	tagFloat
)

// String makes a tag with a text.
func String(key, value string) Tag { return Tag{Key: key, str: value} }

// Int makes a tag with an integer.
func Int(key string, value int64) Tag { return Tag{Key: key, kind: tagInt, num: uint64(value)} }

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

// Event is something that happened at one moment of a span.
type Event struct {
	Name string
	Time time.Time
	Tags []Tag
}

// Limits on what one span holds, so that a loop in the application cannot fill the memory. What is beyond is dropped and
// counted in the attributes "dropped.tags" and "dropped.events"; texts are cut.
const (
	maxTags   = 128
	maxEvents = 128
	maxText   = 16 << 10
)

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
