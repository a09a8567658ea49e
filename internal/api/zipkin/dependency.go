package zipkin

import (
	"context"
	"net/http"
	"time"

	"github.com/twinspan/twinspan/internal/api/compat"
	"github.com/twinspan/twinspan/internal/query"
)

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
	list := []dependencyJSON{}
	for _, d := range compat.Dependencies(t.Edges, func(e *query.Edge) bool { return e.Caller != query.External && e.Callee != query.External }) {
		list = append(list, dependencyJSON(d))
	}
	return w.JSON(list)
}
