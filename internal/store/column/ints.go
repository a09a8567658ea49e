package column

import (
	"encoding/binary"
	"math/bits"
	"slices"
)

// The encodings of integers.
const (
	intsConst = iota // one value
	intsPlane        // distance from the least value
	intsDelta        // zigzag distance from the value before
	intsDict         // at most 256 values, sorted, and their numbers
)

// Ints adds a column of integers. A column whose values are all 0 takes no space.
func (w *Writer) Ints(id int, v []int64) {
	if allZero(v) {
		return
	}
	at := len(w.body)
	w.body = w.appendInts(w.body, v)
	w.dir = append(w.dir, entry{id, len(w.body) - at})
}

func allZero(v []int64) bool {
	for _, x := range v {
		if x != 0 {
			return false
		}
	}
	return true
}

func zigzag(v int64) uint64   { return uint64(v)<<1 ^ uint64(v>>63) }
func unzigzag(u uint64) int64 { return int64(u>>1) ^ -int64(u&1) }

// appendInts writes the encoding and the values. Values are cut into planes (all lowest bytes, all second bytes, …),
// each compressed by itself: the upper planes of most columns are nearly constant.
func (w *Writer) appendInts(dst []byte, v []int64) []byte {
	if len(v) == 0 {
		return dst
	}
	least, greatest := slices.Min(v), slices.Max(v)
	if least == greatest {
		return binary.AppendVarint(append(dst, intsConst), least)
	}
	var plain, delta int
	prev := v[0]
	for _, x := range v {
		plain += bits.Len64(uint64(x) - uint64(least))
		delta += bits.Len64(zigzag(x - prev))
		prev = x
	}
	if uint64(greatest)-uint64(least) > 255 && len(v) >= 16 {
		if values := distinct(v, min(256, len(v)/4)); values != nil {
			return w.appendIntDict(dst, v, values)
		}
	}
	if delta < plain {
		dst = binary.AppendVarint(append(dst, intsDelta), v[0])
		return w.planes(dst, v[1:], func(i int) uint64 { return zigzag(v[i+1] - v[i]) })
	}
	dst = binary.AppendVarint(append(dst, intsPlane), least)
	return w.planes(dst, v, func(i int) uint64 { return uint64(v[i]) - uint64(least) })
}

// distinct gives the sorted different values of v, or nil if there are more than limit.
func distinct(v []int64, limit int) []int64 {
	var values []int64
	last, seen := v[0]+1, false
	for _, x := range v {
		if seen && x == last {
			continue
		}
		last, seen = x, true
		i, found := slices.BinarySearch(values, x)
		if found {
			continue
		}
		if len(values) == limit {
			return nil
		}
		values = slices.Insert(values, i, x)
	}
	return values
}

func (w *Writer) appendIntDict(dst []byte, v, values []int64) []byte {
	dst = append(dst, intsDict)
	dst = binary.AppendUvarint(dst, uint64(len(values)))
	prev := int64(0)
	for _, x := range values {
		dst = binary.AppendVarint(dst, x-prev)
		prev = x
	}
	w.plane = slices.Grow(w.plane[:0], len(v))[:len(v)]
	last, at := values[0], 0
	for i, x := range v {
		if x != last {
			at, _ = slices.BinarySearch(values, x)
			last = x
		}
		w.plane[i] = byte(at)
	}
	return w.section(dst, w.plane)
}

func (w *Writer) planes(dst []byte, v []int64, value func(i int) uint64) []byte {
	var all uint64
	for i := range v {
		all |= value(i)
	}
	width := (bits.Len64(all) + 7) / 8
	dst = append(dst, byte(width))
	w.plane = slices.Grow(w.plane[:0], len(v)*width)[:len(v)*width]
	for i := range v {
		u := value(i)
		for p := range width {
			w.plane[p*len(v)+i] = byte(u >> (8 * p))
		}
	}
	planes := w.plane
	for p := range width {
		dst = w.section(dst, planes[p*len(v):(p+1)*len(v)])
	}
	return dst
}

// Ints gives a column of n integers in dst, which is grown and may be nil. A column that is not there is all 0.
func (g *Group) Ints(id, n int, dst []int64) ([]int64, error) {
	if n > MaxRows {
		return nil, ErrMalformed
	}
	c := g.find(id)
	dst = slices.Grow(dst[:0], n)[:n]
	if c == nil {
		clear(dst)
		return dst, nil
	}
	r := reader{b: c.body, codec: g.codec}
	r.ints(dst)
	return dst, r.err
}

// ints fills dst.
func (r *reader) ints(dst []int64) {
	if len(dst) == 0 {
		return
	}
	n := len(dst)
	switch r.byte() {
	case intsConst:
		x := r.varint()
		for i := range dst {
			dst[i] = x
		}
	case intsPlane:
		least := r.varint()
		if r.planes(dst) {
			for i := range dst {
				dst[i] += least
			}
		}
	case intsDelta:
		x := r.varint()
		if r.planes(dst[1:]) {
			dst[0] = x
			for i := 1; i < n; i++ {
				x += unzigzag(uint64(dst[i]))
				dst[i] = x
			}
		}
	case intsDict:
		var values [256]int64
		count, x := r.int(256), int64(0)
		for i := range count {
			x += r.varint()
			values[i] = x
		}
		plane := r.section(n)
		if r.err == nil && len(plane) != n {
			r.fail("a column has another number of values")
		}
		for i, c := range plane {
			if int(c) >= count {
				r.fail("a value is not in its dictionary")
				return
			}
			dst[i] = values[c]
		}
	default:
		r.fail("unknown encoding of integers")
	}
}

func (r *reader) planes(dst []int64) bool {
	width := int(r.byte())
	if width > 8 {
		r.fail("integers of more than 8 bytes")
		return false
	}
	clear(dst)
	for p := range width {
		plane := r.section(len(dst))
		if r.err == nil && len(plane) != len(dst) {
			r.fail("a column has another number of values")
		}
		if r.err != nil {
			return false
		}
		for i, c := range plane {
			dst[i] |= int64(uint64(c) << (8 * p))
		}
	}
	return r.err == nil
}
