package e2e

import (
	"errors"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"testing"
)

// checkTraces holds every trace against the logs: each half that was written is there once, each client half is joined
// with its server half, and all hang below one root.
func checkTraces(t *testing.T, s *server, tr *truth) {
	t.Helper()
	if len(tr.requests) != len(tr.traces) {
		t.Errorf("%d requests made %d traces", len(tr.requests), len(tr.traces))
	}
	wrong := 0
	for _, r := range tr.requests {
		if err := checkTrace(s, r, tr.traces[r.TraceID]); err != nil {
			if wrong++; wrong <= 5 {
				t.Errorf("trace %s: %v", r.TraceID, err)
			}
		}
	}
	if wrong > 0 {
		t.Fatalf("%d of %d traces are not as the services wrote them", wrong, len(tr.requests))
	}
}

// name names a half.
type name struct{ app, kind, span, start string }

func checkTrace(s *server, r request, lines []line) error {
	got, err := s.trace(r.TraceID)
	if err != nil {
		return err
	}
	if got.TraceID != r.TraceID || got.LoadTest != r.LoadTest {
		return fmt.Errorf("it is %s, load test %v; want load test %v", got.TraceID, got.LoadTest, r.LoadTest)
	}
	want := make(map[name]int)
	clients := make(map[string]line)
	for _, l := range lines {
		want[name{l.App, l.Kind, l.Span, l.Start}]++
		if l.Kind == "client" || l.Kind == "producer" {
			clients[l.Span] = l
		}
	}
	roots, halves := 0, 0
	var errs []error
	for _, c := range got.Calls {
		for _, h := range []*half{c.Client, c.Server} {
			if h == nil {
				continue
			}
			halves++
			n := name{h.App, h.Kind, h.SpanID, h.StartUnixNano}
			if want[n]--; want[n] < 0 {
				errs = append(errs, fmt.Errorf("a half too much: %v", n))
			}
		}
		if c.ParentID == nil {
			roots++
		}
		errs = append(errs, checkJoined(c, clients))
	}
	for n, missing := range want {
		if missing > 0 {
			errs = append(errs, fmt.Errorf("missing: %v", n))
		}
	}
	if roots != 1 || halves != got.Halves {
		errs = append(errs, fmt.Errorf("%d roots, %d halves of %d", roots, halves, got.Halves))
	}
	return errors.Join(errs...)
}

// checkJoined says whether a call lacks a half that is there.
func checkJoined(c call, clients map[string]line) error {
	if c.Server == nil || c.Client != nil {
		return nil // a client half without its server half leaves that one alone: it is seen there
	}
	client, ok := clients[c.Server.TwinSpanID]
	switch {
	case !ok:
		return nil // from outside
	case c.Server.Kind == "consumer" && c.Caller == client.App:
		return nil // a further delivery, which names its producer
	}
	return fmt.Errorf("the halves of %s -> %s %s are there and not joined", client.App, c.Callee, c.Operation)
}

// checkEdges holds the topology against the services' counts.
func checkEdges(s *server, query url.Values, want map[edge]count) error {
	var got topology
	if err := s.get("topology", query, &got); err != nil {
		return err
	}
	want = maps.Clone(want)
	var errs []error
	for _, e := range got.Edges {
		k := edge{e.Caller, e.Callee, e.Type}
		g := count{e.Calls, e.Errors, e.LoadTestCalls}
		if g != want[k] {
			errs = append(errs, fmt.Errorf("%v: %+v, the services count %+v", k, g, want[k]))
		}
		delete(want, k)
	}
	for k, c := range want {
		errs = append(errs, fmt.Errorf("%v: no edge, the services count %+v", k, c))
	}
	return errors.Join(errs...)
}

// checkApps holds the list of applications against the services' counts.
func checkApps(s *server, want map[string]count) error {
	var got apps
	if err := s.get("apps", nil, &got); err != nil {
		return err
	}
	var errs []error
	seen := make(map[string]bool)
	for _, a := range got.Apps {
		w, ok := want[a.Name]
		if g := (count{calls: a.Calls, errors: a.Errors}); g != w || !ok {
			errs = append(errs, fmt.Errorf("app %s: %+v, the services count %+v", a.Name, g, w))
		}
		if a.Kind == "app" && !untraced[a.Name] && a.Source != "stats" {
			errs = append(errs, fmt.Errorf("app %s is counted from %q", a.Name, a.Source))
		}
		seen[a.Name] = true
	}
	for _, name := range slices.Sorted(maps.Keys(want)) {
		if !seen[name] {
			errs = append(errs, fmt.Errorf("app %s is not listed", name))
		}
	}
	return errors.Join(errs...)
}

// checkOperations holds the operations of every application against the services' counts.
func checkOperations(s *server, want map[string]map[string]count) error {
	var errs []error
	for app, operations := range want {
		var got struct {
			Operations []struct {
				Name, Type    string
				Calls, Errors int64
			}
		}
		if err := s.get("operations", url.Values{"app": {app}}, &got); err != nil {
			return err
		}
		left := maps.Clone(operations)
		for _, o := range got.Operations {
			if o.Type == "internal" {
				continue
			}
			if g := (count{calls: o.Calls, errors: o.Errors}); g != left[o.Name] {
				errs = append(errs, fmt.Errorf("%s of %s: %+v, the services count %+v", o.Name, app, g, left[o.Name]))
			}
			delete(left, o.Name)
		}
		for name := range left {
			errs = append(errs, fmt.Errorf("%s of %s is missing", name, app))
		}
	}
	return errors.Join(errs...)
}

// checkCounts waits until the collector has everything, and compares all that it counts with the services' counts.
func checkCounts(t *testing.T, s *server, tr *truth) {
	t.Helper()
	all := func(row) bool { return true }
	load := func(r row) bool { return r.LoadTest }
	eventually(t, "topology", func() error { return checkEdges(s, nil, tr.edges(all)) })
	eventually(t, "topology of the load test", func() error {
		return checkEdges(s, url.Values{"loadTest": {"true"}}, tr.edges(load))
	})
	eventually(t, "topology without the load test", func() error {
		return checkEdges(s, url.Values{"loadTest": {"false"}}, tr.edges(func(r row) bool { return !r.LoadTest }))
	})
	eventually(t, "apps", func() error { return checkApps(s, tr.apps()) })
	eventually(t, "operations", func() error { return checkOperations(s, tr.operations()) })
}

// checkSearch pages through all calls and counts.
func checkSearch(t *testing.T, s *server, tr *truth) {
	t.Helper()
	sum := func(keep func(row) bool) (n int64) {
		for _, c := range tr.edges(keep) {
			n += c.calls
		}
		return n
	}
	var failed int64
	for _, c := range tr.edges(func(r row) bool { return r.Caller == "trade" && r.Callee == "payment" }) {
		failed += c.errors
	}
	for _, c := range []struct {
		name  string
		query url.Values
		want  int64
	}{
		{"all", url.Values{}, sum(func(row) bool { return true }) + tr.internal()},
		{"entry", url.Values{"callee": {"gateway"}, "type": {"http"}}, int64(len(tr.requests))},
		{"load test at the entry", url.Values{"callee": {"gateway"}, "type": {"http"}, "loadTest": {"true"}},
			sum(func(r row) bool { return r.Side == "server" && r.Callee == "gateway" && r.LoadTest })},
		{"statements of the ledger", url.Values{"callee": {"sqlite:ledger"}}, sum(func(r row) bool { return r.Callee == "sqlite:ledger" })},
		{"failed payments", url.Values{"caller": {"trade"}, "callee": {"payment"}, "error": {"true"}}, failed},
	} {
		calls, err := s.search(c.query)
		if err != nil {
			t.Fatalf("search %s: %v", c.name, err)
		}
		if int64(len(calls)) != c.want {
			t.Errorf("search %s finds %d calls, the services count %d", c.name, len(calls), c.want)
		}
	}
}
