package collect

import (
	"sync/atomic"
	"time"

	"github.com/twinspan/twinspan/internal/rollup"
	"github.com/twinspan/twinspan/internal/span"
	"github.com/twinspan/twinspan/internal/store"
	"github.com/twinspan/twinspan/sdk/id"
)

// openRange is what a partition has made of the log's records since the last cut. The partition's lock guards it until it
// is cut; from then on it is only read.
type openRange struct {
	partition uint16
	from, to  int64
	// received is the time of the first record, cut that of the cut, in ns of the Unix epoch.
	received, cut int64
	bytes         int64

	calls []span.Call
	// times reaches from the first to the last call.
	times store.Interval
	// last and before are the trace index: last has the newest call of a trace, before the one before each call, as
	// index+1.
	last   map[id.Trace]int32
	before []int32

	memory *memory
	// shared says that a reader was given some of the calls, which it may keep for as long as it likes.
	shared atomic.Bool
	// full says that the range was cut because of its size.
	full bool

	count    *rollup.Counter
	progress map[string]int64
	whole    bool // progress is that of all files
	requests []RequestHash
	late     []lateRow
}

// newOpenRange begins a range in the memory of one that nobody needs any more, or nil.
func newOpenRange(partition uint16, from int64, maxRows int, spare *openRange) *openRange {
	r := &openRange{
		partition: partition, from: from, count: rollup.NewCounter(maxRows), progress: make(map[string]int64),
	}
	if spare == nil {
		r.last, r.memory = make(map[id.Trace]int32), newMemory()
		return r
	}
	r.calls, r.before, r.last, r.memory = spare.calls[:0], spare.before[:0], spare.last, spare.memory
	clear(r.last)
	r.memory.reset()
	return r
}

// note takes what belongs to the record as a whole; only one partition keeps it.
func (r *openRange) note(it item, keep bool) {
	if r.received == 0 {
		r.received = it.received
		r.count.Minute = span.FloorDiv(it.received, int64(time.Minute))
	}
	if !keep {
		return
	}
	mergeProgress(r.progress, it.rec.Progress)
	if it.rec.RequestHash != 0 {
		r.requests = append(r.requests, RequestHash{it.rec.RequestHash, it.received, it.offset})
	}
}

func (r *openRange) add(c span.Call) {
	t := c.Trace()
	at := store.Time(&c)
	r.times.Include(at, at+1)
	r.calls = append(r.calls, c)
	r.before = append(r.before, r.last[t])
	r.last[t] = int32(len(r.calls))
}

// trace calls yield with the range's calls of a trace.
func (r *openRange) trace(t id.Trace, yield func(*span.Call) bool) bool {
	for n := r.last[t]; n != 0; n = r.before[n-1] {
		r.shared.Store(true)
		if !yield(&r.calls[n-1]) {
			return false
		}
	}
	return true
}

func (r *openRange) id() store.RangeID { return store.RangeID{Partition: r.partition, From: r.from} }

// finish gives the range as the store takes it. Readers go on reading r meanwhile.
func (r *openRange) finish() *store.Range {
	out := &store.Range{
		ID: r.id(), To: r.to, Received: r.received, Calls: r.calls,
		Rollups: make([]span.Rollup, 0, r.count.Len()),
	}
	r.count.Each(func(row *span.Rollup) bool {
		out.Rollups = append(out.Rollups, *row)
		return true
	})
	s := state{cut: r.cut, progress: progressList(r.progress), whole: r.whole, requests: r.requests, late: r.late}
	out.State = s.append(nil)
	return out
}
