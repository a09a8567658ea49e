package wal

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
)

// Read calls fn for every record from offset from on that was durable before the call, in order.
// Where from is before First it begins at First. Data is valid during the call of fn only. It stops
// with fn's or ctx's error as it is, with a *CorruptError at unreadable records, and with ErrClosed.
//
// Appending and truncating may go on meanwhile; records that TruncateBefore deletes may be left out.
func (l *Log) Read(ctx context.Context, from int64, fn func(Entry) error) error {
	l.mu.Lock()
	if l.closed {
		l.mu.Unlock()
		return ErrClosed
	}
	type span struct {
		*segment
		next, size int64 // as of now
	}
	var spans []span
	for _, s := range l.segments {
		if s.next > from && s.next > s.first {
			spans = append(spans, span{s, s.next, s.size})
		}
	}
	l.mu.Unlock()
	for _, s := range spans {
		if err := l.readSegment(ctx, s.segment, s.next, s.size, from, fn); err != nil {
			return err
		}
	}
	return nil
}

func (l *Log) readSegment(ctx context.Context, s *segment, next, size, from int64, fn func(Entry) error) error {
	if s.bad {
		return l.corrupt(&CorruptError{Segment: s.path, Offset: max(s.first, from), Resume: next, Reason: badHeader})
	}
	f, err := l.fs.open(s.path, false)
	if errors.Is(err, fs.ErrNotExist) {
		l.mu.Lock()
		gone := s.gone
		l.mu.Unlock()
		if gone {
			return nil
		}
	}
	if err != nil {
		return fmt.Errorf("wal: open segment %s: %w", s.path, err)
	}
	defer func() { _ = f.Close() }()
	sc := newScanner(f, s.seed, s.first, size)
	for sc.want < next {
		if err := ctx.Err(); err != nil {
			return err
		}
		offset := sc.want
		h, data, damage, err := sc.next(offset >= from)
		if errors.Is(err, io.EOF) {
			damage, err = "the segment is cut short", nil
		}
		if err != nil {
			return fmt.Errorf("wal: segment %s: %w", s.path, err)
		}
		if damage != "" {
			if err := l.skip(sc, s, next, from, damage); err != nil {
				return err
			}
			continue
		}
		if offset < from {
			continue
		}
		if err := fn(Entry{Offset: offset, Record: Record{Partition: h.partition, Received: h.received, Data: data}}); err != nil {
			return err
		}
	}
	return nil
}

// skip moves the scanner over damage to the next readable frame. It is an error, unless
// skip_corrupt is set, if records from offset from on are lost by that.
func (l *Log) skip(sc *scanner, s *segment, next, from int64, damage string) error {
	at, offset := sc.pos, sc.want
	pos, h, found, err := sc.resync()
	if err != nil {
		return fmt.Errorf("wal: segment %s: %w", s.path, err)
	}
	resume := next
	if found && h.offset < next {
		resume = h.offset
	}
	sc.seek(pos, resume)
	if resume <= from {
		return nil
	}
	return l.corrupt(&CorruptError{Segment: s.path, Pos: at, Offset: max(offset, from), Resume: resume, Reason: damage})
}

// corrupt is what Read does about records that it cannot give: an error, or with skip_corrupt a
// message and a count.
func (l *Log) corrupt(e *CorruptError) error {
	if !l.cfg.SkipCorrupt {
		return e
	}
	l.metrics.skipped.Add(float64(e.Resume - e.Offset))
	l.log.Error("wal: leaving out acknowledged records that cannot be read, as skip_corrupt says",
		"segment", e.Segment, "byte", e.Pos, "from_offset", e.Offset, "before_offset", e.Resume, "reason", e.Reason)
	return nil
}
