package pebble

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
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

// Check implements store.Checker: the order of keys over all levels.
func (v *volume) Check(context.Context) error {
	if err := v.db.CheckLevels(nil); err != nil {
		return v.fail(err)
	}
	return nil
}

var _ store.Checker = (*volume)(nil)
