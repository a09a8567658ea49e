package agent

import (
	"archive/tar"
	"compress/gzip"
	"encoding/json"
	"errors"
	"io"
	"math/rand/v2"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twinspan/twinspan/internal/digestlog"
	"github.com/twinspan/twinspan/internal/span"
)

// TestRealLogs plays the logs of Java SOFATracer and of Twinspan's tracer back, in pieces cut anywhere, and follows
// them over a real connection. What arrives is, field for field, what reading each file at once gives.
func TestRealLogs(t *testing.T) {
	for _, name := range []string{"java-logs", "twinspan-logs"} {
		t.Run(name, func(t *testing.T) {
			logs := unpack(t, filepath.Join("..", "digestlog", "testdata", name+".tar.gz"))
			col := newCollector(t, 32<<20)
			srv := httptest.NewServer(col.handler)
			defer srv.Close()
			r := newRig(t, nil)
			r.kill()
			r.cfg.Collector = strings.TrimPrefix(srv.URL, "http://")
			r.cfg.Paths = []string{r.dir + "/*/*", r.dir + "/*"}
			r.cfg.Overrides = []Override{{Path: r.dir + "/gb18030-text/*", Charset: "GB18030", Zone: "UTC", Instance: "gb"}}
			a, err := New(r.cfg, r.agent.log)
			if err != nil {
				t.Fatal(err)
			}
			r.agent = a
			defer a.client.CloseIdleConnections()

			playBack(r, logs)
			r.pass(time.Minute)
			want, rejected := readAtOnce(t, r, logs)
			got := inLog(t, col)
			if len(want) == 0 || len(got) != len(want) {
				t.Errorf("%d records arrived, want %d", len(got), len(want))
			}
			for origin, text := range want {
				if got[origin] != text {
					t.Fatalf("a record arrived as\n%s\nwant\n%s", got[origin], text)
				}
			}
			counted := 0.0
			for _, reason := range reasons {
				counted += value(t, a.metrics.Rejected.WithLabelValues(string(reason)))
			}
			if counted != float64(rejected) {
				t.Errorf("%v records are counted as rejected, want %d", counted, rejected)
			}
			t.Logf("%d files, %d records, %d rejected", len(logs), len(got), rejected)
		})
	}
}

var reasons = []digestlog.Reason{
	digestlog.ReasonNoStart, digestlog.ReasonIncomplete, digestlog.ReasonMalformed, digestlog.ReasonTooLong,
	digestlog.ReasonTime, digestlog.ReasonTraceID, digestlog.ReasonSpanID, digestlog.ReasonNumber,
}

// unpack gives the digest and stat logs of an archive.
func unpack(t *testing.T, path string) map[string][]byte {
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	logs := make(map[string][]byte)
	for tr := tar.NewReader(z); ; {
		h, err := tr.Next()
		if errors.Is(err, io.EOF) {
			return logs
		}
		if err != nil {
			t.Fatal(err)
		}
		file, ok := digestlog.Known(filepath.Base(h.Name))
		data, err := io.ReadAll(tr)
		if err != nil {
			t.Fatal(err)
		}
		if ok && (file.Kind == digestlog.KindDigest || file.Kind == digestlog.KindStat) && len(data) > 0 {
			logs[h.Name] = data
		}
	}
}

// playBack writes the logs piece by piece, while the agent looks now and then.
func playBack(r *rig, logs map[string][]byte) {
	r.t.Helper()
	rng := rand.New(rand.NewPCG(3, 3))
	names := make([]string, 0, len(logs))
	for name := range logs {
		names = append(names, name)
		if err := os.MkdirAll(filepath.Dir(r.path(name)), 0o755); err != nil {
			r.t.Fatal(err)
		}
	}
	slices.Sort(names)
	at := make(map[string]int)
	for len(names) > 0 {
		i := rng.IntN(len(names))
		name := names[i]
		n := min(1+rng.IntN(200_000), len(logs[name])-at[name])
		r.raw(name, string(logs[name][at[name]:at[name]+n]))
		if at[name] += n; at[name] == len(logs[name]) {
			names = slices.Delete(names, i, i+1)
		}
		if rng.IntN(4) == 0 {
			r.step()
		}
	}
	// Files whose first line is not whole are not taken up as long as they are not rolled.
	r.step()
}

// readAtOnce gives the records of the files as JSON by origin, and how many were rejected.
func readAtOnce(t *testing.T, r *rig, logs map[string][]byte) (want map[uint64]string, rejected int) {
	want = make(map[uint64]string)
	for _, f := range r.agent.files {
		data, err := os.ReadFile(f.path)
		if err != nil {
			t.Fatal(err)
		}
		reader, err := digestlog.NewReader(f.source, 0)
		if err != nil {
			t.Fatal(err)
		}
		reader.Feed(data)
		reader.Flush()
		for rec, ok := reader.Next(); ok; rec, ok = reader.Next() {
			switch {
			case rec.Err != nil:
				rejected++
			case rec.Half != nil:
				rec.Half.Origin = originOf(f.origin, rec.From)
				want[rec.Half.Origin] = text(t, rec.Half, nil)
			case rec.Stat != nil:
				rec.Stat.Origin = originOf(f.origin, rec.From)
				want[rec.Stat.Origin] = text(t, nil, rec.Stat)
			}
		}
	}
	if len(r.agent.files) != len(logs) {
		t.Errorf("%d files are followed, want %d", len(r.agent.files), len(logs))
	}
	return want, rejected
}

// inLog gives the records of the collector's log.
func inLog(t *testing.T, col *collector) map[uint64]string {
	got := make(map[uint64]string)
	add := func(origin uint64, text string) {
		if got[origin] != "" {
			t.Errorf("twice: %s", text)
		}
		got[origin] = text
	}
	for _, rec := range col.records(t) {
		for i := range rec.Batch.Halves {
			add(rec.Batch.Halves[i].Origin, text(t, &rec.Batch.Halves[i], nil))
		}
		for i := range rec.Batch.Stats {
			add(rec.Batch.Stats[i].Origin, text(t, nil, &rec.Batch.Stats[i]))
		}
	}
	return got
}

// text spells a record out, but for the time when it came.
func text(t *testing.T, h *span.Half, s *span.Stat) string {
	var v any
	if h != nil {
		c := *h
		c.Received = 0
		public, err := json.Marshal(&c)
		if err != nil {
			t.Fatal(err)
		}
		v = []any{string(public), c.Shared, c.Coarse, c.Origin, []byte(c.Payload)}
	} else {
		c := *s
		var latency []byte
		if c.Latency != nil {
			latency = c.Latency.Append(nil)
		}
		c.Received, c.Latency = 0, nil
		v = []any{c, latency}
	}
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
