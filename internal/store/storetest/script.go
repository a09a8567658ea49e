package storetest

import (
	"bufio"
	"fmt"
	"math/rand/v2"
	"strings"
)

// step is one operation of a script. Each has a seed of its own, so that a step does the same whatever stands before it
// and a script that fails can be made shorter.
type step struct {
	op        string
	partition uint16
	n         int
	seed      uint64
}

// The operations, with what n means.
const (
	opWrite   = "write"   // n records with whole calls, cut into ranges as the variant says
	opClients = "clients" // the same, but of the calls with two sides only the client's half
	opServers = "servers" // and only the server's: with the seed of clients, the late twins
	opAgain   = "again"   // the partition's last range once more, with other contents
	opOverlap = "overlap" // a range that overlaps with the last one
	opFail    = "fail"    // an attempt at n records that fails on the way
	opRestart = "restart"
	opClock   = "clock"  // n hours pass
	opExpire  = "expire" // what is too old, or too much, goes
	opSearch  = "search" // n random queries, whole and by pages
	opTraces  = "traces" // n traces, one by one and together
	opRollups = "rollups"
	opCount   = "count" // statistics, offsets done and states
)

func (s step) String() string {
	return fmt.Sprintf("%s p=%d n=%d seed=%d", s.op, s.partition, s.n, s.seed)
}

func formatScript(steps []step) string {
	var b strings.Builder
	for _, s := range steps {
		fmt.Fprintln(&b, s)
	}
	return b.String()
}

// parseScript reads what formatScript wrote; lines that begin with # are notes.
func parseScript(text string) (steps []step, err error) {
	lines := bufio.NewScanner(strings.NewReader(text))
	for n := 1; lines.Scan(); n++ {
		line := strings.TrimSpace(lines.Text())
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		var s step
		if _, err := fmt.Sscanf(line, "%s p=%d n=%d seed=%d", &s.op, &s.partition, &s.n, &s.seed); err != nil {
			return nil, fmt.Errorf("line %d: %q: %w", n, line, err)
		}
		steps = append(steps, s)
	}
	return steps, lines.Err()
}

// partitionsOfScripts is how many partitions scripts write to.
const partitionsOfScripts = 3

// randomScript makes n steps: mostly writes, each followed by some questions.
func randomScript(seed uint64, n int) (steps []step) {
	r := rand.New(rand.NewPCG(seed, 99))
	var late []step // server halves whose clients were written
	for len(steps) < n {
		s := step{partition: uint16(r.IntN(partitionsOfScripts)), n: 1 + r.IntN(12), seed: r.Uint64N(1e6)}
		switch k := r.IntN(100); {
		case k < 24:
			s.op = opWrite
		case k < 34:
			s.op = opClients
			late = append(late, step{op: opServers, partition: s.partition, n: s.n, seed: s.seed})
		case k < 42 && len(late) > 0:
			s, late = late[0], late[1:]
		case k < 44:
			s.op = opAgain
		case k < 46:
			s.op = opOverlap
		case k < 50:
			s.op = opFail
		case k < 56:
			s.op = opRestart
		case k < 63:
			s.op, s.n = opClock, 1+r.IntN(30)
		case k < 68:
			s.op = opExpire
		case k < 82:
			s.op = opSearch
		case k < 90:
			s.op = opTraces
		case k < 95:
			s.op = opRollups
		default:
			s.op = opCount
		}
		steps = append(steps, s)
	}
	return append(steps, step{op: opRestart}, step{op: opCount}, step{op: opSearch, n: 20, seed: seed}, step{op: opTraces, n: 40, seed: seed},
		step{op: opRollups, seed: seed})
}

// shrink leaves out steps as long as what is left fails, trying at most so many scripts.
func shrink(steps []step, tries int, fails func([]step) bool) []step {
	for size := len(steps) / 2; size > 0; size /= 2 {
		for at := 0; at+size <= len(steps) && tries > 0; tries-- {
			shorter := append(append([]step{}, steps[:at]...), steps[at+size:]...)
			if fails(shorter) {
				steps = shorter
			} else {
				at += size
			}
		}
	}
	return steps
}
