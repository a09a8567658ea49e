package wal

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"testing"

	"github.com/twinspan/twinspan/internal/leaktest"
)

func TestMain(m *testing.M) {
	if dir := os.Getenv(killChildEnv); dir != "" {
		killChild(dir) // does not return
	}
	leaktest.Main(m)
}

func testConfig(dir string) Config {
	cfg := DefaultConfig()
	cfg.Dir = dir
	cfg.SegmentBytes = minSegmentBytes
	return cfg
}

func discard() *slog.Logger { return slog.New(slog.DiscardHandler) }

// mustOpen opens a log that is closed with the test.
func mustOpen(t testing.TB, cfg Config, fsys fileSystem) *Log {
	t.Helper()
	l, err := open(cfg, discard(), fsys)
	if err != nil {
		t.Fatalf("open: %v", err)
	}
	t.Cleanup(func() {
		if err := l.Close(); err != nil && !errors.Is(err, ErrClosed) {
			t.Errorf("close: %v", err)
		}
	})
	return l
}

func mustClose(t testing.TB, l *Log) {
	t.Helper()
	if err := l.Close(); err != nil {
		t.Fatalf("close: %v", err)
	}
}

// rec is a record that says what it is; size is its payload's.
func rec(n, size int) Record {
	data := make([]byte, size)
	for i := range data {
		data[i] = byte(n + i)
	}
	copy(data, fmt.Sprintf("record %d;", n))
	return Record{Partition: uint16(n % 5), Received: int64(n) * 1e9, Data: data}
}

func mustAppend(t testing.TB, l *Log, records ...Record) []int64 {
	t.Helper()
	offsets, err := l.Append(context.Background(), records...)
	if err != nil {
		t.Fatalf("append: %v", err)
	}
	return offsets
}

// readAll returns copies of the entries from offset from on.
func readAll(t testing.TB, l *Log, from int64) []Entry {
	t.Helper()
	entries, err := tryRead(l, from)
	if err != nil {
		t.Fatalf("read from %d: %v", from, err)
	}
	return entries
}

func tryRead(l *Log, from int64) (entries []Entry, err error) {
	err = l.Read(context.Background(), from, func(e Entry) error {
		e.Data = append([]byte{}, e.Data...)
		entries = append(entries, e)
		return nil
	})
	return entries, err
}

// wantEntries checks that got are exactly the records want, from offset first on.
func wantEntries(t testing.TB, got []Entry, first int64, want []Record) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("got %d entries, want %d", len(got), len(want))
	}
	for i, e := range got {
		w := want[i]
		if e.Offset != first+int64(i) || e.Partition != w.Partition || e.Received != w.Received ||
			string(e.Data) != string(w.Data) {
			t.Fatalf("entry %d is offset %d partition %d received %d %.30q…, want offset %d partition %d received %d %.30q…",
				i, e.Offset, e.Partition, e.Received, e.Data, first+int64(i), w.Partition, w.Received, w.Data)
		}
	}
}

// segmentFiles returns the paths of the segments in dir, oldest first.
func segmentFiles(t testing.TB, dir string) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*"+segmentSuffix))
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// faultFS is osFS with a disk of limited size and operations that fail on demand.
type faultFS struct {
	osFS
	mu sync.Mutex
	// room is how many more bytes can be written; negative: unlimited. A write that does not fit is
	// done in part and fails with ENOSPC.
	room int64
	// unsynced makes no sync at all, for tests that open a log hundreds of times.
	unsynced bool
	// Each call of these takes the next error from its list, nil where the list is at its end.
	syncs, writes, truncates, creates []error
	// beforeSync, if set, is called before each sync.
	beforeSync func()
}

func newFaultFS() *faultFS { return &faultFS{room: -1} }

func unsyncedFS() *faultFS { return &faultFS{room: -1, unsynced: true} }

func (f *faultFS) set(change func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	change()
}

func (f *faultFS) take(list *[]error) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(*list) == 0 {
		return nil
	}
	err := (*list)[0]
	*list = (*list)[1:]
	return err
}

func (f *faultFS) create(path string) (file, error) {
	if err := f.take(&f.creates); err != nil {
		return nil, err
	}
	return f.wrap(f.osFS.create(path))
}

func (f *faultFS) open(path string, write bool) (file, error) {
	return f.wrap(f.osFS.open(path, write))
}

func (f *faultFS) syncDir(dir string) error {
	if f.unsynced {
		return nil
	}
	return f.osFS.syncDir(dir)
}

func (f *faultFS) wrap(inner file, err error) (file, error) {
	if err != nil {
		return nil, err
	}
	return &faultFile{inner, f}, nil
}

type faultFile struct {
	file
	fs *faultFS
}

func (f *faultFile) WriteAt(p []byte, off int64) (int, error) {
	if err := f.fs.take(&f.fs.writes); err != nil {
		n, _ := f.file.WriteAt(p[:len(p)/2], off)
		return n, err
	}
	f.fs.mu.Lock()
	room := f.fs.room
	if room >= 0 {
		f.fs.room -= min(room, int64(len(p)))
	}
	f.fs.mu.Unlock()
	if room >= 0 && room < int64(len(p)) {
		n, _ := f.file.WriteAt(p[:room], off)
		return n, syscall.ENOSPC
	}
	return f.file.WriteAt(p, off)
}

func (f *faultFile) Sync() error {
	f.fs.mu.Lock()
	before := f.fs.beforeSync
	f.fs.mu.Unlock()
	if before != nil {
		before()
	}
	if err := f.fs.take(&f.fs.syncs); err != nil {
		return err
	}
	if f.fs.unsynced {
		return nil
	}
	return f.file.Sync()
}

func (f *faultFile) Truncate(size int64) error {
	if err := f.fs.take(&f.fs.truncates); err != nil {
		return err
	}
	return f.file.Truncate(size)
}
