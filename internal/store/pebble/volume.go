package pebble

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/bloom"
	"github.com/cockroachdb/pebble/v2/objstorage/objstorageprovider"
	"github.com/cockroachdb/pebble/v2/sstable"
	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/twinspan/twinspan/internal/store"
)

// droppedSuffix marks a directory that is being removed.
const droppedSuffix = ".dropped"

func volumeName(day store.Day, number int) string { return fmt.Sprintf("%s.%04d", day, number) }

func parseName(name string) (day store.Day, number int, ok bool) {
	date, rest, found := strings.Cut(name, ".")
	t, err := time.Parse(time.DateOnly, date)
	number, err2 := strconv.Atoi(rest)
	return store.DayOf(t.UnixNano()), number, found && err == nil && err2 == nil && number > 0
}

// volume is one database. It implements store.Volume.
type volume struct {
	kv     *KV
	name   string
	day    store.Day
	number int
	opts   *pebble.Options
	db     *pebble.DB

	mu      sync.Mutex
	refs    int // 1 for the KV itself
	dropped bool
	leaving int64 // what KV.leaving has of it
}

var _ store.Volume = (*volume)(nil)

func (k *KV) openVolume(day store.Day, number int) (*volume, error) {
	v := &volume{kv: k, name: volumeName(day, number), day: day, number: number, refs: 1}
	v.opts = k.options()
	v.opts.ReadOnly = k.readOnly
	db, err := pebble.Open(k.path(v.name), v.opts)
	if err != nil {
		return nil, fmt.Errorf("database %s: %w", v.name, newer(err))
	}
	v.db = db
	if k.readOnly {
		return v, nil
	}
	if err := k.sync(k.cfg.Dir); err != nil {
		return nil, errors.Join(fmt.Errorf("database %s: %w", v.name, err), db.Close())
	}
	return v, nil
}

// newer tells databases that a newer Pebble or another order of keys wrote from other errors; Pebble has only texts for that.
func newer(err error) error {
	if text := err.Error(); strings.Contains(text, "unknown format major version") || strings.Contains(text, "comparer name from file") {
		return fmt.Errorf("%w: use the build that wrote it, or a newer one: %w", store.ErrVersion, err)
	}
	return err
}

// comparerName is written into the databases; another order of keys needs another name.
const comparerName = "twinspan.store.v1"

func comparer() *pebble.Comparer {
	c := *pebble.DefaultComparer
	c.Name = comparerName
	c.Split = func(key []byte) int {
		if len(key) == 0 {
			return 0
		}
		return 1 + store.PrefixLen(store.Table(key[0]), key[1:])
	}
	return &c
}

func (k *KV) options() *pebble.Options {
	o := &pebble.Options{
		FS:                 k.fs,
		Cache:              k.cache.blocks,
		FileCache:          k.cache.files,
		Comparer:           comparer(),
		FormatMajorVersion: pebble.FormatTableFormatV6,
		Logger:             logger{k.log},
		// Nothing is written but ready-made tables.
		DisableWAL:   true,
		MemTableSize: 256 << 10,
		// The indexes come in many small tables that each span all keys. Merging many at once writes them again seldom;
		// filters keep reads away from most of those that wait.
		L0CompactionThreshold:     16,
		L0CompactionFileThreshold: 64,
		L0StopWritesThreshold:     1000, // counts only for writes through a memtable
		LBaseMaxBytes:             64 << 20,
	}
	// Pebble would end the process. Who reads gets an error, and what is not damaged goes on being read.
	o.EventListener = &pebble.EventListener{DataCorruption: func(info pebble.DataCorruptionInfo) {
		k.log.Error("stored data is damaged: restore a backup; 'twinspan inspect verify' tells what is concerned", "file", info.Path,
			"details", info.Details)
	}}
	o.Experimental.ReadSamplingMultiplier = -1 // no compaction because of reads
	for i := range o.Levels {
		o.Levels[i].BlockSize = 8 << 10
		o.Levels[i].FilterPolicy = bloom.FilterPolicy(10)
		o.TargetFileSizes[i] = 16 << 20
	}
	o.EnsureDefaults()
	return o
}

// table writes one sorted table, synced. blocks says that its values are compressed already and large.
func (v *volume) table(path string, blocks bool, parts ...[]store.Row) error {
	f, err := v.kv.fs.Create(path, vfs.WriteCategoryUnspecified)
	if err != nil {
		return err
	}
	wo := v.opts.MakeWriterOptions(6, v.db.TableFormat())
	if blocks {
		wo.Compression, wo.FilterPolicy = sstable.NoCompression, pebble.NoFilterPolicy
	}
	w := sstable.NewWriter(objstorageprovider.NewFileWritable(f), wo)
	var key []byte
	for _, rows := range parts {
		for i := range rows {
			key = append(append(key[:0], byte(rows[i].Table)), rows[i].Key...)
			if err := w.Set(key, rows[i].Value); err != nil {
				return errors.Join(err, w.Close())
			}
		}
	}
	return w.Close()
}

func (v *volume) Name() string   { return v.name }
func (v *volume) Day() store.Day { return v.day }
func (v *volume) Bytes() int64   { return int64(v.db.Metrics().DiskSpaceUsage()) }

func (v *volume) Acquire() bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.dropped {
		return false
	}
	v.refs++
	return true
}

func (v *volume) Release() {
	v.mu.Lock()
	v.refs--
	last := v.refs == 0
	v.mu.Unlock()
	if !last {
		return
	}
	err := v.remove()
	v.kv.mu.Lock()
	v.kv.leaving -= v.leaving
	v.kv.mu.Unlock()
	if err != nil {
		v.kv.log.Error("removing dropped data failed: remove the directory by hand, or restart", "directory", v.name, "err", err)
	}
}

// drop gives the KV's own hold up: the last reader removes the directory.
func (v *volume) drop() {
	v.mu.Lock()
	v.dropped = true
	v.mu.Unlock()
	v.Release()
}

func (v *volume) remove() error {
	path := v.kv.path(v.name)
	if err := v.db.Close(); err != nil {
		return err
	}
	if err := v.kv.fs.Rename(path, path+droppedSuffix); err != nil {
		return err
	}
	return v.kv.fs.RemoveAll(path + droppedSuffix)
}

func (v *volume) close() error {
	if err := v.db.Close(); err != nil {
		return fmt.Errorf("store: closing %s: %w", v.name, err)
	}
	return nil
}

func (v *volume) Get(ctx context.Context, t store.Table, key []byte) ([]byte, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	full := append(append(make([]byte, 0, 1+len(key)), byte(t)), key...)
	b, closer, err := v.db.Get(full)
	if errors.Is(err, pebble.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, v.fail(err)
	}
	out := make([]byte, len(b))
	copy(out, b)
	return out, closer.Close()
}

func (v *volume) fail(err error) error {
	if pebble.IsCorruptionError(err) {
		return fmt.Errorf("reading %s: %w: %w", v.name, store.ErrCorrupt, err)
	}
	return fmt.Errorf("reading %s: %w", v.name, err)
}

func (v *volume) Scan(ctx context.Context, t store.Table, prefix []byte, yield func(key, value []byte) bool) error {
	full := append(append(make([]byte, 0, 1+len(prefix)), byte(t)), prefix...)
	filtered := (t == store.TableTrace || t == store.TablePosting) && store.PrefixLen(t, prefix) == len(prefix) &&
		!(t == store.TablePosting && !bytes.HasSuffix(prefix, []byte{0, 1})) && !(t == store.TableTrace && len(prefix) < 16)
	it, err := v.db.NewIterWithContext(ctx, &pebble.IterOptions{LowerBound: full, UpperBound: successor(full), UseL6Filters: filtered})
	if err != nil {
		return v.fail(err)
	}
	var ok bool
	if filtered {
		ok = it.SeekPrefixGE(full)
	} else {
		ok = it.First()
	}
	for n := 0; ok; ok, n = it.Next(), n+1 {
		if n%256 == 255 {
			if err := ctx.Err(); err != nil {
				return errors.Join(err, it.Close())
			}
		}
		value, err := it.ValueAndErr()
		if err != nil {
			return errors.Join(v.fail(err), it.Close())
		}
		if !yield(it.Key()[1:], value) {
			return it.Close()
		}
	}
	if err := it.Error(); err != nil {
		_ = it.Close()
		return v.fail(err)
	}
	return it.Close()
}

// successor is the first key behind all that begin with prefix.
func successor(prefix []byte) []byte {
	end := bytes.Clone(prefix)
	for i := len(end) - 1; i >= 0; i-- {
		if end[i]++; end[i] != 0 {
			return end[:i+1]
		}
	}
	return nil
}
