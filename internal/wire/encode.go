package wire

import (
	"encoding/binary"
	"unsafe"

	"github.com/twinspan/twinspan/internal/span"
)

// Encoder writes batches. It keeps its tables between batches, so that encoding allocates only while they grow. It is
// for one goroutine at a time.
type Encoder struct {
	index     map[string]uint32
	strings   []string
	resources []span.Payload
	resource  map[string]uint32
	body      []byte
	half      []byte
	part      []byte
	plain     []byte
}

// NewEncoder makes an Encoder.
func NewEncoder() *Encoder {
	e := &Encoder{index: make(map[string]uint32), resource: make(map[string]uint32)}
	e.reset()
	return e
}

// AppendBatch appends halves and stat lines, and calls, as a Batch message.
func (e *Encoder) AppendBatch(b []byte, batch *span.Batch, calls []span.Call) []byte {
	for i := range batch.Halves {
		e.half = e.appendHalf(e.half[:0], &batch.Halves[i])
		e.body = span.AppendBytesField(e.body, 3, e.half)
	}
	for i := range calls {
		e.part = e.appendCall(e.part[:0], &calls[i])
		e.body = span.AppendBytesField(e.body, 4, e.part)
	}
	for i := range batch.Stats {
		e.part = e.appendStat(e.part[:0], &batch.Stats[i])
		e.body = span.AppendBytesField(e.body, 5, e.part)
	}
	for _, s := range e.strings {
		b = span.AppendStringField(b, 1, s)
	}
	for _, r := range e.resources {
		b = span.AppendBytesField(b, 2, r)
	}
	b = append(b, e.body...)
	e.reset()
	return b
}

// maxKept bounds the tables that are kept between batches: to clear one costs what its greatest batch had.
const maxKept = 1 << 14

// reset lets go of the batch, whose texts hold its whole request in memory.
func (e *Encoder) reset() {
	if len(e.index) > maxKept {
		e.index, e.strings = make(map[string]uint32), nil
	}
	if len(e.resource) > maxKept {
		e.resource, e.resources = make(map[string]uint32), nil
	}
	clear(e.index)
	clear(e.resource)
	clear(e.strings)
	clear(e.resources)
	e.strings, e.resources, e.body = append(e.strings[:0], ""), append(e.resources[:0], nil), e.body[:0]
	e.index[""], e.resource[""] = 0, 0
}

func (e *Encoder) symbol(s string) uint64 {
	if s == "" {
		return 0
	}
	n, ok := e.index[s]
	if !ok {
		n = uint32(len(e.strings))
		e.index[s] = n
		e.strings = append(e.strings, s)
	}
	return uint64(n)
}

func (e *Encoder) resourceOf(r span.Payload) uint64 {
	if len(r) == 0 {
		return 0
	}
	// Halves of one process share the bytes, mostly one after the other.
	if last := e.resources[len(e.resources)-1]; len(last) == len(r) && unsafe.SliceData(last) == unsafe.SliceData(r) {
		return uint64(len(e.resources) - 1)
	}
	n, ok := e.resource[string(r)]
	if !ok {
		n = uint32(len(e.resources))
		e.resource[unsafe.String(unsafe.SliceData(r), len(r))] = n // until reset, before r changes
		e.resources = append(e.resources, r)
	}
	return uint64(n)
}

func (e *Encoder) appendHalf(b []byte, h *span.Half) []byte {
	b = span.AppendBytesField(b, 1, h.Trace[:])
	b = span.AppendFixed64Field(b, 2, uint64(h.Span))
	b = span.AppendFixed64Field(b, 3, uint64(h.Parent))
	b = span.AppendFixed64Field(b, 4, uint64(h.Twin))
	b = span.AppendVarintField(b, 5, uint64(h.Kind))
	b = span.AppendVarintField(b, 6, uint64(h.Type))
	b = span.AppendVarintField(b, 7, uint64(h.Status))
	b = span.AppendVarintField(b, 8, uint64(h.Route))
	b = span.AppendVarintField(b, 9, flagsOf(h))
	b = appendText(b, 10, h.TraceText)
	b = appendText(b, 11, h.Dotted)
	b = span.AppendVarintField(b, 12, e.symbol(h.App))
	b = span.AppendVarintField(b, 13, e.symbol(h.Instance))
	b = span.AppendVarintField(b, 14, e.symbol(h.Operation))
	b = span.AppendVarintField(b, 15, e.symbol(h.Component))
	b = span.AppendVarintField(b, 16, e.symbol(h.ResultCode))
	b = span.AppendVarintField(b, 17, e.symbol(h.LocalAddr))
	b = span.AppendVarintField(b, 18, e.symbol(h.PeerAddr))
	b = span.AppendVarintField(b, 19, e.symbol(h.Peer))
	b = span.AppendFixed64Field(b, 20, uint64(h.Start))
	b = span.AppendVarintField(b, 21, uint64(h.Duration))
	b = span.AppendFixed64Field(b, 22, uint64(h.Received))
	b = span.AppendFixed64Field(b, 23, h.Origin)
	if len(h.Payload) > 0 {
		b = span.AppendBytesField(b, 24, h.Payload)
	}
	return span.AppendVarintField(b, 25, e.resourceOf(h.Resource))
}

func flagsOf(h *span.Half) (flags uint64) {
	if h.LoadTest {
		flags |= flagLoadTest
	}
	if h.Coarse {
		flags |= flagCoarse
	}
	if h.Shared {
		flags |= flagShared
	}
	return flags
}

func (e *Encoder) appendCall(b []byte, c *span.Call) []byte {
	b = span.AppendVarintField(b, 1, e.symbol(c.Caller))
	b = span.AppendVarintField(b, 2, e.symbol(c.Callee))
	b = span.AppendVarintField(b, 3, uint64(c.Type))
	if c.Client != nil {
		e.half = e.appendHalf(e.half[:0], c.Client)
		b = span.AppendBytesField(b, 4, e.half)
	}
	if c.Server != nil {
		e.half = e.appendHalf(e.half[:0], c.Server)
		b = span.AppendBytesField(b, 5, e.half)
	}
	return b
}

func (e *Encoder) appendStat(b []byte, s *span.Stat) []byte {
	b = span.AppendVarintField(b, 1, e.symbol(s.App))
	b = span.AppendVarintField(b, 2, e.symbol(s.Instance))
	b = span.AppendVarintField(b, 3, e.symbol(s.Component))
	b = span.AppendVarintField(b, 4, e.symbol(s.Operation))
	b = span.AppendVarintField(b, 5, e.symbol(s.Key))
	b = span.AppendVarintField(b, 6, e.symbol(s.Peer))
	b = span.AppendVarintField(b, 7, uint64(s.Kind))
	b = span.AppendVarintField(b, 8, uint64(s.Type))
	b = span.AppendFixed64Field(b, 9, uint64(s.Begin))
	b = span.AppendVarintField(b, 10, uint64(s.Length))
	b = span.AppendVarintField(b, 11, s.Count)
	b = span.AppendVarintField(b, 12, s.Errors)
	b = span.AppendVarintField(b, 13, uint64(s.TotalNanos))
	if s.LoadTest {
		b = span.AppendVarintField(b, 14, 1)
	}
	if s.Latency != nil {
		b = span.AppendBytesField(b, 15, s.Latency.Append(nil))
	}
	b = span.AppendFixed64Field(b, 16, s.Origin)
	return span.AppendFixed64Field(b, 17, uint64(s.Received))
}

func appendText(b []byte, number int, s string) []byte {
	if s == "" {
		return b
	}
	return span.AppendStringField(b, number, s)
}

// appendMessage appends a message field written by fn, which may not know its length beforehand.
func appendMessage(b []byte, number int, fn func([]byte) []byte) []byte {
	const room = 5 // a length below 2^35, written in full width so that nothing has to be moved
	b = binary.AppendUvarint(b, uint64(number)<<3|2)
	at := len(b)
	b = append(b, make([]byte, room)...)
	b = fn(b)
	size := uint64(len(b) - at - room)
	for i := range room {
		b[at+i] = byte(size>>(7*i))&0x7f | 0x80
	}
	b[at+room-1] &= 0x7f
	return b
}
