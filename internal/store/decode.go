package store

import (
	"encoding/binary"
	"fmt"
	"unsafe"
)

// decoder reads from the front of b and remembers its first error, which is ErrCorrupt.
type decoder struct {
	b   []byte
	err error
}

func (d *decoder) fail(what string) {
	if d.err == nil {
		d.err = fmt.Errorf("%w: %s", ErrCorrupt, what)
	}
	d.b = nil
}

func (d *decoder) uvarint() uint64 {
	v, n := binary.Uvarint(d.b)
	if n <= 0 {
		d.fail("a number is cut off")
		return 0
	}
	d.b = d.b[n:]
	return v
}

func (d *decoder) varint() int64 {
	v, n := binary.Varint(d.b)
	if n <= 0 {
		d.fail("a number is cut off")
		return 0
	}
	d.b = d.b[n:]
	return v
}

// int reads a number of at most limit.
func (d *decoder) int(limit int) int {
	v := d.uvarint()
	if v > uint64(limit) {
		d.fail("a number is too great")
		return 0
	}
	return int(v)
}

// count reads the number of things that follow, each of at least size bytes.
func (d *decoder) count(size int) int {
	v := d.uvarint()
	if v > uint64(len(d.b)/size) {
		d.fail("a list is cut off")
		return 0
	}
	return int(v)
}

func (d *decoder) byte() byte {
	b := d.bytes(1)
	if len(b) == 0 {
		return 0
	}
	return b[0]
}

func (d *decoder) bytes(n int) []byte {
	if n > len(d.b) {
		d.fail("bytes are cut off")
		return nil
	}
	out := d.b[:n:n]
	d.b = d.b[n:]
	return out
}

// version reads a row's version, which has to be want.
func (d *decoder) version(want byte, what string) {
	if v := d.byte(); d.err == nil && v != want {
		d.err = fmt.Errorf("%w: %w: %s of version %d, this build reads version %d: use the build that wrote it, or a newer one",
			ErrCorrupt, ErrVersion, what, v, want)
		if v < want {
			d.err = fmt.Errorf("%w: %s of version %d, this build reads version %d", ErrCorrupt, what, v, want)
		}
		d.b = nil
	}
}

// end fails if bytes are left.
func (d *decoder) end() {
	if len(d.b) > 0 {
		d.fail("bytes behind the end")
	}
}

// viewOf reads bytes that are never changed as text.
func viewOf(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }

// bytesOf reads text as bytes that must not be changed.
func bytesOf(s string) []byte { return unsafe.Slice(unsafe.StringData(s), len(s)) }

// arena makes copies that share allocations.
type arena struct{ free []byte }

const arenaChunk = 8 << 10

func (a *arena) bytes(b []byte) []byte {
	switch {
	case len(b) == 0:
		return nil
	case len(b) > arenaChunk/4:
		return append([]byte(nil), b...)
	case len(b) > len(a.free):
		a.free = make([]byte, arenaChunk)
	}
	out := a.free[:len(b):len(b)]
	a.free = a.free[len(b):]
	copy(out, b)
	return out
}

func (a *arena) string(s string) string { return viewOf(a.bytes(bytesOf(s))) }
