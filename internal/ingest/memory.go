package ingest

import (
	"sync"

	"github.com/twinspan/twinspan/internal/span"
)

// Memory is what one request and its halves lie in. It is used again for another request once the Writer has freed it, so
// that requests cost no memory that has to be found and cleared first.
type Memory struct {
	// Body is the request, unpacked. Halves and Text are empty and have room for what a decoder makes of it.
	Body   []byte
	Halves []span.Half
	Text   []byte

	pool *memoryPool
}

// Free gives the memory back: nothing may refer to it any more. nil and a Memory of no pool are left to the garbage
// collector.
func (m *Memory) Free() {
	if m == nil || m.pool == nil {
		return
	}
	m.pool.put(m)
}

const (
	// textRoom is enough for the strings that are made for a request of usual size.
	textRoom = 192 << 10
	// Of what is larger no memory is kept.
	keptBody   = 4 << 20
	keptHalves = 1 << 14
)

// memoryPool keeps what requests no longer need, until the garbage collector takes it.
type memoryPool struct{ free sync.Pool }

// get gives memory whose body is empty and has room for size bytes.
func (p *memoryPool) get(size int) *Memory {
	m, ok := p.free.Get().(*Memory)
	if !ok {
		m = &Memory{pool: p, Text: make([]byte, 0, textRoom)}
	}
	if cap(m.Body) < size {
		m.Body = make([]byte, 0, size)
	}
	return m
}

func (p *memoryPool) put(m *Memory) {
	// The halves go on referring to the body, but to no other memory of any size.
	m.Body, m.Halves, m.Text = m.Body[:0], m.Halves[:0], m.Text[:0]
	if cap(m.Body) > keptBody {
		m.Body = nil
	}
	if cap(m.Halves) > keptHalves {
		m.Halves = nil
	}
	p.free.Put(m)
}
