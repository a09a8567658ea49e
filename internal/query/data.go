package query

import (
	"context"
	"fmt"
	"time"

	"github.com/twinspan/twinspan/internal/span"
	"github.com/twinspan/twinspan/internal/store"
)

// leastData is the shortest time that counts are divided by: of one call alone no rate is known.
const leastData = int64(30 * time.Second)

// data gives the part of a range, from the first to the last of some minutes, in which there are calls: what counts are
// divided by to get rates. A system that was started within the range so shows the rate that it has, not a part of it.
func (s *Service) data(ctx context.Context, r Range, minutes store.Interval) (Range, error) {
	if minutes.From >= minutes.To {
		return Range{}, nil
	}
	d := Range{minutes.From * minute, min(minutes.To*minute, r.To)}
	var times store.Interval
	for _, reader := range s.readers {
		some, err := reader.Times(ctx, d.From, d.To)
		if err != nil {
			return Range{}, fmt.Errorf("look for the first and the last call: %w", err)
		}
		times.Include(some.From, some.To)
	}
	if times.From < times.To {
		// Of the first minute of the range all calls are counted. In a later one there may have been none at its begin.
		if minutes.From > span.FloorDiv(r.From, minute) {
			d.From = times.From
		}
		d.To = times.To - 1
	}
	d.To = min(max(d.To, d.From+leastData), max(r.To, d.From))
	return d, nil
}
