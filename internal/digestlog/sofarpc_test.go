package digestlog

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twinspan/twinspan/internal/span"
)

// TestSOFARPCJava reads what a client and a server of Java's SOFARPC 5.13.2 wrote with SOFATracer 3.1.9 (testdata/sofarpc; they are those of
// test/java/sofarpc). Every line is read, testdata/sofarpc.golden has as what; every server half finds its client half; and the durations,
// which digest lines do not have as such, agree with what Java counted of its spans.
func TestSOFARPCJava(t *testing.T) {
	names, err := filepath.Glob("testdata/sofarpc/*/*.log")
	if err != nil || len(names) != 4 {
		t.Fatal(names, err)
	}
	shadow, err := filepath.Glob("testdata/sofarpc/*/shadow/*.log")
	if err != nil || len(shadow) != 4 {
		t.Fatal(shadow, err)
	}
	type counted struct {
		component, operation string
		failed, loadTest     bool
	}
	var out bytes.Buffer
	clients, millis, counts, all := map[string]*span.Half{}, map[counted]int64{}, map[counted]uint64{}, map[counted]*span.Stat{}
	var servers []*span.Half
	for _, name := range slices.Concat(names, shadow) {
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		out.WriteString("# " + strings.TrimPrefix(filepath.ToSlash(name), "testdata/sofarpc/") + "\n")
		for _, rec := range readRecords(t, Source{Name: filepath.Base(name), Zone: time.UTC, Shadow: slices.Contains(shadow, name)}, data) {
			out.WriteString(marshal(t, rec) + "\n")
			if rec.Err != nil || rec.Lines != 1 || rec.Repairs != 0 && !bytes.Contains(data[rec.From:rec.To], []byte(`q=a"b`)) {
				t.Errorf("%s at %d: %s", name, rec.From, outcome(rec))
				continue
			}
			if s := rec.Stat; s != nil {
				all[counted{s.Component, s.Operation, s.Errors > 0, s.LoadTest}] = s
				continue
			}
			h := rec.Half
			of := counted{h.Component, h.Operation, h.Status == span.StatusError, h.LoadTest}
			millis[of] += h.Duration / 1e6
			counts[of]++
			if h.Kind == span.KindServer {
				servers = append(servers, h)
			} else {
				clients[h.TraceString()+" "+h.Span.String()] = h
			}
		}
	}
	golden(t, "sofarpc.golden", out.String())
	for _, s := range servers {
		c := clients[s.TraceString()+" "+s.Twin.String()]
		if c == nil || c.App != "shop" || c.Peer != "ledger" || s.App != "ledger" || s.Peer != "shop" || c.Operation != s.Operation || c.LoadTest != s.LoadTest {
			t.Errorf("%+v is no call of %+v", s, c)
		} else if s.Start < c.Start {
			t.Errorf("%s was served before it was called", s.TraceString())
		}
	}
	if len(servers) != 9 || len(clients) != 10 || len(all) != len(counts) {
		t.Errorf("%d server halves of %d client halves, %d stat lines for %d kinds of calls", len(servers), len(clients), len(all), len(counts))
	}
	for of, n := range counts {
		s := all[of]
		if s == nil || s.Count != n {
			t.Errorf("%+v: %d halves, %+v", of, n, s)
		} else if off := millis[of] - s.TotalNanos/1e6; off < -5*int64(n) || off > 5*int64(n) {
			t.Errorf("%+v: the halves took %d ms, Java counted %d", of, millis[of], s.TotalNanos/1e6)
		} else {
			t.Logf("%+v: the halves took %d ms, Java counted %d", of, millis[of], s.TotalNanos/1e6)
		}
	}
}
