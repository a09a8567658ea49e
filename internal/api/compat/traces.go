package compat

import (
	"context"

	"github.com/twinspan/twinspan/internal/query"
	"github.com/twinspan/twinspan/sdk/id"
)

// Each reads traces, some at a time, and gives them in their order: nil where nothing is stored, and failed where one
// cannot be read though others can. Those of one batch are in memory together. It ends when yield says so.
func Each(ctx context.Context, q *query.Service, batch int, ids []id.Trace, yield func(at int, t *query.Trace, failed error) (more bool, err error)) error {
	for from := 0; from < len(ids); from += batch {
		part := ids[from:min(from+batch, len(ids))]
		list, failed := q.TracesOf(ctx, part)
		if err := ctx.Err(); err != nil {
			return err
		}
		for i := range part {
			var t *query.Trace
			var err error
			if failed == nil {
				t = list[i]
			} else if one, failed := q.TracesOf(ctx, part[i:i+1]); failed == nil {
				t = one[0]
			} else {
				err = failed
			}
			if more, err := yield(from+i, t, err); !more || err != nil {
				return err
			}
		}
	}
	return nil
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
