package collect

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"
	"unsafe"

	"github.com/twinspan/twinspan/internal/span"
	"github.com/twinspan/twinspan/sdk/id"
)

// TestMemoryKeepsCopies: what is kept equals what came and does not change when the request's memory does, over several
// ranges in the same memory.
func TestMemoryKeepsCopies(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	m := newMemory()
	request := make([]byte, 0, 4<<20)
	// view puts a text into the request and looks at it there.
	view := func(format string, args ...any) string {
		at := len(request)
		request = fmt.Appendf(request, format, args...)
		return unsafe.String(unsafe.SliceData(request[at:]), len(request)-at)
	}
	for range 3 {
		var kept, want []*span.Half
		for range 5 {
			request = request[:0]
			resource := span.Payload(view("resource %d", rng.IntN(3)))
			for i := range 400 {
				h := &span.Half{
					Trace: id.Trace{byte(i)}, Span: id.Span(rng.Uint64()), Kind: span.KindClient, App: view("app-%d", rng.IntN(9)),
					Instance: view("i%d", rng.IntN(300)), Operation: view("GET /orders/%d", rng.IntN(5000)), Component: view("c"),
					ResultCode: view("%d", rng.IntN(600)), LocalAddr: view("10.0.0.%d:%d", rng.IntN(9), rng.IntN(1<<16)),
					TraceText: view("text %d", i), Dotted: view("0.%d", i), Duration: 5, Resource: resource,
					Payload: span.Payload(view("%s", strings.Repeat("p", rng.IntN(50)*rng.IntN(50)))),
				}
				if i == 7 {
					h.Payload = span.Payload(view("%s", strings.Repeat("large", 20_000)))
				}
				c := clone(h)
				want = append(want, c)
				kept = append(kept, m.keep(h))
			}
			m.forget()
			for i := range request {
				request[i] = '#'
			}
		}
		for i := range want {
			if !reflect.DeepEqual(want[i], kept[i]) {
				t.Fatalf("half %d: %+v, want %+v", i, kept[i], want[i])
			}
		}
		m.reset()
	}
	if n := len(m.halves); n != (2000+halfChunk-1)/halfChunk {
		t.Errorf("%d chunks of halves for three ranges of 2000", n)
	}
}

func clone(h *span.Half) *span.Half {
	c := *h
	for _, s := range []*string{
		&c.App, &c.Instance, &c.Operation, &c.Component, &c.ResultCode, &c.LocalAddr, &c.TraceText, &c.Dotted,
	} {
		*s = strings.Clone(*s)
	}
	c.Payload, c.Resource = append(span.Payload(nil), c.Payload...), append(span.Payload(nil), c.Resource...)
	return &c
}

// TestTextPlaces: names that differ only in the middle do not all fall into one place.
func TestTextPlaces(t *testing.T) {
	places := make(map[uint64]bool)
	for i := range 1000 {
		places[textPlace(fmt.Sprintf("a%d", i))] = true
		places[textPlace(fmt.Sprintf("checkout-%d.shop.svc", i))] = true
	}
	for p := range places {
		if p >= textPlaces {
			t.Fatalf("place %d of %d", p, textPlaces)
		}
	}
	if len(places) < 900 {
		t.Errorf("2000 names have %d places", len(places))
	}
}
