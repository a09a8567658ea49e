package e2e

import (
	"bytes"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// TestDiskFull fills the disk under a collector, a small one in memory: senders are told to come later, nothing
// acknowledged is lost, also over a kill -9, and with room it goes on.
func TestDiskFull(t *testing.T) {
	dir := smallDisk(t, 48)
	s := newServer(t, "collector", filepath.Join(dir, "data"), map[string]string{
		"TWINSPAN_COLLECT_RANGE_AGE":        "1s",
		"TWINSPAN_COLLECT_WINDOW":           "1s",
		"TWINSPAN_WAL_SEGMENT_BYTES":        "1048576",
		"TWINSPAN_INGEST_MAX_REQUEST_BYTES": "262144",
		"TWINSPAN_STORE_MEMORY_BYTES":       "8388608",
	})
	s.start()
	s.ready()
	random := newRandom()
	before, _ := otlp(random, 10)
	if code, text, err := post(s.tracesURL(), "application/json", before); err != nil || code != http.StatusOK {
		t.Fatalf("%d %s %v", code, text, err)
	}
	ballast := filepath.Join(dir, "ballast")
	fill(t, ballast)
	acknowledged, refused := flood(t, s, random)
	found(t, s, acknowledged)
	s.kill()
	if err := os.Remove(ballast); err != nil {
		t.Fatal(err)
	}
	s.start()
	s.ready()
	found(t, s, acknowledged)
	eventually(t, "there is room again", func() error {
		code, text, err := post(s.tracesURL(), "application/json", refused)
		if err == nil && code != http.StatusOK {
			err = fmt.Errorf("%d %s", code, text)
		}
		return err
	})
	if out := s.output.String(); !strings.Contains(out, "space") {
		t.Error("the collector's log does not say that the disk is full")
	}
}

// smallDisk gives a disk of so many megabytes, in memory.
func smallDisk(t *testing.T, megabytes int) (dir string) {
	t.Helper()
	dir = t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, fmt.Sprintf("size=%dm", megabytes)); err != nil {
		if os.Getenv("CI") != "" {
			t.Fatalf("CI has to run this as root, on a disk of its own: %v", err)
		}
		t.Skipf("no disk of its own (needs root): %v", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, syscall.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	return dir
}

// TestDiskFullOfOldData sends several times what the disk holds, all on one day: nobody is told to come later, the oldest is
// dropped, and the newest is found, also after a kill -9.
func TestDiskFullOfOldData(t *testing.T) {
	s := newServer(t, "collector", filepath.Join(smallDisk(t, 40), "data"), map[string]string{
		"TWINSPAN_COLLECT_RANGE_AGE":        "1s",
		"TWINSPAN_COLLECT_RANGE_BYTES":      "1048576",
		"TWINSPAN_COLLECT_WINDOW":           "1s",
		"TWINSPAN_WAL_SEGMENT_BYTES":        "2097152",
		"TWINSPAN_INGEST_MAX_REQUEST_BYTES": "1048576",
		"TWINSPAN_STORE_RESERVE_BYTES":      "8388608",
		"TWINSPAN_PARTITIONS":               "2",
	})
	s.start()
	s.ready()
	random := newRandom()
	var first, last []string
	for n := range 320 { // of 250 kB each that hardly compress
		body, ids := otlp(random, 40)
		parts := bytes.Split(body, []byte("西湖龙井"))
		noisy := bytes.Clone(parts[0])
		for _, p := range parts[1:] {
			for range 3 << 10 {
				noisy = append(noisy, byte('a'+random.IntN(26)))
			}
			noisy = append(noisy, p...)
		}
		if code, text, err := post(s.tracesURL(), "application/json", noisy); err != nil || code != http.StatusOK {
			t.Fatalf("request %d: %d %s %v", n, code, text, err)
		}
		if n == 0 {
			first = ids
		}
		last = ids
	}
	check := func() {
		t.Helper()
		for _, id := range last {
			if tr, err := s.trace(id); err != nil || tr.Halves != 2 {
				t.Fatalf("the newest trace: %v %+v", err, tr)
			}
		}
		if tr, err := s.trace(first[0]); err == nil {
			t.Errorf("the oldest trace is still there: %+v", tr)
		}
	}
	check()
	if n := s.metric(t, "twinspan_store_dropped_for_space_total"); n < 1 {
		t.Errorf("%v directories were dropped for space", n)
	}
	s.kill()
	s.start()
	s.ready()
	check()
	if out := s.output.String(); !strings.Contains(out, "the disk is full: dropping the oldest stored data") {
		t.Error("the collector's log does not say what it drops")
	}
}

// fill writes a file until hardly anything is free.
func fill(t *testing.T, path string) {
	t.Helper()
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for {
		var st syscall.Statfs_t
		if err := syscall.Statfs(filepath.Dir(path), &st); err != nil {
			t.Fatal(err)
		}
		if int64(st.Bavail)*st.Bsize < 1<<20 {
			return
		}
		if _, err := f.Write(bytes.Repeat([]byte{1}, 256<<10)); err != nil {
			return
		}
	}
}
