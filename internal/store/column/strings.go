package column

import (
	"bytes"
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

// Strings is a column of texts, read. The texts alias memory that the column holds, or are made when they are asked for.
type Strings struct {
	rows    int
	kind    byte
	values  []string // const: one; dictionary, pattern: the dictionary
	index   Ints     // dictionary, pattern: numbers in it; plain: lengths
	text    []byte   // plain
	holes   []int    // of each pattern
	uniform bool     // all patterns have as many
	numbers []Ints   // patterns: of each hole
	all     []string // plain, pattern: each text, once all were asked for
}

// Number gives the number of a row's text, in the order in which different texts appear in the column: 0 for a column that
// is not Numbered.
func (s *Strings) Number(row int) int {
	if s.kind == textDict {
		return int(s.index.At(row))
	}
	return 0
}

// Distinct is the number of different texts of a column that is Numbered, else 1.
func (s *Strings) Distinct() int {
	if s.kind == textDict {
		return len(s.values)
	}
	return min(1, s.rows)
}

// Values gives the different texts, by Number, of a column that is Numbered or Const, else nil.
func (s *Strings) Values() []string {
	if s.kind == textConst && s.rows > 0 {
		return []string{s.At(0)}
	}
	if s.kind == textDict {
		return s.values
	}
	return nil
}

// Numbers gives the Number of all rows in dst, which is grown and may be nil.
func (s *Strings) Numbers(dst []int64) []int64 {
	if s.kind == textDict {
		return s.index.All(dst)
	}
	dst = slices.Grow(dst[:0], s.rows)[:s.rows]
	clear(dst)
	return dst
}

// All gives the text of each row.
func (s *Strings) All() []string {
	switch s.kind {
	case textPlain, textPattern:
		s.unpack()
	default:
		if s.all == nil {
			s.all = make([]string, s.rows)
			for i := range s.all {
				s.all[i] = s.At(i)
			}
		}
	}
	return s.all
}

// Size is about the bytes that the column holds.
func (s *Strings) Size() int {
	n := 160 + s.index.Size() + len(s.text) + 8*len(s.holes) + 16*(len(s.values)+len(s.all))
	for _, v := range s.values {
		n += len(v)
	}
	for i := range s.numbers {
		n += s.numbers[i].Size()
	}
	if s.kind == textPattern {
		for _, v := range s.all {
			n += len(v)
		}
	}
	return n
}

// Const says that all rows have the same text.
func (s *Strings) Const() bool { return s.kind == textConst || s.rows == 0 }

// At gives the text of a row.
func (s *Strings) At(row int) string {
	switch s.kind {
	case textConst:
		if len(s.values) == 0 {
			return ""
		}
		return s.values[0]
	case textDict:
		return s.values[s.index.At(row)]
	case textPlain:
		if s.all != nil {
			return s.all[row]
		}
		from := int64(0)
		for i := range row {
			from += s.index.At(i)
		}
		return view(s.text[from : from+s.index.At(row)])
	}
	if s.all != nil {
		return s.all[row]
	}
	x := s.index.At(row)
	var at [maxHoles]int
	if s.uniform {
		for h := range s.holes[x] {
			at[h] = row
		}
	} else {
		for i := range row {
			for h := range s.holes[s.index.At(i)] {
				at[h]++
			}
		}
	}
	return view(s.appendPattern(make([]byte, 0, len(s.values[x])+6*s.holes[x]), int(x), func(h int) int64 { return s.numbers[h].At(at[h]) }))
}

func (s *Strings) appendPattern(b []byte, x int, number func(hole int) int64) []byte {
	h := 0
	for _, c := range bytesOf(s.values[x]) {
		if c != hole {
			b = append(b, c)
			continue
		}
		b = strconv.AppendInt(b, number(h), 10)
		h++
	}
	return b
}

// unpack makes all texts.
func (s *Strings) unpack() {
	if s.all != nil {
		return
	}
	s.all = make([]string, s.rows)
	if s.kind == textPlain {
		from := int64(0)
		for i, n := range s.index.All(nil) {
			s.all[i] = view(s.text[from : from+n])
			from += n
		}
		return
	}
	numbers := make([][]int64, len(s.numbers))
	for h := range numbers {
		numbers[h] = s.numbers[h].All(nil)
	}
	ends := make([]int, s.rows)
	arena := make([]byte, 0, 24*s.rows)
	for i, x := range s.index.All(nil) {
		arena = s.appendPattern(arena, int(x), func(h int) int64 {
			n := numbers[h][0]
			numbers[h] = numbers[h][1:]
			return n
		})
		ends[i] = len(arena)
	}
	from := 0
	for i, end := range ends {
		s.all[i] = view(arena[from:end])
		from = end
	}
}

// Test evaluates match once for each different text, as far as the column knows them, and gives a function that tells it
// of a row.
func (s *Strings) Test(match func(string) bool) (row func(int) bool, any bool) {
	switch s.kind {
	case textConst:
		any = s.rows > 0 && match(s.At(0))
		return func(int) bool { return any }, any
	case textDict:
		hit := make([]bool, len(s.values))
		for i, v := range s.values {
			hit[i] = match(v)
			any = any || hit[i]
		}
		return func(i int) bool { return hit[s.index.At(i)] }, any
	}
	s.unpack()
	hit := make([]bool, s.rows)
	for i, v := range s.all {
		hit[i] = match(v)
		any = any || hit[i]
	}
	return func(i int) bool { return hit[i] }, any
}

// Strings gives a column of n texts. A column that is not there is all "".
func (g *Group) Strings(id, n int) (Strings, error) {
	s := Strings{rows: n, kind: textConst}
	if n > MaxRows {
		return s, ErrMalformed
	}
	c := g.find(id)
	if c == nil || n == 0 {
		return s, nil
	}
	r := reader{b: c.body, codec: g.codec}
	r.strings(&s)
	if r.err != nil {
		return Strings{rows: n, kind: textConst}, r.err
	}
	return s, nil
}

func (r *reader) strings(s *Strings) {
	switch s.kind = r.byte(); s.kind {
	case textConst:
		s.values = []string{view(r.take(r.int(maxRaw)))}
	case textDict:
		s.values = r.dict(s.rows)
		s.index = r.indexes(s.rows, len(s.values))
	case textPlain:
		s.text = r.section(maxRaw)
		if s.index = r.ints(s.rows); !s.index.within(maxRaw) {
			r.fail("a text is too long")
			return
		}
		total := int64(0)
		for i := range s.rows {
			total += s.index.At(i)
		}
		if total != int64(len(s.text)) {
			r.fail("texts are cut off")
		}
	case textPattern:
		r.patterns(s)
	default:
		r.fail("unknown encoding of texts")
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

func (r *reader) indexes(rows, count int) Ints {
	index := r.ints(rows)
	if r.err == nil && !index.within(int64(count)) {
		r.fail("a text is not in its dictionary")
	}
	return index
}

func (r *reader) patterns(s *Strings) {
	s.values = r.dict(s.rows)
	s.index = r.indexes(s.rows, len(s.values))
	s.holes, s.uniform = make([]int, len(s.values)), true
	for i, p := range s.values {
		s.holes[i] = bytes.Count(bytesOf(p), []byte{hole})
		s.uniform = s.uniform && s.holes[i] == s.holes[0]
		if s.holes[i] > maxHoles {
			r.fail("a pattern has too many numbers")
		}
	}
	columns := r.int(maxHoles)
	if r.err != nil {
		return
	}
	counts := s.counts()
	if counts == nil {
		r.fail("texts are too long")
		return
	}
	s.numbers = make([]Ints, columns)
	for h, n := range counts {
		if n > 0 && h >= columns {
			r.fail("a pattern's numbers are missing")
		}
		if h < columns {
			s.numbers[h] = r.ints(n)
		}
	}
}

// counts gives how many rows have a first, second, … number, nil if the texts would be too long.
func (s *Strings) counts() []int {
	uses := make([]int, len(s.values))
	if s.index.Const() {
		uses[s.index.At(0)] = s.rows
	} else {
		for i := range s.rows {
			uses[s.index.At(i)]++
		}
	}
	counts := make([]int, maxHoles)
	size := 0
	for x, n := range uses {
		for h := range s.holes[x] {
			counts[h] += n
		}
		if size += n * (len(s.values[x]) + 18*s.holes[x]); size > 2*maxRaw {
			return nil
		}
	}
	return counts
}

// view reads bytes that are never changed as text.
func view(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }

func bytesOf(s string) []byte { return unsafe.Slice(unsafe.StringData(s), len(s)) }
