package store

import (
	"bytes"
	"cmp"
	"context"
	"slices"

	"github.com/twinspan/twinspan/internal/span"
	"github.com/twinspan/twinspan/internal/store/column"
)

const (
	// fanout is how many tallies of one level are added up.
	fanout = 8
	// maxTops is how many tallies a volume that is no longer written to may keep beside each other.
	maxTops = 4
	// maxMerges bounds the sums that are written beside one range.
	maxMerges = 2
	// Behind manyPieces, which is more than clocks that are right bring about, pieces have at least leastPiece rows.
	manyPieces, leastPiece = 64, 256
)

// plan is tallies that are being added up, with the volumes that are held meanwhile.
type plan struct {
	parts []*tally
	held  []*volume
	// failed says that they cannot be read: they are left alone from now on, and their reader will say so.
	failed bool
}

// plan chooses tallies to add up, and marks them as busy.
func (x *index) plan() (plans []*plan) {
	x.mu.Lock()
	defer x.mu.Unlock()
	for i, v := range x.volumes {
		for len(plans) < maxMerges {
			p := &plan{parts: v.ripe(i > 0)}
			if p.parts == nil || !p.hold() {
				break
			}
			for _, t := range p.parts {
				t.busy = true
			}
			plans = append(plans, p)
		}
	}
	return plans
}

// hold acquires the volumes that have the rows, or none.
func (p *plan) hold() bool {
	for _, t := range p.parts {
		if slices.Contains(p.held, t.rng.volume) {
			continue
		}
		if !t.rng.volume.Acquire() {
			p.release()
			return false
		}
		p.held = append(p.held, t.rng.volume)
	}
	return true
}

func (p *plan) release() {
	for _, v := range p.held {
		v.Release()
	}
	p.held = nil
}

// end says that plans are not worked on any more.
func (x *index) end(plans []*plan) {
	for _, p := range plans {
		p.release()
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	for _, p := range plans {
		for _, t := range p.parts {
			t.busy = p.failed
		}
	}
}

// ripe gives tallies of a volume that are to be added up next, or nil. closed says that there is a newer volume.
func (v *volume) ripe(closed bool) []*tally {
	var levels [maxLevel + 1][]*tally
	var free []*tally
	for _, t := range v.tops {
		if !t.busy && t.level < maxLevel {
			levels[t.level] = append(levels[t.level], t)
			free = append(free, t)
		}
	}
	for _, list := range levels {
		if len(list) >= fanout {
			slices.SortStableFunc(list, func(a, b *tally) int { return cmp.Compare(a.least, b.least) })
			return list[:fanout]
		}
	}
	if closed && len(free) > maxTops && len(free) == len(v.tops) {
		return free
	}
	return nil
}

// merge adds the sums of plans to the rows that are written.
func (w *rangeWriter) merge(ctx context.Context, plans []*plan) {
	for _, p := range plans {
		m := &merger{w: w, ctx: ctx, m: merged{parts: make([]mergedID, len(p.parts))}, names: newTexts()}
		for i, t := range p.parts {
			m.m.level = max(m.m.level, t.level+1)
			m.m.parts[i] = t.id()
		}
		if err := m.run(p.parts); err != nil {
			p.failed = ctx.Err() == nil
			w.store.metrics.mergeFailures.Inc()
			continue
		}
		w.done.merged = append(w.done.merged, m.m)
		w.store.metrics.merges.Inc()
	}
	slices.SortFunc(w.out, func(a, b Row) int {
		return cmp.Or(cmp.Compare(a.Table, b.Table), bytes.Compare(a.Key, b.Key))
	})
}

func (t *tally) id() mergedID {
	if t.sum == nil {
		return mergedID{t.rng.id, 0}
	}
	for i := range t.rng.merged {
		if &t.rng.merged[i] == t.sum {
			return mergedID{t.rng.id, i + 1}
		}
	}
	panic("store: a sum is not beside its range")
}

// merger adds up several tallies: all minutes, and each span of time of the resolution. It reads them side by side in order
// of time, so that only one span is in memory.
type merger struct {
	w      *rangeWriter
	ctx    context.Context
	m      merged
	names  *texts
	writer *column.Writer
	// next is the piece that is being filled: rows has what is complete of it, now the present span of time.
	next       piece
	filling    bool
	rows       []span.Rollup
	now, total *sums
	// pieces and values are what is written, row the number of rows.
	pieces  []piece
	values  [][]byte
	written int
}

// cursor is the place in one part.
type cursor struct {
	t      *tally
	pieces []piece // what is left
	chunk  int     // the next one of the first piece
	rows   rollupRows
	at     int
}

func (m *merger) run(parts []*tally) error {
	m.writer = column.NewWriter(m.w.store.codec)
	cursors := make([]*cursor, len(parts))
	for i, t := range parts {
		c := &cursor{t: t}
		if t.sum != nil {
			c.pieces = t.sum.times()
		} else {
			for i, r := range t.rng.rollups {
				c.pieces = append(c.pieces, piece{r.least, r.greatest, i, 1})
			}
		}
		cursors[i] = c
	}
	m.total, m.now = newSums(m.names), newSums(m.names)
	step := resolution(m.m.level)
	for {
		bucket, some := int64(0), false
		for _, c := range cursors {
			minute, ok, err := m.peek(c)
			if err != nil {
				return err
			}
			if at := span.FloorDiv(minute, step) * step; ok && (!some || at < bucket) {
				bucket, some = at, true
			}
		}
		if !some {
			break
		}
		for _, c := range cursors {
			if err := m.bucket(c, bucket, step); err != nil {
				return err
			}
		}
		m.take()
	}
	m.put()
	m.finish()
	return nil
}

// take ends a span of time.
func (m *merger) take() {
	full := len(m.pieces) < manyPieces || len(m.rows)+m.now.used >= leastPiece
	for i := range m.now.used {
		row := m.now.row(i)
		if !full {
			row.Latency = *row.Latency.Clone() // now is used again
		}
		m.rows = append(m.rows, row)
	}
	if full {
		m.put()
	}
	m.now.reset()
}

// put writes the rows of the next piece.
func (m *merger) put() {
	if len(m.rows) == 0 {
		return
	}
	m.piece(m.rows, m.next)
	m.rows, m.filling = m.rows[:0], false
}

func (m *merger) piece(rows []span.Rollup, p piece) {
	list := sorted(rows)
	p.chunks = 0
	for chunk := range slices.Chunk(list, maxRollups) {
		m.values = append(m.values, encodeRollupChunk(m.writer, chunk))
		p.chunks++
	}
	m.written += len(rows)
	m.pieces = append(m.pieces, p)
}

// finish adds the sum over all minutes, where it is much less than the rest, and hands the rows over.
func (m *merger) finish() {
	if rest, values := m.pieces, m.values; len(rest) > 1 && m.written >= 2*m.total.used {
		rows := make([]span.Rollup, m.total.used)
		for i := range rows {
			rows[i] = m.total.row(i)
		}
		m.pieces, m.values = nil, nil
		m.piece(rows, piece{least: rest[0].least, greatest: rest[len(rest)-1].greatest})
		m.pieces, m.values, m.m.total = append(m.pieces, rest...), append(m.values, values...), true
	}
	first := m.w.chunks
	for i := range m.pieces {
		m.pieces[i].first = m.w.chunks
		m.w.chunks += m.pieces[i].chunks
	}
	for i, b := range m.values {
		m.w.value(kindMerged, first+i, b)
	}
	m.m.pieces = m.pieces
}

// peek gives the minute of a cursor's next row.
func (m *merger) peek(c *cursor) (minute int64, ok bool, err error) {
	for c.at == len(c.rows.minutes) {
		for len(c.pieces) > 0 && c.chunk == c.pieces[0].chunks {
			c.pieces, c.chunk = c.pieces[1:], 0
		}
		if len(c.pieces) == 0 {
			return 0, false, nil
		}
		kind := byte(kindMerged)
		if c.t.sum == nil {
			kind = kindRollup
		}
		if err := m.w.store.readRollups(m.ctx, c.t.rng, kind, c.pieces[0].first+c.chunk, &c.rows, m.names); err != nil {
			return 0, false, err
		}
		c.chunk++
		c.at = 0
	}
	return c.rows.minutes[c.at], true, nil
}

// bucket adds a cursor's rows of one span of time.
func (m *merger) bucket(c *cursor, bucket, step int64) error {
	for {
		minute, ok, err := m.peek(c)
		if err != nil || !ok || minute >= bucket+step {
			return err
		}
		// A row of a lower resolution stands for minutes up to the end of its piece.
		last := min(minute+resolution(c.t.level)-1, c.pieces[0].greatest)
		first := max(minute, c.pieces[0].least)
		if !m.filling {
			m.next, m.filling = piece{least: first, greatest: last}, true
		}
		m.next.least, m.next.greatest = min(m.next.least, first), max(m.next.greatest, last)
		if err := cmp.Or(m.now.add(&c.rows, c.at, bucket), m.total.add(&c.rows, c.at, 0)); err != nil {
			return err
		}
		c.at++
	}
}
