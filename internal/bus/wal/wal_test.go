package wal

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
)

func TestRoundTripOverSegments(t *testing.T) {
	cfg := testConfig(t.TempDir())
	l := mustOpen(t, cfg, osFS{})
	var want []Record
	for n := range 40 {
		call := []Record{rec(n, n*13), rec(n+1000, 500)}
		if n%7 == 0 {
			call = append(call, Record{Data: nil})
		}
		offsets := mustAppend(t, l, call...)
		for i, o := range offsets {
			if o != int64(len(want)+i) {
				t.Fatalf("call %d got offsets %v after %d records", n, offsets, len(want))
			}
		}
		want = append(want, call...)
	}
	check := func(l *Log) {
		t.Helper()
		for _, from := range []int64{0, 1, 17, int64(len(want)) - 1, int64(len(want)), int64(len(want)) + 5} {
			wantEntries(t, readAll(t, l, from), from, want[min(from, int64(len(want))):])
		}
		var size int64
		files := segmentFiles(t, cfg.Dir)
		for _, f := range files {
			st, err := os.Stat(f)
			if err != nil {
				t.Fatal(err)
			}
			if st.Size() > cfg.SegmentBytes {
				t.Errorf("%s has %d bytes, more than a segment may", f, st.Size())
			}
			size += st.Size()
		}
		if len(files) < 5 || l.Size() != size {
			t.Errorf("%d segments of %d bytes, Size is %d", len(files), size, l.Size())
		}
		if l.First() != 0 || l.Next() != int64(len(want)) {
			t.Errorf("First %d Next %d, want 0 and %d", l.First(), l.Next(), len(want))
		}
	}
	check(l)
	mustClose(t, l)
	for range 2 { // and offsets go on after a restart
		l = mustOpen(t, cfg, osFS{})
		check(l)
		want = append(want, rec(7, 7))
		if got := mustAppend(t, l, rec(7, 7)); got[0] != int64(len(want)-1) {
			t.Fatalf("offset after restart is %d, want %d", got[0], len(want)-1)
		}
		mustClose(t, l)
	}
}

func TestReadStops(t *testing.T) {
	l := mustOpen(t, testConfig(t.TempDir()), osFS{})
	for n := range 10 {
		mustAppend(t, l, rec(n, 900))
	}
	stop := errors.New("stop")
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	var seen []int64
	if err := l.Read(ctx, 3, func(e Entry) error {
		if seen = append(seen, e.Offset); len(seen) == 2 {
			return stop
		}
		return nil
	}); !errors.Is(err, stop) || !slices.Equal(seen, []int64{3, 4}) {
		t.Errorf("saw %v and got %v, want 3, 4 and the callback's error", seen, err)
	}
	seen = nil
	if err := l.Read(ctx, 3, func(e Entry) error {
		seen = append(seen, e.Offset)
		cancel()
		return nil
	}); !errors.Is(err, context.Canceled) || len(seen) != 1 {
		t.Errorf("saw %v and got %v, want one record and the context's error", seen, err)
	}
}

// TestGroupCommit holds the first sync until all other appends wait: they must share the second one.
func TestGroupCommit(t *testing.T) {
	fsys := newFaultFS()
	cfg := testConfig(t.TempDir())
	cfg.SegmentBytes = 1 << 20
	l := mustOpen(t, cfg, fsys)
	const callers = 50
	var syncs int
	first, release := make(chan struct{}), make(chan struct{})
	fsys.set(func() {
		fsys.beforeSync = func() {
			if syncs++; syncs == 1 {
				close(first)
				<-release
			}
		}
	})
	var order []int64
	var wg sync.WaitGroup
	call := func(n int) {
		defer wg.Done()
		acked := false
		if err := l.AppendFunc(context.Background(), []Record{rec(n, 100), rec(n, 10)}, func(offsets []int64) {
			acked = true
			order = append(order, offsets...)
		}); err != nil || !acked {
			t.Errorf("call %d: error %v, committed called: %v", n, err, acked)
		}
	}
	wg.Add(1)
	go call(0)
	<-first
	for n := 1; n < callers; n++ {
		wg.Add(1)
		go call(n)
	}
	for queued := 0; queued < callers-1; {
		l.mu.Lock()
		queued = len(l.queue)
		l.mu.Unlock()
	}
	close(release)
	wg.Wait()
	if syncs != 2 {
		t.Errorf("%d syncs for %d calls of which all but the first waited together, want 2", syncs, callers)
	}
	if !slices.IsSorted(order) || len(order) != 2*callers || order[0] != 0 || order[len(order)-1] != 2*callers-1 {
		t.Errorf("hand-over was not in log order: %v", order)
	}
}

func TestConcurrentAppendsHandOverInLogOrder(t *testing.T) {
	for _, delay := range []string{"none", "some"} {
		t.Run("delay "+delay, func(t *testing.T) {
			cfg := testConfig(t.TempDir())
			cfg.CommitBytes = 2000
			if delay == "some" {
				cfg.CommitDelay = 1 // waits for a timer, however short
			}
			l := mustOpen(t, cfg, osFS{})
			var handed []Record
			var order []int64
			var wg sync.WaitGroup
			for g := range 8 {
				wg.Go(func() {
					for n := range 20 {
						call := []Record{rec(g*1000+n, 50+n), rec(g*1000+n+500, 200)}
						err := l.AppendFunc(context.Background(), call, func(o []int64) {
							order = append(order, o...)
							handed = append(handed, call...)
						})
						if err != nil {
							t.Errorf("append: %v", err)
						}
					}
				})
			}
			wg.Wait()
			for i, o := range order {
				if o != int64(i) {
					t.Fatalf("offset %d was handed over as number %d", o, i)
				}
			}
			wantEntries(t, readAll(t, l, 0), 0, handed)
		})
	}
}

func TestCancelledAppendLeavesNothing(t *testing.T) {
	fsys := newFaultFS()
	l := mustOpen(t, testConfig(t.TempDir()), fsys)
	inSync, release := make(chan struct{}), make(chan struct{})
	fsys.set(func() {
		fsys.beforeSync = func() {
			inSync <- struct{}{}
			<-release
		}
	})
	ctx, cancel := context.WithCancel(context.Background())
	type result struct {
		offsets []int64
		err     error
	}
	written := make(chan result, 1)
	go func() {
		o, err := l.Append(ctx, rec(1, 10)) // is being written when ctx ends: its fate is awaited
		written <- result{o, err}
	}()
	<-inSync
	waiting := make(chan result, 1)
	go func() {
		o, err := l.Append(ctx, rec(2, 10))
		waiting <- result{o, err}
	}()
	for queued := 0; queued == 0; {
		l.mu.Lock()
		queued = len(l.queue)
		l.mu.Unlock()
	}
	cancel()
	if r := <-waiting; !errors.Is(r.err, context.Canceled) || r.offsets != nil {
		t.Errorf("waiting append got %v, %v; want the context's error", r.offsets, r.err)
	}
	fsys.set(func() { fsys.beforeSync = nil })
	close(release)
	if r := <-written; r.err != nil || len(r.offsets) != 1 {
		t.Errorf("append being written got %v, %v; want success", r.offsets, r.err)
	}
	if _, err := l.Append(ctx, rec(3, 10)); !errors.Is(err, context.Canceled) {
		t.Errorf("append with an ended context got %v", err)
	}
	mustAppend(t, l, rec(4, 10))
	wantEntries(t, readAll(t, l, 0), 0, []Record{rec(1, 10), rec(4, 10)})
}

func TestTruncateBefore(t *testing.T) {
	cfg := testConfig(t.TempDir())
	l := mustOpen(t, cfg, osFS{})
	var want []Record
	for n := range 20 { // three records fit into a segment
		want = append(want, rec(n, 1200))
		mustAppend(t, l, want[n])
	}
	for _, step := range []struct{ before, first int64 }{{0, 0}, {2, 0}, {3, 3}, {7, 6}, {11, 9}, {20, 18}, {99, 18}, {1, 18}} {
		if err := l.TruncateBefore(step.before); err != nil {
			t.Fatalf("truncate before %d: %v", step.before, err)
		}
		if l.First() != step.first {
			t.Fatalf("after truncating before %d the first is %d, want %d", step.before, l.First(), step.first)
		}
		wantEntries(t, readAll(t, l, 0), step.first, want[step.first:])
	}
	size := l.Size()
	mustClose(t, l)
	l = mustOpen(t, cfg, osFS{})
	if l.First() != 18 || l.Next() != 20 || l.Size() != size {
		t.Errorf("after a restart First %d Next %d Size %d, want 18, 20, %d", l.First(), l.Next(), l.Size(), size)
	}
}

func TestTruncateWhileReading(t *testing.T) {
	l := mustOpen(t, testConfig(t.TempDir()), osFS{})
	for n := range 20 {
		mustAppend(t, l, rec(n, 1200))
	}
	var seen []int64
	err := l.Read(context.Background(), 0, func(e Entry) error {
		if e.Offset == 4 {
			if err := l.TruncateBefore(12); err != nil {
				return err
			}
			mustAppend(t, l, rec(20, 1200)) // after the call of Read: not seen
		}
		seen = append(seen, e.Offset)
		return nil
	})
	if want := []int64{0, 1, 2, 3, 4, 5, 12, 13, 14, 15, 16, 17, 18, 19}; err != nil || !slices.Equal(seen, want) {
		t.Errorf("saw %v and got %v, want %v", seen, err, want)
	}
}

func TestMaxBytes(t *testing.T) {
	cfg := testConfig(t.TempDir())
	cfg.MaxBytes = 2 * cfg.SegmentBytes
	l := mustOpen(t, cfg, osFS{})
	for round := range 5 {
		var err error
		for range 10 {
			if _, err = l.Append(context.Background(), rec(round, 1000)); err != nil {
				break
			}
		}
		if !errors.Is(err, ErrFull) || l.Size() > cfg.MaxBytes {
			t.Fatalf("round %d: %d bytes, error %v; want ErrFull within the limit", round, l.Size(), err)
		}
		mustAppend(t, l, rec(round, 1)) // a small one still fits
		before := l.Next()
		if err := l.TruncateBefore(before); err != nil {
			t.Fatal(err)
		}
		// Even the largest call has room once all is consumed.
		mustAppend(t, l, rec(round, int(cfg.SegmentBytes)-segmentHeaderSize-frameHeaderSize))
		if err := l.TruncateBefore(l.Next()); err != nil {
			t.Fatal(err)
		}
		if l.Next() != before+1 {
			t.Fatalf("next offset is %d, want %d: a refused append took one", l.Next(), before+1)
		}
	}
}

func TestTooLarge(t *testing.T) {
	cfg := testConfig(t.TempDir())
	l := mustOpen(t, cfg, osFS{})
	most := int(cfg.SegmentBytes) - segmentHeaderSize - frameHeaderSize
	if _, err := l.Append(context.Background(), rec(1, most+1)); !errors.Is(err, ErrTooLarge) {
		t.Errorf("got %v, want ErrTooLarge", err)
	}
	mustAppend(t, l, rec(2, 10))
	mustAppend(t, l, rec(3, most))
	wantEntries(t, readAll(t, l, 0), 0, []Record{rec(2, 10), rec(3, most)})
}

func TestDirectoryInUse(t *testing.T) {
	cfg := testConfig(t.TempDir())
	l := mustOpen(t, cfg, osFS{})
	_, err := Open(cfg, l.log)
	if !errors.Is(err, ErrInUse) || !strings.Contains(err.Error(), cfg.Dir) ||
		!strings.Contains(err.Error(), "another twinspan process") {
		t.Fatalf("got %v, want ErrInUse that names the directory and the reason", err)
	}
	mustAppend(t, l, rec(1, 1)) // the first one goes on
	mustClose(t, l)
	mustClose(t, mustOpen(t, cfg, osFS{}))
}

func TestClosed(t *testing.T) {
	l := mustOpen(t, testConfig(t.TempDir()), osFS{})
	mustAppend(t, l, rec(1, 1))
	mustClose(t, l)
	_, appendErr := l.Append(context.Background(), rec(1, 1))
	for what, err := range map[string]error{
		"Append":         appendErr,
		"Read":           l.Read(context.Background(), 0, func(Entry) error { return nil }),
		"TruncateBefore": l.TruncateBefore(1),
		"Close":          l.Close(),
	} {
		if !errors.Is(err, ErrClosed) {
			t.Errorf("%s on a closed log: %v", what, err)
		}
	}
}

// TestCloseCommitsWhatWaits closes the log under concurrent appends: each is either acknowledged and
// there after the restart, or refused with ErrClosed.
func TestCloseCommitsWhatWaits(t *testing.T) {
	cfg := testConfig(t.TempDir())
	l := mustOpen(t, cfg, osFS{})
	acked := map[string]bool{}
	var mu sync.Mutex
	var wg sync.WaitGroup
	some := make(chan struct{}, 100)
	for g := range 4 {
		wg.Go(func() {
			for n := 0; ; n++ {
				r := Record{Data: fmt.Appendf(nil, "%d/%d", g, n)}
				_, err := l.Append(context.Background(), r)
				if errors.Is(err, ErrClosed) {
					return
				}
				if err != nil {
					t.Errorf("append: %v", err)
					return
				}
				mu.Lock()
				acked[string(r.Data)] = true
				mu.Unlock()
				select {
				case some <- struct{}{}:
				default:
				}
			}
		})
	}
	for range 20 {
		<-some
	}
	mustClose(t, l)
	wg.Wait()
	for _, e := range readAll(t, mustOpen(t, cfg, osFS{}), 0) {
		if !acked[string(e.Data)] {
			t.Errorf("%s is there but was not acknowledged", e.Data)
		}
		delete(acked, string(e.Data))
	}
	if len(acked) > 0 {
		t.Errorf("%d acknowledged records are missing", len(acked))
	}
}

func TestConfigValidate(t *testing.T) {
	for _, tc := range []struct {
		name   string
		change func(*Config)
		want   string // part of the message; empty: valid
	}{
		{"default", func(*Config) {}, ""},
		{"limit", func(c *Config) { c.MaxBytes = 2 * c.SegmentBytes }, ""},
		{"small segment", func(c *Config) { c.SegmentBytes = 100 }, "segment_bytes is 100"},
		{"large segment", func(c *Config) { c.SegmentBytes = 1 << 40 }, "segment_bytes"},
		{"limit below two segments", func(c *Config) { c.MaxBytes = c.SegmentBytes }, "max_bytes"},
		{"negative limit", func(c *Config) { c.MaxBytes = -1 }, "max_bytes"},
		{"negative delay", func(c *Config) { c.CommitDelay = -1 }, "commit_delay"},
		{"no commit size", func(c *Config) { c.CommitBytes = 0 }, "commit_bytes"},
	} {
		cfg := DefaultConfig()
		tc.change(&cfg)
		err := cfg.Validate()
		if (err == nil) != (tc.want == "") || err != nil && !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: got %v, want %q", tc.name, err, tc.want)
		}
	}
	if _, err := Open(DefaultConfig(), nil); err == nil {
		t.Error("a log without a directory was opened")
	}
}

func TestMetrics(t *testing.T) {
	l := mustOpen(t, testConfig(t.TempDir()), osFS{})
	reg := prometheus.NewPedanticRegistry()
	l.Metrics().Register(reg)
	mustAppend(t, l, rec(1, 100), rec(2, 50))
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]float64{}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			switch {
			case m.Counter != nil:
				got[f.GetName()] = m.Counter.GetValue()
			case m.Gauge != nil:
				got[f.GetName()] = m.Gauge.GetValue()
			default:
				got[f.GetName()] = float64(m.Histogram.GetSampleCount())
			}
		}
	}
	frames := float64(2*frameHeaderSize + 150)
	for name, want := range map[string]float64{
		"twinspan_wal_appends_total":          1,
		"twinspan_wal_records_total":          2,
		"twinspan_wal_appended_bytes_total":   frames,
		"twinspan_wal_fsync_duration_seconds": 1,
		"twinspan_wal_torn_bytes_total":       0,
		"twinspan_wal_size_bytes":             segmentHeaderSize + frames,
	} {
		if v, ok := got[name]; !ok || v != want {
			t.Errorf("%s is %v (present: %v), want %v", name, v, ok, want)
		}
	}
}

func BenchmarkAppend100KiB8Goroutines(b *testing.B) {
	cfg := DefaultConfig()
	cfg.Dir = b.TempDir()
	l := mustOpen(b, cfg, osFS{})
	r := rec(1, 100<<10)
	b.SetBytes(int64(len(r.Data)))
	b.ReportAllocs()
	work := make(chan struct{})
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range work {
				if _, err := l.Append(context.Background(), r); err != nil {
					b.Error(err)
				}
			}
		})
	}
	for n := 0; b.Loop(); n++ {
		work <- struct{}{}
		if n%1000 == 999 {
			if err := l.TruncateBefore(l.Next()); err != nil {
				b.Fatal(err)
			}
		}
	}
	close(work)
	wg.Wait()
}

// What the store has is deleted from the disk even where it lies in the segment that is being written.
func TestTruncateFreesTheActiveSegment(t *testing.T) {
	cfg := DefaultConfig()
	cfg.Dir = t.TempDir()
	l, err := Open(cfg, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	data := make([]byte, 300<<10)
	for range 5 {
		if _, err := l.Append(context.Background(), Record{Data: data}); err != nil {
			t.Fatal(err)
		}
	}
	before := l.Size()
	if err := l.TruncateBefore(4); err != nil || l.Size() != before {
		t.Fatalf("size %d after %d, %v: a record is still needed", l.Size(), before, err)
	}
	if err := l.TruncateBefore(5); err != nil || l.Size() > 1<<10 || l.First() != 5 || l.Next() != 5 {
		t.Fatalf("size %d, records %d to %d, %v", l.Size(), l.First(), l.Next(), err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if l, err = Open(cfg, slog.New(slog.DiscardHandler)); err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if offsets, err := l.Append(context.Background(), Record{Data: data}); err != nil || offsets[0] != 5 {
		t.Fatalf("offsets %v, %v: the log forgot how far it has counted", offsets, err)
	}
}
