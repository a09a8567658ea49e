package wal

import (
	"bytes"
	"errors"
	"hash/crc32"
	"io"
	"os"
	"testing"
)

// FuzzFrames lets the scanner read anything as the frames of a segment: it must end, never give a
// payload whose checksum is wrong, and read on after damage.
func FuzzFrames(f *testing.F) {
	const seed = 17
	frame := func(h frameHeader, data string) []byte {
		h.length, h.crc = uint32(len(data)), crc32.Checksum([]byte(data), castagnoli)
		b := make([]byte, frameHeaderSize)
		h.put(b, seed)
		return append(b, data...)
	}
	one := frame(frameHeader{offset: 5, commit: 5, partition: 3, received: -1, flags: flagLast}, "payload")
	two := frame(frameHeader{offset: 6, commit: 5}, "")
	f.Add([]byte{})
	f.Add(one)
	f.Add(append(bytes.Clone(one), two...))
	f.Add(append(append(bytes.Clone(one), 0, 1, 2), two...))
	f.Add(append(bytes.Clone(two), one...))
	f.Add(frame(frameHeader{offset: 5, commit: 7}, "commit behind offset"))
	f.Fuzz(func(t *testing.T, b []byte) {
		file := append(make([]byte, segmentHeaderSize), b...)
		sc := newScanner(bytes.NewReader(file), seed, 5, int64(len(file)))
		last := int64(4)
		for {
			h, data, damage, err := sc.next(true)
			if errors.Is(err, io.EOF) {
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if damage != "" {
				pos, h, found, err := sc.resync()
				if err != nil {
					t.Fatal(err)
				}
				if !found {
					return
				}
				if h.offset <= last || pos < sc.pos {
					t.Fatalf("resync went back: offset %d after %d, byte %d after %d", h.offset, last, pos, sc.pos)
				}
				sc.seek(pos, h.offset)
				continue
			}
			if h.offset <= last || crc32.Checksum(data, castagnoli) != h.crc || int(h.length) != len(data) {
				t.Fatalf("wrong frame %+v after offset %d", h, last)
			}
			last = h.offset
		}
	})
}

// FuzzOpen opens a log whose only segment has any content behind a valid header. Open must repair or
// refuse it, and what it opens must take and give records.
func FuzzOpen(f *testing.F) {
	header := make([]byte, segmentHeaderSize)
	segmentHeader{salt: 1}.put(header)
	seed := segmentHeader{salt: 1}.seed()
	frame := make([]byte, frameHeaderSize)
	frameHeader{flags: flagLast}.put(frame, seed)
	f.Add([]byte{})
	f.Add(frame)
	f.Add(bytes.Repeat(frame, 2))
	f.Add(bytes.Repeat([]byte{0}, 100))
	f.Fuzz(func(t *testing.T, b []byte) {
		cfg := testConfig(t.TempDir())
		if err := os.WriteFile(segmentPath(cfg.Dir, 0), append(bytes.Clone(header), b...), 0o640); err != nil {
			t.Fatal(err)
		}
		if l, err := open(cfg, discard(), unsyncedFS()); err == nil {
			n := len(readAll(t, l, 0))
			if o := mustAppend(t, l, rec(1, 1)); o[0] != int64(n) {
				t.Fatalf("offset %d after %d records", o[0], n)
			}
			mustClose(t, l)
		} else if !errors.Is(err, ErrCorrupt) {
			t.Fatal(err)
		}
		cfg.SkipCorrupt = true
		l := mustOpen(t, cfg, unsyncedFS())
		readAll(t, l, 0)
		mustAppend(t, l, rec(2, 2))
	})
}
