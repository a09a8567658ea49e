package wal

import (
	"errors"
	"fmt"
	"time"
)

// run is the committer, the only goroutine that writes.
func (l *Log) run() {
	defer close(l.stopped)
	for {
		requests := l.take()
		if requests == nil {
			return
		}
		l.commit(requests)
	}
}

// take waits for requests and returns about CommitBytes of them; nil when the log is closed and all
// is committed.
func (l *Log) take() []*request {
	var due <-chan time.Time
	for {
		l.mu.Lock()
		waiting := len(l.queue) > 0
		if l.closed && !waiting {
			l.mu.Unlock()
			return nil
		}
		if waiting && (l.cfg.CommitDelay == 0 || l.closed || l.queued >= l.cfg.CommitBytes) {
			break
		}
		l.mu.Unlock()
		if waiting && due == nil {
			timer := time.NewTimer(l.cfg.CommitDelay)
			defer timer.Stop()
			due = timer.C
		}
		select {
		case <-l.wake:
			continue
		case <-due:
		}
		l.mu.Lock()
		if len(l.queue) > 0 {
			break
		}
		// The only ones waiting have given up.
		l.mu.Unlock()
		due = nil
	}
	defer l.mu.Unlock()
	n, size := 0, int64(0)
	for n < len(l.queue) && (n == 0 || size+l.queue[n].size <= l.cfg.CommitBytes) {
		l.queue[n].taken = true
		size += l.queue[n].size
		n++
	}
	requests := l.queue[:n:n]
	if l.queue = l.queue[n:]; len(l.queue) == 0 {
		l.queue = nil
	}
	l.queued -= size
	return requests
}

// commit writes the requests in order and answers each of them.
func (l *Log) commit(requests []*request) {
	for len(requests) > 0 {
		if requests[0].roll {
			l.endSegment(requests[0])
			requests = requests[1:]
			continue
		}
		// Only the committer makes the log grow, so this cannot become false behind our back.
		size, most := l.Size(), l.cfg.MaxBytes
		fits := func(n int64) bool { return most == 0 || size+n+segmentHeaderSize <= most }
		if !fits(requests[0].size) {
			l.fail(requests[:1], fmt.Errorf("%w: it has %d bytes and max_bytes is %d", ErrFull, size, most))
			requests = requests[1:]
			continue
		}
		if l.file != nil && l.active().size+requests[0].size > l.cfg.SegmentBytes {
			l.closeFile()
		}
		if l.file == nil {
			err := l.roll()
			if err != nil && l.madeRoom(err) {
				err = l.roll()
			}
			if err != nil {
				l.fail(requests, err)
				return
			}
		}
		n, bytes := 0, int64(0)
		for room := l.cfg.SegmentBytes - l.active().size; n < len(requests); n++ {
			b := bytes + requests[n].size
			if n > 0 && (b > room || !fits(b) || requests[n].roll) {
				break
			}
			bytes = b
		}
		l.commitTogether(requests[:n])
		requests = requests[n:]
	}
}

// endSegment begins a new segment on request, unless the active one is empty.
func (l *Log) endSegment(r *request) {
	defer close(r.done)
	if a := l.active(); a.next == a.first {
		return
	}
	if l.file != nil {
		l.closeFile()
	}
	r.err = l.roll()
}

// commitTogether writes requests that fit into the active segment with one write and one sync.
// Should that fail for another reason than a full disk, the segment is given up and all is written
// once more to a new one: a repeated sync of the same file could claim a success that is none.
func (l *Log) commitTogether(requests []*request) {
	var records int64
	for _, r := range requests {
		records += int64(len(r.records))
	}
	roomMade := false
	for attempt := 0; ; attempt++ {
		err := l.write(requests)
		if err == nil {
			break
		}
		if l.file != nil && !roomMade && l.madeRoom(err) {
			roomMade = true
			continue
		}
		if l.file == nil && attempt == 0 {
			if rollErr := l.roll(); rollErr == nil {
				continue
			} else {
				err = errors.Join(err, rollErr)
			}
		}
		l.fail(requests, err)
		return
	}
	a := l.active()
	l.mu.Lock()
	a.size += int64(len(l.buf))
	l.next += records
	a.next = l.next
	l.setSize(l.size + int64(len(l.buf)))
	l.trouble = nil
	l.mu.Unlock()
	l.metrics.appends.Add(float64(len(requests)))
	l.metrics.records.Add(float64(records))
	l.metrics.bytes.Add(float64(len(l.buf)))
	l.metrics.commitCalls.Observe(float64(len(requests)))
	if int64(cap(l.buf)) > 2*l.cfg.CommitBytes {
		l.buf = nil // one large request must not hold its memory for ever
	}
	for _, r := range requests {
		if r.committed != nil {
			r.committed(r.offsets)
		}
		close(r.done)
	}
}

// write encodes and writes the requests behind the end of the active segment and syncs it. After an
// error the segment holds what it held before, or it is given up and l.file is nil.
func (l *Log) write(requests []*request) error {
	a := l.active()
	l.encode(requests, a.seed)
	if _, err := l.file.WriteAt(l.buf, a.size); err != nil {
		err = fmt.Errorf("wal: write %d bytes to segment %s: %w", len(l.buf), a.path, err)
		if !isFull(err) || l.file.Truncate(a.size) != nil {
			l.abandon(err)
		}
		return err
	}
	start := time.Now()
	err := l.file.Sync()
	l.metrics.syncSeconds.Observe(time.Since(start).Seconds())
	if err != nil {
		err = fmt.Errorf("wal: sync segment %s: %w", a.path, err)
		l.abandon(err)
	}
	return err
}

// encode fills l.buf with the frames of the requests and sets their offsets.
func (l *Log) encode(requests []*request, seed uint32) {
	l.buf = l.buf[:0]
	offset := l.next
	var header [frameHeaderSize]byte
	for _, r := range requests {
		r.offsets = make([]int64, len(r.records))
		for i := range r.records {
			rec := &r.records[i]
			h := frameHeader{
				crc: r.crcs[i], length: uint32(len(rec.Data)), partition: rec.Partition,
				offset: offset, received: rec.Received, commit: l.next,
			}
			if i == len(r.records)-1 {
				h.flags = flagLast
			}
			h.put(header[:], seed)
			l.buf = append(append(l.buf, header[:]...), rec.Data...)
			r.offsets[i] = offset
			offset++
		}
	}
}

// fail answers requests with err, as ErrFull where making room helps.
func (l *Log) fail(requests []*request, err error) {
	reason := "io"
	if isFull(err) {
		reason, err = "full", markFull(err)
	}
	l.mu.Lock()
	l.trouble, l.troubleAt = err, time.Now()
	l.mu.Unlock()
	l.metrics.failures.WithLabelValues(reason).Add(float64(len(requests)))
	for _, r := range requests {
		r.err = err
		close(r.done)
	}
}

// madeRoom asks for room where that is what err is about.
func (l *Log) madeRoom(err error) bool {
	return isFull(err) && l.cfg.MakeRoom != nil && l.cfg.MakeRoom()
}

// active is the last segment, which only the committer changes.
func (l *Log) active() *segment {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.segments[len(l.segments)-1]
}

// roll begins a new segment at the next offset. The file before, if any, must have been closed.
func (l *Log) roll() error {
	s, f, err := createSegment(l.fs, l.cfg.Dir, l.next)
	if err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if n := len(l.segments); n > 0 && l.segments[n-1].first == s.first {
		// It was given up before anything in it was durable, and has just been replaced.
		l.size -= l.segments[n-1].size
		l.segments = l.segments[:n-1]
	}
	l.segments = append(l.segments, s)
	l.setSize(l.size + s.size)
	l.file = f
	return nil
}

// closeFile ends the active segment. All in it is synced already.
func (l *Log) closeFile() {
	if err := l.file.Close(); err != nil {
		l.log.Warn("wal: close full segment", "segment", l.active().path, "error", err)
	}
	l.file = nil
}

// abandon gives up the active segment after a failed write or sync. What it holds of the failed
// records does not count: the next segment begins with their offsets. It is cut off nevertheless,
// so that a restart before there is a next segment does not find them.
func (l *Log) abandon(cause error) {
	a := l.active()
	err := l.file.Truncate(a.size)
	l.metrics.syncFailures.Inc()
	l.log.Error("wal: giving up a segment after an I/O error; its acknowledged records stay readable",
		"segment", a.path, "error", cause, "cut_error", err)
	l.closeFile()
}
