// Package column packs columns of integers and texts into groups of bytes and reads them back, each column by itself. It
// is the lowest layer of the span store's format (docs/formats/store.md, "Groups"); it knows no calls and does no input or
// output. Reading is safe on any bytes: what is malformed gives ErrMalformed, and no more memory is taken than the
// caller's limits allow.
package column

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/klauspost/compress/zstd"
)

// ErrMalformed says that bytes are not what Writer wrote.
var ErrMalformed = errors.New("column: malformed group")

// MaxRows is the greatest number of rows of a group.
const MaxRows = 1 << 20

// maxRaw bounds what one section or group unpacks to.
const maxRaw = 64 << 20

// smallGroup is the number of values below which a group is compressed as a whole: its columns are then too short to be
// worth a frame each, and are alike enough to profit from each other.
const smallGroup = 256

const (
	flagWhole = 1 // the group's body is one zstd frame

	sectionRaw   = 0
	sectionZstd  = 1
	sectionConst = 2 // one byte, repeated
)

// Codec compresses and decompresses. It may be used from many goroutines.
type Codec struct {
	enc *zstd.Encoder
	dec *zstd.Decoder
}

// NewCodec makes a Codec. It holds no goroutines and needs no closing.
//
// Columns are short and mostly numbers: coding the bytes by how often they are there, even where nothing is repeated, saves more
// than to look for repetitions with care, whose tables are far greater than a column.
func NewCodec() (*Codec, error) {
	enc, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithAllLitEntropyCompression(true), zstd.WithEncoderCRC(false),
		zstd.WithSingleSegment(true), zstd.WithLowerEncoderMem(true))
	if err != nil {
		return nil, fmt.Errorf("column: making the compressor: %w", err)
	}
	dec, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(0), zstd.WithDecoderMaxMemory(maxRaw))
	if err != nil {
		return nil, fmt.Errorf("column: making the decompressor: %w", err)
	}
	return &Codec{enc, dec}, nil
}

func (c *Codec) unpack(b []byte, size int) ([]byte, error) {
	if size > maxRaw {
		return nil, fmt.Errorf("%w: a section of %d bytes", ErrMalformed, size)
	}
	out, err := c.dec.DecodeAll(b, make([]byte, 0, min(size, 1<<20)))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	if len(out) != size {
		return nil, fmt.Errorf("%w: a section has %d bytes, not %d", ErrMalformed, len(out), size)
	}
	return out, nil
}

// Writer collects the columns of one group after another. It is not safe for concurrent use.
type Writer struct {
	codec *Codec
	rows  int
	whole bool
	dir   []entry
	body  []byte

	packed, tmp, lens []byte
	plane             []byte
	ints              []int64
	index             map[string]int64
	numbers           [][]int64
	dict              []string
	// patterns are texts without their numbers, in arena.
	patterns []string
	arena    []byte
}

type entry struct{ id, size int }

// NewWriter makes a Writer.
func NewWriter(c *Codec) *Writer { return &Writer{codec: c, index: make(map[string]int64)} }

// Begin starts a group of so many rows, at most MaxRows, whose longest columns have so many values.
func (w *Writer) Begin(rows, values int) {
	w.rows, w.whole = rows, values < smallGroup
	w.dir, w.body = w.dir[:0], w.body[:0]
}

// Forget lets go of the texts that the Writer was given.
func (w *Writer) Forget() {
	clear(w.index)
	clear(w.dict[:cap(w.dict)])
}

// Append ends the group and appends it to dst.
func (w *Writer) Append(dst []byte) []byte {
	b := w.tmp[:0]
	b = binary.AppendUvarint(b, uint64(len(w.dir)))
	for _, e := range w.dir {
		b = binary.AppendUvarint(b, uint64(e.id))
		b = binary.AppendUvarint(b, uint64(e.size))
	}
	b = append(b, w.body...)
	w.tmp = b
	if w.whole {
		w.packed = w.codec.enc.EncodeAll(b, w.packed[:0])
		if len(w.packed)+4 < len(b) {
			dst = append(dst, flagWhole)
			dst = binary.AppendUvarint(dst, uint64(w.rows))
			dst = binary.AppendUvarint(dst, uint64(len(b)))
			return append(dst, w.packed...)
		}
	}
	dst = append(dst, 0)
	dst = binary.AppendUvarint(dst, uint64(w.rows))
	return append(dst, b...)
}

// Bytes adds a column that is one piece of bytes.
func (w *Writer) Bytes(id int, b []byte) {
	at := len(w.body)
	w.body = w.section(w.body, b)
	w.dir = append(w.dir, entry{id, len(w.body) - at})
}

// section appends b, compressed if that pays.
func (w *Writer) section(dst, b []byte) []byte {
	mode, out := sectionRaw, b
	switch {
	case len(b) > 4 && constant(b):
		mode, out = sectionConst, b[:1]
	case len(b) >= 96 && !w.whole:
		w.packed = w.codec.enc.EncodeAll(b, w.packed[:0])
		if len(w.packed) < len(b)-len(b)/32 {
			mode, out = sectionZstd, w.packed
		}
	}
	dst = binary.AppendUvarint(dst, uint64(len(b))<<2|uint64(mode))
	if mode == sectionZstd {
		dst = binary.AppendUvarint(dst, uint64(len(out)))
	}
	return append(dst, out...)
}

func constant(b []byte) bool {
	for _, c := range b[1:] {
		if c != b[0] {
			return false
		}
	}
	return true
}

// Group is one group, read. It may be used from many goroutines and aliases the bytes it was opened on.
type Group struct {
	codec *Codec
	rows  int
	dir   []column
}

type column struct {
	id   int
	body []byte
}

// Open reads a group's directory.
func (c *Codec) Open(b []byte) (*Group, error) {
	if len(b) == 0 || b[0]&^flagWhole != 0 {
		return nil, fmt.Errorf("%w: unknown flags", ErrMalformed)
	}
	r := reader{b: b[1:], codec: c}
	g := &Group{codec: c, rows: r.int(MaxRows)}
	if b[0]&flagWhole != 0 {
		size := r.int(maxRaw)
		if r.err != nil {
			return nil, r.err
		}
		body, err := c.unpack(r.b, size)
		if err != nil {
			return nil, err
		}
		r.b = body
	}
	n := r.int(len(r.b))
	if r.err != nil {
		return nil, r.err
	}
	g.dir = make([]column, n)
	sizes := make([]int, n)
	for i := range g.dir {
		g.dir[i].id, sizes[i] = r.int(1<<30), r.int(maxRaw)
	}
	for i := range g.dir {
		g.dir[i].body = r.take(sizes[i])
	}
	return g, r.err
}

// Rows is the number that Begin was told.
func (g *Group) Rows() int { return g.rows }

// Size is about the bytes that the group holds in memory.
func (g *Group) Size() int {
	n := 64 + 40*len(g.dir)
	for i := range g.dir {
		n += len(g.dir[i].body)
	}
	return n
}

// Has says that a column is there.
func (g *Group) Has(id int) bool { return g.find(id) != nil }

func (g *Group) find(id int) *column {
	for i := range g.dir {
		if g.dir[i].id == id {
			return &g.dir[i]
		}
	}
	return nil
}

// Bytes gives a column written by Writer.Bytes, nil where there is none.
func (g *Group) Bytes(id int) ([]byte, error) {
	c := g.find(id)
	if c == nil {
		return nil, nil
	}
	r := reader{b: c.body, codec: g.codec}
	b := r.section(maxRaw)
	return b, r.err
}

// reader reads from the front of b and remembers its first error.
type reader struct {
	b     []byte
	codec *Codec
	err   error
}

func (r *reader) fail(what string) {
	if r.err == nil {
		r.err = fmt.Errorf("%w: %s", ErrMalformed, what)
	}
	r.b = nil
}

func (r *reader) uvarint() uint64 {
	v, n := binary.Uvarint(r.b)
	if n <= 0 {
		r.fail("a number is cut off")
		return 0
	}
	r.b = r.b[n:]
	return v
}

func (r *reader) varint() int64 {
	v, n := binary.Varint(r.b)
	if n <= 0 {
		r.fail("a number is cut off")
		return 0
	}
	r.b = r.b[n:]
	return v
}

// int reads a number of at most limit.
func (r *reader) int(limit int) int {
	v := r.uvarint()
	if v > uint64(limit) {
		r.fail("a number is too great")
		return 0
	}
	return int(v)
}

func (r *reader) byte() byte {
	if len(r.b) == 0 {
		r.fail("a byte is cut off")
		return 0
	}
	c := r.b[0]
	r.b = r.b[1:]
	return c
}

func (r *reader) take(n int) []byte {
	if n > len(r.b) {
		r.fail("bytes are cut off")
		return nil
	}
	out := r.b[:n:n]
	r.b = r.b[n:]
	return out
}

// section reads what Writer.section wrote, of at most limit bytes.
func (r *reader) section(limit int) []byte {
	head := r.uvarint()
	size := head >> 2
	if size > uint64(limit) {
		r.fail("a section is too long")
		return nil
	}
	switch head & 3 {
	case sectionRaw:
		return r.take(int(size))
	case sectionConst:
		c := r.byte()
		if r.err != nil {
			return nil
		}
		out := make([]byte, size)
		if c != 0 {
			for i := range out {
				out[i] = c
			}
		}
		return out
	case sectionZstd:
		b := r.take(r.int(maxRaw))
		if r.err != nil {
			return nil
		}
		out, err := r.codec.unpack(b, int(size))
		if err != nil && r.err == nil {
			r.err = err
		}
		return out
	}
	r.fail("unknown kind of section")
	return nil
}

// Columns calls yield with each column's id, its bytes, and its first byte, which is the encoding of integers and texts. It is
// for those who want to know what takes the space.
func (g *Group) Columns(yield func(id, bytes int, first byte)) {
	for i := range g.dir {
		if b := g.dir[i].body; len(b) > 0 {
			yield(g.dir[i].id, len(b), b[0])
		}
	}
}
