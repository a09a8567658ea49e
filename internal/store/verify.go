package store

import (
	"context"
	"fmt"
	"math"
	"slices"

	"github.com/twinspan/twinspan/internal/span"
)

// Checked counts what Verify read.
type Checked struct {
	Directories int   `json:"directories"`
	Ranges      int   `json:"ranges"`
	Blocks      int   `json:"blocks"`
	Calls       int64 `json:"calls"`
	// Rows are those of all tables, read once for their checksums.
	Rows int64 `json:"rows"`
	// Problems is how many were reported.
	Problems int `json:"problems"`
}

// Checker is what a Volume may have to check its own files.
type Checker interface {
	// Check reads the volume's files and gives what is wrong with their structure.
	Check(ctx context.Context) error
}

// Verify reads everything and compares what stands in one place with what another says of it: checksums, done rows with
// blocks, ids with columns, the trace index and postings with calls. Each problem is reported with the directory it is
// in; the error is that of ctx, or of reading at all.
func (s *Store) Verify(ctx context.Context, report func(directory string, problem error)) (c Checked, err error) {
	if err := s.begin(); err != nil {
		return c, err
	}
	defer s.end()
	volumes := s.index.snapshot()
	defer releaseAll(volumes)
	for _, v := range volumes {
		c.Directories++
		x := &verifier{store: s, ctx: ctx, checked: &c, report: func(err error) {
			c.Problems++
			report(v.volume.Name(), corrupt(err))
		}}
		if err := x.volume(v); err != nil {
			return c, err
		}
	}
	return c, nil
}

// verifier checks one volume.
type verifier struct {
	store   *Store
	ctx     context.Context
	checked *Checked
	report  func(error)
}

func (x *verifier) volume(v *snapshot) error {
	if k, ok := v.volume.Volume.(Checker); ok {
		if err := k.Check(x.ctx); err != nil {
			x.report(err)
		}
	}
	for _, table := range []Table{TableRange, TableDone, TablePosting, TableTrace} {
		err := v.volume.Scan(x.ctx, table, nil, func(_, _ []byte) bool {
			x.checked.Rows++
			return true
		})
		if err != nil {
			if x.ctx.Err() != nil {
				return x.ctx.Err()
			}
			x.report(fmt.Errorf("reading the rows of table %c: %w", table, err))
		}
	}
	for _, r := range byID(v.ranges) {
		if err := x.ctx.Err(); err != nil {
			return err
		}
		x.checked.Ranges++
		if err := x.rangeOf(r); err != nil {
			x.report(fmt.Errorf("range %s: %w", r.id, err))
		}
	}
	return x.ctx.Err()
}

// rangeOf checks a range and gives the first thing that is wrong with it.
func (x *verifier) rangeOf(r *rangeInfo) error {
	traces, err := x.ids(r)
	if err != nil {
		return err
	}
	index := newPostings()
	var all bounds
	for n := range r.blocks {
		if err := x.block(r, n, traces, index); err != nil {
			return fmt.Errorf("block %d: %w", n, err)
		}
		all.merge(&r.blocks[n].bounds)
	}
	if all != r.bounds {
		return fmt.Errorf("%w: the done row's bounds are not those of its blocks", ErrCorrupt)
	}
	for _, t := range traces {
		if t.taken != t.calls {
			return fmt.Errorf("%w: the blocks have %d calls of trace %s, the ids %d", ErrCorrupt, t.taken, t.ids.traceID(t.at), t.calls)
		}
	}
	if err := x.postings(r, index); err != nil {
		return err
	}
	if err := x.rollups(r); err != nil {
		return err
	}
	if r.hasState {
		if _, err := getValue(x.ctx, r.volume, r.id, kindState, 0); err != nil {
			return fmt.Errorf("state: %w", err)
		}
	}
	return nil
}

// verifiedTrace is a number of the range: where its ids are, and how many of its calls were met in blocks.
type verifiedTrace struct {
	ids          *ids
	at           int
	calls, taken int
}

// ids checks the ids and the trace index, and gives the range's traces by number.
func (x *verifier) ids(r *rangeInfo) (traces []verifiedTrace, err error) {
	for chunk := range r.chunks {
		d, err := x.store.readIDs(x.ctx, r, chunk)
		if err != nil {
			return nil, fmt.Errorf("chunk %d of ids: %w", chunk, err)
		}
		for at := range d.n {
			traces = append(traces, verifiedTrace{ids: d, at: at, calls: d.firsts[at+1] - d.firsts[at]})
		}
	}
	for number := 0; number < len(traces); {
		t := traces[number].ids.traceID(traces[number].at)
		more := 1
		for number+more < len(traces) && traces[number+more].ids.traceID(traces[number+more].at) == t {
			more++
		}
		b, err := r.volume.Get(x.ctx, TableTrace, traceKey(t, r.id))
		if err != nil {
			return nil, fmt.Errorf("trace index: %w", err)
		}
		if b == nil {
			return nil, fmt.Errorf("%w: the trace index does not have trace %s", ErrCorrupt, t)
		}
		first, further, err := parseTraceValue(b)
		if err != nil {
			return nil, fmt.Errorf("trace index, trace %s: %w", t, err)
		}
		if first != number || further != more-1 {
			return nil, fmt.Errorf("%w: the trace index has trace %s at %d, its ids are at %d", ErrCorrupt, t, first, number)
		}
		number += more
	}
	return traces, nil
}

// block reads a block whole and compares it with the done row and the ids.
func (x *verifier) block(r *rangeInfo, n int, traces []verifiedTrace, index *postings) error {
	f, err := x.store.readFilters(x.ctx, r, n)
	if err != nil {
		return err
	}
	x.checked.Blocks++
	rows := make([]int, f.rows)
	for i := range rows {
		rows[i] = i
	}
	numbers := f.column(colTrace, f.rows)
	var a arena
	var got block
	met := make(map[int64]int) // calls of a trace in this block
	index.begin()
	open := &openBlock{rng: r, number: n, filters: f}
	err = x.store.fill(x.ctx, open, rows, false, &a, func(i int, c span.Call) error {
		number := numbers.At(i)
		if number < 0 || number >= int64(len(traces)) {
			return fmt.Errorf("%w: call %d is of trace number %d, there are %d", ErrCorrupt, i, number, len(traces))
		}
		t := &traces[number]
		from, to := t.ids.run(t.at, n)
		at := from + met[number]
		met[number]++
		if at >= to || !t.ids.fill(&c, t.at, at, &a) {
			return fmt.Errorf("%w: call %d does not fit its ids", ErrCorrupt, i)
		}
		t.taken++
		row := newRow(&c)
		got.add(&row)
		index.add(n, &row)
		return nil
	})
	if err != nil {
		return err
	}
	if f.err != nil {
		return f.err
	}
	if want := &r.blocks[n]; got.marks != want.marks || !got.says(&want.bounds) {
		return fmt.Errorf("%w: the done row says other things of its calls than they are", ErrCorrupt)
	}
	x.checked.Calls += got.calls
	return nil
}

// says compares bounds that were made of all calls with those that are stored. Builds before version 0.1 had the durations of
// lead halves only.
func (b *bounds) says(o *bounds) bool {
	return o.calls == b.calls && o.least == b.least && o.greatest == b.greatest && o.minDuration >= b.minDuration && o.maxDuration <= b.maxDuration
}

// postings compares the postings with those that the calls make.
func (x *verifier) postings(r *rangeInfo, index *postings) (err error) {
	if mask := index.unindexed(); (mask^r.unindexed)&^hostsHashed != 0 {
		return fmt.Errorf("%w: the done row's fields without postings are %b, want %b", ErrCorrupt, r.unindexed, mask)
	}
	index.rows(r.id, r.least, func(want Row) {
		if err != nil || field(want.Key[0]) == fieldHostHash && r.unindexed&hostsHashed == 0 { // of before there were such
			return
		}
		var b []byte
		if b, err = r.volume.Get(x.ctx, want.Table, want.Key); err != nil {
			err = fmt.Errorf("postings: %w", err)
			return
		}
		field, value := field(want.Key[0]), want.Key[1:max(1, len(want.Key)-RangeIDSize-2)]
		name := fmt.Sprintf("postings of %s %q", fieldNames[field], value)
		if b == nil {
			err = fmt.Errorf("%w: the %s are missing", ErrCorrupt, name)
			return
		}
		is, parseErr := parsePostings(b, r.least)
		should, _ := parsePostings(want.Value, r.least)
		switch {
		case parseErr != nil:
			err = fmt.Errorf("%s: %w", name, parseErr)
		case !slices.EqualFunc(is, should, func(is, should posting) bool { return is.block == should.block && should.says(&is.bounds) }):
			err = fmt.Errorf("%w: the %s are not those of the calls", ErrCorrupt, name)
		}
	})
	return err
}

// rollups reads the range's own counts and compares their minutes with the done row. The sums are read by their minutes.
func (x *verifier) rollups(r *rangeInfo) error {
	var rows rollupRows
	names := newTexts()
	for n, want := range r.rollups {
		if err := x.store.readRollups(x.ctx, r, kindRollup, n, &rows, names); err != nil {
			return fmt.Errorf("chunk %d of roll-ups: %w", n, err)
		}
		least, greatest := int64(math.MaxInt64), int64(math.MinInt64)
		for _, m := range rows.minutes {
			least, greatest = min(least, m), max(greatest, m)
		}
		if least != want.least || greatest != want.greatest {
			return fmt.Errorf("%w: chunk %d of roll-ups has other minutes than the done row says", ErrCorrupt, n)
		}
	}
	for i := range r.merged {
		for _, p := range r.merged[i].pieces {
			for n := p.first; n < p.first+p.chunks; n++ {
				if err := x.store.readRollups(x.ctx, r, kindMerged, n, &rows, names); err != nil {
					return fmt.Errorf("chunk %d of sums of roll-ups: %w", n, err)
				}
			}
		}
	}
	return nil
}
