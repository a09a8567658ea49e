package store

import (
	"fmt"
	"sort"

	"github.com/twinspan/twinspan/internal/span"
	"github.com/twinspan/twinspan/internal/store/column"
	"github.com/twinspan/twinspan/sdk/id"
)

// The ids of a range do not lie with its blocks but in the order of traces, so that a trace's id stands once for all its
// calls and most parents are a short distance instead of 8 random bytes. Traces are numbered in ascending order of
// their ids, from 0 over all chunks of the range; a trace of very many calls takes several numbers.

// chunkHalves is the number of halves after which a chunk of ids is cut, maxTraceCalls that of calls after which a trace
// goes on under a further number.
const (
	chunkHalves   = 2048
	maxTraceCalls = 1 << 16
)

// Columns of an ids group.
const (
	colTraceIDs   = 1 // 16 columns of one byte each: 1..16
	colCalls      = 20 + iota
	colBlock      // of a call
	colIDPresent  // of a call
	colSpan       // of a half: client, then server
	colParentRef  // see refs
	colParent     // parents that are no other half of the trace
	colTwinRef    //
	colTwin       //
	colOrigin     // or colOriginFrom: whichever is narrower
	colTraceText  //
	colDotted     //
	colOtherTrace // 1 where a half's trace id is not that of its call
	colOtherIDs   // these trace ids
	colOriginFrom // distance from the span id
	colOriginSame // there where all origins are the span ids
)

// A reference to another half of the trace: none, an id of its own, or the distance to the half that has the id.
const (
	refNone = iota
	refOwn
	refDistance // plus the zigzag distance in halves
)

// ids reads one chunk. It is not changed once it is open.
type ids struct {
	n       int // traces
	planes  [len(id.Trace{})]column.Ints
	firsts  []int // by trace, the first call; one more at the end
	halves  []int // by trace, the first half; one more at the end
	marks   []int // the first half of every markEvery-th call
	block   column.Ints
	present column.Ints
	span    column.Ints
	parent  refs
	twin    refs
	origin  column.Ints
	same    bool // origins are span ids
	from    bool // origins are distances from these
	text    column.Strings
	dotted  column.Strings
	other   column.Ints
	others  []byte
}

// refs are references to other halves and the ids of those that refer to none.
type refs struct {
	to, own column.Ints
	marks   []int // the number of own ids before every markEvery-th half
}

// markEvery is how often counts are kept, so that the calls of a great trace are not counted anew for each of them.
const markEvery = 256

// maxChunkHalves bounds a chunk that is read.
const maxChunkHalves = chunkHalves + 2*maxTraceCalls

func openIDs(c *column.Codec, b []byte) (*ids, error) {
	g, err := c.Open(b)
	if err != nil {
		return nil, err
	}
	d := &ids{n: g.Rows()}
	if d.n > maxChunkHalves {
		return nil, fmt.Errorf("%w: %d traces in a chunk of ids", ErrCorrupt, d.n)
	}
	if err := d.openCalls(g); err != nil {
		return nil, err
	}
	return d, d.openHalves(g, d.halves[d.n])
}

func (d *ids) openCalls(g *column.Group) (err error) {
	for p := range d.planes {
		if d.planes[p], err = g.Ints(colTraceIDs+p, d.n); err != nil {
			return err
		}
	}
	calls, err := g.Ints(colCalls, d.n)
	if err != nil {
		return err
	}
	d.firsts, d.halves = make([]int, d.n+1), make([]int, d.n+1)
	for i := range d.n {
		c := calls.At(i)
		if c < 1 || c > maxTraceCalls || d.firsts[i]+int(c) > maxChunkHalves {
			return fmt.Errorf("%w: %d calls in a trace", ErrCorrupt, c)
		}
		d.firsts[i+1] = d.firsts[i] + int(c)
	}
	total := d.firsts[d.n]
	if d.block, err = g.Ints(colBlock, total); err != nil {
		return err
	}
	if d.present, err = g.Ints(colIDPresent, total); err != nil {
		return err
	}
	halves := 0
	for t := range d.n {
		for call := d.firsts[t]; call < d.firsts[t+1]; call++ {
			if call%markEvery == 0 {
				d.marks = append(d.marks, halves)
			}
			switch d.present.At(call) {
			case presentClient, presentServer:
				halves++
			case presentBoth:
				halves += 2
			default:
				return fmt.Errorf("%w: a call without a half", ErrCorrupt)
			}
		}
		d.halves[t+1] = halves
	}
	return nil
}

func (d *ids) openHalves(g *column.Group, halves int) (err error) {
	fail := func(e error) {
		if err == nil {
			err = e
		}
	}
	intsOf := func(col, n int) column.Ints {
		v, e := g.Ints(col, n)
		fail(e)
		return v
	}
	refsOf := func(col int) refs {
		r := refs{to: intsOf(col, halves)}
		own := 0
		if r.to.Const() {
			if halves > 0 && r.to.At(0) == refOwn {
				own = halves
			}
		} else {
			own = r.count(halves)
		}
		r.own = intsOf(col+1, own)
		return r
	}
	d.span, d.parent, d.twin = intsOf(colSpan, halves), refsOf(colParentRef), refsOf(colTwinRef)
	d.same, d.from = g.Has(colOriginSame), g.Has(colOriginFrom)
	if d.origin = intsOf(colOrigin, halves); d.from {
		d.origin = intsOf(colOriginFrom, halves)
	}
	var e error
	d.text, e = g.Strings(colTraceText, halves)
	fail(e)
	d.dotted, e = g.Strings(colDotted, halves)
	fail(e)
	d.other = intsOf(colOtherTrace, halves)
	d.others, e = g.Bytes(colOtherIDs)
	fail(e)
	return err
}

// count counts the ids of their own of all halves, and keeps marks.
func (r *refs) count(halves int) (n int) {
	r.marks = make([]int, 0, halves/markEvery+1)
	for i := range halves {
		if i%markEvery == 0 {
			r.marks = append(r.marks, n)
		}
		if r.to.At(i) == refOwn {
			n++
		}
	}
	return n
}

// before is the number of ids of their own before a half that has one.
func (r *refs) before(at int) int {
	if r.to.Const() {
		return at
	}
	n := r.marks[at/markEvery]
	for i := at / markEvery * markEvery; i < at; i++ {
		if r.to.At(i) == refOwn {
			n++
		}
	}
	return n
}

// traceID is the id of the trace of a number in the chunk.
func (d *ids) traceID(trace int) (t id.Trace) {
	for p := range t {
		t[p] = byte(d.planes[p].At(trace))
	}
	return t
}

// run gives the places among the chunk's calls of a trace's calls in a block, in the order of their rows: [from, to). trace
// is the number in the chunk.
func (d *ids) run(trace, block int) (from, to int) {
	if trace < 0 || trace >= d.n {
		return 0, 0
	}
	begin, end := d.firsts[trace], d.firsts[trace+1]
	from = begin + sort.Search(end-begin, func(i int) bool { return d.block.At(begin+i) >= int64(block) })
	to = from
	for to < end && d.block.At(to) == int64(block) {
		to++
	}
	return from, to
}

// half is the place among the chunk's halves of a call's first half.
func (d *ids) half(trace, call int) int {
	h, from := d.halves[trace], d.firsts[trace]
	if mark := call / markEvery; mark*markEvery > from {
		h, from = d.marks[mark], mark*markEvery
	}
	for i := from; i < call; i++ {
		h++
		if d.present.At(i) == presentBoth {
			h++
		}
	}
	return h
}

// fill sets the ids of a call's halves, which fit the chunk's columns, or says that they do not.
func (d *ids) fill(c *span.Call, trace, call int, a *arena) bool {
	if present(c) != d.present.At(call) {
		return false
	}
	at := d.half(trace, call)
	for _, h := range [...]*span.Half{c.Client, c.Server} {
		if h == nil {
			continue
		}
		h.Trace = d.trace(trace, at)
		h.Span = id.Span(d.span.At(at))
		h.Origin = d.originOf(at)
		h.Parent = d.ref(&d.parent, trace, at)
		h.Twin = d.ref(&d.twin, trace, at)
		h.TraceText = a.string(d.text.At(at))
		h.Dotted = a.string(d.dotted.At(at))
		at++
	}
	return true
}

func (d *ids) originOf(at int) uint64 {
	origin := uint64(d.origin.At(at))
	if d.same || d.from {
		origin += uint64(d.span.At(at))
	}
	return origin
}

// trace is a half's trace id.
func (d *ids) trace(trace, at int) id.Trace {
	if d.other.At(at) == 0 {
		return d.traceID(trace)
	}
	n := 0
	for i := range at {
		if d.other.At(i) != 0 {
			n++
		}
	}
	var t id.Trace
	if n*len(t) < len(d.others) {
		copy(t[:], d.others[n*len(t):])
	}
	return t
}

func (d *ids) ref(refs *refs, trace, at int) id.Span {
	switch r := refs.to.At(at); r {
	case refNone:
		return 0
	case refOwn:
		return id.Span(refs.own.At(refs.before(at)))
	default:
		to := at + unzigzag(int(r-refDistance))
		if to < d.halves[trace] || to >= d.halves[trace+1] {
			return 0
		}
		return id.Span(d.span.At(to))
	}
}

// position is PositionOf a call whose Time is at.
func (d *ids) position(at int64, trace, call int) Position {
	h := d.half(trace, call)
	return Position{at, d.trace(trace, h), id.Span(d.span.At(h)), d.originOf(h)}
}
