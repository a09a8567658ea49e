package compat

import (
	"context"
	"log/slog"

	"github.com/twinspan/twinspan/internal/query"
	"github.com/twinspan/twinspan/sdk/id"
)

// Reading is how the traces of a search are read.
type Reading struct {
	Query  *query.Service
	Config Config
	Log    *slog.Logger
	// API is the name of the API, below which its settings are.
	API string
}

// Find searches and gives the traces, newest first, as far as they fit in one answer. What is missing is said by w.Partial.
func (r *Reading) Find(ctx context.Context, w *Response, req query.FindRequest, yield func(*query.Trace) error) error {
	found, partial, err := r.Query.Find(ctx, req)
	if err != nil {
		return err
	}
	if partial {
		w.Partial("the search ended before all spans were looked at: narrow the time range or add filters for older traces")
	}
	ids := make([]id.Trace, len(found))
	for i, f := range found {
		ids[i] = f.ID
	}
	return r.Each(ctx, w, ids, yield)
}

// Each reads traces, some at a time, and gives those that are stored in their order, as far as they fit in one answer. Those
// of one batch are in memory together. What is missing is said by w.Partial.
func (r *Reading) Each(ctx context.Context, w *Response, ids []id.Trace, yield func(*query.Trace) error) error {
	left := r.Config.MaxSpans
	for from := 0; from < len(ids); from += r.Config.ReadBatch {
		part := ids[from:min(from+r.Config.ReadBatch, len(ids))]
		list, failed := r.Query.TracesOf(ctx, part)
		if err := ctx.Err(); err != nil {
			return err
		}
		for i, t := range part {
			tr, err := r.one(ctx, t, list, i, failed)
			switch {
			case err != nil && !w.begun && left == r.Config.MaxSpans:
				return err
			case err != nil:
				r.Log.Error("search failed when it was answered in part", "trace", t, "error", err)
				w.Partial("trace " + t.Hex() + " and those behind it cannot be read: see the server's log")
				return nil
			case tr == nil:
				continue
			case tr.Halves > left:
				w.Partial("traces are left out: together they have too many spans for one answer (" + r.API + ".max_spans)")
				return nil
			case tr.Truncated:
				w.Partial("trace " + t.Hex() + " has more spans than are shown")
			}
			left -= tr.Halves
			if err := yield(tr); err != nil {
				return err
			}
		}
	}
	return nil
}

// one gives a trace of a batch. Where the batch failed, one of it cannot be read: the others can.
func (r *Reading) one(ctx context.Context, t id.Trace, list []*query.Trace, at int, failed error) (*query.Trace, error) {
	if failed == nil {
		return list[at], nil
	}
	alone, err := r.Query.TracesOf(ctx, []id.Trace{t})
	if err != nil {
		return nil, err
	}
	return alone[0], nil
}

// TraceOf tries the id as it is first, in the way that several traces are read: that unpacks blocks in parallel.
func TraceOf(ctx context.Context, q *query.Service, text string) (*query.Trace, error) {
	if len(text) > LongestTraceID {
		return nil, BadRequest("the trace id is longer than %d bytes", LongestTraceID)
	}
	if t, _ := id.ParseTrace(text); !t.IsZero() {
		list, err := q.TracesOf(ctx, []id.Trace{t})
		if err != nil {
			return nil, err
		}
		if list[0] != nil {
			return list[0], nil
		}
	}
	return q.Trace(ctx, text)
}

// LongestTraceID is how many bytes the text of a trace id may have.
const LongestTraceID = 512
