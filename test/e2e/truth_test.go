package e2e

import (
	"bufio"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// truth is what the services themselves wrote and counted.
type truth struct {
	// traces are the halves in the digest logs, by trace.
	traces map[string][]line
	// requests are those that were sent, with the gateway's trace ids.
	requests []request
	// made and received are the services' own counts.
	made, received []row
	halves         int
}

// line is a digest line, as far as it is needed.
type line struct {
	App     string `json:"local.app"`
	TraceID string `json:"traceId"`
	Kind    string `json:"span.kind"`
	Type    string `json:"type"`
	Span    string `json:"span.id8"`
	Twin    string `json:"twin.id8"`
	Start   string `json:"start.ns"`
}

type request struct {
	TraceID  string `json:"traceId"`
	Status   int    `json:"status"`
	LoadTest bool   `json:"loadTest"`
}

type row struct {
	Side      string `json:"side"`
	Caller    string `json:"caller"`
	Callee    string `json:"callee"`
	Type      string `json:"type"`
	Operation string `json:"operation"`
	LoadTest  bool   `json:"loadTest"`
	Calls     int64  `json:"calls"`
	Errors    int64  `json:"errors"`
}

// untraced are processes that count but write no logs.
var untraced = map[string]bool{"queue": true, "bank": true}

// readTruth reads what a payment system has left behind. It fails where the services disagree with their own logs.
func readTruth(t *testing.T, dir string) *truth {
	t.Helper()
	tr := &truth{traces: make(map[string][]line)}
	var spans, dropped uint64
	reports, err := filepath.Glob(filepath.Join(dir, "logs", "*", "counts.json"))
	if err != nil || len(reports) == 0 {
		t.Fatalf("no counts under %s: %v", dir, err)
	}
	for _, path := range reports {
		var report struct {
			Service string
			Tracer  struct{ Spans, QueueDropped, WriteLost uint64 }
			Edges   []row
		}
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(text, &report); err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		spans += report.Tracer.Spans
		dropped += report.Tracer.QueueDropped + report.Tracer.WriteLost
		if untraced[report.Service] {
			continue
		}
		for _, r := range report.Edges {
			if r.Side == "client" {
				tr.made = append(tr.made, r)
			} else {
				tr.received = append(tr.received, r)
			}
		}
	}
	for _, pattern := range []string{"logs/*/*-digest.log", "logs/*/shadow/*-digest.log"} {
		files, err := filepath.Glob(filepath.Join(dir, pattern))
		if err != nil {
			t.Fatal(err)
		}
		for _, path := range files {
			tr.readDigest(t, path)
		}
	}
	if uint64(tr.halves) != spans || dropped != 0 {
		t.Fatalf("the services ended %d spans, lost %d and wrote %d", spans, dropped, tr.halves)
	}
	readLines(t, filepath.Join(dir, "requests.jsonl"), func(text string) {
		var r request
		if err := json.Unmarshal([]byte(text), &r); err != nil {
			t.Fatal(err)
		}
		tr.requests = append(tr.requests, r)
	})
	return tr
}

func (tr *truth) readDigest(t *testing.T, path string) {
	readLines(t, path, func(text string) {
		var l line
		if !strings.HasPrefix(text, "{") {
			// Columns: time, app, trace, span, kind, …; the last is an object with "," and "%" escaped.
			columns := strings.Split(text, ",")
			extras := strings.NewReplacer("%2C", ",", "%25", "%").Replace(columns[len(columns)-1])
			l = line{App: columns[1], TraceID: columns[2], Kind: columns[4]}
			text = extras
		}
		if err := json.Unmarshal([]byte(text), &l); err != nil {
			t.Fatalf("%s: %v: %s", path, err, text)
		}
		tr.traces[l.TraceID] = append(tr.traces[l.TraceID], l)
		tr.halves++
	})
}

func readLines(t *testing.T, path string, fn func(string)) {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	in := bufio.NewScanner(f)
	in.Buffer(nil, 1<<22)
	for in.Scan() {
		fn(in.Text())
	}
	if err := in.Err(); err != nil {
		t.Fatal(err)
	}
}

// edge is what a topology counts by.
type edge struct{ caller, callee, typ string }

type count struct{ calls, errors, loadTest int64 }

// edges gives what the topology has to say, by the services' counts: a call once, by who made it. Calls from outside are
// counted by who received them; a message once for each delivery, by its consumer, and by its producer where it was not
// taken by the queue. keep says which rows count.
func (tr *truth) edges(keep func(row) bool) map[edge]count {
	edges := make(map[edge]count)
	add := func(e edge, calls, errors int64, r row) {
		if !keep(r) || calls == 0 {
			return
		}
		c := edges[e]
		c.calls += calls
		c.errors += errors
		if r.LoadTest {
			c.loadTest += calls
		}
		edges[e] = c
	}
	for _, r := range tr.made {
		if r.Type == "mq" {
			add(edge{r.Caller, r.Callee, r.Type}, r.Errors, r.Errors, r)
			continue
		}
		add(edge{r.Caller, r.Callee, r.Type}, r.Calls, r.Errors, r)
	}
	for _, r := range tr.received {
		switch {
		case r.Type == "mq":
			add(edge{r.Caller, r.Callee, r.Type}, r.Calls, r.Errors, r)
		case r.Callee == "gateway":
			add(edge{"external", r.Callee, r.Type}, r.Calls, r.Errors, r)
		}
	}
	return edges
}

// apps gives what each application received, and each store and outside system was sent, by the services' counts.
func (tr *truth) apps() map[string]count {
	apps := make(map[string]count)
	add := func(name string, calls, errors int64) {
		c := apps[name]
		c.calls += calls
		c.errors += errors
		apps[name] = c
	}
	for _, r := range tr.received {
		add(r.Callee, r.Calls, r.Errors)
	}
	for _, r := range tr.made {
		switch {
		case r.Type == "mq" && r.Errors > 0:
			add(r.Callee, r.Errors, r.Errors)
		case r.Type == "db" || r.Type == "cache" || untraced[r.Callee]:
			add(r.Callee, r.Calls, r.Errors)
		}
	}
	return apps
}

// operations gives what each application was asked, by operation. A call counts as failed where either side says so, which
// is the side that made it, but for calls from outside and messages.
func (tr *truth) operations() map[string]map[string]count {
	apps := make(map[string]map[string]count)
	add := func(r row, calls, errors int64) {
		if apps[r.Callee] == nil {
			apps[r.Callee] = make(map[string]count)
		}
		c := apps[r.Callee][r.Operation]
		c.calls += calls
		c.errors += errors
		apps[r.Callee][r.Operation] = c
	}
	for _, r := range tr.received {
		if r.Type == "mq" || r.Callee == "gateway" {
			add(r, r.Calls, r.Errors)
		} else {
			add(r, r.Calls, 0)
		}
	}
	for _, r := range tr.made {
		if (r.Type == "http" || r.Type == "rpc") && !untraced[r.Callee] {
			add(r, 0, r.Errors)
		}
	}
	return apps
}

// internal is the number of internal spans.
func (tr *truth) internal() int64 {
	var n int64
	for _, lines := range tr.traces {
		for _, l := range lines {
			if l.Kind == "internal" {
				n++
			}
		}
	}
	return n
}
