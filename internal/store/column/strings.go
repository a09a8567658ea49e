package column

import (
	"bytes"
	"encoding/binary"
	"slices"
	"strconv"
	"unsafe"
)

// The encodings of texts.
const (
	textConst   = iota // one text
	textDict           // different texts, in order of appearance, and their numbers
	textPlain          // lengths and bytes
	textPattern        // texts whose decimal numbers are taken out, a dictionary of what is left, and the numbers
)

// hole stands for a number in a pattern; a text that has this byte is not made a pattern of.
const hole = 0x00

// maxHoles is the number of numbers that are taken out of one text; the digits behind stay.
const maxHoles = 12

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
	// A dictionary pays if texts repeat: at most every second one may be new.
	if w.number(v, len(v)/2+1) {
		if len(w.dict) == 1 {
			dst = append(dst, textConst)
			dst = binary.AppendUvarint(dst, uint64(len(v[0])))
			return append(dst, v[0]...)
		}
		dst = append(dst, textDict)
		return w.appendInts(w.appendDict(dst, w.dict), w.ints)
	}
	if out, ok := w.appendPattern(dst, v); ok {
		return out
	}
	return w.appendPlain(append(dst, textPlain), v)
}

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
	patterns := make([]string, len(v))
	var arena []byte
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
	dst = w.appendInts(w.appendDict(dst, w.dict), w.ints)
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

// Strings is a column of texts, read. The texts alias memory that the column holds.
type Strings struct {
	values []string
	index  []int64 // nil: values has one text for all rows, or one for each
	rows   int
}

// At gives the text of a row.
func (s *Strings) At(row int) string {
	switch {
	case s.index != nil:
		return s.values[s.index[row]]
	case len(s.values) == 1:
		return s.values[0]
	case len(s.values) == 0:
		return ""
	}
	return s.values[row]
}

// Values are the texts that the column has; one may stand twice.
func (s *Strings) Values() []string {
	if len(s.values) == 0 && s.rows > 0 {
		return []string{""}
	}
	return s.values
}

// Test evaluates match once for each text and gives a function that tells it of a row.
func (s *Strings) Test(match func(string) bool) (row func(int) bool, any bool) {
	values := s.Values()
	hit := make([]bool, len(values))
	for i, v := range values {
		hit[i] = match(v)
		any = any || hit[i]
	}
	switch {
	case s.index != nil:
		return func(i int) bool { return hit[s.index[i]] }, any
	case len(values) == 1:
		return func(int) bool { return hit[0] }, any
	}
	return func(i int) bool { return hit[i] }, any
}

// Strings gives a column of n texts. A column that is not there is all "".
func (g *Group) Strings(id, n int) (Strings, error) {
	s := Strings{rows: n}
	c := g.find(id)
	if n > MaxRows {
		return s, ErrMalformed
	}
	if c == nil || n == 0 {
		return s, nil
	}
	r := reader{b: c.body, codec: g.codec}
	r.strings(&s)
	return s, r.err
}

func (r *reader) strings(s *Strings) {
	switch r.byte() {
	case textConst:
		s.values = []string{view(r.take(r.int(maxRaw)))}
	case textDict:
		s.values = r.dict(s.rows)
		s.index = r.indexes(s.rows, len(s.values))
	case textPlain:
		b := r.section(maxRaw)
		lens := make([]int64, s.rows)
		r.ints(lens)
		s.values = make([]string, s.rows)
		rest := reader{b: b}
		for i, n := range lens {
			if n < 0 || n > int64(len(rest.b)) {
				r.fail("texts are cut off")
				break
			}
			s.values[i] = view(rest.take(int(n)))
		}
		if len(rest.b) != 0 {
			r.fail("bytes behind the last text")
		}
	case textPattern:
		r.patterns(s)
	default:
		r.fail("unknown encoding of texts")
	}
	if r.err != nil {
		s.values, s.index = nil, nil
	}
}

func (r *reader) dict(rows int) []string {
	count := r.int(rows)
	b := reader{b: r.section(maxRaw)}
	if count > len(b.b) {
		r.fail("a dictionary is cut off")
		return nil
	}
	values := make([]string, count)
	lens := make([]int, count)
	for i := range lens {
		lens[i] = b.int(maxRaw)
	}
	for i := range values {
		values[i] = view(b.take(lens[i]))
	}
	if r.err == nil {
		r.err = b.err
	}
	return values
}

func (r *reader) indexes(rows, count int) []int64 {
	index := make([]int64, rows)
	r.ints(index)
	for _, x := range index {
		if x < 0 || x >= int64(count) {
			r.fail("a text is not in its dictionary")
			return nil
		}
	}
	return index
}

func (r *reader) patterns(s *Strings) {
	dict := r.dict(s.rows)
	index := r.indexes(s.rows, len(dict))
	holes := make([]int, len(dict))
	for i, p := range dict {
		holes[i] = bytes.Count(bytesOf(p), []byte{hole})
		if holes[i] > maxHoles {
			r.fail("a pattern has too many numbers")
		}
	}
	if r.err != nil {
		return
	}
	columns := r.int(maxHoles)
	var counts [maxHoles]int
	size := 0
	for _, x := range index {
		for h := range holes[x] {
			counts[h]++
		}
		if size += len(dict[x]) + 18*holes[x]; size > maxRaw {
			r.fail("texts are too long")
			return
		}
	}
	var numbers [maxHoles][]int64
	for h := range numbers {
		if counts[h] > 0 && h >= columns {
			r.fail("a pattern's numbers are missing")
			return
		}
		if h < columns {
			numbers[h] = make([]int64, counts[h])
			r.ints(numbers[h])
		}
	}
	if r.err != nil {
		return
	}
	s.values = make([]string, s.rows)
	ends := make([]int, s.rows)
	arena := make([]byte, 0, min(size, 24*s.rows))
	for i, x := range index {
		h := 0
		for _, c := range bytesOf(dict[x]) {
			if c != hole {
				arena = append(arena, c)
				continue
			}
			arena = strconv.AppendInt(arena, numbers[h][0], 10)
			numbers[h] = numbers[h][1:]
			h++
		}
		ends[i] = len(arena)
	}
	arena = slices.Clip(arena)
	from := 0
	for i, end := range ends {
		s.values[i] = view(arena[from:end])
		from = end
	}
}

// view reads bytes that are never changed as text.
func view(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }

func bytesOf(s string) []byte { return unsafe.Slice(unsafe.StringData(s), len(s)) }
