package jaeger

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"

	"github.com/twinspan/twinspan/internal/api/compat"
	"github.com/twinspan/twinspan/internal/query"
	"github.com/twinspan/twinspan/internal/span"
	"github.com/twinspan/twinspan/sdk/id"
)

// trace answers one trace. Its start and end are not needed to find it; they are not looked at.
func (h *Handler) trace(ctx context.Context, w *compat.Response, r *http.Request) error {
	t, err := compat.TraceOf(ctx, h.query, r.PathValue("id"))
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
func (h *Handler) search(ctx context.Context, w *compat.Response, r *http.Request) error {
	values, err := compat.Parameters(r)
	if err != nil {
		return err
	}
	p, err := readSearch(values, h.now())
	if err != nil {
		return err
	}
	out := traces{w: w, left: h.config.MaxSpans}
	if len(p.traceIDs) > 0 {
		return h.write(ctx, &out, p.traceIDs, func(ctx context.Context, texts []string) ([]*query.Trace, error) {
			list := make([]*query.Trace, len(texts))
			for i, text := range texts {
				t, err := h.query.Trace(ctx, text)
				if err != nil && !errors.Is(err, query.ErrNotFound) {
					return nil, err
				}
				list[i] = t
			}
			return list, nil
		})
	}
	found, partial, err := h.query.Find(ctx, p.request())
	if err != nil {
		return err
	}
	if partial {
		out.note(errorJSON{Message: "the search ended before all spans were looked at: narrow the time range or add filters for older traces"})
	}
	ids := make([]string, len(found))
	byText := make(map[string]id.Trace, len(found))
	for i, f := range found {
		ids[i] = f.ID.Hex()
		byText[ids[i]] = f.ID
	}
	return h.write(ctx, &out, ids, func(ctx context.Context, texts []string) ([]*query.Trace, error) {
		list := make([]id.Trace, len(texts))
		for i, text := range texts {
			list[i] = byText[text]
		}
		return h.query.TracesOf(ctx, list)
	})
}

// traces writes the answer to a search as its traces come.
type traces struct {
	w      *compat.Response
	begun  bool
	left   int // spans
	errors []errorJSON
	buf    []byte
}

func (t *traces) note(e errorJSON) { t.errors = append(t.errors, e) }

// add writes one trace, or notes that it is too much.
func (t *traces) add(tr *query.Trace) (more bool, err error) {
	if tr.Halves > t.left {
		t.note(errorJSON{Message: "the traces from here on are left out: together they have too many spans for one answer (jaeger.max_spans)", TraceID: tr.ID.Hex()})
		return false, nil
	}
	t.left -= tr.Halves
	t.buf = append(t.buf[:0], ',')
	if !t.begun {
		t.buf, t.begun = append(t.buf[:0], dataBegin...), true
	}
	t.buf = appendTrace(t.buf, tr)
	_, err = t.w.Write(t.buf)
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

// readFunc reads some traces, nil where there is none.
type readFunc func(context.Context, []string) ([]*query.Trace, error)

// write reads the traces, some at a time, and writes them in their order. Those of one batch are in memory together.
func (h *Handler) write(ctx context.Context, out *traces, ids []string, read readFunc) error {
	for from := 0; from < len(ids); from += h.config.ReadBatch {
		batch := ids[from:min(from+h.config.ReadBatch, len(ids))]
		list, err := read(ctx, batch)
		if err != nil && ctx.Err() == nil && len(batch) > 1 {
			// One of them cannot be read: the others can.
			list, err = nil, nil
		}
		for i, id := range batch {
			var t *query.Trace
			switch {
			case list != nil:
				t = list[i]
			case err == nil:
				t, err = one(ctx, id, read)
			}
			more, err := h.writeOne(out, id, t, err)
			if err != nil {
				return err
			}
			if !more {
				return out.end()
			}
		}
	}
	return out.end()
}

func one(ctx context.Context, id string, read readFunc) (*query.Trace, error) {
	list, err := read(ctx, []string{id})
	if err != nil {
		return nil, err
	}
	return list[0], nil
}

// writeOne writes a trace or why it is not there.
func (h *Handler) writeOne(out *traces, id string, t *query.Trace, failed error) (more bool, err error) {
	switch {
	case failed != nil && !out.begun:
		return false, failed
	case failed != nil:
		status, message := compat.Explain(failed, apiName)
		out.note(errorJSON{Code: status, Message: message, TraceID: id})
		h.log.Error("search failed when it was answered in part", "error", failed)
		return false, nil
	case t == nil:
		out.note(errorJSON{Message: messageNotFound, TraceID: id})
		return true, nil
	}
	return out.add(t)
}

// request makes what package query is asked: what the store can tell of whole calls, and the test on the spans of them,
// because in Jaeger all conditions hold for one span.
func (p *searchParams) request() query.FindRequest {
	q := query.Query{
		From: p.from.UnixNano(), To: p.to.UnixNano() + 1000, // a span is shown in the microsecond that it began in
		App: p.service, Operation: p.operation, Tags: p.tags, Kind: p.kind, Component: p.scope, Lean: len(p.tags) == 0,
		MinDuration: int64(p.min),
	}
	if p.err != nil && *p.err == span.StatusError || p.status != nil && *p.status == span.StatusError {
		failed := true
		q.Error = &failed
	}
	queries := []query.Query{q}
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

func hasTag(p span.Payload, t *query.Tag) (found bool) {
	p.Attrs(func(key string, v span.Value) bool {
		found = key == t.Key && v.Text() == t.Value
		return !found
	})
	return found
}
