package store

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/twinspan/twinspan/internal/span"
	"github.com/twinspan/twinspan/internal/store/column"
)

// HalvesOf says which halves q counts: those of calls that it matches, which start within its bounds and for which
// its Half holds. Queries for Halves have no Tags, no After, and no Half.Test.
func (q *Query) HalvesOf(c *span.Call, yield func(*span.Half) bool) bool {
	for _, h := range [...]*span.Half{c.Client, c.Server} {
		if h != nil && q.wantsHalf(h) && !yield(h) {
			return false
		}
	}
	return true
}

func (q *Query) wantsHalf(h *span.Half) bool {
	return h.Start >= q.From && (q.To == 0 || h.Start < q.To) && (q.Half == nil || q.Half.Match(h))
}

// HalvesWithout calls yield with the halves that q counts (Query.HalvesOf), in no order, until yield gives false; ranges of without
// are left out, as in RollupsWithout. Of a half App, Operation, Component, Kind, Status, Start and Duration are set; it and
// its texts are valid only until yield returns. It is for counting: nothing is put together, ordered or joined, and a call
// that stands in two ranges comes twice. q's Progress is told times for which all calls after them were counted; what it
// ends may have counted some before.
func (s *Store) HalvesWithout(ctx context.Context, q *Query, without map[RangeID]bool, yield func(*span.Half) bool) error {
	if err := s.begin(); err != nil {
		return err
	}
	defer s.end()
	defer s.metrics.read("halves", time.Now())
	volumes := s.index.snapshot()
	defer releaseAll(volumes)
	var ranges []*rangeInfo
	for _, v := range volumes {
		if !v.bounds.may(q) {
			continue
		}
		for _, r := range v.ranges {
			if r.bounds.may(q) && !without[r.id] {
				ranges = append(ranges, r)
			}
		}
	}
	// The newest first: what has no newer range is counted to the end.
	slices.SortFunc(ranges, func(a, b *rangeInfo) int { return int(min(max(b.greatest-a.greatest, -1), 1)) })
	run := &search{store: s, q: q, wants: wantsOf(q)}
	count := halfCounter{q: q, yield: yield}
	for _, r := range ranges {
		if err := ctx.Err(); err != nil {
			return err
		}
		if q.Progress != nil && !q.Progress(run.upper(r.greatest)) {
			return nil
		}
		found, err := run.blocksOf(ctx, r)
		for i := 0; i < len(found) && err == nil && !count.stopped; i++ {
			if found[i].may(q) {
				err = s.countBlock(ctx, r, i, &count)
			}
		}
		if err != nil {
			return fmt.Errorf("store: counting in range %s: %w", r.id, corrupt(err))
		}
		if count.stopped {
			return nil
		}
	}
	return nil
}

// countBlock counts in one block. A block that was kept is used, but none is kept: a count goes through all there are, and would
// drive out what searches want.
func (s *Store) countBlock(ctx context.Context, r *rangeInfo, number int, count *halfCounter) error {
	b, kept := s.cached(cacheKey{r, kindFilter, number}, true).(*openBlock)
	if !kept {
		f, err := s.readFilters(ctx, r, number)
		if err != nil {
			return fmt.Errorf("block %d: %w", number, err)
		}
		b = &openBlock{rng: r, number: number, filters: f}
	}
	if count.block(b.filters); b.err != nil {
		return fmt.Errorf("block %d: %w", number, b.err)
	}
	if kept {
		s.putBlock(b)
	}
	return nil
}

// halfCounter goes through the halves of blocks. Its memory is used again for each.
type halfCounter struct {
	q       *Query
	yield   func(*span.Half) bool
	half    span.Half
	sides   [2]sideColumnsRead
	stopped bool
}

// sideColumnsRead are the columns of one side's halves, unpacked.
type sideColumnsRead struct {
	flags, starts, durations []int64
	operations, components   textColumn
	apps, party              textColumn // those that are not the call's, and the call's caller or callee
	own                      *places
	fits                     func(row, at int) bool
}

// textColumn is a column of texts, unpacked: a text for each number, and the number of each row; or, without numbers, a text
// for each row.
type textColumn struct {
	values  []string
	numbers []int64
}

func (t *textColumn) load(s *column.Strings) {
	if values := s.Values(); values != nil {
		t.values, t.numbers = values, s.Numbers(t.numbers)
		return
	}
	t.values, t.numbers = s.All(), t.numbers[:0]
}

func (t *textColumn) at(i int) string {
	if len(t.numbers) > 0 {
		i = int(t.numbers[i])
	}
	return t.values[i]
}

func (h *halfCounter) block(f *filters) {
	keep := f.match(h.q)
	if f.err != nil || !slices.Contains(keep, true) {
		return
	}
	m := &matcher{f, keep}
	for side := range h.sides {
		if f.halfs[side] > 0 {
			h.sides[side].load(m, side, h.q.Half)
		}
	}
	if f.err != nil {
		return
	}
	for row, k := range keep {
		if !k {
			continue
		}
		c, s := int(f.at[0][row]), int(f.at[1][row])
		var start, duration int64
		if c >= 0 {
			start, duration = h.sides[0].starts[c], h.sides[0].durations[c]
			h.one(0, row, c, start, duration)
		}
		if s >= 0 {
			// A server half's are told by their distance from its client half's.
			own := &h.sides[1]
			if c >= 0 {
				h.one(1, row, s, start+own.starts[s], duration-own.durations[s])
			} else {
				h.one(1, row, s, own.starts[s], own.durations[s])
			}
		}
		if h.stopped {
			return
		}
	}
}

func (r *sideColumnsRead) load(m *matcher, side int, f *HalfFilter) {
	r.flags = m.half(side, colFlags).All(r.flags)
	r.starts = m.half(side, colStart).All(r.starts)
	r.durations = m.half(side, colDuration).All(r.durations)
	r.operations.load(m.halfText(side, colOperation))
	r.components.load(m.halfText(side, colComponent))
	r.party.load(m.text([...]int{colCaller, colCallee}[side], m.filters.rows))
	r.own = &m.ownApp[side]
	r.own.load(m.half(side, colDerived), derivedApp)
	if r.own.n > 0 {
		r.apps.load(m.text(sideColumns[side]+colApp, r.own.n))
	}
	r.fits = nil
	if f != nil {
		r.fits = m.sideTest(f, side)
	}
}

func (h *halfCounter) one(side, row, at int, start, duration int64) {
	s := &h.sides[side]
	if h.stopped || start < h.q.From || h.q.To != 0 && start >= h.q.To || s.fits != nil && !s.fits(row, at) {
		return
	}
	x := &h.half
	setFlags(x, s.flags[at])
	x.Start, x.Duration = start, duration
	x.Operation, x.Component = s.operations.at(at), s.components.at(at)
	if n := s.own.of(at); n >= 0 {
		x.App = s.apps.at(n)
	} else {
		x.App = s.party.at(row)
	}
	h.stopped = !h.yield(x)
}
