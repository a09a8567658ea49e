package store

import (
	"bytes"
	"cmp"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/twinspan/twinspan/sdk/id"
)

const valueVersion = 1

// rangeWriter turns one range into rows.
type rangeWriter struct {
	store   *Store
	r       *Range
	rows    []row
	done    done
	out     []Row
	chunks  int // of sums of roll-ups
	scratch *scratch
}

// scratch is the memory that encoding needs and that ranges take over from each other.
type scratch struct {
	blocks *blockWriter
	ids    *idsWriter
	// rows are those of the range, unsorted, order and byTrace bring them into order.
	rows, unsorted []row
	order          sorter
	byTrace        []*row
}

// forget lets go of the range's texts, which alias the requests that brought them.
func (s *scratch) forget() {
	clear(s.rows)
	clear(s.unsorted)
	s.blocks.w.Forget()
	for _, p := range s.blocks.payloads {
		clear(p.tokens[:cap(p.tokens)])
	}
	s.ids.w.Forget()
	clear(s.ids.texts[:cap(s.ids.texts)])
}

func (s *Store) takeScratch() *scratch {
	if v, ok := s.scratch.Get().(*scratch); ok {
		return v
	}
	return &scratch{blocks: newBlockWriter(s.codec), ids: newIDsWriter(s.codec)}
}

// WriteRange stores a range. When it returns nil, the range is durable and visible as a whole; otherwise nothing of it is
// visible, and it may be written again. A range that is done already, from and to the same offsets, is left as it is. One
// that overlaps with others gives ErrConflict. On a full disk the oldest volumes are dropped; ErrNoSpace says that only the
// newest is left.
func (s *Store) WriteRange(ctx context.Context, r *Range) error {
	if r.To <= r.ID.From || r.ID.From < 0 {
		return fmt.Errorf("store: writing range %s: it ends at %d, where it begins or before", r.ID, r.To)
	}
	if err := s.begin(); err != nil {
		return err
	}
	defer s.end()
	release, written, err := s.index.claim(r)
	if err != nil || written {
		return err
	}
	defer release()
	defer func(from time.Time) { s.metrics.writeSeconds.Observe(time.Since(from).Seconds()) }(time.Now())
	w := rangeWriter{store: s, r: r, scratch: s.takeScratch()}
	w.encode()
	w.scratch.forget()
	s.scratch.Put(w.scratch)
	plans := s.index.plan()
	defer s.index.end(plans)
	w.merge(ctx, plans)
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("store: writing range %s: %w", r.ID, err)
	}
	if err := s.put(ctx, &w); err != nil {
		s.metrics.failures.Inc()
		return fmt.Errorf("store: writing range %s of %d calls: %w", r.ID, len(r.Calls), err)
	}
	return nil
}

// put writes the rows, dropping what is oldest while the disk is full.
func (s *Store) put(ctx context.Context, w *rangeWriter) error {
	doneRow := Row{TableDone, appendRange(nil, w.r.ID), w.done.encode()}
	for {
		v, err := s.kv.Write(ctx, s.receipt(w.r), w.out, doneRow)
		if err == nil {
			d := w.done // a copy: the index must not keep the writer, and with it the range, in memory
			s.index.add(v, w.r.ID, &d)
			s.metrics.ranges.Inc()
			s.metrics.calls.Add(float64(w.done.calls))
			s.metrics.bytes.Add(float64(w.size()))
			return nil
		}
		if !errors.Is(err, ErrNoSpace) {
			return err
		}
		if dropped, dropErr := s.makeRoom(true); len(dropped) == 0 {
			return errors.Join(err, dropErr)
		}
	}
}

// size is that of all rows.
func (w *rangeWriter) size() (n int) {
	for i := range w.out {
		n += len(w.out[i].Key) + len(w.out[i].Value)
	}
	return n
}

func (w *rangeWriter) encode() {
	w.done = done{to: w.r.To, received: w.r.Received, hasState: len(w.r.State) > 0}
	w.sort()
	w.cut()
	w.number()
	w.blocks()
	chunk := 0
	encodeRollups(w.store.codec, w.r.Rollups, func(b []byte, c rollupChunk) {
		w.value(kindRollup, chunk, b)
		w.done.rollups = append(w.done.rollups, c)
		chunk++
	})
	if w.done.hasState {
		w.value(kindState, 0, w.r.State)
	}
	slices.SortFunc(w.out, func(a, b Row) int {
		return cmp.Or(cmp.Compare(a.Table, b.Table), bytes.Compare(a.Key, b.Key))
	})
}

// sort brings the calls into the order of blocks: callee, operation, time.
func (w *rangeWriter) sort() {
	n := len(w.r.Calls)
	w.scratch.rows = slices.Grow(w.scratch.rows[:0], n)[:n]
	w.scratch.unsorted = slices.Grow(w.scratch.unsorted[:0], n)[:n]
	rows := w.scratch.unsorted
	callees, operations := make(map[string]int32), make(map[string]int32)
	for i := range w.r.Calls {
		c, r := &w.r.Calls[i], &rows[i]
		*r = newRow(c)
		r.callee, r.operation = number(callees, c.Callee), number(operations, c.Operation())
		w.done.add(r.time, r.shortest, r.longest)
	}
	calleeRank, operationRank := ranks(callees), ranks(operations)
	orders := w.scratch.order.begin(n)
	for i := range rows {
		r := &rows[i]
		high := uint64(calleeRank[r.callee])*uint64(len(operations)) + uint64(operationRank[r.operation])
		orders[i] = order{high, uint64(r.time) ^ 1<<63, i} // negative times first
	}
	w.rows = w.scratch.rows
	for i, o := range w.scratch.order.sort(uint64(len(callees)) * uint64(len(operations))) {
		w.rows[i] = rows[o.at]
	}
}

func number(numbers map[string]int32, s string) int32 {
	n, ok := numbers[s]
	if !ok {
		n = int32(len(numbers))
		numbers[s] = n
	}
	return n
}

// ranks gives, by number, a text's place in ascending order.
func ranks(numbers map[string]int32) []int32 {
	texts := make([]string, 0, len(numbers))
	for s := range numbers {
		texts = append(texts, s)
	}
	slices.Sort(texts)
	out := make([]int32, len(texts))
	for rank, s := range texts {
		out[numbers[s]] = int32(rank)
	}
	return out
}

// cut gives every call its block and its row in it.
func (w *rangeWriter) cut() {
	at, n, size := 0, 0, 0
	for i := range w.rows {
		raw := int(w.rows[i].raw)
		if n == maxBlockRows || n > 0 && size+raw > maxBlockBytes {
			at, n, size = at+1, 0, 0
		}
		w.rows[i].block, w.rows[i].number = int32(at), int32(n)
		n++
		size += raw
	}
}

// number writes the ids and the trace index.
func (w *rangeWriter) number() {
	byTrace := w.scratch.sortByTrace(w.rows)
	var last *Row
	var lastTrace id.Trace
	first := 0
	numberTraces(byTrace, func(t id.Trace, number int) {
		if last != nil && t == lastTrace {
			last.Value = binary.AppendUvarint(traceValue(first), uint64(number-first))
			return
		}
		lastTrace, first = t, number
		w.out = append(w.out, Row{TableTrace, traceKey(t, w.r.ID), traceValue(number)})
		last = &w.out[len(w.out)-1]
	})
	w.scratch.ids.chunks(byTrace, func(b []byte, traces int) {
		w.value(kindIDs, len(w.done.chunks), b)
		w.done.chunks = append(w.done.chunks, traces)
	})
}

// traceValue is a row of the trace index: the trace's number in the range and, where it takes several, how many more.
func traceValue(number int) []byte {
	return binary.AppendUvarint([]byte{valueVersion}, uint64(number))
}

func parseTraceValue(b []byte) (number, more int, err error) {
	d := decoder{b: b}
	d.version(valueVersion, "a trace index row")
	number = d.int(1 << 30)
	if len(d.b) > 0 {
		more = d.int(1 << 20)
	}
	d.end()
	return number, more, d.err
}

// blocks writes the blocks and their postings.
func (w *rangeWriter) blocks() {
	bw := w.scratch.blocks
	index := newPostings()
	for rows := w.rows; len(rows) > 0; {
		number := len(w.done.blocks)
		n := 1
		for n < len(rows) && rows[n].block == int32(number) {
			n++
		}
		var b block
		index.begin()
		for i := range rows[:n] {
			if i%ahead == 0 {
				bw.fetch(rows[i:min(i+ahead, n)])
			}
			b.add(&rows[i])
			index.add(number, &rows[i])
			bw.add(&rows[i])
		}
		w.done.blocks = append(w.done.blocks, b)
		w.value(kindFilter, number, bw.filter())
		w.value(kindPayload, number, bw.payload())
		bw.reset()
		rows = rows[n:]
	}
	w.done.unindexed = index.unindexed()
	index.rows(w.r.ID, w.done.least, func(r Row) { w.out = append(w.out, r) })
}

// value adds a value of TableRange, in as many rows as its size needs.
func (w *rangeWriter) value(kind byte, number int, b []byte) {
	const size = MaxValue - 2
	parts := max(1, (len(b)+size-1)/size)
	head := append([]byte{valueVersion, byte(parts)}, b[:min(len(b), size)]...)
	w.out = append(w.out, Row{TableRange, partKey(w.r.ID, kind, number, 0), head})
	for p := 1; p < parts; p++ {
		b = b[size:]
		w.out = append(w.out, Row{TableRange, partKey(w.r.ID, kind, number, p), b[:min(len(b), size)]})
	}
}

// getValue reads what value wrote; ErrCorrupt where it is not there.
func getValue(ctx context.Context, v Volume, r RangeID, kind byte, number int) ([]byte, error) {
	b, err := v.Get(ctx, TableRange, partKey(r, kind, number, 0))
	if err != nil {
		return nil, err
	}
	if b == nil {
		return nil, fmt.Errorf("%w: value %c%d is missing", ErrCorrupt, kind, number)
	}
	d := decoder{b: b}
	d.version(valueVersion, "a value")
	parts := int(d.byte())
	if d.err != nil {
		return nil, d.err
	}
	out := d.b
	for p := 1; p < parts; p++ {
		b, err := v.Get(ctx, TableRange, partKey(r, kind, number, p))
		if err != nil {
			return nil, err
		}
		if b == nil {
			return nil, fmt.Errorf("%w: part %d of value %c%d is missing", ErrCorrupt, p, kind, number)
		}
		out = append(out, b...)
	}
	return out, nil
}
