package api

import (
	"context"
	"encoding/json"
	"net/http"
	"strconv"

	"github.com/twinspan/twinspan/internal/query"
	"github.com/twinspan/twinspan/internal/query/traceql"
)

// searchTraceQL asks for a page of traces; limit counts traces.
func (a *API) searchTraceQL(ctx context.Context, in *input) (*query.TraceQLPage, error) {
	if in.filtered != "" {
		return nil, besideQuery(in.filtered)
	}
	r, err := in.timeRange()
	if err != nil {
		return nil, err
	}
	return a.query.SearchTraceQL(ctx, query.TraceQLRequest{
		Expr: in.traceQL, From: r.From, To: r.To, Limit: in.search.Limit, SpansPerSet: in.spans, Cursor: in.search.Cursor,
	})
}

// scatterTraceQL draws calls whose spans a query finds.
func (a *API) scatterTraceQL(ctx context.Context, in *input) (answer, error) {
	if in.filtered != "" {
		return nil, besideQuery(in.filtered)
	}
	r, err := in.timeRange()
	if err != nil {
		return nil, err
	}
	s, err := a.query.ScatterTraceQL(ctx, in.traceQL, r, in.points)
	if err != nil {
		return nil, err
	}
	return scatterAnswer{s}, nil
}

func besideQuery(name string) error {
	return badRequest("parameter %q cannot stand beside \"query\": write it in the query (docs/search.md has how)", name)
}

type labelJSON struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

func labelsOf(list []traceql.Label) []labelJSON {
	out := make([]labelJSON, len(list))
	for i, l := range list {
		out[i] = labelJSON{l.Name, l.Value.Plain()}
	}
	return out
}

// spanJSON is a span of a set: its call, and what the query is about.
type spanJSON struct {
	callJSON
	Half       json.RawMessage `json:"half"`
	Attributes []labelJSON     `json:"attributes"`
}

type setJSON struct {
	Labels  []labelJSON `json:"labels"`
	Matched int         `json:"matched"`
	Spans   []spanJSON  `json:"spans"`
}

type serviceJSON struct {
	Name   string `json:"name"`
	Spans  int    `json:"spans"`
	Errors int    `json:"errors"`
}

type foundJSON struct {
	TraceID       string        `json:"traceId"`
	W3CTraceID    string        `json:"w3cTraceId"`
	RootApp       string        `json:"rootApp"`
	RootOperation string        `json:"rootOperation"`
	StartUnixNano string        `json:"startUnixNano"`
	DurationNano  int64         `json:"durationNano"`
	Spans         int           `json:"spans"`
	Errors        int           `json:"errors"`
	Services      []serviceJSON `json:"services"`
	Sets          []setJSON     `json:"sets"`
	Truncated     bool          `json:"truncated"`
}

func (a *API) traces(ctx context.Context, _ *http.Request, in *input) (answer, error) {
	if in.traceQL == "" {
		return nil, badRequest("parameter \"query\" is missing: { } finds all traces")
	}
	page, err := a.searchTraceQL(ctx, in)
	if err != nil {
		return nil, err
	}
	found := make([]foundJSON, len(page.Traces))
	for i := range found {
		if found[i], err = foundOf(&page.Traces[i]); err != nil {
			return nil, err
		}
	}
	return value{struct {
		Traces          []foundJSON `json:"traces"`
		Next            string      `json:"next"`
		Partial         bool        `json:"partial"`
		PartialReason   string      `json:"partialReason"`
		SearchedFrom    string      `json:"searchedFromUnixNano"`
		InspectedTraces int         `json:"inspectedTraces"`
		InspectedCalls  int         `json:"inspectedCalls"`
	}{found, page.Next, page.Partial, page.Reason, nanoOrNone(page.SearchedFrom), page.InspectedTraces, page.InspectedCalls}}, nil
}

func foundOf(m *query.TraceMatch) (foundJSON, error) {
	out := foundJSON{
		TraceID: m.Text, W3CTraceID: m.ID.Hex(), RootApp: m.RootService, RootOperation: m.RootName,
		StartUnixNano: strconv.FormatInt(m.Start, 10), DurationNano: m.Duration, Spans: m.Spans, Errors: m.Errors, Truncated: m.Truncated,
		Services: make([]serviceJSON, len(m.Services)), Sets: make([]setJSON, len(m.Sets)),
	}
	for i, s := range m.Services {
		out.Services[i] = serviceJSON(s)
	}
	for i := range m.Sets {
		s := &m.Sets[i]
		set := setJSON{Labels: labelsOf(s.Labels), Matched: s.Matched, Spans: make([]spanJSON, len(s.Spans))}
		for k := range s.Spans {
			half, err := s.Spans[k].Half.MarshalJSON()
			if err != nil {
				return out, err
			}
			set.Spans[k] = spanJSON{callOf(&s.Spans[k].Call), half, labelsOf(s.Spans[k].Selected)}
		}
		out.Sets[i] = set
	}
	return out, nil
}

// checkTraceQL says whether a query can be read, and how.
func (a *API) checkTraceQL(_ context.Context, _ *http.Request, in *input) (answer, error) {
	q, err := query.ParseTraceQL(in.traceQL, false)
	if err != nil {
		return nil, err
	}
	return value{struct {
		Query string `json:"query"`
	}{q.String()}}, nil
}

func (a *API) tags(ctx context.Context, _ *http.Request, in *input) (answer, error) {
	r, err := in.timeRange()
	if err != nil {
		return nil, err
	}
	names, partial, err := a.query.TagNames(ctx, r, in.scope)
	if err != nil {
		return nil, err
	}
	type tag struct {
		Scope string `json:"scope"`
		Name  string `json:"name"`
		Query string `json:"query"`
	}
	tags := make([]tag, len(names))
	for i, n := range names {
		tags[i] = tag{n.Scope.String(), n.Name, traceql.Attribute{Scope: n.Scope, Name: n.Name}.String()}
	}
	return value{struct {
		Tags       []tag    `json:"tags"`
		Intrinsics []string `json:"intrinsics"`
		Partial    bool     `json:"partial"`
	}{tags, traceql.Intrinsics(), partial}}, nil
}

func (a *API) tagValues(ctx context.Context, _ *http.Request, in *input) (answer, error) {
	if in.tag == "" {
		return nil, badRequest("parameter \"tag\" is missing: name an attribute as TraceQL does, such as resource.service.name")
	}
	r, err := in.timeRange()
	if err != nil {
		return nil, err
	}
	values, partial, err := a.query.TagValues(ctx, r, in.tag)
	if err != nil {
		return nil, err
	}
	type tagValue struct {
		Value string `json:"value"`
		Query string `json:"query"`
	}
	out := make([]tagValue, len(values))
	for i, v := range values {
		out[i] = tagValue{v.Plain(), v.String()}
	}
	return value{struct {
		Values  []tagValue `json:"values"`
		Partial bool       `json:"partial"`
	}{out, partial}}, nil
}
