package store

import (
	"context"
	"errors"
	"fmt"

	"github.com/twinspan/twinspan/internal/span"
	"github.com/twinspan/twinspan/internal/store/column"
)

// corrupt makes errors of the columns the store's own.
func corrupt(err error) error {
	if errors.Is(err, column.ErrMalformed) && !errors.Is(err, ErrCorrupt) {
		return fmt.Errorf("%w: %w", ErrCorrupt, err)
	}
	return err
}

func (s *Store) readIDs(ctx context.Context, r *rangeInfo, chunk int) (*ids, error) {
	key := cacheKey{r, kindIDs, chunk}
	if d, ok := s.cached(key, false).(*ids); ok {
		return d, nil
	}
	b, err := getValue(ctx, r.volume, r.id, kindIDs, chunk)
	if err != nil {
		return nil, err
	}
	d, err := openIDs(s.codec, b)
	if err == nil && d.n != r.chunks[chunk] {
		err = fmt.Errorf("%w: a chunk of ids has %d traces, not %d", ErrCorrupt, d.n, r.chunks[chunk])
	}
	if err == nil {
		s.cache.put(s, key, d, d.size())
	}
	return d, err
}

func (s *Store) readFilters(ctx context.Context, r *rangeInfo, block int) (*filters, error) {
	s.metrics.blocks.Inc()
	b, err := getValue(ctx, r.volume, r.id, kindFilter, block)
	if err != nil {
		return nil, err
	}
	f, err := openFilters(s.codec, b)
	if err == nil && int64(f.rows) != r.blocks[block].calls {
		err = fmt.Errorf("%w: a block has %d calls, not %d", ErrCorrupt, f.rows, r.blocks[block].calls)
	}
	return f, err
}

// groupOf is a block's payload group, once it is read.
type groupOf struct {
	g         *column.Group
	resources [2]resources
}

// resources are those of one side of a block.
type resources struct {
	texts column.Strings
	of    *column.Strings // the instances that texts are numbered by; nil where each half has a text of its own
}

func openResources(g *column.Group, f *filters, side int) (r resources, err error) {
	if !g.Has(colResourceOf + side) {
		r.texts, err = g.Strings(colResource+side, f.halfs[side])
		return r, err
	}
	r.of = f.halfText(side, colInstance)
	r.texts, err = g.Strings(colResourceOf+side, r.of.Distinct())
	return r, err
}

func (r *resources) at(half int) string {
	if r.of != nil {
		half = r.of.Number(half)
	}
	return r.texts.At(half)
}

// test evaluates match once for each text and gives a function that tells it of a half.
func (r *resources) test(match func(string) bool) (half func(int) bool, any bool) {
	text, any := r.texts.Test(match)
	if r.of == nil {
		return text, any
	}
	return func(i int) bool { return text(r.of.Number(i)) }, any
}

// openPayload reads a block's payload group.
func (s *Store) openPayload(ctx context.Context, b *openBlock) error {
	if b.group.g != nil {
		return nil
	}
	raw, err := getValue(ctx, b.rng.volume, b.rng.id, kindPayload, b.number)
	if err != nil {
		return err
	}
	g, err := s.codec.Open(raw)
	if err != nil {
		return err
	}
	for side := range b.payload {
		if b.payload[side], err = openPayloads(g, side, b.halfs[side]); err != nil {
			return err
		}
		if b.group.resources[side], err = openResources(g, b.filters, side); err != nil {
			return err
		}
	}
	if b.err != nil {
		return b.err
	}
	b.group.g = g
	return nil
}

// fill puts together the calls of rows, which are sorted, but for their ids, and calls yield with each, until it gives an
// error. The calls share nothing with the block; a keeps their texts.
func (s *Store) fill(ctx context.Context, b *openBlock, rows []int, lean bool, a *arena, yield func(i int, c span.Call) error) error {
	calls := make([]span.Call, len(rows))
	for i, row := range rows {
		if row < 0 || row >= b.filters.rows {
			return fmt.Errorf("%w: a row beyond the block", ErrCorrupt)
		}
		calls[i] = b.filters.fill(row, a)
	}
	if b.err != nil {
		return b.err
	}
	if !lean {
		if err := s.fillPayloads(ctx, b, rows, calls, a); err != nil {
			return err
		}
	}
	for i := range calls {
		if err := yield(i, calls[i]); err != nil {
			return err
		}
	}
	return nil
}

func (s *Store) fillPayloads(ctx context.Context, b *openBlock, rows []int, calls []span.Call, a *arena) error {
	if err := s.openPayload(ctx, b); err != nil {
		return err
	}
	for side := range b.payload {
		var halves []*span.Half
		var at []int
		for i, row := range rows {
			if n := b.at[side][row]; n >= 0 {
				at = append(at, int(n))
				halves = append(halves, half(&calls[i], side))
			}
		}
		err := b.payload[side].each(at, func(i int, payload []byte) { halves[i].Payload = a.bytes(payload) })
		if err != nil {
			return err
		}
		for i, n := range at {
			halves[i].Resource = a.bytes(bytesOf(b.group.resources[side].at(n)))
		}
	}
	return nil
}
