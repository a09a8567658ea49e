package store

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/twinspan/twinspan/internal/span"
	"github.com/twinspan/twinspan/internal/store/column"
	"github.com/twinspan/twinspan/sdk/histogram"
)

// maxRollups is the number of rows of a chunk of roll-ups.
const maxRollups = 4096

// Columns of a group of roll-ups.
const (
	colMinute = 1 + iota
	colSource // source, side, type, load-test, a byte each
	colRollupCaller
	colRollupCallee
	colRollupOperation
	colRollupInstance
	colRollupCalls
	colRollupErrors
	colLatency
)

// encodeRollups cuts rows, which it leaves as they are, into chunks.
func encodeRollups(c *column.Codec, rollups []span.Rollup, yield func(b []byte, chunk rollupChunk)) {
	w := column.NewWriter(c)
	for chunk := range slices.Chunk(sorted(rollups), maxRollups) {
		yield(encodeRollupChunk(w, chunk), rollupChunk{chunk[0].Minute, chunk[len(chunk)-1].Minute})
	}
}

// sorted gives rows in the order in which they are written.
func sorted(rollups []span.Rollup) []*span.Rollup {
	rows := make([]*span.Rollup, len(rollups))
	for i := range rollups {
		rows[i] = &rollups[i]
	}
	slices.SortFunc(rows, func(a, b *span.Rollup) int {
		return cmp.Or(cmp.Compare(a.Minute, b.Minute), cmp.Compare(a.Callee, b.Callee), cmp.Compare(a.Operation, b.Operation),
			cmp.Compare(a.Caller, b.Caller))
	})
	return rows
}

func encodeRollupChunk(w *column.Writer, rows []*span.Rollup) []byte {
	ints := make([]int64, len(rows))
	texts := make([]string, len(rows))
	putInts := func(id int, value func(*span.Rollup) int64) {
		for i, r := range rows {
			ints[i] = value(r)
		}
		w.Ints(id, ints)
	}
	putTexts := func(id int, value func(*span.Rollup) string) {
		for i, r := range rows {
			texts[i] = value(r)
		}
		w.Strings(id, texts)
	}
	w.Begin(len(rows), len(rows))
	putInts(colMinute, func(r *span.Rollup) int64 { return r.Minute })
	putInts(colSource, func(r *span.Rollup) int64 {
		n := int64(r.Source) | int64(r.Side)<<8 | int64(r.Type)<<16
		if r.LoadTest {
			n |= 1 << 24
		}
		return n
	})
	putTexts(colRollupCaller, func(r *span.Rollup) string { return r.Caller })
	putTexts(colRollupCallee, func(r *span.Rollup) string { return r.Callee })
	putTexts(colRollupOperation, func(r *span.Rollup) string { return r.Operation })
	putTexts(colRollupInstance, func(r *span.Rollup) string { return r.Instance })
	putInts(colRollupCalls, func(r *span.Rollup) int64 { return int64(r.Calls) })
	putInts(colRollupErrors, func(r *span.Rollup) int64 { return int64(r.Errors) })
	putTexts(colLatency, func(r *span.Rollup) string { return viewOf(r.Latency.Append(nil)) })
	return w.Append(nil)
}

// rollupRows is a chunk of roll-ups, read; the memory is used again for the next one. Texts are numbers of a texts.
type rollupRows struct {
	minutes, sources, calls, errs []int64
	callers, callees              []uint32
	operations, instances         []uint32
	latencies                     []string
	numbers                       []int64
	// counts says that latencies are not read.
	counts bool
}

// read unpacks a chunk.
func (r *rollupRows) read(c *column.Codec, b []byte, names *texts) (err error) {
	g, err := c.Open(b)
	if err != nil {
		return err
	}
	n := g.Rows()
	if n > maxRollups {
		return fmt.Errorf("%w: %d roll-ups in a chunk", ErrCorrupt, n)
	}
	intsOf := func(id int, dst []int64) []int64 {
		v, e := g.Ints(id, n)
		if err = cmp.Or(err, e); err != nil {
			return dst[:0]
		}
		return v.All(dst)
	}
	textsOf := func(id int, dst []uint32) []uint32 {
		v, e := g.Strings(id, n)
		if err = cmp.Or(err, e); err != nil {
			return dst[:0]
		}
		dst = slices.Grow(dst[:0], n)[:n]
		if values := v.Values(); values != nil {
			numbers := make([]uint32, len(values))
			for i, s := range values {
				numbers[i] = names.number(s)
			}
			r.numbers = v.Numbers(r.numbers)
			for i, x := range r.numbers {
				dst[i] = numbers[x]
			}
			return dst
		}
		for i, s := range v.All() {
			dst[i] = names.number(s)
		}
		return dst
	}
	r.minutes, r.sources = intsOf(colMinute, r.minutes), intsOf(colSource, r.sources)
	r.calls, r.errs = intsOf(colRollupCalls, r.calls), intsOf(colRollupErrors, r.errs)
	r.callers, r.callees = textsOf(colRollupCaller, r.callers), textsOf(colRollupCallee, r.callees)
	r.operations, r.instances = textsOf(colRollupOperation, r.operations), textsOf(colRollupInstance, r.instances)
	if r.counts {
		return err
	}
	latencies, e := g.Strings(colLatency, n)
	if err = cmp.Or(err, e); err != nil {
		return err
	}
	r.latencies = latencies.All()
	return nil
}

// texts numbers texts, and has copies of them.
type texts struct {
	numbers map[string]uint32
	list    []string
}

func newTexts() *texts { return &texts{numbers: make(map[string]uint32)} }

func (t *texts) number(s string) uint32 {
	n, ok := t.numbers[s]
	if !ok {
		n = uint32(len(t.list))
		s = strings.Clone(s)
		t.list = append(t.list, s)
		t.numbers[s] = n
	}
	return n
}

// sums adds roll-ups up by key.
type sums struct {
	names *texts
	at    map[sumKey]int32
	rows  []sumRow
	used  int
}

type sumKey struct {
	minute                              int64
	source                              uint32
	caller, callee, operation, instance uint32
}

type sumRow struct {
	sumKey
	calls, errors uint64
	latency       histogram.H
}

func newSums(names *texts) *sums { return &sums{names: names, at: make(map[sumKey]int32)} }

// add adds row i of a chunk, as one of a minute.
func (s *sums) add(r *rollupRows, i int, minute int64) error {
	key := sumKey{minute, uint32(r.sources[i]), r.callers[i], r.callees[i], r.operations[i], r.instances[i]}
	n, ok := s.at[key]
	if !ok {
		n = int32(s.used)
		s.at[key] = n
		if s.used == len(s.rows) {
			s.rows = append(s.rows, sumRow{})
		}
		row := &s.rows[n]
		row.sumKey, row.calls, row.errors = key, 0, 0
		row.latency.Reset()
		s.used++
	}
	row := &s.rows[n]
	row.calls += uint64(r.calls[i])
	row.errors += uint64(r.errs[i])
	if r.counts {
		return nil
	}
	if rest, err := row.latency.MergeEncoded(bytesOf(r.latencies[i])); err != nil || len(rest) > 0 {
		return fmt.Errorf("%w: the latency of a roll-up: %w", ErrCorrupt, err)
	}
	return nil
}

// row gives a sum; it aliases s until reset.
func (s *sums) row(i int) span.Rollup {
	r := &s.rows[i]
	return span.Rollup{
		RollupKey: span.RollupKey{
			Minute: r.minute, Source: span.Source(r.source), Side: span.Kind(r.source >> 8), Type: span.Type(r.source >> 16),
			LoadTest: r.source>>24&1 != 0, Caller: s.names.list[r.caller], Callee: s.names.list[r.callee],
			Operation: s.names.list[r.operation], Instance: s.names.list[r.instance],
		},
		Calls: r.calls, Errors: r.errors, Latency: r.latency,
	}
}

// reset forgets the sums but neither their memory nor the texts.
func (s *sums) reset() {
	clear(s.at)
	s.used = 0
}
