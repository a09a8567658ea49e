package zipkin

import (
	"cmp"
	"context"
	"net/http"
	"slices"
	"time"

	"github.com/twinspan/twinspan/internal/api/compat"
	"github.com/twinspan/twinspan/internal/query"
	"github.com/twinspan/twinspan/internal/query/traceql"
)

func (h *Handler) services(ctx context.Context, w *compat.Response, _ *http.Request) error {
	services, err := h.names.Services(ctx)
	if err != nil {
		return err
	}
	return w.JSON(services)
}

// spans lists the names of a service's spans, of both sides.
func (h *Handler) spans(ctx context.Context, w *compat.Response, r *http.Request) error {
	services, err := h.asked(ctx, r)
	if err != nil {
		return err
	}
	all := []string{}
	for _, s := range services {
		operations, err := h.names.Operations(ctx, s)
		if err != nil {
			return err
		}
		all = append(all, operations...)
	}
	slices.Sort(all)
	return w.JSON(slices.Compact(all))
}

// asked gives the services that the parameter serviceName may mean.
func (h *Handler) asked(ctx context.Context, r *http.Request) ([]string, error) {
	service := r.URL.Query().Get("serviceName")
	if service == "" {
		return nil, compat.BadRequest("the parameter serviceName is required")
	}
	return h.names.Spellings(ctx, service)
}

// remoteServices lists who a service calls and is called by, stores and queues included.
func (h *Handler) remoteServices(ctx context.Context, w *compat.Response, r *http.Request) error {
	services, err := h.asked(ctx, r)
	if err != nil {
		return err
	}
	now := h.now()
	remote := []string{}
	for _, s := range services {
		t, err := h.query.Topology(ctx, query.Range{From: now.Add(-h.config.NamesLookback).UnixNano(), To: now.UnixNano()},
			query.TopologyFilter{App: s, Counts: true})
		if err != nil {
			return err
		}
		for _, e := range t.Edges {
			for _, name := range [2]string{e.Caller, e.Callee} {
				if name != s && name != query.External {
					remote = append(remote, name)
				}
			}
		}
	}
	slices.Sort(remote)
	return w.JSON(slices.Compact(remote))
}

type dependencyJSON struct {
	Parent     string `json:"parent"`
	Child      string `json:"child"`
	CallCount  int64  `json:"callCount"`
	ErrorCount int64  `json:"errorCount,omitempty"`
}

// dependencies counts who called whom, stores and queues included, as Zipkin does by remote endpoints.
func (h *Handler) dependencies(ctx context.Context, w *compat.Response, r *http.Request) error {
	values, err := compat.Parameters(r)
	if err != nil {
		return err
	}
	if values.Get("endTs") == "" {
		return compat.BadRequest("the parameter endTs is required: milliseconds since 1970")
	}
	from, to, err := readRange(values, h.now())
	if err != nil {
		return err
	}
	t, err := h.query.Topology(ctx, query.Range{From: from.UnixNano(), To: to.Add(time.Millisecond).UnixNano()}, query.TopologyFilter{Counts: true})
	if err != nil {
		return err
	}
	at := make(map[[2]string]int) // several types of calls are one dependency
	list := []dependencyJSON{}
	for _, e := range t.Edges {
		if e.Caller == query.External || e.Callee == query.External {
			continue
		}
		key := [2]string{e.Caller, e.Callee}
		i, ok := at[key]
		if !ok {
			i = len(list)
			at[key] = i
			list = append(list, dependencyJSON{Parent: e.Caller, Child: e.Callee})
		}
		list[i].CallCount += e.Calls
		list[i].ErrorCount += e.Errors
	}
	slices.SortFunc(list, func(a, b dependencyJSON) int {
		return cmp.Or(cmp.Compare(a.Parent, b.Parent), cmp.Compare(a.Child, b.Child))
	})
	return w.JSON(list)
}

// autocompleteKeys lists those that the operator has chosen.
func (h *Handler) autocompleteKeys(_ context.Context, w *compat.Response, _ *http.Request) error {
	return w.JSON(append([]string{}, h.config.AutocompleteKeys...))
}

// autocompleteValues lists values of such a key, none of another one, as Zipkin does.
func (h *Handler) autocompleteValues(ctx context.Context, w *compat.Response, r *http.Request) error {
	key := r.URL.Query().Get("key")
	if key == "" {
		return compat.BadRequest("the parameter key is required")
	}
	texts := []string{}
	if slices.Contains(h.config.AutocompleteKeys, key) {
		now := h.now()
		values, _, err := h.query.TagValues(ctx, query.Range{From: now.Add(-h.config.NamesLookback).UnixNano(), To: now.UnixNano()},
			traceql.Attribute{Name: key}.String())
		if err != nil {
			return err
		}
		for _, v := range values {
			texts = append(texts, v.Plain())
		}
		slices.Sort(texts)
	}
	return w.JSON(texts)
}
