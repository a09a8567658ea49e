package query

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/twinspan/twinspan/internal/query/traceql"
	"github.com/twinspan/twinspan/internal/span"
	"github.com/twinspan/twinspan/internal/store"
)

// Names and values of attributes are not indexed: what there is of them is learned from a sample of calls, spread over
// the time range. What is rare may be missing; a search finds it nevertheless.
const (
	// sampleCuts is how many pieces of a time range are sampled, sampleCalls how many calls of each.
	sampleCuts  = 8
	sampleCalls = 256
	// maxTagNames and maxTagValues bound what is gathered.
	maxTagNames  = 2000
	maxTagValues = 1000
)

// TagName is the name of an attribute in its scope.
type TagName struct {
	Scope traceql.Scope
	Name  string
}

// TagNames gives the attributes of one scope, or of all for ScopeNone, sorted by scope and name. partial says that some
// of the time range was not looked at for lack of time, or that there are more names than are given.
func (s *Service) TagNames(ctx context.Context, r Range, scope traceql.Scope) (names []TagName, partial bool, err error) {
	found := map[TagName]struct{}{}
	add := func(scope traceql.Scope) func(key string, v span.Value) bool {
		return func(key string, _ span.Value) bool {
			n := TagName{scope, key}
			if rest, ok := strings.CutPrefix(key, "otel.scope."); ok && scope == traceql.ScopeResource {
				n = TagName{traceql.ScopeInstrumentation, rest}
			}
			if _, known := found[n]; !known && len(found) < maxTagNames {
				n.Name = strings.Clone(n.Name)
				found[n] = struct{}{}
			}
			return true
		}
	}
	note := func(h *span.Half) {
		if h.App != "" {
			found[TagName{traceql.ScopeResource, serviceName}] = struct{}{}
		}
		h.Payload.Attrs(add(traceql.ScopeSpan))
		h.Resource.Attrs(add(traceql.ScopeResource))
		h.Payload.Events(func(e span.Event) bool { e.Attrs.Attrs(add(traceql.ScopeEvent)); return true })
		h.Payload.Links(func(l span.Link) bool { l.Attrs.Attrs(add(traceql.ScopeLink)); return true })
	}
	partial, err = s.sample(ctx, store.Query{From: r.From, To: r.To}, note)
	if err != nil {
		return nil, false, err
	}
	partial = partial || len(found) >= maxTagNames
	for n := range found {
		if scope == traceql.ScopeNone || n.Scope == scope {
			names = append(names, n)
		}
	}
	slices.SortFunc(names, func(a, b TagName) int { return cmp.Or(cmp.Compare(a.Scope, b.Scope), strings.Compare(a.Name, b.Name)) })
	return names, partial, nil
}

// TagValues gives values of an attribute, written as TraceQL has it, the commonest first. partial is as in TagNames.
func (s *Service) TagValues(ctx context.Context, r Range, attribute string) (values []traceql.Value, partial bool, err error) {
	a, err := traceql.ParseAttribute(attribute)
	if err != nil {
		return nil, false, fmt.Errorf("%w: %w", ErrBad, err)
	}
	if list := a.Enumerated(); list != nil {
		return list, false, nil
	}
	names, partial, err := s.namesFor(ctx, r, a)
	if err != nil {
		return nil, false, err
	}
	if names != nil {
		return names[:min(len(names), maxTagValues)], partial || len(names) > maxTagValues, nil
	}
	type counted struct {
		value traceql.Value
		n     int
	}
	found := make(map[string]*counted)
	note := func(v traceql.Value) {
		if v.IsNil() {
			return
		}
		key := v.String()
		if f := found[key]; f != nil {
			f.n++
		} else if len(found) < maxTagValues {
			found[strings.Clone(key)] = &counted{v.Clone(), 1}
		}
	}
	partial, err = s.sample(ctx, holdersOf(a, r), func(h *span.Half) {
		v := a.OfHalf(h)
		for _, e := range v.List() {
			note(e)
		}
		if len(v.List()) == 0 {
			note(v)
		}
	})
	if err != nil {
		return nil, false, err
	}
	list := slices.SortedFunc(maps.Values(found), func(a, b *counted) int {
		return cmp.Or(cmp.Compare(b.n, a.n), strings.Compare(a.value.String(), b.value.String()))
	})
	for _, c := range list {
		values = append(values, c.value)
	}
	return values, partial || len(found) >= maxTagValues, nil
}

// namesFor gives the values that roll-ups know, nil for other attributes.
func (s *Service) namesFor(ctx context.Context, r Range, a traceql.Attribute) (values []traceql.Value, partial bool, err error) {
	service := a.Name == serviceName && !a.Parent && (a.Scope == traceql.ScopeNone || a.Scope == traceql.ScopeResource)
	var of func(Name) string
	switch {
	case service, a.Intrinsic == traceql.RootService, a.Intrinsic == traceql.CallCaller, a.Intrinsic == traceql.CallCallee:
		of = func(n Name) string { return n.App }
	case a.Intrinsic == traceql.Name, a.Intrinsic == traceql.RootName, a.Intrinsic == traceql.CallOperation:
		of = func(n Name) string { return n.Operation }
	default:
		return nil, false, nil
	}
	var names NameSet
	if err := s.Names(ctx, r, &names); err != nil {
		return nil, false, err
	}
	texts := make(map[string]struct{})
	for n := range names.Of("") {
		texts[of(n)] = struct{}{}
	}
	values = []traceql.Value{}
	for _, text := range slices.Sorted(maps.Keys(texts)) {
		values = append(values, traceql.Text(text))
	}
	return values, names.Partial, nil
}

// holdersOf asks for calls that have an attribute.
func holdersOf(a traceql.Attribute, r Range) store.Query {
	q := store.Query{From: r.From, To: r.To}
	if a.Intrinsic == traceql.NoIntrinsic && a.Scope <= traceql.ScopeResource {
		q.Tags = []store.Tag{{Key: a.Name, Exists: true}}
	}
	return q
}

// sample visits the halves of calls that a query finds, of each piece of its time range the newest, as far as
// Config.MaxSearchTime allows.
func (s *Service) sample(ctx context.Context, q store.Query, visit func(*span.Half)) (partial bool, err error) {
	if q.From >= q.To {
		return false, errRange(q.From, q.To)
	}
	until := s.now().Add(s.config.MaxSearchTime)
	limited, cancel := context.WithDeadline(ctx, until)
	defer cancel()
	width := max((q.To-q.From)/sampleCuts, 1)
	for to := q.To; to > q.From; to -= width {
		cut := q
		cut.From, cut.To = max(q.From, to-width), to
		for _, r := range s.readers {
			left := sampleCalls
			err := r.Search(limited, &cut, func(c span.Call) bool {
				for h := range c.Halves() {
					visit(h)
				}
				left--
				return left > 0
			})
			switch {
			case ctx.Err() != nil:
				return false, ctx.Err()
			case errors.Is(err, context.DeadlineExceeded), err == nil && limited.Err() != nil:
				return true, nil
			case err != nil:
				return false, fmt.Errorf("sample calls: %w", err)
			}
		}
	}
	return false, nil
}
