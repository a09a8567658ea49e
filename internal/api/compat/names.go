package compat

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/twinspan/twinspan/internal/query"
)

// Names remembers services and operations, because other systems' clients ask for them without a time range and with
// every page, and reading a day of roll-ups each time would not be cheap: only what is new is read. It may be used by any
// number of goroutines.
type Names struct {
	// Now is the clock.
	Now               func() time.Time
	query             *query.Service
	lookback, refresh time.Duration

	mu   sync.Mutex
	seen *query.NameSet
	// at is when it was last read, whole when it was read from the beginning.
	at, whole time.Time
}

// NewNames makes a memory that is empty: the first question reads all of Config.NamesLookback.
func NewNames(q *query.Service, c Config) *Names {
	return &Names{Now: time.Now, query: q, lookback: c.NamesLookback, refresh: c.NamesRefresh}
}

// Late data belongs to minutes that were read before: they are read again up to namesOverlap, and all once in namesWhole,
// which also forgets what is gone. Clocks may be ahead by namesAhead.
const (
	namesOverlap = 10 * time.Minute
	namesWhole   = time.Hour
	namesAhead   = 10 * time.Minute
)

// namesPartial says what is missing, for Response.Partial.
const namesPartial = "there are more services or operations than are listed: some source makes names without end"

// List gives the names of a service, sorted; of all for "". If not all there are found room, it says so by w, which may be nil.
func (n *Names) List(ctx context.Context, w *Response, service string) ([]query.Name, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	now := n.Now()
	if now.Sub(n.at) >= n.refresh || now.Before(n.at) {
		from := n.at.Add(-namesOverlap)
		seen := n.seen
		whole := n.seen == nil || now.Sub(n.whole) >= namesWhole || now.Before(n.whole)
		if whole {
			from, seen = now.Add(-n.lookback), new(query.NameSet)
		}
		if err := n.query.Names(ctx, query.Range{From: from.UnixNano(), To: now.Add(namesAhead).UnixNano()}, seen); err != nil {
			return nil, err
		}
		n.seen, n.at = seen, now
		if whole {
			n.whole = now
		}
	}
	if n.seen.Partial && w != nil {
		w.Partial(namesPartial)
	}
	list := slices.SortedFunc(n.seen.Of(service), func(a, b query.Name) int {
		return cmp.Or(cmp.Compare(a.App, b.App), cmp.Compare(a.Operation, b.Operation), cmp.Compare(a.Kind, b.Kind))
	})
	return list, nil
}

// Services gives the names of all services, sorted. w is as in List.
func (n *Names) Services(ctx context.Context, w *Response) ([]string, error) {
	list, err := n.List(ctx, w, "")
	return distinct(list, func(n query.Name) string { return n.App }), err
}

// Operations gives the operations of a service, whatever their side, sorted. w is as in List.
func (n *Names) Operations(ctx context.Context, w *Response, service string) ([]string, error) {
	list, err := n.List(ctx, w, service)
	return distinct(list, func(n query.Name) string { return n.Operation }), err
}

// Spellings gives the services that differ from a name in upper and lower case only; a name that is known as it is, or
// not at all, stands for itself. w is as in List.
func (n *Names) Spellings(ctx context.Context, w *Response, service string) ([]string, error) {
	services, err := n.Services(ctx, w)
	if err != nil || slices.Contains(services, service) {
		return []string{service}, err
	}
	like := slices.DeleteFunc(services, func(s string) bool { return !strings.EqualFold(s, service) })
	if len(like) == 0 {
		like = []string{service}
	}
	return like, nil
}

// distinct gives what differs of a list that is sorted by it. It is never nil.
func distinct[T any](list []T, text func(T) string) []string {
	texts := []string{}
	for _, v := range list {
		if s := text(v); len(texts) == 0 || texts[len(texts)-1] != s {
			texts = append(texts, s)
		}
	}
	return texts
}
