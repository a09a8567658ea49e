package query

import (
	"context"
	"fmt"
	"time"

	"github.com/twinspan/twinspan/internal/span"
	"github.com/twinspan/twinspan/internal/store"
)

const (
	// leastData is the shortest time that counts are divided by: of one call alone no rate is known.
	leastData = int64(30 * time.Second)
	// dataStep is how exactly the first call is looked for.
	dataStep = int64(time.Second)
)

// data gives the part of a range, from the first to the last of some minutes, in which there are calls: what counts are
// divided by to get rates. A system that was started within the range so shows the rate that it has, not a part of it.
func (s *Service) data(ctx context.Context, r Range, minutes store.Interval) (Range, error) {
	if minutes.From >= minutes.To {
		return Range{}, nil
	}
	first, last := minutes.From, minutes.To-1
	d := Range{first * minute, min((last+1)*minute, r.To)}
	// Of the first minute of the range all calls are counted. In a later one there may have been none at its begin.
	if first > span.FloorDiv(r.From, minute) {
		for none, some := d.From, min(d.From+minute, d.To); some-none > dataStep; {
			middle := none + (some-none)/2
			_, ok, err := s.newest(ctx, Range{d.From, middle})
			if err != nil {
				return Range{}, err
			}
			if ok {
				some = middle
			} else {
				none = middle
				d.From = middle
			}
		}
	}
	at, ok, err := s.newest(ctx, Range{last * minute, d.To})
	if err != nil {
		return Range{}, err
	}
	if ok {
		d.To = at
	}
	d.To = min(max(d.To, d.From+leastData), max(r.To, d.From))
	return d, nil
}

// newest gives the time of the newest call of a range.
func (s *Service) newest(ctx context.Context, r Range) (at int64, ok bool, err error) {
	if r.From >= r.To {
		return 0, false, nil
	}
	c, ok, err := newMerger(s.readers, store.Query{From: r.From, To: r.To, Lean: true}, store.Position{}, 1).next(ctx)
	if err != nil {
		return 0, false, fmt.Errorf("look for the newest call: %w", err)
	}
	if !ok {
		return 0, false, nil
	}
	return store.Time(&c), true, nil
}
