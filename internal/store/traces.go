package store

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/twinspan/twinspan/internal/span"
	"github.com/twinspan/twinspan/sdk/id"
)

// Traces gives the calls of several different traces, for each what Trace gives. Traces of one time lie in the same blocks, which
// are read once for all of them. Of a trace with more than limit calls nothing is given but truncated.
func (s *Store) Traces(ctx context.Context, traces []id.Trace, limit int) (calls [][]span.Call, truncated []bool, err error) {
	if err := s.begin(); err != nil {
		return nil, nil, err
	}
	defer s.end()
	defer s.metrics.read("traces", time.Now())
	volumes := s.index.snapshot()
	defer releaseAll(volumes)
	b := &traceBatch{store: s, traces: traces, chunks: make(map[chunkKey]*ids), calls: make([][]span.Call, len(traces)), counts: make([]int, len(traces))}
	for _, v := range volumes {
		for i, t := range traces {
			if err := b.find(ctx, v.volume, i, t); err != nil {
				return nil, nil, fmt.Errorf("store: reading trace %s: %w", t, corrupt(err))
			}
		}
	}
	truncated = make([]bool, len(traces))
	for i, n := range b.counts {
		truncated[i] = n > limit
	}
	b.runs = slices.DeleteFunc(b.runs, func(r traceRunOf) bool { return truncated[r.trace] })
	if err := b.read(ctx); err != nil {
		return nil, nil, fmt.Errorf("store: reading %d traces: %w", len(traces), corrupt(err))
	}
	return b.calls, truncated, nil
}

// traceBatch is what is known of several traces that are read together.
type traceBatch struct {
	store  *Store
	traces []id.Trace
	chunks map[chunkKey]*ids
	runs   []traceRunOf
	counts []int // calls of each trace

	mu    sync.Mutex // guards calls
	calls [][]span.Call
}

// traceRunOf is the calls of a trace in one block.
type traceRunOf struct {
	rng         *rangeInfo
	block       int
	trace       int // of the batch
	number      int // of the range
	ids         *ids
	at          int // the trace in ids
	first, next int // the calls in ids
}

// find adds the runs of a trace.
func (b *traceBatch) find(ctx context.Context, v *volume, trace int, t id.Trace) error {
	places, err := b.store.findTrace(ctx, v, t)
	if err != nil {
		return err
	}
	for _, p := range places {
		chunk, at, ok := p.rng.chunkOf(p.number)
		if !ok {
			continue // a row of an attempt to write the range that did not come to its end
		}
		key := chunkKey{p.rng, chunk}
		d := b.chunks[key]
		if d == nil {
			if d, err = b.store.readIDs(ctx, p.rng, chunk); err != nil {
				return err
			}
			b.chunks[key] = d
		}
		if d.traceID(at) != t {
			continue // as above
		}
		for call, end := d.firsts[at], d.firsts[at+1]; call < end; {
			block := int(d.block.At(call))
			first, next := d.run(at, block)
			if first != call || next <= call || block < 0 || block >= len(p.rng.blocks) {
				return fmt.Errorf("range %s: %w: a trace's block is not known", p.rng.id, ErrCorrupt)
			}
			b.runs = append(b.runs, traceRunOf{p.rng, block, trace, p.number, d, at, first, next})
			b.counts[trace] += next - first
			call = next
		}
	}
	return nil
}

// readers is how many blocks of a batch are unpacked at the same time.
const readers = 2

// read reads the runs, block by block.
func (b *traceBatch) read(ctx context.Context) error {
	slices.SortStableFunc(b.runs, func(x, y traceRunOf) int {
		return cmp.Or(cmp.Compare(y.rng.id.From, x.rng.id.From), cmp.Compare(x.rng.id.Partition, y.rng.id.Partition), cmp.Compare(x.block, y.block))
	})
	work, inner := errgroup.WithContext(ctx)
	work.SetLimit(readers)
	for from := 0; from < len(b.runs) && inner.Err() == nil; {
		to := from + 1
		for to < len(b.runs) && b.runs[to].rng == b.runs[from].rng && b.runs[to].block == b.runs[from].block {
			to++
		}
		runs := b.runs[from:to]
		work.Go(func() error {
			if err := b.readBlock(inner, runs); err != nil {
				return fmt.Errorf("range %s, block %d: %w", runs[0].rng.id, runs[0].block, err)
			}
			return nil
		})
		from = to
	}
	return cmp.Or(work.Wait(), ctx.Err())
}

// readBlock reads the runs of one block.
func (b *traceBatch) readBlock(ctx context.Context, runs []traceRunOf) error {
	open, err := b.store.openBlock(ctx, runs[0].rng, runs[0].block)
	if err != nil {
		return err
	}
	f := open.filters
	runOf := make(map[int64]int, len(runs))
	for i := range runs {
		runOf[int64(runs[i].number)] = i
	}
	var rows, of []int // rows of the block, and the run that each belongs to
	numbers := f.column(colTrace, f.rows)
	for i := range f.rows {
		if r, ok := runOf[numbers.At(i)]; ok {
			rows, of = append(rows, i), append(of, r)
		}
	}
	if f.err != nil {
		return f.err
	}
	var a arena
	given, read := make([]int, len(runs)), make([][]span.Call, len(runs))
	err = b.store.fill(ctx, open, rows, false, &a, func(i int, c span.Call) error {
		r := &runs[of[i]]
		call := r.first + given[of[i]]
		if given[of[i]]++; call >= r.next || !r.ids.fill(&c, r.at, call, &a) {
			return fmt.Errorf("%w: a call's halves are not those of its ids", ErrCorrupt)
		}
		read[of[i]] = append(read[of[i]], c)
		return nil
	})
	if err != nil {
		return err
	}
	b.store.putBlock(open)
	b.mu.Lock()
	defer b.mu.Unlock()
	for i := range runs {
		r := &runs[i]
		if given[i] != r.next-r.first {
			return fmt.Errorf("%w: it has %d calls of a trace, not %d", ErrCorrupt, given[i], r.next-r.first)
		}
		b.calls[r.trace] = append(b.calls[r.trace], read[i]...)
	}
	return nil
}
