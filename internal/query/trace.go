package query

import (
	"context"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	"github.com/twinspan/twinspan/internal/span"
	"github.com/twinspan/twinspan/sdk/id"
)

// Notes says what is special about a call of a trace.
type Notes uint16

// The notes. Their names are part of the API.
const (
	// NoteLate: the two halves came further apart than the pairing window and were joined now.
	NoteLate Notes = 1 << iota
	// NoteOrphan: the call names a parent that is not stored; it is shown as a root.
	NoteOrphan
	// NoteAttached: the parent is not stored; by its dotted id the call stands below the nearest ancestor that is.
	NoteAttached
	// NoteCycle: the call's parents lead back to itself; it is shown as a root.
	NoteCycle
	// NoteRepeated: other calls of the trace have the same id, as retries and redeliveries do.
	NoteRepeated
	// NoteDelivery: a further delivery of a message that another call shows with its producer.
	NoteDelivery
	// NoteMerged: a half came on several routes; it is shown once, attributes merged.
	NoteMerged
)

var noteNames = [...]string{"late", "orphan", "attached", "cycle", "repeated", "delivery", "merged"}

// Names gives the notes as text; nil when there are none.
func (n Notes) Names() (names []string) {
	for i, name := range noteNames {
		if n&(1<<i) != 0 {
			names = append(names, name)
		}
	}
	return names
}

// Node is one call in the tree of its trace.
type Node struct {
	Call span.Call
	// Parent is the index of the parent in Trace.Nodes, -1 for a root. It is less than the node's own index.
	Parent, Depth int
	// ClientSkew and ServerSkew are what is added to the times of the halves for display, in nanoseconds.
	ClientSkew, ServerSkew int64
	// Self is the time of the callee's half, or of the only one, that no child covers.
	Self int64
	// Critical says that the call is on the critical path of the first root.
	Critical bool
	Notes    Notes
}

// Start is the start of the call's lead as displayed.
func (n *Node) Start() int64 {
	if n.Call.Client != nil {
		return n.Call.Client.Start + n.ClientSkew
	}
	return n.Call.Server.Start + n.ServerSkew
}

// Trace is one trace: its calls as trees, in the order of display (parents first, siblings by start).
type Trace struct {
	ID id.Trace
	// Text is the id as the source spells it.
	Text  string
	Nodes []Node
	// Halves is how many different halves are stored.
	Halves int
	// Start and Duration cover all halves as displayed, in nanoseconds (of the Unix epoch).
	Start, Duration int64
	// Apps are the applications that wrote halves, sorted.
	Apps []string
	// Errors is the number of failed calls.
	Errors   int
	LoadTest bool
	// Truncated says that the trace has more calls than are shown.
	Truncated bool
}

// Trace gives the trace of an id in any spelling: SOFATracer's, W3C's 32 hex digits, 16 hex digits, or SOFATracer's
// padded with zeros as its Zipkin reporter sends it. It is ErrNotFound when nothing of it is stored.
func (s *Service) Trace(ctx context.Context, text string) (*Trace, error) {
	for _, t := range traceIDs(text) {
		calls, truncated, err := s.stored(ctx, t, s.config.MaxTraceCalls)
		if err != nil {
			return nil, err
		}
		if len(calls) > 0 {
			return Assemble(t, calls, truncated), nil
		}
	}
	return nil, fmt.Errorf("trace %q: %w: no span of it is stored, or it is older than the retention", text, ErrNotFound)
}

// traceIDs gives what a text can mean, the likeliest first.
func traceIDs(text string) (list []id.Trace) {
	text = strings.TrimSpace(text)
	add := func(text string) {
		if t, _ := id.ParseTrace(text); !t.IsZero() && !slices.Contains(list, t) {
			list = append(list, t)
		}
	}
	add(text)
	if len(text) == 32 {
		for cut := 1; cut <= 6 && text[cut-1] == '0'; cut++ {
			if t, _ := id.ParseTrace(text[cut:]); t.IsSOFA() {
				add(text[cut:])
			}
		}
	}
	if plain := strings.ReplaceAll(text, "-", ""); len(plain) == 32 && len(text) == 36 {
		add(plain) // a UUID
	}
	return list
}

// stored reads a trace's calls from all readers, at most limit of each.
func (s *Service) stored(ctx context.Context, t id.Trace, limit int) (calls []span.Call, truncated bool, err error) {
	for _, r := range s.readers {
		part, more, err := r.Trace(ctx, t, limit)
		if err != nil {
			return nil, false, fmt.Errorf("read trace %s: %w", t, err)
		}
		calls, truncated = append(calls, part...), truncated || more
	}
	return calls, truncated, nil
}

// Assemble makes the trace of stored calls, of which the same half may be in several. It keeps the halves.
func Assemble(trace id.Trace, calls []span.Call, truncated bool) *Trace {
	t := buildTree(joinHalves(splitHalves(calls)))
	c := correctClocks(t)
	order := t.depthFirst(c)
	critical := c.criticalPath()

	out := &Trace{ID: trace, Text: trace.String(), Halves: len(t.halves), Truncated: truncated, Nodes: make([]Node, len(order))}
	place := make([]int, len(order))
	var scratch []interval
	for i, n := range order {
		place[n] = i
		node := &out.Nodes[i]
		*node = Node{
			Call: t.call(n), Parent: -1, ClientSkew: c.client[n], ServerSkew: c.server[n], Critical: critical[n], Notes: t.notes[n],
		}
		node.Self, scratch = c.selfTime(n, scratch)
		if p := t.parent[n]; p != none {
			node.Parent = place[p]
			node.Depth = out.Nodes[node.Parent].Depth + 1
		}
		if node.Call.Failed() {
			out.Errors++
		}
		out.LoadTest = out.LoadTest || node.Call.LoadTest()
	}
	out.summarize(t, c)
	return out
}

func (t *Trace) summarize(tree *tree, c *clock) {
	apps := make(map[string]struct{})
	from, to := int64(math.MaxInt64), int64(math.MinInt64)
	for n := range tree.nodes {
		for _, bounds := range [2]func(int32) (int64, int64){c.outer, c.inner} {
			f, e := bounds(int32(n))
			from, to = min(from, f), max(to, e)
		}
	}
	for i := range tree.halves {
		h := &tree.halves[i]
		if h.App != "" {
			apps[h.App] = struct{}{}
		}
		if h.TraceText != "" {
			t.Text = h.TraceText
		}
	}
	t.Apps = slices.Sorted(maps.Keys(apps))
	if len(tree.nodes) > 0 {
		t.Start, t.Duration = from, satSub(to, from)
	}
}
