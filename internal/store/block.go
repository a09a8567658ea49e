package store

import (
	"fmt"

	"github.com/twinspan/twinspan/internal/span"
	"github.com/twinspan/twinspan/internal/store/column"
)

// maxBlockRows and maxBlockBytes bound a block: its calls and about the bytes of its columns before compression.
const (
	maxBlockRows  = 2048
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
	numbers  map[string]int
}

func newBlockWriter(c *column.Codec) *blockWriter {
	return &blockWriter{w: column.NewWriter(c), numbers: make(map[string]int), payloads: [2]*payloadColumns{newPayloadColumns(), newPayloadColumns()}}
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
	b.w.Begin(len(rows), len(rows))
	b.callInts(colPresent, rows, func(r *row) int64 { return present(r.call) })
	b.callTexts(colCaller, rows, func(c *span.Call) string { return c.Caller })
	b.callTexts(colCallee, rows, func(c *span.Call) string { return c.Callee })
	b.callInts(colCallType, rows, func(r *row) int64 { return int64(r.call.Type) })
	b.traces(rows)
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
	b.w.Begin(len(rows), len(rows))
	for side, p := range b.payloads {
		for i := range rows {
			if h := half(rows[i].call, side); h != nil {
				p.add(h.Payload)
			}
		}
		p.encode(b.w, side)
		p.reset()
		b.resources(side, rows)
	}
	return b.w.Append(nil)
}

// resources writes the resources: one for each instance where all halves of an instance have the same, else one for each
// half.
func (b *blockWriter) resources(side int, rows []row) {
	clear(b.numbers)
	b.texts = b.texts[:0]
	halves, single := 0, true
	var last *span.Half
	for i := range rows {
		h := half(rows[i].call, side)
		if h == nil {
			continue
		}
		halves++
		if last != nil && last.Instance == h.Instance && viewOf(last.Resource) == viewOf(h.Resource) {
			continue
		}
		last = h
		n, ok := b.numbers[h.Instance]
		if !ok {
			b.numbers[h.Instance] = len(b.texts)
			b.texts = append(b.texts, viewOf(h.Resource))
		} else if b.texts[n] != viewOf(h.Resource) {
			single = false
			break
		}
	}
	if single && column.Numbered(halves, len(b.texts)) {
		b.w.Strings(colResourceOf+side, b.texts)
		return
	}
	b.halfTexts(colResource+side, side, rows, func(h *span.Half) string { return viewOf(h.Resource) })
}

// filters reads the filter columns of a block, each when it is asked for. It is not safe for concurrent use.
type filters struct {
	g       *column.Group
	rows    int
	present column.Ints
	// at gives, for a side, a row's place among the halves of the side, or -1.
	at    [2][]int32
	halfs [2]int
	// err is the first error of a column, which then reads as zeros.
	err error

	ints  [columnsEnd]*column.Ints
	texts [columnsEnd]*column.Strings
	// own gives, by side, the place of what derived leaves out.
	ownApp, ownReceived [2]places
	times               []int64
	// traceOf are the numbers of the rows' traces, ordinals what ordinal gives, once it was asked often.
	traceOf  []int64
	ordinals []int32
	asked    int
}

const columnsEnd = serverColumns + 16

func openFilters(c *column.Codec, b []byte) (*filters, error) {
	g, err := c.Open(b)
	if err != nil {
		return nil, err
	}
	f := &filters{g: g, rows: g.Rows()}
	if f.rows > maxBlockRows {
		return nil, fmt.Errorf("%w: a block of %d rows", ErrCorrupt, f.rows)
	}
	if f.present, err = g.Ints(colPresent, f.rows); err != nil {
		return nil, err
	}
	places := make([]int32, 2*f.rows)
	f.at[0], f.at[1] = places[:f.rows], places[f.rows:]
	for i := range f.rows {
		p := f.present.At(i)
		if p <= 0 || p > presentBoth {
			return nil, fmt.Errorf("%w: a call without a half", ErrCorrupt)
		}
		for side := range f.at {
			f.at[side][i] = -1
			if p>>side&1 != 0 {
				f.at[side][i] = int32(f.halfs[side])
				f.halfs[side]++
			}
		}
	}
	return f, nil
}

func (f *filters) fail(err error) {
	if err != nil && f.err == nil {
		f.err = err
	}
}

func (f *filters) column(id, n int) *column.Ints {
	if f.ints[id] == nil {
		v, err := f.g.Ints(id, n)
		f.fail(err)
		f.ints[id] = &v
	}
	return f.ints[id]
}

func (f *filters) text(id, n int) *column.Strings {
	if f.texts[id] == nil {
		v, err := f.g.Strings(id, n)
		f.fail(err)
		f.texts[id] = &v
	}
	return f.texts[id]
}

var sideColumns = [...]int{clientColumns, serverColumns}

func (f *filters) half(side, col int) *column.Ints {
	return f.column(sideColumns[side]+col, f.halfs[side])
}

func (f *filters) halfText(side, col int) *column.Strings {
	return f.text(sideColumns[side]+col, f.halfs[side])
}

// start, duration and received are those of a half at its place among the halves of its side; row is its call's.
func (f *filters) start(side, row int) int64 {
	at := int(f.at[side][row])
	v := f.half(side, colStart).At(at)
	if side == 1 && f.at[0][row] >= 0 {
		v += f.half(0, colStart).At(int(f.at[0][row]))
	}
	return v
}

func (f *filters) duration(side, row int) int64 {
	at := int(f.at[side][row])
	v := f.half(side, colDuration).At(at)
	if side == 1 && f.at[0][row] >= 0 {
		v = f.half(0, colDuration).At(int(f.at[0][row])) - v
	}
	return v
}

func (f *filters) received(side, row int) int64 {
	own := &f.ownReceived[side]
	own.load(f.half(side, colDerived), firstReceived)
	if at := own.of(int(f.at[side][row])); at >= 0 {
		return f.column(sideColumns[side]+colReceived, own.n).At(at)
	}
	if side == 1 && f.at[0][row] >= 0 {
		return f.received(0, row)
	}
	return 0
}

func (f *filters) app(side, row int, c *span.Call) string {
	own := &f.ownApp[side]
	own.load(f.half(side, colDerived), derivedApp)
	if at := own.of(int(f.at[side][row])); at >= 0 {
		return f.text(sideColumns[side]+colApp, own.n).At(at)
	}
	if side == 0 {
		return c.Caller
	}
	return c.Callee
}

// places are those of the values that are there, where derived says of others that they are not.
type places struct {
	loaded bool
	n      int   // values
	at     []int // by half, -1 where there is none; nil where all are there, or none
}

func (p *places) load(derived *column.Ints, mark int64) {
	if p.loaded {
		return
	}
	p.loaded = true
	if derived.Const() {
		if derived.Len() > 0 && derived.At(0)&mark == 0 {
			p.n = derived.Len()
		}
		return
	}
	p.at = make([]int, derived.Len())
	for i := range p.at {
		p.at[i] = -1
		if derived.At(i)&mark == 0 {
			p.at[i] = p.n
			p.n++
		}
	}
}

func (p *places) of(half int) int {
	switch {
	case p.at != nil:
		return p.at[half]
	case p.n > 0:
		return half
	}
	return -1
}

// lead is the side of a row's lead half.
func (f *filters) lead(row int) int {
	if f.at[0][row] >= 0 {
		return 0
	}
	return 1
}

// time is Time of a row's call.
func (f *filters) time(row int) int64 {
	if f.times == nil {
		f.times = make([]int64, f.rows)
		for i := range f.times {
			side := f.lead(i)
			f.times[i] = timeOf(f.start(side, i), f.received(side, i))
		}
	}
	return f.times[row]
}

// trace is the number in the range of a row's trace.
func (f *filters) trace(row int) int { return int(f.column(colTrace, f.rows).At(row)) }

// ordinal is the number of rows of the same trace before a row. The first few are looked for; who asks for more gets a table.
func (f *filters) ordinal(row int) (n int) {
	traces := f.traces()
	if f.ordinals == nil {
		if f.asked++; f.asked <= seldom {
			want := traces[row]
			for _, trace := range traces[:row] {
				if trace == want {
					n++
				}
			}
			return n
		}
		f.ordinals = make([]int32, len(traces))
		next := make(map[int64]int32, len(traces))
		for i, trace := range traces {
			f.ordinals[i] = next[trace]
			next[trace]++
		}
	}
	return int(f.ordinals[row])
}

// seldom is how often rows are gone through before a table of ordinals is made of them, which costs as much as that.
const seldom = 64

// traces are the numbers in the range of all rows' traces.
func (f *filters) traces() []int64 {
	if f.traceOf == nil {
		f.traceOf = f.column(colTrace, f.rows).All(make([]int64, 0, f.rows))
	}
	return f.traceOf
}

// rowsOf gives the rows of a trace.
func (f *filters) rowsOf(trace int) (rows []int) {
	for i, t := range f.traces() {
		if t == int64(trace) {
			rows = append(rows, i)
		}
	}
	return rows
}

// fill sets what the filter columns have of a call and of its halves; texts are copied to a.
func (f *filters) fill(row int, a *arena) (c span.Call) {
	c.Caller = a.string(f.text(colCaller, f.rows).At(row))
	c.Callee = a.string(f.text(colCallee, f.rows).At(row))
	c.Type = span.Type(f.column(colCallType, f.rows).At(row))
	if f.at[0][row] >= 0 {
		c.Client = f.fillHalf(0, row, &c, a)
	}
	if f.at[1][row] >= 0 {
		c.Server = f.fillHalf(1, row, &c, a)
	}
	return c
}

func (f *filters) fillHalf(side, row int, c *span.Call, a *arena) *span.Half {
	at := int(f.at[side][row])
	h := new(span.Half)
	setFlags(h, f.half(side, colFlags).At(at))
	h.Type = c.Type + span.Type(f.half(side, colHalfType).At(at))
	h.App = a.string(f.app(side, row, c))
	h.Instance = a.string(f.halfText(side, colInstance).At(at))
	h.Operation = a.string(f.halfText(side, colOperation).At(at))
	h.Component = a.string(f.halfText(side, colComponent).At(at))
	h.ResultCode = a.string(f.halfText(side, colResultCode).At(at))
	h.LocalAddr = a.string(f.halfText(side, colLocalAddr).At(at))
	h.PeerAddr = a.string(f.halfText(side, colPeerAddr).At(at))
	h.Peer = a.string(f.halfText(side, colPeer).At(at))
	h.Start, h.Duration, h.Received = f.start(side, row), f.duration(side, row), f.received(side, row)
	return h
}

func (b *blockWriter) traces(rows []row) {
	b.ints = b.ints[:0]
	for i := range rows {
		b.ints = append(b.ints, int64(rows[i].trace))
	}
	b.w.Index(colTrace, b.ints)
}
