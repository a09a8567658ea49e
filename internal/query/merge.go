package query

import (
	"context"
	"fmt"

	"github.com/twinspan/twinspan/internal/span"
	"github.com/twinspan/twinspan/internal/store"
)

// source reads one reader's matches in chunks, so that no search is under way while its calls are worked on (a reader
// may hold locks meanwhile).
type source struct {
	reader store.Reader
	query  store.Query
	after  store.Position
	chunk  int
	buffer []span.Call
	done   bool
}

// maxChunk bounds how many calls of one reader are held.
const maxChunk = 4096

// head gives the newest call that is left, nil behind the last.
func (s *source) head(ctx context.Context) (*span.Call, error) {
	if len(s.buffer) == 0 && !s.done {
		s.query.After = s.after
		s.buffer = make([]span.Call, 0, s.chunk)
		err := s.reader.Search(ctx, &s.query, func(c span.Call) bool {
			s.buffer = append(s.buffer, c)
			return len(s.buffer) < s.chunk
		})
		if err == nil {
			err = ctx.Err() // a reader that stops quietly must not look like the end
		}
		if err != nil {
			return nil, fmt.Errorf("search calls: %w", err)
		}
		if len(s.buffer) < s.chunk {
			s.done = true
		} else {
			s.after = store.PositionOf(&s.buffer[len(s.buffer)-1])
			s.chunk = min(2*s.chunk, maxChunk)
		}
	}
	if len(s.buffer) == 0 {
		return nil, nil
	}
	return &s.buffer[0], nil
}

// next takes the newest call of all sources; a call that several hold is taken from all.
func next(ctx context.Context, sources []*source) (first span.Call, ok bool, err error) {
	var place store.Position
	for _, s := range sources {
		c, err := s.head(ctx)
		if err != nil {
			return first, false, err
		}
		if c == nil {
			continue
		}
		if at := store.PositionOf(c); !ok || at.Compare(place) < 0 {
			first, place, ok = *c, at, true
		}
	}
	if !ok {
		return first, false, nil
	}
	for _, s := range sources {
		for len(s.buffer) > 0 && store.PositionOf(&s.buffer[0]) == place {
			// The same lead may stand alone in one range and joined in another.
			if c := &s.buffer[0]; first.Server == nil && c.Server != nil {
				first = *c
			}
			s.buffer = s.buffer[1:]
		}
	}
	return first, true, nil
}
