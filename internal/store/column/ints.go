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

// appendIndex writes numbers of a dictionary, from 0 on: in a form of which one can be read without the others.
func (w *Writer) appendIndex(dst []byte, v []int64) []byte {
	if least := slices.Min(v); least == slices.Max(v) {
		return binary.AppendVarint(append(dst, intsConst), least)
	}
	dst = binary.AppendVarint(append(dst, intsPlane), 0)
	return w.planes(dst, v, func(i int) uint64 { return uint64(v[i]) })
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

// Ints is a column of integers, read. Values are put together from their planes when they are asked for.
type Ints struct {
	n      int
	kind   byte
	base   int64 // the value of all, the least, or the first
	width  int
	planes [8][]byte
	values []int64 // of a dictionary; summed up from distances
}

// Ints gives a column of n integers. A column that is not there is all 0.
func (g *Group) Ints(id, n int) (Ints, error) {
	if n > MaxRows {
		return Ints{}, ErrMalformed
	}
	c := g.find(id)
	if c == nil {
		return Ints{n: n, kind: intsConst}, nil
	}
	r := reader{b: c.body, codec: g.codec}
	v := r.ints(n)
	return v, r.err
}

// Len is the number of values.
func (v *Ints) Len() int { return v.n }

// Size is about the bytes that the column holds.
func (v *Ints) Size() int {
	n := 96 + 8*len(v.values)
	for i := range v.planes {
		n += len(v.planes[i])
	}
	return n
}

// Const says that all values are the same.
func (v *Ints) Const() bool { return v.kind == intsConst || v.n == 0 }

// At gives one value.
func (v *Ints) At(i int) int64 {
	switch v.kind {
	case intsConst:
		return v.base
	case intsDict:
		return v.values[v.planes[0][i]]
	case intsPlane:
		if v.width == 1 {
			return v.base + int64(v.planes[0][i])
		}
		return v.base + int64(v.raw(i))
	}
	return v.values[i]
}

func (v *Ints) raw(i int) (u uint64) {
	for p := range v.width {
		u |= uint64(v.planes[p][i]) << (8 * p)
	}
	return u
}

// All gives all values in dst, which is grown and may be nil.
func (v *Ints) All(dst []int64) []int64 {
	dst = slices.Grow(dst[:0], v.n)[:v.n]
	if v.n == 0 {
		return dst
	}
	switch v.kind {
	case intsConst:
		for i := range dst {
			dst[i] = v.base
		}
	case intsDict:
		for i, c := range v.planes[0] {
			dst[i] = v.values[c]
		}
	case intsPlane:
		v.fill(dst)
		for i := range dst {
			dst[i] += v.base
		}
	case intsDelta:
		copy(dst, v.values)
	}
	return dst
}

// sum makes the values of distances.
func (v *Ints) sum() {
	v.values = make([]int64, v.n)
	v.fill(v.values[1:])
	x := v.base
	v.values[0] = x
	for i := 1; i < v.n; i++ {
		x += unzigzag(uint64(v.values[i]))
		v.values[i] = x
	}
}

func (v *Ints) fill(dst []int64) {
	if v.width == 0 {
		clear(dst)
		return
	}
	for i, c := range v.planes[0] {
		dst[i] = int64(c)
	}
	for p := 1; p < v.width; p++ {
		for i, c := range v.planes[p] {
			dst[i] |= int64(uint64(c) << (8 * p))
		}
	}
}

// within says that all values are at least 0 and less than limit.
func (v *Ints) within(limit int64) bool {
	if v.n == 0 {
		return true
	}
	switch v.kind {
	case intsConst:
		return v.base >= 0 && v.base < limit
	case intsDict:
		for _, c := range v.planes[0] {
			if x := v.values[c]; x < 0 || x >= limit {
				return false
			}
		}
		return true
	case intsPlane:
		if v.width == 1 {
			return v.base >= 0 && v.base < limit && int64(slices.Max(v.planes[0])) < limit-v.base
		}
	}
	values := v.values
	if v.kind == intsPlane {
		values = v.All(nil)
	}
	return slices.Min(values) >= 0 && slices.Max(values) < limit
}

func (r *reader) ints(n int) Ints {
	v := Ints{n: n, kind: intsConst}
	if n == 0 {
		return v
	}
	switch v.kind = r.byte(); v.kind {
	case intsConst:
		v.base = r.varint()
	case intsPlane:
		v.base = r.varint()
		r.planes(&v, n)
	case intsDelta:
		v.base = r.varint()
		if r.planes(&v, n-1); r.err == nil {
			v.sum()
		}
	case intsDict:
		v.values = make([]int64, r.int(256))
		x := int64(0)
		for i := range v.values {
			x += r.varint()
			v.values[i] = x
		}
		v.planes[0] = r.plane(n)
		if r.err == nil && int(slices.Max(v.planes[0])) >= len(v.values) {
			r.fail("a value is not in its dictionary")
		}
	default:
		r.fail("unknown encoding of integers")
	}
	if r.err != nil {
		return Ints{n: n, kind: intsConst}
	}
	return v
}

func (r *reader) plane(n int) []byte {
	b := r.section(n)
	if r.err == nil && len(b) != n {
		r.fail("a column has another number of values")
	}
	return b
}

func (r *reader) planes(v *Ints, n int) {
	v.width = int(r.byte())
	if v.width > len(v.planes) {
		r.fail("integers of more than 8 bytes")
		return
	}
	for p := range v.width {
		v.planes[p] = r.plane(n)
	}
}

// Index adds a column of integers from 0 on, of which one can be read without the others.
func (w *Writer) Index(id int, v []int64) {
	if allZero(v) {
		return
	}
	at := len(w.body)
	w.body = w.appendIndex(w.body, v)
	w.dir = append(w.dir, entry{id, len(w.body) - at})
}
