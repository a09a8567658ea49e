package store

import (
	"fmt"

	"github.com/twinspan/twinspan/internal/span"
	"github.com/twinspan/twinspan/internal/store/column"
)

// maxBlockRows and maxBlockBytes bound a block: its calls and about the bytes of its columns before compression.
const (
	maxBlockRows  = 4096
	maxBlockBytes = 4 << 20
)

// Columns of a filter group: one value for each call.
const (
	colPresent = 1 + iota // which halves: presentClient, presentServer
	colCaller
	colCallee
	colCallType
	colTrace // the trace's number in the range
)

const (
	presentClient = 1
	presentServer = 2
	presentBoth   = presentClient | presentServer
)

// Columns of a filter group: one value for each half of a side. The ids are these plus clientColumns or serverColumns.
const (
	colFlags    = iota // kind, status, route, marks: see halfFlags
	colHalfType        // distance from the call's type
	colDerived         // derivedApp …
	colApp
	colInstance
	colOperation
	colComponent
	colResultCode
	colLocalAddr
	colPeerAddr
	colPeer
	colStart    // a server half's: distance from its client half's
	colDuration // a server half's: what its client half's is longer by
	colReceived
)

const (
	clientColumns = 16
	serverColumns = 32
	firstReceived = 1 // in colDerived: received equals that of the client half
	derivedApp    = 2 // the app is the call's caller (client half) or callee (server half)
)

const (
	flagLoadTest = 1 << (24 + iota)
	flagCoarse
	flagShared
)

func halfFlags(h *span.Half) int64 {
	n := int64(h.Kind) | int64(h.Status)<<8 | int64(h.Route)<<16
	if h.LoadTest {
		n |= flagLoadTest
	}
	if h.Coarse {
		n |= flagCoarse
	}
	if h.Shared {
		n |= flagShared
	}
	return n
}

func setFlags(h *span.Half, n int64) {
	h.Kind, h.Status, h.Route = span.Kind(n), span.Status(n>>8), span.Route(n>>16)
	h.LoadTest, h.Coarse, h.Shared = n&flagLoadTest != 0, n&flagCoarse != 0, n&flagShared != 0
}

// row is a call on its way into a block.
type row struct {
	call   *span.Call
	time   int64 // Time(call)
	trace  int   // the trace's number in the range
	block  int
	number int // of the row within the block
	// callee and operation as ranks, for sorting.
	callee, operation int32
}

// rawSize is about the bytes of a call's columns before compression.
func rawSize(c *span.Call) int {
	n := 0
	for _, h := range [...]*span.Half{c.Client, c.Server} {
		if h != nil {
			n += 96 + len(h.Payload) + len(h.Resource) + len(h.Operation) + len(h.LocalAddr) + len(h.PeerAddr)
		}
	}
	return n
}

// blockWriter encodes one block after another. It is not safe for concurrent use.
type blockWriter struct {
	w        *column.Writer
	payloads [2]*payloadColumns
	ints     []int64
	texts    []string
}

func newBlockWriter(c *column.Codec) *blockWriter {
	return &blockWriter{w: column.NewWriter(c), payloads: [2]*payloadColumns{newPayloadColumns(), newPayloadColumns()}}
}

func (b *blockWriter) callInts(id int, rows []row, value func(*row) int64) {
	b.ints = b.ints[:0]
	for i := range rows {
		b.ints = append(b.ints, value(&rows[i]))
	}
	b.w.Ints(id, b.ints)
}

func (b *blockWriter) callTexts(id int, rows []row, value func(*span.Call) string) {
	b.texts = b.texts[:0]
	for i := range rows {
		b.texts = append(b.texts, value(rows[i].call))
	}
	b.w.Strings(id, b.texts)
}

func half(c *span.Call, side int) *span.Half {
	if side == 0 {
		return c.Client
	}
	return c.Server
}

func (b *blockWriter) halfInts(id, side int, rows []row, value func(*span.Half, *span.Call) int64) {
	b.ints = b.ints[:0]
	for i := range rows {
		if h := half(rows[i].call, side); h != nil {
			b.ints = append(b.ints, value(h, rows[i].call))
		}
	}
	b.w.Ints(id, b.ints)
}

func (b *blockWriter) halfTexts(id, side int, rows []row, value func(*span.Half) string) {
	b.texts = b.texts[:0]
	for i := range rows {
		if h := half(rows[i].call, side); h != nil {
			b.texts = append(b.texts, value(h))
		}
	}
	b.w.Strings(id, b.texts)
}

func present(c *span.Call) int64 {
	n := int64(0)
	if c.Client != nil {
		n |= presentClient
	}
	if c.Server != nil {
		n |= presentServer
	}
	return n
}

func derived(h *span.Half, c *span.Call) int64 {
	n := int64(0)
	if h == c.Server && c.Client != nil && h.Received == c.Client.Received {
		n |= firstReceived
	}
	if h == c.Client && h.App == c.Caller || h == c.Server && h.App == c.Callee {
		n |= derivedApp
	}
	return n
}

// filter encodes the filter columns of a block.
func (b *blockWriter) filter(rows []row) []byte {
	b.w.Begin(len(rows))
	b.callInts(colPresent, rows, func(r *row) int64 { return present(r.call) })
	b.callTexts(colCaller, rows, func(c *span.Call) string { return c.Caller })
	b.callTexts(colCallee, rows, func(c *span.Call) string { return c.Callee })
	b.callInts(colCallType, rows, func(r *row) int64 { return int64(r.call.Type) })
	b.callInts(colTrace, rows, func(r *row) int64 { return int64(r.trace) })
	for side, at := range [...]int{clientColumns, serverColumns} {
		b.halfInts(at+colFlags, side, rows, func(h *span.Half, _ *span.Call) int64 { return halfFlags(h) })
		b.halfInts(at+colHalfType, side, rows, func(h *span.Half, c *span.Call) int64 { return int64(h.Type) - int64(c.Type) })
		b.halfInts(at+colDerived, side, rows, derived)
		b.apps(at, side, rows)
		b.halfTexts(at+colInstance, side, rows, func(h *span.Half) string { return h.Instance })
		b.halfTexts(at+colOperation, side, rows, func(h *span.Half) string { return h.Operation })
		b.halfTexts(at+colComponent, side, rows, func(h *span.Half) string { return h.Component })
		b.halfTexts(at+colResultCode, side, rows, func(h *span.Half) string { return h.ResultCode })
		b.halfTexts(at+colLocalAddr, side, rows, func(h *span.Half) string { return h.LocalAddr })
		b.halfTexts(at+colPeerAddr, side, rows, func(h *span.Half) string { return h.PeerAddr })
		b.halfTexts(at+colPeer, side, rows, func(h *span.Half) string { return h.Peer })
		b.halfInts(at+colStart, side, rows, func(h *span.Half, c *span.Call) int64 {
			if h == c.Server && c.Client != nil {
				return h.Start - c.Client.Start
			}
			return h.Start
		})
		b.halfInts(at+colDuration, side, rows, func(h *span.Half, c *span.Call) int64 {
			if h == c.Server && c.Client != nil {
				return c.Client.Duration - h.Duration
			}
			return h.Duration
		})
		b.received(at, side, rows)
	}
	return b.w.Append(nil)
}

// apps and received leave out what derived says.
func (b *blockWriter) apps(at, side int, rows []row) {
	b.texts = b.texts[:0]
	for i := range rows {
		if h := half(rows[i].call, side); h != nil && derived(h, rows[i].call)&derivedApp == 0 {
			b.texts = append(b.texts, h.App)
		}
	}
	b.w.Strings(at+colApp, b.texts)
}

func (b *blockWriter) received(at, side int, rows []row) {
	b.ints = b.ints[:0]
	for i := range rows {
		if h := half(rows[i].call, side); h != nil && derived(h, rows[i].call)&firstReceived == 0 {
			b.ints = append(b.ints, h.Received)
		}
	}
	b.w.Ints(at+colReceived, b.ints)
}

// payload encodes the payload columns of a block.
func (b *blockWriter) payload(rows []row) []byte {
	b.w.Begin(len(rows))
	for side, p := range b.payloads {
		for i := range rows {
			if h := half(rows[i].call, side); h != nil {
				p.add(h.Payload)
			}
		}
		p.encode(b.w, side)
		p.reset()
		b.halfTexts(colResource+side, side, rows, func(h *span.Half) string { return viewOf(h.Resource) })
	}
	return b.w.Append(nil)
}

// filters reads the filter columns of a block, each when it is asked for. It is not safe for concurrent use.
type filters struct {
	g       *column.Group
	rows    int
	present []int64
	// at gives, for a side, a row's place among the halves of the side, or -1.
	at    [2][]int32
	halfs [2]int
	err   error

	ints  map[int][]int64
	texts map[int]*column.Strings
}

func openFilters(c *column.Codec, b []byte) (*filters, error) {
	g, err := c.Open(b)
	if err != nil {
		return nil, err
	}
	f := &filters{g: g, rows: g.Rows(), ints: make(map[int][]int64), texts: make(map[int]*column.Strings)}
	if f.rows > column.MaxRows {
		return nil, fmt.Errorf("%w: a block of %d rows", ErrCorrupt, f.rows)
	}
	if f.present, err = g.Ints(colPresent, f.rows, nil); err != nil {
		return nil, err
	}
	for side := range f.at {
		f.at[side] = make([]int32, f.rows)
		for i, p := range f.present {
			if p <= 0 || p > presentBoth {
				return nil, fmt.Errorf("%w: a call without a half", ErrCorrupt)
			}
			f.at[side][i] = -1
			if p>>side&1 != 0 {
				f.at[side][i] = int32(f.halfs[side])
				f.halfs[side]++
			}
		}
	}
	return f, nil
}

// column gives n integers; after an error, which it keeps, zeros.
func (f *filters) column(id, n int) []int64 {
	if v, ok := f.ints[id]; ok {
		return v
	}
	v, err := f.g.Ints(id, n, nil)
	if err != nil {
		v = make([]int64, n)
		f.fail(err)
	}
	f.ints[id] = v
	return v
}

func (f *filters) fail(err error) {
	if f.err == nil {
		f.err = err
	}
}

func (f *filters) text(id, n int) *column.Strings {
	if v, ok := f.texts[id]; ok {
		return v
	}
	v, err := f.g.Strings(id, n)
	if err != nil {
		f.fail(err)
	}
	f.texts[id] = &v
	return &v
}

var sideColumns = [...]int{clientColumns, serverColumns}

func (f *filters) half(side, col int) []int64 {
	id := sideColumns[side] + col
	if v, ok := f.ints[id]; ok {
		return v
	}
	switch col {
	case colStart, colDuration:
		return f.times(side, col)
	case colReceived:
		return f.received(side)
	}
	return f.column(id, f.halfs[side])
}

func (f *filters) halfText(side, col int) *column.Strings {
	return f.text(sideColumns[side]+col, f.halfs[side])
}

// times gives starts or durations; those of server halves are put together from the client halves'.
func (f *filters) times(side, col int) []int64 {
	v := f.column(sideColumns[side]+col, f.halfs[side])
	if side == 0 {
		return v
	}
	client := f.half(0, col)
	for i, p := range f.present {
		if p != presentBoth {
			continue
		}
		c, s := client[f.at[0][i]], &v[f.at[1][i]]
		if col == colStart {
			*s += c
		} else {
			*s = c - *s
		}
	}
	return v
}

func (f *filters) received(side int) []int64 {
	id := sideColumns[side] + colReceived
	derive := f.half(side, colDerived)
	own := 0
	for _, d := range derive {
		if d&firstReceived == 0 {
			own++
		}
	}
	given, err := f.g.Ints(id, own, nil)
	if err != nil {
		f.fail(err)
		given = make([]int64, own)
	}
	v := make([]int64, f.halfs[side])
	for i, at := range f.at[side] {
		switch {
		case at < 0:
		case derive[at]&firstReceived == 0:
			v[at], given = given[0], given[1:]
		case f.present[i] == presentBoth && side == 1:
			v[at] = f.half(0, colReceived)[f.at[0][i]]
		}
	}
	f.ints[id] = v
	return v
}

// apps gives the place of every half's app among the texts of colApp, -1 where it is derived.
func (f *filters) apps(side int) (place []int64, texts *column.Strings) {
	const cached = 1000 // beyond all ids of columns
	id := cached + side
	place, ok := f.ints[id]
	own := 0
	if !ok {
		place = make([]int64, f.halfs[side])
		for i, d := range f.half(side, colDerived) {
			place[i] = -1
			if d&derivedApp == 0 {
				place[i] = int64(own)
				own++
			}
		}
		f.ints[id] = place
	}
	return place, f.text(sideColumns[side]+colApp, own)
}

// lead is the side of a row's lead half.
func (f *filters) lead(row int) int {
	if f.present[row]&presentClient != 0 {
		return 0
	}
	return 1
}

// time is Time of a row's call.
func (f *filters) time(row int) int64 {
	side := f.lead(row)
	at := f.at[side][row]
	return timeOf(f.half(side, colStart)[at], f.half(side, colReceived)[at])
}

// fill sets what the filter columns have of a call and of its halves; texts are copied to a.
func (f *filters) fill(row int, a *arena) (c span.Call) {
	c.Caller = a.string(f.text(colCaller, f.rows).At(row))
	c.Callee = a.string(f.text(colCallee, f.rows).At(row))
	c.Type = span.Type(f.column(colCallType, f.rows)[row])
	if f.present[row]&presentClient != 0 {
		c.Client = f.fillHalf(0, row, &c, a)
	}
	if f.present[row]&presentServer != 0 {
		c.Server = f.fillHalf(1, row, &c, a)
	}
	return c
}

func (f *filters) fillHalf(side, row int, c *span.Call, a *arena) *span.Half {
	at := int(f.at[side][row])
	h := new(span.Half)
	setFlags(h, f.half(side, colFlags)[at])
	h.Type = c.Type + span.Type(f.half(side, colHalfType)[at])
	if place, texts := f.apps(side); place[at] >= 0 {
		h.App = a.string(texts.At(int(place[at])))
	} else if side == 0 {
		h.App = c.Caller
	} else {
		h.App = c.Callee
	}
	h.Instance = a.string(f.halfText(side, colInstance).At(at))
	h.Operation = a.string(f.halfText(side, colOperation).At(at))
	h.Component = a.string(f.halfText(side, colComponent).At(at))
	h.ResultCode = a.string(f.halfText(side, colResultCode).At(at))
	h.LocalAddr = a.string(f.halfText(side, colLocalAddr).At(at))
	h.PeerAddr = a.string(f.halfText(side, colPeerAddr).At(at))
	h.Peer = a.string(f.halfText(side, colPeer).At(at))
	h.Start = f.half(side, colStart)[at]
	h.Duration = f.half(side, colDuration)[at]
	h.Received = f.half(side, colReceived)[at]
	return h
}
