package query

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"time"

	"github.com/twinspan/twinspan/internal/query/querytest"
	"github.com/twinspan/twinspan/internal/span"
	"github.com/twinspan/twinspan/internal/store"
	"github.com/twinspan/twinspan/sdk/id"
)

// traffic has one call each 10 ms over ten minutes but for a pause of five in their middle: 30,000 calls. Each hundredth
// failed, each tenth comes from outside, and one takes a minute.
func traffic() *querytest.Reader {
	r := &querytest.Reader{}
	rows := make(map[int64]*span.Rollup)
	n := 0
	for at := int64(0); at < 600e9; at += 10e6 {
		if at >= 150e9 && at < 450e9 {
			continue
		}
		h := &span.Half{Kind: span.KindServer, Type: span.TypeHTTP, App: "pay", Span: id.Span(n + 1), Origin: uint64(n + 1),
			Start: querytest.Base + at, Duration: int64(1e6 + n), Operation: "Do"}
		h.Trace[0], h.Trace[1], h.Trace[2] = byte(n>>16), byte(n>>8), byte(n)
		if n%100 == 0 {
			h.Status = span.StatusError
		}
		if n == 7777 {
			h.Duration = 60e9
		}
		caller := "gw"
		if n%10 == 0 {
			caller = ""
		}
		c := span.Join(nil, h, caller)
		r.Calls = append(r.Calls, c)
		m := h.Start / minute
		if rows[m] == nil {
			rows[m] = &span.Rollup{RollupKey: span.RollupKey{Minute: m, Type: span.TypeHTTP, Caller: "gw", Callee: "pay", Operation: "Do"}}
		}
		rows[m].Calls++
		if c.Failed() {
			rows[m].Errors++
		}
		n++
	}
	for _, row := range rows {
		r.Rows = append(r.Rows, *row)
	}
	return r
}

func scatter(t *testing.T, c Config, req ScatterRequest) *Scatter {
	t.Helper()
	if c.MaxScatterTime == DefaultConfig().MaxScatterTime {
		c.MaxScatterTime = time.Hour // a busy machine must not decide
	}
	s, err := New([]store.Reader{traffic()}, c, slog.New(slog.DiscardHandler)).Scatter(t.Context(), req)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestScatterIsEvenAndHasTheFailedAndTheSlowest(t *testing.T) {
	q := store.Query{From: querytest.Base, To: querytest.Base + 600e9}
	s := scatter(t, DefaultConfig(), ScatterRequest{Query: q, Points: 2000})
	if s.Complete || s.Partial || s.Matched != 30_000 || len(s.Calls) > 2000 || len(s.Calls) < 1000 {
		t.Fatal(s.Complete, s.Partial, s.Matched, len(s.Calls))
	}
	var failed, perPart [20]int
	slow, seen := false, make(map[id.Span]bool)
	for i := range s.Calls {
		c := &s.Calls[i]
		part := (c.Start() - querytest.Base) / 30e9
		if c.Failed() {
			failed[part]++
		} else {
			perPart[part]++
		}
		slow = slow || c.Duration() == 60e9
		if seen[c.Lead().Span] || i > 0 && store.Compare(&s.Calls[i-1], c) >= 0 {
			t.Fatal("doubled, or out of order")
		}
		seen[c.Lead().Span] = true
	}
	if !slow {
		t.Error("the slowest call is missing")
	}
	for i := range perPart {
		if i >= 5 && i < 15 {
			continue
		}
		// 3000 calls, 30 of them failed, are in each part that is no pause.
		if perPart[i] < 100 || failed[i] < 15 {
			t.Errorf("part %d has %d points and %d failed ones", i, perPart[i], failed[i])
		}
	}
}

func TestScatterOfFewIsAll(t *testing.T) {
	for _, test := range []struct {
		name  string
		query store.Query
		want  int
	}{
		{"failed", store.Query{Error: yes()}, 300},
		{"slow", store.Query{MinDuration: 50e9}, 1},
		{"from outside, in ten seconds", store.Query{Caller: External, From: querytest.Base + 500e9, To: querytest.Base + 510e9}, 100},
		{"none", store.Query{Callee: "gone"}, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			if test.query.To == 0 {
				test.query.From, test.query.To = querytest.Base, querytest.Base+600e9
			}
			s := scatter(t, DefaultConfig(), ScatterRequest{Query: test.query})
			if len(s.Calls) != test.want || !s.Complete || s.Matched != int64(test.want) {
				t.Error(len(s.Calls), s.Complete, s.Matched)
			}
		})
	}
}

func TestScatterOfFailedCallsOnly(t *testing.T) {
	q := store.Query{From: querytest.Base, To: querytest.Base + 600e9, Error: yes()}
	s := scatter(t, DefaultConfig(), ScatterRequest{Query: q, Points: 100})
	if s.Complete || s.Matched != 300 || len(s.Calls) < 50 || len(s.Calls) > 100 {
		t.Error(s.Complete, s.Matched, len(s.Calls))
	}
}

// stuck is a reader that answers when it is told to stop.
type stuck struct{ querytest.Reader }

func (*stuck) Search(ctx context.Context, _ *store.Query, _ func(span.Call) bool) error {
	<-ctx.Done()
	return ctx.Err()
}

func TestScatterEndsInTime(t *testing.T) {
	c := DefaultConfig()
	c.MaxScatterTime = time.Millisecond
	service := New([]store.Reader{&stuck{}}, c, slog.New(slog.DiscardHandler))
	s, err := service.Scatter(t.Context(), ScatterRequest{Query: store.Query{From: 1, To: 2}})
	if err != nil || !s.Partial || s.Reason == "" || s.Matched != -1 {
		t.Error(s, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := service.Scatter(ctx, ScatterRequest{Query: store.Query{From: 1, To: 2}}); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	for _, bad := range []ScatterRequest{{}, {Query: store.Query{From: 2, To: 1}}, {Query: store.Query{To: 1}, Points: MaxPoints + 1}} {
		if _, err := service.Scatter(t.Context(), bad); !errors.Is(err, ErrBad) {
			t.Errorf("%+v: %v", bad, err)
		}
	}
}

func TestCutCoversTheStretches(t *testing.T) {
	for _, active := range [][]Range{{{0, 1000}}, {{0, 10}, {500, 1000}}, {{3, 4}, {5, 6}, {7, 8}}, {{0, 1}}, {{0, 100}, {200, 207}, {300, 1000}}} {
		pieces := cut(active, 10)
		if len(pieces) > 10+len(active) {
			t.Error(active, pieces)
		}
		length := int64(0)
		for i, p := range pieces {
			length += p.To - p.From
			if p.From > p.To || i > 0 && p.From < pieces[i-1].To {
				t.Error(active, pieces)
			}
		}
		want := int64(0)
		for _, a := range active {
			want += a.To - a.From
		}
		if length != want {
			t.Error(active, pieces, length, want)
		}
	}
}

func TestAppSeries(t *testing.T) {
	service := New([]store.Reader{traffic()}, DefaultConfig(), slog.New(slog.DiscardHandler))
	s, err := service.AppSeries(t.Context(), Range{querytest.Base, querytest.Base + 600e9})
	if err != nil || len(s.Apps) != 1 || s.Apps[0].Name != "pay" || s.StepSeconds != 60 || len(s.Apps[0].Calls) != 10 {
		t.Fatal(s, err)
	}
	if a := s.Apps[0]; a.Calls[0] != 6000 || a.Errors[0] != 60 || a.Calls[2] != 3000 || a.Calls[4] != 0 || a.Calls[9] != 6000 {
		t.Error(a)
	}
	// A week in 120 steps at most.
	s, err = service.AppSeries(t.Context(), Range{querytest.Base - 6*24*3600e9, querytest.Base + 24*3600e9})
	if err != nil || s.StepSeconds != 120*60 {
		t.Fatal(s, err)
	}
	steps, sum := len(s.Apps[0].Calls), int64(0)
	for _, n := range s.Apps[0].Calls {
		sum += n
	}
	if steps > 120 || sum != 30_000 {
		t.Error(steps, sum)
	}
}

// The callee's half often arrives before the caller's: for a moment nothing tells the call from one from outside.
func TestACallerThatIsOnItsWayIsNotOutside(t *testing.T) {
	calls := querytest.Calls(t, "server gw 1 at=0+100\nserver pay 3 parent=2 twin=2 at=10+5")
	for i := range calls {
		calls[i].Server.Received = querytest.Base + 1e9
	}
	service := New([]store.Reader{&querytest.Reader{Calls: calls}}, DefaultConfig(), slog.New(slog.DiscardHandler))
	q := store.Query{Caller: External, From: querytest.Base, To: querytest.Base + 60e9}
	for after, want := range map[time.Duration]int{2 * time.Second: 1, time.Minute: 2} {
		service.now = func() time.Time { return time.Unix(0, querytest.Base).Add(after) }
		page, err := service.Search(t.Context(), SearchRequest{Query: q})
		if err != nil || len(page.Calls) != want {
			t.Errorf("after %s: %v, %v; want %d", after, page, err, want)
		}
		points, err := service.Scatter(t.Context(), ScatterRequest{Query: q})
		if err != nil || len(points.Calls) != want {
			t.Errorf("after %s: %v, %v; want %d points", after, points, err, want)
		}
	}
}
