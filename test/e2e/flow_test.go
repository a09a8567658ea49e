package e2e

import (
	"fmt"
	"path/filepath"
	"testing"
)

// received waits until the collector has so many halves, and sees to it that it has no more.
func received(t *testing.T, s *server, want int) {
	t.Helper()
	eventually(t, "all halves are received", func() error {
		var st status
		if err := s.get("status", nil, &st); err != nil {
			return err
		}
		if st.HalvesReceived > int64(want) {
			t.Fatalf("%d halves received, the services wrote %d", st.HalvesReceived, want)
		}
		if st.HalvesReceived < int64(want) {
			return fmt.Errorf("%d of %d", st.HalvesReceived, want)
		}
		return nil
	})
}

// arrived waits until the halves of all traces are found. It is for collectors that were restarted: these count anew what they
// receive.
func arrived(t *testing.T, s *server, tr *truth) {
	t.Helper()
	missing := make(map[string]int, len(tr.traces))
	for id, lines := range tr.traces {
		missing[id] = len(lines)
	}
	eventually(t, "all halves are found", func() error {
		for id, n := range missing {
			got, err := s.trace(id)
			if err != nil {
				return err
			}
			if got.Halves < n {
				return fmt.Errorf("%d traces are not whole; of %s %d halves of %d are there", len(missing), id, got.Halves, n)
			}
			delete(missing, id)
		}
		return nil
	})
}

// TestFlow sends requests through the payment system and finds every one of them again: complete, joined, and counted as
// the services counted it. First from memory, before any range is cut; then, after a restart, from the store.
func TestFlow(t *testing.T) {
	dir := t.TempDir()
	s := newServer(t, "all", filepath.Join(dir, "twinspan"), map[string]string{
		"TWINSPAN_AGENT_PATHS":       logs(dir),
		"TWINSPAN_COLLECT_RANGE_AGE": "1h",
	})
	s.start()
	s.ready()
	startSystem(t, dir, "-requests", "400", "-rate", "0", "-workers", "8", "-load-test", "0.2").wait()
	tr := readTruth(t, dir)
	received(t, s, tr.halves)
	t.Logf("%d requests, %d halves", len(tr.requests), tr.halves)

	var st status
	if err := s.get("status", nil, &st); err != nil {
		t.Fatal(err)
	}
	if st.CallsStored != 0 {
		t.Fatalf("%d calls are in the store: the test is to read from memory", st.CallsStored)
	}
	check := func() {
		checkTraces(t, s, tr)
		checkCounts(t, s, tr)
		checkSearch(t, s, tr)
	}
	check()
	s.stop()
	s.start()
	s.ready()
	if err := s.get("status", nil, &st); err != nil {
		t.Fatal(err)
	}
	if st.CallsStored == 0 || st.OpenCalls != 0 {
		t.Errorf("after a clean stop %d calls are in the store and %d open", st.CallsStored, st.OpenCalls)
	}
	check()
}
