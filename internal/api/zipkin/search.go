package zipkin

import (
	"context"
	"net/http"
	"strings"
	"time"

	"github.com/twinspan/twinspan/internal/api/compat"
	"github.com/twinspan/twinspan/internal/query"
	"github.com/twinspan/twinspan/internal/span"
	"github.com/twinspan/twinspan/sdk/id"
)

// sizeOfNode is about the bytes that a call takes in an answer.
const sizeOfNode = 2 << 10

func (h *Handler) trace(ctx context.Context, w *compat.Response, r *http.Request) error {
	text := strings.TrimSpace(r.PathValue("id"))
	t, err := compat.TraceOf(ctx, h.query, text)
	if err != nil {
		return err
	}
	if t.Truncated {
		w.Partial("the trace has more spans than are shown")
	}
	_, err = w.Write(append(appendTrace(make([]byte, 0, len(t.Nodes)*sizeOfNode), t), '\n'))
	return err
}

// traceMany answers those of several traces that are there.
func (h *Handler) traceMany(ctx context.Context, w *compat.Response, r *http.Request) error {
	text := r.URL.Query().Get("traceIds")
	if text == "" {
		return compat.BadRequest("traceIds parameter is empty")
	}
	texts := strings.Split(text, ",")
	if len(texts) > maxTraces {
		return compat.BadRequest("traceIds has %d ids, the limit is %d", len(texts), maxTraces)
	}
	seen := make(map[id.Trace]bool, len(texts))
	ids := make([]id.Trace, len(texts))
	for i, text := range texts {
		if text = strings.TrimSpace(text); text == "" || len(text) > compat.LongestTraceID {
			return compat.BadRequest("traceIds: %.40q is no trace id", text)
		}
		if ids[i], _ = id.ParseTrace(text); seen[ids[i]] {
			return compat.BadRequest("redundant traceId: %s", text)
		}
		seen[ids[i]] = true
	}
	if len(ids) == 1 {
		return compat.BadRequest("Use /api/v2/trace/{traceId} endpoint to retrieve a single trace")
	}
	return h.write(w, func(reading *compat.Reading, yield func(*query.Trace) error) error {
		return reading.Each(ctx, w, ids, yield)
	})
}

// traces answers the traces with the newest matching spans, newest first.
func (h *Handler) traces(ctx context.Context, w *compat.Response, r *http.Request) error {
	values, err := compat.Parameters(r)
	if err != nil {
		return err
	}
	p, err := readSearch(values, h.now())
	if err != nil {
		return err
	}
	queries, err := h.queries(ctx, &p)
	if err != nil {
		return err
	}
	req := query.FindRequest{Queries: queries, Match: p.match, Limit: p.limit}
	return h.write(w, func(reading *compat.Reading, yield func(*query.Trace) error) error {
		return reading.Find(ctx, w, req, yield)
	})
}

// write writes a list of traces, as they are read.
func (h *Handler) write(w *compat.Response, read func(*compat.Reading, func(*query.Trace) error) error) error {
	begun := false
	var buf []byte
	err := read(&compat.Reading{Query: h.query, Config: h.config.Config, Log: h.log, API: apiName}, func(t *query.Trace) error {
		buf = append(buf[:0], ',')
		if !begun {
			buf[0], begun = '[', true
		}
		buf = appendTrace(buf, t)
		_, err := w.Write(buf)
		return err
	})
	if err != nil {
		return err
	}
	end := "]\n"
	if !begun {
		end = "[]\n"
	}
	_, err = w.Write([]byte(end))
	return err
}

// maxSpellings bounds how many pairs of names that differ in case only one search asks for.
const maxSpellings = 16

// queries makes what the store is asked. Zipkin knows names in lower case only, so that a name is looked for in every
// spelling that there is.
func (h *Handler) queries(ctx context.Context, p *searchParams) ([]query.Query, error) {
	services := []string{""}
	if p.service != "" {
		var err error
		if services, err = h.names.Spellings(ctx, nil, p.service); err != nil {
			return nil, err
		}
	}
	base := query.Query{From: p.from.UnixNano(), To: p.to.Add(time.Millisecond).UnixNano(), MinDuration: int64(p.min), Lean: len(p.conditions) == 0}
	for _, c := range p.conditions {
		if c.key == tagError && (c.present || c.value != "false") {
			failed := true
			base.Error = &failed
		} else if !c.present && !derived(c.key) {
			base.Tags = append(base.Tags, query.Tag{Key: c.key, Value: c.value})
		}
	}
	var queries []query.Query
	for _, service := range services {
		q := base
		q.App = service
		operations := []string{""}
		if p.name != "" {
			known, err := h.names.Operations(ctx, nil, service)
			if err != nil {
				return nil, err
			}
			operations = operations[:0]
			for _, o := range known {
				if strings.EqualFold(o, p.name) {
					operations = append(operations, o)
				}
			}
			if len(operations) == 0 {
				operations = []string{p.name}
			}
		}
		for _, q.Operation = range operations {
			if len(queries) < maxSpellings {
				queries = append(queries, q)
			}
		}
	}
	if p.min != 0 {
		// A consumer may take longer than its producer, which a call is measured by.
		for _, q := range queries {
			mq := span.TypeMQ
			q.MinDuration, q.Type = 0, &mq
			queries = append(queries, q)
		}
	}
	return queries, nil
}

// match says that one span of the call meets all conditions.
func (p *searchParams) match(c *span.Call) bool {
	return c.Client != nil && p.matchSpan(c, c.Client) || c.Server != nil && p.matchSpan(c, c.Server)
}

func (p *searchParams) matchSpan(c *span.Call, h *span.Half) bool {
	switch {
	case p.service != "" && !strings.EqualFold(h.App, p.service),
		p.remote != "" && !strings.EqualFold(remoteName(c, h), p.remote),
		p.name != "" && !strings.EqualFold(h.Operation, p.name) && !strings.EqualFold(c.Operation(), p.name),
		h.Duration < int64(p.min), p.max != 0 && h.Duration > int64(p.max):
		return false
	}
	if len(p.conditions) == 0 {
		return true
	}
	tags := tagsOf(nil, h)
	for _, cond := range p.conditions {
		if !cond.holds(h, tags) {
			return false
		}
	}
	return true
}

func (c condition) holds(h *span.Half, tags []tag) (ok bool) {
	for _, t := range tags {
		if t.key == c.key && (c.present || t.value.Text() == c.value) {
			return true
		}
	}
	if c.present {
		h.Payload.Events(func(e span.Event) bool {
			ok = e.Name == c.key
			return !ok
		})
	}
	return ok
}
