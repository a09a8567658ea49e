package twinspan

import (
	"bytes"
	"encoding/binary"
)

// BinaryCarrier carries trace context in bytes, as SOFATracer's BINARY format has it with SOFAHead: a key, the length of the
// value as 4 bytes, big-endian, and the value. Bytes before and behind it are not looked at; W3C and the other formats of
// several keys work too, one item after the other, for who has both ends.
type BinaryCarrier struct{ Bytes []byte }

// maxBinaryItems bounds how often a key is looked for where its bytes are found and no value follows.
const maxBinaryItems = 64

// Get is Carrier's. Unlike with Java, a length beyond the bytes is no value rather than memory asked for.
func (c *BinaryCarrier) Get(key string) (string, bool) {
	rest := c.Bytes
	for range maxBinaryItems {
		i := bytes.Index(rest, []byte(key))
		if i < 0 || key == "" {
			return "", false
		}
		rest = rest[i+len(key):]
		if len(rest) < 4 {
			return "", false
		}
		if n := binary.BigEndian.Uint32(rest); uint64(n) <= uint64(len(rest)-4) {
			return string(rest[4 : 4+n]), true
		}
	}
	return "", false
}

// All is Carrier's.
func (c *BinaryCarrier) All(key string) []string {
	if v, ok := c.Get(key); ok {
		return []string{v}
	}
	return nil
}

// Set is Carrier's; it appends.
func (c *BinaryCarrier) Set(key, value string) {
	c.Bytes = append(c.Bytes, key...)
	c.Bytes = binary.BigEndian.AppendUint32(c.Bytes, uint32(len(value)))
	c.Bytes = append(c.Bytes, value...)
}

// WithPrefix is Carrier's. Keys cannot be told from values, so there are none.
func (c *BinaryCarrier) WithPrefix(string, func(rest, value string)) {}
