// Package pebble keeps the span store's rows on one machine: in Pebble databases, one directory for each UTC day of
// receipt, split further by size. Expiry closes and removes whole directories. The package knows tables and keys, not
// what is in them; docs/formats/store.md describes its files.
package pebble

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/twinspan/twinspan/internal/store"
)

// Config says where the store is and how much it may keep.
type Config struct {
	// Dir is the store's directory; it is made if it is missing.
	Dir string `yaml:"-"`
	// RetentionDays is the number of days that a day's data is kept after the day's end. At least 1.
	RetentionDays int `yaml:"retention_days"`
	// MaxBytes is the size on disk beyond which the oldest data is dropped, 0 for none. A day goes on in a further
	// directory at a twentieth of it or, without it, of the disk.
	MaxBytes int64 `yaml:"max_bytes"`
	// MemoryBytes is the size of the caches of what was read.
	MemoryBytes int64 `yaml:"memory_bytes"`
	// UnpackedBytes of MemoryBytes are for blocks that stay unpacked.
	UnpackedBytes int64 `yaml:"unpacked_bytes"`
	// ReserveBytes of the disk are left free: where less is left, the oldest data is dropped, and a write that would use
	// them finds the disk full. The databases' own bookkeeping and the log need some room always.
	ReserveBytes int64 `yaml:"reserve_bytes"`
	// Cache is the cache, where several stores share one; nil gives a store its own, of MemoryBytes.
	Cache *Cache `yaml:"-"`
	// FS is the file system, for tests; nil is the machine's.
	FS vfs.FS `yaml:"-"`
}

// DefaultConfig keeps seven days.
func DefaultConfig() Config {
	return Config{RetentionDays: 7, MemoryBytes: 128 << 20, UnpackedBytes: 48 << 20, ReserveBytes: 256 << 20}
}

// Validate checks what the settings say, not the directory.
func (c *Config) Validate() error {
	switch {
	case c.RetentionDays < 1:
		return fmt.Errorf("retention_days is %d: keep at least 1 day", c.RetentionDays)
	case c.MaxBytes < 0 || c.MaxBytes > 0 && c.MaxBytes < 1<<20:
		return fmt.Errorf("max_bytes is %d: give at least 1048576, or 0 for no limit", c.MaxBytes)
	case c.MemoryBytes < 0:
		return fmt.Errorf("memory_bytes is %d: it cannot be negative", c.MemoryBytes)
	case c.UnpackedBytes < 0:
		return fmt.Errorf("unpacked_bytes is %d: it cannot be negative", c.UnpackedBytes)
	case c.ReserveBytes < 0:
		return fmt.Errorf("reserve_bytes is %d: it cannot be negative", c.ReserveBytes)
	}
	return nil
}

// Caches gives how much each of the two caches may hold: that of what lies on disk, and that of unpacked blocks.
func (c *Config) Caches() (packed, unpacked int64) {
	unpacked = min(c.UnpackedBytes, c.MemoryBytes)
	return c.MemoryBytes - unpacked, unpacked
}

const (
	lockName  = "LOCK"
	ownerName = "OWNER"
	incoming  = "incoming" // tables that are being written
)

// KV is the directory, open. It implements store.KV.
type KV struct {
	cfg   Config
	fs    vfs.FS
	log   *slog.Logger
	lock  interface{ Close() error }
	cache *Cache
	// ownCache says that the cache is closed with the store.
	ownCache bool

	mu      sync.Mutex
	volumes []*volume // newest first
	tables  int       // number of the last incoming table
	leaving int64     // bytes of volumes that were dropped and are still held by readers
	closed  bool

	// readOnly is set where nothing may be changed.
	readOnly bool
}

var _ store.KV = (*KV)(nil)

// Open opens the directory and all its databases. A directory that another process uses gives store.ErrInUse.
func Open(cfg Config, log *slog.Logger) (*KV, error) {
	if err := cfg.Validate(); err != nil {
		return nil, fmt.Errorf("store: %w", err)
	}
	k := &KV{cfg: cfg, fs: cfg.FS, log: log}
	if k.fs == nil {
		k.fs = vfs.Default
	}
	if err := k.open(); err != nil {
		return nil, errors.Join(fmt.Errorf("store: opening %s: %w", cfg.Dir, err), k.Close())
	}
	return k, nil
}

func (k *KV) open() error {
	if err := k.fs.MkdirAll(k.cfg.Dir, 0o750); err != nil {
		return err
	}
	if err := k.sync(k.fs.PathDir(k.cfg.Dir)); err != nil {
		return err
	}
	if err := k.takeLock(); err != nil {
		return err
	}
	// What was being written when the process ended is not visible and is written again.
	if err := k.fs.RemoveAll(k.path(incoming)); err != nil {
		return err
	}
	if err := k.fs.MkdirAll(k.path(incoming), 0o750); err != nil {
		return err
	}
	return k.openDatabases()
}

func (k *KV) openDatabases() error {
	if k.cache = k.cfg.Cache; k.cache == nil {
		k.cache = NewCache(k.cfg.MemoryBytes) // who shares none has no cache of unpacked blocks
		k.ownCache = true
	}
	names, err := k.fs.List(k.cfg.Dir)
	if err != nil {
		return err
	}
	for _, name := range names {
		if strings.HasSuffix(name, droppedSuffix) && !k.readOnly {
			if err := k.fs.RemoveAll(k.path(name)); err != nil {
				return err
			}
		}
		day, number, ok := parseName(name)
		if !ok {
			continue
		}
		v, err := k.openVolume(day, number)
		if err != nil {
			return err
		}
		k.volumes = append(k.volumes, v)
	}
	slices.SortFunc(k.volumes, newestFirst)
	return nil
}

// sync makes the names in a directory durable. Databases sync their own.
func (k *KV) sync(dir string) error {
	d, err := k.fs.OpenDir(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

func newestFirst(a, b *volume) int {
	return cmp.Or(cmp.Compare(b.day, a.day), cmp.Compare(b.number, a.number))
}

func (k *KV) path(name string) string { return k.fs.PathJoin(k.cfg.Dir, name) }

func (k *KV) takeLock() error {
	lock, err := k.fs.Lock(k.path(lockName))
	if err != nil {
		return fmt.Errorf("%w by %s (%w): end that process, or choose another data directory", store.ErrInUse, k.owner(), err)
	}
	k.lock = lock
	host, _ := os.Hostname()
	f, err := k.fs.Create(k.path(ownerName), vfs.WriteCategoryUnspecified)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(f, "process %d on %s (%s), since %s", os.Getpid(), host, filepath.Base(os.Args[0]),
		time.Now().UTC().Format(time.RFC3339))
	return errors.Join(err, f.Close())
}

// owner tells who has the lock, as that process wrote it down.
func (k *KV) owner() string {
	f, err := k.fs.Open(k.path(ownerName))
	if err != nil {
		return "another process"
	}
	defer f.Close()
	var b [256]byte
	n, _ := f.Read(b[:])
	if n == 0 {
		return "another process"
	}
	return string(b[:n])
}

// Volumes implements store.KV.
func (k *KV) Volumes() []store.Volume {
	k.mu.Lock()
	defer k.mu.Unlock()
	return acquire(k.volumes)
}

func acquire(volumes []*volume) []store.Volume {
	var out []store.Volume
	for _, v := range volumes {
		if v.Acquire() {
			out = append(out, v)
		}
	}
	return out
}

// Expired implements store.KV: by days, and the oldest beyond MaxBytes, but never the newest directory: it tells how far
// the log was read.
func (k *KV) Expired(now time.Time) []store.Volume {
	k.mu.Lock()
	defer k.mu.Unlock()
	if len(k.volumes) == 0 {
		return nil
	}
	today := store.DayOf(now.UnixNano())
	var total int64
	for _, v := range k.volumes {
		total += v.Bytes()
	}
	var old []*volume
	for i := len(k.volumes) - 1; i > 0; i-- {
		v := k.volumes[i]
		if int(today-v.day) <= k.cfg.RetentionDays && (k.cfg.MaxBytes == 0 || total <= k.cfg.MaxBytes) {
			break
		}
		total -= v.Bytes()
		old = append(old, v)
	}
	return acquire(old)
}

// Crowded implements store.KV.
func (k *KV) Crowded(full bool) []store.Volume {
	var short int64 // of the reserve
	if use, err := k.fs.GetDiskUsage(k.cfg.Dir); err == nil {
		short = k.cfg.ReserveBytes - int64(min(use.AvailBytes, math.MaxInt64))
	}
	if short <= 0 && !full {
		return nil
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if short -= k.leaving; short <= 0 && (!full || k.leaving > 0) {
		return nil
	}
	var old []*volume
	for i := len(k.volumes) - 1; i > 0 && (short > 0 || full); i-- {
		v := k.volumes[i]
		short -= v.Bytes()
		full = false
		old = append(old, v)
		k.log.Warn("the disk is full: dropping the oldest stored data; keep less (retention_days, max_bytes), or give it a larger disk",
			"directory", v.name, "bytes", v.Bytes(), "reserve_bytes", k.cfg.ReserveBytes)
	}
	return acquire(old)
}

// Drop implements store.KV.
func (k *KV) Drop(v store.Volume) error {
	if k.readOnly {
		return ErrReadOnly
	}
	k.mu.Lock()
	i := slices.IndexFunc(k.volumes, func(have *volume) bool { return store.Volume(have) == v })
	if i < 0 {
		k.mu.Unlock()
		return fmt.Errorf("store: dropping %s: it is not there", v.Name())
	}
	gone := k.volumes[i]
	k.volumes = slices.Delete(k.volumes, i, i+1)
	bytes := gone.Bytes()
	gone.leaving = bytes
	k.leaving += bytes
	k.mu.Unlock()
	k.log.Info("dropping stored data", "directory", gone.name, "bytes", bytes)
	gone.drop()
	return nil
}

// Close implements store.KV.
func (k *KV) Close() error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.closed {
		return nil
	}
	k.closed = true
	var errs []error
	for _, v := range k.volumes {
		errs = append(errs, v.close())
	}
	if k.ownCache {
		k.cache.Close()
	}
	switch {
	case k.lock == nil:
	case k.readOnly:
		errs = append(errs, k.lock.Close())
	default:
		errs = append(errs, k.fs.Remove(k.path(ownerName)), k.lock.Close())
	}
	return errors.Join(errs...)
}

// Write implements store.KV. The rows become ready-made sorted tables that the database takes in as they are, at once and
// as a whole: no log, no memtable, and blocks, whose keys only grow, are never written again by compaction.
func (k *KV) Write(ctx context.Context, received int64, rows []store.Row, done store.Row) (store.Volume, error) {
	if k.readOnly {
		return nil, ErrReadOnly
	}
	size := int64(len(done.Key) + len(done.Value))
	for i := range rows {
		size += int64(len(rows[i].Key) + len(rows[i].Value))
	}
	if err := k.room(size); err != nil {
		return nil, err
	}
	v, err := k.volumeFor(store.DayOf(received))
	if err != nil {
		return nil, full(err)
	}
	if err := k.write(ctx, v, rows, done); err != nil {
		v.Release()
		return nil, full(err)
	}
	return v, nil
}

// room refuses what would fill the disk up to the reserve.
func (k *KV) room(size int64) error {
	use, err := k.fs.GetDiskUsage(k.cfg.Dir)
	if errors.Is(err, vfs.ErrUnsupported) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("asking for free space: %w", err)
	}
	if need := uint64(size + size/8 + k.cfg.ReserveBytes); use.AvailBytes < need {
		return fmt.Errorf("%w: %d bytes are free on the disk of %s, %d are needed (reserve_bytes included): free some, or keep less (retention_days, max_bytes)",
			store.ErrNoSpace, use.AvailBytes, k.cfg.Dir, need)
	}
	return nil
}

func full(err error) error {
	if err != nil && vfs.IsNoSpaceError(err) {
		return fmt.Errorf("%w: %w", store.ErrNoSpace, err)
	}
	return err
}

// minVolumeBytes is the least part of a disk at which a day goes on in a further directory.
const minVolumeBytes = 1 << 20

// volumeBytes is the size at which a day goes on in a further directory, so that dropping the oldest takes a twentieth of what
// there is at most; 0 for never.
func (k *KV) volumeBytes() int64 {
	if k.cfg.MaxBytes > 0 {
		return k.cfg.MaxBytes / 20
	}
	use, err := k.fs.GetDiskUsage(k.cfg.Dir)
	if err != nil {
		return 0
	}
	return max(int64(min(use.TotalBytes, math.MaxInt64))/20, minVolumeBytes)
}

// volumeFor gives, acquired, the directory that a day's data goes to.
func (k *KV) volumeFor(day store.Day) (*volume, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	number := 1
	for _, v := range k.volumes {
		if v.day != day {
			continue
		}
		if limit := k.volumeBytes(); (limit == 0 || v.Bytes() < limit) && v.Acquire() {
			return v, nil
		}
		number = v.number + 1
		break
	}
	v, err := k.openVolume(day, number)
	if err != nil {
		return nil, err
	}
	k.volumes = append(k.volumes, v)
	slices.SortFunc(k.volumes, newestFirst)
	v.Acquire()
	return v, nil
}

func (k *KV) write(ctx context.Context, v *volume, rows []store.Row, done store.Row) error {
	cut := 0
	for cut < len(rows) && rows[cut].Table == store.TableRange {
		cut++
	}
	at, _ := slices.BinarySearchFunc(rows[cut:], done.Table, func(r store.Row, t store.Table) int { return cmp.Compare(r.Table, t) })
	at += cut
	var paths []string
	remove := func() {
		for _, p := range paths {
			_ = k.fs.Remove(p)
		}
	}
	if cut > 0 {
		path := k.incoming()
		paths = append(paths, path)
		if err := v.table(path, true, rows[:cut]); err != nil {
			remove()
			return fmt.Errorf("writing a table of blocks: %w", err)
		}
	}
	path := k.incoming()
	paths = append(paths, path)
	if err := v.table(path, false, rows[cut:at], []store.Row{done}, rows[at:]); err != nil {
		remove()
		return fmt.Errorf("writing a table of indexes: %w", err)
	}
	if err := v.db.Ingest(ctx, paths); err != nil {
		remove()
		return fmt.Errorf("taking tables into %s: %w", v.name, err)
	}
	return nil
}

// incoming gives a path for a new table.
func (k *KV) incoming() string {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.tables++
	return k.fs.PathJoin(k.path(incoming), fmt.Sprintf("%d.sst", k.tables))
}
