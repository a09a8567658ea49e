package wal

import (
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"
)

// recover finds the segments of the directory, checks their headers, repairs the end of the last
// one and leaves it open for appending.
func (l *Log) recover() error {
	names, err := l.fs.list(l.cfg.Dir)
	if err != nil {
		return fmt.Errorf("wal: list directory %s: %w", l.cfg.Dir, err)
	}
	var firsts []int64
	for _, name := range names {
		if first, ok := parseSegmentName(name); ok {
			firsts = append(firsts, first)
		} else if strings.HasSuffix(name, segmentSuffix+unfinishedSuffix) {
			if err := l.fs.remove(filepath.Join(l.cfg.Dir, name)); err != nil {
				return fmt.Errorf("wal: remove unfinished segment: %w", err)
			}
		}
	}
	slices.Sort(firsts)
	for i, first := range firsts {
		s := &segment{path: segmentPath(l.cfg.Dir, first), first: first}
		if i+1 < len(firsts) {
			s.next = firsts[i+1]
		}
		if err := l.checkSegment(s); err != nil {
			return err
		}
		l.segments = append(l.segments, s)
		l.size += s.size
	}
	if n := len(l.segments); n > 0 {
		last := l.segments[n-1]
		l.next = last.next // of a bad one; the others' is about to be found
		if !last.bad {
			if err := l.recoverTail(last); err != nil {
				return err
			}
		}
	}
	if l.file == nil {
		return l.roll()
	}
	return nil
}

// checkSegment reads the header and the size of s.
func (l *Log) checkSegment(s *segment) error {
	f, err := l.fs.open(s.path, false)
	if err != nil {
		return fmt.Errorf("wal: open segment %s: %w", s.path, err)
	}
	defer func() { _ = f.Close() }()
	if s.size, err = f.size(); err != nil {
		return fmt.Errorf("wal: size of segment %s: %w", s.path, err)
	}
	b := make([]byte, min(segmentHeaderSize, s.size))
	if _, err := f.ReadAt(b, 0); err != nil && !errors.Is(err, io.EOF) {
		return fmt.Errorf("wal: read segment %s: %w", s.path, err)
	}
	h, version, ok := parseSegmentHeader(b)
	if ok && version != segmentVersion {
		return fmt.Errorf("%w: segment %s has version %d, this build reads version %d: use the build "+
			"that wrote it, or a newer one", ErrVersion, s.path, version, segmentVersion)
	}
	if ok && h.first == s.first {
		s.seed = h.seed()
		return nil
	}
	s.bad = true
	if s.next == 0 {
		// The last one. How many records it held is unknown, and their offsets must not be given again.
		s.next = s.first + 1 + s.size/frameHeaderSize
	}
	return l.unlessSkipping(&CorruptError{Segment: s.path, Offset: s.first, Resume: s.next, Reason: badHeader})
}

// recoverTail checks all of the last segment, cuts off what a crash left of unacknowledged records,
// and opens it for appending unless it is damaged.
func (l *Log) recoverTail(s *segment) error {
	f, err := l.fs.open(s.path, true)
	if err != nil {
		return fmt.Errorf("wal: open segment %s: %w", s.path, err)
	}
	defer func() {
		if l.file == nil {
			_ = f.Close()
		}
	}()
	sc := newScanner(f, s.seed, s.first, s.size)
	good, next := sc.pos, sc.want // behind the last complete Append
	var damage string
	for damage == "" {
		h, _, why, err := sc.next(true)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return fmt.Errorf("wal: check segment %s: %w", s.path, err)
		}
		if damage = why; damage == "" && h.flags&flagLast != 0 {
			good, next = sc.pos, sc.want
		}
	}
	torn := s.size - good
	if damage == "" {
		damage = "the end of an append is missing"
	}
	proven, resume, end, err := provenAfter(sc)
	if err != nil {
		return fmt.Errorf("wal: check segment %s: %w", s.path, err)
	}
	if proven {
		s.next, l.next = end, end
		return l.unlessSkipping(&CorruptError{Segment: s.path, Pos: sc.pos, Offset: sc.want, Resume: resume,
			Reason: damage + ", and it stands before acknowledged records"})
	}
	if torn > 0 {
		l.metrics.tornBytes.Add(float64(torn))
		l.log.Warn("wal: cut off the unacknowledged end of the log that an interrupted write left",
			"segment", s.path, "byte", good, "bytes", torn, "next_offset", next, "reason", damage)
		if err := f.Truncate(good); err != nil {
			return fmt.Errorf("wal: cut off the torn end of segment %s: %w", s.path, err)
		}
	}
	// What a killed process wrote may be in the cache only, and is about to be shown as durable.
	if err := f.Sync(); err != nil {
		return fmt.Errorf("wal: sync segment %s: %w", s.path, err)
	}
	l.size -= torn
	s.size, s.next, l.next = good, next, next
	l.file = f
	return nil
}

// provenAfter tells whether a frame behind the damage proves that the damaged record had been
// synced. It gives the next readable offset, and one that no record of the segment reaches.
func provenAfter(sc *scanner) (proven bool, resume, end int64, err error) {
	resume, end = sc.want, sc.want
	for {
		_, h, found, err := sc.resync()
		if err != nil {
			return false, 0, 0, err
		}
		if !found {
			return proven, resume, end, nil
		}
		if resume == sc.want {
			resume = h.offset
		}
		proven = proven || h.commit > sc.want
		end = max(end, h.offset+1+(sc.end-sc.resumeAt)/frameHeaderSize)
	}
}

// unlessSkipping is for damage found by Open. With skip_corrupt it is passed over here, and reported
// by Read if the records are still asked for.
func (l *Log) unlessSkipping(e *CorruptError) error {
	if l.cfg.SkipCorrupt {
		return nil
	}
	return e
}
