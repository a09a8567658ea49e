package storetest

import (
	"errors"
	"fmt"
	"math"
	"reflect"
	"slices"

	"github.com/twinspan/twinspan/internal/span"
	"github.com/twinspan/twinspan/internal/store"
	"github.com/twinspan/twinspan/sdk/id"
)

func (m *model) searches(s step) error {
	g := NewGen(s.seed)
	calls := m.calls()
	for range s.n {
		q := g.Query()
		if g.one(3) {
			q.From = math.MinInt64
		}
		q.Lean = g.one(4)
		if g.one(2) {
			q.Expect = 1 + g.IntN(40)
		}
		want := naive(calls, &q)
		if err := m.search(q, want, everything); err != nil {
			return err
		}
		if g.one(2) {
			if err := m.pages(q, calls, 1+len(want)/6+g.IntN(9)); err != nil {
				return err
			}
		}
		if err := m.halves(g, q); err != nil {
			return err
		}
	}
	return nil
}

// halves compares what is counted, without some of the ranges, with the halves of the calls that match.
func (m *model) halves(g *Gen, q store.Query) error {
	q.Tags, q.After = nil, store.Position{}
	if q.Half != nil {
		half := *q.Half
		half.Test = nil
		q.Half = &half
	}
	without := make(map[store.RangeID]bool)
	var want []string
	for i := range m.ranges {
		if g.one(4) {
			without[m.ranges[i].ID] = true
			continue
		}
		for _, c := range naive(m.ranges[i].Calls, &q) {
			for _, h := range []*span.Half{c.Client, c.Server} {
				if h != nil && h.Start >= q.From && (q.To == 0 || h.Start < q.To) && (q.Half == nil || q.Half.Match(h)) {
					want = append(want, describeHalf(h))
				}
			}
		}
	}
	var got []string
	err := m.store.HalvesWithout(ctx, &q, without, func(h *span.Half) bool {
		got = append(got, describeHalf(h))
		return true
	})
	if err != nil {
		return err
	}
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		return fmt.Errorf("halves of %+v without %v: %d, want %d, or they differ:\n%s\nwant\n%s", q, without, len(got), len(want), got, want)
	}
	if len(want) < 2 {
		return nil
	}
	n := 0
	err = m.store.HalvesWithout(ctx, &q, without, func(*span.Half) bool { n++; return n < 2 })
	if err == nil && n != 2 {
		err = fmt.Errorf("%d halves of %+v after it was told to end at the second", n, q)
	}
	return err
}

// describeHalf has what is counted of a half.
func describeHalf(h *span.Half) string {
	return fmt.Sprintf("%q %q %q %v %v %d %d", h.App, h.Operation, h.Component, h.Kind, h.Status, h.Start, h.Duration)
}

// search compares at most so many calls with the first of want.
func (m *model) search(q store.Query, want []span.Call, limit int) error {
	got, err := m.find(q, limit)
	if err == nil {
		err = sameCalls(got, want, limit, q.Lean)
	}
	if err != nil {
		return fmt.Errorf("query %+v, at most %d: %w", q, limit, err)
	}
	return nil
}

func (m *model) find(q store.Query, limit int) (got []span.Call, err error) {
	err = m.store.Search(ctx, &q, func(c span.Call) bool {
		got = append(got, c)
		return len(got) < limit
	})
	return got, err
}

func (m *model) pages(q store.Query, calls []span.Call, size int) error {
	for range len(calls) + 1 {
		if err := m.search(q, naive(calls, &q), size); err != nil {
			return err
		}
		page, err := m.find(q, size)
		if err != nil || len(page) < size {
			return err
		}
		q.After = store.PositionOf(&page[len(page)-1])
	}
	return errors.New("the pages do not end")
}

// sameCalls compares what was found, at most limit calls, with all that match. The order of calls at one position is free.
func sameCalls(got, want []span.Call, limit int, lean bool) error {
	if n := min(limit, len(want)); len(got) != n {
		return fmt.Errorf("%d calls, want %d", len(got), n)
	}
	for i := 0; i < len(got); {
		at := store.PositionOf(&want[i])
		to := i
		for to < len(want) && store.PositionOf(&want[to]) == at {
			to++
		}
		left := describeAll(want[i:to], lean)
		for ; i < min(to, len(got)); i++ {
			is := Describe(&got[i], lean)
			k := slices.Index(left, is)
			if k < 0 {
				return fmt.Errorf("call %d is\n%s\nwant one of\n%s", i, is, left)
			}
			left = slices.Delete(left, k, k+1)
		}
	}
	return nil
}

func (m *model) traces(s step) error {
	g := NewGen(4711)
	for range 30 {
		g.Trace()
	}
	r := NewGen(s.seed)
	traces := []id.Trace{{9, 9, 9}}
	for range s.n {
		if t := g.traces[r.IntN(len(g.traces))]; !slices.Contains(traces, t) {
			traces = append(traces, t)
		}
	}
	want := make([][]string, len(traces))
	for _, c := range m.calls() {
		if i := slices.Index(traces, c.Trace()); i >= 0 {
			want[i] = append(want[i], Describe(&c, false))
		}
	}
	batch, truncated, err := m.store.Traces(ctx, traces, everything)
	if err != nil {
		return err
	}
	for i, t := range traces {
		one, cut, err := m.store.Trace(ctx, t, 0)
		if err != nil || cut || truncated[i] {
			return fmt.Errorf("trace %s: truncated %v and %v, %w", t, cut, truncated[i], err)
		}
		slices.Sort(want[i])
		for _, calls := range [][]span.Call{one, batch[i]} {
			got := describeAll(calls, false)
			slices.Sort(got)
			if !slices.Equal(got, want[i]) {
				return fmt.Errorf("trace %s: %d calls, want %d, or they differ:\n%s\nwant\n%s", t, len(got), len(want[i]), got, want[i])
			}
		}
	}
	return nil
}

func (m *model) rollups(s step) error {
	g := NewGen(s.seed)
	first := Day / 60e9
	var rows []span.Rollup
	for i := range m.ranges {
		rows = append(rows, m.ranges[i].Rollups...)
	}
	for _, q := range []store.RollupQuery{{To: 1 << 40}, {From: first + g.Int64N(4), To: first + g.Int64N(6), Step: g.Int64N(4)},
		{From: first + g.Int64N(4), To: first + g.Int64N(6), Step: g.Int64N(4), Counts: true}} {
		got := make(Sums)
		minutes, err := m.store.Rollups(ctx, q, func(r *span.Rollup) bool {
			got.Add(r)
			return true
		})
		if err != nil {
			return err
		}
		want, wantMinutes := SumOf(rows, q)
		if !slices.Equal(got.Lines(), want.Lines()) || minutes != wantMinutes {
			return fmt.Errorf("%+v: %d keys of minutes %v, want %d of %v, or their counts differ", q, len(got), minutes, len(want), wantMinutes)
		}
	}
	return nil
}

func (m *model) count() error {
	st := m.store.Stats()
	if n := len(m.calls()); st.Calls != int64(n) || st.Ranges != len(m.ranges) {
		return fmt.Errorf("%d calls in %d ranges, want %d in %d", st.Calls, st.Ranges, n, len(m.ranges))
	}
	done, err := m.store.Done(ctx)
	if err != nil {
		return err
	}
	if !reflect.DeepEqual(done, m.done) {
		return fmt.Errorf("done is %v, want %v", done, m.done)
	}
	states := make(map[store.RangeID]string)
	err = m.store.States(ctx, 0, func(r store.RangeID, _ int64, state []byte) bool {
		states[r] = string(state)
		return true
	})
	if err != nil {
		return err
	}
	for i := range m.ranges {
		if r := &m.ranges[i]; states[r.ID] != string(r.State) {
			return fmt.Errorf("the state of range %s is %q, want %q", r.ID, states[r.ID], r.State)
		}
	}
	return nil
}
