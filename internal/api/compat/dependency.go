package compat

import (
	"cmp"
	"slices"

	"github.com/twinspan/twinspan/internal/query"
)

// Dependency says how often one service called another, by calls of whatever type.
type Dependency struct {
	Parent, Child         string
	CallCount, ErrorCount int64
}

// Dependencies adds up the edges that keep says yes to, sorted by their names.
func Dependencies(edges []query.Edge, keep func(*query.Edge) bool) []Dependency {
	var list []Dependency
	at := make(map[[2]string]int)
	for i := range edges {
		e := &edges[i]
		if !keep(e) {
			continue
		}
		key := [2]string{e.Caller, e.Callee}
		k, ok := at[key]
		if !ok {
			k = len(list)
			at[key] = k
			list = append(list, Dependency{Parent: e.Caller, Child: e.Callee})
		}
		list[k].CallCount += e.Calls
		list[k].ErrorCount += e.Errors
	}
	slices.SortFunc(list, func(a, b Dependency) int {
		return cmp.Or(cmp.Compare(a.Parent, b.Parent), cmp.Compare(a.Child, b.Child))
	})
	return list
}
