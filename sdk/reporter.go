package twinspan

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/twinspan/twinspan/sdk/internal/logfile"
)

// reporter is the one goroutine that writes files. It takes the lines from the shards; everything that it owns itself is
// reached through its channels only.
type reporter struct {
	tracer  *Tracer
	first   chan struct{} // a shard has its first line, and the reporter sleeps
	full    chan struct{} // a shard has a full chunk, or is full
	control chan request
	stop    chan struct{} // closed by close
	done    chan struct{} // closed when the goroutine is over
	once    sync.Once
	err     error

	now     func() time.Time // of rolling, stat lines and the self log
	encoder encoder          // of stat lines
	chunks  []chunk
	parts   [][]byte                            // of chunks, those of one file
	files   [componentCount][2][2]*logfile.File // by component, digest or stat, normal or shadow
	self    *logfile.File
	line    []byte

	// awake says that the reporter looks for lines every roundInterval. While it does, no request pays for the system call that would
	// wake it. Only run's goroutine sets it.
	awake atomic.Bool

	statBegin    time.Time
	reported     Counters // what the self log has been told
	lastReport   time.Time
	lastFailure  map[string]bool
	failureNoted bool

	generation atomic.Uint64 // grows when there is room again
	waiting    atomic.Int64  // goroutines in wait
	room       sync.Cond
	roomLock   sync.Mutex
}

type request struct {
	stats bool
	done  chan struct{}
}

// reportInterval is the least time between two notes in the self log about losses.
const reportInterval = 10 * time.Second

// roundInterval is how often full chunks are looked for while there are lines.
const roundInterval = 5 * time.Millisecond

// newReporter makes a reporter; run is to be started.
func newReporter(t *Tracer) *reporter {
	r := &reporter{
		tracer:    t,
		first:     make(chan struct{}, 1),
		full:      make(chan struct{}, 1),
		control:   make(chan request),
		stop:      make(chan struct{}),
		done:      make(chan struct{}),
		encoder:   encoder{lineText: newLineText(&t.config)},
		now:       time.Now,
		statBegin: time.Now(),
	}
	r.room.L = &r.roomLock
	r.awake.Store(true)
	self := r.fileConfig()
	self.Roll = logfile.Daily // as SOFATracer's, whatever the others do
	r.self = logfile.New(filepath.Join(t.config.LogDir, "tracer-self.log"), self)
	return r
}

func (r *reporter) fileConfig() logfile.Config {
	c := r.tracer.config
	f := logfile.Config{Retention: c.Retention, MaxBytes: c.RollBytes, Keep: c.RollKeep}
	switch c.Rolling {
	case RollHourly:
		f.Roll = logfile.Hourly
	case RollSize:
		f.Roll = logfile.Size
	default:
		f.Roll = logfile.Daily
	}
	return f
}

// wait waits until there is more room than in a generation.
func (r *reporter) wait(generation uint64) {
	r.roomLock.Lock()
	r.waiting.Add(1)
	for r.generation.Load() == generation {
		r.room.Wait()
	}
	r.waiting.Add(-1)
	r.roomLock.Unlock()
}

// madeRoom wakes those who wait.
func (r *reporter) madeRoom() {
	r.generation.Add(1)
	if r.waiting.Load() > 0 {
		r.roomLock.Lock()
		r.room.Broadcast()
		r.roomLock.Unlock()
	}
}

func (r *reporter) flush()      { r.ask(request{}) }
func (r *reporter) flushStats() { r.ask(request{stats: true}) }

func (r *reporter) ask(q request) {
	q.done = make(chan struct{})
	select {
	case r.control <- q:
		<-q.done
	case <-r.done:
	}
}

func (r *reporter) close() error {
	r.once.Do(func() { close(r.stop) })
	<-r.done
	return r.err
}

func (r *reporter) run() {
	defer close(r.done)
	r.note("INFO", fmt.Sprintf(" twinspan: logs of %s (%s) are in %s", r.tracer.config.App, r.tracer.config.Instance, r.tracer.config.LogDir))
	stats := time.NewTicker(r.tracer.config.StatInterval)
	defer stats.Stop()
	round := min(roundInterval, r.tracer.config.FlushInterval)
	rounds := time.NewTimer(round)
	defer rounds.Stop()
	flushed := time.Now()
	for {
		select {
		case <-r.first:
			if !r.awake.Load() {
				r.awake.Store(true)
				flushed = time.Now()
				rounds.Reset(round)
			}
		case <-r.full:
			r.collect(false, false)
		case <-rounds.C:
			if time.Since(flushed) < r.tracer.config.FlushInterval {
				r.collect(false, false)
			} else {
				found := r.collect(true, false)
				r.flushFiles()
				flushed = time.Now()
				if !found && r.sleep() {
					continue
				}
			}
			rounds.Reset(round)
		case <-stats.C:
			r.writeStats()
		case q := <-r.control:
			r.collect(true, false)
			if q.stats {
				r.writeStats()
			}
			r.flushFiles()
			close(q.done)
		case <-r.stop:
			r.collect(true, true)
			r.writeStats()
			r.flushFiles()
			r.reportLosses(r.now(), true)
			r.eachFile(func(f *logfile.File) { r.err = errors.Join(r.err, f.Close()) })
			r.err = errors.Join(r.err, r.self.Close())
			return
		}
	}
}

// sleep ends the rounds until there is a line again, unless there is one already: who writes a shard's first line looks at awake
// after that.
func (r *reporter) sleep() bool {
	r.awake.Store(false)
	for _, sh := range r.tracer.shards.list {
		sh.mu.Lock()
		lines := sh.lines
		sh.mu.Unlock()
		if lines > 0 {
			r.awake.Store(true)
			return false
		}
	}
	return true
}

// collect writes the shards' full chunks, or all that they have; found says that there were any.
func (r *reporter) collect(all, last bool) (found bool) {
	r.chunks = r.chunks[:0]
	for _, sh := range r.tracer.shards.list {
		r.chunks = sh.take(r.chunks, all, last)
	}
	for c := range componentCount {
		r.write(c, false)
		r.write(c, true)
	}
	for i := range r.chunks {
		r.chunks[i].shard.release(&r.chunks[i])
	}
	found = len(r.chunks) > 0
	clear(r.chunks)
	r.madeRoom()
	return found
}

// write writes the chunks of one file, all at once.
func (r *reporter) write(component Component, shadow bool) {
	lines := 0
	r.parts = r.parts[:0]
	for i := range r.chunks {
		if c := &r.chunks[i]; c.component == component && c.shadow == shadow {
			r.parts = append(r.parts, c.b)
			lines += c.lines
		}
	}
	if lines > 0 {
		f := r.file(component, false, shadow)
		r.outcome(f, f.Write(r.parts, lines, r.now()))
		clear(r.parts)
	}
}

// append puts r.line into a file's buffer.
func (r *reporter) append(f *logfile.File) {
	r.outcome(f, f.Append(r.line, r.now()))
}

// outcome counts what came of a file's write, and notes the first failure and the recovery.
func (r *reporter) outcome(f *logfile.File, o logfile.Outcome) {
	c := &r.tracer.counters
	c.written.Add(uint64(o.Written))
	c.lost.Add(uint64(o.Lost))
	switch {
	case o.Err != nil && !r.lastFailure[f.Path()]:
		if r.lastFailure == nil {
			r.lastFailure = make(map[string]bool)
		}
		r.lastFailure[f.Path()] = true
		r.note("ERROR", fmt.Sprintf("twinspan: cannot write %s; its lines are lost until it can be written again: %v", f.Path(), o.Err))
	case o.Err == nil && o.Written > 0 && r.lastFailure[f.Path()]:
		delete(r.lastFailure, f.Path())
		r.note("INFO", fmt.Sprintf(" twinspan: %s is written again", f.Path()))
	}
}

func (r *reporter) writeStats() {
	now := r.now()
	begin := r.statBegin
	r.statBegin = now
	for key, v := range r.tracer.takeStats() {
		r.line = r.encoder.statLine(r.line[:0], &key, v, begin, now)
		r.append(r.file(key.component, true, key.loadTest))
	}
	r.flushFiles()
	r.reportLosses(now, false)
}

// file gives the file of a component, opened at its first line.
func (r *reporter) file(c Component, stat, shadow bool) *logfile.File {
	if c >= componentCount {
		c = Biz
	}
	at := &r.files[c][index(stat)][index(shadow)]
	if *at == nil {
		dir, name := r.tracer.config.LogDir, c.String()+"-digest.log"
		if stat {
			name = c.String() + "-stat.log"
		}
		if shadow {
			dir = filepath.Join(dir, "shadow")
		}
		*at = logfile.New(filepath.Join(dir, name), r.fileConfig())
	}
	return *at
}

func index(second bool) int {
	if second {
		return 1
	}
	return 0
}

func (r *reporter) eachFile(do func(*logfile.File)) {
	for c := range r.files {
		for _, pair := range r.files[c] {
			for _, f := range pair {
				if f != nil {
					do(f)
				}
			}
		}
	}
}

func (r *reporter) flushFiles() {
	now := r.now()
	r.eachFile(func(f *logfile.File) { r.outcome(f, f.Flush(now)) })
}

// reportLosses writes to the self log what was lost since it last did.
func (r *reporter) reportLosses(now time.Time, last bool) {
	if !last && now.Sub(r.lastReport) < reportInterval {
		return
	}
	c, before := r.tracer.Counters(), r.reported
	losses := []struct {
		n    uint64
		what string
	}{
		{c.QueueDropped - before.QueueDropped, "digest lines dropped because the queue was full: raise queue_size, lower sample_percentage, or set queue_policy to wait"},
		{c.WriteLost - before.WriteLost, "lines lost because the disk did not take them"},
		{c.StatOverflow - before.StatOverflow, "spans counted under the overflow key because there were too many stat keys: name operations with fewer different values, or raise stat_max_keys"},
		{c.BaggageDropped - before.BaggageDropped, "baggage items dropped because they did not fit"},
	}
	for _, l := range losses {
		if l.n > 0 {
			r.note("WARN", fmt.Sprintf(" twinspan: %d %s", l.n, l.what))
			r.lastReport = now
		}
	}
	r.reported = c
}

// note writes a line to tracer-self.log, in SOFATracer's form. When the disk takes nothing, the first such line goes to
// standard error: there is nowhere else to say it.
func (r *reporter) note(level, text string) {
	now := r.now()
	line := fmt.Appendf(nil, "%s[%s] %s\n", now.Format("2006-01-02 15:04:05.000"), level, text)
	o := r.self.Append(line, now)
	if o.Err == nil {
		o = r.self.Flush(now)
	}
	if o.Err != nil && !r.failureNoted {
		r.failureNoted = true
		fmt.Fprintf(os.Stderr, "%s", line)
	}
	if o.Err == nil {
		r.failureNoted = false
	}
}
