package query

import (
	"math"

	"github.com/twinspan/twinspan/internal/span"
)

// clock holds the corrections for display: what is added to the times of each node's halves so that, as far as their
// durations allow, what was caused does not lie before its cause. Stored times stay as they are.
type clock struct {
	*tree
	client, server []int64
}

// correctClocks goes from the roots down: a server's half that lies outside its client's is moved to its middle, and all
// that its process did below moves with it.
func correctClocks(t *tree) *clock {
	c := &clock{tree: t, client: make([]int64, len(t.nodes)), server: make([]int64, len(t.nodes))}
	for _, n := range t.breadthFirst() {
		j := &t.nodes[n]
		base := c.inherited(n)
		if j.client == none {
			c.server[n] = base
			continue
		}
		c.client[n] = base
		if j.server != none {
			c.server[n] = correction(t.halves[j.client].Half, base, t.halves[j.server].Half)
		}
	}
	return c
}

// inherited is the correction of a node's lead: that of its parent's process, if it ran there.
func (c *clock) inherited(n int32) int64 {
	p := c.parent[n]
	if p == none {
		return 0
	}
	h, j := c.lead(n), &c.nodes[p]
	switch {
	case j.server != none && sameProcess(h.Half, c.halves[j.server].Half):
		return c.server[p]
	case j.client != none && sameProcess(h.Half, c.halves[j.client].Half):
		return c.client[p]
	}
	// Another process whose caller's half is missing: all that is known is that it did not begin before its cause.
	if from := c.start(p); h.Start < from-slackOf(h.Half, c.lead(p).Half) {
		return from - h.Start
	}
	return 0
}

func sameProcess(a, b *span.Half) bool {
	return a.App == b.App && (a.Instance == b.Instance || a.Instance == "" || b.Instance == "")
}

// correction is what to add to a server's times, given its client's half and the correction of that.
func correction(client *span.Half, clientSkew int64, server *span.Half) int64 {
	from, to := client.Start+clientSkew, client.End()+clientSkew
	slack := slackOf(client, server)
	if server.Kind == span.KindConsumer {
		if server.Start < from-slack {
			return to - server.Start
		}
		return 0
	}
	if server.Duration > client.Duration {
		// The client did not wait for the end, so that only the beginning says something.
		if server.Start < from-slack || server.Start > to+slack {
			return from - server.Start
		}
		return 0
	}
	if server.Start >= from-slack && server.End() <= to+slack {
		return 0
	}
	return from + (client.Duration-server.Duration)/2 - server.Start
}

// start is the start of a node's lead as displayed.
func (c *clock) start(n int32) int64 { return c.lead(n).Start + c.leadSkew(n) }

func (c *clock) leadSkew(n int32) int64 {
	if c.nodes[n].client != none {
		return c.client[n]
	}
	return c.server[n]
}

// outer is the interval of a node's lead as displayed.
func (c *clock) outer(n int32) (from, to int64) {
	from = c.start(n)
	return from, satAdd(from, c.lead(n).Duration)
}

// inner is the interval in which a node's callee worked, as displayed; of a call whose callee is not known, outer.
func (c *clock) inner(n int32) (from, to int64) {
	at := c.nodes[n].server
	if at == none {
		return c.outer(n)
	}
	from = c.halves[at].Start + c.server[n]
	return from, satAdd(from, c.halves[at].Duration)
}

func satAdd(a, b int64) int64 {
	if s := a + b; b < 0 || s >= a {
		return s
	}
	return math.MaxInt64
}

// satSub is a-b for a >= b.
func satSub(a, b int64) int64 {
	if d := a - b; d >= 0 {
		return d
	}
	return math.MaxInt64
}
