package store

import (
	"container/heap"
	"context"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/twinspan/twinspan/internal/span"
	"github.com/twinspan/twinspan/sdk/id"
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

// newest is a heap of rows, greatest time first. A search seldom wants all rows of a block, so they are not sorted.
type newest []timedRow

type timedRow struct {
	at  int64
	row int
}

func (h newest) init() {
	for i := len(h)/2 - 1; i >= 0; i-- {
		h.down(i)
	}
}

func (h newest) down(i int) {
	for {
		child := 2*i + 1
		if child >= len(h) {
			return
		}
		if child+1 < len(h) && h[child+1].at > h[child].at {
			child++
		}
		if h[i].at >= h[child].at {
			return
		}
		h[i], h[child] = h[child], h[i]
		i = child
	}
}

func (h *newest) pop() timedRow {
	old := *h
	top := old[0]
	old[0] = old[len(old)-1]
	*h = old[:len(old)-1]
	h.down(0)
	return top
}

type itemHeap []item

func (h itemHeap) Len() int { return len(h) }
func (h itemHeap) Less(i, j int) bool {
	return h[i].at > h[j].at || h[i].at == h[j].at && h[i].stage < h[j].stage
}
func (h itemHeap) Swap(i, j int) { h[i], h[j] = h[j], h[i] }
func (h *itemHeap) Push(x any)   { *h = append(*h, x.(item)) }
func (h *itemHeap) Pop() any {
	old := *h
	x := old[len(old)-1]
	old[len(old)-1] = item{}
	*h = old[:len(old)-1]
	return x
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

// want is what the query asks for, of which a call has to have one.
type want []postingKey

func wantsOf(q *Query) (wants []want) {
	add := func(asked bool, value string, fields ...field) {
		if !asked {
			return
		}
		var w want
		for _, f := range fields {
			w = append(w, postingKey{f, value})
		}
		wants = append(wants, w)
	}
	party := func(f field, name string, none bool) {
		switch {
		case none && name != "":
			wants = append(wants, want{{f, ""}, {f, name}})
		default:
			add(none || name != "", name, f)
		}
	}
	party(fieldCallee, q.Callee, q.NoCallee)
	party(fieldCaller, q.Caller, q.NoCaller)
	add(q.App != "", q.App, fieldCaller, fieldCallee)
	add(q.Operation != "", q.Operation, fieldOperation)
	if host := hostOf(q.Address); q.Address != "" {
		wants = append(wants, want{{fieldHost, host}, {fieldHostHash, hostHash(host)}})
	}
	failed := q.Error != nil && *q.Error
	if h := q.Half; h != nil {
		add(h.App.Is != "" && q.App == "", h.App.Is, fieldCaller, fieldCallee)
		// What the callee says is the call's operation.
		own := h.Kind != nil && !h.Kind.CallerSide()
		add(h.Operation.Is != "" && own && q.Operation == "", h.Operation.Is, fieldOperation)
		failed = failed || h.Status != nil && *h.Status == span.StatusError
	}
	add(failed, "", fieldError)
	return wants
}

// maxMisses is the number of ranges without a fitting block after which a search asks which ranges have what it wants at all.
const maxMisses = 48

// prune drops the ranges that have no posting of one of the values. A search for what is rare so reads its postings at one
// go, one for what is common never gets here.
func (s *search) prune(ctx context.Context) error {
	for i := range s.wants {
		w := s.wants[i]
		have := make(map[*rangeInfo]bool)
		seen := make(map[*volume]bool)
		for at := range s.heap {
			r := s.heap[at].rng
			if s.heap[at].stage != stageRange || seen[r.volume] {
				continue
			}
			seen[r.volume] = true
			for _, key := range w {
				if err := s.ranges(ctx, r.volume, key.field, key.value, have); err != nil {
					return err
				}
			}
		}
		s.heap = slices.DeleteFunc(s.heap, func(x item) bool {
			return x.stage == stageRange && !have[x.rng] && !x.rng.lacks(w)
		})
	}
	heap.Init(&s.heap)
	return nil
}

// ranges adds the ranges of a volume that have postings of a value.
func (s *search) ranges(ctx context.Context, v *volume, f field, value string, have map[*rangeInfo]bool) error {
	prefix := postingPrefix(f, value)
	var bad error
	err := v.Scan(ctx, TablePosting, prefix, func(key, _ []byte) bool {
		rid, ok := parseRange(key[len(prefix):])
		if !ok {
			bad = fmt.Errorf("%w: the key %x of a posting", ErrCorrupt, key)
			return false
		}
		if r := s.store.index.find(v, rid); r != nil {
			have[r] = true
		}
		return true
	})
	if err == nil {
		err = bad
	}
	return err
}

// lacks says that the range has no postings for one of the fields.
func (r *rangeInfo) lacks(w want) bool {
	return slices.ContainsFunc(w, func(key postingKey) bool {
		return r.unindexed>>key.field&1 != 0 && (key.field != fieldHost || r.unindexed&hostsHashed == 0)
	})
}

// has says that the range has postings for a field.
func (r *rangeInfo) has(f field) bool {
	return r.unindexed>>f&1 == 0 && (f != fieldHostHash || r.unindexed&hostsHashed != 0)
}

// narrow keeps the blocks that have what is wanted, and draws their bounds closer.
func (s *search) narrow(ctx context.Context, r *rangeInfo, found []bounds, w want) error {
	if r.lacks(w) || !slices.ContainsFunc(found, func(b bounds) bool { return b.calls > 0 }) {
		return nil
	}
	has := make([]bounds, len(found))
	for _, key := range w {
		if !r.has(key.field) {
			continue
		}
		b, err := r.volume.Get(ctx, TablePosting, appendRange(postingPrefix(key.field, key.value), r.id))
		if err != nil {
			return err
		}
		if b == nil {
			continue
		}
		list, err := parsePostings(b, r.least)
		if err != nil {
			return err
		}
		for i := range list {
			if p := &list[i]; p.block < len(has) {
				has[p.block].merge(&p.bounds)
			}
		}
	}
	for i := range found {
		if found[i].calls == 0 || has[i].calls == 0 {
			found[i] = bounds{}
			continue
		}
		a, b := &found[i], &has[i]
		a.least, a.greatest = max(a.least, b.least), min(a.greatest, b.greatest)
		a.minDuration, a.maxDuration = max(a.minDuration, b.minDuration), min(a.maxDuration, b.maxDuration)
	}
	return nil
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

// Trace implements Reader.
func (s *Store) Trace(ctx context.Context, trace id.Trace, limit int) (calls []span.Call, truncated bool, err error) {
	if err := s.begin(); err != nil {
		return nil, false, err
	}
	defer s.end()
	defer s.metrics.read("trace", time.Now())
	if limit <= 0 {
		limit = math.MaxInt
	}
	volumes := s.index.snapshot()
	defer releaseAll(volumes)
	var a arena
	for _, v := range volumes {
		places, err := s.findTrace(ctx, v.volume, trace)
		for i := 0; i < len(places) && err == nil; i++ {
			calls, truncated, err = s.readTrace(ctx, &places[i], trace, calls, limit, &a)
		}
		if err != nil {
			return nil, false, fmt.Errorf("store: reading trace %s: %w", trace, corrupt(err))
		}
		if truncated {
			break
		}
	}
	return calls, truncated, nil
}

// tracePlace is a row of the trace index.
type tracePlace struct {
	rng    *rangeInfo
	number int
}

func (s *Store) findTrace(ctx context.Context, v *volume, trace id.Trace) (places []tracePlace, err error) {
	var bad error
	err = v.Scan(ctx, TableTrace, trace[:], func(key, value []byte) bool {
		rid, ok := parseRange(key[len(trace):])
		if !ok {
			bad = fmt.Errorf("%w: the key %x of a trace", ErrCorrupt, key)
			return false
		}
		var first, more int
		if first, more, bad = parseTraceValue(value); bad != nil {
			return false
		}
		if r := s.index.find(v, rid); r != nil {
			for n := first; n <= first+more; n++ {
				places = append(places, tracePlace{r, n})
			}
		}
		return true
	})
	if err == nil {
		err = bad
	}
	return places, err
}

// readTrace appends the calls of one of a trace's numbers, limit in all.
func (s *Store) readTrace(ctx context.Context, p *tracePlace, trace id.Trace, calls []span.Call, limit int, a *arena) (_ []span.Call, truncated bool, err error) {
	chunk, number, ok := p.rng.chunkOf(p.number)
	if !ok {
		return calls, false, nil // a row of an attempt to write the range that did not come to its end
	}
	d, err := s.readIDs(ctx, p.rng, chunk)
	if err != nil {
		return calls, false, err
	}
	if d.traceID(number) != trace {
		return calls, false, nil // as above
	}
	for at, end := d.firsts[number], d.firsts[number+1]; at < end; {
		if len(calls) >= limit {
			return calls, true, nil
		}
		block := int(d.block.At(at))
		first, next := d.run(number, block)
		if first != at || block < 0 || block >= len(p.rng.blocks) {
			return calls, false, fmt.Errorf("range %s: %w: a trace's block is not known", p.rng.id, ErrCorrupt)
		}
		at = next
		b, err := s.openBlock(ctx, p.rng, block)
		if err == nil {
			rows := b.rowsOf(p.number)
			if len(rows) != next-first {
				return calls, false, fmt.Errorf("range %s, block %d: %w: it has %d calls of a trace, not %d", p.rng.id, block, ErrCorrupt, len(rows), next-first)
			}
			rows = rows[:min(len(rows), limit-len(calls))]
			truncated = truncated || len(rows) < next-first
			err = s.fill(ctx, b, rows, false, a, func(i int, c span.Call) error {
				if !d.fill(&c, number, first+i, a) {
					return fmt.Errorf("%w: a call's halves are not those of its ids", ErrCorrupt)
				}
				calls = append(calls, c)
				return nil
			})
			if err == nil {
				s.putBlock(b)
			}
		}
		if err != nil {
			return calls, false, fmt.Errorf("range %s, block %d: %w", p.rng.id, block, err)
		}
	}
	return calls, truncated, nil
}
