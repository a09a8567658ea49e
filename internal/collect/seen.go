package collect

import (
	"encoding/binary"

	"github.com/twinspan/twinspan/internal/span"
)

// seenTable recognises halves that come twice within a while: sent again in another request (same Origin), or on two
// routes. It keeps two generations of hashes, of which the older one is dropped as a whole, and is bounded.
type seenTable struct {
	window, began int64
	origin, oldO  hashSet
	ident, oldI   map[uint64]span.Route
}

// maxSeen bounds a generation: about 4 MB each.
const maxSeen = 1 << 18

type seenResult int

const (
	seenNew seenResult = iota
	seenSame
	seenOtherRoute
)

func newSeenTable(window int64) *seenTable {
	return &seenTable{
		window: window, ident: make(map[uint64]span.Route), oldI: make(map[uint64]span.Route),
	}
}

func (s *seenTable) add(h *span.Half, now int64) seenResult {
	if now-s.began > s.window || s.origin.n >= maxSeen {
		s.oldO, s.oldI, s.origin, s.began = s.origin, s.ident, s.oldO, now
		s.origin.reset()
		s.ident = make(map[uint64]span.Route, len(s.oldI))
	}
	o := mix(mix(binary.LittleEndian.Uint64(h.Trace[:]), binary.LittleEndian.Uint64(h.Trace[8:]))^h.Origin, uint64(h.Span))
	if s.oldO.has(o) || !s.origin.add(o) {
		return seenSame
	}
	if h.Dotted == "" {
		return seenNew // only what Java SOFATracer or our SDK wrote comes on two routes
	}
	i := identity(h)
	if r, ok := s.ident[i]; ok && r != h.Route {
		return seenOtherRoute
	}
	if r, ok := s.oldI[i]; ok && r != h.Route {
		return seenOtherRoute
	}
	s.ident[i] = h.Route
	return seenNew
}

// identity hashes what span.Half.Same compares across routes.
func identity(h *span.Half) uint64 {
	x := mix(binary.LittleEndian.Uint64(h.Trace[:]), binary.LittleEndian.Uint64(h.Trace[8:]))
	x = mix(x, uint64(h.Start/1e6)^uint64(h.Kind)<<60)
	for i := range len(h.Dotted) {
		x = (x ^ uint64(h.Dotted[i])) * 0x100000001b3
	}
	for i := range len(h.App) {
		x = (x ^ uint64(h.App[i])) * 0x100000001b3
	}
	return x
}

// mix is the finisher of MurmurHash3 over two words.
func mix(a, b uint64) uint64 {
	x := a ^ b*0x9e3779b97f4a7c15
	x = (x ^ x>>33) * 0xff51afd7ed558ccd
	x = (x ^ x>>33) * 0xc4ceb9fe1a85ec53
	return x ^ x>>33
}
