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
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=48m"); err != nil {
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
