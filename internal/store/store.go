// Package store is the span store: calls and roll-ups by range, found again by trace id, by search and by minute. It
// holds the contract (this file, query.go, kv.go), the block format and the searches over it; what keeps the rows is a KV:
// package pebble on one machine. docs/formats/store.md describes every byte.
//
// It does not pair halves, join late ones or cut ranges (package collect, package query), and it draws no conclusions:
// it gives back what was written.
package store

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/twinspan/twinspan/internal/span"
	"github.com/twinspan/twinspan/internal/store/column"
	"github.com/twinspan/twinspan/sdk/id"
)

var (
	// ErrNoSpace says that the disk is full and that nothing older is left to drop: nothing of what was to be written is
	// visible, and the same write may be tried again.
	ErrNoSpace = errors.New("store: no space left on the disk")
	// ErrInUse says that another process has the store's directory.
	ErrInUse = errors.New("store: directory is in use")
	// ErrCorrupt says that stored bytes cannot be read.
	ErrCorrupt = errors.New("store: corrupt data")
	// ErrVersion says that a newer build wrote the data. It is also ErrCorrupt where a single value is concerned.
	ErrVersion = errors.New("store: written by a newer build")
	// ErrConflict says that a range was written whose offsets overlap with another one that is done.
	ErrConflict = errors.New("store: range overlaps with one that is done")
	// ErrClosed says that the store was closed.
	ErrClosed = errors.New("store: closed")
)

// RangeID names a range: the partition of the log and the offset of the range's first record.
type RangeID struct {
	Partition uint16
	From      int64
}

// String gives partition and offset in hex of fixed width, so that texts sort as ids do.
func (r RangeID) String() string { return fmt.Sprintf("%04x-%016x", r.Partition, uint64(r.From)) }

// Range is what the collector hands over when it cuts a range: everything that the log's records [From, To) became.
type Range struct {
	ID RangeID
	// To is the log offset behind the range's last record, greater than ID.From.
	To int64
	// Received is when the range's first record was received, in nanoseconds of the Unix epoch. It chooses the day.
	Received int64
	// Calls in any order. The store neither keeps nor changes them: once WriteRange has returned, they and all that they
	// refer to may be used for something else.
	Calls []span.Call
	// Rollups are deltas: all rows of a key, over all ranges, add up.
	Rollups []span.Rollup
	// State is opaque to the store: what the collector needs to go on behind this range after a restart.
	State []byte
}

// Interval is a run [From, To) of log offsets, of minutes of the Unix epoch or of nanoseconds of it.
type Interval struct{ From, To int64 }

// Include makes i reach over [from, to), too; what is empty adds nothing.
func (i *Interval) Include(from, to int64) {
	switch {
	case from >= to:
	case i.From >= i.To:
		*i = Interval{from, to}
	default:
		i.From, i.To = min(i.From, from), max(i.To, to)
	}
}

// Reader finds calls and roll-ups. Store implements it for what is on disk, the collector for its open ranges. Methods
// may be called from any goroutine. They stop with ctx's error when ctx is done.
type Reader interface {
	// Trace gives the calls of a trace, in any order. The same half may stand in several calls, or twice: the reader
	// joins. At most limit calls are given (0 or less: all); truncated says that there are more. The calls are the caller's to keep.
	Trace(ctx context.Context, trace id.Trace, limit int) (calls []span.Call, truncated bool, err error)

	// Search calls yield with every call that q matches, in the order of Compare (newest first), until yield gives
	// false. A call is the caller's to keep. yield must not call the Reader.
	Search(ctx context.Context, q *Query, yield func(span.Call) bool) error

	// Rollups calls yield with the counts that q wants, in any order, until yield gives false. Several rows of one key add up.
	// A row is valid only until yield returns, its texts for good. minutes are those from the first to the last that was
	// counted, in rare cases up to a day more; empty where there was none.
	Rollups(ctx context.Context, q RollupQuery, yield func(*span.Rollup) bool) (minutes Interval, err error)

	// Times gives the time from the first to the last call whose Time is in [from, to); empty where there is none. Halves that
	// wait for their other half are not counted.
	Times(ctx context.Context, from, to int64) (Interval, error)
}

var _ Reader = (*Store)(nil)

// Day is a day of receipt, UTC, in days since 1970-01-01.
type Day int32

// DayOf gives the day of a time in nanoseconds of the Unix epoch.
func DayOf(ns int64) Day {
	const day = int64(24 * time.Hour)
	return Day(span.FloorDiv(ns, day))
}

// begin is the first moment of the day.
func (d Day) begin() time.Time { return time.Unix(int64(d)*86400, 0).UTC() }

// String gives the day as 2006-01-02.
func (d Day) String() string { return d.begin().Format(time.DateOnly) }

// DayStats counts what is stored of one day of receipt.
type DayStats struct {
	Day    Day
	Ranges int
	Calls  int64
	// Bytes on disk.
	Bytes int64
	// Least and Greatest bound the times that calls are found by (Time), in nanoseconds of the Unix epoch. Both are 0
	// where Calls is.
	Least, Greatest int64
}

// Stats counts what is stored: the sums over Days, which are newest first. Its own Day is the newest.
type Stats struct {
	DayStats
	Days []DayStats
}

// Store keeps ranges in a KV. Its methods may be called from any goroutine.
type Store struct {
	kv    KV
	codec *column.Codec
	index *index
	cache *Cache
	// metrics is set by Open.
	metrics *Metrics
	// scratch holds *scratch.
	scratch sync.Pool
	// room is held while room is made on the disk, so that two do not drop for the same want.
	room sync.Mutex

	// use is held for reading by what is under way and for writing by Close.
	use    sync.RWMutex
	closed bool
}

// Open reads what ranges are done. The KV is the store's from now on; Close closes it. After an error it is the caller's. The
// store keeps nothing unpacked.
func Open(ctx context.Context, kv KV) (*Store, error) { return OpenWith(ctx, kv, NewCache(0)) }

// OpenWith is Open with a cache, which other stores may use, too.
func OpenWith(ctx context.Context, kv KV, cache *Cache) (*Store, error) {
	codec, err := column.NewCodec()
	if err != nil {
		return nil, err
	}
	s := &Store{kv: kv, codec: codec, index: newIndex(), cache: cache}
	s.metrics = newMetrics(s)
	volumes := kv.Volumes()
	for i, v := range volumes {
		if err := s.load(ctx, v); err != nil {
			for _, v := range volumes[i:] {
				v.Release()
			}
			s.release()
			return nil, fmt.Errorf("store: opening %s: %w", v.Name(), err)
		}
		s.index.take(v)
	}
	s.index.loaded()
	return s, nil
}

// load adds the ranges of a volume to the index.
func (s *Store) load(ctx context.Context, v Volume) error {
	var bad error
	err := v.Scan(ctx, TableDone, nil, func(key, value []byte) bool {
		id, ok := parseRange(key)
		if !ok {
			bad = fmt.Errorf("%w: the key %x of a done row", ErrCorrupt, key)
			return false
		}
		var d *done
		if d, bad = parseDone(value); bad == nil && v.Acquire() {
			s.index.add(v, id, d)
		}
		return bad == nil
	})
	return errors.Join(err, bad)
}

func (s *Store) release() {
	for _, v := range s.index.volumes {
		v.Release()
	}
	s.index.volumes = nil
}

// begin keeps Close waiting until end.
func (s *Store) begin() error {
	s.use.RLock()
	if s.closed {
		s.use.RUnlock()
		return ErrClosed
	}
	return nil
}

func (s *Store) end() { s.use.RUnlock() }

// Close gives the store's directory free. Calls that are under way end first.
func (s *Store) Close() error {
	s.use.Lock()
	defer s.use.Unlock()
	if s.closed {
		return nil
	}
	s.closed = true
	s.cache.forget(s, nil)
	s.release()
	return s.kv.Close()
}

// receipt is the time that chooses a range's volume: when it was received but, where the clock went back over midnight,
// no day before that of the partition's range before. So a partition's ranges expire in their order.
func (s *Store) receipt(r *Range) int64 {
	s.index.mu.Lock()
	defer s.index.mu.Unlock()
	if last := s.index.last[r.ID.Partition]; last != nil && last.id.From < r.ID.From {
		if day := last.volume.Day(); day == DayOf(r.Received)+1 {
			return day.begin().UnixNano()
		}
	}
	return r.Received
}

// Done gives, for each partition, the log offsets whose ranges are done: merged, sorted. What has been dropped since Open
// counts as done.
func (s *Store) Done(ctx context.Context) (map[uint16][]Interval, error) {
	if err := s.begin(); err != nil {
		return nil, err
	}
	defer s.end()
	s.index.mu.Lock()
	defer s.index.mu.Unlock()
	out := make(map[uint16][]Interval, len(s.index.intervals))
	for p, list := range s.index.intervals {
		out[p] = slices.Clone(list)
	}
	return out, nil
}

// LastDone gives, for each partition that the store knows, the offset at which replay starts: the end of the first
// interval of Done.
func (s *Store) LastDone(ctx context.Context) (map[uint16]int64, error) {
	all, err := s.Done(ctx)
	if err != nil {
		return nil, err
	}
	out := make(map[uint16]int64, len(all))
	for p, list := range all {
		out[p] = list[0].To
	}
	return out, nil
}

// States calls yield with the state of every range received at since (nanoseconds of the Unix epoch) or later and, however
// old, of each partition's last range, in ascending order of ids, until yield gives false. Ranges without a state give
// nil. state is the caller's to keep.
func (s *Store) States(ctx context.Context, since int64, yield func(id RangeID, to int64, state []byte) bool) error {
	if err := s.begin(); err != nil {
		return err
	}
	defer s.end()
	volumes := s.index.snapshot()
	defer releaseAll(volumes)
	found := make(map[RangeID]*rangeInfo)
	last := make(map[uint16]*rangeInfo)
	for _, v := range volumes {
		for _, r := range v.ranges {
			if r.received >= since {
				found[r.id] = r
			}
			if l := last[r.id.Partition]; l == nil || l.id.From < r.id.From {
				last[r.id.Partition] = r
			}
		}
	}
	for _, r := range last {
		found[r.id] = r
	}
	for _, r := range slices.SortedFunc(maps.Values(found), func(a, b *rangeInfo) int {
		return cmp.Or(cmp.Compare(a.id.Partition, b.id.Partition), cmp.Compare(a.id.From, b.id.From))
	}) {
		var state []byte
		if r.hasState {
			var err error
			if state, err = getValue(ctx, r.volume, r.id, kindState, 0); err != nil {
				return fmt.Errorf("store: reading the state of range %s: %w", r.id, err)
			}
		}
		if !yield(r.id, r.to, state) {
			return nil
		}
	}
	return nil
}

// StatesBack calls yield with the states of a partition's ranges, the last range first, until yield gives false. It reads no
// more than it gives. Ranges without a state give nil. state is the caller's to keep.
func (s *Store) StatesBack(ctx context.Context, partition uint16, yield func(id RangeID, state []byte) bool) error {
	if err := s.begin(); err != nil {
		return err
	}
	defer s.end()
	volumes := s.index.snapshot()
	defer releaseAll(volumes)
	var ranges []*rangeInfo
	for _, v := range volumes {
		for _, r := range v.ranges {
			if r.id.Partition == partition {
				ranges = append(ranges, r)
			}
		}
	}
	slices.SortFunc(ranges, func(a, b *rangeInfo) int { return cmp.Compare(b.id.From, a.id.From) })
	for _, r := range ranges {
		var state []byte
		if r.hasState {
			var err error
			if state, err = getValue(ctx, r.volume, r.id, kindState, 0); err != nil {
				return fmt.Errorf("store: reading the state of range %s: %w", r.id, err)
			}
		}
		if !yield(r.id, state) {
			return nil
		}
	}
	return nil
}

// Expire drops what is older than the KV's retention or beyond its size, whole volumes, oldest first, and gives the days of
// which something went.
func (s *Store) Expire(ctx context.Context, now time.Time) (dropped []Day, err error) {
	if err := s.begin(); err != nil {
		return nil, err
	}
	defer s.end()
	dropped, err = s.drop(s.kv.Expired(now))
	return slices.Compact(dropped), err
}

// MakeRoom drops the oldest volumes until the disk has room again; full says that a write found it full. It gives the days
// of which something went: none where there is room, where nothing but the newest volume is left, or where readers still
// hold what was dropped before.
func (s *Store) MakeRoom(full bool) (dropped []Day, err error) {
	if err := s.begin(); err != nil {
		return nil, err
	}
	defer s.end()
	return s.makeRoom(full)
}

func (s *Store) makeRoom(full bool) ([]Day, error) {
	s.room.Lock()
	defer s.room.Unlock()
	dropped, err := s.drop(s.kv.Crowded(full))
	s.metrics.crowded.Add(float64(len(dropped)))
	return slices.Compact(dropped), err
}

func (s *Store) drop(volumes []Volume) (dropped []Day, err error) {
	for _, v := range volumes {
		if err == nil {
			if err = s.kv.Drop(v); err == nil {
				s.metrics.dropped.Inc()
				dropped = append(dropped, v.Day())
				s.index.drop(v)
				s.cache.forget(s, v)
			}
		}
		v.Release()
	}
	return dropped, err
}

// Stats counts what is stored.
func (s *Store) Stats() Stats {
	var out Stats
	if s.begin() != nil {
		return out
	}
	defer s.end()
	volumes := s.index.snapshot()
	defer releaseAll(volumes)
	var all bounds
	days := make(map[Day]*bounds)
	for _, v := range volumes {
		day := v.volume.Day()
		if days[day] == nil {
			days[day] = new(bounds)
			out.Days = append(out.Days, DayStats{Day: day})
		}
		days[day].merge(&v.bounds)
		all.merge(&v.bounds)
		d := &out.Days[len(out.Days)-1]
		d.Ranges += len(v.ranges)
		d.Bytes += v.volume.Bytes()
	}
	for i := range out.Days {
		d := &out.Days[i]
		b := days[d.Day]
		d.Calls, d.Least, d.Greatest = b.calls, b.least, b.greatest
		out.Ranges += d.Ranges
		out.Bytes += d.Bytes
	}
	if len(out.Days) > 0 {
		out.Day = out.Days[0].Day
	}
	out.Calls, out.Least, out.Greatest = all.calls, all.least, all.greatest
	return out
}
