package id

import (
	"encoding/json"
	"os"
	"strconv"
	"strings"
	"testing"
)

func readGolden(t *testing.T, name string, into any) {
	t.Helper()
	data, err := os.ReadFile("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(data, into); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
}

// TestSOFATracerTraceIDs reads ids that Java SOFATracer generated, and takes them apart as its documentation says.
func TestSOFATracerTraceIDs(t *testing.T) {
	var golden []struct {
		IDs  []string `json:"ids"`
		Turn []string `json:"aroundTheCountersTurn"`
		PID  string   `json:"pid"`
	}
	readGolden(t, "trace-ids.json", &golden)
	for _, text := range append(golden[0].IDs, golden[0].Turn...) {
		trace, exact := ParseTrace(text)
		if !exact || !trace.IsSOFA() || trace.String() != text {
			t.Errorf("%s reads back as %s", text, trace)
		}
		if text[:8] != "c0000202" || text[25:] != golden[0].PID {
			t.Errorf("%s: not host and pid", text)
		}
		if n, err := strconv.Atoi(text[21:25]); err != nil || n < minSequence || n > maxSequence+1 { // Java's goes to 9001
			t.Errorf("%s: sequence %d", text, n)
		}
	}
}

func TestSOFATracerSpanIDs(t *testing.T) {
	var golden []struct {
		SpanID string `json:"spanId"`
		Hex    string `json:"hex"`
	}
	readGolden(t, "zipkin-span-ids.json", &golden)
	if len(golden) < 10 {
		t.Fatalf("only %d golden ids", len(golden))
	}
	for _, g := range golden {
		// The empty id and text of 16 hex digits are no dotted ids here: see SpanOf. Java hashes UTF-16, which matters only
		// for text that no tracer makes a span id of.
		_, hex := ParseSpan(g.SpanID)
		if g.SpanID == "" || hex && len(g.SpanID) == 16 || strings.ContainsFunc(g.SpanID, func(r rune) bool { return r > 127 }) {
			continue
		}
		if got := Span(fnv1a(fnvOffset, g.SpanID)).String(); got != g.Hex {
			t.Errorf("%q: %s, SOFATracer has %s", g.SpanID, got, g.Hex)
		}
	}
}
