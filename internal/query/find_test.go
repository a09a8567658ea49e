package query_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"

	"github.com/twinspan/twinspan/internal/query"
	"github.com/twinspan/twinspan/internal/query/querytest"
	"github.com/twinspan/twinspan/internal/span"
	"github.com/twinspan/twinspan/internal/store"
	"github.com/twinspan/twinspan/sdk/id"
)

func finder(t *testing.T, config query.Config, scenarios ...string) *query.Service {
	t.Helper()
	var readers []store.Reader
	for i, text := range scenarios {
		calls := querytest.Calls(t, text)
		for k := range calls {
			calls[k].Lead().Origin += uint64(100 * i)
		}
		readers = append(readers, &querytest.Reader{Calls: calls})
	}
	return query.New(readers, config, slog.New(slog.DiscardHandler))
}

// Traces are given once, by their newest match, whichever reader has it.
func TestFind(t *testing.T) {
	s := finder(t, query.DefaultConfig(),
		"internal a 1 trace=a1 at=5+1\n internal a 2 trace=b2 at=4+1\n internal a 3 trace=b2 at=1+1",
		"internal a 4 trace=a1 at=2+1\n internal a 5 trace=c3 at=6+1\n internal b 6 trace=d4 at=7+1 \n internal a 7 trace=e5 at=3+1")
	for _, c := range []struct {
		app   string
		limit int
		want  string
	}{
		{"a", 10, "c3 a1 b2 e5"}, {"a", 2, "c3 a1"}, {"b", 1, "d4"}, {"", 3, "d4 c3 a1"}, {"none", 3, ""},
	} {
		req := query.FindRequest{Queries: []store.Query{{App: c.app}}, Limit: c.limit}
		found, partial, err := s.Find(context.Background(), req)
		if err != nil || partial {
			t.Fatal(err, partial)
		}
		var names []string
		for _, f := range found {
			names = append(names, strings.TrimLeft(f.ID.Hex(), "0"))
		}
		if got := strings.Join(names, " "); got != c.want {
			t.Errorf("%+v: found %s", c, got)
		}
	}
}

// A search that finds nothing more ends, and says so.
func TestFindIsBounded(t *testing.T) {
	var text strings.Builder
	for i := range 50 {
		fmt.Fprintf(&text, "internal a %d trace=a1 at=%d+1\n", i+1, 100-i)
	}
	text.WriteString("internal a 99 trace=b2 at=1+1")
	config := query.DefaultConfig()
	for scan, want := range map[int]int{20: 1, 60: 2} {
		config.MaxScan = scan
		s := finder(t, config, text.String())
		found, partial, err := s.Find(context.Background(), query.FindRequest{Queries: []store.Query{{}}, Limit: 10})
		if err != nil || len(found) != want || partial != (want == 1) {
			t.Errorf("passing over %d calls: %v, partial %v, %v", scan, found, partial, err)
		}
	}
	none := func(*span.Call) bool { return false }
	config.MaxScan = 20
	s := finder(t, config, text.String())
	if found, partial, err := s.Find(context.Background(), query.FindRequest{Queries: []store.Query{{}}, Match: none, Limit: 1}); err != nil || len(found) != 0 || !partial {
		t.Errorf("%v, partial %v, %v", found, partial, err)
	}
}

func TestTraceOf(t *testing.T) {
	s := finder(t, query.DefaultConfig(), "internal a 1 trace=a1")
	known, _ := id.ParseTrace("a1")
	if tr, err := s.TraceOf(context.Background(), known); err != nil || len(tr.Nodes) != 1 {
		t.Errorf("%v, %v", tr, err)
	}
	if _, err := s.TraceOf(context.Background(), id.Trace{1}); !errors.Is(err, query.ErrNotFound) {
		t.Errorf("%v", err)
	}
}

func TestNames(t *testing.T) {
	row := func(caller, callee, operation string, typ span.Type, source span.Source, side span.Kind, instance string) span.Rollup {
		return span.Rollup{RollupKey: span.RollupKey{Minute: querytest.Base / 60e9, Source: source, Side: side, Type: typ,
			Caller: caller, Callee: callee, Operation: operation, Instance: instance}, Calls: 1}
	}
	r := &querytest.Reader{Rows: []span.Rollup{
		row("", "gw", "GET /", span.TypeHTTP, 0, 0, "i"), row("gw", "pay", "Do", span.TypeRPC, 0, 0, "i"),
		row("pay", "mysql:pay", "SELECT", span.TypeDB, 0, 0, ""), row("pay", "pay", "check", span.TypeInternal, 0, 0, ""),
		row("pay", "mailer", "send", span.TypeMQ, 0, 0, "i"), row("pay", "redis", "GET", span.TypeCache, 0, 0, ""),
		row("", "old", "Do", span.TypeRPC, span.SourceStats, span.KindServer, "i"),
	}}
	s := query.New([]store.Reader{r}, query.DefaultConfig(), slog.New(slog.DiscardHandler))
	var names query.NameSet
	if err := s.Names(context.Background(), query.Range{From: querytest.Base, To: querytest.Base + 1}, &names); err != nil || names.Partial {
		t.Fatal(err)
	}
	var got []string
	for n := range names.Of("") {
		got = append(got, fmt.Sprintf("%s/%s/%s", n.App, n.Operation, n.Kind))
	}
	slices.Sort(got)
	want := []string{"gw/Do/client", "gw/GET //server", "mailer/send/consumer", "old/Do/server", "pay/Do/server", "pay/GET/client",
		"pay/SELECT/client", "pay/check/internal", "pay/send/producer"}
	if !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}
