package storetest

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/twinspan/twinspan/internal/span"
	"github.com/twinspan/twinspan/internal/store"
	"github.com/twinspan/twinspan/sdk/id"
)

// Variant is one way to keep a store. All variants have to give the same answers to the same script, those of a naive
// model that keeps every range as it was written.
type Variant struct {
	Name string
	// Cut is the number of records that go into one range at most: the same log, cut differently.
	Cut int
	// MaxBytes is the size beyond which Expire drops, 0 for none.
	MaxBytes int64
	// New makes an empty store in a new directory.
	New func(dir string) *Instance
}

// Instance is the store of one run of a script.
type Instance struct {
	// Open opens it again each time, after it was closed.
	Open func() (*store.Store, error)
	// Fault lets writes fail after some steps until the next call; below 0 they succeed.
	Fault func(after int)
}

// RetentionDays is what variants have to be set to.
const RetentionDays = 3

// Metamorphic runs scripts against all variants: those of testdata/metamorphic in the test's directory, and so many random ones.
// A script that fails is made shorter and printed; as a file of testdata/metamorphic it is run again from then on.
func Metamorphic(t *testing.T, variants []Variant, seed uint64, runs, steps int) {
	scripts := make(map[string][]step)
	files, err := filepath.Glob(filepath.Join("testdata", "metamorphic", "*.txt"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if scripts[filepath.Base(file)], err = parseScript(string(text)); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
	}
	for i := range uint64(runs) {
		scripts[fmt.Sprintf("seed=%d", seed+i)] = randomScript(seed+i, steps)
	}
	for name, script := range scripts {
		for _, v := range variants {
			t.Run(name+"/"+v.Name, func(t *testing.T) { v.check(t, script) })
		}
	}
}

func (v *Variant) check(t *testing.T, script []step) {
	dir, n := t.TempDir(), 0
	run := func(script []step) error {
		n++
		at := filepath.Join(dir, fmt.Sprint(n))
		err := v.run(at, script)
		if removed := os.RemoveAll(at); removed != nil {
			t.Error(removed)
		}
		return err
	}
	err := run(script)
	if err == nil {
		return
	}
	short := shrink(script, 150, func(s []step) bool { return run(s) != nil })
	t.Errorf("%v\n\nThe shortest script found, which gives %v:\n%s", err, run(short), formatScript(short))
}

// run runs a script and gives the first difference to the model.
func (v *Variant) run(dir string, script []step) (err error) {
	m := &model{variant: v, instance: v.New(dir), now: Day, next: make(map[uint16]int64), done: make(map[uint16][]store.Interval)}
	if m.store, err = m.instance.Open(); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, m.store.Close()) }()
	for i, s := range script {
		if err := m.step(s); err != nil {
			return fmt.Errorf("step %d, %v: %w", i+1, s, err)
		}
	}
	return nil
}

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
