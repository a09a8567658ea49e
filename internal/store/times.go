package store

import (
	"context"
	"fmt"
	"math"
	"time"
)

// Times implements Reader. Ranges and blocks that lie within the bounds answer from memory; of those that reach over one
// of them, only what can make a difference is opened.
func (s *Store) Times(ctx context.Context, from, to int64) (times Interval, err error) {
	if err := s.begin(); err != nil {
		return times, err
	}
	defer s.end()
	defer s.metrics.read("times", time.Now())
	volumes := s.index.snapshot()
	defer releaseAll(volumes)
	type opened struct {
		rng   *rangeInfo
		block int
	}
	var across []opened
	// take is false for what has to be opened.
	take := func(b *bounds) bool {
		switch {
		case b.calls == 0 || b.greatest < from || b.least >= to:
		case b.least >= from && b.greatest < to && b.greatest < math.MaxInt64:
			times.Include(b.least, b.greatest+1)
		default:
			return false
		}
		return true
	}
	for _, v := range volumes {
		if take(&v.bounds) {
			continue
		}
		for _, r := range v.ranges {
			if take(&r.bounds) {
				continue
			}
			for i := range r.blocks {
				if !take(&r.blocks[i].bounds) {
					across = append(across, opened{r, i})
				}
			}
		}
	}
	for _, o := range across {
		b := &o.rng.blocks[o.block]
		if times.From < times.To && max(b.least, from) >= times.From && min(b.greatest, to-1) < times.To {
			continue
		}
		f, err := s.openBlock(ctx, o.rng, o.block)
		if err != nil {
			return times, fmt.Errorf("store: reading range %s, block %d: %w", o.rng.id, o.block, corrupt(err))
		}
		for i := range f.filters.rows {
			if at := f.time(i); at >= from && at < to {
				times.Include(at, at+1)
			}
		}
		if f.err != nil {
			return times, fmt.Errorf("store: reading range %s, block %d: %w", o.rng.id, o.block, corrupt(f.err))
		}
		s.putBlock(f)
	}
	return times, nil
}
