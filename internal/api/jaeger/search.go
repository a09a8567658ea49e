package jaeger

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"sync"

	"github.com/twinspan/twinspan/internal/query"
	"github.com/twinspan/twinspan/internal/span"
	"github.com/twinspan/twinspan/internal/store"
)

// trace answers one trace. Its start and end are not needed to find it; they are not looked at.
func (h *Handler) trace(ctx context.Context, w *response, r *http.Request) error {
	text := r.PathValue("id")
	if len(text) > longestTraceID {
		return badRequest("the trace id is longer than %d bytes", longestTraceID)
	}
	t, err := h.query.Trace(ctx, text)
	if err != nil {
		return err
	}
	b := append(make([]byte, 0, len(t.Nodes)*sizeOfNode), dataBegin...)
	b = appendTrace(b, t)
	_, err = w.Write(append(b, "],"+dataEnd+"null}\n"...))
	return err
}

// What stands around the traces of an answer. Jaeger leaves the counts 0.
const (
	dataBegin = `{"data":[`
	dataEnd   = `"total":0,"limit":0,"offset":0,"errors":`
)

// search answers the traces that were asked for by id, or those with the newest matching spans, newest first.
func (h *Handler) search(ctx context.Context, w *response, r *http.Request) error {
	values, err := parameters(r)
	if err != nil {
		return err
	}
	p, err := readSearch(values, h.now())
	if err != nil {
		return err
	}
	out := traces{w: w, left: h.config.MaxSpans}
	if len(p.traceIDs) > 0 {
		read := func(ctx context.Context, i int) (*query.Trace, error) { return h.query.Trace(ctx, p.traceIDs[i]) }
		return h.write(ctx, &out, len(p.traceIDs), read, func(i int) string { return p.traceIDs[i] })
	}
	found, partial, err := h.query.Find(ctx, p.request())
	if err != nil {
		return err
	}
	if partial {
		out.note(errorJSON{Message: "the search ended before all spans were looked at: narrow the time range or add filters for older traces"})
	}
	read := func(ctx context.Context, i int) (*query.Trace, error) { return h.query.TraceOf(ctx, found[i].ID) }
	return h.write(ctx, &out, len(found), read, func(i int) string { return found[i].ID.Hex() })
}

// traces writes the answer to a search as its traces come.
type traces struct {
	w      *response
	begun  bool
	left   int // spans
	errors []errorJSON
}

func (t *traces) note(e errorJSON) { t.errors = append(t.errors, e) }

// add writes one trace, or notes that it is too much.
func (t *traces) add(e *encoded) (more bool, err error) {
	if e.spans > t.left {
		t.note(errorJSON{Message: "the traces that follow are left out: all together have too many spans for one answer (jaeger.max_spans)", TraceID: e.id})
		return false, nil
	}
	t.left -= e.spans
	head := ","
	if !t.begun {
		head, t.begun = dataBegin, true
	}
	if _, err := t.w.Write([]byte(head)); err != nil {
		return false, err
	}
	_, err = t.w.Write(e.json)
	return err == nil, err
}

func (t *traces) end() error {
	head := "],"
	if !t.begun {
		head = dataBegin + head
	}
	errs, err := json.Marshal(t.errors)
	if err != nil {
		return err
	}
	_, err = t.w.Write(append(append([]byte(head+dataEnd), errs...), "}\n"...))
	return err
}

// encoded is a trace that is ready to be written, or why it is not.
type encoded struct {
	id    string
	spans int
	json  []byte
	err   error
}

// write reads n traces, some at a time, and writes them in their order. At most ReadConcurrency traces are in memory.
func (h *Handler) write(ctx context.Context, out *traces, n int, read func(context.Context, int) (*query.Trace, error), idOf func(int) string) error {
	ctx, cancel := context.WithCancel(ctx)
	var reading sync.WaitGroup
	defer reading.Wait()
	defer cancel()
	workers := min(n, h.config.ReadConcurrency)
	results := make([]chan encoded, workers)
	for k := range results {
		results[k] = make(chan encoded)
		reading.Add(1)
		go func() {
			defer reading.Done()
			for i := k; i < n; i += workers {
				select {
				case results[k] <- encode(ctx, i, read):
				case <-ctx.Done():
					return
				}
			}
		}()
	}
	for i := range n {
		var e encoded
		select {
		case e = <-results[i%workers]:
		case <-ctx.Done():
			e.err = ctx.Err()
		}
		if e.err == nil {
			more, err := out.add(&e)
			if err != nil {
				return err
			}
			if !more {
				break
			}
			continue
		}
		status, message := explain(e.err)
		if !errors.Is(e.err, query.ErrNotFound) {
			if !out.begun {
				return e.err
			}
			out.note(errorJSON{Code: status, Message: message, TraceID: idOf(i)})
			h.log.Error("search failed when it was answered in part", "error", e.err)
			break
		}
		out.note(errorJSON{Message: message, TraceID: idOf(i)})
	}
	return out.end()
}

func encode(ctx context.Context, i int, read func(context.Context, int) (*query.Trace, error)) (e encoded) {
	t, err := read(ctx, i)
	if err != nil {
		return encoded{err: err}
	}
	return encoded{id: t.ID.Hex(), spans: t.Halves, json: appendTrace(make([]byte, 0, len(t.Nodes)*sizeOfNode), t)}
}

// request makes what package query is asked: what the store can tell of whole calls, and the test on the spans of them,
// because in Jaeger all conditions hold for one span.
func (p *searchParams) request() query.FindRequest {
	q := store.Query{
		From: p.from.UnixNano(), To: p.to.UnixNano() + 1000, // a span is shown in the microsecond that it began in
		App: p.service, Operation: p.operation, Tags: p.tags, Kind: p.kind, Component: p.scope, Lean: len(p.tags) == 0,
		MinDuration: int64(p.min),
	}
	if p.err != nil && *p.err == span.StatusError || p.status != nil && *p.status == span.StatusError {
		failed := true
		q.Error = &failed
	}
	queries := []store.Query{q}
	if p.min != 0 {
		// A consumer may take longer than its producer, which a call is measured by.
		mq := span.TypeMQ
		q.MinDuration, q.Type = 0, &mq
		queries = append(queries, q)
	}
	return query.FindRequest{Queries: queries, Match: p.match, Limit: p.limit}
}

func (p *searchParams) match(c *span.Call) bool {
	return c.Client != nil && p.matchSpan(c, c.Client) || c.Server != nil && p.matchSpan(c, c.Server)
}

func (p *searchParams) matchSpan(c *span.Call, h *span.Half) bool {
	switch {
	case p.service != "" && h.App != p.service,
		p.operation != "" && h.Operation != p.operation && c.Operation() != p.operation,
		h.Duration < int64(p.min), p.max != 0 && h.Duration > int64(p.max),
		p.kind != nil && h.Kind != *p.kind, p.scope != "" && h.Component != p.scope,
		p.status != nil && h.Status != *p.status,
		p.err != nil && (h.Status == span.StatusError) != (*p.err == span.StatusError):
		return false
	}
	for i := range p.tags {
		if !hasTag(h.Payload, &p.tags[i]) && !hasTag(h.Resource, &p.tags[i]) {
			return false
		}
	}
	return true
}

func hasTag(p span.Payload, t *store.Tag) (found bool) {
	p.Attrs(func(key string, v span.Value) bool {
		found = key == t.Key && v.Text() == t.Value
		return !found
	})
	return found
}

func appendInt(b []byte, n int64) []byte { return strconv.AppendInt(b, n, 10) }
