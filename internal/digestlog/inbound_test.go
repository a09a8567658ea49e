package digestlog

import (
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/twinspan/twinspan/internal/span"
)

// TestInboundContexts reads the lines that Java wrote for requests with odd headers, and compares them with the context
// that Java itself had in memory (testdata/inbound.json).
func TestInboundContexts(t *testing.T) {
	data, err := os.ReadFile("testdata/inbound.json")
	if err != nil {
		t.Fatal(err)
	}
	var cases []struct {
		TraceID, SpanID        string
		BizBaggage, SysBaggage map[string]string
		Digest, Shadow         string
	}
	if err := json.Unmarshal(data, &cases); err != nil {
		t.Fatal(err)
	}
	for _, c := range cases {
		src := sourceOf("edge-json/b/spring-mvc-digest.log")
		src.Shadow = c.Shadow != ""
		records := readRecords(t, src, []byte(c.Digest+c.Shadow))
		if len(records) != 1 {
			t.Errorf("%d records of %q", len(records), c.Digest+c.Shadow)
			continue
		}
		rec := records[0]
		if c.TraceID == "" {
			if rec.Err == nil || rec.Err.Reason != ReasonTraceID {
				t.Errorf("without a trace id: %+v", rec)
			}
			continue
		}
		if rec.Err != nil {
			t.Error(rec.Err)
			continue
		}
		h := rec.Half
		if h.TraceString() != c.TraceID || h.Dotted != c.SpanID {
			t.Errorf("ids %q %q, the context had %q %q", h.TraceString(), h.Dotted, c.TraceID, c.SpanID)
		}
		if h.LoadTest != (c.BizBaggage["mark"] == "T") {
			t.Errorf("%s: load test %v", h.TraceString(), h.LoadTest)
		}
		want := map[string]string{}
		for k, v := range c.SysBaggage {
			want[k] = v
		}
		for k, v := range c.BizBaggage {
			want[k] = v
		}
		got := map[string]string{}
		h.Payload.Attrs(func(key string, v span.Value) bool {
			if k, ok := strings.CutPrefix(key, "baggage."); ok {
				got[k] = v.Text()
			}
			return true
		})
		if len(got) != len(want) {
			t.Errorf("%s: baggage %q, the context had %q", h.TraceString(), got, want)
		}
		for k, v := range want {
			if got[k] != v {
				t.Errorf("%s: baggage %s: %q, the context had %q", h.TraceString(), k, got[k], v)
			}
		}
	}
}
