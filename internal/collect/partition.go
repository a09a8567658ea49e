package collect

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/twinspan/twinspan/internal/pair"
	"github.com/twinspan/twinspan/internal/rollup"
	"github.com/twinspan/twinspan/internal/span"
	"github.com/twinspan/twinspan/internal/store"
	"github.com/twinspan/twinspan/internal/wire"
	"github.com/twinspan/twinspan/sdk/id"
)

// item is one durable record on its way to the partitions, each of which takes the traces that are its own. One without a
// record only says, by taken, that all before it were taken.
type item struct {
	offset, received int64
	rec              *wire.Record
	// left counts the partitions that have not taken the record yet; the last one calls taken.
	left  *atomic.Int32
	taken func()
}

// inbox holds the records that wait for a partition. It is not bounded itself: who hands over counts what is not taken.
type inbox struct {
	mu    sync.Mutex
	items []item
	// wake has one place: it says that there is something.
	wake chan struct{}
}

func (b *inbox) put(it item) {
	b.mu.Lock()
	b.items = append(b.items, it)
	b.mu.Unlock()
	select {
	case b.wake <- struct{}{}:
	default:
	}
}

// all takes everything; spare is memory for what comes next.
func (b *inbox) all(spare []item) []item {
	b.mu.Lock()
	defer b.mu.Unlock()
	items := b.items
	b.items = spare[:0]
	return items
}

// partition pairs and counts the traces of one partition, in its own goroutine, and has a second goroutine that writes
// cut ranges.
type partition struct {
	c      *Collector
	id     uint16
	of     uint64
	in     inbox
	cutNow chan chan struct{}
	// writing hands a cut range over; it has no buffer, so at most one range waits in memory beside the open one.
	writing chan *openRange
	written chan *openRange
	// done is the offset up to which the store has everything.
	done atomic.Int64
	// failing says that the store did not take the closing range, heldUp that the partition waits for it to do so.
	failing, heldUp atomic.Bool

	// mu guards what follows: the partition's goroutine writes, readers take it shared.
	mu      sync.RWMutex
	pairer  *pair.Pairer
	open    *openRange
	closing *openRange
	// window is the shortened one, and shortened when that was, 0 for never.
	window    time.Duration
	shortened int64

	// Owned by the partition's goroutine.
	// spare is a range that is written and that nobody reads: the next one takes its memory.
	spare *openRange
	files files // of progressPartition
	late  *lateTable
	seen  *seenTable
	next  int64
	now   int64
	// noted is what of the open range's overflow the collector knows.
	noted rollup.Overflow
	// taken is the inbox's other half.
	taken []item
}

func newPartition(c *Collector, n uint16, of int) *partition {
	p := &partition{
		c: c, id: n, of: uint64(of), in: inbox{wake: make(chan struct{}, 1)}, cutNow: make(chan chan struct{}),
		writing: make(chan *openRange), written: make(chan *openRange, 1),
		late: newLateTable(c.cfg.LateWindow.Nanoseconds()), seen: newSeenTable(c.cfg.Window.Nanoseconds()),
	}
	p.pairer = pair.New(c.cfg.Window.Nanoseconds(), p.emit)
	return p
}

// begin sets the offset behind which this partition takes records.
func (p *partition) begin(offset int64) {
	p.next = offset
	p.done.Store(offset)
	p.open = newOpenRange(p.id, offset, p.c.cfg.MaxRollupRows, nil)
}

// partitionOf says which of n partitions a trace belongs to. It is part of the log's contract: fnv-1a over the id's bytes.
func partitionOf(t id.Trace, n uint64) uint64 {
	h := uint64(0xcbf29ce484222325)
	for _, b := range t {
		h = (h ^ uint64(b)) * 0x100000001b3
	}
	return (h >> 32) % n
}

// tickEvery is how often windows and ages are looked at.
const tickEvery = 250 * time.Millisecond

func (p *partition) run() {
	defer p.c.running.Done()
	defer close(p.writing)
	tick := time.NewTicker(tickEvery)
	defer tick.Stop()
	for {
		select {
		case <-p.in.wake:
			p.takeAll()
		case <-tick.C:
			p.tick(time.Now().UnixNano())
		case r := <-p.written:
			p.drop(r)
		case answer := <-p.cutNow:
			p.takeAll()
			if p.cut("request") && p.settle() {
				close(answer)
			}
		case <-p.c.stop:
			return
		}
	}
}

// takeAll takes what waits. It ends early when the collector stops.
func (p *partition) takeAll() {
	items := p.in.all(p.taken)
	for i, it := range items {
		p.take(it)
		if p.id == 0 && it.rec != nil {
			p.c.metrics.Searchable.Observe(max(0, float64(time.Now().UnixNano()-it.received)/1e9))
		}
		if it.left.Add(-1) == 0 {
			it.taken()
		}
		items[i] = item{}
		select {
		case <-p.c.stop:
			return
		default:
		}
	}
	p.taken = items
}

// take is one record's way through the partition.
func (p *partition) take(it item) {
	if it.rec == nil || it.offset < p.next {
		return // a done range has it
	}
	p.mu.Lock()
	p.now = max(p.now, it.received)
	p.next = it.offset + 1
	r := p.open
	r.note(it, p.id == progressPartition)
	if p.id == progressPartition {
		p.files.note(it.rec.Progress)
	}
	for i := range it.rec.Batch.Halves {
		h := &it.rec.Batch.Halves[i]
		if partitionOf(h.Trace, p.of) == uint64(p.id) {
			p.half(h)
		}
	}
	for i := range it.rec.Batch.Stats {
		if s := &it.rec.Batch.Stats[i]; statPartition(s, p.of) == uint64(p.id) {
			r.count.Stat(s)
			r.bytes += statSize
		}
	}
	p.relieve()
	p.noteOverflow()
	r.memory.forget()
	r.full = r.bytes >= p.c.cfg.RangeBytes/int64(p.of)
	full := r.full
	p.mu.Unlock()
	if full {
		p.cut("bytes")
	}
}

// noteOverflow tells the collector what found no roll-up row of its own in the open range.
func (p *partition) noteOverflow() {
	if now := p.open.count.Overflow; now != p.noted {
		p.c.overflow.note(p.c.metrics, now.Since(p.noted))
		p.noted = now
	}
}

// relieve shortens the window while too much waits: what has waited longest goes on. It lets go a little more than it has
// to, so that it is not done again for the next record.
func (p *partition) relieve() {
	most, bytes := p.c.cfg.MaxWaiting/int(p.of), p.c.cfg.MaxWaitingBytes/int64(p.of)
	if p.pairer.Held() <= most && p.pairer.Bytes() <= bytes {
		return
	}
	n, since := p.pairer.Shrink(most-most/16, bytes-bytes/16)
	p.c.metrics.Early.Add(float64(n))
	p.shorten(since)
}

// shorten notes that halves which had waited since then, in ns of the Unix epoch, had to go on.
func (p *partition) shorten(since int64) {
	p.window, p.shortened = min(p.c.cfg.Window, max(0, time.Duration(p.now-since))), p.now
}

// windowMemory is how long a window that was cut short is told of.
const windowMemory = 15 * time.Second

// effective is the window that halves were given of late. The caller holds the lock.
func (p *partition) effective(now int64) time.Duration {
	if p.shortened == 0 || now-p.shortened > windowMemory.Nanoseconds() {
		return p.c.cfg.Window
	}
	return p.window
}

// statSize is about what a stat line costs in memory, if it makes a row of its own.
const statSize = 512

func statPartition(s *span.Stat, n uint64) uint64 {
	var t id.Trace
	copy(t[:], s.App)
	return partitionOf(t, n)
}

func (p *partition) half(received *span.Half) {
	p.open.bytes += int64(received.Size())
	seen := p.seen.add(received, p.now)
	if seen == seenSame {
		p.c.metrics.Duplicates.WithLabelValues("resent").Inc()
		return
	}
	h := p.open.memory.keep(received)
	if seen == seenOtherRoute {
		// Stored, so that the reader merges the attributes of both, but not counted or paired again.
		p.c.metrics.Duplicates.WithLabelValues("route").Inc()
		first := p.unsure(h)
		if first == nil {
			p.open.add(span.Alone(h, ""))
			return
		}
		p.open.add(span.Alone(first, "")) // and h takes its place
	}
	if pair.Waits(h) {
		if was := p.late.claim(h, p.now, p.open); was != nil {
			p.correct(h, was)
			return
		}
	}
	p.pairer.Add(h, p.now)
}

// unsure takes back the same half as h if it still waits under its own id, because the route that brought it could not
// tell whom it answers, and h can.
func (p *partition) unsure(h *span.Half) *span.Half {
	if !h.Kind.CalleeSide() || h.Shared {
		return nil
	}
	own := id.SpanOf(h.Dotted)
	if own == h.Twin {
		return nil
	}
	return p.pairer.Withdraw(h, own)
}

// correct stores a half that comes after its other half was counted one-sided, and sets the count right. The reader joins
// the two by id.
func (p *partition) correct(h *span.Half, was *lateCall) {
	p.c.metrics.Late.Inc()
	if h.Kind.CallerSide() {
		call := span.Alone(h, "")
		call.Callee = was.key.Callee // so that a search for both sides finds it
		p.open.add(call)
		is := rollup.WithClient(was.counted(), h)
		p.open.count.Correct(was.counted(), is)
		if h.Kind == span.KindProducer {
			p.deliver(h, is)
		}
		return
	}
	call := span.Alone(h, was.key.Caller)
	p.open.add(call)
	if was.joined { // a further delivery of a message
		p.open.count.Call(&call)
		return
	}
	p.open.count.Correct(was.counted(), rollup.WithServer(was.counted(), h))
}

// deliver names the producer, which came late, in the counts of all deliveries of its message but the first, and remembers
// it for those that are still to come.
func (p *partition) deliver(h *span.Half, first rollup.Counted) {
	for d := p.late.claim(h, p.now, p.open); d != nil; d = p.late.claim(h, p.now, p.open) {
		is := d.counted()
		is.Key.Caller = h.App
		p.open.count.Correct(d.counted(), is)
	}
	p.late.note(lateHash(h), lateCall{
		key: p.late.share(first.Key), duration: first.Duration, failed: first.Failed, client: true, producer: true, joined: true,
	}, p.now, p.open)
}

// emit takes a call from the pairer.
func (p *partition) emit(call span.Call) {
	if s := call.Server; call.Client == nil && s.Kind == span.KindConsumer && call.Caller == s.Peer {
		// While this delivery waited, its producer may have been matched with another one, that was counted before.
		if was := p.late.claim(s, p.now, p.open); was != nil {
			p.correct(s, was)
			return
		}
	}
	p.open.add(call)
	p.late.remember(&call, p.open.count.Call(&call), p.now, p.open)
	switch {
	case call.Client != nil && call.Server != nil:
		p.c.metrics.Calls.WithLabelValues("joined").Inc()
	case pair.Waits(call.Lead()):
		p.c.metrics.Calls.WithLabelValues("one_sided").Inc()
	default:
		p.c.metrics.Calls.WithLabelValues("single").Inc()
	}
}

func (p *partition) tick(now int64) {
	p.mu.Lock()
	p.now = max(p.now, now)
	p.pairer.Expire(p.now)
	p.noteOverflow()
	r := p.open
	cause := ""
	switch {
	case r.from == p.next:
	case p.now-r.received >= p.c.cfg.RangeAge.Nanoseconds():
		cause = "age"
	case store.DayOf(p.now) != store.DayOf(r.received):
		cause = "day"
	}
	p.mu.Unlock()
	if p.id == 0 {
		p.c.overflow.warn(p.c.logger, p.c.cfg.MaxRollupRows, now)
	}
	if cause != "" {
		p.cut(cause)
	}
}

// cut ends the open range and hands it to the writer, waiting for the one before if that is still being written. It gives
// false when the collector stops.
func (p *partition) cut(cause string) bool {
	if p.open.from == p.next {
		return true
	}
	begin := time.Now()
	if !p.settle() {
		return false
	}
	p.c.metrics.CutWait.Observe(time.Since(begin).Seconds())
	p.c.metrics.Cuts.WithLabelValues(cause).Inc()
	p.mu.Lock()
	if since, ok := p.pairer.Oldest(); ok && p.open.full {
		p.shorten(since)
	}
	p.pairer.Flush()
	p.noteOverflow()
	p.noted = rollup.Overflow{}
	r := p.open
	r.to, r.cut = p.next, p.now
	if p.id == progressPartition {
		p.files.cut(r)
	}
	p.closing, p.open = r, newOpenRange(p.id, p.next, p.c.cfg.MaxRollupRows, p.spare)
	p.spare = nil
	p.mu.Unlock()
	select {
	case p.writing <- r:
		return true
	case <-p.c.stop:
		return false
	}
}

// settle waits until no range is being written.
func (p *partition) settle() bool {
	p.heldUp.Store(true)
	defer p.heldUp.Store(false)
	for p.closing != nil {
		select {
		case r := <-p.written:
			p.drop(r)
		case <-p.c.stop:
			return false
		}
	}
	return true
}

func (p *partition) drop(r *openRange) {
	p.mu.Lock()
	p.closing = nil
	if r.full && !r.shared.Load() {
		p.spare = r
	}
	p.mu.Unlock()
	p.done.Store(r.to)
	p.c.truncate()
}

// retryAfter is the time between two tries to write a range that the store did not take.
const retryAfter = 2 * time.Second

// write is the goroutine that brings cut ranges into the store. It tries until it succeeds or the collector stops: the
// log keeps what is not written.
func (p *partition) write() {
	defer p.c.running.Done()
	for r := range p.writing {
		finished := r.finish()
		for {
			begin := time.Now()
			err := p.c.store.WriteRange(p.c.writing, finished)
			p.failing.Store(err != nil)
			if err == nil {
				p.c.metrics.RangeSeconds.Observe(time.Since(begin).Seconds())
				p.c.metrics.Durable.Observe(max(0, float64(time.Now().UnixNano()-r.received)/1e9))
				p.c.metrics.Stored.Add(float64(len(r.calls)))
				p.written <- r
				break
			}
			if p.c.writing.Err() != nil {
				return
			}
			p.c.metrics.WriteErrors.Inc()
			p.c.logger.Error("cannot write a range to the span store; it stays in the log and is tried again",
				"partition", r.partition, "from", r.from, "to", r.to, "error", err, "retry_after", retryAfter)
			select {
			case <-time.After(retryAfter):
			case <-p.c.stop:
				return
			}
		}
	}
}
