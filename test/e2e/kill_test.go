package e2e

import (
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"
)

// seedOr gives the seed of random moments: TWINSPAN_E2E_SEED, for more runs than the one of every day, or else the default.
func seedOr(t *testing.T, seed uint64) uint64 {
	t.Helper()
	text := os.Getenv("TWINSPAN_E2E_SEED")
	if text == "" {
		return seed
	}
	seed, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		t.Fatalf("TWINSPAN_E2E_SEED is %q, want a number", text)
	}
	return seed
}

// TestKill kills collector and agent with kill -9, again and again, while requests come in, and starts them again. At the
// end every half is there once and every count is exact: nothing that was acknowledged is lost, nothing is doubled.
//
// Ranges are cut every second, so that kills hit every stage: receiving, pairing, writing a range, truncating the log.
func TestKill(t *testing.T) {
	seed := seedOr(t, 3)
	random := rand.New(rand.NewPCG(seed, seed))
	dir := t.TempDir()
	collector := newServer(t, "collector", filepath.Join(dir, "collector"), map[string]string{
		"TWINSPAN_COLLECT_RANGE_AGE":        "1s",
		"TWINSPAN_COLLECT_WINDOW":           "1s",
		"TWINSPAN_WAL_SEGMENT_BYTES":        "262144",
		"TWINSPAN_INGEST_MAX_REQUEST_BYTES": "262144",
	})
	agent := newServer(t, "agent", filepath.Join(dir, "agent"), map[string]string{
		"TWINSPAN_AGENT_PATHS":       logs(dir),
		"TWINSPAN_AGENT_COLLECTOR":   collector.env["TWINSPAN_RECEIVERS_AGENT_ADDRESS"],
		"TWINSPAN_AGENT_BATCH_BYTES": "16384",
	})
	collector.start()
	agent.start()
	sys := startSystem(t, dir, "-rate", "60", "-duration", "20s", "-load-test", "0.2")
	kills := map[string]int{}
	for ended := false; !ended || kills["agent"] < 3 || kills["collector"] < 3; {
		time.Sleep(time.Duration(200+random.IntN(1300)) * time.Millisecond) // the random moment
		victim := collector
		if random.IntN(3) == 0 {
			victim = agent
		}
		kills[victim.role]++
		victim.kill()
		if random.IntN(4) == 0 {
			time.Sleep(time.Duration(random.IntN(500)) * time.Millisecond) // a longer time away
		}
		victim.start()
		ended = len(sys.done) > 0
	}
	sys.wait()
	tr := readTruth(t, dir)
	t.Logf("seed %d: %d requests, %d halves; killed %v", seed, len(tr.requests), tr.halves, kills)
	collector.ready()
	arrived(t, collector, tr)
	eventually(t, "topology", func() error { return checkEdges(collector, nil, tr.edges(func(row) bool { return true })) })
	checkTraces(t, collector, tr)
	checkCounts(t, collector, tr)
	checkSearch(t, collector, tr)

	// And once more, from a start with nothing but the disk.
	agent.kill()
	collector.kill()
	collector.start()
	collector.ready()
	checkTraces(t, collector, tr)
	checkCounts(t, collector, tr)
	checkSearch(t, collector, tr)
}
