package store

import (
	"cmp"
	"fmt"
	"slices"

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
	rows := make([]*span.Rollup, len(rollups))
	for i := range rollups {
		rows[i] = &rollups[i]
	}
	slices.SortFunc(rows, func(a, b *span.Rollup) int {
		return cmp.Or(cmp.Compare(a.Minute, b.Minute), cmp.Compare(a.Callee, b.Callee), cmp.Compare(a.Operation, b.Operation),
			cmp.Compare(a.Caller, b.Caller))
	})
	w := column.NewWriter(c)
	for chunk := range slices.Chunk(rows, maxRollups) {
		yield(encodeRollupChunk(w, chunk), rollupChunk{chunk[0].Minute, chunk[len(chunk)-1].Minute})
	}
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

// decodeRollups calls yield with the rows whose minute is in [from, to), until it gives false; the row is valid until
// yield returns, its texts for good.
func decodeRollups(c *column.Codec, b []byte, from, to int64, yield func(*span.Rollup) bool) (more bool, err error) {
	g, err := c.Open(b)
	if err != nil {
		return false, err
	}
	n := g.Rows()
	if n > maxRollups {
		return false, fmt.Errorf("%w: %d roll-ups in a chunk", ErrCorrupt, n)
	}
	fail := func(e error) {
		if err == nil {
			err = e
		}
	}
	intsOf := func(id int) []int64 {
		v, e := g.Ints(id, n)
		fail(e)
		return v.All(nil)
	}
	textsOf := func(id int) column.Strings {
		v, e := g.Strings(id, n)
		fail(e)
		return v
	}
	minutes, sources, calls, errs := intsOf(colMinute), intsOf(colSource), intsOf(colRollupCalls), intsOf(colRollupErrors)
	callers, callees, operations := textsOf(colRollupCaller), textsOf(colRollupCallee), textsOf(colRollupOperation)
	instances, latencies := textsOf(colRollupInstance), textsOf(colLatency)
	if err != nil {
		return false, err
	}
	for i, minute := range minutes {
		if minute < from || minute >= to {
			continue
		}
		s := sources[i]
		row := span.Rollup{RollupKey: span.RollupKey{
			Minute: minute, Source: span.Source(s), Side: span.Kind(s >> 8), Type: span.Type(s >> 16), LoadTest: s>>24&1 != 0,
			Caller: callers.At(i), Callee: callees.At(i), Operation: operations.At(i), Instance: instances.At(i),
		}, Calls: uint64(calls[i]), Errors: uint64(errs[i])}
		var rest []byte
		if row.Latency, rest, err = histogram.Decode(bytesOf(latencies.At(i))); err != nil || len(rest) > 0 {
			return false, fmt.Errorf("%w: the latency of a roll-up: %w", ErrCorrupt, err)
		}
		if !yield(&row) {
			return false, nil
		}
	}
	return true, nil
}
