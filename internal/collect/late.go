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
	now, old      map[uint64]*lateCall
	// keys shares the keys of the roll-up rows, with strings of their own.
	keys map[span.RollupKey]*span.RollupKey
}

// lateCall is one remembered call.
type lateCall struct {
	key      *span.RollupKey
	duration int64
	// client says that it was counted by its client half; joined, that both halves were there (of a message).
	failed, client, joined bool
	// next is a further delivery of the same message, where the producer has not come.
	next *lateCall
}

func (l *lateCall) counted() rollup.Counted {
	return rollup.Counted{Key: *l.key, Duration: l.duration, Failed: l.failed}
}

// lateRow is a lateCall as it goes into a range's state.
type lateRow struct {
	hash uint64
	call lateCall
}

// maxLate bounds a generation: about 30 MB.
const maxLate = 1 << 18

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

// remember takes a call that was just counted, if a further half of it may come, and notes it in the range's state.
func (l *lateTable) remember(c *span.Call, now int64, r *openRange) {
	joined := c.Client != nil && c.Server != nil
	if joined && c.Client.Kind != span.KindProducer || !pair.Waits(c.Lead()) {
		return
	}
	if c.Client == nil && c.Server.Kind == span.KindConsumer && c.Caller != c.Server.Peer {
		return // a further delivery: its producer is remembered
	}
	l.note(lateHash(c.Lead()), lateCall{
		key: l.share(rollup.KeyOf(c)), duration: c.Duration(), failed: c.Failed(), client: c.Client != nil, joined: joined,
	}, now, r)
}

// note remembers a call and notes it in the range's state. There it takes the place of what earlier ranges noted.
func (l *lateTable) note(hash uint64, call lateCall, now int64, r *openRange) {
	r.late = append(r.late, lateRow{hash, call})
	l.put(hash, &call, now)
}

func (l *lateTable) put(hash uint64, call *lateCall, now int64) {
	if now-l.began > l.window || len(l.now) >= maxLate {
		l.old, l.now, l.began = l.now, make(map[uint64]*lateCall), now
		clear(l.keys)
	}
	if before := l.get(hash); before != nil && !call.client && call.key.Type == span.TypeMQ {
		if before.client {
			return
		}
		call.next = before // several deliveries wait for one producer
	}
	l.now[hash] = call
}

func (l *lateTable) get(hash uint64) *lateCall {
	if call := l.now[hash]; call != nil {
		return call
	}
	return l.old[hash]
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

// claim gives the remembered call whose other half h is, with all deliveries where h is a producer. A producer stays
// remembered for further deliveries.
func (l *lateTable) claim(h *span.Half, now int64, r *openRange) (*lateCall, bool) {
	if len(l.now) == 0 && len(l.old) == 0 {
		return nil, false
	}
	hash := lateHash(h)
	call := l.get(hash)
	if call == nil || call.client == h.Kind.CallerSide() || now-l.began > 2*l.window {
		return nil, false
	}
	was := *call
	if h.Kind == span.KindConsumer && call.client {
		if !call.joined {
			joined := *call
			joined.joined = true
			l.note(hash, joined, now, r)
		}
		return &was, true
	}
	delete(l.now, hash)
	delete(l.old, hash)
	return &was, true
}

// restore takes back what a range's state holds.
func (l *lateTable) restore(rows []lateRow, at int64) {
	for _, r := range rows {
		call := r.call
		call.key = l.share(*r.call.key)
		l.put(r.hash, &call, at)
	}
}
