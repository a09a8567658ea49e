package store

import (
	"bytes"
	"errors"
	"fmt"
	"testing"

	"github.com/twinspan/twinspan/internal/span"
	"github.com/twinspan/twinspan/internal/store/column"
	"github.com/twinspan/twinspan/sdk/id"
)

// someRange encodes a few calls: the seeds of the fuzz targets.
func someRange(t testing.TB) *rangeWriter {
	t.Helper()
	codec, err := column.NewCodec()
	if err != nil {
		t.Fatal(err)
	}
	r := &Range{ID: RangeID{3, 40}, To: 50, Received: 1e18, State: []byte("state")}
	for i := range 40 {
		h := &span.Half{Trace: id.Trace{byte(i % 7)}, Span: id.Span(i * 7777), Kind: span.KindClient, App: "shop", Operation: fmt.Sprint("op", i%3),
			PeerAddr: fmt.Sprintf("10.0.0.%d:80", i%5), Start: int64(i) * 1e9, Duration: int64(i) * 1e6, Received: 1e18, Origin: uint64(i),
			Payload: span.Payload(nil).AppendAttr("key", span.Int(int64(i))).AppendAttr("text", span.String(fmt.Sprint("v", i))).
				AppendEvent(5, "event", nil)}
		s := *h
		s.Kind, s.App, s.Span, s.Parent, s.Twin = span.KindServer, "pay", h.Span+1, h.Span, h.Span
		r.Calls = append(r.Calls, span.Join(h, &s, ""))
		row := span.Rollup{RollupKey: span.RollupKey{Minute: int64(i), Callee: "pay"}, Calls: 3}
		row.Latency.Add(int64(i))
		r.Rollups = append(r.Rollups, row)
	}
	s := &Store{codec: codec}
	w := &rangeWriter{store: s, r: r, scratch: s.takeScratch()}
	w.encode()
	return w
}

func (w *rangeWriter) seed(f *testing.F, t Table, kind byte) {
	for _, r := range w.out {
		if r.Table == t && (t != TableRange || r.Key[RangeIDSize] == kind) {
			f.Add(r.Value)
		}
	}
}

// readable fails unless err is one of those of corrupt data.
func readable(t *testing.T, err error) bool {
	t.Helper()
	if err != nil && !errors.Is(err, ErrCorrupt) && !errors.Is(err, column.ErrMalformed) {
		t.Fatal(err)
	}
	return err == nil
}

func FuzzDone(f *testing.F) {
	w := someRange(f)
	f.Add(w.done.encode())
	w.done.merged = []merged{{level: 2, parts: []mergedID{{RangeID{1, 5}, 0}, {RangeID{0, 9}, 2}}, total: true,
		pieces: []piece{{least: 3, greatest: 9, chunks: 1}, {least: 3, greatest: 9, first: 1, chunks: 2}}}}
	f.Add(w.done.encode())
	f.Fuzz(func(t *testing.T, b []byte) {
		if d, err := parseDone(b); readable(t, err) {
			if again, err := parseDone(d.encode()); err != nil || again.to != d.to || len(again.blocks) != len(d.blocks) || len(again.merged) != len(d.merged) {
				t.Fatal("written and read again it differs", err)
			}
			d.chunkOf(5)
		}
	})
}

func FuzzPostings(f *testing.F) {
	someRange(f).seed(f, TablePosting, 0)
	f.Fuzz(func(t *testing.T, b []byte) {
		_, err := parsePostings(b, 7)
		readable(t, err)
	})
}

func FuzzTraceValue(f *testing.F) {
	someRange(f).seed(f, TableTrace, 0)
	f.Fuzz(func(t *testing.T, b []byte) {
		_, _, err := parseTraceValue(b)
		readable(t, err)
	})
}

func FuzzIDs(f *testing.F) {
	w := someRange(f)
	w.seed(f, TableRange, kindIDs)
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) < 2 {
			return
		}
		d, err := openIDs(w.store.codec, b[2:])
		if !readable(t, err) {
			return
		}
		var a arena
		for trace := range d.n {
			for call := d.firsts[trace]; call < d.firsts[trace+1]; call++ {
				var c span.Call
				if d.present.At(call)&presentClient != 0 {
					c.Client = new(span.Half)
				}
				if d.present.At(call)&presentServer != 0 {
					c.Server = new(span.Half)
				}
				if !d.fill(&c, trace, call, &a) {
					t.Fatal("a call does not fit")
				}
				d.position(1, trace, call)
				d.run(trace, int(d.block.At(call)))
			}
		}
	})
}

func FuzzFilters(f *testing.F) {
	w := someRange(f)
	w.seed(f, TableRange, kindFilter)
	yes := true
	q := Query{App: "pay", Address: "10.0.0.1", Operation: "op1", Component: "x", Error: &yes, MinDuration: 1}
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) < 2 {
			return
		}
		d, err := openFilters(w.store.codec, b[2:])
		if !readable(t, err) {
			return
		}
		d.match(&q)
		var a arena
		for i := range d.rows {
			d.fill(i, &a)
			d.ordinal(i)
		}
		d.rowsOf(2)
		readable(t, d.err)
	})
}

func FuzzPayloads(f *testing.F) {
	w := someRange(f)
	w.seed(f, TableRange, kindPayload)
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) < 2 {
			return
		}
		g, err := w.store.codec.Open(b[2:])
		if !readable(t, err) {
			return
		}
		rows := min(g.Rows(), 200)
		all := make([]int, rows)
		for i := range all {
			all[i] = i
		}
		for side := range 2 {
			p, err := openPayloads(g, side, rows)
			if !readable(t, err) {
				continue
			}
			size := 0
			err = p.each(all, func(_ int, payload []byte) { size += len(payload) })
			readable(t, err)
			err = p.match(all, &Tag{Key: "key", Value: "5"}, func(int) {})
			readable(t, err)
		}
	})
}

func FuzzRollups(f *testing.F) {
	w := someRange(f)
	w.seed(f, TableRange, kindRollup)
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) < 2 {
			return
		}
		var rows rollupRows
		names := newTexts()
		err := rows.read(w.store.codec, b[2:], names)
		readable(t, err)
		sums := newSums(names)
		for i, minute := range rows.minutes {
			if err == nil {
				err = sums.add(&rows, i, minute)
				readable(t, err)
			}
		}
	})
}

// FuzzPayloadBack puts payloads into columns and takes them out again.
func FuzzPayloadBack(f *testing.F) {
	f.Add([]byte(span.Payload(nil).AppendAttr("a", span.Int(1)).AppendAttr("b", span.Float(1)).AppendStatusMessage("x")), []byte{9<<3 | 2, 0x80, 0})
	f.Add([]byte{9<<3 | 2, 4, 1<<3 | 2, 0, 2<<3 | 2, 0}, []byte{16<<3 | 5, 1, 1, 2, 3, 4})
	codec, err := column.NewCodec()
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, a, b []byte) {
		p := newPayloadColumns()
		for _, payload := range [][]byte{a, b, a, nil} {
			p.add(payload)
		}
		w := column.NewWriter(codec)
		w.Begin(4, 4)
		p.encode(w, 1)
		g, err := codec.Open(w.Append(nil))
		if err != nil {
			t.Fatal(err)
		}
		back, err := openPayloads(g, 1, 4)
		if err != nil {
			t.Fatal(err)
		}
		err = back.each([]int{0, 1, 2, 3}, func(i int, payload []byte) {
			if want := [][]byte{a, b, a, nil}[i]; !bytes.Equal(payload, want) {
				t.Fatalf("payload %d is %x, want %x", i, payload, want)
			}
		})
		if err != nil {
			t.Fatal(err)
		}
	})
}
