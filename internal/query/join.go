package query

import (
	"cmp"
	"net"
	"slices"

	"github.com/twinspan/twinspan/internal/span"
	"github.com/twinspan/twinspan/sdk/id"
)

// none stands for "no half" and "no node".
const none = int32(-1)

// pairing is the halves of a trace joined to calls.
type pairing struct {
	*halfSet
	nodes []joinedCall
	// nodeOf gives the node of each half.
	nodeOf []int32
}

// joinedCall refers to the halves of one call. One of client and server is there.
type joinedCall struct {
	client, server int32
	// producer is the producer's app for a further delivery of a message, else "".
	producer string
	delivery bool
	// late says that the two halves are stored in different calls.
	late bool
}

// call makes the domain's call of a node.
func (p *pairing) call(n int32) span.Call {
	j := &p.nodes[n]
	var client, server *span.Half
	peer := j.producer
	if j.client != none {
		client = p.halves[j.client].Half
	}
	if j.server != none {
		server = p.halves[j.server].Half
		if client == nil && peer == "" {
			peer = p.halves[j.server].peer
		}
	}
	return span.Join(client, server, peer)
}

func (p *pairing) lead(n int32) *half {
	if j := &p.nodes[n]; j.client != none {
		return &p.halves[j.client]
	}
	return &p.halves[p.nodes[n].server]
}

// joinHalves pairs by ids: a callee's half names the caller's half that it answers (Twin). Where the source's form is
// not known (Shared), the same id is tried first, then the parent.
func joinHalves(set *halfSet) *pairing {
	j := &joiner{set: set, mate: make([]int32, len(set.halves)), producer: make(map[int32]int32)}
	clients := make(map[id.Span][]int32)
	var twins, parents grouping
	for i := range set.halves {
		h := &set.halves[i]
		j.mate[i] = none
		switch {
		case h.Type.Store():
		case h.Kind.CallerSide():
			for _, s := range h.ids() {
				if s != 0 {
					clients[s] = append(clients[s], int32(i))
				}
			}
		case h.Kind.CalleeSide() && h.Twin != 0:
			twins.add(h.Twin, int32(i))
		}
	}
	for _, key := range twins.order {
		j.pair(clients[key], twins.members[key])
	}
	for i := range set.halves {
		h := &set.halves[i]
		if _, delivered := j.producer[int32(i)]; h.Shared && j.mate[i] == none && !delivered && h.Parent != 0 &&
			h.Parent != h.Twin && h.Kind.CalleeSide() && !h.Type.Store() {
			parents.add(h.Parent, int32(i))
		}
	}
	for _, key := range parents.order {
		j.pair(clients[key], parents.members[key])
	}
	return j.result()
}

// grouping collects halves by id and keeps the order in which ids came, so that results do not vary.
type grouping struct {
	members map[id.Span][]int32
	order   []id.Span
}

func (g *grouping) add(key id.Span, i int32) {
	if g.members == nil {
		g.members = make(map[id.Span][]int32)
	}
	if g.members[key] == nil {
		g.order = append(g.order, key)
	}
	g.members[key] = append(g.members[key], i)
}

type joiner struct {
	set *halfSet
	// mate gives each half's other half, or none.
	mate []int32
	// producer gives the producer of a consumer's half that is a further delivery.
	producer map[int32]int32
}

// maxPairs bounds how many candidate pairs of one id are weighed. Beyond, halves are paired in the order of their starts.
const maxPairs = 1 << 14

// pair joins callers' and callees' halves that name the same id: each with at most one, the best fitting first. What
// is left stays one-sided, or is a further delivery of a producer's message.
func (j *joiner) pair(clients, servers []int32) {
	if len(clients) == 0 {
		return
	}
	j.keepStored(clients, servers)
	free := make([]int32, 0, len(clients))
	for _, c := range clients {
		if j.mate[c] == none {
			free = append(free, c)
		}
	}
	open := make([]int32, 0, len(servers))
	for _, s := range servers {
		if j.mate[s] == none {
			open = append(open, s)
		}
	}
	switch {
	case len(free) == 0 || len(open) == 0:
	case len(free) == 1 && len(open) == 1:
		j.mate[free[0]], j.mate[open[0]] = open[0], free[0]
	case len(free)*len(open) > maxPairs:
		for i := range min(len(free), len(open)) {
			j.mate[free[i]], j.mate[open[i]] = open[i], free[i]
		}
	default:
		j.pairBest(free, open)
	}
	for _, s := range servers {
		if j.mate[s] == none {
			j.deliver(clients, s)
		}
	}
}

// keepStored mates the halves that are stored as one call. Pages list such a call as it is stored, and roll-ups count it
// so: a reader that paired otherwise would list one half twice and leave another out.
func (j *joiner) keepStored(clients, servers []int32) {
	if len(j.set.together) == 0 || len(clients)*len(servers) > maxPairs {
		return
	}
	for _, c := range clients {
		for _, s := range servers {
			if _, ok := j.set.together[[2]int32{c, s}]; ok && j.mate[c] == none && j.mate[s] == none {
				j.mate[c], j.mate[s] = s, c
			}
		}
	}
}

func (j *joiner) pairBest(clients, servers []int32) {
	type candidate struct {
		client, server int32
		fit            int
		distance       int64
	}
	list := make([]candidate, 0, len(clients)*len(servers))
	for _, c := range clients {
		for _, s := range servers {
			client, server := j.set.halves[c].Half, j.set.halves[s].Half
			distance := server.Start - client.Start
			if distance < 0 {
				distance = -distance
			}
			list = append(list, candidate{c, s, fit(client, server), distance})
		}
	}
	slices.SortStableFunc(list, func(a, b candidate) int {
		return cmp.Or(cmp.Compare(b.fit, a.fit), cmp.Compare(a.distance, b.distance))
	})
	for _, c := range list {
		if j.mate[c.client] == none && j.mate[c.server] == none {
			j.mate[c.client], j.mate[c.server] = c.server, c.client
		}
	}
}

// fit says how well two halves with fitting ids fit otherwise: by address or app, then by kind, then by containment.
func fit(client, server *span.Half) (n int) {
	if client.Peer != "" && client.Peer == server.App || server.Peer != "" && server.Peer == client.App ||
		sameAddr(client.PeerAddr, server.LocalAddr) || sameAddr(client.LocalAddr, server.PeerAddr) {
		n += 4
	}
	if (client.Kind == span.KindProducer) == (server.Kind == span.KindConsumer) {
		n += 2
	}
	slack := slackOf(client, server)
	if server.Start >= client.Start-slack && (server.End() <= client.End()+slack || server.Kind == span.KindConsumer) {
		n++
	}
	return n
}

// slackOf is how far times may be off because a source rounds to milliseconds.
func slackOf(a, b *span.Half) int64 {
	if a.Coarse || b.Coarse {
		return 1e6
	}
	return 0
}

// sameAddr compares addresses; where one has no port, by host.
func sameAddr(a, b string) bool {
	if a == "" || b == "" {
		return false
	}
	if a == b {
		return true
	}
	hostA, _, errA := net.SplitHostPort(a)
	hostB, _, errB := net.SplitHostPort(b)
	return errA != nil && errB == nil && a == hostB || errB != nil && errA == nil && b == hostA
}

// deliver makes server a further delivery of the last producer that sent before it began.
func (j *joiner) deliver(clients []int32, server int32) {
	found := none
	for _, c := range clients {
		if j.set.halves[c].Kind != span.KindProducer {
			continue
		}
		if found == none || j.set.halves[c].Start <= j.set.halves[server].Start {
			found = c
		}
	}
	if found != none {
		j.producer[server] = found
	}
}

// result makes one node of every pair and of every half that stays alone, in the order of their starts.
func (j *joiner) result() *pairing {
	p := &pairing{halfSet: j.set, nodeOf: make([]int32, len(j.set.halves)), nodes: make([]joinedCall, 0, len(j.set.halves))}
	for i := range j.set.halves {
		at, mate := int32(i), j.mate[i]
		n := joinedCall{client: at, server: none}
		switch callee := j.set.halves[i].Kind.CalleeSide(); {
		case callee && mate != none:
			continue // with its client
		case callee:
			n = joinedCall{client: none, server: at}
			if producer, ok := j.producer[at]; ok {
				n.producer, n.delivery = j.set.halves[producer].App, true
			}
		case mate != none:
			n.server = mate
			_, stored := j.set.together[[2]int32{at, mate}]
			n.late = !stored
		}
		if n.server != none {
			p.nodeOf[n.server] = int32(len(p.nodes))
		}
		if n.client != none {
			p.nodeOf[n.client] = int32(len(p.nodes))
		}
		p.nodes = append(p.nodes, n)
	}
	return p
}
