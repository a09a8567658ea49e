package collect

import (
	"encoding/binary"
	"strings"

	"github.com/twinspan/twinspan/internal/pair"
	"github.com/twinspan/twinspan/internal/rollup"
	"github.com/twinspan/twinspan/internal/span"
)

// lateTable remembers, compactly and for a while, the calls that were counted one-sided, so that the other half corrects
// the count when it comes late, and the producers of messages, so that further deliveries know who sent them. It keeps two
// generations and is bounded; what is forgotten stays counted one-sided.
type lateTable struct {
	window, began int64
	// now and old hold calls by the hash of the id, each hash in one of them.
	now, old map[uint64]*lateCall
	// keys shares the keys of the roll-up rows, with strings of their own.
	keys map[span.RollupKey]*span.RollupKey
}

// lateCall is one remembered call.
type lateCall struct {
	key      *span.RollupKey
	duration int64
	failed   bool
	// client says that it was counted by its client half, producer that this was a message's, joined that the message's
	// first delivery was there, too.
	client, producer, joined bool
	// next is a younger call with the same id: retries repeat ids, and a message may have several deliveries.
	next *lateCall
}

func (l *lateCall) counted() rollup.Counted {
	return rollup.Counted{Key: *l.key, Duration: l.duration, Failed: l.failed}
}

func (l *lateCall) equal(o *lateCall) bool {
	return *l.key == *o.key && l.duration == o.duration && l.failed == o.failed && l.client == o.client &&
		l.producer == o.producer && l.joined == o.joined
}

// lateRow is a change of the table as it goes into a range's state.
type lateRow struct {
	hash uint64
	call lateCall
	// gone says that the call was remembered before and is no longer.
	gone bool
}

const (
	// maxLate bounds the ids of a generation: about 30 MB.
	maxLate = 1 << 18
	// maxSameID bounds the calls of one id, so that a source which gives all its spans one id costs no more than others.
	maxSameID = 256
)

func newLateTable(window int64) *lateTable {
	return &lateTable{
		window: window, now: make(map[uint64]*lateCall), old: make(map[uint64]*lateCall),
		keys: make(map[span.RollupKey]*span.RollupKey),
	}
}

// lateHash names a call by the id of its client half.
func lateHash(h *span.Half) uint64 {
	client := h.Span
	if h.Kind.CalleeSide() {
		client = h.Twin
	}
	return mix(mix(binary.LittleEndian.Uint64(h.Trace[:]), binary.LittleEndian.Uint64(h.Trace[8:])), uint64(client))
}

// remember takes a call that was just counted by a key, if a further half of it may come, and notes it in the range's state.
func (l *lateTable) remember(c *span.Call, key span.RollupKey, now int64, r *openRange) {
	joined, producer := c.Client != nil && c.Server != nil, c.Client != nil && c.Client.Kind == span.KindProducer
	if joined && !producer || !pair.Waits(c.Lead()) {
		return
	}
	if c.Client == nil && c.Server.Kind == span.KindConsumer && c.Caller != c.Server.Peer {
		return // a further delivery: its producer is remembered
	}
	l.note(lateHash(c.Lead()), lateCall{
		key: l.share(key), duration: c.Duration(), failed: c.Failed(),
		client: c.Client != nil, producer: producer, joined: joined,
	}, now, r)
}

// note remembers a call, and that it is, in the range's state.
func (l *lateTable) note(hash uint64, call lateCall, now int64, r *openRange) {
	r.late = append(r.late, lateRow{hash: hash, call: call})
	l.put(hash, call, now)
}

// forget undoes note.
func (l *lateTable) forget(hash uint64, call *lateCall, r *openRange) {
	r.late = append(r.late, lateRow{hash: hash, call: *call, gone: true})
	l.remove(hash, call)
}

func (l *lateTable) put(hash uint64, call lateCall, now int64) {
	if now-l.began > l.window || len(l.now) >= maxLate {
		l.old, l.now, l.began = l.now, make(map[uint64]*lateCall), now
		clear(l.keys)
	}
	call.next = nil
	oldest := l.get(hash)
	if oldest == nil {
		l.now[hash] = &call
		return
	}
	delete(l.old, hash)
	l.now[hash] = oldest
	last, n := oldest, 1
	for ; last.next != nil; n++ {
		last = last.next
	}
	if n < maxSameID {
		last.next = &call
	}
}

// get gives the calls of an id, oldest first.
func (l *lateTable) get(hash uint64) *lateCall {
	if call := l.now[hash]; call != nil {
		return call
	}
	return l.old[hash]
}

// remove takes the first call of an id that equals one.
func (l *lateTable) remove(hash uint64, like *lateCall) {
	generation := l.now
	if generation[hash] == nil {
		generation = l.old
	}
	oldest := generation[hash]
	for at := &oldest; *at != nil; at = &(*at).next {
		if !(*at).equal(like) {
			continue
		}
		if *at = (*at).next; oldest == nil {
			delete(generation, hash)
		} else {
			generation[hash] = oldest
		}
		return
	}
}

// share gives one copy of equal keys that holds on to no request's memory.
func (l *lateTable) share(k span.RollupKey) *span.RollupKey {
	if s := l.keys[k]; s != nil {
		return s
	}
	k.Caller, k.Callee = strings.Clone(k.Caller), strings.Clone(k.Callee)
	k.Operation, k.Instance = strings.Clone(k.Operation), strings.Clone(k.Instance)
	l.keys[k] = &k
	return &k
}

// claim gives a remembered call whose other half h is, as it was, or nil. It is then forgotten, but for a producer, which
// stays for further deliveries.
func (l *lateTable) claim(h *span.Half, now int64, r *openRange) *lateCall {
	if len(l.now) == 0 && len(l.old) == 0 || now-l.began > 2*l.window {
		return nil
	}
	hash := lateHash(h)
	call := l.fitting(hash, h)
	if call == nil || call.joined {
		return call
	}
	was := *call
	l.forget(hash, &was, r)
	if was.producer {
		joined := was
		joined.joined = true
		l.note(hash, joined, now, r)
	}
	return &was
}

// fitting chooses among the calls of an id that lack the half h: one of which no half has come before a producer that
// has deliveries, then by the other side's name, then the oldest.
func (l *lateTable) fitting(hash uint64, h *span.Half) (best *lateCall) {
	bestFit := -1
	for c := l.get(hash); c != nil; c = c.next {
		if c.client == h.Kind.CallerSide() {
			continue
		}
		fit := 0
		if !c.joined {
			fit += 2
		}
		if c.client && c.key.Callee == h.App || !c.client && (c.key.Caller == h.App || c.key.Callee == h.Peer) {
			fit++
		}
		if fit > bestFit {
			best, bestFit = c, fit
		}
	}
	return best
}

// restore takes back what a range's state holds.
func (l *lateTable) restore(rows []lateRow, at int64) {
	for i := range rows {
		if r := &rows[i]; r.gone {
			l.remove(r.hash, &r.call)
		} else {
			r.call.key = l.share(*r.call.key)
			l.put(r.hash, r.call, at)
		}
	}
}
