package pebble

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/twinspan/twinspan/internal/span"
	"github.com/twinspan/twinspan/internal/store"
	"github.com/twinspan/twinspan/internal/store/storetest"
)

var ctx = context.Background()

const day = int64(24 * time.Hour)

// rangeOf makes the n-th range of the tests: always the same for one n.
func rangeOf(n int64) *store.Range {
	g := storetest.NewGen(uint64(n))
	return &store.Range{ID: store.RangeID{From: n}, To: n + 1, Received: storetest.Day, Calls: g.Calls(300),
		Rollups: g.Rollups(20), State: fmt.Appendf(nil, "state %d", n)}
}

func TestInUse(t *testing.T) {
	cfg := testConfig(t.TempDir())
	s := openStore(t, cfg)
	defer s.Close()
	_, err := Open(cfg, slog.New(slog.DiscardHandler))
	if !errors.Is(err, store.ErrInUse) || !strings.Contains(err.Error(), fmt.Sprintf("process %d on", os.Getpid())) {
		t.Errorf("a second opening gave %v, want who uses it", err)
	}
}

func TestConfig(t *testing.T) {
	for name, set := range map[string]func(*Config){
		"retention_days": func(c *Config) { c.RetentionDays = 0 },
		"max_bytes":      func(c *Config) { c.MaxBytes = 1000 },
		"memory_bytes":   func(c *Config) { c.MemoryBytes = -1 },
		"reserve_bytes":  func(c *Config) { c.ReserveBytes = -1 },
	} {
		cfg := DefaultConfig()
		if err := cfg.Validate(); err != nil {
			t.Fatal(err)
		}
		set(&cfg)
		if err := cfg.Validate(); err == nil || !strings.HasPrefix(err.Error(), name) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// count is the number of calls that a search finds.
func count(t testing.TB, s *store.Store) int {
	t.Helper()
	return len(storetest.Search(t, s, &store.Query{From: math.MinInt64}, 1<<30))
}

// contents are the described calls of a store.
func contents(t *testing.T, s *store.Store) map[string]bool {
	t.Helper()
	found := storetest.Search(t, s, &store.Query{From: math.MinInt64}, 1<<30)
	set := make(map[string]bool, len(found))
	for i := range found {
		set[storetest.Describe(&found[i], false)] = true
	}
	return set
}

// hasRange says whether a range is there, and fails if it is there in part.
func hasRange(t *testing.T, have map[string]bool, r *store.Range) bool {
	t.Helper()
	found := 0
	for i := range r.Calls {
		if have[storetest.Describe(&r.Calls[i], false)] {
			found++
		}
	}
	if found != 0 && found != len(r.Calls) {
		t.Fatalf("range %s: %d of %d calls are there", r.ID, found, len(r.Calls))
	}
	return found > 0
}

func checkRange(t *testing.T, s *store.Store, r *store.Range) bool {
	t.Helper()
	return hasRange(t, contents(t, s), r)
}

// TestKill kills a process while it writes ranges, again and again. What it reported as written has to be there, and of
// the rest each range as a whole or not at all.
func TestKill(t *testing.T) {
	if dir := os.Getenv("TWINSPAN_STORE_KILL"); dir != "" {
		writeUntilKilled(t, dir)
		return
	}
	dir := t.TempDir()
	var next int64
	for round := range 4 {
		cmd := exec.Command(os.Args[0], "-test.run=^TestKill$")
		cmd.Env = append(os.Environ(), "TWINSPAN_STORE_KILL="+dir)
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		reported := next
		lines := bufio.NewScanner(out)
		for lines.Scan() {
			var n int64
			if _, err := fmt.Sscanf(lines.Text(), "written %d", &n); err == nil {
				reported = n + 1
			}
			if reported >= next+int64(2+round) {
				break
			}
		}
		_ = cmd.Process.Signal(syscall.SIGKILL)
		_ = cmd.Wait()
		if reported < next+int64(2+round) {
			t.Fatalf("the writing process ended by itself after range %d", reported)
		}
		s := openStore(t, testConfig(dir))
		last, err := s.LastDone(ctx)
		if err != nil || last[0] < reported {
			t.Fatalf("last done is %v, %v, but range %d was reported as written", last, err, reported-1)
		}
		have := contents(t, s)
		for n := range last[0] + 2 {
			if there := hasRange(t, have, rangeOf(n)); there != (n < last[0]) {
				t.Fatalf("range %d is there: %v, last done is %d", n, there, last[0])
			}
		}
		if n := count(t, s); n != int(last[0])*300 {
			t.Fatalf("%d calls in %d ranges of 300", n, last[0])
		}
		next = last[0]
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

func writeUntilKilled(t *testing.T, dir string) {
	s := openStore(t, testConfig(dir))
	last, err := s.LastDone(ctx)
	if err != nil {
		t.Fatal(err)
	}
	for n := last[0]; n < 100_000; n++ {
		if err := s.WriteRange(ctx, rangeOf(n)); err != nil {
			t.Fatal(err)
		}
		fmt.Println("written", n)
	}
}

// fullFS is a file system whose disk can be full.
type fullFS struct {
	vfs.FS
	free atomic.Int64 // of writing, in bytes; below 0 it is full
	// avail is what it says to have; each directory dropped adds perDrop.
	avail, perDrop atomic.Int64
}

func newFullFS() *fullFS {
	f := &fullFS{FS: vfs.NewMem()}
	f.free.Store(1 << 40)
	f.avail.Store(1 << 40)
	return f
}

func (f *fullFS) Create(name string, c vfs.DiskWriteCategory) (vfs.File, error) {
	file, err := f.FS.Create(name, c)
	if err != nil || filepath.Ext(name) != ".sst" {
		return file, err
	}
	return &fullFile{file, f}, nil
}

func (f *fullFS) GetDiskUsage(string) (vfs.DiskUsage, error) {
	return vfs.DiskUsage{AvailBytes: uint64(max(f.avail.Load(), 0)), TotalBytes: 1 << 40}, nil
}

func (f *fullFS) RemoveAll(name string) error {
	if strings.HasSuffix(name, droppedSuffix) {
		f.free.Store(1 << 40) // dropping a day makes room
		f.avail.Add(f.perDrop.Load())
	}
	return f.FS.RemoveAll(name)
}

type fullFile struct {
	vfs.File
	fs *fullFS
}

func (f *fullFile) Write(b []byte) (int, error) {
	if f.fs.free.Add(-int64(len(b))) < 0 {
		return 0, &os.PathError{Op: "write", Path: "test", Err: syscall.ENOSPC}
	}
	return f.File.Write(b)
}

func TestDiskFull(t *testing.T) {
	fs := newFullFS()
	cfg := testConfig("store")
	cfg.FS = fs
	s := openStore(t, cfg)
	defer func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}()
	write := func(n, received int64) error {
		r := rangeOf(n)
		r.Received = received
		return s.WriteRange(ctx, r)
	}
	if err := write(0, storetest.Day); err != nil {
		t.Fatal(err)
	}
	// With one day there is nothing to drop, wherever in the tables the disk ends.
	for _, free := range []int64{0, 1000, 20_000} {
		fs.free.Store(free)
		if err := write(1, storetest.Day); !errors.Is(err, store.ErrNoSpace) {
			t.Fatalf("with %d bytes free: %v, want no space", free, err)
		}
		if n := count(t, s); n != 300 {
			t.Fatalf("%d calls are visible", n)
		}
	}
	if names, err := fs.List(fs.PathJoin("store", incoming)); err != nil || len(names) > 0 {
		t.Errorf("left behind: %v, %v", names, err)
	}
	fs.free.Store(1 << 40)
	if err := write(1, storetest.Day+day); err != nil {
		t.Fatalf("writing again once there is room: %v", err)
	}
	if n := count(t, s); n != 600 {
		t.Fatalf("%d calls are visible", n)
	}
	// With two days the older one makes room.
	fs.free.Store(1000)
	if err := write(2, storetest.Day+day); err != nil {
		t.Fatal(err)
	}
	if have := contents(t, s); hasRange(t, have, rangeOf(0)) || !hasRange(t, have, rangeOf(1)) || !hasRange(t, have, rangeOf(2)) {
		t.Error("the oldest day was to be dropped, and no other")
	}
}

// TestMakeRoom has the disk fall below the reserve: as much of what is oldest is dropped as it takes, but never the newest,
// and nothing more while a reader holds what was dropped.
func TestMakeRoom(t *testing.T) {
	fs := newFullFS()
	cfg := testConfig("store")
	cfg.FS, cfg.ReserveBytes, cfg.MaxBytes = fs, 1<<30, 1<<20
	var log bytes.Buffer
	kv, err := Open(cfg, slog.New(slog.NewTextHandler(&log, nil)))
	if err != nil {
		t.Fatal(err)
	}
	s, err := store.Open(ctx, kv)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}()
	const ranges = 20 // a directory has one or two
	for n := range int64(ranges) {
		if err := s.WriteRange(ctx, rangeOf(n)); err != nil {
			t.Fatal(err)
		}
	}
	left := func() int { return len(kv.volumes) }
	all := left()
	if all < 8 {
		t.Fatalf("%d directories for %d ranges", all, ranges)
	}
	size := kv.volumes[all-1].Bytes()
	if dropped, err := s.MakeRoom(false); err != nil || len(dropped) > 0 {
		t.Fatalf("there is room, but %v was dropped, %v", dropped, err)
	}
	fs.perDrop.Store(size)
	fs.avail.Store(cfg.ReserveBytes - 5*size/2)
	if dropped, err := s.MakeRoom(false); err != nil || len(dropped) == 0 || left() != all-3 {
		t.Fatalf("dropped %v, %v, %d directories are left, want three fewer", dropped, err, left())
	}
	if dropped, err := s.MakeRoom(true); err != nil || len(dropped) == 0 || left() != all-4 {
		t.Fatalf("a write found the disk full: dropped %v, %v, %d are left", dropped, err, left())
	}
	if !strings.Contains(log.String(), "level=WARN msg=\"the disk is full") {
		t.Errorf("the log does not say so:\n%s", &log)
	}
	fs.avail.Store(cfg.ReserveBytes - size/2)
	want, found := count(t, s), 0
	err = s.Search(ctx, &store.Query{From: math.MinInt64}, func(span.Call) bool {
		if found++; found == 1 {
			for range 3 {
				if _, err := s.MakeRoom(true); err != nil {
					t.Error(err)
				}
			}
			if left() != all-5 {
				t.Errorf("%d directories are left while a reader holds one that was dropped", left())
			}
		}
		return true
	})
	if err != nil || found != want {
		t.Errorf("the search found %d calls, %v", found, err)
	}
	fs.avail.Store(0)
	fs.perDrop.Store(0)
	if _, err := s.MakeRoom(false); err != nil || left() != 1 {
		t.Errorf("%d directories are left, %v: the newest has to stay", left(), err)
	}
	if dropped, err := s.MakeRoom(true); err != nil || len(dropped) > 0 {
		t.Errorf("the newest was dropped: %v, %v", dropped, err)
	}
	r := rangeOf(ranges)
	if err := s.WriteRange(ctx, r); !errors.Is(err, store.ErrNoSpace) {
		t.Errorf("with nothing left to drop a write gives %v", err)
	}
	fs.avail.Store(1 << 40)
	if err := s.WriteRange(ctx, r); err != nil || !checkRange(t, s, r) || !checkRange(t, s, rangeOf(ranges-1)) {
		t.Errorf("with room again: %v", err)
	}
}

func TestReserve(t *testing.T) {
	cfg := testConfig(t.TempDir())
	cfg.ReserveBytes = 1 << 60
	s := openStore(t, cfg)
	defer s.Close()
	err := s.WriteRange(ctx, rangeOf(0))
	if !errors.Is(err, store.ErrNoSpace) || !strings.Contains(err.Error(), "reserve_bytes") {
		t.Errorf("%v, want what is missing and what to do", err)
	}
}

func TestExpireBySize(t *testing.T) {
	cfg := testConfig(t.TempDir())
	cfg.MaxBytes = 1 << 20
	s := openStore(t, cfg)
	defer s.Close()
	n := int64(0)
	for ; s.Stats().Bytes < cfg.MaxBytes; n++ {
		if err := s.WriteRange(ctx, rangeOf(n)); err != nil {
			t.Fatal(err)
		}
	}
	dropped, err := s.Expire(ctx, time.Unix(0, storetest.Day))
	if err != nil || len(dropped) != 1 {
		t.Fatalf("dropped %v, %v", dropped, err)
	}
	st := s.Stats()
	if st.Bytes > cfg.MaxBytes || st.Bytes < cfg.MaxBytes*3/4 {
		t.Errorf("%d bytes are kept of %d", st.Bytes, cfg.MaxBytes)
	}
	if have := contents(t, s); hasRange(t, have, rangeOf(0)) || !hasRange(t, have, rangeOf(n-1)) {
		t.Error("the oldest ranges were to go, the newest to stay")
	}
	if names, _ := filepath.Glob(filepath.Join(cfg.Dir, "2026-03-01.*")); len(names) < 10 {
		t.Errorf("a day was to be split into about 20 directories, there are %d", len(names))
	}
}

// TestDropWhileReading drops a day in the middle of a search, which goes on to its end.
func TestDropWhileReading(t *testing.T) {
	cfg := testConfig(t.TempDir())
	s := openStore(t, cfg)
	defer s.Close()
	for n := range int64(4) {
		r := rangeOf(n)
		r.Received += n / 3 * 50 * day
		if err := s.WriteRange(ctx, r); err != nil {
			t.Fatal(err)
		}
	}
	found := 0
	err := s.Search(ctx, &store.Query{From: math.MinInt64}, func(span.Call) bool {
		if found++; found == 1 {
			if dropped, err := s.Expire(ctx, time.Unix(0, storetest.Day+50*day)); err != nil || len(dropped) != 1 {
				t.Errorf("dropped %v, %v", dropped, err)
			}
		}
		return true
	})
	if err != nil || found != 1200 {
		t.Errorf("found %d calls, %v", found, err)
	}
	if n := count(t, s); n != 300 {
		t.Errorf("%d calls are left", n)
	}
	if names, _ := filepath.Glob(filepath.Join(cfg.Dir, "2026-03-01*")); len(names) > 0 {
		t.Errorf("left on disk: %v", names)
	}
}

// TestLeftovers opens a directory in which a process ended in the middle of things.
func TestLeftovers(t *testing.T) {
	cfg := testConfig(t.TempDir())
	s := openStore(t, cfg)
	if err := s.WriteRange(ctx, rangeOf(0)); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{incoming + "/7.sst", "2026-02-01.0001" + droppedSuffix + "/x.sst", "notes.txt"} {
		path := filepath.Join(cfg.Dir, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o750), os.WriteFile(path, []byte("half"), 0o640)); err != nil {
			t.Fatal(err)
		}
	}
	s = openStore(t, cfg)
	defer s.Close()
	if !checkRange(t, s, rangeOf(0)) {
		t.Error("the range is lost")
	}
	for name, want := range map[string]bool{incoming + "/7.sst": false, "2026-02-01.0001" + droppedSuffix: false, "notes.txt": true} {
		if _, err := os.Stat(filepath.Join(cfg.Dir, name)); (err == nil) != want {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestPowerLoss keeps only what was synced, at the moment when each write returned.
func TestPowerLoss(t *testing.T) {
	fs := vfs.NewCrashableMem()
	cfg := testConfig("store")
	cfg.FS = fs
	s := openStore(t, cfg)
	defer s.Close()
	for n := range int64(4) {
		if err := s.WriteRange(ctx, rangeOf(n)); err != nil {
			t.Fatal(err)
		}
		after := cfg
		after.FS = fs.CrashClone(vfs.CrashCloneCfg{})
		again := openStore(t, after)
		have := contents(t, again)
		for i := range n + 1 {
			if !hasRange(t, have, rangeOf(i)) {
				t.Errorf("range %d is lost after the power went with %d written", i, n+1)
			}
		}
		if err := again.Close(); err != nil {
			t.Fatal(err)
		}
	}
}
