package store

import (
	"fmt"

	"github.com/twinspan/twinspan/internal/span"
	"github.com/twinspan/twinspan/internal/store/column"
)

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
		f.loadTimes()
	}
	return f.times[row]
}

// loadTimes unpacks the columns that times are made of as a whole: every search asks for the times of all rows.
func (f *filters) loadTimes() {
	f.times = make([]int64, f.rows)
	var starts, received [2][]int64
	for side := range starts {
		if f.halfs[side] == 0 {
			continue
		}
		starts[side] = f.half(side, colStart).All(nil)
		own := &f.ownReceived[side]
		own.load(f.half(side, colDerived), firstReceived)
		received[side] = f.column(sideColumns[side]+colReceived, own.n).All(nil)
	}
	for i := range f.times {
		side := f.lead(i)
		at, came := int(f.at[side][i]), int64(0)
		// The lead is a client's half, or there is none: both columns have its own values.
		if n := f.ownReceived[side].of(at); n >= 0 {
			came = received[side][n]
		}
		f.times[i] = timeOf(starts[side][at], came)
	}
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
