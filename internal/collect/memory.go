package collect

import (
	"encoding/binary"
	"math/bits"
	"unsafe"

	"github.com/twinspan/twinspan/internal/span"
)

// memory is what the halves of one range lie in: copies, so that no half keeps the request that brought it, and as few as
// can be of what halves share. It is for one goroutine at a time; what it gave out may be read by others.
type memory struct {
	halves [][]span.Half
	bytes  [][]byte
	// half and byte are the chunks that are filled now.
	half, byte int
	// texts are some of the strings that were kept, each in the place that its ends give.
	texts [textPlaces]string
	// from and to are the resource that was kept last; resources has them all.
	from, to  span.Payload
	resources map[string]span.Payload
}

const (
	halfChunk = 512
	byteChunk = 256 << 10
	// largeBytes have memory of their own.
	largeBytes = 32 << 10
	textPlaces = 1 << 12
	// maxResources bounds the resources that are recognised when they come again.
	maxResources = 1 << 12
)

func newMemory() *memory { return &memory{resources: make(map[string]span.Payload)} }

// reset makes all memory free for another range. Nothing may refer to it any more.
func (m *memory) reset() {
	for i := range m.halves {
		m.halves[i] = m.halves[i][:0]
	}
	for i := range m.bytes {
		m.bytes[i] = m.bytes[i][:0]
	}
	m.half, m.byte = 0, 0
	clear(m.texts[:])
	m.forget()
	clear(m.resources)
}

// keep copies a half.
func (m *memory) keep(h *span.Half) *span.Half {
	k := m.next()
	*k = *h
	for _, name := range [...]*string{
		&k.App, &k.Instance, &k.Operation, &k.Component, &k.ResultCode, &k.LocalAddr, &k.PeerAddr, &k.Peer,
	} {
		*name = m.text(*name)
	}
	k.TraceText, k.Dotted = m.copyText(k.TraceText), m.copyText(k.Dotted)
	k.Payload, k.Resource = m.copy(k.Payload), m.resource(k.Resource)
	return k
}

func (m *memory) next() *span.Half {
	if m.half < len(m.halves) && len(m.halves[m.half]) == halfChunk {
		m.half++
	}
	if m.half == len(m.halves) {
		m.halves = append(m.halves, make([]span.Half, 0, halfChunk))
	}
	chunk := &m.halves[m.half]
	*chunk = (*chunk)[:len(*chunk)+1]
	return &(*chunk)[len(*chunk)-1]
}

// copy gives a copy of b, nil for one that is empty.
func (m *memory) copy(b []byte) []byte {
	if len(b) == 0 {
		return nil
	}
	if len(b) > largeBytes {
		return append([]byte(nil), b...)
	}
	if m.byte < len(m.bytes) && byteChunk-len(m.bytes[m.byte]) < len(b) {
		m.byte++
	}
	if m.byte == len(m.bytes) {
		m.bytes = append(m.bytes, make([]byte, 0, byteChunk))
	}
	chunk := m.bytes[m.byte]
	at := len(chunk)
	chunk = append(chunk, b...)
	m.bytes[m.byte] = chunk
	return chunk[at:len(chunk):len(chunk)]
}

func (m *memory) copyText(s string) string {
	if s == "" {
		return ""
	}
	b := m.copy(unsafe.Slice(unsafe.StringData(s), len(s)))
	return unsafe.String(unsafe.SliceData(b), len(b))
}

// text gives an equal string that was kept before, or a copy.
func (m *memory) text(s string) string {
	if s == "" {
		return ""
	}
	place := &m.texts[textPlace(s)]
	if *place != s {
		*place = m.copyText(s)
	}
	return *place
}

// textPlace mixes the first and the last eight bytes of a text and its length: enough to keep most names apart, and
// cheaper than to hash it.
func textPlace(s string) uint64 {
	var a, b uint64
	switch n := len(s); {
	case n >= 8:
		a, b = word(s), word(s[n-8:])
	default:
		for i := range n {
			a = a<<8 | uint64(s[i])
		}
	}
	const odd = 0x9e3779b97f4a7c15
	return (a*odd ^ bits.RotateLeft64(b, 29)*odd ^ uint64(len(s))) * odd >> (64 - 12)
}

func word(s string) uint64 {
	return binary.LittleEndian.Uint64(unsafe.Slice(unsafe.StringData(s), 8))
}

// forget has to be called before the memory of what was kept is used for anything else.
func (m *memory) forget() { m.from, m.to = nil, nil }

// resource gives an equal one that was kept before, or a copy. Halves that come one after the other mostly share theirs.
func (m *memory) resource(r span.Payload) span.Payload {
	switch {
	case len(r) == 0:
		return nil
	case len(r) == len(m.from) && unsafe.SliceData(r) == unsafe.SliceData(m.from):
		return m.to
	}
	kept, ok := m.resources[string(r)]
	if !ok {
		kept = m.copy(r)
		if len(m.resources) < maxResources {
			m.resources[unsafe.String(unsafe.SliceData(kept), len(kept))] = kept
		}
	}
	m.from, m.to = r, kept
	return kept
}
