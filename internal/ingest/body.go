package ingest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

// ErrEncoding says that a request's Content-Encoding is not one that Bodies reads.
var ErrEncoding = errors.New("content encoding not supported")

// Encodings are the content encodings that Bodies reads, as an Accept-Encoding header has them.
const Encodings = "gzip, zstd, identity"

// Bodies reads the bodies of HTTP requests whole, unpacks them, and bounds them by size both packed and unpacked, and all
// that are being read by a Room. It is safe for concurrent use.
type Bodies struct {
	limit  int64
	room   *Room
	gzips  sync.Pool
	zstd   *zstd.Decoder
	memory memoryPool
}

// BodiesFor makes Bodies for what goes to s.
func BodiesFor(s Sink) *Bodies {
	b := NewBodies(s.Limit())
	b.room = s.Room()
	return b
}

// Limit is the greatest size of a body, unpacked, in bytes.
func (b *Bodies) Limit() int64 { return b.limit }

// NewBodies bounds bodies to limit bytes, and not all together.
func NewBodies(limit int64) *Bodies {
	// The decoder refuses frames whose window is above its limit even where they unpack to little. Usual levels have
	// windows of up to 32 MiB; that much is unpacked before a lower limit is seen.
	memory := max(uint64(limit), 32<<20)
	// DecodeAll may be called by several callers at once, of which as many run as there are processors; it starts no
	// goroutines.
	d, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(0), zstd.WithDecoderLowmem(true),
		zstd.WithDecoderMaxMemory(memory))
	if err != nil {
		panic("ingest: the options of the zstd decoder contradict each other: " + err.Error())
	}
	return &Bodies{limit: limit, zstd: d}
}

// Read gives the body of r, unpacked; the caller owns it. It counts as being read until the request is answered. Errors are
// ErrLater, ErrTooLarge, ErrEncoding, ErrInvalid (all wrapped) or the connection's.
func (b *Bodies) Read(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	m, err := b.Take(w, r)
	if err != nil {
		return nil, err
	}
	return m.Body, nil
}

// Take is Read into memory that is used again once it is freed.
func (b *Bodies) Take(w http.ResponseWriter, r *http.Request) (*Memory, error) {
	m := b.memory.get(0)
	var err error
	if m.Body, err = b.read(m.Body, w, r); err != nil {
		return nil, err // m may be in use by what failed
	}
	return m, nil
}

// Memory gives memory whose Body is empty and has room for size bytes.
func (b *Bodies) Memory(size int) *Memory { return b.memory.get(size) }

// read gives the body in the memory of dst, if that is enough.
func (b *Bodies) read(dst []byte, w http.ResponseWriter, r *http.Request) ([]byte, error) {
	if r.ContentLength > b.limit {
		return nil, fmt.Errorf("%w: the body has %d bytes, the limit is %d", ErrTooLarge, r.ContentLength, b.limit)
	}
	lease, err := b.room.Lease(r.Context(), firstLease(r.ContentLength))
	if err != nil {
		return nil, err
	}
	if r.Context().Done() == nil {
		defer lease.Release() // nobody says when it is answered
	} else {
		context.AfterFunc(r.Context(), lease.Release)
	}
	raw := http.MaxBytesReader(w, r.Body, b.limit)
	switch encoding := strings.ToLower(strings.TrimSpace(r.Header.Get("Content-Encoding"))); encoding {
	case "", "identity":
		return b.all(dst, raw, r.ContentLength, lease)
	case "gzip", "x-gzip":
		return b.gunzip(dst, raw, lease)
	case "zstd":
		packed := b.memory.get(0)
		if packed.Body, err = b.all(packed.Body, raw, r.ContentLength, lease); err != nil {
			return nil, err
		}
		defer packed.Free()
		return b.unzstd(dst, packed.Body, lease)
	default:
		return nil, fmt.Errorf("%w: the body is packed with %q, send one of %s", ErrEncoding, encoding, Encodings)
	}
}

const (
	// firstRead bounds the memory given on the word of a Content-Length.
	firstRead = 1 << 20
	// leastLease is what a request without one starts with.
	leastLease = 64 << 10
)

// firstLease is what a request has to have before it is read: slow senders must not hold much that they have not sent.
func firstLease(length int64) int64 {
	if length < 0 {
		return leastLease
	}
	return min(length, firstRead) + 1
}

// all reads r to its end; size is the expected size or below 0.
func (b *Bodies) all(body []byte, r io.Reader, size int64, lease *Lease) ([]byte, error) {
	// One byte more lets the last Read see the end without growing the buffer.
	if need := int(max(512, min(size, firstRead)+1)); cap(body) < need {
		body = make([]byte, 0, need)
	}
	for {
		n, err := r.Read(body[len(body):cap(body)])
		body = body[:len(body)+n]
		switch {
		case int64(len(body)) > b.limit:
			return nil, fmt.Errorf("%w: the body has more than %d bytes", ErrTooLarge, b.limit)
		case errors.Is(err, io.EOF):
			return body, nil
		case err != nil:
			return nil, b.failed(err)
		}
		if err := lease.Grow(int64(len(body))); err != nil {
			return nil, err
		}
		if len(body) == cap(body) {
			if err := lease.Grow(min(b.limit, 2*int64(cap(body)))); err != nil {
				return nil, err
			}
			body = append(body, 0)[:len(body)]
		}
	}
}

func (b *Bodies) failed(err error) error {
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		return fmt.Errorf("%w: the body has more than %d bytes", ErrTooLarge, b.limit)
	case errors.Is(err, gzip.ErrHeader), errors.Is(err, gzip.ErrChecksum), isCorrupt(err):
		return fmt.Errorf("%w: unpack the body by gzip: %w", ErrInvalid, err)
	}
	return fmt.Errorf("read the body: %w", err)
}

// isCorrupt says that a body that ends early or does not inflate is at fault, not the connection.
func isCorrupt(err error) bool {
	return errors.Is(err, io.ErrUnexpectedEOF) || strings.HasPrefix(err.Error(), "flate:")
}

func (b *Bodies) gunzip(dst []byte, r io.Reader, lease *Lease) ([]byte, error) {
	z, ok := b.gzips.Get().(*gzip.Reader)
	if !ok {
		z = new(gzip.Reader)
	}
	defer func() {
		_ = z.Reset(bytes.NewReader(nil)) // lets go of the request; that this is no gzip does not matter
		b.gzips.Put(z)
	}()
	if err := z.Reset(r); err != nil {
		if errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF // an empty body is no gzip
		}
		return nil, b.failed(err)
	}
	return b.all(dst, z, -1, lease)
}

func (b *Bodies) unzstd(dst, packed []byte, lease *Lease) ([]byte, error) {
	if err := lease.Grow(int64(len(packed)) + b.unpacked(packed)); err != nil {
		return nil, err
	}
	body, err := b.zstd.DecodeAll(packed, dst)
	switch {
	case errors.Is(err, zstd.ErrWindowSizeExceeded):
		return nil, fmt.Errorf("%w: the body needs a zstd window above the limit, pack it at a lower level", ErrTooLarge)
	case errors.Is(err, zstd.ErrDecoderSizeExceeded):
		return nil, fmt.Errorf("%w: the body unpacks to more than %d bytes", ErrTooLarge, b.limit)
	case err != nil:
		return nil, fmt.Errorf("%w: unpack the body by zstd: %w", ErrInvalid, err)
	case int64(len(body)) > b.limit:
		return nil, fmt.Errorf("%w: the body unpacks to more than %d bytes", ErrTooLarge, b.limit)
	}
	return body, nil
}

// unpacked is the greatest size that a zstd frame can unpack to: what its head says, else the limit.
func (b *Bodies) unpacked(packed []byte) int64 {
	var head zstd.Header
	if err := head.Decode(packed); err != nil || !head.HasFCS || head.FrameContentSize > uint64(b.limit) {
		return b.limit
	}
	return int64(head.FrameContentSize)
}
