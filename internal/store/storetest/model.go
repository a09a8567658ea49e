package storetest

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/twinspan/twinspan/internal/span"
	"github.com/twinspan/twinspan/internal/store"
)

// model is the naive store beside the one under test.
type model struct {
	variant  *Variant
	instance *Instance
	store    *store.Store
	now      int64
	next     map[uint16]int64 // offset of the partition's next record
	ranges   []store.Range
	done     map[uint16][]store.Interval
}

// records makes the log's records of a step: each some calls, and roll-ups. All scripts share a few traces.
func records(s step) (calls [][]span.Call, rollups [][]span.Rollup) {
	g := NewGen(s.seed)
	shared := NewGen(4711)
	for range 30 {
		shared.Trace()
	}
	g.traces = shared.traces
	for range s.n {
		calls = append(calls, sides(s.op, g.Calls(g.IntN(40))))
		rollups = append(rollups, g.Rollups(g.IntN(10)))
	}
	return calls, rollups
}

func sides(op string, calls []span.Call) []span.Call {
	if op != opClients && op != opServers {
		return calls
	}
	var out []span.Call
	for _, c := range calls {
		switch {
		case c.Client == nil || c.Server == nil:
			if op == opClients {
				out = append(out, c)
			}
		case op == opClients:
			out = append(out, span.Alone(c.Client, ""))
		default:
			out = append(out, span.Alone(c.Server, ""))
		}
	}
	return out
}

func (m *model) step(s step) error {
	switch s.op {
	case opWrite, opClients, opServers:
		calls, rollups := records(s)
		for len(calls) > 0 {
			n := min(m.variant.Cut, len(calls))
			r := m.cut(s.partition, calls[:n], rollups[:n])
			if err := m.write(r); err != nil {
				return err
			}
			calls, rollups = calls[n:], rollups[n:]
		}
		return nil
	case opAgain:
		return m.again(s)
	case opOverlap:
		return m.overlap(s)
	case opFail:
		return m.fail(s)
	case opRestart:
		return m.restart()
	case opClock:
		m.now += int64(s.n) * int64(time.Hour)
		return nil
	case opExpire:
		return m.expire()
	case opSearch:
		return m.searches(s)
	case opTraces:
		return m.traces(s)
	case opRollups:
		return m.rollups(s)
	case opCount:
		return m.count()
	}
	return errors.New("there is no such operation")
}

func (m *model) cut(partition uint16, calls [][]span.Call, rollups [][]span.Rollup) *store.Range {
	from := m.next[partition]
	return &store.Range{
		ID: store.RangeID{Partition: partition, From: from}, To: from + int64(len(calls)), Received: m.now,
		Calls: slices.Concat(calls...), Rollups: slices.Concat(rollups...), State: fmt.Appendf(nil, "%d to %d", from, len(calls)),
	}
}

func (m *model) write(r *store.Range) error {
	give := *r
	give.Calls = slices.Clone(r.Calls) // WriteRange may reorder
	if err := m.store.WriteRange(ctx, &give); err != nil {
		return err
	}
	m.next[r.ID.Partition] = r.To
	m.ranges = append(m.ranges, *r)
	m.done[r.ID.Partition] = appendInterval(m.done[r.ID.Partition], store.Interval{From: r.ID.From, To: r.To})
	return nil
}

// appendInterval adds an interval that lies behind all others.
func appendInterval(list []store.Interval, v store.Interval) []store.Interval {
	if n := len(list); n > 0 && list[n-1].To == v.From {
		list[n-1].To = v.To
		return list
	}
	return append(list, v)
}

func (m *model) last(partition uint16) *store.Range {
	for i := len(m.ranges) - 1; i >= 0; i-- {
		if m.ranges[i].ID.Partition == partition {
			return &m.ranges[i]
		}
	}
	return nil
}

// again writes a range that is done, as a replay would that was cut at the same offsets: it stays as it is.
func (m *model) again(s step) error {
	last := m.last(s.partition)
	if last == nil {
		return nil
	}
	other := *last
	calls, _ := records(s)
	other.Calls = slices.Concat(calls...)
	return m.store.WriteRange(ctx, &other)
}

func (m *model) overlap(s step) error {
	last := m.last(s.partition)
	if last == nil {
		return nil
	}
	for _, r := range []store.Range{
		{ID: last.ID, To: last.To + 1}, {ID: store.RangeID{Partition: s.partition, From: last.To - 1}, To: last.To + int64(s.n)},
	} {
		r.Received = m.now
		if r.ID == last.ID && r.To == last.To {
			continue
		}
		if err := m.store.WriteRange(ctx, &r); !errors.Is(err, store.ErrConflict) {
			return fmt.Errorf("range %s to %d: %w, want a conflict", r.ID, r.To, err)
		}
	}
	return nil
}

// fail tries to write a range, longer than any variant cuts them, and is stopped on the way: nothing of it may be seen.
func (m *model) fail(s step) error {
	calls, rollups := records(s)
	r := m.cut(s.partition, calls, rollups)
	m.instance.Fault(int(s.seed % 40))
	err := m.store.WriteRange(ctx, r)
	m.instance.Fault(-1)
	if err == nil { // it came to its end before the fault
		calls, rollups = records(s)
		r = m.cut(s.partition, calls, rollups)
		m.next[s.partition] = r.To
		m.ranges = append(m.ranges, *r)
		m.done[s.partition] = appendInterval(m.done[s.partition], store.Interval{From: r.ID.From, To: r.To})
	}
	cancelled, cancel := context.WithCancel(ctx)
	cancel()
	next := m.cut(s.partition, calls, rollups)
	if err := m.store.WriteRange(cancelled, next); !errors.Is(err, context.Canceled) {
		return fmt.Errorf("a write that was cancelled gives %w", err)
	}
	return nil
}

func (m *model) restart() (err error) {
	if err := m.store.Close(); err != nil {
		return err
	}
	if m.store, err = m.instance.Open(); err != nil {
		return err
	}
	m.done = make(map[uint16][]store.Interval)
	for _, r := range m.ranges {
		m.done[r.ID.Partition] = appendInterval(m.done[r.ID.Partition], store.Interval{From: r.ID.From, To: r.To})
	}
	return nil
}

// expire checks that what is left is what had to stay, and goes on with it.
func (m *model) expire() error {
	if _, err := m.store.Expire(ctx, time.Unix(0, m.now)); err != nil {
		return err
	}
	left := make(map[store.RangeID]bool)
	err := m.store.States(ctx, 0, func(r store.RangeID, _ int64, _ []byte) bool {
		left[r] = true
		return true
	})
	if err != nil {
		return err
	}
	newest := store.Day(math.MinInt32)
	for _, r := range m.ranges {
		newest = max(newest, store.DayOf(r.Received))
	}
	today := store.DayOf(m.now)
	kept := make(map[uint16]bool) // partitions of which something stayed
	var stay []store.Range
	for _, r := range m.ranges {
		day := store.DayOf(r.Received)
		old := int(today-day) > RetentionDays
		switch is := left[r.ID]; {
		case is && old && day != newest:
			return fmt.Errorf("range %s of %s is left on %s", r.ID, day, today)
		case !is && !old && m.variant.MaxBytes == 0:
			return fmt.Errorf("range %s of %s is gone on %s", r.ID, day, today)
		case !is && kept[r.ID.Partition]:
			return fmt.Errorf("range %s of %s is gone, an older one is left", r.ID, day)
		case is:
			kept[r.ID.Partition] = true
			stay = append(stay, r)
		}
		delete(left, r.ID)
	}
	if len(left) > 0 {
		return fmt.Errorf("ranges %v came from nowhere", left)
	}
	if len(m.ranges) > 0 && len(stay) == 0 {
		return errors.New("nothing is left")
	}
	// A directory may grow by a range beyond its share, and the newest always stays.
	if st := m.store.Stats(); m.variant.MaxBytes > 0 && st.Bytes > m.variant.MaxBytes && len(st.Days) > 1 {
		return fmt.Errorf("%d bytes of %d days are left, at most %d may be", st.Bytes, len(st.Days), m.variant.MaxBytes)
	}
	m.ranges = stay
	return nil
}

func (m *model) calls() (calls []span.Call) {
	for i := range m.ranges {
		calls = append(calls, m.ranges[i].Calls...)
	}
	return calls
}
