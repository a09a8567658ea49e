package column

import (
	"encoding/binary"
	"slices"
	"unsafe"
)

// Strings adds a column of texts. A column whose values are all "" takes no space.
func (w *Writer) Strings(id int, v []string) {
	if allEmpty(v) {
		return
	}
	at := len(w.body)
	w.body = w.appendStrings(w.body, v)
	w.dir = append(w.dir, entry{id, len(w.body) - at})
}

func allEmpty(v []string) bool {
	for _, s := range v {
		if s != "" {
			return false
		}
	}
	return true
}

func (w *Writer) appendStrings(dst []byte, v []string) []byte {
	if len(v) == 0 {
		return dst
	}
	if w.number(v, maxDict(len(v))) {
		if len(w.dict) == 1 {
			dst = append(dst, textConst)
			dst = binary.AppendUvarint(dst, uint64(len(v[0])))
			return append(dst, v[0]...)
		}
		dst = append(dst, textDict)
		return w.appendIndex(w.appendDict(dst, w.dict), w.ints)
	}
	return w.appendUnnumbered(dst, v)
}

// appendUnnumbered writes texts that are too many for a dictionary.
func (w *Writer) appendUnnumbered(dst []byte, v []string) []byte {
	if out, ok := w.appendPattern(dst, v); ok {
		return out
	}
	return w.appendPlain(append(dst, textPlain), v)
}

// maxDict is the number of different texts up to which a column of n is a dictionary: about every second one may be new.
func maxDict(n int) int { return n/2 + 1 }

// Numbered says that a column of n texts, so many of them different, is one whose texts have numbers.
func Numbered(n, different int) bool { return different <= maxDict(n) }

// number fills dict with the different texts of v and ints with their numbers; false if there are more than limit.
func (w *Writer) number(v []string, limit int) bool {
	clear(w.index)
	w.dict, w.ints = w.dict[:0], w.ints[:0]
	var last string
	var at int64
	for i, s := range v {
		if i == 0 || s != last {
			var ok bool
			if at, ok = w.index[s]; !ok {
				if len(w.dict) == limit {
					return false
				}
				at = int64(len(w.dict))
				w.index[s] = at
				w.dict = append(w.dict, s)
			}
			last = s
		}
		w.ints = append(w.ints, at)
	}
	return true
}

func (w *Writer) appendDict(dst []byte, dict []string) []byte {
	dst = binary.AppendUvarint(dst, uint64(len(dict)))
	b := w.lens[:0]
	for _, s := range dict {
		b = binary.AppendUvarint(b, uint64(len(s)))
	}
	for _, s := range dict {
		b = append(b, s...)
	}
	w.lens = b
	return w.section(dst, b)
}

func (w *Writer) appendPlain(dst []byte, v []string) []byte {
	w.ints = w.ints[:0]
	b := w.lens[:0]
	for _, s := range v {
		w.ints = append(w.ints, int64(len(s)))
		b = append(b, s...)
	}
	w.lens = b
	dst = w.section(dst, b)
	return w.appendInts(dst, w.ints)
}

// appendPattern writes texts like "10.32.7.112" or "/orders/4711": a dictionary of patterns, and for the first, second, …
// number of all texts a column of integers. It gives up where texts are not like that.
func (w *Writer) appendPattern(dst []byte, v []string) ([]byte, bool) {
	w.numbers = w.numbers[:0]
	w.patterns = slices.Grow(w.patterns[:0], len(v))[:len(v)]
	patterns, arena := w.patterns, w.arena[:0]
	defer func() { w.arena = arena }()
	for i, s := range v {
		if len(s) > 1024 {
			return dst, false
		}
		at := len(arena)
		var ok bool
		if arena, ok = w.cutNumbers(arena, s); !ok {
			return dst, false
		}
		patterns[i] = unsafe.String(unsafe.SliceData(arena[at:]), len(arena)-at)
	}
	if len(w.numbers) == 0 || !w.number(patterns, len(v)/8+1) {
		return dst, false
	}
	dst = append(dst, textPattern)
	dst = w.appendIndex(w.appendDict(dst, w.dict), w.ints)
	dst = binary.AppendUvarint(dst, uint64(len(w.numbers)))
	for _, column := range w.numbers {
		dst = w.appendInts(dst, column)
	}
	return dst, true
}

// cutNumbers appends s without its numbers and adds these to the columns of numbers.
func (w *Writer) cutNumbers(b []byte, s string) ([]byte, bool) {
	holes := 0
	for i := 0; i < len(s); {
		c := s[i]
		if c == hole {
			return b, false
		}
		if c < '0' || c > '9' || holes == maxHoles {
			b = append(b, c)
			i++
			continue
		}
		end := i + 1
		// A number has no leading zeros, so that its text comes back, and fits into an integer.
		for c != '0' && end < len(s) && end-i < 18 && s[end] >= '0' && s[end] <= '9' {
			end++
		}
		n := int64(0)
		for _, d := range []byte(s[i:end]) {
			n = n*10 + int64(d-'0')
		}
		if holes == len(w.numbers) {
			if holes < cap(w.numbers) {
				w.numbers = w.numbers[:holes+1]
				w.numbers[holes] = w.numbers[holes][:0]
			} else {
				w.numbers = append(w.numbers, nil)
			}
		}
		w.numbers[holes] = append(w.numbers[holes], n)
		holes++
		b = append(b, hole)
		i = end
	}
	return b, true
}
