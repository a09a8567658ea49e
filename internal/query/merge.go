package query

import (
	"context"
	"fmt"
	"math"
	"time"

	"github.com/twinspan/twinspan/internal/span"
	"github.com/twinspan/twinspan/internal/store"
)

// merger gives the matches of all readers in one order. It reads in chunks, so that no search is under way while its
// calls are worked on (a reader may hold locks meanwhile).
type merger struct {
	sources []source
	query   store.Query
	// after is the place of the last call that was given.
	after store.Position
	chunk int
	// until is when reading ends, the zero time for never; now is the clock for that.
	until time.Time
	now   func() time.Time
	// stopped says that time was up; all that is newer than bound was read.
	stopped bool
	bound   int64
}

type source struct {
	reader store.Reader
	buffer []span.Call
	// more says that the reader has matches behind the buffer.
	more bool
}

// maxChunk bounds how many calls of one reader are held.
const maxChunk = 4096

func newMerger(readers []store.Reader, q store.Query, after store.Position, chunk int) *merger {
	m := &merger{sources: make([]source, len(readers)), query: q, after: after, chunk: chunk}
	for i, r := range readers {
		m.sources[i] = source{reader: r, more: true}
	}
	return m
}

// next gives the next call; ok is false behind the last. A call that several readers hold is given once.
func (m *merger) next(ctx context.Context) (first span.Call, ok bool, err error) {
	for i := range m.sources {
		if s := &m.sources[i]; len(s.buffer) == 0 && s.more {
			if m.stopped {
				return first, false, nil
			}
			if err := m.fill(ctx); err != nil {
				return first, false, err
			}
			break
		}
	}
	var place store.Position
	for i := range m.sources {
		if s := &m.sources[i]; len(s.buffer) > 0 {
			if at := store.PositionOf(&s.buffer[0]); !ok || at.Compare(place) < 0 {
				first, place, ok = s.buffer[0], at, true
			}
		}
	}
	if !ok || m.stopped && place.Start <= m.bound {
		return first, false, nil
	}
	m.after = place
	for i := range m.sources {
		s := &m.sources[i]
		for len(s.buffer) > 0 && store.PositionOf(&s.buffer[0]) == place {
			// The same lead may stand alone in one range and joined in another.
			if c := &s.buffer[0]; first.Client == nil || first.Server == nil {
				first = *c
			}
			s.buffer = s.buffer[1:]
		}
	}
	return first, true, nil
}

// resume gives the place behind which a search goes on that was stopped.
func (m *merger) resume() store.Position {
	for i := range m.sources {
		if s := &m.sources[i]; len(s.buffer) == 0 && s.more {
			return m.after
		}
	}
	return store.Position{Start: m.bound}
}

// progress makes what tells a reader to stop once time is up, but not before it came further than where it began.
func (m *merger) progress(q *store.Query) func(at int64) bool {
	begin := int64(math.MaxInt64)
	if !m.after.IsZero() {
		begin = m.after.Start
	}
	if q.To != 0 {
		begin = min(begin, q.To)
	}
	return func(at int64) bool {
		if at >= begin || !m.now().After(m.until) {
			return true
		}
		if !m.stopped || at > m.bound {
			m.stopped, m.bound = true, at
		}
		return false
	}
}

// fill reads all readers anew from the last place on, even those that have calls left: a range may have moved to a
// reader whose chunk was read before.
func (m *merger) fill(ctx context.Context) error {
	q := m.query
	q.After, q.Expect = m.after, m.chunk
	if !m.until.IsZero() {
		q.Progress = m.progress(&q)
	}
	for i := range m.sources {
		s := &m.sources[i]
		s.buffer, s.more = make([]span.Call, 0, m.chunk), false
		err := s.reader.Search(ctx, &q, func(c span.Call) bool {
			s.buffer = append(s.buffer, c)
			s.more = len(s.buffer) == m.chunk
			return !s.more
		})
		if err == nil {
			err = ctx.Err() // a reader that stops quietly must not look like the end
		}
		if err != nil {
			return fmt.Errorf("search calls: %w", err)
		}
	}
	m.chunk = min(2*m.chunk, maxChunk)
	return nil
}
