package store

import (
	"container/heap"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/twinspan/twinspan/internal/span"
)

// A search keeps one heap of what it has not looked at yet, greatest time first: ranges known by their done row, blocks
// known by their postings, and open blocks known row by row. So it opens a block only when no call that it knows is
// newer than what the block may have, and the first page costs the same whatever the bounds.

// The stages of an item, in the order of opening at equal times: what is not open yet comes first.
const (
	stageRange = iota
	stageBlock
	stageRows
)

type item struct {
	at    int64 // no call of the item is newer
	stage int
	rng   *rangeInfo
	block int
	open  *openBlock
}

// openBlock is a block whose matching rows are known.
type openBlock struct {
	rng    *rangeInfo
	number int
	*filters
	rows    newest // matching
	payload [2]*payloads
	group   groupOf
}

// hit is a matching row.
type hit struct {
	block *openBlock
	row   int
	at    int64
	pos   Position
}

// firstBatch and maxBatch are the numbers of calls that are put together at once: few for the first page, unless the query
// says how many it expects, so that what is not asked for is not built.
const (
	firstBatch = 32
	maxBatch   = 512
)

type search struct {
	store *Store
	q     *Query
	heap  itemHeap
	batch []hit
	size  int
	yield func(span.Call) bool
	ids   map[chunkKey]*ids

	wants  []want
	misses int // ranges without a fitting block, one after the other
	pruned bool
}

// Search implements Reader.
func (s *Store) Search(ctx context.Context, q *Query, yield func(span.Call) bool) error {
	if err := s.begin(); err != nil {
		return err
	}
	defer s.end()
	defer s.metrics.read("search", time.Now())
	volumes := s.index.snapshot()
	defer releaseAll(volumes)
	size := firstBatch
	if q.Expect > 0 {
		size = min(q.Expect, maxBatch)
	}
	run := &search{store: s, q: q, size: size, yield: yield, ids: make(map[chunkKey]*ids), wants: wantsOf(q)}
	for _, v := range volumes {
		if !v.bounds.may(q) {
			continue
		}
		for _, r := range v.ranges {
			if r.bounds.may(q) {
				run.heap = append(run.heap, item{at: run.upper(r.greatest), stage: stageRange, rng: r})
			}
		}
	}
	heap.Init(&run.heap)
	if err := run.run(ctx); err != nil {
		return fmt.Errorf("store: searching: %w", corrupt(err))
	}
	for _, left := range run.heap {
		if left.open != nil {
			s.putBlock(left.open)
		}
	}
	return nil
}

// upper bounds a time by what the query can want.
func (s *search) upper(at int64) int64 {
	if s.q.To != 0 {
		at = min(at, s.q.To-1)
	}
	if !s.q.After.IsZero() {
		at = min(at, s.q.After.Start)
	}
	return at
}

func (s *search) run(ctx context.Context) error {
	for len(s.heap) > 0 {
		if err := ctx.Err(); err != nil {
			return err
		}
		if top := &s.heap[0]; s.q.Progress != nil && top.stage != stageRows && !s.q.Progress(top.at) {
			break
		}
		more, err := s.step(ctx)
		if err != nil || !more {
			return err
		}
	}
	_, err := s.flush(ctx)
	return err
}

// step opens the first item or takes the calls of one time.
func (s *search) step(ctx context.Context) (more bool, err error) {
	top := s.heap[0]
	switch top.stage {
	case stageRange:
		heap.Pop(&s.heap)
		if err = s.openRange(ctx, top.rng); err != nil {
			err = fmt.Errorf("range %s: %w", top.rng.id, err)
		}
		return true, err
	case stageBlock:
		heap.Pop(&s.heap)
		if err = s.openBlock(ctx, top.rng, top.block); err != nil {
			err = fmt.Errorf("range %s, block %d: %w", top.rng.id, top.block, err)
		}
		return true, err
	}
	first := len(s.batch)
	for len(s.heap) > 0 && s.heap[0].stage == stageRows && s.heap[0].at == top.at {
		open := s.heap[0].open
		s.batch = append(s.batch, hit{block: open, row: open.rows.pop().row, at: top.at})
		if len(open.rows) == 0 {
			heap.Pop(&s.heap)
			continue
		}
		s.heap[0].at = open.rows[0].at
		heap.Fix(&s.heap, 0)
	}
	if err := s.ties(ctx, first); err != nil {
		return false, err
	}
	if len(s.batch) >= s.size {
		return s.flush(ctx)
	}
	return true, nil
}

// ties orders the hits of one time from first on and drops those that the query's After is not before.
func (s *search) ties(ctx context.Context, first int) error {
	hits := s.batch[first:]
	after := !s.q.After.IsZero() && hits[0].at == s.q.After.Start
	if len(hits) == 1 && !after {
		return nil
	}
	for i := range hits {
		h := &hits[i]
		d, trace, call, err := s.place(ctx, h)
		if err != nil {
			return err
		}
		h.pos = d.position(h.at, trace, call)
	}
	slices.SortFunc(hits, func(a, b hit) int { return a.pos.Compare(b.pos) })
	if after {
		hits = slices.DeleteFunc(hits, func(h hit) bool { return s.q.After.Compare(h.pos) >= 0 })
		s.batch = s.batch[:first+len(hits)]
	}
	return nil
}

type chunkKey struct {
	rng   *rangeInfo
	chunk int
}

// maxChunks is the number of chunks of ids that a search keeps.
const maxChunks = 64

// place gives where the ids of a hit are.
func (s *search) place(ctx context.Context, h *hit) (d *ids, trace, call int, err error) {
	b := h.block
	number := b.trace(h.row)
	chunk, trace, ok := b.rng.chunkOf(number)
	if !ok || b.err != nil {
		return nil, 0, 0, fmt.Errorf("range %s, block %d: %w: a call's trace is not known", b.rng.id, b.number, ErrCorrupt)
	}
	key := chunkKey{b.rng, chunk}
	if d = s.ids[key]; d == nil {
		if d, err = s.store.readIDs(ctx, b.rng, chunk); err != nil {
			return nil, 0, 0, err
		}
		if len(s.ids) >= maxChunks {
			clear(s.ids)
		}
		s.ids[key] = d
	}
	from, to := d.run(trace, b.number)
	if call = from + b.ordinal(h.row); call >= to {
		return nil, 0, 0, fmt.Errorf("range %s, block %d: %w: a call is not with its trace", b.rng.id, b.number, ErrCorrupt)
	}
	return d, trace, call, nil
}

// flush puts the batch's calls together and hands them out.
func (s *search) flush(ctx context.Context) (more bool, err error) {
	calls := make([]span.Call, len(s.batch))
	byBlock := make(map[*openBlock][]int)
	for i := range s.batch {
		byBlock[s.batch[i].block] = append(byBlock[s.batch[i].block], i)
	}
	var a arena
	for b, list := range byBlock {
		slices.SortFunc(list, func(i, j int) int { return s.batch[i].row - s.batch[j].row })
		rows := make([]int, len(list))
		for n, i := range list {
			rows[n] = s.batch[i].row
		}
		err := s.store.fill(ctx, b, rows, s.q.Lean, &a, func(n int, c span.Call) error {
			d, trace, call, err := s.place(ctx, &s.batch[list[n]])
			if err != nil {
				return err
			}
			if !d.fill(&c, trace, call, &a) {
				return fmt.Errorf("%w: a call's halves are not those of its ids", ErrCorrupt)
			}
			calls[list[n]] = c
			return nil
		})
		if err != nil {
			return false, fmt.Errorf("range %s, block %d: %w", b.rng.id, b.number, err)
		}
	}
	for b := range byBlock {
		if len(b.rows) == 0 { // nothing of it is on the heap
			s.store.putBlock(b)
		}
	}
	clear(s.batch)
	s.batch, s.size = s.batch[:0], min(2*s.size, maxBatch)
	for i := range calls {
		if !s.yield(calls[i]) {
			return false, nil
		}
	}
	return true, nil
}

// blocksOf gives what is known of matching calls in each of a range's blocks; no calls where there is none.
func (s *search) blocksOf(ctx context.Context, r *rangeInfo) ([]bounds, error) {
	found := make([]bounds, len(r.blocks))
	for i := range r.blocks {
		if r.blocks[i].may(s.q) {
			found[i] = r.blocks[i].bounds
		}
	}
	for i := range s.wants {
		if err := s.narrow(ctx, r, found, s.wants[i]); err != nil {
			return nil, err
		}
	}
	return found, nil
}

// openRange finds the range's blocks that may have matching calls.
func (s *search) openRange(ctx context.Context, r *rangeInfo) error {
	found, err := s.blocksOf(ctx, r)
	if err != nil {
		return err
	}
	open := false
	for i := range found {
		if found[i].may(s.q) {
			open = true
			heap.Push(&s.heap, item{at: s.upper(found[i].greatest), stage: stageBlock, rng: r, block: i})
		}
	}
	if open || s.pruned {
		s.misses = 0
		return nil
	}
	if s.misses++; s.misses < maxMisses {
		return nil
	}
	s.pruned = true
	return s.prune(ctx)
}

func (s *search) openBlock(ctx context.Context, r *rangeInfo, number int) error {
	b, err := s.store.openBlock(ctx, r, number)
	if err != nil {
		return err
	}
	f := b.filters
	keep := f.match(s.q)
	if f.err != nil {
		return f.err
	}
	if len(s.q.Tags) > 0 && slices.Contains(keep, true) {
		if err := s.store.matchTags(ctx, b, s.q.Tags, keep); err != nil {
			return err
		}
	}
	if s.q.Half != nil && s.q.Half.Test != nil && slices.Contains(keep, true) {
		if err := s.store.testHalves(ctx, b, s.q.Half, keep); err != nil {
			return err
		}
	}
	for i, k := range keep {
		if k {
			b.rows = append(b.rows, timedRow{f.time(i), i})
		}
	}
	if len(b.rows) == 0 {
		s.store.putBlock(b)
		return nil
	}
	b.rows.init()
	heap.Push(&s.heap, item{at: b.rows[0].at, stage: stageRows, rng: r, block: number, open: b})
	return nil
}
