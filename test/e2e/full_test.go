package e2e

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"path/filepath"
	"testing"
)

func newRandom() *rand.Rand { return rand.New(rand.NewPCG(7, 7)) }

// flood sends until a request is not taken any more; that has to be with "later". It gives the traces acknowledged, and
// the request that was not taken.
func flood(t *testing.T, s *server, random *rand.Rand) (acknowledged []string, refused []byte) {
	t.Helper()
	for range 2000 {
		body, ids := otlp(random, 100)
		code, text, err := post(s.tracesURL(), "application/json", body)
		switch {
		case err != nil:
			t.Fatalf("after %d traces: %v", len(acknowledged), err)
		case code == http.StatusOK:
			acknowledged = append(acknowledged, ids...)
		case code == http.StatusServiceUnavailable || code == http.StatusTooManyRequests:
			t.Logf("after %d traces: %d %s", len(acknowledged), code, text)
			return acknowledged, body
		default:
			t.Fatalf("after %d traces: %d %s", len(acknowledged), code, text)
		}
	}
	t.Fatal("it never fills")
	return nil, nil
}

// found sees to it that all traces are there, whole and once.
func found(t *testing.T, s *server, ids []string) {
	t.Helper()
	calls, err := s.search(url.Values{"caller": {"shop"}, "callee": {"stock"}})
	if err != nil {
		t.Fatal(err)
	}
	times := make(map[string]int)
	for _, c := range calls {
		if c.Sides == "both" {
			times[c.TraceID]++
		}
	}
	for _, id := range ids {
		if times[id] != 1 {
			t.Fatalf("trace %s is found %d times", id, times[id])
		}
	}
}

// TestLogFull lets the log run into its limit while the store takes nothing: senders are told to come later, everything
// acknowledged is found, and with room it goes on.
func TestLogFull(t *testing.T) {
	s := newServer(t, "collector", filepath.Join(t.TempDir(), "data"), map[string]string{
		"TWINSPAN_COLLECT_RANGE_AGE":        "1h",
		"TWINSPAN_WAL_SEGMENT_BYTES":        "262144",
		"TWINSPAN_WAL_MAX_BYTES":            "1048576",
		"TWINSPAN_INGEST_MAX_REQUEST_BYTES": "262144",
	})
	s.start()
	s.ready()
	acknowledged, refused := flood(t, s, newRandom())
	found(t, s, acknowledged)
	s.stop() // brings everything into the store, which frees the log
	s.start()
	s.ready()
	found(t, s, acknowledged)
	eventually(t, "the log has room again", func() error {
		code, text, err := post(s.tracesURL(), "application/json", refused)
		if err == nil && code != http.StatusOK {
			err = fmt.Errorf("%d %s", code, text)
		}
		return err
	})
}
