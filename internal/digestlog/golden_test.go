package digestlog

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/twinspan/twinspan/internal/span"
)

// TestGolden shows the first record of every component, kind of file and format as `twinspan parse` prints it:
// testdata/java.golden, testdata/twinspan.golden.
func TestGolden(t *testing.T) {
	for _, set := range []string{"java", "twinspan"} {
		var out bytes.Buffer
		files := archive(t, set+"-logs")
		seen := map[string]bool{}
		for _, name := range sortedNames(files) {
			f, ok := Known(path.Base(name))
			caseName, _, _ := strings.Cut(name, "/")
			format := caseName[strings.LastIndexByte(caseName, '-')+1:]
			id := format + " " + f.Component + " " + f.Kind.String()
			if !ok || f.Kind == KindOther || format != "json" && format != "text" || seen[id] {
				continue
			}
			seen[id] = true
			src := sourceOf(name)
			src.Host = ""
			rec := readRecords(t, src, files[name])[0]
			out.WriteString("# " + name + ", " + outcome(rec) + "\n" + strings.TrimSpace(string(files[name][rec.From:rec.To])) + "\n" + marshal(t, rec) + "\n\n")
		}
		golden(t, set+".golden", out.String())
	}
}

// TestGoldenOdd shows how the odd lines of testdata/odd/<file> are read; the lines are Java's, cut down to one of each kind.
func TestGoldenOdd(t *testing.T) {
	names, err := filepath.Glob("testdata/odd/*.log")
	if err != nil || len(names) == 0 {
		t.Fatal(names, err)
	}
	for _, name := range names {
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		base, _, _ := strings.Cut(filepath.Base(name), "@")
		var out bytes.Buffer
		for _, rec := range readRecords(t, Source{Name: base + ".log", Zone: time.UTC}, data) {
			out.WriteString("# " + strings.Join(strings.Fields(outcome(rec)), " ") + "\n" + marshal(t, rec) + "\n")
		}
		golden(t, filepath.Join("odd", strings.TrimSuffix(filepath.Base(name), ".log")+".golden"), out.String())
	}
}

func marshal(t *testing.T, rec Record) string {
	t.Helper()
	var v any = rec.Half
	switch {
	case rec.Stat != nil:
		v = rec.Stat
	case rec.Err != nil:
		return fmt.Sprintf("reading a log record: %s: %s: %q", rec.Err.Reason, rec.Err.Detail, rec.Err.Sample)
	}
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// TestTwinspanLines reads the lines of this project's tracer: every one is read without repair, JSON and text alike, and
// every server half finds its client half.
func TestTwinspanLines(t *testing.T) {
	halves := map[string]int{}
	for name, data := range archive(t, "twinspan-logs") {
		f, ok := Known(path.Base(name))
		if !ok {
			t.Fatalf("%s is not known", name)
		}
		for _, rec := range readRecords(t, sourceOf(name), data) {
			if rec.Err != nil || rec.Repairs != 0 {
				t.Errorf("%s at %d: %s", name, rec.From, outcome(rec))
				continue
			}
			format, _, _ := strings.Cut(name, "/")
			switch {
			case rec.Half != nil:
				h := rec.Half
				halves[format+" "+h.Component]++
				if h.Coarse || h.Instance == "agent-host" || h.Operation == "" || h.Status == span.StatusUnset || h.LoadTest != sourceOf(name).Shadow {
					t.Errorf("%s at %d: %+v", name, rec.From, h)
				}
				if h.Kind.CalleeSide() && h.Dotted != "0" && (h.Twin == 0 || h.Parent != h.Twin) {
					t.Errorf("%s at %d: twin %v, parent %v", name, rec.From, h.Twin, h.Parent)
				}
			case rec.Stat != nil:
				s := rec.Stat
				if s.Latency == nil || s.Latency.Count != s.Count || s.Length == 0 || s.App == "" || s.Component != f.Component ||
					s.TotalNanos != s.Latency.Sum {
					t.Errorf("%s at %d: %+v", name, rec.From, s)
				}
			}
		}
	}
	for what, n := range halves {
		format, component, _ := strings.Cut(what, " ")
		if other := map[string]string{"json": "text", "text": "json"}[format]; halves[other+" "+component] != n {
			t.Errorf("%d halves of %s, %d in %s", n, what, halves[other+" "+component], other)
		}
	}
}

// TestJavaTwins counts how many server halves find the client half that they answer, over all services of a case.
func TestJavaTwins(t *testing.T) {
	files := archive(t, "java-logs")
	type key struct {
		trace string
		span  string
	}
	clients, servers := map[string]map[key]bool{}, map[string][]*span.Half{}
	for _, name := range sortedNames(files) {
		caseName, _, _ := strings.Cut(name, "/")
		if f, ok := Known(path.Base(name)); !ok || f.Kind != KindDigest {
			continue
		}
		for _, rec := range readRecords(t, sourceOf(name), files[name]) {
			switch h := rec.Half; {
			case h == nil:
			case h.Kind.CallerSide():
				if clients[caseName] == nil {
					clients[caseName] = map[key]bool{}
				}
				clients[caseName][key{h.TraceString(), h.Span.String()}] = true
			case h.Twin != 0:
				servers[caseName] = append(servers[caseName], h)
			}
		}
	}
	found := map[string][2]int{}
	for caseName, list := range servers {
		n := 0
		for _, h := range list {
			if clients[caseName][key{h.TraceString(), h.Twin.String()}] {
				n++
			}
		}
		found[caseName] = [2]int{n, len(list)}
	}
	// With 50 percent a root client span is sampled twice: of 100, 62 were sampled at the server, 38 at the client, 18 at both.
	roots := [2]int{}
	for _, h := range servers["sampling-50"] {
		if h.Dotted == "0.1" {
			roots[1]++
			if clients["sampling-50"][key{h.TraceString(), h.Twin.String()}] {
				roots[0]++
			}
		}
	}
	found["sampling-50, root clients"] = roots
	// The server half of kafka-json without one is a message that was sent on from a listener: it has no line.
	for caseName, want := range map[string][2]int{
		"core-json": {104, 104}, "core-text": {104, 104}, "dubbo26-json": {49, 49}, "dubbo27-json": {49, 49}, "kafka-json": {16, 17},
		"rabbit-text": {8, 8}, "rocket-json": {8, 8}, "v4-json": {44, 44}, "sampling-50, root clients": {18, 62},
	} {
		if found[caseName] != want {
			t.Errorf("%s: %d of %d server halves find their client half, expected %d of %d", caseName, found[caseName][0], found[caseName][1], want[0], want[1])
		}
	}
}
