package query

import (
	"bytes"
	"cmp"
	"slices"

	"github.com/twinspan/twinspan/internal/span"
	"github.com/twinspan/twinspan/sdk/id"
)

// half is a half of a trace that is kept: what came twice is one half.
type half struct {
	*span.Half
	// alias is another 8-byte id that a second route gave this half, 0 if none did.
	alias id.Span
	// peer is the producer's app as the stored call names it, for deliveries whose producer is not at hand.
	peer string
	// routes has a bit for every route on which it came.
	routes uint8
	// merged says that it came on several routes.
	merged bool
}

// halfSet is all halves of some calls of one trace, each once, ordered by start.
type halfSet struct {
	halves []half
	// kept finds the place of a half, and of those that were taken for the same, by origin.
	kept map[uint64]int32
	// together has the pairs (client, server) that one stored call joins.
	together map[[2]int32]struct{}
}

type raw struct {
	h    *span.Half
	peer string
}

// splitHalves takes calls apart and removes what came twice.
func splitHalves(calls []span.Call) *halfSet {
	list := make([]raw, 0, 2*len(calls))
	for i := range calls {
		c := &calls[i]
		if c.Client != nil {
			list = append(list, raw{h: c.Client})
		}
		if c.Server != nil {
			r := raw{h: c.Server}
			if c.Client == nil {
				r.peer = c.Caller
			}
			list = append(list, r)
		}
	}
	slices.SortStableFunc(list, func(a, b raw) int { return compareHalves(a.h, b.h) })
	set := &halfSet{
		halves: make([]half, 0, len(list)), kept: make(map[uint64]int32, len(list)),
		together: make(map[[2]int32]struct{}, len(calls)),
	}
	d := newDeduper(set, len(list))
	for _, r := range list {
		d.add(r)
	}
	for i := range calls {
		if c := &calls[i]; c.Client != nil && c.Server != nil {
			set.together[[2]int32{set.kept[c.Client.Origin], set.kept[c.Server.Origin]}] = struct{}{}
		}
	}
	return set
}

// compareHalves is an order that does not depend on the order of arrival.
func compareHalves(a, b *span.Half) int {
	return cmp.Or(cmp.Compare(a.Start, b.Start), cmp.Compare(b.Duration, a.Duration), cmp.Compare(a.Span, b.Span),
		cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Route, b.Route), cmp.Compare(a.Origin, b.Origin))
}

// deduper applies span.Half.Same without comparing each half with each: it looks only where Same can hold. A half is
// merged with at most one of each other route, so that legitimate repeats of an id stay as many as they are.
type deduper struct {
	set      *halfSet
	bySpan   map[sameKey][]int32
	byDotted map[sameDottedKey][]int32
}

type sameKey struct {
	kind  span.Kind
	milli int64
	app   string
	span  id.Span
}

type sameDottedKey struct {
	kind        span.Kind
	milli       int64
	app, dotted string
}

func newDeduper(set *halfSet, n int) *deduper {
	return &deduper{set: set, bySpan: make(map[sameKey][]int32, n), byDotted: make(map[sameDottedKey][]int32)}
}

func (d *deduper) add(r raw) {
	if at, ok := d.set.kept[r.h.Origin]; ok {
		if d.set.halves[at].peer == "" {
			d.set.halves[at].peer = r.peer
		}
		return
	}
	bySpan := sameKey{r.h.Kind, r.h.Start / 1e6, r.h.App, r.h.Span}
	byDotted := sameDottedKey{r.h.Kind, r.h.Start / 1e6, r.h.App, r.h.Dotted}
	at := d.find(r.h, d.bySpan[bySpan])
	if at < 0 && r.h.Dotted != "" {
		at = d.find(r.h, d.byDotted[byDotted])
	}
	if at >= 0 {
		d.set.kept[r.h.Origin] = at
		d.set.halves[at].merge(r.h)
		return
	}
	at = int32(len(d.set.halves))
	d.set.kept[r.h.Origin] = at
	d.set.halves = append(d.set.halves, half{Half: r.h, peer: r.peer, routes: 1 << (r.h.Route & 7)})
	d.bySpan[bySpan] = append(d.bySpan[bySpan], at)
	if r.h.Dotted != "" {
		d.byDotted[byDotted] = append(d.byDotted[byDotted], at)
	}
}

// maxSame bounds how many equal ids within one millisecond are compared.
const maxSame = 256

func (d *deduper) find(h *span.Half, among []int32) int32 {
	for i, at := range among {
		if i == maxSame {
			break
		}
		k := &d.set.halves[at]
		if k.routes&(1<<(h.Route&7)) == 0 && k.Same(h) {
			return at
		}
	}
	return -1
}

// merge joins what two routes tell of one half. The route that knows more of the identity and the finer times leads.
func (k *half) merge(o *span.Half) {
	routes := k.routes | 1<<(o.Route&7)
	lead, rest := k.Half, o
	if k.knowledge() < knowledge(o) {
		lead, rest = o, k.Half
	}
	m := *lead
	k.alias = cmp.Or(k.alias, rest.Span)
	m.Parent, m.Twin = cmp.Or(m.Parent, rest.Parent), cmp.Or(m.Twin, rest.Twin)
	m.Dotted, m.TraceText = cmp.Or(m.Dotted, rest.Dotted), cmp.Or(m.TraceText, rest.TraceText)
	m.Instance, m.Operation = cmp.Or(m.Instance, rest.Instance), cmp.Or(m.Operation, rest.Operation)
	m.Component, m.ResultCode = cmp.Or(m.Component, rest.Component), cmp.Or(m.ResultCode, rest.ResultCode)
	m.LocalAddr, m.PeerAddr, m.Peer = cmp.Or(m.LocalAddr, rest.LocalAddr), cmp.Or(m.PeerAddr, rest.PeerAddr), cmp.Or(m.Peer, rest.Peer)
	m.Type, m.Status = max(m.Type, rest.Type), max(m.Status, rest.Status)
	if lead.Type != span.TypeInternal {
		m.Type = lead.Type
	}
	m.LoadTest = m.LoadTest || rest.LoadTest
	m.Payload, m.Resource = mergePayload(m.Payload, rest.Payload), mergePayload(m.Resource, rest.Resource)
	k.Half, k.routes, k.merged = &m, routes, true
}

func (k *half) knowledge() int { return knowledge(k.Half) }

func knowledge(h *span.Half) (n int) {
	if !h.Shared {
		n += 4
	}
	if h.Dotted != "" {
		n += 2
	}
	if !h.Coarse {
		n++
	}
	return n
}

// mergePayload adds to a the attributes that only b has, and b's events and message where a has none.
func mergePayload(a, b span.Payload) span.Payload {
	if len(b) == 0 || bytes.Equal(a, b) {
		return a
	}
	if len(a) == 0 {
		return b
	}
	seen := make(map[string]bool)
	a.Attrs(func(key string, _ span.Value) bool { seen[key] = true; return true })
	out := slices.Clip(a) // a is shared: appending has to copy
	b.Attrs(func(key string, v span.Value) bool {
		if !seen[key] {
			out = out.AppendAttr(key, v)
		}
		return true
	})
	events := false
	a.Events(func(span.Event) bool { events = true; return false })
	if !events {
		b.Events(func(e span.Event) bool { out = out.AppendEvent(e.Time, e.Name, e.Attrs); return true })
	}
	if msg := b.StatusMessage(); msg != "" && a.StatusMessage() == "" {
		out = out.AppendStatusMessage(msg)
	}
	return out
}

// ids are the 8-byte ids by which others refer to the half.
func (k *half) ids() [2]id.Span { return [2]id.Span{k.Span, k.alias} }
