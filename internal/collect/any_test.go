package collect

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/twinspan/twinspan/internal/span"
	"github.com/twinspan/twinspan/internal/store"
)

// sums gives all roll-ups added up, as text, without those that corrections brought back to nothing.
func (b *bench) sums() string {
	b.t.Helper()
	sums := make(map[span.RollupKey]*span.Rollup)
	for _, r := range []store.Reader{b.c, b.c.Stored()} {
		_, err := r.Rollups(context.Background(), store.RollupQuery{To: 1 << 40, Step: 1}, func(row *span.Rollup) bool {
			sum := sums[row.RollupKey]
			if sum == nil {
				sum = new(span.Rollup)
				sums[row.RollupKey] = sum
			}
			sum.Calls += row.Calls
			sum.Errors += row.Errors
			sum.Latency.Merge(&row.Latency)
			return true
		})
		if err != nil {
			b.t.Fatal(err)
		}
	}
	var lines []string
	for k, r := range sums {
		if latency := r.Latency.Append(nil); r.Calls != 0 || r.Errors != 0 || len(slices.Compact(latency)) > 1 {
			lines = append(lines, fmt.Sprintf("%+v calls %d errors %d latency %x", k, r.Calls, r.Errors, latency))
		}
	}
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}

func countsOf(all []span.Half) map[string]int {
	counts := make(map[string]int)
	for i := range all {
		counts[all[i].App]++
	}
	return counts
}

// variedHalves gives calls whose halves tell different things: minutes, types, load-test marks, errors and operations, and
// some that never get an answer.
func variedHalves(r *rand.Rand) (all []span.Half) {
	for n := range byte(40) {
		client := rpc(n+1, span.KindClient, fmt.Sprintf("app%d", r.IntN(3)), 1, 0)
		server := rpc(n+1, span.KindServer, fmt.Sprintf("app%d", 3+r.IntN(3)), 2, 1)
		client.Start, client.Duration = 90e9+r.Int64N(120e9), 1000+r.Int64N(1e6)
		server.Start, server.Duration = client.Start+r.Int64N(60e9), r.Int64N(1000)
		client.Type, server.Type = span.Type(r.IntN(3)), span.Type(r.IntN(3))
		client.Status, server.Status = span.Status(r.IntN(3)), span.Status(r.IntN(3))
		client.LoadTest, server.LoadTest = r.IntN(4) == 0, r.IntN(4) == 0
		client.Operation = [...]string{"", "ask", "call"}[r.IntN(3)]
		server.Operation = [...]string{"", "do", "answer"}[r.IntN(3)]
		client.Peer, server.Peer = [...]string{"", server.App, "alias"}[r.IntN(3)], [...]string{"", client.App}[r.IntN(2)]
		server.Instance = fmt.Sprint(r.IntN(2))
		switch r.IntN(6) {
		case 0:
			all = append(all, client)
		case 1:
			all = append(all, server)
		default:
			all = append(all, client, server)
		}
	}
	return all
}

// retries gives calls that repeat their ids, all with both halves.
func retries(r *rand.Rand) (all []span.Half) {
	for n := range byte(8) {
		for attempt := range uint64(1 + r.IntN(4)) {
			client, server := rpc(n+1, span.KindClient, "a", 1, 0), rpc(n+1, span.KindServer, "b", 2, 1)
			client.Origin, server.Origin = client.Origin|attempt<<16, server.Origin|attempt<<16
			client.Peer = "b"
			all = append(all, client, server)
		}
	}
	return all
}

// TestWhateverTheOrder gives the same halves in any order, split into any requests, sent twice, over any ranges and
// crashes: the roll-ups and the traces are those of one undisturbed run.
func TestWhateverTheOrder(t *testing.T) {
	seeds := uint64(12)
	if testing.Short() {
		seeds = 4
	}
	for name, make := range map[string]func(*rand.Rand) []span.Half{"varied": variedHalves, "retries": retries} {
		for seed := range seeds {
			r := rand.New(rand.NewPCG(seed, 7))
			all := make(r)
			calm := newBench(t, slowConfig())
			calm.halves(slices.Clone(all)...)
			calm.cut()
			want := calm.sums()

			b := newBench(t, slowConfig())
			r.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
			for rest := all; len(rest) > 0; {
				n := min(1+r.IntN(8), len(rest))
				b.halves(slices.Clone(rest[:n])...)
				if r.IntN(3) == 0 {
					b.halves(slices.Clone(rest[:n])...)
				}
				rest = rest[n:]
				switch r.IntN(8) {
				case 0, 1:
					b.cut()
				case 2:
					b.restart()
				}
				if got, want := b.counts(), countsOf(all[:len(all)-len(rest)]); !maps.Equal(got, want) {
					t.Fatalf("%s, seed %d: counts %v, want %v", name, seed, got, want)
				}
			}
			for _, last := range []func(){b.cut, b.restart} {
				last()
				if got := b.sums(); got != want {
					t.Fatalf("%s, seed %d: roll-ups\n%s\nwant\n%s", name, seed, got, want)
				}
				if got, want := b.counts(), countsOf(all); !maps.Equal(got, want) {
					t.Fatalf("%s, seed %d: counts %v, want %v", name, seed, got, want)
				}
				for _, h := range all {
					if got := b.trace(h.Trace); !maps.Equal(got, calm.trace(h.Trace)) {
						t.Fatalf("%s, seed %d: trace %s has %v, want %v", name, seed, h.Trace, got, calm.trace(h.Trace))
					}
				}
			}
		}
	}
}

// TestCorrectionsAreNotRepeated has a retry come after a restart behind the correction that its first attempt brought.
func TestCorrectionsAreNotRepeated(t *testing.T) {
	b := newBench(t, slowConfig())
	client, server, again := rpc(1, span.KindClient, "a", 1, 0), rpc(1, span.KindServer, "b", 2, 1), rpc(1, span.KindServer, "b", 3, 1)
	client.Peer, again.Peer = "x", "a"
	b.halves(client)
	b.cut()
	b.halves(server)
	b.cut()
	b.restart()
	b.halves(again)
	b.cut()
	if got := fmt.Sprint(b.edges()); got != "map[a>b:2]" {
		t.Errorf("edges %v", got)
	}
}

// TestLateHalvesOverGenerations rotates the late table between a half and its other half.
func TestLateHalvesOverGenerations(t *testing.T) {
	r := newOpenRange(0, 0, 100, nil)
	c := rpc(1, span.KindClient, "a", 1, 0)
	s := rpc(1, span.KindServer, "b", 2, 1)
	for rotations, known := range []bool{true, true, false} {
		l := newLateTable(100)
		l.note(lateHash(&c), lateCall{key: l.share(span.RollupKey{Caller: "a"}), client: true}, 1000, r)
		at := int64(1000)
		for n := range rotations {
			at += 101
			l.note(uint64(n), lateCall{key: l.share(span.RollupKey{})}, at, r)
		}
		if was := l.claim(&s, at, r); (was != nil) != known {
			t.Errorf("after %d rotations: %v", rotations, was)
		}
	}
	l := newLateTable(100)
	l.note(lateHash(&c), lateCall{key: l.share(span.RollupKey{}), client: true}, 2000, r)
	if was := l.claim(&s, 2000+201, r); was != nil {
		t.Error("claimed what is older than two generations")
	}
}

// TestOneIDForAll has a source that gives all its spans one id.
func TestOneIDForAll(t *testing.T) {
	l := newLateTable(100)
	r := newOpenRange(0, 0, 100, nil)
	for range 10 * maxSameID {
		l.note(7, lateCall{key: l.share(span.RollupKey{}), client: true}, 5, r)
	}
	n := 0
	for c := l.get(7); c != nil; c = c.next {
		n++
	}
	if n != maxSameID {
		t.Errorf("%d calls of one id are remembered, want %d", n, maxSameID)
	}
}
