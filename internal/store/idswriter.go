package store

import (
	"encoding/binary"
	"math"
	"math/bits"
	"slices"

	"github.com/twinspan/twinspan/internal/span"
	"github.com/twinspan/twinspan/internal/store/column"
	"github.com/twinspan/twinspan/sdk/id"
)

type idsWriter struct {
	w       *column.Writer
	ints    []int64
	own     []int64
	texts   []string
	halves  []*span.Half // of the chunk
	present []int64
	begins  []int // halves at which traces begin
	counts  []int64
	traces  []id.Trace
	rows    []*row
	places  map[id.Span]int
	other   []byte
}

func newIDsWriter(c *column.Codec) *idsWriter {
	return &idsWriter{w: column.NewWriter(c), places: make(map[id.Span]int)}
}

// chunks numbers the traces of rows, which have been sorted by sortByTrace, and calls yield with each chunk's bytes and
// number of traces. Rows must have their places in blocks.
func (w *idsWriter) chunks(rows []*row, yield func(b []byte, traces int)) {
	w.reset()
	for i := 0; i < len(rows); {
		n := traceRun(rows[i:])
		w.add(rows[i : i+n])
		if i += n; len(w.halves) >= chunkHalves || i == len(rows) {
			yield(w.encode(), len(w.traces))
			w.reset()
		}
	}
}

// traceRun is the number of rows at the front that share a trace's number.
func traceRun(rows []*row) int {
	n := 1
	first := rows[0].call.Lead()
	for n < len(rows) && n < maxTraceCalls && rows[n].call.Lead().Trace == first.Trace {
		n++
	}
	return n
}

// numberTraces sets the traces' numbers, which blocks need before chunks can be written, and calls yield for each.
func numberTraces(rows []*row, yield func(t id.Trace, number int)) {
	for i, number := 0, 0; i < len(rows); number++ {
		n := traceRun(rows[i:])
		for _, r := range rows[i : i+n] {
			r.trace = int32(number)
		}
		yield(rows[i].call.Lead().Trace, number)
		i += n
	}
}

// sortByTrace gives the rows in the order of traces and, within a trace, as they stand. The slice is valid until the next
// call.
func (s *scratch) sortByTrace(rows []row) []*row {
	orders := s.order.begin(len(rows))
	for i := range rows {
		t := &rows[i].call.Lead().Trace
		orders[i] = order{binary.BigEndian.Uint64(t[:8]), binary.BigEndian.Uint64(t[8:]), i}
	}
	s.byTrace = slices.Grow(s.byTrace[:0], len(rows))[:len(rows)]
	for i, o := range s.order.sort(math.MaxUint64) {
		s.byTrace[i] = &rows[o.at]
	}
	return s.byTrace
}

func (w *idsWriter) reset() {
	clear(w.halves)
	clear(w.rows)
	w.halves, w.present, w.begins, w.counts = w.halves[:0], w.present[:0], w.begins[:0], w.counts[:0]
	w.traces, w.rows = w.traces[:0], w.rows[:0]
}

func (w *idsWriter) add(rows []*row) {
	w.traces = append(w.traces, rows[0].call.Lead().Trace)
	w.begins = append(w.begins, len(w.halves))
	w.counts = append(w.counts, int64(len(rows)))
	for _, r := range rows {
		w.rows = append(w.rows, r)
		w.present = append(w.present, present(r.call))
		for _, h := range [...]*span.Half{r.call.Client, r.call.Server} {
			if h != nil {
				w.halves = append(w.halves, h)
			}
		}
	}
}

func (w *idsWriter) encode() []byte {
	w.w.Begin(len(w.traces), len(w.halves))
	plane := make([]int64, len(w.traces))
	for p := range len(id.Trace{}) {
		for i := range w.traces {
			plane[i] = int64(w.traces[i][p])
		}
		w.w.Ints(colTraceIDs+p, plane)
	}
	w.w.Ints(colCalls, w.counts)
	w.callInts(colBlock, func(r *row) int64 { return int64(r.block) })
	w.w.Ints(colIDPresent, w.present)
	w.halfInts(colSpan, func(h *span.Half) int64 { return int64(h.Span) })
	w.refs(colParentRef, func(h *span.Half) id.Span { return h.Parent })
	w.refs(colTwinRef, func(h *span.Half) id.Span { return h.Twin })
	w.origins()
	w.halfTexts(colTraceText, func(h *span.Half) string { return h.TraceText })
	w.halfTexts(colDotted, func(h *span.Half) string { return h.Dotted })
	w.others()
	return w.w.Append(nil)
}

// origins writes the origins or their distances from the span ids, whichever takes fewer bits.
func (w *idsWriter) origins() {
	var plain, distance int
	for _, h := range w.halves {
		plain += bits.Len64(h.Origin)
		distance += bits.Len64(h.Origin - uint64(h.Span))
	}
	switch {
	case plain == 0:
	case distance == 0: // a column of zeros would not be written
		w.w.Bytes(colOriginSame, []byte{1})
	case distance < plain:
		w.halfInts(colOriginFrom, func(h *span.Half) int64 { return int64(h.Origin - uint64(h.Span)) })
	default:
		w.halfInts(colOrigin, func(h *span.Half) int64 { return int64(h.Origin) })
	}
}

func (w *idsWriter) callInts(col int, value func(*row) int64) {
	w.ints = w.ints[:0]
	for _, r := range w.rows {
		w.ints = append(w.ints, value(r))
	}
	w.w.Ints(col, w.ints)
}

func (w *idsWriter) halfInts(col int, value func(*span.Half) int64) {
	w.ints = w.ints[:0]
	for _, h := range w.halves {
		w.ints = append(w.ints, value(h))
	}
	w.w.Ints(col, w.ints)
}

func (w *idsWriter) halfTexts(col int, value func(*span.Half) string) {
	w.texts = w.texts[:0]
	for _, h := range w.halves {
		w.texts = append(w.texts, value(h))
	}
	w.w.Strings(col, w.texts)
}

// refs writes ids that mostly are the Span of another half of the trace; of several with that id, the last.
func (w *idsWriter) refs(col int, value func(*span.Half) id.Span) {
	w.ints, w.own = w.ints[:0], w.own[:0]
	for t, begin := range w.begins {
		end := len(w.halves)
		if t+1 < len(w.begins) {
			end = w.begins[t+1]
		}
		clear(w.places)
		for i, h := range w.halves[begin:end] {
			w.places[h.Span] = i
		}
		for i, h := range w.halves[begin:end] {
			ref := int64(refNone)
			if v := value(h); v != 0 {
				if at, ok := w.places[v]; ok {
					ref = refDistance + int64(zigzag(at-i))
				} else {
					ref = refOwn
					w.own = append(w.own, int64(v))
				}
			}
			w.ints = append(w.ints, ref)
		}
	}
	w.w.Ints(col, w.ints)
	w.w.Ints(col+1, w.own)
}

func zigzag(n int) int { return n<<1 ^ n>>63 }

func unzigzag(n int) int { return int(uint(n)>>1) ^ -(n & 1) }

// others writes the trace ids of halves that are not those of their calls: no pairing makes such calls, but what is given
// is given back.
func (w *idsWriter) others() {
	w.other = w.other[:0]
	w.ints = w.ints[:0]
	h := 0
	for i, r := range w.rows {
		lead := r.call.Lead().Trace
		for p := w.present[i]; p != 0; p &= p - 1 {
			var differs int64
			if w.halves[h].Trace != lead {
				differs = 1
				w.other = append(w.other, w.halves[h].Trace[:]...)
			}
			w.ints = append(w.ints, differs)
			h++
		}
	}
	if len(w.other) > 0 {
		w.w.Ints(colOtherTrace, w.ints)
		w.w.Bytes(colOtherIDs, w.other)
	}
}
