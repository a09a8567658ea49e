// Package rollup counts calls and stat lines per minute into roll-ups, the correctable truth that topology and
// application pages read. A Counter belongs to one range: what it gives is that range's delta, and rows of one key add
// up over all ranges. It does not store.
package rollup

import (
	"strings"

	"github.com/twinspan/twinspan/internal/span"
)

// Other is the operation under which calls are counted once a range has too many rows, and then, too, the name of
// their caller and callee.
const Other = "(other)"

// Counter counts for one range. It is for one goroutine at a time.
type Counter struct {
	// Minute, of the Unix epoch, is where calls are counted that find no row of their own caller and callee. It is to be that of
	// their receipt: what they say of their start themselves could be any.
	Minute int64
	// Overflow says what found no row of its own.
	Overflow Overflow

	rows map[span.RollupKey]*span.Rollup
	max  int
	// others is how many rows there are of the operation Other.
	others int
}

// Overflow counts calls and stat lines that were counted less exactly than they could be, for lack of rows.
type Overflow struct {
	// Operations were counted with their caller and callee, but under the operation Other.
	Operations uint64
	// Edges were counted under Other as caller, callee and operation.
	Edges uint64
	// Corrections are late halves whose calls stay counted as one-sided.
	Corrections uint64
}

// Since gives what came to o after was.
func (o Overflow) Since(was Overflow) Overflow {
	return Overflow{o.Operations - was.Operations, o.Edges - was.Edges, o.Corrections - was.Corrections}
}

// NewCounter makes a Counter that tells everything apart up to maxRows rows. After that it has a quarter as many for callers and
// callees with operations and instances left out, and then one for each source, side and type of calls. Corrections may open
// maxRows besides.
func NewCounter(maxRows int) *Counter {
	return &Counter{rows: make(map[span.RollupKey]*span.Rollup), max: maxRows}
}

const minute = int64(60e9)

// keyOf gives the key that a call is counted by: it counts once, at its lead half's start.
func keyOf(c *span.Call) span.RollupKey {
	k := span.RollupKey{
		Minute: span.FloorDiv(c.Start(), minute), Type: c.Type, LoadTest: c.LoadTest(),
		Caller: c.Caller, Callee: c.Callee, Operation: c.Operation(),
	}
	if c.Server != nil {
		k.Instance = c.Server.Instance
	}
	return k
}

// Call counts a call once and gives the key that it is counted by: beyond the bound of rows that is not keyOf's.
func (c *Counter) Call(call *span.Call) span.RollupKey {
	r := c.row(keyOf(call))
	r.Calls++
	if call.Failed() {
		r.Errors++
	}
	r.Latency.Add(call.Duration())
	return r.RollupKey
}

// Counted is what was counted for a one-sided call and has to be taken back when its other half comes late.
type Counted struct {
	Key      span.RollupKey
	Duration int64
	Failed   bool
}

// Correct takes a count back and counts the call as it is now known. was.Key is what Call gave, maybe for an earlier range:
// it is taken back there and nowhere else, though this Counter may have too many rows already; with far too many nothing is
// changed.
func (c *Counter) Correct(was, is Counted) {
	r := c.rows[was.Key]
	if r == nil {
		if len(c.rows) >= 2*c.max+c.max/4 {
			c.Overflow.Corrections++
			return
		}
		r = c.open(was.Key)
	}
	if was.Key.Callee == Other && was.Key.Operation == Other {
		is.Key = was.Key // half a name is no better than none
	}
	r.Calls--
	if was.Failed {
		r.Errors--
	}
	r.Latency.AddN(was.Duration, ^uint64(0))
	r = c.row(is.Key)
	r.Calls++
	if is.Failed {
		r.Errors++
	}
	r.Latency.Add(is.Duration)
}

// WithClient gives what a call that was counted by its server half is counted as once its client half is known, too.
func WithClient(was Counted, client *span.Half) Counted {
	is := was
	is.Key.Caller, is.Key.Minute, is.Duration = client.App, span.FloorDiv(client.Start, minute), client.Duration
	if client.Type != span.TypeInternal {
		is.Key.Type = client.Type
	}
	if is.Key.Operation == "" {
		is.Key.Operation = client.Operation
	}
	return is.with(client)
}

// WithServer gives what a call that was counted by its client half is counted as once its server half is known, too.
func WithServer(was Counted, server *span.Half) Counted {
	is := was
	is.Key.Callee, is.Key.Instance = server.App, server.Instance
	if is.Key.Type == span.TypeInternal {
		is.Key.Type = server.Type
	}
	if server.Operation != "" {
		is.Key.Operation = server.Operation
	}
	return is.with(server)
}

func (c Counted) with(h *span.Half) Counted {
	c.Failed = c.Failed || h.Status == span.StatusError
	c.Key.LoadTest = c.Key.LoadTest || h.LoadTest
	return c
}

// Stat counts a stat line.
func (c *Counter) Stat(s *span.Stat) {
	k := span.RollupKey{
		Minute: span.FloorDiv(s.Begin, minute), Source: span.SourceStats, Type: s.Type, LoadTest: s.LoadTest,
		Operation: s.Operation, Instance: s.Instance,
	}
	if s.Kind.CallerSide() {
		k.Side, k.Caller, k.Callee = span.KindClient, s.App, s.Peer
	} else {
		// Who called is not in the key: a consumer's peer is the queue, which is nobody's caller.
		k.Side, k.Callee = span.KindServer, s.App
	}
	if s.Kind == span.KindInternal {
		k.Side, k.Caller = span.KindInternal, s.App
	}
	r := c.row(k)
	r.Calls += s.Count
	r.Errors += s.Errors
	if s.Latency != nil {
		r.Latency.Merge(s.Latency)
	} else {
		r.Latency.Sum += s.TotalNanos
	}
}

func (c *Counter) row(k span.RollupKey) *span.Rollup {
	r := c.rows[k]
	if r != nil {
		return r
	}
	if len(c.rows) < c.max {
		return c.open(k)
	}
	k.Operation, k.Instance = Other, ""
	if r = c.rows[k]; r != nil {
		c.Overflow.Operations++
		return r
	}
	if c.others < c.max/4 {
		c.Overflow.Operations++
		c.others++
		return c.open(k)
	}
	c.Overflow.Edges++
	k.Minute, k.Callee = c.Minute, Other
	if k.Source == span.SourceCalls || k.Side != span.KindServer { // a server's stat line names no caller
		k.Caller = Other
	}
	if r = c.rows[k]; r != nil {
		return r
	}
	return c.open(k)
}

// open makes a row. It has texts of its own, because it may outlive the request that first named it.
func (c *Counter) open(k span.RollupKey) *span.Rollup {
	k.Caller, k.Callee = strings.Clone(k.Caller), strings.Clone(k.Callee)
	k.Operation, k.Instance = strings.Clone(k.Operation), strings.Clone(k.Instance)
	r := &span.Rollup{RollupKey: k}
	c.rows[k] = r
	return r
}

// Each calls yield with every row. The rows are the Counter's and must not be changed or kept while it goes on counting.
func (c *Counter) Each(yield func(*span.Rollup) bool) {
	for _, r := range c.rows {
		if !yield(r) {
			return
		}
	}
}

// Len is the number of rows.
func (c *Counter) Len() int { return len(c.rows) }
