package store

import (
	"context"
	"fmt"
	"math"
	"time"

	"github.com/twinspan/twinspan/internal/span"
	"github.com/twinspan/twinspan/sdk/id"
)

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
