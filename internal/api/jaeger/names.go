package jaeger

import (
	"context"
	"net/http"

	"github.com/twinspan/twinspan/internal/api/compat"
	"github.com/twinspan/twinspan/internal/span"
)

func (h *Handler) services(ctx context.Context, w *compat.Response, _ *http.Request) error {
	services, err := h.names.Services(ctx, w)
	if err != nil {
		return err
	}
	return w.JSON(answerJSON{Data: services, Total: len(services)})
}

func (h *Handler) operationsOfService(ctx context.Context, w *compat.Response, r *http.Request) error {
	operations, err := h.names.Operations(ctx, w, r.PathValue("service"))
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
	values, err := compat.Parameters(r)
	if err != nil {
		return err
	}
	service := values.Get("service")
	if service == "" {
		return compat.BadRequest("parameter 'service' is required")
	}
	operations, err := h.operationsOf(ctx, w, service, values.Get("spanKind"))
	if err != nil {
		return err
	}
	return w.JSON(answerJSON{Data: operations, Total: len(operations)})
}

// operationsOf lists the operations of a service, of one kind unless it is "".
func (h *Handler) operationsOf(ctx context.Context, w *compat.Response, service, kind string) ([]operationJSON, error) {
	var only span.Kind
	if kind != "" {
		var err error
		if only, err = span.ParseKind(kind); err != nil {
			return nil, compat.BadRequest("unable to parse param 'spanKind': unsupported span kind: '%.100s'", kind)
		}
	}
	list, err := h.names.List(ctx, w, service)
	if err != nil {
		return nil, err
	}
	operations := []operationJSON{}
	for _, n := range list {
		if kind == "" || only == n.Kind {
			operations = append(operations, operationJSON{n.Operation, n.Kind.String()})
		}
	}
	return operations, nil
}
