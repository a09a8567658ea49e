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

// TestSOFARPCDurations: a begin counts only where it can be the call's; what is left is what the line counted.
func TestSOFARPCDurations(t *testing.T) {
	const begin = 1795468757000 // 2026-11-23 21:19:17.000 UTC
	const trace, other = "c00002021795468757000100114826", "c00002021795468756000100114826"
	for _, tt := range []struct {
		name, file, trace, spanID, fields string
		zone                              *time.Location
		want                              time.Duration
	}{
		{"the begin", "client", other, "0.1", `"special.time.mark":"1795468757000&-1","client.elapse.time":"7"`, time.UTC, 9 * time.Millisecond},
		{"a begin after what was counted", "client", other, "0.1", `"special.time.mark":"1795468757005&-1","client.elapse.time":"7"`, time.UTC, 7 * time.Millisecond},
		{"a wrong zone", "client", other, "0.1", `"special.time.mark":"1795468757000&-1","client.elapse.time":"7"`, time.FixedZone("", -3600), 7 * time.Millisecond},
		{"microseconds", "server", other, "0.1", `"server.special.time.mark":"1795468757000000&-1","biz.impl.time":"7"`, time.UTC, 7 * time.Millisecond},
		{"an earlier call's begin", "client", other, "0.1", `"invoke.type":"callback","special.time.mark":"1795468756900&-1","resp.deserialize.time":"3","client.conn.time":"2"`,
			time.UTC, 5 * time.Millisecond},
		{"the first call of its trace", "client", trace, "0", `"invoke.type":"future","special.time.mark":"-1&1"`, time.UTC, 9 * time.Millisecond},
		{"a foreign trace id", "client", "a", "0", `"invoke.type":"future"`, time.UTC, 0},
		{"a server's own begin", "server", other, "0.1", `"invoke.type":"future","server.special.time.mark":"1795468757000&1","biz.impl.time":"0"`, time.UTC, 9 * time.Millisecond},
		{"numbers that are too large", "client", other, "0.1", `"req.serialize.time":"3162240000000","client.conn.time":"3162240000000","resp.deserialize.time":"3162240000000"`,
			time.UTC, maxMillis * time.Millisecond},
	} {
		line := `{"timestamp":"2026-11-23 21:19:17.009","tracerId":"` + tt.trace + `","spanId":"` + tt.spanID + `",` + tt.fields + `,"baggage":""}` + "\r\n"
		rec := readRecords(t, Source{Name: "rpc-" + tt.file + "-digest.log", Zone: tt.zone}, []byte(line))[0]
		if rec.Half == nil || time.Duration(rec.Half.Duration) != tt.want {
			t.Errorf("%s: %+v, want %s", tt.name, rec, tt.want)
		} else if tt.want == 9*time.Millisecond && rec.Half.Start != begin*1e6 {
			t.Errorf("%s: it starts at %d", tt.name, rec.Half.Start)
		}
	}
}
