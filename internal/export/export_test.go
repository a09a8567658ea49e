package export

import (
	"bytes"
	"encoding/json"
	"io"
	"runtime"
	"strings"
	"testing"

	"github.com/parquet-go/parquet-go"

	"github.com/twinspan/twinspan/internal/span"
	"github.com/twinspan/twinspan/internal/store/storetest"
)

func written(t *testing.T, format string, calls []span.Call) []byte {
	t.Helper()
	var b bytes.Buffer
	w, err := New(format, &b)
	if err != nil {
		t.Fatal(err)
	}
	for i := range calls {
		if err := w.Write(&calls[i]); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestParquet(t *testing.T) {
	calls := storetest.NewGen(1).Calls(3000)
	file := written(t, "parquet", calls)
	rows, err := parquet.Read[callRow](bytes.NewReader(file), int64(len(file)))
	if err != nil || len(rows) != len(calls) {
		t.Fatalf("%d rows of %d calls, %v", len(rows), len(calls), err)
	}
	for i := range calls {
		c, r := &calls[i], &rows[i]
		if r.Caller != text(c.Caller) || r.Start != c.Start() || r.Duration != c.Duration() || r.Error != c.Failed() || r.W3CTraceID != c.Trace().Hex() ||
			(r.Gap != nil) != (c.Client != nil && c.Server != nil) {
			t.Fatalf("row %d is %+v", i, r)
		}
		for side, h := range map[*halfRow]*span.Half{r.Client: c.Client, r.Server: c.Server} {
			if (side == nil) != (h == nil) {
				t.Fatalf("row %d has sides that the call has not", i)
			}
			if h == nil {
				continue
			}
			want := attributes(h.Payload)
			events := 0
			h.Payload.Events(func(span.Event) bool { events++; return true })
			if side.SpanID != h.Span.String() || len(side.Attributes) != len(want) || len(side.Events) != events || side.Received != h.Received {
				t.Fatalf("row %d: half %+v", i, side)
			}
			for k, v := range want {
				if side.Attributes[k] != v {
					t.Fatalf("row %d: attribute %q is %q, want %q", i, k, side.Attributes[k], v)
				}
			}
		}
	}
	f, err := parquet.OpenFile(bytes.NewReader(file), int64(len(file)))
	if err != nil {
		t.Fatal(err)
	}
	if v, ok := f.Lookup("twinspan.schema"); !ok || v != SchemaVersion {
		t.Errorf("the schema's version is %q", v)
	}
}

func TestLines(t *testing.T) {
	calls := storetest.NewGen(2).Calls(200)
	text := written(t, "jsonl", calls)
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	if len(lines) != len(calls) {
		t.Fatalf("%d lines of %d calls", len(lines), len(calls))
	}
	for i, l := range lines {
		var got struct {
			Caller, Sides  string
			Client, Server *struct{ SpanID string }
		}
		if err := json.Unmarshal([]byte(l), &got); err != nil {
			t.Fatalf("line %d: %v", i, err)
		}
		if (got.Client == nil) != (calls[i].Client == nil) || got.Sides != calls[i].Sides() {
			t.Errorf("line %d: %s", i, l)
		}
	}
}

// TestMemory writes many rows and looks at what the writer keeps.
func TestMemory(t *testing.T) {
	calls := storetest.NewShop(1).Calls(2000)
	w := newParquet(io.Discard)
	heap := func() uint64 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	before := heap()
	for range 40 {
		for i := range calls {
			if err := w.Write(&calls[i]); err != nil {
				t.Fatal(err)
			}
		}
	}
	after := heap()
	if after > before+200<<20 {
		t.Errorf("80000 rows keep %d MiB", (after-before)>>20)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestUnknownFormat(t *testing.T) {
	if _, err := New("csv", io.Discard); err == nil || !strings.Contains(err.Error(), "parquet or jsonl") {
		t.Error(err)
	}
}
