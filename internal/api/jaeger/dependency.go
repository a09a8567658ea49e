package jaeger

import (
	"cmp"
	"context"
	"net/http"
	"slices"
	"time"

	"github.com/twinspan/twinspan/internal/api/compat"
	"github.com/twinspan/twinspan/internal/query"
)

const defaultDependencyLookback = 24 * time.Hour

type dependencyJSON struct {
	Parent    string `json:"parent"`
	Child     string `json:"child"`
	CallCount int64  `json:"callCount"`
}

// dependencies gives who called whom, services only: Jaeger knows no stores and no outside.
func (h *Handler) dependencies(ctx context.Context, w *compat.Response, r *http.Request) error {
	values, err := compat.Parameters(r)
	if err != nil {
		return err
	}
	to, err := readTime(values, "endTs", time.Millisecond, h.now())
	if err != nil {
		return err
	}
	lookback, err := readUnits(values, "lookback", time.Millisecond, defaultDependencyLookback)
	if err != nil {
		return err
	}
	t, err := h.query.Topology(ctx, query.Range{From: to.Add(-lookback).UnixNano(), To: to.UnixNano()},
		query.TopologyFilter{App: values.Get("service"), Counts: true})
	if err != nil {
		return err
	}
	return w.JSON(answerJSON{Data: dependenciesOf(t)})
}

func dependenciesOf(t *query.Topology) []dependencyJSON {
	isApp := make(map[string]bool, len(t.Nodes))
	for i := range t.Nodes {
		isApp[t.Nodes[i].Name] = t.Nodes[i].Kind == query.KindApp
	}
	list := []dependencyJSON{}
	at := make(map[[2]string]int) // several types of calls are one dependency
	for _, e := range t.Edges {
		if !isApp[e.Caller] || !isApp[e.Callee] {
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
	}
	slices.SortFunc(list, func(a, b dependencyJSON) int {
		return cmp.Or(cmp.Compare(a.Parent, b.Parent), cmp.Compare(a.Child, b.Child))
	})
	return list
}
