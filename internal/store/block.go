package store

import (
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
	halfColumnsEnd
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

// row is a call on its way into a block, with what is often asked of it: its halves lie anywhere in memory.
type row struct {
	call *span.Call
	time int64 // Time(call)
	// shortest and longest are the durations of its halves.
	shortest, longest int64
	trace             int32 // the trace's number in the range
	block             int32
	number            int32 // of the row within the block
	raw               int32 // rawSize(call)
	// callee and operation as ranks, for sorting.
	callee, operation int32
	marks             byte
}

func newRow(c *span.Call) row {
	r := row{call: c, time: Time(c), raw: int32(min(rawSize(c), maxBlockBytes)), marks: marks(c)}
	r.shortest, r.longest = durations(c)
	return r
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

// gathered are the filter columns of the halves of one side, by column: each is of integers or of texts, and the other of
// the two stays empty.
type gathered struct {
	ints  [halfColumnsEnd][]int64
	texts [halfColumnsEnd]column.Texts
}

func (h *gathered) int(col int, v int64) { h.ints[col] = append(h.ints[col], v) }

// blockWriter encodes one block after another. Rows are added, each looked at only once: their halves lie anywhere in the
// range, and to fetch them from memory is a good part of what encoding costs. It is not safe for concurrent use.
type blockWriter struct {
	w              *column.Writer
	rows, fetched  int
	present, types []int64
	traces         []int64
	callers        column.Texts
	callees        column.Texts
	halves         [2]gathered
	payloads       [2]*payloadColumns
	resources      [2]resourceColumn
}

func newBlockWriter(c *column.Codec) *blockWriter {
	b := &blockWriter{w: column.NewWriter(c), payloads: [2]*payloadColumns{newPayloadColumns(), newPayloadColumns()}}
	for side := range b.resources {
		b.resources[side].numbers = make(map[string]int)
	}
	return b
}

// ahead is how many rows are fetched together.
const ahead = 16

// fetch reads a little of each part of some rows that are about to be added. Where add would wait for memory part after part,
// the processor fetches what is read here side by side.
func (b *blockWriter) fetch(rows []row) {
	n := 0
	for i := range rows {
		c := rows[i].call
		for _, h := range [...]*span.Half{c.Client, c.Server} {
			if h == nil {
				continue
			}
			n += int(h.Status) + len(h.App) + len(h.ResultCode) + int(h.Start) + len(h.Resource)
			for at := 0; at < len(h.Payload); at += 64 {
				n += int(h.Payload[at])
			}
		}
	}
	b.fetched = n
}

// reset ends a block and lets go of its texts.
func (b *blockWriter) reset() {
	b.rows = 0
	b.present, b.types, b.traces = b.present[:0], b.types[:0], b.traces[:0]
	b.callers.Reset()
	b.callees.Reset()
	for side := range b.halves {
		h := &b.halves[side]
		for col := range h.ints {
			h.ints[col] = h.ints[col][:0]
			h.texts[col].Reset()
		}
		b.payloads[side].reset()
		b.resources[side].reset()
	}
}

// add adds a row to the block.
func (b *blockWriter) add(r *row) {
	c := r.call
	b.rows++
	b.present = append(b.present, present(c))
	b.types = append(b.types, int64(c.Type))
	b.traces = append(b.traces, int64(r.trace))
	b.callers.Add(c.Caller)
	b.callees.Add(c.Callee)
	if c.Client != nil {
		b.addHalf(0, c.Client, c)
	}
	if c.Server != nil {
		b.addHalf(1, c.Server, c)
	}
}

func (b *blockWriter) addHalf(side int, h *span.Half, c *span.Call) {
	to := &b.halves[side]
	derived := derived(h, c)
	to.int(colFlags, halfFlags(h))
	to.int(colHalfType, int64(h.Type)-int64(c.Type))
	to.int(colDerived, derived)
	if derived&derivedApp == 0 {
		to.texts[colApp].Add(h.App)
	}
	to.texts[colInstance].Add(h.Instance)
	to.texts[colOperation].Add(h.Operation)
	to.texts[colComponent].Add(h.Component)
	to.texts[colResultCode].Add(h.ResultCode)
	to.texts[colLocalAddr].Add(h.LocalAddr)
	to.texts[colPeerAddr].Add(h.PeerAddr)
	to.texts[colPeer].Add(h.Peer)
	start, duration := h.Start, h.Duration
	if side == 1 && c.Client != nil {
		start, duration = start-c.Client.Start, c.Client.Duration-duration
	}
	to.int(colStart, start)
	to.int(colDuration, duration)
	if derived&firstReceived == 0 {
		to.int(colReceived, h.Received)
	}
	b.payloads[side].add(h.Payload)
	b.resources[side].add(h)
}

func half(c *span.Call, side int) *span.Half {
	if side == 0 {
		return c.Client
	}
	return c.Server
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
func (b *blockWriter) filter() []byte {
	b.w.Begin(b.rows, b.rows)
	b.w.Ints(colPresent, b.present)
	b.w.Texts(colCaller, &b.callers)
	b.w.Texts(colCallee, &b.callees)
	b.w.Ints(colCallType, b.types)
	b.w.Index(colTrace, b.traces)
	for side, at := range sideColumns {
		for col := range halfColumnsEnd {
			b.w.Ints(at+col, b.halves[side].ints[col])
			b.w.Texts(at+col, &b.halves[side].texts[col])
		}
	}
	return b.w.Append(nil)
}

// payload encodes the payload columns of a block.
func (b *blockWriter) payload() []byte {
	b.w.Begin(b.rows, b.rows)
	for side, p := range b.payloads {
		p.encode(b.w, side)
		b.resources[side].encode(b.w, side)
	}
	return b.w.Append(nil)
}

// resourceColumn collects the resources of one side: one for each instance where all halves of an instance have the same,
// else one for each half.
type resourceColumn struct {
	all     []string
	numbers map[string]int // of instances, in own
	own     []string
	several bool // resources of one instance
	last    struct{ instance, resource string }
}

func (c *resourceColumn) reset() {
	clear(c.all)
	clear(c.numbers)
	clear(c.own)
	c.all, c.own, c.several = c.all[:0], c.own[:0], false
	c.last.instance, c.last.resource = "", ""
}

func (c *resourceColumn) add(h *span.Half) {
	resource := viewOf(h.Resource)
	first := len(c.all) == 0
	c.all = append(c.all, resource)
	if c.several || !first && c.last.instance == h.Instance && c.last.resource == resource {
		return
	}
	c.last.instance, c.last.resource = h.Instance, resource
	if n, ok := c.numbers[h.Instance]; !ok {
		c.numbers[h.Instance] = len(c.own)
		c.own = append(c.own, resource)
	} else if c.own[n] != resource {
		c.several = true
	}
}

func (c *resourceColumn) encode(w *column.Writer, side int) {
	if !c.several && column.Numbered(len(c.all), len(c.own)) {
		w.Strings(colResourceOf+side, c.own)
		return
	}
	w.Strings(colResource+side, c.all)
}
