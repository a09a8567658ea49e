package collect

import (
	"container/heap"
	"context"
	"sync/atomic"
	"time"

	"github.com/twinspan/twinspan/internal/span"
	"github.com/twinspan/twinspan/internal/store"
	"github.com/twinspan/twinspan/sdk/id"
)

var _ store.Reader = (*Collector)(nil)

// catchUpTime bounds how long a reader waits for what was handed over before. A partition that is behind for longer is read
// as it is.
const catchUpTime = time.Second

// catchUp waits until the partitions have taken what was handed to them before, so that a request that was acknowledged
// is found by whoever asks next. It does not wait for one that the store holds up with errors.
func (c *Collector) catchUp(ctx context.Context, parts ...*partition) {
	left, done := new(atomic.Int32), make(chan struct{})
	left.Store(int32(len(parts)))
	passed := item{left: left, taken: func() { close(done) }}
	for _, p := range parts {
		if !p.failing.Load() || !p.heldUp.Load() {
			p.in.put(passed)
		} else if left.Add(-1) == 0 {
			return
		}
	}
	timeout := time.NewTimer(catchUpTime)
	defer timeout.Stop()
	select {
	case <-done:
	case <-timeout.C:
	case <-ctx.Done():
	case <-c.stop:
	}
}

// ranges gives the partition's ranges that are not in the store. The caller holds the lock.
func (p *partition) ranges() []*openRange {
	if p.closing != nil {
		return []*openRange{p.closing, p.open}
	}
	return []*openRange{p.open}
}

// Trace implements store.Reader for what is in memory, halves that wait for their other half included.
func (c *Collector) Trace(ctx context.Context, t id.Trace, limit int) (calls []span.Call, truncated bool, err error) {
	p := c.parts[partitionOf(t, uint64(len(c.parts)))]
	c.catchUp(ctx, p)
	p.mu.RLock()
	defer p.mu.RUnlock()
	take := func(call *span.Call) bool {
		if limit > 0 && len(calls) >= limit {
			truncated = true
			return false
		}
		calls = append(calls, *call)
		return true
	}
	for _, r := range p.ranges() {
		r.trace(t, take)
	}
	p.pairer.WaitingOf(t, func(call span.Call) {
		p.open.shared.Store(true)
		take(&call)
	})
	return calls, truncated, nil
}

// Search implements store.Reader for what is in memory. It notes what matches before it yields, so that partitions are
// held up only while they are scanned, and brings into order only as many calls as are wanted.
func (c *Collector) Search(ctx context.Context, q *store.Query, yield func(span.Call) bool) error {
	c.catchUp(ctx, c.parts...)
	var found matches
	for _, p := range c.parts {
		if err := ctx.Err(); err != nil {
			return err
		}
		found = p.search(q, found)
	}
	heap.Init(&found)
	for len(found) > 0 {
		if !yield(*found[0]) {
			return nil
		}
		heap.Pop(&found)
	}
	return nil
}

// Halves counts over memory and store together, as Rollups does: memory first, and then the store without the ranges that
// were there. What it yields is what store.Store.HalvesWithout says, and the caller's only until yield returns.
func (c *Collector) Halves(ctx context.Context, q *store.Query, yield func(*span.Half) bool) error {
	c.catchUp(ctx, c.parts...)
	inMemory := make(map[store.RangeID]bool)
	var found matches
	for _, p := range c.parts {
		if err := ctx.Err(); err != nil {
			return err
		}
		found = p.halves(q, inMemory, found[:0])
		for _, call := range found {
			if !q.HalvesOf(call, yield) {
				return nil
			}
		}
	}
	return c.store.HalvesWithout(ctx, q, inMemory, yield)
}

// halves is search that notes which ranges were read.
func (p *partition) halves(q *store.Query, seen map[store.RangeID]bool, found matches) matches {
	p.mu.RLock()
	defer p.mu.RUnlock()
	for _, r := range p.ranges() {
		seen[r.id()] = true
	}
	return p.find(q, found)
}

// matches is a heap with the newest call first. The calls are the ranges' own, which are not changed once they are there.
type matches []*span.Call

func (m matches) Len() int           { return len(m) }
func (m matches) Less(i, j int) bool { return store.Compare(m[i], m[j]) < 0 }
func (m matches) Swap(i, j int)      { m[i], m[j] = m[j], m[i] }
func (m *matches) Push(x any)        { *m = append(*m, x.(*span.Call)) }
func (m *matches) Pop() any {
	last := len(*m) - 1
	call := (*m)[last]
	(*m)[last] = nil
	*m = (*m)[:last]
	return call
}

func (p *partition) search(q *store.Query, found matches) matches {
	p.mu.RLock()
	defer p.mu.RUnlock()
	return p.find(q, found)
}

// find adds the calls that match. The caller holds the lock.
func (p *partition) find(q *store.Query, found matches) matches {
	for _, r := range p.ranges() {
		for i := range r.calls {
			if q.Match(&r.calls[i]) {
				found = append(found, &r.calls[i])
				r.shared.Store(true)
			}
		}
	}
	p.pairer.Waiting(func(call span.Call) bool {
		if q.Match(&call) {
			found = append(found, &call)
			p.open.shared.Store(true)
		}
		return true
	})
	return found
}

// Rollups gives the rows of memory and store together, because a range moves from one to the other at any moment and its
// rows have no identity by which a reader of both could recognise them: memory is read first, and then the store without
// the ranges that were there. So each range counts exactly once.
func (c *Collector) Rollups(ctx context.Context, q store.RollupQuery, yield func(*span.Rollup) bool) (store.Interval, error) {
	c.catchUp(ctx, c.parts...)
	var minutes store.Interval
	inMemory, stopped := make(map[store.RangeID]bool), false
	for _, p := range c.parts {
		p.rollups(inMemory, func(row *span.Rollup) bool {
			if row.Minute >= q.From && row.Minute < q.To {
				minutes.Include(row.Minute, row.Minute+1)
				counted := *row
				counted.Minute = q.Minute(row.Minute)
				stopped = !yield(&counted)
			}
			return !stopped
		})
		if stopped {
			return minutes, nil
		}
	}
	stored, err := c.store.RollupsWithout(ctx, q, inMemory, yield)
	minutes.Include(stored.From, stored.To)
	return minutes, err
}

func (p *partition) rollups(seen map[store.RangeID]bool, yield func(*span.Rollup) bool) {
	p.mu.RLock()
	defer p.mu.RUnlock()
	for _, r := range p.ranges() {
		seen[r.id()] = true
		r.count.Each(yield)
	}
}

// Times implements store.Reader for what is in memory.
func (c *Collector) Times(ctx context.Context, from, to int64) (times store.Interval, err error) {
	c.catchUp(ctx, c.parts...)
	for _, p := range c.parts {
		p.times(from, to, &times)
	}
	return times, nil
}

func (p *partition) times(from, to int64, times *store.Interval) {
	p.mu.RLock()
	defer p.mu.RUnlock()
	for _, r := range p.ranges() {
		switch {
		case r.times.To <= from || r.times.From >= to:
		case r.times.From >= from && r.times.To <= to:
			times.Include(r.times.From, r.times.To)
		default:
			for i := range r.calls {
				if at := store.Time(&r.calls[i]); at >= from && at < to {
					times.Include(at, at+1)
				}
			}
		}
	}
}

// Stored is the store as it is read beside the Collector, which gives the roll-ups of both.
func (c *Collector) Stored() store.Reader { return stored{c.store} }

type stored struct{ *store.Store }

// Rollups gives nothing: see Collector.Rollups.
func (stored) Rollups(context.Context, store.RollupQuery, func(*span.Rollup) bool) (store.Interval, error) {
	return store.Interval{}, nil
}

// Halves gives nothing: see Collector.Halves.
func (stored) Halves(context.Context, *store.Query, func(*span.Half) bool) error { return nil }

// Open counts what is in memory: calls of ranges that are not in the store yet, and halves that wait.
func (c *Collector) Open() (calls, waiting int) {
	for _, p := range c.parts {
		p.mu.RLock()
		for _, r := range p.ranges() {
			calls += len(r.calls)
		}
		waiting += p.pairer.Held()
		p.mu.RUnlock()
	}
	return calls, waiting
}
