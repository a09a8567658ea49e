package store

import (
	"cmp"
	"context"
	"encoding/binary"
	"fmt"
	"slices"
	"time"

	"github.com/twinspan/twinspan/internal/span"
)

// A range's roll-ups are read again and again, and a day has thousands of ranges. So roll-ups of several ranges of a volume
// are added up, eight at a time, these sums again, and so on; each sum is written beside the next range and holds as long
// as that range and all ranges in it are there. They are derived: the ranges keep their own, and who reads without sums gets
// the same.

// merged is a sum of roll-ups as a done row has it.
type merged struct {
	// level is above that of all parts; it gives the resolution.
	level int
	parts []mergedID
	// total says that the first of pieces is the sum over all minutes. The others are in order of time, and none has
	// minutes of another.
	total  bool
	pieces []piece
}

// mergedID names a sum by the range beside which it was written and its place there, from 1; 0 is the range's own roll-ups.
type mergedID struct {
	rng    RangeID
	number int
}

// piece is the rows of a span of time, rounded down to the resolution, in one or more chunks.
type piece struct {
	least, greatest int64 // minutes
	first, chunks   int
}

// resolution is the number of minutes that are added up at a level, 1 for a range's own roll-ups.
func resolution(level int) int64 {
	return [...]int64{1, 1, 10, 60, 24 * 60}[min(level, 4)]
}

const (
	maxLevel = 15
	// maxParts bounds the parts of one sum.
	maxParts = 256
)

func (m *merged) append(b []byte) []byte {
	b = append(b, byte(m.level))
	b = binary.AppendUvarint(b, uint64(len(m.parts)))
	for _, p := range m.parts {
		b = binary.AppendUvarint(b, uint64(p.rng.Partition))
		b = binary.AppendUvarint(b, uint64(p.rng.From))
		b = binary.AppendUvarint(b, uint64(p.number))
	}
	if m.total {
		b = append(b, 1)
	} else {
		b = append(b, 0)
	}
	b = binary.AppendUvarint(b, uint64(len(m.pieces)))
	for _, p := range m.pieces {
		b = binary.AppendVarint(b, p.least)
		b = binary.AppendUvarint(b, uint64(p.greatest-p.least))
		b = binary.AppendUvarint(b, uint64(p.chunks))
	}
	return b
}

// merged reads a sum whose first chunk has number first.
func (d *decoder) merged(first int) (m merged, next int) {
	m.level = int(d.byte())
	if m.level < 1 || m.level > maxLevel {
		d.fail("a sum of roll-ups of an unknown level")
	}
	m.parts = make([]mergedID, min(d.count(3), maxParts))
	for i := range m.parts {
		m.parts[i].rng.Partition = uint16(d.int(1<<16 - 1))
		m.parts[i].rng.From = int64(d.uvarint())
		m.parts[i].number = d.int(maxParts)
	}
	m.total = d.byte() != 0
	m.pieces = make([]piece, d.count(3))
	for i := range m.pieces {
		p := &m.pieces[i]
		p.least = d.varint()
		p.greatest = p.least + int64(d.uvarint())
		p.first, p.chunks = first, d.int(maxBlocks)
		first += p.chunks
	}
	if m.total && len(m.pieces) == 0 {
		d.fail("a sum of roll-ups without pieces")
	}
	return m, first
}

// times gives the pieces in order of time.
func (m *merged) times() []piece {
	if m.total {
		return m.pieces[1:]
	}
	return m.pieces
}

// tally is what is read as one: a range's own roll-ups or a sum. But for what is said it is not changed.
type tally struct {
	rng *rangeInfo // whose row it is in
	sum *merged    // nil for a range's own
	// home has all ranges that are counted; a sum is often written beside a range of a later volume.
	home            *volume
	level           int
	least, greatest int64 // minutes
	parts           []*tally
	// parent and busy are guarded by index.mu. busy says that it is being summed, or cannot be.
	parent *tally
	busy   bool
}

// ownTally is nil for a range without roll-ups.
func ownTally(r *rangeInfo) *tally {
	if len(r.rollups) == 0 {
		return nil
	}
	t := &tally{rng: r, home: r.volume, least: r.rollups[0].least, greatest: r.rollups[0].greatest}
	for _, c := range r.rollups {
		t.least, t.greatest = min(t.least, c.least), max(t.greatest, c.greatest)
	}
	return t
}

// addTally takes up a range's own roll-ups.
func (x *index) addTally(r *rangeInfo) {
	if t := ownTally(r); t != nil {
		x.tallies[mergedID{r.id, 0}] = t
		r.volume.tops = append(r.volume.tops, t)
	}
}

// addMerged takes up the sums written beside ranges, whose parts are all there if they are anywhere.
func (x *index) addMerged(ranges []*rangeInfo) {
	type written struct {
		rng    *rangeInfo
		number int
	}
	var all []written
	for _, r := range ranges {
		for i := range r.merged {
			all = append(all, written{r, i})
		}
	}
	slices.SortStableFunc(all, func(a, b written) int {
		return cmp.Compare(a.rng.merged[a.number].level, b.rng.merged[b.number].level)
	})
	for _, w := range all {
		x.addSum(w.rng, w.number)
	}
}

// addSum takes up a sum unless one of its parts is gone or in another sum.
func (x *index) addSum(r *rangeInfo, number int) {
	m := &r.merged[number]
	t := &tally{rng: r, sum: m, level: m.level, parts: make([]*tally, len(m.parts))}
	for i, id := range m.parts {
		p := x.tallies[id]
		if p == nil || p.parent != nil || p.level >= m.level || i > 0 && p.home != t.home {
			return
		}
		t.parts[i], t.home = p, p.home
		if i == 0 {
			t.least, t.greatest = p.least, p.greatest
		}
		t.least, t.greatest = min(t.least, p.least), max(t.greatest, p.greatest)
	}
	if len(t.parts) == 0 {
		return
	}
	for _, p := range t.parts {
		p.parent = t
	}
	// A new slice: readers may have the old one.
	t.home.tops = append(slices.DeleteFunc(slices.Clone(t.home.tops), func(p *tally) bool { return p.parent == t }), t)
	x.tallies[mergedID{r.id, number + 1}] = t
}

// dropTallies forgets the tallies of a volume, and the sums that were written in it: their parts count again by themselves.
func (x *index) dropTallies(v *volume) {
	for id, t := range x.tallies {
		if t.home != v && t.rng.volume != v {
			continue
		}
		delete(x.tallies, id)
	}
	for _, other := range x.volumes {
		if other == v {
			continue
		}
		for slices.ContainsFunc(other.tops, func(t *tally) bool { return t.rng.volume == v }) {
			var tops []*tally
			for _, t := range other.tops {
				if t.rng.volume != v {
					tops = append(tops, t)
					continue
				}
				for _, p := range t.parts {
					p.parent = nil
				}
				tops = append(tops, t.parts...)
			}
			other.tops = tops
		}
	}
}

// RollupQuery says which counts are wanted.
type RollupQuery struct {
	// From and To bound the minutes of the Unix epoch to [From, To).
	From, To int64
	// Step is how many minutes are added up: a row then stands for those of its key in Step minutes, and its Minute is
	// rounded down to a multiple of Step. 1 gives minutes as they are; 0 adds all up and gives From as minute.
	Step int64
	// Counts says that latencies are not needed: rows may come without.
	Counts bool
}

// Minute gives the minute of the row that counts a minute.
func (q *RollupQuery) Minute(minute int64) int64 {
	switch q.Step {
	case 0:
		return q.From
	case 1:
		return minute
	}
	return span.FloorDiv(minute, q.Step) * q.Step
}

// Rollups implements Reader.
func (s *Store) Rollups(ctx context.Context, q RollupQuery, yield func(*span.Rollup) bool) (minutes Interval, err error) {
	return s.RollupsWithout(ctx, q, nil, yield)
}

// maxSums bounds the rows that a reader of roll-ups adds up in memory. Beyond it a key may come twice.
const maxSums = 1 << 15

// RollupsWithout is Rollups that leaves out the ranges of without: who has read them elsewhere before does not count them
// twice when they become visible here meanwhile.
func (s *Store) RollupsWithout(ctx context.Context, q RollupQuery, without map[RangeID]bool,
	yield func(*span.Rollup) bool) (minutes Interval, err error) {
	if err := s.begin(); err != nil {
		return minutes, err
	}
	defer s.end()
	defer s.metrics.read("rollups", time.Now())
	volumes, apart := s.index.snapshotWithout(without)
	defer releaseAll(volumes)
	held := make(map[*volume]bool, len(volumes))
	for _, v := range volumes {
		held[v.volume] = true
	}
	r := &tallyReader{rows: rollupRows{counts: q.Counts}, store: s, q: q, yield: yield, held: held, without: without, apart: apart, sums: newSums(newTexts())}
	for _, v := range volumes {
		for _, t := range v.tops {
			if err := r.read(ctx, t, q.From, q.To); err != nil || r.stopped {
				return r.minutes, err
			}
		}
	}
	r.flush()
	return r.minutes, nil
}

// tallyReader adds up what a query wants.
type tallyReader struct {
	store *Store
	q     RollupQuery
	yield func(*span.Rollup) bool
	// held are the volumes that stay until the end; apart are the sums that have ranges of without in them.
	held    map[*volume]bool
	without map[RangeID]bool
	apart   map[*tally]bool

	rows    rollupRows
	sums    *sums
	minutes Interval
	stopped bool
}

// read adds what a tally has of minutes [from, to).
func (r *tallyReader) read(ctx context.Context, t *tally, from, to int64) error {
	if r.stopped || t.greatest < from || t.least >= to {
		return nil
	}
	if t.sum == nil {
		return r.readOwn(ctx, t, from, to)
	}
	if r.apart[t] || !r.held[t.rng.volume] {
		return r.parts(ctx, t, from, to)
	}
	together := func(least, greatest int64) bool {
		return least >= from && greatest < to && r.q.Minute(least) == r.q.Minute(greatest)
	}
	if t.sum.total && together(t.least, t.greatest) {
		return r.piece(ctx, t, &t.sum.pieces[0], func(int64) int64 { return r.q.Minute(t.least) })
	}
	step := resolution(t.level)
	for i := range t.sum.times() {
		p := &t.sum.times()[i]
		if p.greatest < from || p.least >= to {
			continue
		}
		var err error
		switch {
		case step == 1:
			err = r.minutesOf(ctx, t, kindMerged, p.first, p.chunks, from, to)
		case p.least >= from && p.greatest < to && (r.q.Step == 0 || r.q.Step%step == 0):
			err = r.piece(ctx, t, p, r.q.Minute)
		case together(p.least, p.greatest):
			err = r.piece(ctx, t, p, func(int64) int64 { return r.q.Minute(p.least) })
		default:
			err = r.parts(ctx, t, max(from, p.least), min(to, p.greatest+1))
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (r *tallyReader) parts(ctx context.Context, t *tally, from, to int64) error {
	for _, p := range t.parts {
		if err := r.read(ctx, p, from, to); err != nil {
			return err
		}
	}
	return nil
}

// readOwn adds a range's own rows.
func (r *tallyReader) readOwn(ctx context.Context, t *tally, from, to int64) error {
	if r.without[t.rng.id] {
		return nil
	}
	for i, c := range t.rng.rollups {
		if c.greatest < from || c.least >= to {
			continue
		}
		if err := r.minutesOf(ctx, t, kindRollup, i, 1, from, to); err != nil {
			return err
		}
	}
	return nil
}

// minutesOf adds the rows of minutes [from, to) of some chunks.
func (r *tallyReader) minutesOf(ctx context.Context, t *tally, kind byte, first, chunks int, from, to int64) error {
	for i := range chunks {
		if err := r.chunk(ctx, t, kind, first+i, func(minute int64) (int64, bool) {
			if minute < from || minute >= to {
				return 0, false
			}
			r.minutes.Include(minute, minute+1)
			return r.q.Minute(minute), true
		}); err != nil {
			return err
		}
	}
	return nil
}

// piece adds all rows of a piece; minute gives the minute that a row counts for.
func (r *tallyReader) piece(ctx context.Context, t *tally, p *piece, minute func(int64) int64) error {
	r.minutes.Include(p.least, p.greatest+1)
	for i := range p.chunks {
		if err := r.chunk(ctx, t, kindMerged, p.first+i, func(m int64) (int64, bool) { return minute(m), true }); err != nil {
			return err
		}
	}
	return nil
}

// chunk adds the rows of one chunk, each as one of the minute that it is told, or not.
func (r *tallyReader) chunk(ctx context.Context, t *tally, kind byte, number int, minute func(int64) (int64, bool)) error {
	if r.stopped {
		return nil
	}
	fail := func(err error) error {
		return fmt.Errorf("store: reading roll-ups of range %s: %w", t.rng.id, corrupt(err))
	}
	if err := r.store.readRollups(ctx, t.rng, kind, number, &r.rows, r.sums.names); err != nil {
		return fail(err)
	}
	for i, m := range r.rows.minutes {
		if at, ok := minute(m); ok {
			if err := r.sums.add(&r.rows, i, at); err != nil {
				return fail(err)
			}
		}
	}
	if r.sums.used >= maxSums {
		r.flush()
	}
	return nil
}

func (s *Store) readRollups(ctx context.Context, r *rangeInfo, kind byte, number int, rows *rollupRows, names *texts) error {
	b, err := getValue(ctx, r.volume, r.id, kind, number)
	if err != nil {
		return err
	}
	s.metrics.rollupChunks.Inc()
	return rows.read(s.codec, b, names)
}

// flush gives the sums out.
func (r *tallyReader) flush() {
	for i := 0; i < r.sums.used && !r.stopped; i++ {
		row := r.sums.row(i)
		r.stopped = !r.yield(&row)
	}
	r.sums.reset()
}
