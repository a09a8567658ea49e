package pebble

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"
	"syscall"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/twinspan/twinspan/internal/store"
)

// ErrReadOnly is given by what would change a store that was opened to be read.
var ErrReadOnly = errors.New("store: opened to be read only")

// OpenReadOnly opens a directory that no process uses, or a copy of one, and changes nothing in it. There has to be a
// store; one that a process uses gives store.ErrInUse.
func OpenReadOnly(cfg Config, log *slog.Logger) (*KV, error) {
	if cfg.FS == nil {
		cfg.FS = vfs.Default
	}
	if _, err := cfg.FS.Stat(cfg.Dir); err != nil {
		return nil, fmt.Errorf("store: opening %s: %w", cfg.Dir, err)
	}
	lock, err := heldLock(cfg.FS, cfg.FS.PathJoin(cfg.Dir, lockName))
	if err != nil {
		return nil, fmt.Errorf("store: opening %s: %w by %s (%w): end that process first", cfg.Dir, store.ErrInUse,
			(&KV{cfg: cfg, fs: cfg.FS}).owner(), err)
	}
	k := &KV{cfg: cfg, fs: readFS{cfg.FS}, log: log, lock: lock, readOnly: true}
	if err := k.openDatabases(); err != nil {
		return nil, errors.Join(fmt.Errorf("store: opening %s: %w", cfg.Dir, err), k.Close())
	}
	return k, nil
}

// heldLock keeps processes from starting on the directory. A copy of a directory has no such file, and on a disk that cannot
// be written nobody can start.
func heldLock(fs vfs.FS, path string) (io.Closer, error) {
	if _, err := fs.Stat(path); errors.Is(err, os.ErrNotExist) {
		return nopCloser{}, nil
	}
	f, err := fs.OpenReadWrite(path, vfs.WriteCategoryUnspecified)
	if errors.Is(err, syscall.EROFS) || errors.Is(err, os.ErrPermission) {
		return nopCloser{}, nil
	}
	if err != nil {
		return nil, err
	}
	_ = f.Close()
	return fs.Lock(path)
}

type nopCloser struct{}

func (nopCloser) Close() error { return nil }

// readFS is a file system that nothing is written to.
type readFS struct{ vfs.FS }

func (readFS) Create(string, vfs.DiskWriteCategory) (vfs.File, error) { return nil, ErrReadOnly }
func (readFS) Link(string, string) error                              { return ErrReadOnly }
func (readFS) Remove(string) error                                    { return ErrReadOnly }
func (readFS) RemoveAll(string) error                                 { return ErrReadOnly }
func (readFS) Rename(string, string) error                            { return ErrReadOnly }
func (readFS) MkdirAll(string, os.FileMode) error                     { return ErrReadOnly }
func (readFS) Lock(string) (io.Closer, error)                         { return nopCloser{}, nil }
func (readFS) OpenReadWrite(string, vfs.DiskWriteCategory, ...vfs.OpenOption) (vfs.File, error) {
	return nil, ErrReadOnly
}

func (readFS) ReuseForWrite(string, string, vfs.DiskWriteCategory) (vfs.File, error) {
	return nil, ErrReadOnly
}

// Check implements store.Checker: the order of keys over all levels, and that the database knows all tables that are there.
func (v *volume) Check(context.Context) error {
	if err := v.db.CheckLevels(nil); err != nil {
		return v.fail(err)
	}
	levels, err := v.db.SSTables()
	if err != nil {
		return v.fail(err)
	}
	known := make(map[string]bool)
	for _, tables := range levels {
		for i := range tables {
			known[fmt.Sprintf("%06d.sst", uint64(tables[i].BackingSSTNum))] = true
		}
	}
	names, err := v.kv.fs.List(v.kv.path(v.name))
	if err != nil {
		return err
	}
	unknown := 0
	for _, name := range names {
		if strings.HasSuffix(name, ".sst") && !known[name] {
			unknown++
		}
	}
	if unknown > 0 && v.kv.readOnly { // one that is written to has tables that come and go
		return fmt.Errorf("%w: %d tables are not in its MANIFEST: that is damaged, or, if the process was killed, they are what it was "+
			"about to write and go with the next start; copy the directory before", store.ErrCorrupt, unknown)
	}
	return nil
}

var _ store.Checker = (*volume)(nil)

// Checkpoint copies all databases into dir, newest first: a partition's ranges are written in the order of directories, so
// that none is in the copy without those before it.
func (k *KV) Checkpoint(dir string) error {
	if err := k.fs.MkdirAll(dir, 0o750); err != nil {
		return fmt.Errorf("store: copying to %s: %w", dir, err)
	}
	k.mu.Lock()
	held := acquired(k.volumes)
	k.mu.Unlock()
	var failed error
	for _, v := range held {
		if failed == nil {
			if err := v.db.Checkpoint(k.fs.PathJoin(dir, v.name)); err != nil {
				failed = fmt.Errorf("store: copying %s: %w", v.name, err)
			}
		}
		v.Release()
	}
	return failed
}

func acquired(volumes []*volume) (out []*volume) {
	for _, v := range volumes {
		if v.Acquire() {
			out = append(out, v)
		}
	}
	return out
}
