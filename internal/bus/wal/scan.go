package wal

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
)

// readBuffer is how much of a segment is read at a time.
const readBuffer = 256 << 10

// scanner reads the frames of one segment in order.
type scanner struct {
	f    io.ReaderAt
	seed uint32
	end  int64 // where the bytes that may be read end
	pos  int64 // of the next frame
	want int64 // its offset

	r        *bufio.Reader
	header   [frameHeaderSize]byte
	payload  []byte
	resumeAt int64 // after damage: where to look for the next frame
}

func newScanner(f io.ReaderAt, seed uint32, first, end int64) *scanner {
	s := &scanner{f: f, seed: seed, end: end, r: bufio.NewReaderSize(nil, readBuffer)}
	s.seek(segmentHeaderSize, first)
	return s
}

func (s *scanner) seek(pos, want int64) {
	s.pos, s.want = pos, want
	s.r.Reset(io.NewSectionReader(s.f, pos, max(s.end-pos, 0)))
}

// next returns the next frame; the payload is valid until the next call. With payload false it is
// passed over unchecked. At the end err is io.EOF. Where the bytes are not the expected frame,
// damage says why and the scanner stays before it.
func (s *scanner) next(payload bool) (h frameHeader, data []byte, damage string, err error) {
	left := s.end - s.pos
	s.resumeAt = s.pos + 1
	if left <= 0 {
		return h, nil, "", io.EOF
	}
	if left < frameHeaderSize {
		return h, nil, "the frame header is cut short", nil
	}
	if _, err := io.ReadFull(s.r, s.header[:]); err != nil {
		return h, nil, "", s.readError(err)
	}
	h, ok := parseFrameHeader(s.header[:], s.seed)
	if !ok {
		return h, nil, "the checksum of the frame header does not match", nil
	}
	if h.offset != s.want {
		s.resumeAt = s.pos
		return h, nil, fmt.Sprintf("offset %d stands here instead of %d", h.offset, s.want), nil
	}
	if int64(h.length) > left-frameHeaderSize {
		return h, nil, "the payload is cut short", nil
	}
	if !payload {
		if _, err := s.r.Discard(int(h.length)); err != nil {
			return h, nil, "", s.readError(err)
		}
	} else {
		if cap(s.payload) < int(h.length) {
			s.payload = make([]byte, h.length)
		}
		data = s.payload[:h.length]
		if _, err := io.ReadFull(s.r, data); err != nil {
			return h, nil, "", s.readError(err)
		}
		if crc32.Checksum(data, castagnoli) != h.crc {
			s.resumeAt = s.pos + frameHeaderSize + int64(h.length)
			return h, nil, "the checksum of the payload does not match", nil
		}
	}
	s.pos += frameHeaderSize + int64(h.length)
	s.want++
	return h, data, "", nil
}

func (s *scanner) readError(err error) error {
	if errors.Is(err, io.EOF) {
		// The file got shorter than it was when its size was asked for.
		err = io.ErrUnexpectedEOF
	}
	return fmt.Errorf("wal: read at byte %d: %w", s.pos, err)
}

// resync looks, after damage, for the next frame header with an offset above the expected one. It
// leaves the scanner where it is, but goes on behind the found frame when called again.
func (s *scanner) resync() (pos int64, h frameHeader, found bool, err error) {
	const overlap = frameHeaderSize - 1
	buf := make([]byte, readBuffer)
	for at := s.resumeAt; s.end-at >= frameHeaderSize; {
		n := int(min(int64(len(buf)), s.end-at))
		if _, err := s.f.ReadAt(buf[:n], at); err != nil {
			return 0, h, false, fmt.Errorf("wal: read at byte %d: %w", at, err)
		}
		for i := 0; i+frameHeaderSize <= n; i++ {
			// Offsets are dense, so few are possible; this spares nearly all checksums.
			offset := int64(binary.LittleEndian.Uint64(buf[i+16:]))
			here := at + int64(i)
			if offset <= s.want || offset-s.want > maxSegmentBytes/frameHeaderSize {
				continue
			}
			if h, ok := parseFrameHeader(buf[i:n], s.seed); ok {
				s.resumeAt = here + frameHeaderSize
				if after := s.resumeAt + int64(h.length); after <= s.end {
					s.resumeAt = after
				}
				return here, h, true, nil
			}
		}
		at += int64(n - overlap)
	}
	s.resumeAt = s.end
	return 0, h, false, nil
}
