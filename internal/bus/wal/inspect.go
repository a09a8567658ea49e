package wal

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
)

// SegmentInfo is what a segment file holds.
type SegmentInfo struct {
	Path string `json:"path"`
	// First is the offset of the first record, Next that behind the last one that can be read.
	First int64 `json:"first"`
	Next  int64 `json:"next"`
	Bytes int64 `json:"bytes"`
	// Torn is how many bytes at the end an interrupted write left; they were never acknowledged.
	Torn int64 `json:"tornBytes"`
	// Damage says why acknowledged records cannot be read, "" where all can.
	Damage string `json:"damage,omitempty"`
}

// Inspect reads a log that no process uses, and changes nothing in it: neither a torn end nor what is unfinished. It calls fn with
// every record that can be read, in order; Data is valid during the call only. An error of fn ends it.
func Inspect(dir string, fn func(Entry) error) ([]SegmentInfo, error) {
	l := &Log{cfg: Config{Dir: dir, SkipCorrupt: true}, log: slog.New(slog.DiscardHandler), fs: osFS{}}
	names, err := l.fs.list(dir)
	if err != nil {
		return nil, fmt.Errorf("wal: list directory %s: %w", dir, err)
	}
	var firsts []int64
	for _, name := range names {
		if first, ok := parseSegmentName(name); ok {
			firsts = append(firsts, first)
		}
	}
	slices.Sort(firsts)
	var out []SegmentInfo
	for i, first := range firsts {
		next := int64(-1)
		if i+1 < len(firsts) {
			next = firsts[i+1]
		}
		info, err := l.inspect(first, next, fn)
		if err != nil {
			return out, err
		}
		out = append(out, info)
	}
	return out, nil
}

// inspect reads one segment; next is the first offset of the one after it, -1 for the last.
func (l *Log) inspect(first, next int64, fn func(Entry) error) (SegmentInfo, error) {
	s := &segment{path: segmentPath(l.cfg.Dir, first), first: first, next: max(next, 0)}
	info := SegmentInfo{Path: s.path, First: first, Next: first}
	if err := l.checkSegment(s); err != nil {
		return info, err
	}
	info.Bytes = s.size
	if s.bad {
		info.Damage = badHeader
		return info, nil
	}
	f, err := l.fs.open(s.path, false)
	if err != nil {
		return info, fmt.Errorf("wal: open segment %s: %w", s.path, err)
	}
	defer func() { _ = f.Close() }()
	sc := newScanner(f, s.seed, first, s.size)
	for next < 0 || sc.want < next {
		good := sc.pos
		h, data, damage, err := sc.next(true)
		switch {
		case errors.Is(err, io.EOF):
			if next >= 0 {
				info.Damage = "the segment is cut short"
			}
			return info, nil
		case err != nil:
			return info, fmt.Errorf("wal: segment %s: %w", s.path, err)
		case damage != "":
			proven, _, _, err := provenAfter(sc)
			if err != nil {
				return info, fmt.Errorf("wal: segment %s: %w", s.path, err)
			}
			if next >= 0 || proven {
				info.Damage = fmt.Sprintf("byte %d: %s", good, damage)
			} else {
				info.Torn = s.size - good
			}
			return info, nil
		}
		if err := fn(Entry{Offset: sc.want - 1, Record: Record{Partition: h.partition, Received: h.received, Data: data}}); err != nil {
			return info, err
		}
		info.Next = sc.want
	}
	return info, nil
}
