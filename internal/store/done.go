package store

import (
	"encoding/binary"

	"github.com/twinspan/twinspan/internal/span"
)

// maxBlocks bounds the blocks of a range.
const maxBlocks = 1 << 20

// doneVersion is written where there are sums of roll-ups, firstDoneVersion where there are none.
const (
	firstDoneVersion = 1
	doneVersion      = 2
)

// Marks of a block: what some of its calls are.
const (
	someFailed = 1 << iota
	someFine
	someLoadTest
	someNormal
)

// block is what the done row tells of a block.
type block struct {
	bounds
	marks byte
}

func (b *block) add(r *row) {
	b.bounds.add(r.time, r.shortest, r.longest)
	b.marks |= r.marks
}

func marks(c *span.Call) byte {
	m, n := byte(someFine), byte(someNormal)
	if c.Failed() {
		m = someFailed
	}
	if c.LoadTest() {
		n = someLoadTest
	}
	return m | n
}

func (b *block) may(q *Query) bool {
	if !b.bounds.may(q) {
		return false
	}
	want := func(is *bool, yes, no byte) bool {
		return is == nil || *is && b.marks&yes != 0 || !*is && b.marks&no != 0
	}
	return want(q.Error, someFailed, someFine) && want(q.LoadTest, someLoadTest, someNormal)
}

// rollupChunk is what the done row tells of a chunk of roll-ups: its minutes, both inclusive.
type rollupChunk struct{ least, greatest int64 }

// done is the row that makes a range visible, and the way to all its other rows.
type done struct {
	to, received int64
	bounds       // of all calls
	blocks       []block
	chunks       []int // traces of each chunk of ids
	rollups      []rollupChunk
	unindexed    uint64
	hasState     bool
	merged       []merged
}

func (d *done) encode() []byte {
	b := []byte{firstDoneVersion}
	if len(d.merged) > 0 {
		b[0] = doneVersion
	}
	b = binary.AppendVarint(b, d.to)
	b = binary.AppendVarint(b, d.received)
	b = d.bounds.append(b, 0)
	b = binary.AppendUvarint(b, uint64(len(d.blocks)))
	for i := range d.blocks {
		b = append(b, d.blocks[i].marks)
		b = d.blocks[i].append(b, d.least)
	}
	b = binary.AppendUvarint(b, uint64(len(d.chunks)))
	for _, n := range d.chunks {
		b = binary.AppendUvarint(b, uint64(n))
	}
	b = binary.AppendUvarint(b, uint64(len(d.rollups)))
	for _, r := range d.rollups {
		b = binary.AppendVarint(b, r.least)
		b = binary.AppendUvarint(b, uint64(r.greatest-r.least))
	}
	b = binary.AppendUvarint(b, d.unindexed)
	if d.hasState {
		b = append(b, 1)
	} else {
		b = append(b, 0)
	}
	if len(d.merged) == 0 {
		return b
	}
	b = binary.AppendUvarint(b, uint64(len(d.merged)))
	for i := range d.merged {
		b = d.merged[i].append(b)
	}
	return b
}

func parseDone(b []byte) (*done, error) {
	r := decoder{b: b}
	newest := len(b) > 0 && b[0] == doneVersion
	if newest {
		r.byte()
	} else {
		r.version(firstDoneVersion, "a range's done row")
	}
	d := &done{to: r.varint(), received: r.varint(), bounds: r.bounds(0)}
	d.blocks = make([]block, r.count(6))
	for i := range d.blocks {
		d.blocks[i].marks = r.byte()
		d.blocks[i].bounds = r.bounds(d.least)
	}
	d.chunks = make([]int, r.count(1))
	for i := range d.chunks {
		d.chunks[i] = r.int(maxChunkHalves)
	}
	d.rollups = make([]rollupChunk, r.count(2))
	for i := range d.rollups {
		c := &d.rollups[i]
		c.least = r.varint()
		c.greatest = c.least + int64(r.uvarint())
	}
	d.unindexed = r.uvarint()
	d.hasState = r.byte() != 0
	if newest {
		d.merged = make([]merged, min(r.count(4), maxParts))
		next := 0
		for i := range d.merged {
			d.merged[i], next = r.merged(next)
		}
	}
	r.end()
	return d, r.err
}

// chunkOf gives the chunk of ids that has a trace's number, and the number within it.
func (d *done) chunkOf(trace int) (chunk, number int, ok bool) {
	for i, n := range d.chunks {
		if trace < n {
			return i, trace, trace >= 0
		}
		trace -= n
	}
	return 0, 0, false
}
