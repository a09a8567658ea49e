package zipkin

import (
	"context"
	"net/http"
	"slices"

	"github.com/twinspan/twinspan/internal/api/compat"
	"github.com/twinspan/twinspan/internal/query"
	"github.com/twinspan/twinspan/internal/query/traceql"
)

func (h *Handler) services(ctx context.Context, w *compat.Response, _ *http.Request) error {
	services, err := h.names.Services(ctx, w)
	if err != nil {
		return err
	}
	return w.JSON(services)
}

// spans lists the names of a service's spans, of both sides.
func (h *Handler) spans(ctx context.Context, w *compat.Response, r *http.Request) error {
	services, err := h.asked(ctx, w, r)
	if err != nil {
		return err
	}
	all := []string{}
	for _, s := range services {
		operations, err := h.names.Operations(ctx, w, s)
		if err != nil {
			return err
		}
		all = append(all, operations...)
	}
	slices.Sort(all)
	return w.JSON(slices.Compact(all))
}

// asked gives the services that the parameter serviceName may mean.
func (h *Handler) asked(ctx context.Context, w *compat.Response, r *http.Request) ([]string, error) {
	service := r.URL.Query().Get("serviceName")
	if service == "" {
		return nil, compat.BadRequest("the parameter serviceName is required")
	}
	return h.names.Spellings(ctx, w, service)
}

// remoteServices lists who a service calls and is called by, stores and queues included.
func (h *Handler) remoteServices(ctx context.Context, w *compat.Response, r *http.Request) error {
	services, err := h.asked(ctx, w, r)
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
