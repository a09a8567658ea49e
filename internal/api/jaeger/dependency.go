package jaeger

import (
	"context"
	"net/http"
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
	for _, d := range compat.Dependencies(t.Edges, func(e *query.Edge) bool { return isApp[e.Caller] && isApp[e.Callee] }) {
		list = append(list, dependencyJSON{d.Parent, d.Child, d.CallCount})
	}
	return list
}
