package store

import (
	"bytes"
	"cmp"
	"strings"

	"github.com/twinspan/twinspan/internal/span"
	"github.com/twinspan/twinspan/sdk/id"
)

// Query says which calls a search wants. Zero fields do not restrict; all others must hold together. Texts are compared
// exactly.
type Query struct {
	// From and To bound Time(call) to [From, To), in nanoseconds of the Unix epoch; To 0 is no bound.
	From, To int64
	// App is the caller's or the callee's application.
	App, Caller, Callee string
	// NoCaller asks for calls whose caller is not known (""), and those of Caller if that is set; NoCallee likewise.
	NoCaller, NoCallee bool
	// Address is a host:port or a bare host, of either side and as either half knows it.
	Address string
	// Operation is that of Call.Operation.
	Operation string
	Type      *span.Type
	// Error is that of Call.Failed, LoadTest that of Call.LoadTest.
	Error, LoadTest *bool
	// MinDuration and MaxDuration bound Call.Duration in nanoseconds, both inclusive; 0 is no bound.
	MinDuration, MaxDuration int64
	// Kind, Component, Instance and ResultCode are those of either half.
	Kind                            *span.Kind
	Component, Instance, ResultCode string
	// Tags must all match.
	Tags []Tag
	// Half, unless nil, must hold for one of the halves as a whole.
	Half *HalfFilter
	// After continues a search behind a call that it gave: its PositionOf. The zero Position begins with the newest.
	After Position
	// Lean says that attributes, events and resources are not needed: calls may come without Payload and Resource, which
	// is several times cheaper.
	Lean bool
	// Expect says about how many calls the asker will take, 0 that it does not know: so many are put together at first.
	Expect int
	// Progress, unless nil, may be called now and then with a time: all matches after it were given, none before it. It
	// ends the search by giving false.
	Progress func(at int64) bool
}

// HalfFilter says which halves a search wants. Zero fields do not restrict; all others must hold together.
type HalfFilter struct {
	App, Operation, Component Text
	Kind                      *span.Kind
	Status                    *span.Status
	// MinDuration and MaxDuration are inclusive, in nanoseconds; 0 is no bound.
	MinDuration, MaxDuration int64
	// Test, unless nil, is asked about the halves for which all else holds. It must not look at ids: they are not there yet.
	Test func(*span.Half) bool
}

// Text is what a text must be: Is, unless that is "", and such that Test, unless nil, is true.
type Text struct {
	Is   string
	Test func(string) bool
}

func (t *Text) any() bool { return t.Is == "" && t.Test == nil }

func (t *Text) match(s string) bool { return (t.Is == "" || s == t.Is) && (t.Test == nil || t.Test(s)) }

// Match says whether the filter wants a half.
func (f *HalfFilter) Match(h *span.Half) bool {
	return f.App.match(h.App) && f.Operation.match(h.Operation) && f.Component.match(h.Component) &&
		(f.Kind == nil || h.Kind == *f.Kind) && (f.Status == nil || h.Status == *f.Status) &&
		(f.MinDuration == 0 || h.Duration >= f.MinDuration) && (f.MaxDuration == 0 || h.Duration <= f.MaxDuration) &&
		(f.Test == nil || f.Test(h))
}

// may says whether a half within bounds can match.
func (f *HalfFilter) may(b *bounds) bool {
	return (f.MinDuration == 0 || b.maxDuration >= f.MinDuration) && (f.MaxDuration == 0 || b.minDuration <= f.MaxDuration)
}

// Tag matches a call if one of the halves has an attribute or a resource attribute Key whose Value.Text is Value, or, with
// Exists, of any value, or, with Test, of a value for which that is true.
type Tag struct {
	Key, Value string
	Exists     bool
	Test       func(span.Value) bool
}

// fits tests the value of an attribute of the tag's name.
func (t *Tag) fits(v span.Value) bool {
	if t.Test != nil {
		return t.Test(v)
	}
	return t.Exists || v.Text() == t.Value
}

// Position is a call's place in the order of Compare.
type Position struct {
	// Start is Time(call).
	Start int64
	Trace id.Trace
	// Span and Origin are those of Call.Lead. Origin tells apart calls that legitimately repeat an id.
	Span   id.Span
	Origin uint64
}

// IsZero says that p is no call's place.
func (p Position) IsZero() bool { return p == Position{} }

// PositionOf gives a call's place.
func PositionOf(c *span.Call) Position {
	h := c.Lead()
	return Position{Start: halfTime(h), Trace: h.Trace, Span: h.Span, Origin: h.Origin}
}

// Compare orders places: newest start first, then by trace id, span id and origin, ascending.
func (p Position) Compare(o Position) int {
	if p.Start != o.Start {
		return cmp.Compare(o.Start, p.Start)
	}
	if n := bytes.Compare(p.Trace[:], o.Trace[:]); n != 0 {
		return n
	}
	if p.Span != o.Span {
		return cmp.Compare(p.Span, o.Span)
	}
	return cmp.Compare(p.Origin, o.Origin)
}

// Compare is the one definition of order: that of the calls' positions.
func Compare(a, b *span.Call) int { return PositionOf(a).Compare(PositionOf(b)) }

// MaxAhead is how far a start may lie ahead of its receipt, in nanoseconds, before the call is ordered by receipt.
const MaxAhead = int64(10 * 60 * 1e9)

// Time is the time that a call is ordered and found by, in nanoseconds of the Unix epoch: its start or, if that is more
// than MaxAhead ahead of receipt (a clock that is wrong), the time of receipt.
func Time(c *span.Call) int64 { return halfTime(c.Lead()) }

func halfTime(h *span.Half) int64 { return timeOf(h.Start, h.Received) }

func timeOf(start, received int64) int64 {
	if received != 0 && start > received && uint64(start)-uint64(received) > uint64(MaxAhead) {
		return received
	}
	return start
}

// isParty says that a caller or callee is the one that is wanted.
func isParty(name, want string, none bool) bool {
	if none {
		return name == "" || name == want
	}
	return want == "" || name == want
}

// Match is the one definition of what a query matches, bounds and After included.
func (q *Query) Match(c *span.Call) bool {
	at := Time(c)
	if at < q.From || q.To != 0 && at >= q.To || q.Type != nil && c.Type != *q.Type {
		return false
	}
	if !isParty(c.Callee, q.Callee, q.NoCallee) || !isParty(c.Caller, q.Caller, q.NoCaller) ||
		q.App != "" && c.Caller != q.App && c.Callee != q.App || q.Operation != "" && c.Operation() != q.Operation {
		return false
	}
	if q.Error != nil && c.Failed() != *q.Error || q.LoadTest != nil && c.LoadTest() != *q.LoadTest {
		return false
	}
	if q.MinDuration != 0 && c.Duration() < q.MinDuration || q.MaxDuration != 0 && c.Duration() > q.MaxDuration {
		return false
	}
	if q.Address != "" && !either(c, func(h *span.Half) bool {
		return matchAddr(h.LocalAddr, q.Address) || matchAddr(h.PeerAddr, q.Address)
	}) {
		return false
	}
	if q.Kind != nil && !either(c, func(h *span.Half) bool { return h.Kind == *q.Kind }) ||
		q.Component != "" && !either(c, func(h *span.Half) bool { return h.Component == q.Component }) ||
		q.Instance != "" && !either(c, func(h *span.Half) bool { return h.Instance == q.Instance }) ||
		q.ResultCode != "" && !either(c, func(h *span.Half) bool { return h.ResultCode == q.ResultCode }) {
		return false
	}
	if q.Half != nil && !either(c, q.Half.Match) || !q.After.IsZero() && q.After.Compare(PositionOf(c)) >= 0 {
		return false
	}
	return q.matchTags(c)
}

func (q *Query) matchTags(c *span.Call) bool {
	for i := range q.Tags {
		tag := &q.Tags[i]
		if !either(c, func(h *span.Half) bool { return tag.match(h.Payload) || tag.match(h.Resource) }) {
			return false
		}
	}
	return true
}

func either(c *span.Call, match func(*span.Half) bool) bool {
	return c.Client != nil && match(c.Client) || c.Server != nil && match(c.Server)
}

func (t *Tag) match(p span.Payload) (found bool) {
	p.Attrs(func(key string, v span.Value) bool {
		found = key == t.Key && t.fits(v)
		return !found
	})
	return found
}

// matchAddr says that addr is want, or that want is addr's host.
func matchAddr(addr, want string) bool {
	return addr != "" && (addr == want || hostOf(addr) == hostOf(want) && bareHost(want))
}

// hostOf cuts the port and the brackets of an address: "10.0.0.1:80", "[::1]:80", "[::1]" and "::1" alike.
func hostOf(addr string) string {
	if strings.HasPrefix(addr, "[") {
		if end := strings.IndexByte(addr, ']'); end > 0 {
			return addr[1:end]
		}
		return addr
	}
	if i := strings.IndexByte(addr, ':'); i >= 0 && strings.LastIndexByte(addr, ':') == i {
		return addr[:i]
	}
	return addr
}

func bareHost(addr string) bool {
	if strings.HasPrefix(addr, "[") {
		return strings.HasSuffix(addr, "]")
	}
	i := strings.IndexByte(addr, ':')
	return i < 0 || strings.LastIndexByte(addr, ':') != i
}
