package query

import (
	"cmp"
	"slices"

	"github.com/twinspan/twinspan/internal/span"
)

// interval is a child's time within its parent, as displayed.
type interval struct {
	from, to int64
	node     int32
}

// within gives the children's intervals cut to [from, to]; those that lie outside, such as what a message sets off
// later, and further deliveries of n's own message are left out.
func (c *clock) within(n int32, from, to int64, list []interval) []interval {
	list = list[:0]
	for _, child := range c.children(n) {
		if c.nodes[child].delivery {
			continue
		}
		f, t := c.outer(child)
		if f, t = max(f, from), min(t, to); f < t {
			list = append(list, interval{f, t, child})
		}
	}
	return list
}

// selfTime is the time of a node's callee (or of its only half) in which none of its children ran.
func (c *clock) selfTime(n int32, list []interval) (self int64, reuse []interval) {
	from, to := c.inner(n)
	list = c.within(n, from, to, list)
	slices.SortFunc(list, func(a, b interval) int { return cmp.Compare(a.from, b.from) })
	self = satSub(to, from)
	covered := from
	for _, i := range list {
		if i.to > covered {
			self -= i.to - max(i.from, covered)
			covered = i.to
		}
	}
	return max(self, 0), list
}

// criticalPath marks the calls that the first root's duration consists of: from its end back, always the child that
// ended last before the time reached.
func (c *clock) criticalPath() []bool {
	critical := make([]bool, len(c.nodes))
	if len(c.roots) == 0 {
		return critical
	}
	root := c.roots[0]
	for _, r := range c.roots {
		if c.notes[r]&(NoteOrphan|NoteCycle) == 0 {
			root = r
			break
		}
	}
	var list []interval
	stack := []int32{root}
	for len(stack) > 0 {
		n := stack[len(stack)-1]
		stack = stack[:len(stack)-1]
		critical[n] = true
		from, to := c.inner(n)
		if c.lead(n).Kind == span.KindProducer {
			from, to = c.outer(n) // nobody waits for the consumer
		}
		list = c.within(n, from, to, list)
		slices.SortFunc(list, func(a, b interval) int { return cmp.Or(cmp.Compare(b.to, a.to), cmp.Compare(b.from, a.from)) })
		for _, i := range list {
			if i.to <= to {
				stack = append(stack, i.node)
				to = i.from
			}
		}
	}
	return critical
}
