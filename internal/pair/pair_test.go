package pair

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/twinspan/twinspan/internal/span"
	"github.com/twinspan/twinspan/sdk/id"
)

// half reads "kind app span [twin] [@start+duration] [type]" of a scenario line.
func half(t *testing.T, line string) *span.Half {
	t.Helper()
	f := strings.Fields(line)
	kind, err := span.ParseKind(f[0])
	if err != nil {
		t.Fatal(err)
	}
	h := &span.Half{Trace: id.Trace{1}, Kind: kind, App: f[1], Type: span.TypeRPC, Start: 100, Duration: 100}
	h.Span, _ = id.ParseSpan(f[2])
	for _, x := range f[3:] {
		key, value, _ := strings.Cut(x, "=")
		switch key {
		case "twin":
			h.Twin, _ = id.ParseSpan(value)
		case "type":
			h.Type, err = span.ParseType(value)
		case "at":
			_, err = fmt.Sscanf(value, "%d+%d", &h.Start, &h.Duration)
		case "peer":
			h.Peer = value
		default:
			t.Fatalf("scenario word %q", x)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return h
}

func name(h *span.Half) string {
	if h == nil {
		return "-"
	}
	return h.App
}

func TestPairing(t *testing.T) {
	tests := []struct {
		name, in, want string
	}{
		{"client first", "client a 1\nserver b 2 twin=1", "a>b a+b"},
		{"server first", "server b 2 twin=1\nclient a 1", "a>b a+b"},
		{"a store goes on at once", "client a 1 type=db peer=mysql:x", "a>mysql:x a+-"},
		{"an internal span goes on at once", "internal a 1 type=internal", "a>a a+-"},
		{"a root server goes on at once", "server b 2", ">b -+b"},
		{"one-sided after the window", "client a 1 peer=x\ntick\nserver b 2 twin=1\ntick", "a>x a+-|>b -+b"},
		{"a message is consumed twice", "producer a 1\nconsumer b 2 twin=1\nconsumer c 3 twin=1", "a>b a+b|a>c -+c"},
		{"deliveries before the producer", "consumer b 2 twin=1\nconsumer c 3 twin=1\nproducer a 1\ntick", "a>b a+b|a>c -+c"},
		{"retries with one id, by peer", "client a 1 peer=b\nclient a 1 peer=c\nserver c 3 twin=1\nserver b 2 twin=1", "a>c a+c|a>b a+b"},
		{"retries with one id, by time", "client a 1 at=0+10\nclient a 1 at=20+10\nserver b 2 twin=1 at=22+5\nserver b 3 twin=1 at=2+5", "a>b a+b|a>b a+b"},
		{"other ids stay apart", "client a 1\nserver b 2 twin=9\nflush", "a> a+-|>b -+b"},
	}
	for _, tt := range tests {
		var got []string
		p := New(10, func(c span.Call) {
			if c.Client != nil && c.Server != nil && c.Client.Start > c.Server.Start {
				t.Errorf("%s: joined with the wrong attempt", tt.name)
			}
			got = append(got, fmt.Sprintf("%s>%s %s+%s", c.Caller, c.Callee, name(c.Client), name(c.Server)))
		})
		now := int64(0)
		for _, line := range strings.Split(tt.in, "\n") {
			switch line {
			case "tick":
				now += 10
				p.Expire(now)
			case "flush":
				p.Flush()
			default:
				p.Add(half(t, line), now)
			}
		}
		if s := strings.Join(got, "|"); s != tt.want {
			t.Errorf("%s: %s, want %s", tt.name, s, tt.want)
		}
		waiting := 0
		p.Waiting(func(span.Call) bool { waiting++; return true })
		if p.Held() != waiting || waiting != 0 {
			t.Errorf("%s: held %d, waiting %d, want none", tt.name, p.Held(), waiting)
		}
	}
}

// Whatever order the halves come in, and whenever the range is cut, each half is in exactly one call.
func FuzzEveryHalfOnce(f *testing.F) {
	f.Add([]byte{1, 2, 3, 4, 5, 6, 7, 8, 9})
	f.Fuzz(func(t *testing.T, script []byte) {
		in, out := 0, make(map[*span.Half]int)
		p := New(3, func(c span.Call) {
			for _, h := range []*span.Half{c.Client, c.Server} {
				if h != nil {
					out[h]++
				}
			}
		})
		for now, op := range script {
			switch {
			case op == 255:
				p.Flush()
			case op >= 250:
				p.Expire(int64(now))
			default:
				in++
				h := &span.Half{Trace: id.Trace{1 + op>>7}, Kind: span.Kind(1 + op%5), Type: span.TypeRPC, Span: id.Span(op / 5 % 4)}
				if h.Kind.CalleeSide() {
					h.Twin = id.Span(op / 20 % 4)
				}
				p.Add(h, int64(now))
			}
			byTrace := 0
			for t := range byte(3) {
				p.WaitingOf(id.Trace{t}, func(span.Call) { byTrace++ })
			}
			if byTrace != p.Held() {
				t.Fatalf("%d halves held, %d found by trace", p.Held(), byTrace)
			}
		}
		p.Flush()
		if len(out) != in || p.Held() != 0 || len(p.slots) != 0 || len(p.traces) != 0 {
			t.Fatalf("%d halves in, %d out, %d held, %d slots, %d traces", in, len(out), p.Held(), len(p.slots), len(p.traces))
		}
		for h, n := range out {
			if n != 1 {
				t.Fatalf("%+v came out %d times", h, n)
			}
		}
	})
}

// TestOneIDForAll has a source that gives all its spans one id.
func TestOneIDForAll(t *testing.T) {
	var alone, joined int
	p := New(10, func(c span.Call) {
		if c.Client != nil && c.Server != nil {
			joined++
		} else {
			alone++
		}
	})
	for range maxWaiting + 5 {
		p.Add(half(t, "client a 1"), 0)
	}
	if alone != 5 || p.Held() != maxWaiting {
		t.Errorf("%d went on, %d wait, want 5 and %d", alone, p.Held(), maxWaiting)
	}
	for range maxWaiting + 1 {
		p.Add(half(t, "server b 2 twin=1"), 0)
	}
	if joined != maxWaiting || p.Held() != 1 {
		t.Errorf("%d joined, %d wait, want %d and 1", joined, p.Held(), maxWaiting)
	}
}

func TestWithdraw(t *testing.T) {
	p := New(10, func(span.Call) {})
	first, other := half(t, "server b 5 twin=5"), half(t, "server b 5 twin=5 at=7000000+1")
	first.Shared, first.Dotted, first.Route, first.Origin = true, "0.1.1", span.RouteZipkin, 1
	other.Shared, other.Dotted, other.Route, other.Origin = true, "0.1.1", span.RouteZipkin, 2
	p.Add(other, 0)
	p.Add(first, 0)
	again := *first
	again.Route, again.Origin, again.Twin = span.RouteAgent, 3, 1
	if got := p.Withdraw(&again, 9); got != nil {
		t.Error("withdrew from another id")
	}
	if got := p.Withdraw(&again, 5); got != first || p.Held() != 1 {
		t.Errorf("withdrew %+v, %d held", got, p.Held())
	}
	if got := p.Withdraw(&again, 5); got != nil {
		t.Error("withdrew another half")
	}
}

func BenchmarkPair(b *testing.B) {
	halves := make([]span.Half, 2*1024)
	for i := range halves {
		h := &halves[i]
		h.Trace, h.Type, h.Kind, h.Span = id.Trace{byte(i), byte(i >> 8)}, span.TypeRPC, span.KindClient, id.Span(i/2+1)
		if i%2 == 1 {
			h.Trace, h.Kind, h.Twin, h.Span = halves[i-1].Trace, span.KindServer, h.Span, 1<<40
		}
	}
	p := New(1000, func(span.Call) {})
	b.ReportAllocs()
	for i := range b.N {
		p.Add(&halves[i%len(halves)], int64(i))
		if i%len(halves) == 0 {
			p.Expire(int64(i))
		}
	}
}

func TestScorePrefersThePeer(t *testing.T) {
	client := &span.Half{PeerAddr: "10.0.0.1:80", Start: 0, Duration: 10}
	scores := []int{
		scoreOf(client, &span.Half{Start: 50, Duration: 1}),
		scoreOf(client, &span.Half{Start: 5, Duration: 1}),
		scoreOf(client, &span.Half{Start: 50, Duration: 1, LocalAddr: "10.0.0.1:80"}),
	}
	if !slices.IsSorted(scores) || scores[0] == scores[1] || scores[1] == scores[2] {
		t.Errorf("scores %v", scores)
	}
}
