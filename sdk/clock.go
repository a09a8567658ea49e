package twinspan

import (
	"sync/atomic"
	"time"
)

// clock tells the time of spans by the monotonic clock alone, whose reading costs half of time.Now's, and what the wall clock has
// beyond it, which is read every clockAge.
type clock struct {
	base   time.Time    // by both clocks
	offset atomic.Int64 // what the wall clock had at base, nanoseconds since 1970, as it was at read
	read   atomic.Int64 // nanoseconds after base
}

// clockAge is how old the reading of the wall clock may be: one that is slewed, by 0.05 % at most, is 5 µs off.
const clockAge = int64(10 * time.Millisecond)

// maxDrift is how far the wall clock may go from what it was when a trace began. Less is slewing, and spans of the trace lie inside each
// other; after more they follow it.
const maxDrift = int64(50 * time.Millisecond)

func (c *clock) start() {
	c.base = time.Now()
	c.offset.Store(c.base.UnixNano())
}

// since gives the nanoseconds after base.
func (c *clock) since() int64 { return int64(time.Since(c.base)) }

// wall gives the offset for a moment that since has just given.
func (c *clock) wall(since int64) int64 {
	if since-c.read.Load() < clockAge {
		return c.offset.Load()
	}
	now := time.Now()
	since = int64(now.Sub(c.base))
	offset := now.UnixNano() - since
	c.offset.Store(offset)
	c.read.Store(since)
	return offset
}

// of gives the nanoseconds after base of a time of the caller's: by the monotonic clock if it has a reading of it, else by the wall
// clock's offset.
func (c *clock) of(at time.Time, offset int64) int64 {
	if at != at.Round(0) {
		return int64(at.Sub(c.base))
	}
	return at.UnixNano() - offset
}

// wall gives the offset for a span that starts now below another one.
func (t *trunk) wall(since int64) int64 {
	now := t.tracer.clock.wall(since)
	if drift := now - t.offset; drift > maxDrift || drift < -maxDrift {
		return now
	}
	return t.offset
}
