// Package collect consumes the durable log: each partition pairs its halves into calls, counts them into roll-ups, and
// cuts what it has into ranges that go to the span store. What is not cut yet is searchable in memory through the store's
// contract. After a crash, the log is replayed from the first range that is not done.
//
// A trace belongs to one partition, and a partition to one goroutine; its state is guarded by one lock, which readers take
// shared. Lock order: a partition's lock is a leaf, nothing else is locked under it.
package collect

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/twinspan/twinspan/internal/bus/wal"
	"github.com/twinspan/twinspan/internal/span"
	"github.com/twinspan/twinspan/internal/store"
	"github.com/twinspan/twinspan/internal/wire"
)

// Collector consumes one log into one store.
type Collector struct {
	cfg     Config
	log     *wal.Log
	store   *store.Store
	logger  *slog.Logger
	metrics *Metrics
	parts   []*partition

	// stop is closed by Close, which also ends writing, the context of what goes to the store.
	stop    chan struct{}
	closing sync.Once
	writing context.Context
	cancel  context.CancelFunc
	running sync.WaitGroup

	truncating sync.Mutex
	overflow   overflow
}

// Recovered is what a restart found out about requests that were taken before it.
type Recovered struct {
	// Progress is, by file of an agent, the offset up to which it is on disk.
	Progress map[string]int64
	// Requests holds the hashes of requests of the last LateWindow, oldest first, with the time of receipt.
	Requests []RequestHash
}

// RequestHash is a request that was taken at a time in ns of the Unix epoch, and stands in the log at an offset.
type RequestHash struct {
	Hash       uint64
	At, Offset int64
}

// New makes a Collector of some partitions. The number must stay the same as long as log and store have data.
func New(cfg Config, log *wal.Log, st *store.Store, partitions int, logger *slog.Logger, m *Metrics) *Collector {
	c := &Collector{cfg: cfg, log: log, store: st, logger: logger, metrics: m, stop: make(chan struct{})}
	c.writing, c.cancel = context.WithCancel(context.Background())
	for i := range partitions {
		c.parts = append(c.parts, newPartition(c, uint16(i), partitions))
	}
	return c
}

// Start recovers what the store and the log hold and starts the partitions. After it, and not before, Hand may be called.
func (c *Collector) Start(ctx context.Context) (*Recovered, error) {
	done, err := c.store.LastDone(ctx)
	if err != nil {
		return nil, fmt.Errorf("ask the store which ranges are done: %w", err)
	}
	rec := &Recovered{Progress: make(map[string]int64)}
	if err := c.loadStates(ctx, rec); err != nil {
		return nil, err
	}
	from := c.log.Next()
	for _, p := range c.parts {
		first := max(done[p.id], c.log.First())
		p.begin(first)
		from = min(from, first)
	}
	for _, p := range c.parts {
		c.running.Add(2)
		go p.run()
		go p.write()
	}
	if err := c.replay(ctx, from, rec); err != nil {
		c.Close()
		return nil, err
	}
	return rec, nil
}

// loadStates reads what done ranges left for the time behind them: request hashes and late halves of the last LateWindow,
// and progress of agents' files back to the last range that has all of it, over the whole retention if none has.
func (c *Collector) loadStates(ctx context.Context, rec *Recovered) error {
	recent := time.Now().Add(-c.cfg.LateWindow).UnixNano()
	for _, p := range c.parts {
		states, err := c.statesOf(ctx, p.id, recent)
		if err != nil {
			return err
		}
		for i := len(states) - 1; i >= 0; i-- {
			s := &states[i]
			mergeProgress(rec.Progress, s.progress)
			for _, r := range s.requests {
				if r.At >= recent {
					rec.Requests = append(rec.Requests, r)
				}
			}
			p.late.restore(s.late, s.cut)
		}
		if p.id == progressPartition {
			p.files = newFiles(states, rec.Progress)
		}
	}
	return nil
}

// statesOf gives the states of a partition's last ranges, as many as are needed, the last first.
func (c *Collector) statesOf(ctx context.Context, partition uint16, recent int64) (states []state, err error) {
	var bad error
	err = c.store.StatesBack(ctx, partition, func(id store.RangeID, b []byte) bool {
		s, err := decodeState(b, recent)
		if err != nil {
			bad = fmt.Errorf("read the state of range %v: %w", id, err)
			return false
		}
		states = append(states, s)
		return s.cut >= recent || partition == progressPartition && !s.whole
	})
	if bad != nil {
		return nil, bad
	}
	if err != nil {
		return nil, fmt.Errorf("read the states of the store's ranges: %w", err)
	}
	return states, nil
}

// replayAhead bounds the records that replay reads ahead of the partitions.
const replayAhead = 64

// replay hands the log's records from an offset on to the partitions, which leave out what their done ranges hold.
func (c *Collector) replay(ctx context.Context, from int64, rec *Recovered) error {
	records := 0
	twice := newReplayed(rec.Requests)
	ahead := make(chan struct{}, replayAhead)
	err := c.log.Read(ctx, from, func(e wal.Entry) error {
		r, err := wire.UnpackRecord(e.Data)
		if err != nil {
			return fmt.Errorf("log record at offset %d: %w", e.Offset, err)
		}
		for i := range r.Batch.Halves {
			r.Batch.Halves[i].Received = e.Received
		}
		mergeProgress(rec.Progress, r.Progress)
		if r.RequestHash != 0 {
			rec.Requests = append(rec.Requests, RequestHash{r.RequestHash, e.Received, e.Offset})
		}
		records++
		if twice.seen(&r, e.Offset) {
			r.Batch = span.Batch{}
		}
		select {
		case ahead <- struct{}{}:
		case <-ctx.Done():
			return ctx.Err()
		}
		c.Hand(e.Offset, e.Received, &r, func() { <-ahead })
		return nil
	})
	if err != nil {
		return fmt.Errorf("replay the log from offset %d: %w", from, err)
	}
	if records > 0 {
		c.logger.Info("replayed the log", "records", records, "from", from)
	}
	return nil
}

// replayed recognises requests that are twice in the log, because they came twice at the same time, or because after an
// I/O error of the log a request was refused and sent again, but its first copy was there after all.
type replayed struct {
	progress map[string]int64
	// requests gives the offset of each request's first copy.
	requests map[uint64]int64
}

// newReplayed knows the requests that done ranges hold.
func newReplayed(known []RequestHash) *replayed {
	d := &replayed{progress: make(map[string]int64), requests: make(map[uint64]int64)}
	for _, r := range known {
		d.request(r.Hash, r.Offset)
	}
	return d
}

// request says that a request stands before offset, too.
func (d *replayed) request(hash uint64, offset int64) bool {
	first, known := d.requests[hash]
	if !known {
		d.requests[hash] = offset
	}
	return known && first < offset
}

func (d *replayed) seen(r *wire.Record, offset int64) bool {
	again := len(r.Progress) > 0 || r.RequestHash != 0
	if r.RequestHash != 0 {
		again = d.request(r.RequestHash, offset)
	}
	for _, p := range r.Progress {
		to, known := d.progress[p.File]
		again = again && known && p.To <= to
		d.progress[p.File] = max(to, p.To)
	}
	return again
}

// Hand takes a durable record; see ingest.Hand. It does not wait: taken is called once all partitions have the record,
// and until then it is the caller's to bound what is handed over.
func (c *Collector) Hand(offset, received int64, rec *wire.Record, taken func()) {
	it := item{offset: offset, received: received, rec: rec, left: new(atomic.Int32), taken: taken}
	it.left.Store(int32(len(c.parts)))
	for _, p := range c.parts {
		p.in.put(it)
	}
}

// Cut cuts every partition's range now and waits until what was cut is in the store. It is for a clean stop and for tests.
func (c *Collector) Cut(ctx context.Context) error {
	for _, p := range c.parts {
		answer := make(chan struct{})
		select {
		case p.cutNow <- answer:
		case <-ctx.Done():
			return ctx.Err()
		case <-c.stop:
			return context.Canceled
		}
		select {
		case <-answer:
		case <-ctx.Done():
			return ctx.Err()
		case <-c.stop:
			return context.Canceled
		}
	}
	return nil
}

// Close stops at once, and ends a write to the store that is under way by its context. What is not in the store yet is in
// the log and comes back with the next Start.
func (c *Collector) Close() {
	c.closing.Do(func() {
		close(c.stop)
		c.cancel()
	})
	c.running.Wait()
}

// truncate deletes the part of the log that all partitions have in the store.
func (c *Collector) truncate() {
	c.truncating.Lock()
	defer c.truncating.Unlock()
	least := int64(1<<63 - 1)
	for _, p := range c.parts {
		least = min(least, p.done.Load())
	}
	if err := c.log.TruncateBefore(least); err != nil {
		c.logger.Warn("cannot delete old segments of the log, trying again with the next range", "error", err)
	}
}

// mergeProgress keeps the latest offset of each file.
func mergeProgress(into map[string]int64, list []wire.Progress) {
	for _, p := range list {
		into[p.File] = max(into[p.File], p.To)
	}
}

func progressList(m map[string]int64) []wire.Progress {
	list := make([]wire.Progress, 0, len(m))
	for file, to := range m {
		list = append(list, wire.Progress{File: file, To: to})
	}
	return list
}
