package twinspan

import (
	"runtime"
	"sync"
	"sync/atomic"
)

// shard is where the spans that end on one CPU are counted and written as lines. There are four times as many as CPUs, so that
// two CPUs rarely meet at one lock. A span's own goroutine formats its line: the work scales with the CPUs, and a span that
// has ended is kept by nobody.
type shard struct {
	mu      sync.Mutex
	encoder encoder
	spans   uint64
	stats   statTable
	pending [componentCount][2]chunk // being filled, by component, normal or shadow
	full    []chunk                  // for the writer
	free    [][]byte
	lines   int // in pending and full and with the writer, all of which the limits count
	bytes   int
	closed  bool // the writer has taken the last lines
	_       [64]byte
}

// chunk is some lines of one file.
type chunk struct {
	shard     *shard
	component Component
	shadow    bool
	lines     int
	b         []byte
}

const (
	chunkBytes = 32 << 10
	chunkFull  = chunkBytes - 2<<10 // another usual line may not fit
	maxFree    = 128                // chunks that a shard keeps for the next lines; take lets go of them when there are none
	shardLines = 256                // the least that a shard of several may hold
	// wakeAt is the number of full chunks of a shard at which the writer is woken before its next round: it is a request that waits
	// for the system call that wakes it.
	wakeAt = 24
	// maxBehind is the number of full chunks of a shard at which the writer is let run first: woken long ago, it has found no CPU, and
	// lines that wait longer fill the queue. The more there is to write at once, the less a line costs the file system, until the lines
	// no longer lie in the CPU's cache.
	maxBehind = 32
)

// shards finds the shard of the CPU that the caller runs on.
type shards struct {
	list     []*shard
	maxLines int // of a shard
	maxBytes int
	pool     sync.Pool // keeps a shard for each CPU; it may forget them, and they are found again in list
	next     atomic.Uint32
}

func newShards(c *Config) *shards {
	n := 1
	for n < 4*runtime.GOMAXPROCS(0) && c.QueueSize/(2*n) >= shardLines {
		n *= 2
	}
	s := &shards{maxLines: max(c.QueueSize/n, 1), maxBytes: max(c.QueueBytes/n, 1)}
	shared := newLineText(c)
	for range n {
		s.list = append(s.list, &shard{encoder: encoder{lineText: shared}, stats: newStatTable(c.StatMaxKeys)})
	}
	s.pool.New = func() any { return s.list[int(s.next.Add(1))%len(s.list)] }
	return s
}

// spans gives the number of spans that have ended.
func (s *shards) spans() (n uint64) {
	for _, sh := range s.list {
		sh.mu.Lock()
		n += sh.spans
		sh.mu.Unlock()
	}
	return n
}

// finish counts an ended span and writes its line. Nobody else uses s.spanWork any more.
func (t *Tracer) finish(s *Span) {
	var r resolved
	s.resolve(&r)
	if !s.sampled && !s.counted {
		r.kept = t.sampling.Load().kept(s)
	}
	logs := (s.sampled || r.kept != "") && !t.digests.off[s.component]
	if logs && t.digests.encoders[s.component] != nil {
		r.own = t.digests.ownLine(s, &r) // not under the lock: it is the application's
		logs = r.own != nil
	}
	sh := t.shards.pool.Get().(*shard)
	sh.mu.Lock()
	sh.spans++
	sh.stats.add(t, s, &r)
	done := !logs || t.write(sh, s, &r)
	behind := t.behind(sh)
	sh.mu.Unlock()
	if !done {
		sh = t.overflow(s, &r)
	}
	t.shards.pool.Put(sh)
	if behind && logs {
		runtime.Gosched()
	}
	if s.sampled || r.kept != "" {
		t.export(s, &r)
	}
}

// behind says that the writer is to run first: see maxBehind. Where the queue is short that is when three quarters of it are full. It is
// said to one in some spans only: on several CPUs the writer may be at work on another one.
func (t *Tracer) behind(sh *shard) bool {
	if sh.lines%16 != 0 {
		return false
	}
	return len(sh.full) >= maxBehind || sh.lines >= t.shards.maxLines/4*3 || sh.bytes >= t.shards.maxBytes/4*3
}

// write puts the line of a span into a shard, which is locked; false if it is full.
func (t *Tracer) write(sh *shard, s *Span, r *resolved) bool {
	if sh.closed {
		t.counters.dropped.Add(1)
		return true
	}
	if sh.lines >= t.shards.maxLines || sh.bytes >= t.shards.maxBytes {
		return false
	}
	shadow := s.bag.Load().loadTest()
	c := &sh.pending[s.component][index(shadow)]
	if c.b == nil {
		c.shard, c.component, c.shadow = sh, s.component, shadow
		if n := len(sh.free); n > 0 {
			c.b, sh.free = sh.free[n-1], sh.free[:n-1]
		} else {
			c.b = make([]byte, 0, chunkBytes)
		}
	}
	before := len(c.b)
	if r.own != nil {
		c.b = append(c.b, r.own...)
	} else {
		c.b = sh.encoder.line(c.b, s, r)
	}
	c.lines++
	sh.lines++
	sh.bytes += len(c.b) - before
	if len(c.b) >= chunkFull {
		sh.full = append(sh.full, *c)
		*c = chunk{}
		if len(sh.full) >= wakeAt || sh.lines >= t.shards.maxLines/2 || sh.bytes >= t.shards.maxBytes/2 {
			signal(t.reporter.full)
		}
	}
	if sh.lines == 1 && !t.reporter.awake.Load() {
		signal(t.reporter.first)
	}
	return true
}

// overflow tries the other shards, and then does what Config.QueuePolicy says. It gives the shard that has room, or any.
func (t *Tracer) overflow(s *Span, r *resolved) *shard {
	for {
		generation := t.reporter.generation.Load()
		list := t.shards.list
		from := int(t.shards.next.Add(1)) // not all CPUs to the same one
		for i := range list {
			sh := list[(from+i)%len(list)]
			sh.mu.Lock()
			done := t.write(sh, s, r)
			sh.mu.Unlock()
			if done {
				return sh
			}
		}
		if t.config.QueuePolicy == DropWhenFull {
			t.counters.dropped.Add(1)
			return list[from%len(list)]
		}
		signal(t.reporter.full)
		t.reporter.wait(generation)
	}
}

// take gives a shard's full chunks, or all of them. After the last time lines are dropped.
func (sh *shard) take(to []chunk, all, last bool) []chunk {
	sh.mu.Lock()
	defer sh.mu.Unlock()
	sh.closed = sh.closed || last
	to = append(to, sh.full...)
	clear(sh.full)
	sh.full = sh.full[:0]
	if all && len(sh.free) > 2 {
		half := len(sh.free) / 2
		clear(sh.free[half:])
		sh.free = sh.free[:half]
	}
	if all && sh.lines > 0 {
		for i := range sh.pending {
			for j := range sh.pending[i] {
				if c := &sh.pending[i][j]; c.lines > 0 {
					to = append(to, *c)
					*c = chunk{}
				}
			}
		}
	}
	return to
}

// release gives a chunk back that has been written.
func (sh *shard) release(c *chunk) {
	sh.mu.Lock()
	sh.lines -= c.lines
	sh.bytes -= len(c.b)
	if len(sh.free) < maxFree && cap(c.b) <= 2*chunkBytes {
		sh.free = append(sh.free, c.b[:0])
	}
	sh.mu.Unlock()
}

// signal wakes the writer, unless that is done already.
func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
