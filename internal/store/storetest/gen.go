package storetest

import (
	"fmt"
	"math/rand/v2"
	"strings"

	"github.com/twinspan/twinspan/internal/span"
	"github.com/twinspan/twinspan/internal/store"
	"github.com/twinspan/twinspan/sdk/id"
)

// Day is the first moment of the generated data, in nanoseconds of the Unix epoch: 2026-03-01 00:00 UTC.
const Day = int64(1772323200 * 1e9)

// Gen makes random calls from a seed: few apps, operations and tags, so that queries meet several at once, and now and
// then whatever a field can hold.
type Gen struct {
	*rand.Rand
	traces []id.Trace
}

// NewGen makes a generator.
func NewGen(seed uint64) *Gen { return &Gen{Rand: rand.New(rand.NewPCG(seed, 17))} }

func (g *Gen) one(in int) bool { return g.IntN(in) == 0 }

// App is one of the apps of generated calls, Operation, Tag, … likewise.
func (g *Gen) App() string { return fmt.Sprintf("app-%d", g.IntN(7)) }

// Operation is one of the operations.
func (g *Gen) Operation() string { return fmt.Sprintf("GET /v1/things/%d", g.IntN(5)) }

// Addr is one of the addresses.
func (g *Gen) Addr() string {
	switch g.IntN(6) {
	case 0:
		return fmt.Sprintf("[fd00::%d]:80", g.IntN(3))
	case 1:
		return fmt.Sprintf("10.0.0.%d", g.IntN(4))
	case 2:
		return ""
	}
	return fmt.Sprintf("10.0.0.%d:%d", g.IntN(4), 8080+g.IntN(3))
}

// Tag is one of the attributes.
func (g *Gen) Tag() (string, span.Value) {
	key := fmt.Sprintf("key-%d", g.IntN(6))
	switch g.IntN(6) {
	case 0:
		return key, span.Int(g.Int64N(4))
	case 1:
		return key, span.Bool(g.one(2))
	case 2:
		return key, span.Float(float64(g.IntN(4)) / 2)
	case 3:
		return key, span.Value{}
	}
	return key, span.String(fmt.Sprintf("value %d", g.IntN(4)))
}

// Text is any text: empty, long, with zeros, no UTF-8.
func (g *Gen) Text() string {
	b := make([]byte, g.IntN(40))
	for i := range b {
		b[i] = byte(g.Uint32())
	}
	return string(b)
}

func (g *Gen) payload() span.Payload {
	var p span.Payload
	if g.one(60) {
		return span.Payload(g.Text()) // nothing that can be read
	}
	for range g.IntN(6) {
		p = p.AppendAttr(g.Tag())
	}
	if g.one(10) {
		p = p.AppendEvent(g.Int64(), g.Text(), span.Payload(nil).AppendAttr(g.Tag()))
	}
	if g.one(10) {
		p = p.AppendStatusMessage(g.Text())
	}
	if g.one(10) {
		p = span.AppendVarintField(p, 10, g.Uint64())
		p = span.AppendFixed64Field(p, 99, g.Uint64())
		p = append(p, 16<<3|5&7, 1, 1, 2, 3, 4)[:len(p)]
	}
	if g.one(20) { // an attribute whose value comes first, and one of a length in more bytes than it needs
		p = span.AppendBytesField(p, 9, []byte{2<<3 | 2, 2, 3 << 3, 7, 1<<3 | 2, 1, 'k'})
		p = append(p, 9<<3|2, 0x80|3, 0, 1<<3|2, 1, 'k')
	}
	if g.one(20) { // arrays, maps and bytes
		p = span.AppendBytesField(p, 9, []byte{1<<3 | 2, 1, 'a', 2<<3 | 2, 4, 5<<3 | 2, 2, 1, 1})
		p = span.AppendBytesField(p, 9, []byte{1<<3 | 2, 1, 'b', 2<<3 | 2, 4, 7<<3 | 2, 2, 0, 1})
	}
	return p
}

// Trace gives a trace id: mostly one that was given before.
func (g *Gen) Trace() id.Trace {
	if len(g.traces) > 0 && !g.one(8) {
		return g.traces[g.IntN(len(g.traces))]
	}
	var t id.Trace
	if g.one(2) {
		t, _ = id.ParseTrace(fmt.Sprintf("0ad1348f%013d%04d%d", Day/1e6+g.Int64N(1e6), 1000+g.IntN(8000), 100+g.IntN(60000)))
	} else {
		for i := range t {
			t[i] = byte(g.Uint32())
		}
	}
	g.traces = append(g.traces, t)
	return t
}

// Start is a time within the first three minutes of a few, coarse enough that calls share it.
func (g *Gen) Start() int64 {
	start := Day + g.Int64N(180)*1e9 + g.Int64N(5)*1e8
	if g.one(50) {
		start += int64(g.IntN(1e9)) * 1000 // up to 11 days ahead
	}
	return start
}

func (g *Gen) half(t id.Trace, kind span.Kind) *span.Half {
	h := &span.Half{
		Trace: t, Span: id.Span(g.Uint64()), Kind: kind, Type: span.Type(g.IntN(6)), Status: span.Status(g.IntN(3)),
		Route: span.Route(g.IntN(6)), LoadTest: g.one(5), Coarse: g.one(3), Shared: g.one(9), App: g.App(), Operation: g.Operation(),
		Instance: fmt.Sprintf("host-%d", g.IntN(3)), LocalAddr: g.Addr(), PeerAddr: g.Addr(), Start: g.Start(),
		Duration: int64(g.IntN(20)) * 1e6, Received: Day + g.Int64N(200)*1e9, Origin: g.Uint64(), Payload: g.payload(),
	}
	h.Component = []string{"", "dubbo-client", "net/http"}[g.IntN(3)]
	h.ResultCode = []string{"", "00", "200", "500"}[g.IntN(4)]
	h.Dotted = []string{"", "0", "0.1", "0.1.12", "0.1.12.007"}[g.IntN(5)]
	h.Resource = span.Payload(nil).AppendAttr("host.name", span.String(h.Instance)).AppendAttr(g.Tag())
	if g.one(4) {
		h.Parent = id.Span(g.Uint64())
	}
	if g.one(40) {
		h.TraceText, h.Peer, h.Operation = g.Text(), g.Text(), g.Text()
	}
	if g.one(40) {
		h.Start, h.Duration, h.Received = int64(g.Uint64()), int64(g.Uint64()), int64(g.Uint64())
	}
	return h
}

// Calls makes n calls.
func (g *Gen) Calls(n int) []span.Call {
	calls := make([]span.Call, n)
	for i := range calls {
		t := g.Trace()
		var client, server *span.Half
		switch g.IntN(4) {
		case 0:
			client = g.half(t, span.KindClient)
		case 1:
			server = g.half(t, span.KindConsumer)
		default:
			client, server = g.half(t, span.KindClient), g.half(t, span.KindServer)
			server.Parent, server.Twin = client.Span, client.Span
			server.Received = client.Received
		}
		if i > 0 && g.one(3) { // a parent within the trace, or an id that repeats
			other := calls[g.IntN(i)].Lead()
			if client != nil {
				client.Parent = other.Span
			}
			if server != nil && g.one(8) {
				server.Span, server.Trace = other.Span, t
			}
		}
		peer := ""
		if g.one(3) {
			peer = g.App()
		}
		calls[i] = span.Join(client, server, peer)
	}
	return calls
}

// Query makes a random query that has a fair chance to find something.
func (g *Gen) Query() store.Query {
	var q store.Query
	yes, no := true, false
	pick := func(b *bool) *bool { return b }
	for range 1 + g.IntN(3) {
		switch g.IntN(24) {
		case 0:
			q.App = g.App()
		case 1:
			if q.NoCaller = g.one(2); g.one(2) || !q.NoCaller {
				q.Caller = g.App()
			}
		case 2:
			q.NoCallee, q.Callee = g.one(8), g.App()
		case 3, 4:
			q.Address = []string{"10.0.0.1", "10.0.0.2:8080", "fd00::1", "[fd00::2]", "[fd00::1]:80", "nowhere"}[g.IntN(6)]
		case 5:
			q.Operation = g.Operation()
		case 6:
			t := span.Type(g.IntN(6))
			q.Type = &t
		case 7:
			q.Error = pick([]*bool{&yes, &no}[g.IntN(2)])
		case 8:
			q.LoadTest = pick([]*bool{&yes, &no}[g.IntN(2)])
		case 9:
			q.MinDuration = int64(g.IntN(20)) * 1e6
		case 10:
			q.MaxDuration = int64(1+g.IntN(20)) * 1e6
		case 11:
			k := span.Kind(g.IntN(6))
			q.Kind = &k
		case 12:
			q.Component = "net/http"
		case 13:
			q.Instance = fmt.Sprintf("host-%d", g.IntN(4))
		case 14:
			q.ResultCode = "500"
		case 15, 16:
			key, v := g.Tag()
			q.Tags = append(q.Tags, store.Tag{Key: key, Value: v.Text(), Exists: g.one(3)})
		case 17:
			q.From = g.Start()
		case 18:
			q.To = g.Start()
		case 19:
			key, _ := g.Tag()
			q.Tags = append(q.Tags, store.Tag{Key: key, Test: func(v span.Value) bool { return v.Int() > 2 || strings.HasSuffix(v.Text(), "1") }})
		case 20, 21, 22, 23:
			q.Half = g.halfFilter(q.Half)
		}
	}
	return q
}

// halfFilter restricts a filter of one half further.
func (g *Gen) halfFilter(h *store.HalfFilter) *store.HalfFilter {
	if h == nil {
		h = new(store.HalfFilter)
	}
	switch g.IntN(9) {
	case 0:
		h.App.Is = g.App()
	case 1:
		h.App.Test = func(s string) bool { return len(s)%2 == 0 }
	case 2:
		h.Operation.Is = g.Operation()
	case 3:
		h.Component.Test = func(s string) bool { return s != "" }
	case 4:
		k := span.Kind(g.IntN(6))
		h.Kind = &k
	case 5:
		s := span.Status(g.IntN(3))
		h.Status = &s
	case 6:
		h.MinDuration = int64(g.IntN(20)) * 1e6
	case 7:
		h.MaxDuration = int64(1+g.IntN(20)) * 1e6
	case 8:
		h.Test = func(h *span.Half) bool { return len(h.Payload)%2 == 0 && h.Kind != span.KindInternal }
	}
	return h
}

// Rollups makes n roll-ups of which some share their key.
func (g *Gen) Rollups(n int) []span.Rollup {
	rows := make([]span.Rollup, n)
	for i := range rows {
		r := &rows[i]
		r.RollupKey = span.RollupKey{
			Minute: Day/60e9 + g.Int64N(4), Source: span.Source(g.IntN(2)), Side: span.Kind(g.IntN(4)), Type: span.Type(g.IntN(6)),
			LoadTest: g.one(4), Caller: g.App(), Callee: g.App(), Operation: g.Operation(),
		}
		if g.one(3) {
			r.Instance = fmt.Sprintf("host-%d", g.IntN(3))
		}
		r.Calls, r.Errors = g.Uint64N(100), g.Uint64N(3)
		for range g.IntN(5) {
			r.Latency.Add(g.Int64N(1e9))
		}
		if g.one(20) { // a correction
			r.Calls = -r.Calls
		}
	}
	return rows
}
