package pebble

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/twinspan/twinspan/internal/span"
	"github.com/twinspan/twinspan/internal/store"
	"github.com/twinspan/twinspan/internal/store/storetest"
)

var updateGolden = flag.String("golden.write", "", "write a directory of this build's format, named so, below testdata/golden")

// truthName is the file of a golden directory that tells what it has to give.
const truthName = "truth.txt"

// goldenTruth is the text of all that a store gives, in words that do not change with the code.
func goldenTruth(t *testing.T, s *store.Store) string {
	t.Helper()
	var lines []string
	for _, c := range storetest.Search(t, s, &store.Query{From: math.MinInt64}, 1<<30) {
		lines = append(lines, fmt.Sprintf("call %q %q %d | %s | %s", c.Caller, c.Callee, c.Type, halfText(c.Client), halfText(c.Server)))
		calls, _, err := s.Trace(ctx, c.Trace(), 0)
		if err != nil {
			t.Fatal(err)
		}
		lines = append(lines, fmt.Sprintf("trace %x %d", c.Trace(), len(calls)))
	}
	sum := make(map[span.RollupKey]*span.Rollup)
	_, err := s.Rollups(ctx, store.RollupQuery{To: 1 << 40, Step: 1}, func(r *span.Rollup) bool {
		if have := sum[r.RollupKey]; have != nil {
			have.Calls += r.Calls
			have.Errors += r.Errors
			have.Latency.Merge(&r.Latency)
		} else {
			c := *r
			c.Latency = *r.Latency.Clone()
			sum[r.RollupKey] = &c
		}
		return true
	})
	if err != nil {
		t.Fatal(err)
	}
	for k, r := range sum {
		lines = append(lines, fmt.Sprintf("rollup %d %d %d %d %v %q %q %q %q %d %d %x", k.Minute, k.Source, k.Side, k.Type, k.LoadTest,
			k.Caller, k.Callee, k.Operation, k.Instance, r.Calls, r.Errors, r.Latency.Append(nil)))
	}
	err = s.States(ctx, 0, func(r store.RangeID, to int64, state []byte) bool {
		lines = append(lines, fmt.Sprintf("range %s %d %q", r, to, state))
		return true
	})
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(lines)
	return strings.Join(slices.Compact(lines), "\n") + "\n"
}

func halfText(h *span.Half) string {
	if h == nil {
		return "-"
	}
	return fmt.Sprintf("%x %x %x %x %d %d %d %d %v %v %v %q %q %q %q %q %q %q %q %q %q %d %d %d %x %x %x", h.Trace, uint64(h.Span),
		uint64(h.Parent), uint64(h.Twin), h.Kind, h.Type, h.Status, h.Route, h.LoadTest, h.Coarse, h.Shared, h.TraceText, h.Dotted, h.App,
		h.Instance, h.Operation, h.Component, h.ResultCode, h.LocalAddr, h.PeerAddr, h.Peer, h.Start, h.Duration, h.Received, h.Origin,
		[]byte(h.Payload), []byte(h.Resource))
}

// TestGolden reads what former builds wrote. A directory, with two days, two partitions and a truth.txt, is made with
//
//	go test ./internal/store/pebble -run TestGolden -golden.write v2
//
// when the format changes, and stays as it is from then on.
func TestGolden(t *testing.T) {
	if *updateGolden != "" {
		writeGolden(t, filepath.Join("testdata", "golden", *updateGolden))
	}
	dirs, err := filepath.Glob(filepath.Join("testdata", "golden", "*"))
	if err != nil || len(dirs) == 0 {
		t.Fatalf("no golden directories: %v", err)
	}
	for _, dir := range dirs {
		t.Run(filepath.Base(dir), func(t *testing.T) {
			truth, err := os.ReadFile(filepath.Join(dir, truthName))
			if err != nil {
				t.Fatal(err)
			}
			cfg := testConfig(t.TempDir())
			copyDir(t, dir, cfg.Dir)
			s := openStore(t, cfg)
			defer s.Close()
			if got := goldenTruth(t, s); got != string(truth) {
				t.Errorf("this build reads other things from %s than were written:\n%s", dir, got)
			}
			if _, err := s.Verify(ctx, func(directory string, problem error) { t.Errorf("%s: %v", directory, problem) }); err != nil {
				t.Error(err)
			}
			last, err := s.LastDone(ctx)
			if err != nil {
				t.Fatal(err)
			}
			if err := s.WriteRange(ctx, &store.Range{ID: store.RangeID{From: last[0]}, To: last[0] + 1, Received: storetest.Day + day,
				Calls: storetest.NewGen(1).Calls(10)}); err != nil {
				t.Errorf("writing on: %v", err)
			}
		})
	}
}

func writeGolden(t *testing.T, dir string) {
	t.Helper()
	cfg := testConfig(t.TempDir())
	s := openStore(t, cfg)
	for n := range int64(22) { // enough for sums of roll-ups
		g := storetest.NewGen(uint64(100 + n))
		r := &store.Range{ID: store.RangeID{Partition: uint16(n % 2), From: n / 2 * 7}, To: n/2*7 + 7,
			Received: storetest.Day + n/20*day, Rollups: g.Rollups(2), State: []byte("state")}
		if n%10 == 0 {
			r.Calls, r.Rollups = g.Calls(25), g.Rollups(12)
		}
		if err := s.WriteRange(ctx, r); err != nil {
			t.Fatal(err)
		}
	}
	truth := goldenTruth(t, s)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	copyDir(t, cfg.Dir, dir)
	if err := os.WriteFile(filepath.Join(dir, truthName), []byte(truth), 0o640); err != nil {
		t.Fatal(err)
	}
}

// copyDir copies the files that count: no locks, no empty directories.
func copyDir(t *testing.T, from, to string) {
	t.Helper()
	err := filepath.WalkDir(from, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() || d.Name() == lockName || d.Name() == ownerName {
			return err
		}
		rel, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		target := filepath.Join(to, rel)
		if err := os.MkdirAll(filepath.Dir(target), 0o750); err != nil {
			return err
		}
		in, err := os.Open(path)
		if err != nil {
			return err
		}
		defer in.Close()
		out, err := os.Create(target)
		if err != nil {
			return err
		}
		_, err = io.Copy(out, in)
		return errors.Join(err, out.Close())
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TestNewerFormat opens a database that a newer Pebble wrote: the message says what to do.
func TestNewerFormat(t *testing.T) {
	cfg := testConfig(t.TempDir())
	copyDir(t, filepath.Join("testdata", "golden", "v1"), cfg.Dir)
	markers, err := filepath.Glob(filepath.Join(cfg.Dir, "*", "marker.format-version.*"))
	if err != nil || len(markers) == 0 {
		t.Fatalf("no markers: %v", err)
	}
	m := markers[0]
	if err := os.Rename(m, m[:len(m)-3]+"900"); err != nil {
		t.Fatal(err)
	}
	_, err = Open(cfg, slog.New(slog.DiscardHandler))
	if !errors.Is(err, store.ErrVersion) || !strings.Contains(err.Error(), "newer") {
		t.Errorf("%v, want that a newer build is needed", err)
	}
}
