package store

import (
	"encoding/binary"
	"fmt"

	"github.com/twinspan/twinspan/internal/span"
	"github.com/twinspan/twinspan/internal/store/column"
)

// A payload is cut into fields. What fields it has, in their order, is its shape; shapes and names of fields are kept once
// for a block, and each field is a column of its own. A payload that this would not give back byte for byte is kept raw.

// The kinds of fields: what stands in a column and how it is written back.
const (
	fieldRaw     = iota // the whole payload
	fieldBytes          // a field of wire type 2 that is no attribute, or one written unusually
	fieldVarint         // a field of wire type 0
	fieldFixed64        // a field of wire type 1
	fieldFixed32        // a field of wire type 5
	attrEmpty           // an attribute without a value
	attrString          // attributes by the kinds of AnyValue
	attrBool
	attrInt
	attrFloat
	attrArray
	attrMap
	attrBytes
	fieldKinds
)

// attrNumber is the number of attributes in a payload.
const attrNumber = 9

// payloadField is one column of payloads.
type payloadField struct {
	kind   byte
	number int    // of the field, where it is no attribute
	key    string // of the attribute
}

func (f *payloadField) numeric() bool {
	return f.kind >= fieldVarint && f.kind <= fieldFixed32 || f.kind >= attrBool && f.kind <= attrFloat
}

// token is one field of one payload.
type token struct {
	payloadField
	data []byte
	num  uint64
}

// next reads the first field of p into t, which is zero; ok is false where it could not be written back byte for byte.
func (t *token) next(p []byte) (rest []byte, ok bool) {
	if len(p) > 1 && p[0] == attrNumber<<3|2 {
		if m, rest, ok := shortBytes(p[1:]); ok {
			if !t.attr(m) {
				*t = token{payloadField: payloadField{kind: fieldBytes, number: attrNumber}, data: m}
			}
			return rest, true
		}
	}
	f, rest, ok := span.NextField(p)
	if !ok {
		return p, false
	}
	used := len(p) - len(rest)
	head := uvarintLen(uint64(f.Number)<<3 | uint64(f.Wire))
	t.number = f.Number
	switch f.Wire {
	case span.WireVarint:
		t.kind, t.num = fieldVarint, f.Num
		return rest, used == head+uvarintLen(f.Num)
	case span.WireFixed64:
		t.kind, t.num = fieldFixed64, f.Num
		return rest, used == head+8
	case span.WireFixed32:
		t.kind, t.num = fieldFixed32, f.Num
		return rest, used == head+4
	}
	t.kind, t.data = fieldBytes, f.Data
	return rest, used == head+uvarintLen(uint64(len(f.Data)))+len(f.Data)
}

// attr reads a KeyValue that is written in the usual way: key, then value with one field, or with none.
func (t *token) attr(m []byte) bool {
	if len(m) < 4 || m[0] != 1<<3|2 {
		return false
	}
	key, m, ok := shortBytes(m[1:])
	if !ok || len(m) < 2 || m[0] != 2<<3|2 {
		return false
	}
	v, m, ok := shortBytes(m[1:])
	if !ok || len(m) != 0 {
		return false
	}
	t.key = viewOf(key)
	if len(v) == 0 {
		t.kind = attrEmpty
		return true
	}
	switch v[0] {
	case 1<<3 | 2, 5<<3 | 2, 6<<3 | 2, 7<<3 | 2:
		t.kind = attrString - 1 + v[0]>>3
		t.data, m, ok = shortBytes(v[1:])
		return ok && len(m) == 0
	case 2 << 3, 3 << 3:
		n := 0
		t.kind = attrString - 1 + v[0]>>3
		t.num, n = binary.Uvarint(v[1:])
		return n == len(v)-1 && n == uvarintLen(t.num)
	case 4<<3 | 1:
		if len(v) == 9 {
			t.kind, t.num = attrFloat, binary.LittleEndian.Uint64(v[1:])
			return true
		}
	}
	return false
}

// shortBytes reads bytes behind their length, written in as few bytes as it needs.
func shortBytes(m []byte) (b, rest []byte, ok bool) {
	if len(m) > 0 && m[0] < 0x80 {
		if n := int(m[0]); n < len(m) {
			return m[1 : 1+n], m[1+n:], true
		}
		return nil, nil, false
	}
	size, n := binary.Uvarint(m)
	if n <= 0 || n != uvarintLen(size) || size > uint64(len(m)-n) {
		return nil, nil, false
	}
	return m[n : n+int(size)], m[n+int(size):], true
}

func uvarintLen(v uint64) int {
	n := 1
	for v >= 0x80 {
		v >>= 7
		n++
	}
	return n
}

// appendTo writes the field back.
func (t *token) appendTo(b []byte) []byte {
	switch t.kind {
	case fieldRaw:
		return append(b, t.data...)
	case fieldBytes:
		return span.AppendBytesField(b, t.number, t.data)
	case fieldVarint:
		return binary.AppendUvarint(binary.AppendUvarint(b, uint64(t.number)<<3), t.num)
	case fieldFixed64:
		return binary.LittleEndian.AppendUint64(binary.AppendUvarint(b, uint64(t.number)<<3|1), t.num)
	case fieldFixed32:
		return binary.LittleEndian.AppendUint32(binary.AppendUvarint(b, uint64(t.number)<<3|5), uint32(t.num))
	}
	size := 0
	switch t.kind {
	case attrEmpty:
	case attrBool, attrInt:
		size = 1 + uvarintLen(t.num)
	case attrFloat:
		size = 9
	default:
		size = 1 + uvarintLen(uint64(len(t.data))) + len(t.data)
	}
	b = append(b, attrNumber<<3|2)
	b = binary.AppendUvarint(b, uint64(2+uvarintLen(uint64(len(t.key)))+len(t.key)+uvarintLen(uint64(size))+size))
	b = span.AppendStringField(b, 1, t.key)
	b = append(b, 2<<3|2)
	b = binary.AppendUvarint(b, uint64(size))
	number := t.kind - attrString + 1
	switch t.kind {
	case attrEmpty:
		return b
	case attrBool, attrInt:
		return binary.AppendUvarint(append(b, number<<3), t.num)
	case attrFloat:
		return binary.LittleEndian.AppendUint64(append(b, number<<3|1), t.num)
	}
	return span.AppendBytesField(b, int(number), t.data)
}

// payloadColumns collects the payloads of one side of a block. It aliases the payloads until encode.
type payloadColumns struct {
	fields  []payloadField
	texts   []column.Texts // by field
	numbers [][]int64
	byField map[payloadField]int
	shapes  map[string]int64
	defs    []byte // of shapes, in order
	rows    []int64
	shape   []byte
	last    []int // fields of the payload before, a guess for the next
	now     []int
	tokens  []token
}

func newPayloadColumns() *payloadColumns {
	return &payloadColumns{byField: make(map[payloadField]int), shapes: make(map[string]int64)}
}

func (p *payloadColumns) reset() {
	for i := range p.fields {
		p.texts[i].Reset()
		p.numbers[i] = p.numbers[i][:0]
	}
	clear(p.fields)
	clear(p.byField)
	clear(p.shapes)
	p.fields, p.defs, p.rows, p.last, p.now = p.fields[:0], p.defs[:0], p.rows[:0], p.last[:0], p.now[:0]
}

func (p *payloadColumns) add(payload []byte) {
	p.shape, p.now, p.tokens = p.shape[:0], p.now[:0], p.tokens[:0]
	for rest := payload; len(rest) > 0; {
		p.tokens = append(p.tokens, token{})
		var ok bool
		if rest, ok = p.tokens[len(p.tokens)-1].next(rest); !ok {
			p.tokens = append(p.tokens[:0], token{payloadField: payloadField{kind: fieldRaw}, data: payload})
			break
		}
	}
	same := len(p.tokens) == len(p.last)
	for i := range p.tokens {
		at := p.put(&p.tokens[i])
		p.now = append(p.now, at)
		same = same && p.last[i] == at
	}
	if same && len(p.rows) > 0 {
		p.rows = append(p.rows, p.rows[len(p.rows)-1])
		return
	}
	for _, f := range p.now {
		p.shape = binary.AppendUvarint(p.shape, uint64(f))
	}
	number, ok := p.shapes[string(p.shape)]
	if !ok {
		number = int64(len(p.shapes))
		p.shapes[string(p.shape)] = number
		p.defs = binary.AppendUvarint(p.defs, uint64(len(p.now)))
		p.defs = append(p.defs, p.shape...)
	}
	p.rows = append(p.rows, number)
	p.last, p.now = p.now, p.last
}

// put adds a token to its column and gives the column's number.
func (p *payloadColumns) put(t *token) int {
	at, ok := -1, false
	if i := len(p.now); i < len(p.last) && p.fields[p.last[i]] == t.payloadField {
		at, ok = p.last[i], true
	}
	if !ok {
		if at, ok = p.byField[t.payloadField]; !ok {
			at = len(p.fields)
			p.byField[t.payloadField] = at
			p.fields = append(p.fields, t.payloadField)
			if at == len(p.texts) {
				p.texts, p.numbers = append(p.texts, column.Texts{}), append(p.numbers, nil)
			}
		}
	}
	switch {
	case t.kind == attrEmpty:
	case t.numeric():
		p.numbers[at] = append(p.numbers[at], int64(t.num))
	default:
		p.texts[at].Add(viewOf(t.data))
	}
	return at
}

// Columns of a payload group. Each side takes every second id from its first.
const (
	colShapeDefs  = 2
	colShapes     = 4
	colResource   = 6
	colResourceOf = 8 // by number of the instance, in place of colResource
	colFields     = 16
)

func (p *payloadColumns) encode(w *column.Writer, side int) {
	b := binary.AppendUvarint(nil, uint64(len(p.fields)))
	for _, f := range p.fields {
		b = append(b, f.kind)
		b = binary.AppendUvarint(b, uint64(f.number))
		b = binary.AppendUvarint(b, uint64(len(f.key)))
		b = append(b, f.key...)
	}
	b = binary.AppendUvarint(b, uint64(len(p.shapes)))
	w.Bytes(colShapeDefs+side, append(b, p.defs...))
	w.Index(colShapes+side, p.rows)
	for i, f := range p.fields {
		switch {
		case f.kind == attrEmpty:
		case f.numeric():
			w.Ints(colFields+2*i+side, p.numbers[i])
		default:
			w.Texts(colFields+2*i+side, &p.texts[i])
		}
	}
}

// payloads reads the payloads of one side of a block.
type payloads struct {
	group  *column.Group
	side   int
	fields []payloadField
	shapes [][]int
	rows   column.Ints // shapes
	counts []int       // values by field, over all rows
	texts  []column.Strings
	nums   []column.Ints
	loaded []bool
}

func openPayloads(g *column.Group, side, rows int) (*payloads, error) {
	p := &payloads{group: g, side: side}
	b, err := g.Bytes(colShapeDefs + side)
	if err != nil {
		return nil, err
	}
	r := decoder{b: b}
	if rows > 0 {
		p.readDefs(&r)
	}
	if r.err != nil {
		return nil, r.err
	}
	if p.rows, err = g.Ints(colShapes+side, rows); err != nil {
		return nil, err
	}
	p.counts = make([]int, len(p.fields))
	p.texts = make([]column.Strings, len(p.fields))
	p.nums = make([]column.Ints, len(p.fields))
	p.loaded = make([]bool, len(p.fields))
	uses := make([]int, len(p.shapes))
	for i := range rows {
		s := p.rows.At(i)
		if s < 0 || s >= int64(len(p.shapes)) {
			return nil, fmt.Errorf("%w: a payload's shape is not known", ErrCorrupt)
		}
		if p.rows.Const() {
			uses[s] = rows
			break
		}
		uses[s]++
	}
	for s, n := range uses {
		for _, f := range p.shapes[s] {
			if p.counts[f] += n; p.counts[f] > column.MaxRows {
				return nil, fmt.Errorf("%w: too many values in a payload column", ErrCorrupt)
			}
		}
	}
	return p, nil
}

func (p *payloads) readDefs(r *decoder) {
	p.fields = make([]payloadField, r.count(3))
	for i := range p.fields {
		f := &p.fields[i]
		f.kind, f.number = r.byte(), r.int(1<<29)
		f.key = string(r.bytes(r.int(len(r.b))))
		if f.kind >= fieldKinds {
			r.fail("unknown kind of payload field")
		}
	}
	p.shapes = make([][]int, r.count(1))
	for i := range p.shapes {
		shape := make([]int, r.count(1))
		for j := range shape {
			if shape[j] = r.int(len(p.fields)); shape[j] >= len(p.fields) {
				r.fail("a shape's field is not known")
				return
			}
		}
		p.shapes[i] = shape
	}
}

func (p *payloads) load(f int) error {
	if p.loaded[f] {
		return nil
	}
	var err error
	at := colFields + 2*f + p.side
	switch field := &p.fields[f]; {
	case field.kind == attrEmpty:
	case field.numeric():
		p.nums[f], err = p.group.Ints(at, p.counts[f])
	default:
		p.texts[f], err = p.group.Strings(at, p.counts[f])
	}
	p.loaded[f] = err == nil
	return err
}

// maxPayload bounds what one payload is put together to from bytes that may be corrupt.
const maxPayload = 64 << 20

// each calls yield with the payload of every row of rows, which is sorted; the bytes are valid until yield returns.
func (p *payloads) each(rows []int, yield func(i int, payload []byte)) error {
	var b []byte
	return p.walk(rows, func(i int, shape, at []int) error {
		b = b[:0]
		for _, f := range shape {
			if err := p.load(f); err != nil {
				return err
			}
			t := p.token(f, at[f])
			at[f]++
			if b = t.appendTo(b); len(b) > maxPayload {
				return fmt.Errorf("%w: a payload is too long", ErrCorrupt)
			}
		}
		yield(i, b)
		return nil
	})
}

// walk calls visit with the shape of every row of rows and with where its values begin in the columns. visit moves these
// on by the row's own values.
func (p *payloads) walk(rows []int, visit func(i int, shape, at []int) error) error {
	at := make([]int, len(p.fields))
	uses := make([]int, len(p.shapes))
	next := 0
	for i, row := range rows {
		if p.rows.Const() && next < row {
			uses[p.rows.At(0)] += row - next
			next = row
		}
		for ; next < row; next++ {
			uses[p.rows.At(next)]++
		}
		for s, n := range uses {
			if n > 0 {
				for _, f := range p.shapes[s] {
					at[f] += n
				}
				uses[s] = 0
			}
		}
		if err := visit(i, p.shapes[p.rows.At(row)], at); err != nil {
			return err
		}
		next = row + 1
	}
	return nil
}

// mayHave says whether any payload of the block can have an attribute.
func (p *payloads) mayHave(key string) bool {
	for i := range p.fields {
		f := &p.fields[i]
		if f.mayBe(key) {
			return true
		}
	}
	return false
}

// mayBe says that the field is, or may hold, an attribute of that name.
func (f *payloadField) mayBe(key string) bool {
	return f.kind == fieldRaw || f.kind == fieldBytes && f.number == attrNumber || f.kind >= attrEmpty && f.key == key
}

// token gives the n-th value of a field that is loaded.
func (p *payloads) token(f, n int) token {
	t := token{payloadField: p.fields[f]}
	switch {
	case t.kind == attrEmpty:
	case t.numeric():
		t.num = uint64(p.nums[f].At(n))
	default:
		t.data = bytesOf(p.texts[f].At(n))
	}
	return t
}
