package main

import (
	"cmp"
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"sync"

	twinspan "github.com/twinspan/twinspan/sdk"
)

// counts is a service's own count of the calls that it made and received. It has nothing to do with tracing: it is what
// the end-to-end test holds Twinspan's numbers against.
type counts struct {
	mu   sync.Mutex
	rows map[edge]*tally
}

// edge is what calls are counted by.
type edge struct {
	// Side is "client" for calls made, "server" for calls received.
	Side string `json:"side"`
	// Caller is "" on calls received, but for messages, which say it.
	Caller    string `json:"caller"`
	Callee    string `json:"callee"`
	Type      string `json:"type"`
	Operation string `json:"operation"`
	LoadTest  bool   `json:"loadTest"`
}

type tally struct {
	Calls  int64 `json:"calls"`
	Errors int64 `json:"errors"`
}

func newCounts() *counts { return &counts{rows: make(map[edge]*tally)} }

func (c *counts) add(e edge, failed bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	t := c.rows[e]
	if t == nil {
		t = new(tally)
		c.rows[e] = t
	}
	t.Calls++
	if failed {
		t.Errors++
	}
}

// report is a service's counts as they are shown and written.
type report struct {
	Service string            `json:"service"`
	Tracer  twinspan.Counters `json:"tracer"`
	Edges   []reportRow       `json:"edges"`
}

type reportRow struct {
	edge
	tally
}

func (s *service) report() report {
	s.counts.mu.Lock()
	defer s.counts.mu.Unlock()
	r := report{Service: s.name, Tracer: s.tracer.Counters(), Edges: []reportRow{}}
	for e, t := range maps.All(s.counts.rows) {
		r.Edges = append(r.Edges, reportRow{e, *t})
	}
	slices.SortFunc(r.Edges, func(a, b reportRow) int {
		return cmp.Or(cmp.Compare(a.Side, b.Side), cmp.Compare(a.Callee, b.Callee), cmp.Compare(a.Operation, b.Operation),
			cmp.Compare(a.Caller, b.Caller))
	})
	return r
}

// writeCounts leaves the counts beside the logs.
func (s *service) writeCounts() error {
	b, err := json.MarshalIndent(s.report(), "", "  ")
	if err != nil {
		return err
	}
	if err := os.MkdirAll(s.logs(), 0o755); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(s.logs(), "counts.json"), append(b, '\n'), 0o644)
}
