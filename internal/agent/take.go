package agent

import (
	"errors"
	"io/fs"
	"time"

	"github.com/twinspan/twinspan/internal/digestlog"
)

// fill reads from the files, in turns, until a request is full or there is no more. It gives nil when there is nothing.
func (a *Agent) fill(now time.Time) *push {
	p := &push{}
	for idle := 0; idle < len(a.files) && p.bytes() < a.cfg.BatchBytes; a.turn++ {
		if a.take(a.files[a.turn%len(a.files)], p, now) {
			idle = 0
		} else {
			idle++
		}
	}
	for _, c := range p.chunks {
		c.file.chunk = nil
	}
	if len(p.chunks) == 0 {
		return nil
	}
	return p
}

// take adds the next records of one file to p. It is false when the file has nothing to give now.
func (a *Agent) take(f *file, p *push, now time.Time) bool {
	still := now.Sub(f.grown)
	switch {
	case f.broken:
		return false
	case f.read() < f.size:
		kept := f.handle != nil
		n, err := f.feed(a.block)
		if !kept && a.open >= a.cfg.MaxOpenFiles {
			f.close()
		} else if !kept && f.handle != nil {
			a.open++
		}
		if err != nil || n == 0 {
			a.unread(f, err)
			return false
		}
	case f.reader == nil:
		f.flushed = f.flushed || f.ended() && still >= a.cfg.ReleaseAfter
		return false
	case !f.flushed && f.ended() && still >= a.cfg.ReleaseAfter:
		f.reader.Flush()
		f.flushed = true
	case !f.settled && still >= a.cfg.SettleAfter:
		f.reader.Settle()
		f.settled = true
	default:
		return false
	}
	a.collect(f, p, now)
	if f.flushed {
		f.reader = nil // what may still come begins a new record
	}
	return true
}

// unread deals with a file that could not be read. Replaced and deleted files are the next scan's business.
func (a *Agent) unread(f *file, err error) {
	if errors.Is(err, errReplaced) || errors.Is(err, fs.ErrNotExist) {
		if f.missing {
			f.close() // no scan will meet it again: the rest is lost
		}
		return
	}
	a.metrics.FileErrors.Inc()
	f.broken = errors.Is(err, digestlog.ErrUnknownFile)
	a.warnOnce(f.path, "a log file cannot be read, the agent goes on with the others and tries again", "file", f.path,
		"error", err)
}

// collect moves the records that the file's reader has into p.
func (a *Agent) collect(f *file, p *push, now time.Time) {
	c := f.chunk
	if c == nil {
		c = &chunk{file: f, from: f.taken, to: f.taken}
	}
	for rec, ok := f.reader.Next(); ok; rec, ok = f.reader.Next() {
		c.lines += rec.Lines
		if rec.Half != nil && rec.Half.Trace.IsZero() {
			// The schema has no such half.
			rec.Err = &digestlog.Rejection{
				Reason: digestlog.ReasonTraceID, Detail: "the trace id is zero", Sample: rec.Half.TraceString(),
			}
			rec.Half = nil
		}
		switch {
		case rec.Err != nil:
			c.rejected = append(c.rejected, rec.Err.Reason)
			a.sampler.rejected(f.path, rec.From, rec.Err, now)
		case rec.Half != nil:
			rec.Half.Origin = originOf(f.origin, rec.From)
			c.records = append(c.records, record{from: rec.From, to: rec.To, half: rec.Half})
		case rec.Stat != nil:
			rec.Stat.Origin = originOf(f.origin, rec.From)
			c.records = append(c.records, record{from: rec.From, to: rec.To, stat: rec.Stat})
		}
	}
	c.to = f.reader.Offset()
	f.taken = c.to
	if f.chunk == nil && c.to > c.from {
		f.chunk = c
		p.chunks = append(p.chunks, c)
	}
}
