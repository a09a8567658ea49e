package tempo

import (
	"cmp"
	"context"
	"math"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/twinspan/twinspan/internal/api/compat"
	"github.com/twinspan/twinspan/internal/query"
	"github.com/twinspan/twinspan/internal/query/traceql"
)

// defaultRange is what is searched without start and end.
const defaultRange = time.Hour

// The answer is tempopb.SearchResponse as JSON: numbers of 64 bits are text, what is empty is left out.
type (
	searchJSON struct {
		Traces  []traceJSON `json:"traces"`
		Metrics metricsJSON `json:"metrics"`
	}
	metricsJSON struct {
		InspectedTraces int    `json:"inspectedTraces,omitempty"`
		InspectedSpans  uint64 `json:"inspectedSpans,string,omitempty"`
		// One job stands for the whole search: one that was not completed is a partial answer.
		CompletedJobs int `json:"completedJobs,omitempty"`
		TotalJobs     int `json:"totalJobs"`
	}
	traceJSON struct {
		TraceID  string                  `json:"traceID"`
		Service  string                  `json:"rootServiceName,omitempty"`
		Name     string                  `json:"rootTraceName,omitempty"`
		Start    uint64                  `json:"startTimeUnixNano,string"`
		Duration uint32                  `json:"durationMs,omitempty"`
		SpanSet  *spanSetJSON            `json:"spanSet,omitempty"`
		SpanSets []spanSetJSON           `json:"spanSets,omitempty"`
		Services map[string]serviceStats `json:"serviceStats,omitempty"`
	}
	serviceStats struct {
		Spans  int `json:"spanCount"`
		Errors int `json:"errorCount,omitempty"`
	}
	spanSetJSON struct {
		Spans      []spanJSON     `json:"spans"`
		Matched    int            `json:"matched"`
		Attributes []keyValueJSON `json:"attributes,omitempty"`
	}
	spanJSON struct {
		SpanID     string         `json:"spanID"`
		Name       string         `json:"name,omitempty"`
		Start      uint64         `json:"startTimeUnixNano,string"`
		Duration   uint64         `json:"durationNanos,string"`
		Attributes []keyValueJSON `json:"attributes,omitempty"`
	}
	keyValueJSON struct {
		Key   string       `json:"key"`
		Value anyValueJSON `json:"value"`
	}
	// anyValueJSON has one of its fields.
	anyValueJSON struct {
		String *string    `json:"stringValue,omitempty"`
		Int    *int64     `json:"intValue,string,omitempty"`
		Double *float64   `json:"doubleValue,omitempty"`
		Bool   *bool      `json:"boolValue,omitempty"`
		Array  *arrayJSON `json:"arrayValue,omitempty"`
	}
	arrayJSON struct {
		Values []anyValueJSON `json:"values"`
	}
)

// search answers the traces that a TraceQL query, or tags, find: the newest first.
func (h *Handler) search(ctx context.Context, w *compat.Response, r *http.Request) error {
	values, err := compat.Parameters(r)
	if err != nil {
		return err
	}
	req, err := h.readSearch(values)
	if err != nil {
		return err
	}
	page, err := h.query.SearchTraceQL(ctx, req)
	if err != nil {
		return err
	}
	answer := searchJSON{Traces: make([]traceJSON, len(page.Traces)), Metrics: metricsOf(page.InspectedTraces, page.InspectedCalls, page.Partial)}
	if page.Partial {
		w.Partial(page.Reason)
	}
	for i := range page.Traces {
		answer.Traces[i] = traceOf(&page.Traces[i])
	}
	return w.JSON(answer)
}

func metricsOf(traces, calls int, partial bool) metricsJSON {
	m := metricsJSON{InspectedTraces: traces, InspectedSpans: uint64(max(calls, 0)), TotalJobs: 1, CompletedJobs: 1}
	if partial {
		m.CompletedJobs = 0
	}
	return m
}

func traceOf(m *query.TraceMatch) traceJSON {
	t := traceJSON{
		TraceID: m.ID.Hex(), Service: m.RootService, Name: m.RootName, Start: uint64(m.Start),
		Duration: uint32(min(m.Duration/int64(time.Millisecond), math.MaxUint32)), Services: make(map[string]serviceStats, len(m.Services)),
	}
	for _, s := range m.Services {
		t.Services[s.Name] = serviceStats{s.Spans, s.Errors}
	}
	for i := range m.Sets {
		set := &m.Sets[i]
		out := spanSetJSON{Spans: make([]spanJSON, len(set.Spans)), Matched: set.Matched}
		for _, l := range set.Labels {
			out.Attributes = append(out.Attributes, keyValueJSON{l.Name, valueOf(l.Value)})
		}
		for k := range set.Spans {
			out.Spans[k] = spanOf(&set.Spans[k])
		}
		t.SpanSets = append(t.SpanSets, out)
	}
	if len(t.SpanSets) > 0 {
		t.SpanSet = &t.SpanSets[0] // of old there was only one
	}
	return t
}

func spanOf(m *query.MatchedSpan) spanJSON {
	s := spanJSON{SpanID: m.Half.Span.String(), Name: m.Half.Operation, Start: uint64(m.Half.Start), Duration: uint64(m.Half.Duration)}
	for _, l := range m.Selected {
		key := l.Name
		if a, err := traceql.ParseAttribute(l.Name); err == nil {
			switch a.Intrinsic {
			case traceql.NoIntrinsic:
				key = a.Name
			case traceql.Name, traceql.DurationOf, traceql.TraceDuration, traceql.RootName, traceql.RootService, traceql.TraceID, traceql.SpanID:
				continue // fields of the span or of the trace
			}
		}
		s.Attributes = append(s.Attributes, keyValueJSON{key, valueOf(l.Value)})
	}
	return s
}

// valueOf gives an AnyValue. What TraceQL has types of its own for is text.
func valueOf(v traceql.Value) anyValueJSON {
	switch v.Type {
	case traceql.TypeBool:
		b := v.Int() != 0
		return anyValueJSON{Bool: &b}
	case traceql.TypeInt:
		n := v.Int()
		return anyValueJSON{Int: &n}
	case traceql.TypeFloat:
		if f := v.Float(); !math.IsNaN(f) && !math.IsInf(f, 0) {
			return anyValueJSON{Double: &f}
		}
	case traceql.TypeList:
		list := &arrayJSON{Values: []anyValueJSON{}}
		for _, e := range v.List() {
			list.Values = append(list.Values, valueOf(e))
		}
		return anyValueJSON{Array: list}
	}
	text := strings.ToValidUTF8(v.Plain(), "\ufffd")
	return anyValueJSON{String: &text}
}

func (h *Handler) readSearch(values url.Values) (req query.TraceQLRequest, err error) {
	req.Expr = values.Get("q")
	tags, hasTags := values["tags"]
	if req.Expr != "" && hasTags {
		return req, compat.BadRequest("invalid request: can't specify tags and q in the same query")
	}
	if req.Expr == "" {
		if req.Expr, err = fromTags(strings.Join(tags, " "), values.Get("minDuration"), values.Get("maxDuration")); err != nil {
			return req, err
		}
	}
	if req.From, req.To, err = h.readRange(values); err != nil {
		return req, err
	}
	if req.Limit, err = count(values, "limit", query.MaxTraces); err != nil {
		return req, err
	}
	req.SpansPerSet, err = count(values, "spss", query.MaxSpansPerSet)
	return req, err
}

// count reads a number, 0 where there is none. More than can be had is as much as can be had.
func count(values url.Values, name string, most int) (int, error) {
	text := values.Get(name)
	if text == "" {
		return 0, nil
	}
	n, err := strconv.ParseUint(text, 10, 31)
	if err != nil || n == 0 {
		return 0, compat.BadRequest("invalid %s: %.100q is no positive number", name, text)
	}
	return min(int(n), most), nil
}

// readRange reads start and end, the hour before now where they are missing. Like Tempo's, their units differ by path:
// seconds of 1970, and for series also nanoseconds or a time such as 2026-01-02T03:04:05Z.
func (h *Handler) readRange(values url.Values) (from, to int64, err error) {
	now := h.now()
	end, err := readTime(values, "end", now)
	if err != nil {
		return 0, 0, err
	}
	since := defaultRange
	if text := values.Get("since"); text != "" {
		if since, err = readDuration(text); err != nil || since <= 0 {
			return 0, 0, compat.BadRequest("could not parse 'since' parameter: %.100q is no duration", text)
		}
	}
	latest := end
	if latest.After(now) {
		latest = now
	}
	start, err := readTime(values, "start", latest.Add(-since))
	if err != nil {
		return 0, 0, err
	}
	if !start.Before(end) {
		return 0, 0, compat.BadRequest("http parameter start must be before end. received start=%d end=%d", start.Unix(), end.Unix())
	}
	return start.UnixNano(), end.UnixNano(), nil
}

func readTime(values url.Values, name string, missing time.Time) (time.Time, error) {
	text := values.Get(name)
	if text == "" || text == "0" {
		return missing, nil
	}
	if seconds, err := strconv.ParseFloat(text, 64); err == nil && seconds >= 0 {
		// Ten digits are seconds until 2286, and nineteen nanoseconds.
		if seconds >= 1e15 && seconds < math.MaxInt64 {
			n, _ := strconv.ParseInt(text, 10, 64)
			return time.Unix(0, cmp.Or(n, int64(seconds))), nil
		}
		if seconds < 9e9 {
			return time.Unix(0, int64(seconds*1e9)), nil
		}
	}
	t, err := time.Parse(time.RFC3339Nano, text)
	if err != nil {
		return missing, compat.BadRequest("invalid %s: %.100q is no number of seconds since 1970", name, text)
	}
	return t, nil
}

// readDuration takes what Go does, and days and weeks.
func readDuration(text string) (time.Duration, error) {
	for suffix, unit := range map[string]time.Duration{"d": 24 * time.Hour, "w": 7 * 24 * time.Hour} {
		if number, ok := strings.CutSuffix(text, suffix); ok {
			if n, err := strconv.ParseUint(number, 10, 12); err == nil {
				return time.Duration(n) * unit, nil
			}
		}
	}
	return time.ParseDuration(text)
}
