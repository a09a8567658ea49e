package wal

import (
	"bytes"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
)

func counter(t testing.TB, c prometheus.Collector) float64 {
	t.Helper()
	reg := prometheus.NewRegistry()
	reg.MustRegister(c)
	families, err := reg.Gather()
	if err != nil || len(families) != 1 {
		t.Fatalf("gather: %v, %d families", err, len(families))
	}
	return families[0].GetMetric()[0].GetCounter().GetValue()
}

func mustReadFile(t testing.TB, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func mustWriteFile(t testing.TB, path string, b []byte) {
	t.Helper()
	if err := os.WriteFile(path, b, 0o640); err != nil {
		t.Fatal(err)
	}
}

// TestTornTail cuts the last append, of two records, at every byte, in three ways: the rest is
// missing, is zero, or is rubbish. The append is gone as a whole, all before is there, the log goes on.
func TestTornTail(t *testing.T) {
	cfg := testConfig(t.TempDir())
	l := mustOpen(t, cfg, unsyncedFS())
	want := []Record{rec(0, 30), rec(1, 0), rec(2, 25)}
	mustAppend(t, l, want[0], want[1])
	mustAppend(t, l, want[2])
	begin := int(l.Size())
	mustAppend(t, l, rec(3, 20), rec(4, 35))
	mustClose(t, l)
	path := segmentFiles(t, cfg.Dir)[0]
	whole := mustReadFile(t, path)

	for cut := begin; cut < len(whole); cut++ {
		rest := len(whole) - cut
		for _, tail := range []struct {
			name string
			rest []byte
		}{
			{"missing", nil},
			{"zero", make([]byte, rest)},
			{"rubbish", bytes.Repeat([]byte{0xa7}, rest)},
		} {
			if len(tail.rest) > 0 && bytes.Equal(tail.rest, whole[cut:]) {
				continue // nothing is torn
			}
			mustWriteFile(t, path, append(bytes.Clone(whole[:cut]), tail.rest...))
			l, err := open(cfg, l.log, unsyncedFS())
			if err != nil {
				t.Fatalf("cut at %d, rest %s: %v", cut, tail.name, err)
			}
			wantEntries(t, readAll(t, l, 0), 0, want)
			if got, torn := counter(t, l.metrics.tornBytes), cut+len(tail.rest)-begin; got != float64(torn) {
				t.Errorf("cut at %d, rest %s: counted %v torn bytes, want %d", cut, tail.name, got, torn)
			}
			if o := mustAppend(t, l, rec(9, 9)); o[0] != 3 {
				t.Fatalf("cut at %d, rest %s: next offset %d, want 3", cut, tail.name, o[0])
			}
			mustClose(t, l)
			l = mustOpen(t, cfg, unsyncedFS())
			wantEntries(t, readAll(t, l, 0), 0, append(append([]Record{}, want...), rec(9, 9)))
			mustClose(t, l)
		}
	}
}

// TestTornMiddleOfCommit damages the first of two appends that were written together, as a disk may
// that wrote the later blocks first: neither was acknowledged, so this is a torn tail, too.
func TestTornMiddleOfCommit(t *testing.T) {
	cfg := testConfig(t.TempDir())
	l := mustOpen(t, cfg, unsyncedFS())
	mustAppend(t, l, rec(0, 30))
	at := l.Size()
	mustAppend(t, l, rec(1, 30), rec(2, 30)) // one commit
	mustClose(t, l)
	path := segmentFiles(t, cfg.Dir)[0]
	b := mustReadFile(t, path)
	b[at+frameHeaderSize+3]++
	mustWriteFile(t, path, b)
	l = mustOpen(t, cfg, unsyncedFS())
	wantEntries(t, readAll(t, l, 0), 0, []Record{rec(0, 30)})
	// One of the same size takes the damaged one's place: the undamaged one behind must not come back.
	mustAppend(t, l, rec(5, 30))
	mustClose(t, l)
	l = mustOpen(t, cfg, unsyncedFS())
	wantEntries(t, readAll(t, l, 0), 0, []Record{rec(0, 30), rec(5, 30)})
}

// TestDamage flips every byte of acknowledged records, one at a time, in the last and in an earlier
// segment. Damage must be reported with its place and never skipped silently; what can still be read
// can be read from Resume on, or at once with skip_corrupt.
func TestDamage(t *testing.T) {
	for _, last := range []bool{true, false} {
		cfg := testConfig(t.TempDir())
		l := mustOpen(t, cfg, unsyncedFS())
		want := []Record{rec(0, 30), rec(1, 20), rec(2, 25), rec(3, 10), rec(4, 11)}
		for _, r := range want[:4] {
			mustAppend(t, l, r)
		}
		if !last {
			want[4] = rec(4, int(cfg.SegmentBytes)-100) // does not fit: begins a segment
		}
		mustAppend(t, l, want[4])
		mustClose(t, l)
		files := segmentFiles(t, cfg.Dir)
		if (len(files) == 1) != last {
			t.Fatalf("%d segments", len(files))
		}
		whole := mustReadFile(t, files[0])
		for pos := segmentHeaderSize; pos < segmentHeaderSize+4*frameHeaderSize+85; pos++ {
			damaged, frame := 0, segmentHeaderSize // which record, where it begins
			for pos >= frame+frameHeaderSize+len(want[damaged].Data) {
				frame += frameHeaderSize + len(want[damaged].Data)
				damaged++
			}
			b := bytes.Clone(whole)
			b[pos] ^= 0x10
			mustWriteFile(t, files[0], b)

			l, err := open(cfg, l.log, unsyncedFS())
			if !last {
				if err != nil {
					t.Fatalf("byte %d: open: %v", pos, err)
				}
				var before []Entry
				before, err = tryRead(l, 0)
				wantEntries(t, before, 0, want[:damaged])
				wantEntries(t, readAll(t, l, int64(damaged)+1), int64(damaged)+1, want[damaged+1:])
				mustClose(t, l)
			}
			var c *CorruptError
			if !errors.Is(err, ErrCorrupt) || !errors.As(err, &c) {
				t.Fatalf("byte %d: got %v, want a CorruptError", pos, err)
			}
			if c.Segment != files[0] || c.Pos != int64(frame) || c.Offset != int64(damaged) || c.Resume != int64(damaged)+1 {
				t.Fatalf("byte %d of record %d at %d: got %+v", pos, damaged, frame, c)
			}
			if !bytes.Equal(mustReadFile(t, files[0]), b) {
				t.Fatalf("byte %d: a damaged segment was changed", pos)
			}
		}
		// The last state: record 3 is damaged.
		skip := cfg
		skip.SkipCorrupt = true
		l = mustOpen(t, skip, unsyncedFS())
		got := readAll(t, l, 0)
		wantEntries(t, got[:3], 0, want[:3])
		wantEntries(t, got[3:], 4, want[4:])
		if n := counter(t, l.metrics.skipped); n != 1 {
			t.Errorf("last %v: %v skipped records, want 1", last, n)
		}
		if o := mustAppend(t, l, rec(5, 5)); o[0] != 5 {
			t.Errorf("last %v: next offset after damage is %d, want 5", last, o[0])
		}
		mustClose(t, l)
		l = mustOpen(t, cfg, unsyncedFS()) // without skip_corrupt it is reported as ever
		if _, err := tryRead(l, 0); !errors.Is(err, ErrCorrupt) {
			t.Errorf("last %v: got %v, want ErrCorrupt", last, err)
		}
		wantEntries(t, readAll(t, l, 5), 5, []Record{rec(5, 5)})
		mustClose(t, l)
	}
}

func TestSegmentCutShort(t *testing.T) {
	cfg := testConfig(t.TempDir())
	l := mustOpen(t, cfg, unsyncedFS())
	for n := range 6 { // three a segment
		mustAppend(t, l, rec(n, 1200))
	}
	first := segmentFiles(t, cfg.Dir)[0]
	if err := os.Truncate(first, segmentHeaderSize+2*(frameHeaderSize+1200)); err != nil {
		t.Fatal(err)
	}
	mustClose(t, l)
	l = mustOpen(t, cfg, unsyncedFS())
	_, err := tryRead(l, 0)
	var c *CorruptError
	if !errors.As(err, &c) || c.Offset != 2 || c.Resume != 3 {
		t.Fatalf("got %v, want record 2 reported", err)
	}
	wantEntries(t, readAll(t, l, c.Resume), 3, []Record{rec(3, 1200), rec(4, 1200), rec(5, 1200)})
}

func TestSegmentMissing(t *testing.T) {
	cfg := testConfig(t.TempDir())
	l := mustOpen(t, cfg, unsyncedFS())
	for n := range 9 {
		mustAppend(t, l, rec(n, 1200))
	}
	mustClose(t, l)
	if err := os.Remove(segmentFiles(t, cfg.Dir)[1]); err != nil {
		t.Fatal(err)
	}
	_, err := tryRead(mustOpen(t, cfg, unsyncedFS()), 0)
	var c *CorruptError
	if !errors.As(err, &c) || c.Offset != 3 || c.Resume != 6 {
		t.Fatalf("got %v, want records 3 to 5 reported", err)
	}
}

func TestBadSegmentHeader(t *testing.T) {
	for _, which := range []int{0, 1} {
		cfg := testConfig(t.TempDir())
		l := mustOpen(t, cfg, unsyncedFS())
		for n := range 6 {
			mustAppend(t, l, rec(n, 1200))
		}
		mustClose(t, l)
		path := segmentFiles(t, cfg.Dir)[which]
		b := mustReadFile(t, path)
		b[20]++
		mustWriteFile(t, path, b)
		_, err := open(cfg, l.log, unsyncedFS())
		var c *CorruptError
		if !errors.As(err, &c) || c.Segment != path || c.Offset != int64(3*which) {
			t.Fatalf("segment %d: got %v", which, err)
		}
		cfg.SkipCorrupt = true
		l = mustOpen(t, cfg, unsyncedFS())
		if l.Next() < 6 {
			t.Errorf("segment %d: next offset is %d: given before", which, l.Next())
		}
		if got := readAll(t, l, 0); len(got) != 3 || got[0].Offset != int64(3-3*which) {
			t.Errorf("segment %d: read %d entries from %d", which, len(got), got[0].Offset)
		}
		next := mustAppend(t, l, rec(9, 9))[0]
		mustClose(t, l)
		l = mustOpen(t, cfg, unsyncedFS())
		wantEntries(t, readAll(t, l, next), next, []Record{rec(9, 9)})
	}
}

func TestNewerVersion(t *testing.T) {
	cfg := testConfig(t.TempDir())
	mustClose(t, mustOpen(t, cfg, unsyncedFS()))
	path := segmentFiles(t, cfg.Dir)[0]
	b := mustReadFile(t, path)
	binary.LittleEndian.PutUint32(b[8:], segmentVersion+1)
	binary.LittleEndian.PutUint32(b[36:], crc32.Checksum(b[:36], castagnoli))
	mustWriteFile(t, path, b)
	if _, err := Open(cfg, nil); !errors.Is(err, ErrVersion) || !strings.Contains(err.Error(), "version 2") {
		t.Errorf("got %v, want ErrVersion", err)
	}
}

// TestUnfinishedSegment leaves what a crash inside createSegment leaves.
func TestUnfinishedSegment(t *testing.T) {
	cfg := testConfig(t.TempDir())
	l := mustOpen(t, cfg, unsyncedFS())
	mustAppend(t, l, rec(0, 9))
	mustClose(t, l)
	left := segmentPath(cfg.Dir, 1) + unfinishedSuffix
	mustWriteFile(t, left, []byte("TWIN"))
	mustWriteFile(t, filepath.Join(cfg.Dir, "notes.txt"), []byte("not ours"))
	l = mustOpen(t, cfg, unsyncedFS())
	wantEntries(t, readAll(t, l, 0), 0, []Record{rec(0, 9)})
	if _, err := os.Stat(left); !os.IsNotExist(err) {
		t.Errorf("the unfinished segment is still there: %v", err)
	}
}

// TestRecordThatLooksLikeALog stores the bytes of a whole segment as a record and tears it: the frames
// inside must not be taken for frames of the log.
func TestRecordThatLooksLikeALog(t *testing.T) {
	other := testConfig(t.TempDir())
	l := mustOpen(t, other, unsyncedFS())
	for n := range 20 {
		mustAppend(t, l, rec(n, 30))
	}
	mustClose(t, l)
	inner := mustReadFile(t, segmentFiles(t, other.Dir)[0])

	cfg := testConfig(t.TempDir())
	l = mustOpen(t, cfg, unsyncedFS())
	mustAppend(t, l, rec(0, 9))
	mustAppend(t, l, Record{Data: inner})
	mustClose(t, l)
	if err := os.Truncate(segmentFiles(t, cfg.Dir)[0], l.Size()-1); err != nil {
		t.Fatal(err)
	}
	wantEntries(t, readAll(t, mustOpen(t, cfg, unsyncedFS()), 0), 0, []Record{rec(0, 9)})
}
