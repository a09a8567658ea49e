package wal

import (
	"context"
	"errors"
	"fmt"
	"hash/crc32"
	"log/slog"
	"math"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"
)

// Record is what is logged.
type Record struct {
	Partition uint16
	// Received is when the data arrived, in Unix nanoseconds.
	Received int64
	Data     []byte
}

// Entry is a record with its place in the log.
type Entry struct {
	// Offset counts records from the beginning of the log: 0, 1, 2, …
	Offset int64
	Record
}

// Log is an open log. All methods may be called concurrently.
type Log struct {
	cfg     Config
	log     *slog.Logger
	fs      fileSystem
	lock    *os.File
	metrics *Metrics

	mu       sync.Mutex
	segments []*segment
	next     int64 // offset of the next record; all before are durable
	size     int64 // bytes of all segments
	queue    []*request
	queued   int64 // bytes of queue
	closed   bool
	// trouble is why the last append was refused, at troubleAt; nil after one that was not.
	trouble   error
	troubleAt time.Time
	// removed says that the deletion of a segment may not be durable yet.
	removed bool
	// holds counts the snapshots under way, for which nothing is deleted.
	holds int

	wake    chan struct{} // capacity 1: the queue or closed changed
	stopped chan struct{} // closed when the committer has ended

	// The committer's own: the last segment's file, nil where a new segment must be created first.
	file file
	buf  []byte
}

// request is one Append on its way.
type request struct {
	records   []Record
	crcs      []uint32
	size      int64 // with frame headers
	offsets   []int64
	committed func([]int64)
	taken     bool // by the committer; guarded by Log.mu
	roll      bool // begin a new segment; there are no records then
	err       error
	done      chan struct{}
}

// Open opens the log in cfg.Dir, creating it if there is none, and holds the directory until Close.
// It cuts off what a crash left of unacknowledged records. Errors: ErrInUse, ErrCorrupt, ErrVersion,
// ErrFull (only where a segment must be created), or of the file system.
func Open(cfg Config, log *slog.Logger) (*Log, error) { return open(cfg, log, osFS{}) }

func open(cfg Config, log *slog.Logger, fsys fileSystem) (_ *Log, err error) {
	if err := cfg.Validate(); err != nil {
		return nil, fmt.Errorf("wal: configuration: %w", err)
	}
	if cfg.Dir == "" {
		return nil, errors.New("wal: configuration: no directory given")
	}
	cfg.Dir = filepath.Clean(cfg.Dir)
	if err := os.MkdirAll(cfg.Dir, 0o750); err != nil {
		return nil, fmt.Errorf("wal: create directory: %w", err)
	}
	if err := fsys.syncDir(filepath.Dir(cfg.Dir)); err != nil {
		return nil, fmt.Errorf("wal: sync the parent of directory %s: %w", cfg.Dir, err)
	}
	l := &Log{
		cfg: cfg, log: log, fs: fsys,
		wake: make(chan struct{}, 1), stopped: make(chan struct{}),
	}
	l.metrics = newMetrics(l)
	if l.lock, err = lockDir(cfg.Dir); err != nil {
		return nil, err
	}
	if err := l.recover(); err != nil {
		if l.file != nil {
			_ = l.file.Close()
		}
		_ = l.lock.Close()
		return nil, err
	}
	l.metrics.size.Set(float64(l.size))
	go l.run()
	return l, nil
}

// Metrics returns the log's measurements, to be registered by the caller.
func (l *Log) Metrics() *Metrics { return l.metrics }

// Append writes the records next to each other and returns their offsets once they are durable.
// Concurrent calls share a sync. The data must not change until Append returns.
//
// With ErrClosed, ErrFull and ErrTooLarge nothing of the call is kept. With ctx's error neither:
// ctx only ends the waiting for a turn; once the records are being written, their fate is awaited.
// After another I/O error the records may or may not be there after a restart.
func (l *Log) Append(ctx context.Context, records ...Record) (offsets []int64, err error) {
	err = l.AppendFunc(ctx, records, func(o []int64) { offsets = o })
	return offsets, err
}

// AppendFunc is Append that also calls committed with the offsets when the records are durable: in
// the order of the log over all calls, one at a time, and before AppendFunc returns nil. It is not
// called where AppendFunc returns an error, or without records. Nothing is committed while
// committed runs, so it must be quick, and it must not call the log's Append or Close.
func (l *Log) AppendFunc(ctx context.Context, records []Record, committed func(offsets []int64)) error {
	if len(records) == 0 {
		return ctx.Err()
	}
	r := &request{records: records, committed: committed, crcs: make([]uint32, len(records)), done: make(chan struct{})}
	for i := range records {
		n := len(records[i].Data)
		if int64(n) > math.MaxUint32 {
			return fmt.Errorf("%w: a record has %d bytes", ErrTooLarge, n)
		}
		r.size += frameHeaderSize + int64(n)
		// Here, not in the committer: callers are many, the committer is one.
		r.crcs[i] = crc32.Checksum(records[i].Data, castagnoli)
	}
	if most := l.cfg.SegmentBytes - segmentHeaderSize; r.size > most {
		return fmt.Errorf("%w: %d bytes in %d records, at most %d (segment_bytes is %d)",
			ErrTooLarge, r.size, len(records), most, l.cfg.SegmentBytes)
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	l.mu.Lock()
	if l.closed {
		l.mu.Unlock()
		return ErrClosed
	}
	l.queue = append(l.queue, r)
	l.queued += r.size
	l.mu.Unlock()
	l.signal()

	select {
	case <-r.done:
		return r.err
	case <-ctx.Done():
	}
	l.mu.Lock()
	if !r.taken {
		i := slices.Index(l.queue, r)
		l.queue = slices.Delete(l.queue, i, i+1)
		l.queued -= r.size
		l.mu.Unlock()
		return ctx.Err()
	}
	l.mu.Unlock()
	<-r.done
	return r.err
}

func (l *Log) signal() {
	select {
	case l.wake <- struct{}{}:
	default:
	}
}

// rollBytes is the size from which on it is worth to begin a new segment, so that one can be deleted.
const rollBytes = 1 << 20

// TruncateBefore deletes the segments that hold only records before offset. One segment stays, if need be a new and
// empty one, so that the log never forgets how far it has counted. An error leaves the rest for the next call,
// and so does a Snapshot that is under way.
func (l *Log) TruncateBefore(offset int64) error {
	rolled := false
	for {
		l.mu.Lock()
		if l.closed {
			l.mu.Unlock()
			return ErrClosed
		}
		if l.holds > 0 {
			l.mu.Unlock()
			return nil
		}
		if len(l.segments) < 2 {
			idle := l.next <= offset && l.segments[0].size >= rollBytes && !rolled
			l.mu.Unlock()
			if !idle {
				return nil
			}
			rolled = true
			if err := l.beginSegment(); err != nil {
				return fmt.Errorf("wal: begin a new segment: %w", err)
			}
			continue
		}
		if l.segments[0].next > offset {
			l.mu.Unlock()
			return nil
		}
		if l.removed { // else a crash could keep this one and not the one after it, which looks like damage
			l.mu.Unlock()
			if err := l.fs.syncDir(l.cfg.Dir); err != nil {
				return fmt.Errorf("wal: make the deletion of segments durable: %w", err)
			}
			l.mu.Lock()
			l.removed = false
			l.mu.Unlock()
			continue
		}
		// Under the lock: readers and the limit must never count on a file that is going away.
		s := l.segments[0]
		if err := l.fs.remove(s.path); err != nil && !errors.Is(err, os.ErrNotExist) {
			l.mu.Unlock()
			return fmt.Errorf("wal: delete segment: %w", err)
		}
		s.gone, l.removed = true, true
		l.segments = slices.Delete(l.segments, 0, 1)
		l.setSize(l.size - s.size)
		l.mu.Unlock()
	}
}

// beginSegment lets the committer end the active segment.
func (l *Log) beginSegment() error {
	r := &request{roll: true, done: make(chan struct{})}
	l.mu.Lock()
	if l.closed {
		l.mu.Unlock()
		return ErrClosed
	}
	l.queue = append(l.queue, r)
	l.mu.Unlock()
	l.signal()
	<-r.done
	return r.err
}

// First returns the offset of the oldest record in the log; it equals Next where there is none.
func (l *Log) First() int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.segments[0].first
}

// Next returns the offset that the next record will get. All records before it are durable.
func (l *Log) Next() int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.next
}

// troubleMemory is for how long a refused append says that the log takes nothing: only another one can tell.
const troubleMemory = 15 * time.Second

// Trouble gives why the log takes nothing: the error of the last append, unless that is long ago.
func (l *Log) Trouble() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if time.Since(l.troubleAt) > troubleMemory {
		return nil
	}
	return l.trouble
}

// Queued returns the bytes of appends that wait to be written.
func (l *Log) Queued() int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.queued
}

// Size returns the bytes of all segments.
func (l *Log) Size() int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.size
}

// setSize is called with mu held.
func (l *Log) setSize(n int64) {
	l.size = n
	l.metrics.size.Set(float64(n))
}

// Close commits what is waiting, refuses everything later and gives the directory free. Running
// reads end by themselves. A second Close returns ErrClosed.
func (l *Log) Close() error {
	l.mu.Lock()
	if l.closed {
		l.mu.Unlock()
		return ErrClosed
	}
	l.closed = true
	l.mu.Unlock()
	l.signal()
	<-l.stopped
	var err error
	if l.file != nil {
		err = l.file.Close()
	}
	if err = errors.Join(err, l.lock.Close()); err != nil {
		return fmt.Errorf("wal: close: %w", err)
	}
	return nil
}
