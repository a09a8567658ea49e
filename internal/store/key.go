package store

import (
	"encoding/binary"
	"hash/fnv"

	"github.com/twinspan/twinspan/sdk/id"
)

// Kinds of rows of TableRange: the byte behind the range's id.
const (
	kindFilter  = 'f'
	kindIDs     = 'i'
	kindMerged  = 'm'
	kindPayload = 'p'
	kindRollup  = 'r'
	kindState   = 's'
)

func appendRange(b []byte, r RangeID) []byte {
	b = binary.BigEndian.AppendUint16(b, r.Partition)
	return binary.BigEndian.AppendUint64(b, uint64(r.From))
}

func parseRange(b []byte) (r RangeID, ok bool) {
	if len(b) != RangeIDSize {
		return r, false
	}
	return RangeID{binary.BigEndian.Uint16(b), int64(binary.BigEndian.Uint64(b[2:]))}, true
}

// partKey is the key of one part of a value of TableRange.
func partKey(r RangeID, kind byte, number, part int) []byte {
	b := appendRange(make([]byte, 0, RangeIDSize+6), r)
	b = append(b, kind)
	b = binary.BigEndian.AppendUint32(b, uint32(number))
	return append(b, byte(part))
}

func traceKey(t id.Trace, r RangeID) []byte {
	b := append(make([]byte, 0, len(t)+RangeIDSize), t[:]...)
	return appendRange(b, r)
}

// longValue is the length beyond which a value stands in postings as its beginning and a hash.
const longValue = 160

// postingPrefix is the key of a value's postings without the range: field, value, and an end that no value contains, so
// that no value's prefix is the beginning of another's.
func postingPrefix(f field, value string) []byte {
	b := make([]byte, 0, len(value)+RangeIDSize+4)
	b = append(b, byte(f))
	if len(value) > longValue {
		h := fnv.New64a()
		h.Write([]byte(value))
		value = string(h.Sum([]byte(value[:longValue-8])))
	}
	for i := range len(value) {
		b = append(b, value[i])
		if value[i] == 0 {
			b = append(b, 0xff)
		}
	}
	return append(b, 0, 1)
}

// PrefixLen gives the length of the part of a key that reads seek by, for the filters of a KV: all but the range's id for
// TableTrace and TablePosting, else the whole key. Of what is no whole key it is the whole length.
func PrefixLen(t Table, key []byte) int {
	switch t {
	case TableTrace:
		return min(len(key), len(id.Trace{}))
	case TablePosting:
		for i := 1; i+1 < len(key); i++ {
			if key[i] == 0 {
				if key[i+1] == 1 {
					return i + 2
				}
				i++
			}
		}
	}
	return len(key)
}
