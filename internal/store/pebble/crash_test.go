package pebble

import (
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"path"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"github.com/twinspan/twinspan/internal/store"
	"github.com/twinspan/twinspan/internal/store/storetest"
)

// The small workload: so many ranges, the first of them of days that expire in the middle.
const (
	workRanges  = 24
	workExpired = 8
)

func workRange(n int64) *store.Range {
	r := rangeOf(n)
	r.Calls = r.Calls[:40]
	if n < workExpired {
		r.Received -= (10 - n/4) * day
	}
	r.ID.Partition = uint16(n % 2)
	r.ID.From, r.To = n/2, n/2+1
	return r
}

// worker runs the workload and tells how far it is.
type worker struct {
	cfg       Config
	expiring  atomic.Bool
	attempted atomic.Int64 // ranges begun
	done      atomic.Int64 // ranges acknowledged
}

// work writes the ranges, with a restart every few and the expiry of the first days in the middle. It ends with the first
// error.
func (w *worker) work() (err error) {
	s, err := tryOpen(w.cfg)
	if err != nil {
		return err
	}
	defer func() {
		if s != nil {
			err = errors.Join(err, s.Close())
		}
	}()
	for n := range int64(workRanges) {
		w.attempted.Store(n + 1)
		if err := s.WriteRange(ctx, workRange(n)); err != nil {
			return err
		}
		w.done.Store(n + 1)
		switch {
		case n == workRanges/2:
			w.expiring.Store(true)
			if _, err := s.Expire(ctx, time.Unix(0, storetest.Day)); err != nil {
				return err
			}
		case n%7 == 6:
			if err := s.Close(); err != nil {
				return err
			}
			if s, err = tryOpen(w.cfg); err != nil {
				return err
			}
		}
	}
	return nil
}

func tryOpen(cfg Config) (*store.Store, error) {
	kv, err := Open(cfg, slog.New(slog.DiscardHandler))
	if err != nil {
		return nil, err
	}
	s, err := store.Open(ctx, kv)
	if err != nil {
		return nil, errors.Join(err, kv.Close())
	}
	return s, nil
}

// crash is what the disk holds after the power went, and what had been acknowledged by then.
type crash struct {
	at                   string
	fs                   *vfs.MemFS
	acknowledged, atMost int64
	expiring             bool
}

// check opens what is left: what was acknowledged is there, what was not is there as a whole or not at all, nothing is
// there twice, and the work can go on.
func (c *crash) check(t *testing.T, cfg Config) {
	t.Helper()
	cfg.FS = c.fs
	s, err := tryOpen(cfg)
	if err != nil {
		t.Errorf("%s: the store does not open: %v", c.at, err)
		return
	}
	defer func() {
		if err := s.Close(); err != nil {
			t.Errorf("%s: %v", c.at, err)
		}
	}()
	check := func(acknowledged, atMost int64) (calls int) {
		have := contents(t, s)
		for n := range int64(workRanges) {
			is := hasRange(t, have, workRange(n))
			switch {
			case is && n >= atMost:
				t.Errorf("%s: range %d is there and was never written", c.at, n)
			case !is && n < acknowledged && (n >= workExpired || !c.expiring):
				t.Errorf("%s: range %d is lost, %d were acknowledged", c.at, n, acknowledged)
			}
			if is {
				calls += len(workRange(n).Calls)
			}
		}
		if found := count(t, s); found != calls {
			t.Errorf("%s: %d calls are found, want %d", c.at, found, calls)
		}
		return calls
	}
	check(c.acknowledged, c.atMost)
	done, err := s.Done(ctx)
	if err != nil {
		t.Errorf("%s: %v", c.at, err)
		return
	}
	for n := max(c.acknowledged, workExpired); n < workRanges; n++ { // replay
		r := workRange(n)
		if list := done[r.ID.Partition]; len(list) > 0 && list[len(list)-1].To > r.ID.From {
			continue
		}
		if err := s.WriteRange(ctx, r); err != nil {
			t.Errorf("%s: going on with range %d: %v", c.at, n, err)
			return
		}
	}
	c.expiring = true // what was to expire was not written again
	check(workRanges, workRanges)
}

func isWrite(op errorfs.Op) bool { return op.Kind.ReadOrWrite() == errorfs.OpIsWrite }

// movedMarkers are the directories with a marker that was moved and not synced yet. Pebble moves it before it syncs the
// directory: a disk that keeps the new marker but not the file, synced itself, that it names is more than it promises to
// survive. The value says whether the sync has begun.
type movedMarkers map[string]bool

// see is called before each operation. A sync is over when something else is done in its directory.
func (m movedMarkers) see(op errorfs.Op) {
	dir := path.Dir(op.Path)
	if _, unsynced := m[op.Path]; unsynced && op.Kind == errorfs.OpFileSync {
		m[op.Path] = true
		return
	}
	for _, at := range []string{dir, op.Path} {
		if m[at] {
			delete(m, at)
		}
	}
	if strings.HasPrefix(path.Base(op.Path), "marker.") {
		m[dir] = false
	}
}

// TestPowerLossAnywhere lets the power go at every so many calls of the file system that change something: what was not
// synced is lost, or of it what chance keeps.
func TestPowerLossAnywhere(t *testing.T) {
	every, least := 20, 20 // one call in so many, by chance
	if testing.Short() {   // for the race detector
		every, least = 100, 4
	}
	mem := vfs.NewCrashableMem()
	random := rand.New(rand.NewPCG(1, 2))
	w := &worker{cfg: testConfig("store")}
	var mu sync.Mutex
	var crashes []*crash
	calls, moved := 0, make(movedMarkers)
	w.cfg.FS = errorfs.Wrap(mem, errorfs.InjectorFunc(func(op errorfs.Op) error {
		if !isWrite(op) {
			return nil
		}
		mu.Lock()
		defer mu.Unlock()
		moved.see(op)
		if calls++; random.IntN(every) > 0 {
			return nil
		}
		cfg := vfs.CrashCloneCfg{}
		if len(crashes)%2 == 1 && len(moved) == 0 {
			cfg = vfs.CrashCloneCfg{UnsyncedDataPercent: 50, RNG: rand.New(rand.NewPCG(uint64(calls), 3))}
		}
		c := &crash{at: fmt.Sprintf("before call %d, %v", calls, op), acknowledged: w.done.Load(), expiring: w.expiring.Load()}
		c.fs = mem.CrashClone(cfg)
		c.atMost, c.expiring = w.attempted.Load(), c.expiring || w.expiring.Load()
		crashes = append(crashes, c)
		return nil
	}))
	if err := w.work(); err != nil {
		t.Fatal(err)
	}
	t.Logf("%d crashes in %d calls", len(crashes), calls)
	if len(crashes) < least {
		t.Fatalf("the workload has only %d calls", calls)
	}
	for _, c := range crashes {
		c.check(t, w.cfg)
	}
}

// TestErrorsAnywhere lets one call of the file system fail, then all that follow, and then the power go. A failing manifest
// is left out: the database ends the process then, which is what TestPowerLossAnywhere tests.
func TestErrorsAnywhere(t *testing.T) {
	stride := int64(31)
	if testing.Short() { // for the race detector
		stride = 151
	}
	for _, failure := range []error{syscall.EIO, syscall.ENOSPC} {
		failed := 0
		for at := int64(1); ; at += stride {
			mem := vfs.NewCrashableMem()
			w := &worker{cfg: testConfig("store")}
			var calls atomic.Int64
			var name atomic.Value
			w.cfg.FS = errorfs.Wrap(mem, errorfs.InjectorFunc(func(op errorfs.Op) error {
				base := path.Base(op.Path)
				if !isWrite(op) || op.Kind == errorfs.OpFileClose || strings.HasPrefix(base, "MANIFEST") || strings.HasPrefix(base, "marker") ||
					strings.HasPrefix(base, "20") || base == "store" {
					return nil
				}
				if calls.Add(1) != at {
					return nil
				}
				name.Store(fmt.Sprintf("%v at call %d, %v", failure, at, op))
				return failure
			}))
			err := w.work()
			if calls.Load() < at {
				break
			}
			if err != nil {
				failed++
			}
			c := &crash{at: name.Load().(string), fs: mem.CrashClone(vfs.CrashCloneCfg{}), acknowledged: w.done.Load(),
				atMost: w.attempted.Load(), expiring: w.expiring.Load()}
			c.check(t, w.cfg)
		}
		if failed == 0 {
			t.Errorf("%v: no run failed", failure)
		}
	}
}
