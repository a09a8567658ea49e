package storetest

import (
	"bytes"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/twinspan/twinspan/internal/span"
	"github.com/twinspan/twinspan/internal/store"
)

func testRanges(t *testing.T, open func() *store.Store) {
	g := NewGen(4)
	s := open()
	write := func(partition uint16, from, to int64) error {
		return s.WriteRange(ctx, &store.Range{ID: store.RangeID{Partition: partition, From: from}, To: to, Received: Day, Calls: g.Calls(5)})
	}
	for _, r := range [][3]int64{{0, 0, 10}, {0, 10, 20}, {0, 30, 40}, {3, 100, 101}, {0, 0, 10}} {
		if err := write(uint16(r[0]), r[1], r[2]); err != nil {
			t.Fatal(err)
		}
	}
	for _, r := range [][2]int64{{0, 11}, {5, 8}, {19, 21}, {25, 31}, {20, 50}} {
		if err := write(0, r[0], r[1]); !errors.Is(err, store.ErrConflict) {
			t.Errorf("range %v: %v, want a conflict", r, err)
		}
	}
	if err := write(0, 50, 50); err == nil {
		t.Error("a range without records was taken")
	}
	check := func() {
		t.Helper()
		done, err := s.Done(ctx)
		want := map[uint16][]store.Interval{0: {{From: 0, To: 20}, {From: 30, To: 40}}, 3: {{From: 100, To: 101}}}
		if err != nil || !reflect.DeepEqual(done, want) {
			t.Errorf("done %v, %v", done, err)
		}
		last, err := s.LastDone(ctx)
		if err != nil || !reflect.DeepEqual(last, map[uint16]int64{0: 20, 3: 101}) {
			t.Errorf("last done %v, %v", last, err)
		}
		if n := len(Search(t, s, &store.Query{}, everything)); n != 20 {
			t.Errorf("%d calls, want those of four ranges", n)
		}
		if st := s.Stats(); st.Calls != 20 || st.Ranges != 4 || len(st.Days) != 1 || st.Days[0].Day != store.DayOf(Day) || st.Bytes <= 0 {
			t.Errorf("stats %+v", st)
		}
	}
	check()
	close(t, s)
	s = open()
	defer func() { close(t, s) }()
	check()
	if err := write(0, 20, 30); err != nil {
		t.Errorf("filling the gap: %v", err)
	}
	if last, _ := s.LastDone(ctx); last[0] != 40 {
		t.Errorf("last done %v after the gap was filled", last)
	}
}

func testStates(t *testing.T, open func() *store.Store) {
	s := open()
	large := bytes.Repeat([]byte("state "), 3<<20)
	for i, r := range []store.Range{
		{ID: store.RangeID{From: 0}, To: 5, Received: Day, State: []byte("a")},
		{ID: store.RangeID{From: 5}, To: 9, Received: Day + 100},
		{ID: store.RangeID{Partition: 2, From: 7}, To: 8, Received: Day, State: large},
		{ID: store.RangeID{From: 9}, To: 10, Received: Day + 50, State: []byte("c")},
	} {
		if err := s.WriteRange(ctx, &r); err != nil {
			t.Fatal(i, err)
		}
	}
	close(t, s)
	s = open()
	defer func() { close(t, s) }()
	var got []string
	err := s.States(ctx, Day+60, func(id store.RangeID, to int64, state []byte) bool {
		got = append(got, fmt.Sprintf("%s %d %d", id, to, len(state)))
		return true
	})
	want := []string{"0000-0000000000000005 9 0", "0000-0000000000000009 10 1", fmt.Sprintf("0002-0000000000000007 8 %d", len(large))}
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("%v %q, want %q", err, got, want)
	}
	got = nil
	err = s.StatesBack(ctx, 0, func(id store.RangeID, state []byte) bool {
		got = append(got, fmt.Sprintf("%s %q", id, state))
		return id.From > 5
	})
	if want := []string{`0000-0000000000000009 "c"`, `0000-0000000000000005 ""`}; err != nil || !slices.Equal(got, want) {
		t.Errorf("%v %q, want %q", err, got, want)
	}
}

func testExpire(t *testing.T, open func() *store.Store) {
	const day = int64(24 * time.Hour)
	g := NewGen(5)
	s := open()
	defer func() { close(t, s) }()
	byDay := make(map[int64][]span.Call)
	for d := range int64(4) {
		byDay[d] = g.Calls(20)
		r := store.Range{ID: store.RangeID{From: d}, To: d + 1, Received: Day + d*day, Calls: slices.Clone(byDay[d])}
		if err := s.WriteRange(ctx, &r); err != nil {
			t.Fatal(err)
		}
	}
	if dropped, err := s.Expire(ctx, time.Unix(0, Day+3*day)); err != nil || len(dropped) > 0 {
		t.Fatalf("dropped %v, %v", dropped, err)
	}
	// A hundred days later everything is old, but the newest day tells how far the log was read.
	dropped, err := s.Expire(ctx, time.Unix(0, Day+100*day))
	first := store.DayOf(Day)
	if err != nil || !slices.Equal(dropped, []store.Day{first, first + 1, first + 2}) {
		t.Fatalf("dropped %v, %v", dropped, err)
	}
	all := Search(t, s, &store.Query{}, everything)
	q := store.Query{}
	equal(t, "after expiry", describeAll(all, false), describeAll(naive(byDay[3], &q), false))
	if last, err := s.LastDone(ctx); err != nil || last[0] != 4 {
		t.Errorf("last done %v, %v", last, err)
	}
	close(t, s)
	s = open()
	if n := len(Search(t, s, &store.Query{}, everything)); n != 20 {
		t.Errorf("%d calls after a restart", n)
	}
	if last, err := s.LastDone(ctx); err != nil || last[0] != 4 {
		t.Errorf("last done %v, %v after a restart", last, err)
	}
}

// testClockBack has a clock go back over midnight: the ranges stay in their order, so that they expire in it.
func testClockBack(t *testing.T, open func() *store.Store) {
	s := open()
	defer close(t, s)
	g := NewGen(14)
	for i, received := range []int64{0, -1, -2, 5} {
		r := store.Range{ID: store.RangeID{From: int64(i)}, To: int64(i) + 1, Received: Day + received, Calls: g.Calls(3)}
		if err := s.WriteRange(ctx, &r); err != nil {
			t.Fatal(err)
		}
	}
	r := store.Range{ID: store.RangeID{Partition: 1}, To: 1, Received: Day - 3, Calls: g.Calls(3)}
	if err := s.WriteRange(ctx, &r); err != nil {
		t.Fatal(err)
	}
	if days := s.Stats().Days; len(days) != 2 || days[0].Ranges != 4 || days[1].Ranges != 1 {
		t.Errorf("%+v", days)
	}
}

func testFuture(t *testing.T, open func() *store.Store) {
	s := open()
	defer close(t, s)
	c := NewGen(8).Calls(1)[0]
	lead := c.Lead()
	lead.Received, lead.Start = Day+5e9, Day+5e9+store.MaxAhead+1
	Write(t, s, 0, 0, []span.Call{c}, nil, 1)
	q := store.Query{From: Day, To: Day + 6e9}
	if found := Search(t, s, &q, 10); len(found) != 1 || found[0].Start() != lead.Start {
		t.Errorf("%d calls found by their receipt", len(found))
	}
}
