package pebble

import (
	"errors"
	"flag"
	"log/slog"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/twinspan/twinspan/internal/store"
	"github.com/twinspan/twinspan/internal/store/storetest"
)

var (
	metamorphicSeed  = flag.Uint64("metamorphic.seed", 1, "seed of the first random script")
	metamorphicRuns  = flag.Int("metamorphic.runs", 1, "number of random scripts")
	metamorphicSteps = flag.Int("metamorphic.steps", 40, "steps of each")
)

// stumbling is a file system on which new tables cannot be written once a number of steps was done.
type stumbling struct {
	vfs.FS
	left atomic.Int64 // below 0: never
}

var errStumble = errors.New("stumbled")

func (f *stumbling) step(name string) error {
	if strings.Contains(name, incoming) && f.left.Load() >= 0 && f.left.Add(-1) < 0 {
		f.left.Store(0)
		return errStumble
	}
	return nil
}

func (f *stumbling) Create(name string, c vfs.DiskWriteCategory) (vfs.File, error) {
	if err := f.step(name); err != nil {
		return nil, err
	}
	file, err := f.FS.Create(name, c)
	return &stumblingFile{file, f, name}, err
}

type stumblingFile struct {
	vfs.File
	fs   *stumbling
	name string
}

func (f *stumblingFile) Write(b []byte) (int, error) {
	if err := f.fs.step(f.name); err != nil {
		return 0, err
	}
	return f.File.Write(b)
}

func (f *stumblingFile) Sync() error {
	if err := f.fs.step(f.name); err != nil {
		return err
	}
	return f.File.Sync()
}

func variant(name string, cut int, set func(*Config)) storetest.Variant {
	cfg := testConfig("")
	cfg.RetentionDays = storetest.RetentionDays
	set(&cfg)
	return storetest.Variant{Name: name, Cut: cut, MaxBytes: cfg.MaxBytes, New: func(dir string) *storetest.Instance {
		cfg := cfg
		fs := &stumbling{FS: vfs.Default}
		if cfg.FS != nil {
			fs.FS = vfs.NewMem()
		}
		fs.left.Store(-1)
		cfg.FS, cfg.Dir = fs, filepath.Join(dir, "store")
		return &storetest.Instance{
			Open: func() (*store.Store, error) {
				kv, err := Open(cfg, slog.New(slog.DiscardHandler))
				if err != nil {
					return nil, err
				}
				return store.Open(ctx, kv)
			},
			Fault: func(after int) { fs.left.Store(int64(after)) },
		}
	}}
}

// TestMetamorphic runs the same scripts on stores with different settings. For a long run:
//
//	go test ./internal/store/pebble -run TestMetamorphic -metamorphic.seed $RANDOM -metamorphic.runs 200 -metamorphic.steps 300
func TestMetamorphic(t *testing.T) {
	if testing.Short() { // for the race detector, under which a script of this length takes minutes
		*metamorphicSteps = min(*metamorphicSteps, 12)
	}
	inMemory := func(c *Config) { c.FS = vfs.NewMem() }
	storetest.Metamorphic(t, []storetest.Variant{
		variant("small ranges", 1, inMemory),
		variant("large ranges", 100, inMemory),
		variant("no cache", 4, func(c *Config) { inMemory(c); c.MemoryBytes = 0 }),
		variant("little room", 3, func(c *Config) { inMemory(c); c.MaxBytes = 1 << 20 }),
		variant("real disk", 2, func(*Config) {}),
	}, *metamorphicSeed, *metamorphicRuns, *metamorphicSteps)
}
