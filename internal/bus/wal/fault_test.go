package wal

import (
	"context"
	"errors"
	"os"
	"strings"
	"syscall"
	"testing"
)

// TestDiskFull fills the disk: the append is refused, leaves nothing, and the log goes on when there
// is room again, without a restart.
func TestDiskFull(t *testing.T) {
	for _, tc := range []struct {
		name string
		room int64 // for the append of 1000 bytes and its frame
		fill int   // bytes of records before, to be close to the end of the segment
	}{
		{"nothing fits", 0, 10},
		{"part of the frame fits", 20, 10},
		{"all but a byte fits", 1000 + frameHeaderSize - 1, 10},
		{"new segment's header does not fit", 10, 3500},
		{"new segment fits, the record does not", segmentHeaderSize + 5, 3500},
	} {
		t.Run(tc.name, func(t *testing.T) {
			fsys := newFaultFS()
			cfg := testConfig(t.TempDir())
			l := mustOpen(t, cfg, fsys)
			want := []Record{rec(0, tc.fill)}
			mustAppend(t, l, want...)
			size := l.Size()
			for range 2 {
				fsys.set(func() { fsys.room = tc.room })
				_, err := l.Append(context.Background(), rec(1, 1000))
				if !errors.Is(err, ErrFull) || !errors.Is(err, syscall.ENOSPC) || !strings.Contains(err.Error(), cfg.Dir) {
					t.Fatalf("got %v, want ErrFull for ENOSPC with the path", err)
				}
				wantEntries(t, readAll(t, l, 0), 0, want)
			}
			if grown := l.Size() - size; grown > segmentHeaderSize {
				t.Errorf("a refused append left %d bytes", grown)
			}
			fsys.set(func() { fsys.room = -1 })
			want = append(want, rec(2, 1000))
			if o := mustAppend(t, l, want[1]); o[0] != 1 {
				t.Errorf("offset is %d, want 1", o[0])
			}
			wantEntries(t, readAll(t, l, 0), 0, want)
			mustClose(t, l)
			wantEntries(t, readAll(t, mustOpen(t, cfg, osFS{}), 0), 0, want)
		})
	}
}

// TestIOErrors lets operations fail under an append. Whatever the outcome told to the caller, the
// acknowledged records before and after are there, at once and after a restart.
func TestIOErrors(t *testing.T) {
	eio := syscall.EIO
	for _, tc := range []struct {
		name   string
		inject func(*faultFS)
		want   error // of the append under the fault
		// left: the failed append may be there after a restart (it was not acknowledged, not refused)
		segments int
	}{
		{"sync fails once", func(f *faultFS) { f.syncs = []error{eio} }, nil, 2},
		{"write fails once", func(f *faultFS) { f.writes = []error{eio} }, nil, 2},
		{"sync fails, then the new segment's header", func(f *faultFS) { f.syncs = []error{eio, eio} }, eio, 2},
		{"sync fails, then again in the new segment", func(f *faultFS) { f.syncs = []error{eio, nil, eio} }, eio, 2},
		{"sync fails, cannot cut", func(f *faultFS) { f.syncs, f.truncates = []error{eio}, []error{eio} }, nil, 2},
		{"sync fails, cannot cut, no new segment", func(f *faultFS) {
			f.syncs, f.truncates, f.creates = []error{eio}, []error{eio}, []error{eio}
		}, eio, 2},
		{"sync fails, disk full for the new segment", func(f *faultFS) {
			f.syncs, f.creates = []error{eio}, []error{syscall.ENOSPC}
		}, ErrFull, 2},
		{"disk full on sync", func(f *faultFS) { f.syncs = []error{syscall.ENOSPC} }, nil, 2},
		{"disk full, cannot cut", func(f *faultFS) {
			f.writes, f.truncates = []error{syscall.ENOSPC}, []error{eio, eio}
		}, nil, 2},
		{"disk quota", func(f *faultFS) { f.writes = []error{syscall.EDQUOT} }, ErrFull, 1},
	} {
		t.Run(tc.name, func(t *testing.T) {
			fsys := newFaultFS()
			cfg := testConfig(t.TempDir())
			l := mustOpen(t, cfg, fsys)
			want := []Record{rec(0, 100), rec(1, 100)}
			mustAppend(t, l, want[0])
			mustAppend(t, l, want[1])

			fsys.set(func() { tc.inject(fsys) })
			called := false
			faulty := []Record{rec(2, 100), rec(3, 50)}
			err := l.AppendFunc(context.Background(), faulty, func([]int64) { called = true })
			if !errors.Is(err, tc.want) || called != (err == nil) {
				t.Fatalf("got %v, committed called: %v; want %v", err, called, tc.want)
			}
			if err == nil {
				want = append(want, faulty...)
			}
			wantEntries(t, readAll(t, l, 0), 0, want)

			fsys.set(func() { fsys.syncs, fsys.writes, fsys.truncates, fsys.creates = nil, nil, nil, nil })
			want = append(want, rec(4, 40))
			if o := mustAppend(t, l, rec(4, 40)); o[0] != int64(len(want)-1) {
				t.Errorf("offset is %d, want %d", o[0], len(want)-1)
			}
			wantEntries(t, readAll(t, l, 0), 0, want)
			if n := len(segmentFiles(t, cfg.Dir)); n != tc.segments {
				t.Errorf("%d segments, want %d", n, tc.segments)
			}
			var size int64
			for _, f := range segmentFiles(t, cfg.Dir) {
				st, err := os.Stat(f)
				if err != nil {
					t.Fatal(err)
				}
				size += st.Size()
			}
			if len(fsys.truncates) == 0 && !strings.Contains(tc.name, "cannot cut") && l.Size() != size {
				t.Errorf("Size is %d, the files have %d", l.Size(), size)
			}
			mustClose(t, l)
			l = mustOpen(t, cfg, osFS{})
			wantEntries(t, readAll(t, l, 0), 0, want)
			mustAppend(t, l, rec(5, 5))
			wantEntries(t, readAll(t, l, 0), 0, append(want, rec(5, 5)))
		})
	}
}

// TestFailedSyncOfFirstRecords gives up a segment that holds nothing durable yet; its successor has
// the same name.
func TestFailedSyncOfFirstRecords(t *testing.T) {
	fsys := newFaultFS()
	cfg := testConfig(t.TempDir())
	l := mustOpen(t, cfg, fsys)
	fsys.set(func() { fsys.syncs = []error{syscall.EIO} })
	mustAppend(t, l, rec(0, 10))
	fsys.set(func() { fsys.syncs = []error{nil, syscall.EIO, syscall.EIO} })
	mustAppend(t, l, rec(1, 10))
	if _, err := l.Append(context.Background(), rec(2, 10)); !errors.Is(err, syscall.EIO) {
		t.Fatalf("got %v, want the I/O error", err)
	}
	mustAppend(t, l, rec(3, 10))
	want := []Record{rec(0, 10), rec(1, 10), rec(3, 10)}
	wantEntries(t, readAll(t, l, 0), 0, want)
	mustClose(t, l)
	wantEntries(t, readAll(t, mustOpen(t, cfg, osFS{}), 0), 0, want)
}

// TestMakeRoom has the disk full and somebody make room: the append that found it full is taken, in the present segment and
// in a new one.
func TestMakeRoom(t *testing.T) {
	for name, fill := range map[string]int{"in the segment": 10, "in a new segment": 3500} {
		t.Run(name, func(t *testing.T) {
			fsys := newFaultFS()
			cfg := testConfig(t.TempDir())
			asked, can := 0, true
			cfg.MakeRoom = func() bool {
				asked++
				if can {
					fsys.set(func() { fsys.room = -1 })
				}
				return can
			}
			l := mustOpen(t, cfg, fsys)
			want := []Record{rec(0, fill), rec(1, 1000)}
			mustAppend(t, l, want[0])
			fsys.set(func() { fsys.room = 20 })
			mustAppend(t, l, want[1])
			if asked != 1 {
				t.Errorf("asked for room %d times", asked)
			}
			can = false
			fsys.set(func() { fsys.room = 0 })
			if _, err := l.Append(context.Background(), rec(2, 1000)); !errors.Is(err, ErrFull) {
				t.Errorf("without room: %v", err)
			}
			wantEntries(t, readAll(t, l, 0), 0, want)
			mustClose(t, l)
			wantEntries(t, readAll(t, mustOpen(t, cfg, osFS{}), 0), 0, want)
		})
	}
}

func TestOpenOnFullDisk(t *testing.T) {
	cfg := testConfig(t.TempDir())
	l := mustOpen(t, cfg, osFS{})
	mustAppend(t, l, rec(0, 10))
	mustClose(t, l)
	fsys := newFaultFS()
	fsys.room = 0
	wantEntries(t, readAll(t, mustOpen(t, cfg, fsys), 0), 0, []Record{rec(0, 10)}) // nothing to be written

	fresh := testConfig(t.TempDir())
	if _, err := open(fresh, l.log, fsys); !errors.Is(err, ErrFull) {
		t.Errorf("got %v, want ErrFull", err)
	}
	mustClose(t, mustOpen(t, fresh, osFS{})) // the failed Open left nothing behind, the lock neither
}
