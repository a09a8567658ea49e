// Package pair joins the client half and the server half of each invocation into a call. It goes by the form that the
// source of a half is known to have (span.Half.Twin), never by trying, and waits for the other half for at most a window.
// Nothing depends on the window for correctness: who reads a trace joins late halves by id. It does not count or store.
package pair

import (
	"slices"

	"github.com/twinspan/twinspan/internal/span"
	"github.com/twinspan/twinspan/sdk/id"
)

// Pairer joins the halves of one partition: all halves of a trace go to the same one. It is for one goroutine at a time.
type Pairer struct {
	window int64
	emit   func(span.Call)
	slots  map[key]*slot
	// traces has one slot of each trace that has any, the youngest, from which older leads to the others.
	traces map[id.Trace]*slot
	// first and last end a list of the slots in the order of their deadlines. Most slots leave it long before: a settled
	// slot must not hold on to anything until its deadline, because a half keeps its whole request in memory.
	first, last *slot
	free        []*slot
	held        int
	bytes       int64
}

// key names a call: by the id of its client half.
type key struct {
	trace id.Trace
	span  id.Span
}

// slot holds the halves of one key that wait.
type slot struct {
	key      key
	deadline int64
	waiting  []*span.Half
	room     [1]*span.Half
	// producer is set once a producer half was joined, for further deliveries of its message.
	producer       *span.Half
	before, behind *slot
	// older and younger are slots of the same trace.
	older, younger *slot
}

// maxWaiting bounds the halves of one slot, so that a source which gives all its spans one id costs no more than others.
// All that wait in a slot are of one side.
const maxWaiting = 256

// New makes a Pairer that waits for window nanoseconds and gives every call to emit.
func New(window int64, emit func(span.Call)) *Pairer {
	return &Pairer{window: window, emit: emit, slots: make(map[key]*slot), traces: make(map[id.Trace]*slot)}
}

// Waits says whether a half can have a twin at all: databases, caches and internal spans have none, and neither has
// a server half that names no client.
func Waits(h *span.Half) bool {
	switch {
	case h.Type.Store():
		return false
	case h.Kind.CallerSide():
		return h.Span != 0
	case h.Kind.CalleeSide():
		return h.Twin != 0
	}
	return false
}

// keyOf names the call that a half belongs to.
func keyOf(h *span.Half) key {
	if h.Kind.CalleeSide() {
		return key{h.Trace, h.Twin}
	}
	return key{h.Trace, h.Span}
}

// Add takes a half, which the Pairer and then the call own from here on. now is in ns of the Unix epoch and does not
// step back from call to call.
func (p *Pairer) Add(h *span.Half, now int64) {
	if !Waits(h) {
		p.emit(span.Alone(h, ""))
		return
	}
	k := keyOf(h)
	s := p.slots[k]
	if s == nil {
		p.wait(p.open(k, now), h)
		return
	}
	if twin := s.take(h); twin != nil {
		p.forget(twin)
		p.join(s, h, twin)
		return
	}
	if s.producer != nil && h.Kind.CalleeSide() {
		p.emit(span.Join(nil, h, s.producer.App))
		return
	}
	if len(s.waiting) == maxWaiting {
		oldest := s.waiting[0]
		s.waiting = slices.Delete(s.waiting, 0, 1)
		p.forget(oldest)
		p.emit(span.Alone(oldest, ""))
	}
	p.wait(s, h)
}

func (p *Pairer) open(k key, now int64) *slot {
	var s *slot
	if n := len(p.free); n > 0 {
		s, p.free = p.free[n-1], p.free[:n-1]
	} else {
		s = new(slot)
	}
	s.key, s.deadline, s.waiting = k, now+p.window, s.room[:0]
	p.slots[k] = s
	if s.older = p.traces[k.trace]; s.older != nil {
		s.older.younger = s
	}
	p.traces[k.trace] = s
	if s.before = p.last; p.last != nil {
		p.last.behind = s
	} else {
		p.first = s
	}
	p.last = s
	return s
}

func (p *Pairer) wait(s *slot, h *span.Half) {
	s.waiting = append(s.waiting, h)
	p.held++
	p.bytes += int64(h.Size())
}

// forget is called for each half that no longer waits.
func (p *Pairer) forget(h *span.Half) {
	p.held--
	p.bytes -= int64(h.Size())
}

func (p *Pairer) join(s *slot, h, twin *span.Half) {
	client, server := h, twin
	if h.Kind.CalleeSide() {
		client, server = twin, h
	}
	p.emit(span.Join(client, server, ""))
	if client.Kind == span.KindProducer {
		s.producer = client
		return // it stays for further deliveries until its deadline
	}
	if len(s.waiting) == 0 {
		p.settle(s)
	}
}

// settle ends a slot, which is then free for another key.
func (p *Pairer) settle(s *slot) {
	delete(p.slots, s.key)
	switch {
	case s.younger != nil:
		s.younger.older = s.older
	case s.older != nil:
		p.traces[s.key.trace] = s.older
	default:
		delete(p.traces, s.key.trace)
	}
	if s.older != nil {
		s.older.younger = s.younger
	}
	if s.before != nil {
		s.before.behind = s.behind
	} else {
		p.first = s.behind
	}
	if s.behind != nil {
		s.behind.before = s.before
	} else {
		p.last = s.before
	}
	*s = slot{}
	if len(p.free) < maxFree {
		p.free = append(p.free, s)
	}
}

// maxFree bounds the slots kept for reuse.
const maxFree = 1 << 12

// take gives the best waiting half of the other side and removes it from the slot.
func (s *slot) take(h *span.Half) *span.Half {
	if len(s.waiting) == 0 || s.waiting[0].Kind.CalleeSide() == h.Kind.CalleeSide() {
		return nil
	}
	best, bestScore := -1, -1
	for i, w := range s.waiting {
		client, server := h, w
		if h.Kind.CalleeSide() {
			client, server = w, h
		}
		if score := scoreOf(client, server); score > bestScore {
			best, bestScore = i, score
		}
	}
	twin := s.waiting[best]
	s.waiting = slices.Delete(s.waiting, best, best+1)
	return twin
}

// scoreOf says how well two halves with fitting ids fit otherwise: 4 for the peer's address or app, 1 for containment in
// time. It chooses among several candidates, where ids repeat because of retries.
func scoreOf(client, server *span.Half) int {
	score := 0
	if client.Peer != "" && client.Peer == server.App ||
		client.PeerAddr != "" && client.PeerAddr == server.LocalAddr ||
		client.LocalAddr != "" && client.LocalAddr == server.PeerAddr {
		score += 4
	}
	if server.Start >= client.Start && (server.End() <= client.End() || server.Kind == span.KindConsumer) {
		score++
	}
	return score
}

// Expire lets go what has waited for its window.
func (p *Pairer) Expire(now int64) {
	for p.first != nil && p.first.deadline <= now {
		p.release()
	}
}

// Flush lets go all that waits, because the range is cut.
func (p *Pairer) Flush() {
	for p.first != nil {
		p.release()
	}
}

// Shrink lets go what has waited longest, until no more than so many halves of so many bytes wait. It gives the number that
// it let go, and since when the last of them had waited, in ns of the Unix epoch.
func (p *Pairer) Shrink(halves int, bytes int64) (released int, since int64) {
	before := p.held
	for p.first != nil && (p.held > halves || p.bytes > bytes) {
		if len(p.first.waiting) > 0 {
			since = p.first.deadline - p.window
		}
		p.release()
	}
	return before - p.held, since
}

// Oldest is since when the half has waited that waits longest, in ns of the Unix epoch; ok is false where none waits.
func (p *Pairer) Oldest() (since int64, ok bool) {
	for s := p.first; s != nil; s = s.behind {
		if len(s.waiting) > 0 {
			return s.deadline - p.window, true
		}
	}
	return 0, false
}

// release lets go the slot that was opened first.
func (p *Pairer) release() {
	s := p.first
	peer := ""
	if s.producer != nil {
		peer = s.producer.App
	}
	for _, h := range s.waiting {
		p.forget(h)
		p.emit(span.Alone(h, peer))
	}
	p.settle(s)
}

// Held is the number of halves that wait.
func (p *Pairer) Held() int { return p.held }

// Bytes is about the memory of the halves that wait.
func (p *Pairer) Bytes() int64 { return p.bytes }

// Waiting calls yield with every half that waits, as a one-sided call, in no order.
func (p *Pairer) Waiting(yield func(span.Call) bool) {
	for _, s := range p.slots {
		for _, h := range s.waiting {
			if !yield(span.Alone(h, "")) {
				return
			}
		}
	}
}

// WaitingOf is Waiting for one trace.
func (p *Pairer) WaitingOf(t id.Trace, yield func(span.Call)) {
	for s := p.traces[t]; s != nil; s = s.older {
		for _, h := range s.waiting {
			yield(span.Alone(h, ""))
		}
	}
}

// Withdraw takes back a half that waits for the caller's half client because its route could not tell whom it answers
// (Shared), and that is the same as h, which came on a route that can. It gives nil where there is none.
func (p *Pairer) Withdraw(h *span.Half, client id.Span) *span.Half {
	s := p.slots[key{h.Trace, client}]
	if s == nil {
		return nil
	}
	i := slices.IndexFunc(s.waiting, func(w *span.Half) bool { return w.Shared && w.Same(h) })
	if i < 0 {
		return nil
	}
	found := s.waiting[i]
	s.waiting = slices.Delete(s.waiting, i, i+1)
	p.forget(found)
	if len(s.waiting) == 0 && s.producer == nil {
		p.settle(s)
	}
	return found
}
