package query

import (
	"cmp"
	"slices"
	"sort"

	"github.com/twinspan/twinspan/sdk/id"
)

// tree is the calls of a trace by who made them. Everything here goes in loops, not by recursion: chains may be as deep
// as a trace is long.
type tree struct {
	*pairing
	// parent gives each node's parent, or none.
	parent []int32
	notes  []Notes
	// holders gives the nodes that an id stands for, in the order of their starts.
	holders map[id.Span][]int32
	// childList holds the children of node n in [childFrom[n], childFrom[n+1]); roots are those without a parent.
	childList, childFrom, roots []int32
}

// buildTree finds every call's parent: the call that holds the id which its lead names.
func buildTree(p *pairing) *tree {
	t := &tree{
		pairing: p, parent: make([]int32, len(p.nodes)), notes: make([]Notes, len(p.nodes)),
		holders: make(map[id.Span][]int32, 2*len(p.nodes)),
	}
	for n := range p.nodes {
		t.hold(int32(n))
	}
	for n := range p.nodes {
		t.parent[n] = t.findParent(int32(n))
		t.annotate(int32(n))
	}
	t.cutCycles()
	t.listChildren()
	return t
}

func (t *tree) hold(n int32) {
	for _, at := range [2]int32{t.nodes[n].client, t.nodes[n].server} {
		if at == none {
			continue
		}
		for _, s := range t.halves[at].ids() {
			list := t.holders[s]
			if s != 0 && (len(list) == 0 || list[len(list)-1] != n) {
				t.holders[s] = append(list, n)
			}
		}
	}
}

// maxAncestors bounds how far up a dotted id is followed to find a call that is known.
const maxAncestors = 64

func (t *tree) findParent(n int32) int32 {
	h := t.lead(n)
	named := [2]id.Span{h.Parent, 0}
	if t.nodes[n].client == none && h.Twin != 0 && h.Twin != h.Span {
		named = [2]id.Span{h.Twin, h.Parent}
	}
	for _, s := range named {
		if s == 0 {
			continue
		}
		if p := t.choose(t.holders[s], n, s); p != none {
			return p
		}
	}
	if named == [2]id.Span{} && id.ParentOf(h.Dotted) == "" {
		return none
	}
	// The parent did not come. A dotted id tells its ancestors; a callee's half stands for the client half that is missing.
	levels := 0
	for dotted := id.ParentOf(h.Dotted); dotted != "" && levels < maxAncestors; dotted = id.ParentOf(dotted) {
		levels++
		if s := id.SpanOf(dotted); s != h.Span {
			if p := t.choose(t.holders[s], n, s); p != none {
				if levels > 1 || t.nodes[n].client != none && h.Parent != 0 {
					t.notes[n] |= NoteAttached
				}
				return p
			}
		}
	}
	t.notes[n] |= NoteOrphan
	return none
}

// maxHolders bounds how many holders of one id are weighed for one child: the last that start before it.
const maxHolders = 32

// choose gives the node among holders of id s under which node n belongs. Ids repeat because of retries: the one where
// n's app ran counts first, then containment in time, then the last start.
func (t *tree) choose(holders []int32, n int32, s id.Span) int32 {
	switch len(holders) {
	case 0:
		return none
	case 1:
		if holders[0] == n {
			return none
		}
		return holders[0]
	}
	child := t.lead(n)
	end := sort.Search(len(holders), func(i int) bool { return t.lead(holders[i]).Start > child.Start })
	if end == 0 {
		end = min(len(holders), maxHolders) // clocks disagree: all start later
	}
	best, bestFit := none, -1
	for i := end - 1; i >= 0 && i >= end-maxHolders; i-- {
		if holders[i] == n {
			continue
		}
		if f := t.fitParent(holders[i], child); f > bestFit {
			best, bestFit = holders[i], f
		}
	}
	return best
}

func (t *tree) fitParent(n int32, child *half) (fit int) {
	j := &t.nodes[n]
	switch {
	case j.server != none && t.halves[j.server].App == child.App:
		fit += 4
	case j.client != none && t.halves[j.client].App == child.App:
		fit += 2
	}
	last := t.lead(n)
	if j.server != none {
		last = &t.halves[j.server]
	}
	if last.Start <= child.Start && child.Start <= last.End() {
		fit++
	}
	return fit
}

func (t *tree) annotate(n int32) {
	j := &t.nodes[n]
	if j.late {
		t.notes[n] |= NoteLate
	}
	if j.delivery {
		t.notes[n] |= NoteDelivery
	}
	if j.client != none && t.halves[j.client].merged || j.server != none && t.halves[j.server].merged {
		t.notes[n] |= NoteMerged
	}
	if h := t.lead(n); h.Span != 0 && len(t.holders[h.Span]) > 1 {
		t.notes[n] |= NoteRepeated
	}
}

// cutCycles makes the earliest call of every circle of parents a root.
func (t *tree) cutCycles() {
	const fresh, open, done = 0, 1, 2
	state := make([]uint8, len(t.parent))
	var path []int32
	for start := range t.parent {
		path = path[:0]
		n := int32(start)
		for n != none && state[n] == fresh {
			state[n] = open
			path = append(path, n)
			n = t.parent[n]
		}
		if n != none && state[n] == open {
			first := n
			for m := t.parent[n]; m != n; m = t.parent[m] {
				first = min(first, m) // nodes are in the order of their starts
			}
			t.parent[first] = none
			t.notes[first] |= NoteCycle
		}
		for _, m := range path {
			state[m] = done
		}
	}
}

func (t *tree) listChildren() {
	t.childFrom = make([]int32, len(t.parent)+1)
	for n, p := range t.parent {
		if p == none {
			t.roots = append(t.roots, int32(n))
		} else {
			t.childFrom[p+1]++
		}
	}
	for n := range t.parent {
		t.childFrom[n+1] += t.childFrom[n]
	}
	t.childList = make([]int32, len(t.parent)-len(t.roots))
	next := slices.Clone(t.childFrom)
	for n, p := range t.parent {
		if p != none {
			t.childList[next[p]] = int32(n)
			next[p]++
		}
	}
}

func (t *tree) children(n int32) []int32 { return t.childList[t.childFrom[n]:t.childFrom[n+1]] }

// breadthFirst gives all nodes, parents before children.
func (t *tree) breadthFirst() []int32 {
	order := append(make([]int32, 0, len(t.parent)), t.roots...)
	for i := 0; i < len(order); i++ {
		order = append(order, t.children(order[i])...)
	}
	return order
}

// depthFirst gives all nodes in the order of display: a parent, then its subtree; siblings by start as displayed.
func (t *tree) depthFirst(c *clock) []int32 {
	byStart := func(a, b int32) int { return cmp.Or(cmp.Compare(c.start(a), c.start(b)), cmp.Compare(a, b)) }
	slices.SortFunc(t.roots, byStart)
	order := make([]int32, 0, len(t.parent))
	var stack []int32
	push := func(list []int32) {
		for i := len(list) - 1; i >= 0; i-- {
			stack = append(stack, list[i])
		}
	}
	push(t.roots)
	for len(stack) > 0 {
		n := stack[len(stack)-1]
		stack = stack[:len(stack)-1]
		order = append(order, n)
		children := t.children(n)
		slices.SortFunc(children, byStart)
		push(children)
	}
	return order
}
