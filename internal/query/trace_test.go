package query

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/twinspan/twinspan/internal/query/querytest"
	"github.com/twinspan/twinspan/internal/span"
	"github.com/twinspan/twinspan/internal/store"
	"github.com/twinspan/twinspan/sdk/id"
)

// newService makes a service over scenarios that are divided by lines of "---", one reader each.
func newService(t testing.TB, text string) *Service {
	t.Helper()
	var readers []store.Reader
	for _, part := range strings.Split(text, "---") {
		readers = append(readers, &querytest.Reader{Calls: querytest.Calls(t, part)})
	}
	return New(readers, DefaultConfig(), slog.New(slog.DiscardHandler))
}

// draw writes a trace as text: indented by depth, caller>callee, sides, start+duration in ms, self time, * on the critical
// path, skews, notes.
func draw(t *Trace) string {
	var b strings.Builder
	for i := range t.Nodes {
		n := &t.Nodes[i]
		c := &n.Call
		mark := ""
		if n.Critical {
			mark = "*"
		}
		side := "both"
		if c.Server == nil {
			side = c.Client.Kind.String()
		} else if c.Client == nil {
			side = c.Server.Kind.String()
		}
		fmt.Fprintf(&b, "%s%s>%s %s %v+%v self=%v%s", strings.Repeat("  ", n.Depth), c.Caller, c.Callee, side,
			float64(n.Start()-querytest.Base)/1e6, float64(c.Duration())/1e6, float64(n.Self)/1e6, mark)
		if n.ClientSkew != 0 || n.ServerSkew != 0 {
			fmt.Fprintf(&b, " skew=%v/%v", float64(n.ClientSkew)/1e6, float64(n.ServerSkew)/1e6)
		}
		if n.Notes != 0 {
			fmt.Fprintf(&b, " %s", strings.Join(n.Notes.Names(), ","))
		}
		b.WriteByte('\n')
	}
	return b.String()
}

func TestTrace(t *testing.T) {
	tests := []struct{ name, in, want string }{
		{"a pair, and a call made by the server",
			`server gw 1 at=0+100
			 client gw 2 parent=1 at=10+50 & server pay 3 parent=2 twin=2 at=15+40
			 client pay 4 parent=3 at=20+10 type=db peer=mysql:pay`, `
>gw server 0+100 self=50*
  gw>pay both 10+50 self=30*
    pay>mysql:pay client 20+10 self=10*
`},
		{"the server's calls name the id that it shares with its client",
			`client gw 0.1 dotted=0.1 at=10+50 & server pay 99 dotted=0.1 parent=0.1 twin=0.1 at=15+40
			 client pay 0.1.1 dotted=0.1.1 parent=0.1 at=20+10
			 server gw 0 dotted=0 at=0+100`, `
>gw server 0+100 self=50*
  gw>pay both 10+50 self=30*
    pay> client 20+10 self=10*
`},
		{"halves in other ranges are joined, and a half in both readers counts once",
			`client a 1 at=0+100
			 server b 2 parent=1 twin=1 at=10+80 origin=7
			 ---
			 server b 2 parent=1 twin=1 at=10+80 origin=7
			 client b 3 parent=2 at=20+10 origin=8 & server c 4 parent=3 twin=3 at=22+5 origin=9`, `
a>b both 0+100 self=70* late
  b>c both 20+10 self=5*
`},
		{"a half that also stands in a call is not shown twice",
			`client a 1 at=0+100 origin=5
			 client a 1 at=0+100 origin=5 & server b 2 parent=1 twin=1 at=10+80 origin=6
			 server b 2 parent=1 twin=1 at=10+80 origin=6`, `
a>b both 0+100 self=80*
`},
		{"one half on two routes, attributes merged",
			`client a 0.1 dotted=0.1 at=0+100 route=agent tag=x:1 & server b 99 dotted=0.1 parent=0.1 twin=0.1 at=10+80 route=agent tag=x:1
			 server b 0.1 dotted=0.1 twin=0.1 shared at=10.4+80 coarse route=zipkin tag=y:2
			 client b 7 parent=0.1 at=20+1`, `
a>b both 0+100 self=79* orphan,merged
  b> client 20+1 self=1*
`},
		{"ten lines with one id are ten retries, paired in time",
			`client a 1 at=0+10
			 client a 1 at=20+10
			 client a 1 at=40+10
			 server b 2 twin=1 at=42+5 parent=1
			 server b 3 twin=1 at=2+5 parent=1
			 client b 4 parent=2 at=43+1
			 client b 5 parent=3 at=3+1`, `
a>b both 0+10 self=4* late,repeated
  b> client 3+1 self=1*
a> client 20+10 self=10 repeated
a>b both 40+10 self=4 late,repeated
  b> client 43+1 self=1
`},
		{"retries with one id to two hosts go by address",
			`client a 1 at=0+10 remote=10.0.0.1:80
			 client a 1 at=1+10 remote=10.0.0.2:80
			 server b 2 twin=1 at=2+5 local=10.0.0.2:80
			 server b 3 twin=1 at=2+5 local=10.0.0.1`, `
a>b both 0+10 self=5* late,repeated
a>b both 1+10 self=5 late,repeated
`},
		{"one client, several servers: the rest is one-sided",
			`client a 1 at=0+10 peer=c
			 server b 2 twin=1 at=1+5 parent=1
			 server c 3 twin=1 at=2+5 parent=1`, `
a>c both 0+10 self=1* late
  >b server 1+5 self=5*
`},
		{"a message with three consumers",
			`producer a 1 type=mq peer=kafka:t at=0+1
			 consumer b 2 twin=1 parent=1 type=mq at=5+10
			 consumer c 3 twin=1 parent=1 type=mq at=6+10
			 consumer c 4 twin=1 parent=1 type=mq at=50+10
			 client c 5 parent=4 at=51+1`, `
a>b both 0+1 self=10* late
  a>c consumer 6+10 self=10 delivery
  a>c consumer 50+10 self=9 delivery
    c> client 51+1 self=1
`},
		{"an unknown form: the same id first, else the parent",
			`client a 1 at=0+10
			 server b 1 shared twin=1 parent=9 at=1+5
			 client a 3 at=20+10
			 server b 4 shared twin=4 parent=3 at=21+5`, `
a>b both 0+10 self=5* late
a>b both 20+10 self=5 late
`},
		{"an orphan stays, a known ancestor takes it",
			`server gw 0 dotted=0 at=0+100
			 internal x 9 parent=8 at=5+1
			 client b 0.1.1 dotted=0.1.1 parent=0.1 at=10+5
			 server c 77 dotted=0.2 twin=0.2 parent=0.2 at=20+5
			 internal d 0.3.0.1 dotted=0.3.0.1 parent=0.3 at=30+5`, `
>gw server 0+100 self=85*
  b> client 10+5 self=5* attached
  >c server 20+5 self=5*
  d>d internal 30+5 self=5* attached
x>x internal 5+1 self=1 orphan
`},
		{"clocks: a server outside its client goes to the middle with all below",
			`client a 1 at=0+100 & server b 2 twin=1 parent=1 at=5000+80
			 client b 3 parent=2 at=5010+20 & server c 4 twin=3 parent=3 at=5012+10
			 client b 5 parent=2 at=5040+20 & server d 6 twin=5 parent=5 at=51+10`, `
a>b both 0+100 self=40* skew=0/-4990
  b>c both 20+20 self=10* skew=-4990/-4987
  b>d both 50+20 self=10* skew=-4990/0
`},
		{"clocks: milliseconds are no skew, a server that outlives its client is none",
			`client a 1 at=0.9+10 & server b 2 twin=1 parent=1 at=0+10 coarse
			 client a 3 at=20+10 & server b 4 twin=3 parent=3 at=22+500`, `
a>b both 0.9+10 self=10*
a>b both 20+10 self=500
`},
		{"clocks: a message is not consumed before it is sent",
			`producer a 1 type=mq at=100+10 & consumer b 2 twin=1 parent=1 type=mq at=50+5`, `
a>b both 100+10 self=5* skew=0/60
`},
		{"circles of parents are cut at the earliest call",
			`internal a 1 parent=3 at=0+10
			 internal a 2 parent=1 at=1+8
			 internal a 3 parent=2 at=2+6
			 internal a 4 parent=4 at=3+1`, `
a>a internal 0+10 self=2* cycle
  a>a internal 1+8 self=2*
    a>a internal 2+6 self=6*
a>a internal 3+1 self=1 orphan
`},
		{"self time counts overlapping children once; the critical path goes by the last to end",
			`server a 1 at=0+100
			 internal a 2 parent=1 at=10+30
			 internal a 3 parent=1 at=20+40
			 internal a 4 parent=1 at=90+50`, `
>a server 0+100 self=40*
  a>a internal 10+30 self=30
  a>a internal 20+40 self=40*
  a>a internal 90+50 self=50*
`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			trace, err := newService(t, tt.in).Trace(t.Context(), querytest.TraceText)
			if err != nil {
				t.Fatal(err)
			}
			if got := "\n" + draw(trace); got != tt.want {
				t.Errorf("got%swant%s", got, tt.want)
			}
		})
	}
}

func TestTraceByAnySpelling(t *testing.T) {
	s := newService(t, `
		server a 1 at=0+1 origin=1
		server a 1 at=0+1 origin=2 trace=4bf92f3577b34da6a3ce929d0e0e4736
		server a 1 at=0+1 origin=3 trace=a3ce929d0e0e4736
		server a 1 at=0+1 origin=4 trace=order/17`)
	for _, text := range []string{
		querytest.TraceText, querytest.TraceText + "T", "0ad1348f1403169275002100356696ff", "0AD1348F1403169275002100356696",
		"000ad1348f1403169275002100356696", " 0ad1348f1403169275002100356696 ", "4bf92f3577b34da6a3ce929d0e0e4736",
		"4BF92F35-77B3-4DA6-A3CE-929D0E0E4736", "a3ce929d0e0e4736", "0000000000000000a3ce929d0e0e4736", "order/17",
	} {
		trace, err := s.Trace(t.Context(), text)
		if err != nil || trace.Halves != 1 {
			t.Errorf("%q: %v", text, err)
		} else if text == "order/17" && trace.Text != text {
			t.Errorf("spelt %q", trace.Text)
		}
	}
	for _, text := range []string{"", "0", "ffffffffffffffffffffffffffffffff", "order/18"} {
		if _, err := s.Trace(t.Context(), text); !errors.Is(err, ErrNotFound) {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func TestTraceSummary(t *testing.T) {
	s := newService(t, `
		client b 1 at=5+100 load & server a 2 twin=1 parent=1 at=10+80 error
		internal c 3 parent=2 at=50+200 error`)
	got, err := s.Trace(t.Context(), querytest.TraceText)
	if err != nil {
		t.Fatal(err)
	}
	if got.Start != querytest.Base+5e6 || got.Duration != 245e6 || got.Halves != 3 || got.Errors != 2 || !got.LoadTest ||
		fmt.Sprint(got.Apps) != "[a b c]" || got.Truncated {
		t.Errorf("%+v", got)
	}
	s.config.MaxTraceCalls = 1
	if got, err = s.Trace(t.Context(), querytest.TraceText); err != nil || !got.Truncated || len(got.Nodes) != 1 {
		t.Errorf("%v, truncated %v with %d calls", err, got.Truncated, len(got.Nodes))
	}
}

func TestTraceMergesAttributes(t *testing.T) {
	s := newService(t, `
		client a 1 at=0+1 route=agent tag=x:1 tag=y:1
		client a 1 at=0.3+1 route=zipkin tag=y:2 tag=z:2 message=broken`)
	got, err := s.Trace(t.Context(), querytest.TraceText)
	if err != nil || len(got.Nodes) != 1 {
		t.Fatal(err, len(got.Nodes))
	}
	var text []string
	p := got.Nodes[0].Call.Client.Payload
	p.Attrs(func(key string, v span.Value) bool { text = append(text, key+v.Text()); return true })
	if s := strings.Join(text, " "); s != "x1 y1 z2" || p.StatusMessage() != "broken" {
		t.Errorf("attributes %s, message %q", s, p.StatusMessage())
	}
}

func TestTraceFailsWithItsReader(t *testing.T) {
	broken := errors.New("broken")
	s := New([]store.Reader{&querytest.Reader{}, &querytest.Reader{Err: broken}}, DefaultConfig(), nil)
	if _, err := s.Trace(t.Context(), querytest.TraceText); !errors.Is(err, broken) {
		t.Error(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := newService(t, "server a 1").Trace(ctx, querytest.TraceText); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

// The shapes that cost most: one chain, one parent of all, one id of all.
func greatTrace(shape string, n int) []span.Call {
	calls := make([]span.Call, 0, n)
	trace, _ := id.ParseTrace(querytest.TraceText)
	for i := range n {
		h := &span.Half{Trace: trace, Kind: span.KindInternal, App: "a", Span: id.Span(i + 1), Origin: uint64(i + 1),
			Start: querytest.Base + int64(i), Duration: int64(2*n - 2*i), Route: span.RouteOTLP}
		switch shape {
		case "chain":
			h.Parent = id.Span(i)
		case "star":
			h.Parent = 1
		case "one id":
			h.Kind, h.Span = span.KindClient, 7
			if i%2 == 1 {
				h.Kind, h.Span, h.Twin, h.Parent = span.KindServer, 8, 7, 7
			}
		case "children of one id":
			h.Span, h.Parent = 7, 9
			if i%2 == 1 {
				h.Span, h.Parent = id.Span(100+i), 7
			}
		case "two routes":
			h.Span, h.Parent, h.Start, h.Route = 7, 0, querytest.Base, span.Route(1+i%3)
		}
		c := span.Join(h, nil, "")
		if h.Kind.CalleeSide() {
			c = span.Join(nil, h, "")
		}
		calls = append(calls, c)
	}
	return calls
}

func TestGreatTraces(t *testing.T) {
	const n = 50_000
	for shape, want := range map[string]int{"chain": n, "star": n, "one id": n / 2, "children of one id": n} {
		got := Assemble(id.Trace{}, greatTrace(shape, n), false)
		if len(got.Nodes) != want || got.Halves != n {
			t.Errorf("%s: %d calls of %d halves, want %d of %d", shape, len(got.Nodes), got.Halves, want, n)
		}
		for i := range got.Nodes {
			if node := &got.Nodes[i]; node.Parent >= i || node.Parent >= 0 && node.Depth != got.Nodes[node.Parent].Depth+1 {
				t.Fatalf("%s: call %d has parent %d and depth %d", shape, i, node.Parent, node.Depth)
			}
		}
		if last := got.Nodes[len(got.Nodes)-1]; shape == "chain" && last.Depth != n-1 {
			t.Errorf("chain: depth %d", last.Depth)
		}
	}
	Assemble(id.Trace{}, greatTrace("two routes", 20_000), false)
}

func BenchmarkAssemble(b *testing.B) {
	for _, shape := range []string{"chain", "star", "one id", "two routes"} {
		calls := greatTrace(shape, 100_000)
		b.Run(strings.ReplaceAll(shape, " ", "-"), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				Assemble(id.Trace{}, calls, false)
			}
		})
	}
}
