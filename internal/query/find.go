package query

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/twinspan/twinspan/internal/span"
	"github.com/twinspan/twinspan/internal/store"
	"github.com/twinspan/twinspan/sdk/id"
)

// FindRequest asks for traces of which at least one stored call matches. Unlike Search, Find joins nothing: that is for
// whoever reads the traces.
type FindRequest struct {
	// Queries are what the stores are asked; a call that matches one of them counts. Their After is not used.
	Queries []store.Query
	// Match, unless nil, says which of the calls that the stores find count.
	Match func(*span.Call) bool
	// Limit is how many traces are wanted.
	Limit int
}

// Found is one trace that was found.
type Found struct {
	ID id.Trace
	// At is the time of its newest matching call, in nanoseconds of the Unix epoch.
	At int64
}

// Find gives the traces whose matching calls are the newest, newest first. partial says that the search stopped after
// Config.MaxScan calls which did not bring a further trace, so that older traces may be missing.
func (s *Service) Find(ctx context.Context, req FindRequest) (found []Found, partial bool, err error) {
	newest := make(map[id.Trace]int64, req.Limit)
	for i := range req.Queries {
		for _, r := range s.readers {
			stopped, err := s.find(ctx, r, &req, req.Queries[i], newest)
			if err != nil {
				return nil, false, fmt.Errorf("search calls: %w", err)
			}
			partial = partial || stopped
			req.prune(newest)
		}
	}
	found = make([]Found, 0, len(newest))
	for t, at := range newest {
		found = append(found, Found{t, at})
	}
	slices.SortFunc(found, func(a, b Found) int { return cmp.Or(cmp.Compare(b.At, a.At), bytes.Compare(a.ID[:], b.ID[:])) })
	if len(found) >= req.Limit {
		return found[:req.Limit], false, nil
	}
	return found, partial, nil
}

// prune keeps the queries from looking for traces older than as many as are wanted.
func (r *FindRequest) prune(newest map[id.Trace]int64) {
	if len(newest) < r.Limit {
		return
	}
	times := slices.Sorted(maps.Values(newest))
	oldest := times[len(times)-r.Limit]
	r.Queries = slices.Clone(r.Queries)
	for i := range r.Queries {
		r.Queries[i].From = max(r.Queries[i].From, oldest)
	}
}

// find adds the newest traces of one reader, as many as are wanted in all: each reader may have the newest.
func (s *Service) find(ctx context.Context, r store.Reader, req *FindRequest, q store.Query, newest map[id.Trace]int64) (stopped bool, err error) {
	q.After = store.Position{}
	here := make(map[id.Trace]struct{}, req.Limit)
	passed := 0
	err = r.Search(ctx, &q, func(c span.Call) bool {
		t := c.Trace()
		_, known := here[t]
		if known || req.Match != nil && !req.Match(&c) {
			passed++
			stopped = passed >= s.config.MaxScan
			return !stopped
		}
		passed = 0
		here[t] = struct{}{}
		if at := store.Time(&c); at > newest[t] {
			newest[t] = at
		}
		return len(here) < req.Limit
	})
	if err == nil {
		err = ctx.Err()
	}
	return stopped, err
}

// TraceOf is Trace for an id in its 16-byte form.
func (s *Service) TraceOf(ctx context.Context, t id.Trace) (*Trace, error) {
	calls, truncated, err := s.stored(ctx, t, s.config.MaxTraceCalls)
	if err != nil {
		return nil, err
	}
	if len(calls) == 0 {
		return nil, fmt.Errorf("trace %s: %w: no span of it is stored, or it is older than the retention", t, ErrNotFound)
	}
	return Assemble(t, calls, truncated), nil
}

// batcher is what a reader may have, to read several traces for less than each alone costs. Of a trace with more than
// limit calls it may give nothing but truncated.
type batcher interface {
	Traces(ctx context.Context, traces []id.Trace, limit int) (calls [][]span.Call, truncated []bool, err error)
}

// maxBatchCalls bounds a trace that is read together with others.
const maxBatchCalls = 2000

// TracesOf reads several traces at once, nil where nothing is stored. They are all in memory together: ask for few.
func (s *Service) TracesOf(ctx context.Context, ids []id.Trace) ([]*Trace, error) {
	calls, great := make([][]span.Call, len(ids)), make([]bool, len(ids))
	for _, r := range s.readers {
		parts, truncated, err := readBatch(ctx, r, ids)
		if err != nil {
			return nil, fmt.Errorf("read %d traces: %w", len(ids), err)
		}
		for i := range ids {
			calls[i], great[i] = append(calls[i], parts[i]...), great[i] || truncated[i]
		}
	}
	traces := make([]*Trace, len(ids))
	for i, t := range ids {
		switch {
		case great[i]:
			var err error
			if traces[i], err = s.TraceOf(ctx, t); err != nil && !errors.Is(err, ErrNotFound) {
				return nil, err
			}
		case len(calls[i]) > 0:
			traces[i] = Assemble(t, calls[i], false)
		}
	}
	return traces, nil
}

func readBatch(ctx context.Context, r store.Reader, ids []id.Trace) (calls [][]span.Call, truncated []bool, err error) {
	if b, ok := r.(batcher); ok {
		return b.Traces(ctx, ids, maxBatchCalls)
	}
	calls, truncated = make([][]span.Call, len(ids)), make([]bool, len(ids))
	for i, t := range ids {
		if calls[i], truncated[i], err = r.Trace(ctx, t, maxBatchCalls); err != nil {
			return nil, nil, err
		}
	}
	return calls, truncated, nil
}
