package ingest

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/twinspan/twinspan/internal/bus/wal"
	"github.com/twinspan/twinspan/internal/span"
)

func attributes(n, size int) (p span.Payload) {
	for i := range n {
		p = p.AppendAttr(fmt.Sprintf("k%d", i), span.String(strings.Repeat("v", size)))
	}
	return p
}

func droppedOf(p span.Payload) (n uint64) {
	for f, rest, ok := span.NextField(p); ok; f, rest, ok = span.NextField(rest) {
		if f.Number == fieldDropped {
			n = f.Num
		}
	}
	return n
}

func TestTrimAttributes(t *testing.T) {
	event := span.Payload(nil).AppendEvent(1, "exception", attributes(50, 10))
	before := span.AppendVarintField(attributes(12, 3), fieldDropped, 7)
	for _, tt := range []struct {
		name                         string
		p                            span.Payload
		kept, beyond, large, dropped int
	}{
		{"none", nil, 0, 0, 0, 0},
		{"within", attributes(10, 3), 10, 0, 0, 0},
		{"too many", attributes(25, 3), 10, 15, 0, 15},
		{"empty ones", bytes.Repeat([]byte{fieldAttribute<<3 | span.WireBytes, 0}, 30), 10, 20, 0, 20},
		{"one too large", append(attributes(3, 200), attributes(3, 3)...), 3, 0, 3, 3},
		{"the sender dropped some", before, 10, 2, 0, 9},
		{"events are not attributes", append(attributes(2, 3), event...), 2, 0, 0, 0},
	} {
		got, beyond, large := trim(tt.p, 10, 100)
		kept := 0
		got.Attrs(func(string, span.Value) bool { kept++; return true })
		// Attributes without a key are none for a reader.
		if tt.name != "empty ones" && kept != tt.kept || beyond != tt.beyond || large != tt.large || droppedOf(got) != uint64(tt.dropped) {
			t.Errorf("%s: %d kept, %d beyond, %d too large, dropped count %d", tt.name, kept, beyond, large, droppedOf(got))
		}
		if !got.Valid() {
			t.Errorf("%s: malformed", tt.name)
		}
	}
	both := append(attributes(20, 3), event...)
	got, _, _ := trim(both, 10, 1000)
	events := 0
	got.Events(func(e span.Event) bool { events++; return e.Name == "exception" })
	if events != 1 {
		t.Errorf("%d events are left of one", events)
	}
}

func TestWriterDropsAttributes(t *testing.T) {
	cfg := DefaultConfig()
	cfg.MaxAttributes = 5
	w, log, _ := testWriter(t, cfg, wal.DefaultConfig())
	r := request(1, 3)
	r.Left = new(Left)
	for i := range r.Batch.Halves {
		r.Batch.Halves[i].Payload = attributes(8, 20)
	}
	if err := w.Write(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	if got := testutil.ToFloat64(w.metrics.Dropped.WithLabelValues("count")); got != 9 {
		t.Errorf("%v attributes are counted as dropped, want 9", got)
	}
	if r.Left.Shortened != 3 || !strings.Contains(r.Left.Describe(3), "3 of 3 spans were taken without") {
		t.Errorf("the sender is told %q", r.Left.Describe(3))
	}
	if inLog(t, log)[0] != 3 {
		t.Error("the spans are not all in the log")
	}
}

func FuzzTrim(f *testing.F) {
	f.Add([]byte(attributes(20, 3)), 10, int64(100))
	f.Fuzz(func(t *testing.T, b []byte, most int, size int64) {
		p := span.Payload(b)
		if !p.Valid() || most < 1 || size < 1 || most > 1<<20 {
			return
		}
		got, beyond, large := trim(p, most, size)
		if !got.Valid() || beyond < 0 || large < 0 {
			t.Fatalf("%x becomes %x", b, got)
		}
		if again, n, m := trim(got, most, size); n+m != 0 || !bytes.Equal(again, got) {
			t.Fatalf("%x is trimmed twice", b)
		}
	})
}
