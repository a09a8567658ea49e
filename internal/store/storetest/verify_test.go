package storetest

import (
	"bytes"
	"encoding/json"
	"math"
	"strings"
	"testing"

	"github.com/twinspan/twinspan/internal/store"
)

// filled is a store with ranges of calls, roll-ups and states, enough of them for sums of roll-ups.
func filled(t *testing.T) (*Memory, *store.Store) {
	t.Helper()
	kv := &Memory{}
	s, err := store.Open(ctx, kv)
	if err != nil {
		t.Fatal(err)
	}
	for n := range int64(40) {
		g := NewGen(uint64(n))
		r := store.Range{ID: store.RangeID{Partition: uint16(n % 2), From: n}, To: n + 1, Received: Day, Calls: g.Calls(60), Rollups: g.Rollups(20), State: []byte("s")}
		if n%2 == 1 {
			r.State = nil
		}
		if err := s.WriteRange(ctx, &r); err != nil {
			t.Fatal(err)
		}
	}
	return kv, s
}

func problems(t *testing.T, s *store.Store) (list []string) {
	t.Helper()
	c, err := s.Verify(ctx, func(directory string, problem error) { list = append(list, directory+": "+problem.Error()) })
	if err != nil || c.Problems != len(list) {
		t.Fatalf("%+v, %v", c, err)
	}
	return list
}

func TestVerify(t *testing.T) {
	_, s := filled(t)
	if list := problems(t, s); len(list) > 0 {
		t.Errorf("a store that is whole has problems: %s", list)
	}
	c, err := s.Verify(ctx, func(string, error) {})
	if err != nil || c.Ranges != 40 || c.Blocks != 40 || c.Calls != 40*60 || c.Directories != 1 || c.Rows < 40*10 {
		t.Errorf("%+v, %v", c, err)
	}
}

// TestVerifyFinds takes away and changes single rows: each is found and named.
func TestVerifyFinds(t *testing.T) {
	kv, s := filled(t)
	v := kv.volumes[0]
	random := NewGen(1)
	done := make(map[string]bool)
	for table, rows := range v.rows {
		for key, value := range rows {
			kind := string(table)
			if table == store.TableRange {
				kind += key[store.RangeIDSize : store.RangeIDSize+1]
			}
			if table == store.TableDone || done[kind] && !random.one(60) { // done rows are read at the start
				continue
			}
			done[kind] = true
			delete(rows, key)
			if list := problems(t, s); len(list) != 1 {
				t.Errorf("without the row %s %q: %q", kind, key, list)
			}
			other := bytes.Clone(value)
			other[0] ^= 0x80 // its version
			rows[key] = other
			if list := problems(t, s); len(list) != 1 || kind != "bs" && !strings.Contains(list[0], "version") {
				t.Errorf("with another version of the row %s %q: %q", kind, key, list)
			}
			rows[key] = value
		}
	}
	if len(done) < 7 {
		t.Errorf("only rows of %v were tried", done)
	}
	if list := problems(t, s); len(list) > 0 {
		t.Errorf("whole again: %q", list)
	}
}

func TestInspect(t *testing.T) {
	_, s := filled(t)
	ranges, err := s.Ranges()
	if err != nil || len(ranges) != 40 || ranges[0].Calls != 60 || ranges[0].Blocks != 1 || !ranges[0].State || ranges[0].Traces == 0 {
		t.Fatalf("%v, %+v", err, ranges)
	}
	var columns []string
	err = s.Blocks(ctx, ranges[0].ID, func(b store.BlockInfo) bool {
		if b.Calls != 60 || b.FilterBytes == 0 || b.PayloadBytes == 0 || b.Least > b.Greatest {
			t.Errorf("%+v", b)
		}
		for _, c := range b.Columns {
			if c.Bytes == 0 || strings.HasPrefix(c.Name, "column") || strings.HasPrefix(c.Encoding, "encoding") {
				t.Errorf("%+v", c)
			}
			columns = append(columns, c.Name+" as "+c.Encoding)
		}
		return true
	})
	if err != nil {
		t.Fatal(err)
	}
	text := strings.Join(columns, "\n")
	for _, want := range []string{"caller as dictionary", "client.operation as", "server.attribute key-1 as", "client.fields as bytes", "server.resource"} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
	if err := s.Blocks(ctx, store.RangeID{From: 999}, func(store.BlockInfo) bool { return true }); err == nil {
		t.Error("a range that is not there has blocks")
	}
	sizes, err := s.Sizes(ctx)
	if err != nil {
		t.Fatal(err)
	}
	b, err := json.Marshal(sizes)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"filter columns", "payload columns", "postings", "trace index", "ids", "sums of roll-ups", "done rows", "collector's state"} {
		if !strings.Contains(string(b), want) {
			t.Errorf("no %q in %s", want, b)
		}
	}
	if n := len(Search(t, s, &store.Query{From: math.MinInt64}, everything)); n != 2400 {
		t.Errorf("%d calls", n)
	}
}
