package jaeger

import (
	"cmp"
	"context"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/twinspan/twinspan/internal/query"
	"github.com/twinspan/twinspan/internal/span"
)

// names remembers services and operations, because Jaeger asks for them without a time range and with every page, and
// reading a day of roll-ups each time would not be cheap: only what is new is read.
type names struct {
	mu   sync.Mutex
	seen map[query.Name]struct{}
	// at is when it was last read, whole when it was read from the beginning.
	at, whole time.Time
}

// Late data belongs to minutes that were read before: they are read again up to namesOverlap, and all once in namesWhole,
// which also forgets what is gone. Clocks may be ahead by namesAhead.
const (
	namesOverlap = 10 * time.Minute
	namesWhole   = time.Hour
	namesAhead   = 10 * time.Minute
)

// list gives the names of a service, sorted; of all for "".
func (h *Handler) list(ctx context.Context, service string) ([]query.Name, error) {
	n := &h.names
	n.mu.Lock()
	defer n.mu.Unlock()
	now := h.now()
	if now.Sub(n.at) >= h.config.NamesRefresh || now.Before(n.at) {
		from := n.at.Add(-namesOverlap)
		seen := n.seen
		whole := n.seen == nil || now.Sub(n.whole) >= namesWhole || now.Before(n.whole)
		if whole {
			from, seen = now.Add(-h.config.NamesLookback), make(map[query.Name]struct{})
		}
		if err := h.query.Names(ctx, query.Range{From: from.UnixNano(), To: now.Add(namesAhead).UnixNano()}, seen); err != nil {
			return nil, err
		}
		n.seen, n.at = seen, now
		if whole {
			n.whole = now
		}
	}
	var list []query.Name
	for name := range n.seen {
		if service == "" || name.App == service {
			list = append(list, name)
		}
	}
	slices.SortFunc(list, func(a, b query.Name) int {
		return cmp.Or(cmp.Compare(a.App, b.App), cmp.Compare(a.Operation, b.Operation), cmp.Compare(a.Kind, b.Kind))
	})
	return list, nil
}

func (h *Handler) services(ctx context.Context, w *response, _ *http.Request) error {
	list, err := h.list(ctx, "")
	if err != nil {
		return err
	}
	services := []string{}
	for _, n := range list {
		if len(services) == 0 || services[len(services)-1] != n.App {
			services = append(services, n.App)
		}
	}
	return w.answer(answerJSON{Data: services, Total: len(services)})
}

func (h *Handler) operationsOfService(ctx context.Context, w *response, r *http.Request) error {
	list, err := h.list(ctx, r.PathValue("service"))
	if err != nil {
		return err
	}
	operations := []string{}
	for _, n := range list {
		if len(operations) == 0 || operations[len(operations)-1] != n.Operation {
			operations = append(operations, n.Operation)
		}
	}
	return w.answer(answerJSON{Data: operations, Total: len(operations)})
}

type operationJSON struct {
	Name     string `json:"name"`
	SpanKind string `json:"spanKind"`
}

func (h *Handler) operations(ctx context.Context, w *response, r *http.Request) error {
	values, err := parameters(r)
	if err != nil {
		return err
	}
	service := values.Get("service")
	if service == "" {
		return badRequest("parameter 'service' is required")
	}
	var kind *span.Kind
	if text := values.Get("spanKind"); text != "" {
		k, err := span.ParseKind(text)
		if err != nil {
			return badRequest("unable to parse param 'spanKind': unsupported span kind: '%.100s'", text)
		}
		kind = &k
	}
	list, err := h.list(ctx, service)
	if err != nil {
		return err
	}
	operations := []operationJSON{}
	for _, n := range list {
		if kind == nil || *kind == n.Kind {
			operations = append(operations, operationJSON{n.Operation, n.Kind.String()})
		}
	}
	return w.answer(answerJSON{Data: operations, Total: len(operations)})
}
