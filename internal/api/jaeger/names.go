package jaeger

import (
	"context"
	"net/http"

	"github.com/twinspan/twinspan/internal/api/compat"
	"github.com/twinspan/twinspan/internal/span"
)

func (h *Handler) services(ctx context.Context, w *compat.Response, _ *http.Request) error {
	services, err := h.names.Services(ctx)
	if err != nil {
		return err
	}
	return w.JSON(answerJSON{Data: services, Total: len(services)})
}

func (h *Handler) operationsOfService(ctx context.Context, w *compat.Response, r *http.Request) error {
	operations, err := h.names.Operations(ctx, r.PathValue("service"))
	if err != nil {
		return err
	}
	return w.JSON(answerJSON{Data: operations, Total: len(operations)})
}

type operationJSON struct {
	Name     string `json:"name"`
	SpanKind string `json:"spanKind"`
}

func (h *Handler) operations(ctx context.Context, w *compat.Response, r *http.Request) error {
	values, err := parameters(r)
	if err != nil {
		return err
	}
	service := values.Get("service")
	if service == "" {
		return compat.BadRequest("parameter 'service' is required")
	}
	var kind *span.Kind
	if text := values.Get("spanKind"); text != "" {
		k, err := span.ParseKind(text)
		if err != nil {
			return compat.BadRequest("unable to parse param 'spanKind': unsupported span kind: '%.100s'", text)
		}
		kind = &k
	}
	list, err := h.names.List(ctx, service)
	if err != nil {
		return err
	}
	operations := []operationJSON{}
	for _, n := range list {
		if kind == nil || *kind == n.Kind {
			operations = append(operations, operationJSON{n.Operation, n.Kind.String()})
		}
	}
	return w.JSON(answerJSON{Data: operations, Total: len(operations)})
}
