package traceql

import (
	"cmp"
	"slices"

	"github.com/twinspan/twinspan/internal/span"
	"github.com/twinspan/twinspan/sdk/id"
)

// Span is one half in the tree of its trace.
type Span struct {
	Half *span.Half
	// Call is the joined call that the half belongs to.
	Call *span.Call
	// Parent is the index of the parent span in Trace.Spans, -1 for a root.
	Parent int32
	// left and right number the trees as nested sets: a descendant's lie between its ancestor's.
	left, right int32
	children    int32
}

// Trace is what queries are evaluated on. It is not changed.
type Trace struct {
	ID    id.Trace
	Spans []Span
	// Start and Duration cover the trace, in nanoseconds (of the Unix epoch).
	Start, Duration int64
	// RootName and RootService are those of the first root.
	RootName, RootService string
	// order is the spans with parents before their children.
	order []int32
}

// NewTrace numbers the trees of spans, whose parents must lead to roots. It keeps the slice.
func NewTrace(trace id.Trace, spans []Span, start, duration int64) *Trace {
	t := &Trace{ID: trace, Spans: spans, Start: start, Duration: duration, order: make([]int32, 0, len(spans))}
	from := make([]int32, len(spans)+1)
	root := int32(-1)
	for i := range spans {
		if p := spans[i].Parent; p >= 0 {
			spans[p].children++
			from[p+1]++
		} else if root < 0 || spans[i].Half.Start < spans[root].Half.Start {
			root = int32(i)
		}
	}
	if root >= 0 {
		t.RootName, t.RootService = spans[root].Half.Operation, spans[root].Half.App
	}
	for i := range spans {
		from[i+1] += from[i]
	}
	children, next := make([]int32, len(spans)), slices.Clone(from)
	for i := range spans {
		if p := spans[i].Parent; p >= 0 {
			children[next[p]] = int32(i)
			next[p]++
		}
	}
	t.number(children, from)
	return t
}

// number goes through the trees without recursion: chains may be as deep as a trace is long.
func (t *Trace) number(children, from []int32) {
	n := int32(0)
	var path []int32
	for i := range t.Spans {
		if t.Spans[i].Parent >= 0 {
			continue
		}
		path = append(path[:0], int32(i))
		for len(path) > 0 {
			at := path[len(path)-1]
			if at < 0 {
				n++
				t.Spans[^at].right = n
				path = path[:len(path)-1]
				continue
			}
			n++
			t.Spans[at].left = n
			t.order = append(t.order, at)
			path[len(path)-1] = ^at
			for c := from[at+1] - 1; c >= from[at]; c-- {
				path = append(path, children[c])
			}
		}
	}
}

// Spanset is some spans of a trace that were found together.
type Spanset struct {
	// Spans are indexes in Trace.Spans, ascending.
	Spans []int32
	// Labels are what the set was grouped by and what numbers it was compared by.
	Labels []Label
}

// Label is a named value.
type Label struct {
	Name  string
	Value Value
}

// sortSet orders spans and removes what is twice.
func sortSet(list []int32) []int32 {
	slices.SortFunc(list, func(a, b int32) int { return cmp.Compare(a, b) })
	return slices.Compact(list)
}
