package app

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// TestBackupWhileReceiving backs a collector up several times while it takes spans, cuts ranges and deletes segments of its log.
// Each backup is whole, and a collector on what is restored from it has every span that was acknowledged before the backup
// was asked for, once.
func TestBackupWhileReceiving(t *testing.T) {
	settings := []string{"TWINSPAN_WAL_SEGMENT_BYTES=65536", "TWINSPAN_INGEST_MAX_REQUEST_BYTES=32768", "TWINSPAN_COLLECT_RANGE_AGE=1s",
		"TWINSPAN_COLLECT_WINDOW=100ms", "TWINSPAN_PARTITIONS=2"}
	p := start(t, "collector", t.TempDir(), settings...)
	traceOf := func(n int64) string { return fmt.Sprintf("%032x", 1<<40+n) }
	var acknowledged atomic.Int64
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		for n := int64(0); ; n++ {
			select {
			case <-stop:
				return
			default:
			}
			body := fmt.Sprintf(`[{"traceId":%q,"id":"%016x","name":"get /pay","kind":"SERVER","timestamp":%d,"duration":2000,
				"localEndpoint":{"serviceName":"payment"},"tags":{"note":%q}}]`, traceOf(n), n+1, time.Now().UnixMicro(), strings.Repeat("x", 2000))
			if code, answer := ask(t, "POST", p.zipkin+"/api/v2/spans", body); code != 202 {
				t.Errorf("span %d: %d %s", n, code, answer)
				return
			}
			acknowledged.Store(n + 1)
		}
	}()
	dir := t.TempDir()
	var before []int64
	for i := range 3 {
		for least := int64(60 * (i + 1)); acknowledged.Load() < least; {
			select {
			case <-stopped:
				t.FailNow()
			case <-time.After(10 * time.Millisecond):
			}
		}
		before = append(before, acknowledged.Load())
		var out, errs bytes.Buffer
		place := filepath.Join(dir, fmt.Sprint("backup", i))
		if i == 1 {
			place += ".tar"
		}
		if exit := Main([]string{"backup", "-collector", p.url, "-to", place}, nil, &out, &errs); exit != 0 {
			t.Fatalf("exit status %d: %s", exit, &errs)
		}
		data := filepath.Join(dir, fmt.Sprint("data", i))
		if exit := Main([]string{"restore", "-from", place, "-data", data}, nil, &out, &errs); exit != 0 {
			t.Fatalf("exit status %d: %s", exit, &errs)
		}
	}
	close(stop)
	<-stopped
	p.stop()
	if left, _ := filepath.Glob(filepath.Join(p.dir, stageName+"*")); len(left) > 0 {
		t.Errorf("left in the data directory: %v", left)
	}
	for i, n := range before {
		data := filepath.Join(dir, fmt.Sprint("data", i))
		r := start(t, "collector", data, settings...)
		for trace := range n {
			want(t, 200, `"halves":1`, "GET", r.url+"/api/v1/traces/"+traceOf(trace), "")
		}
		r.stop()
		var out, errs bytes.Buffer
		if exit := Main([]string{"inspect", "-data", data, "verify"}, nil, &out, &errs); exit != 0 {
			t.Errorf("backup %d of %d spans: %s%s", i, n, &out, &errs)
		}
	}
}

// TestVerifyFindsDamage changes single bytes of the files of a stopped collector.
func TestVerifyFindsDamage(t *testing.T) {
	data := stoppedData(t)
	files, err := filepath.Glob(filepath.Join(data, "store", "*", "*.sst"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no tables: %v", err)
	}
	files = append(files, filepath.Join(data, "store", filepath.Base(filepath.Dir(files[0])), "MANIFEST-000001"))
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		changed := bytes.Clone(text)
		changed[len(changed)/3] ^= 0x10
		if err := os.WriteFile(file, changed, 0o640); err != nil {
			t.Fatal(err)
		}
		var out, errs bytes.Buffer
		exit := Main([]string{"inspect", "-data", data, "verify"}, nil, &out, &errs)
		if exit != 1 || !strings.Contains(errs.String(), "What to do: restore a backup") {
			t.Errorf("%s changed: exit status %d\n%s%s", filepath.Base(file), exit, &out, &errs)
		}
		if err := os.WriteFile(file, text, 0o640); err != nil {
			t.Fatal(err)
		}
	}
	if exit := Main([]string{"inspect", "-data", data, "verify"}, nil, io.Discard, io.Discard); exit != 0 {
		t.Errorf("whole again: exit status %d", exit)
	}
}

// TestExport exports more than a page of calls, from memory and from the store, of a collector that runs and of one that
// was stopped: each call once.
func TestExport(t *testing.T) {
	const calls = 2500
	p := start(t, "collector", t.TempDir(), "TWINSPAN_PARTITIONS=2")
	for part := range 2 {
		var spans []string
		for n := range calls / 2 {
			spans = append(spans, fmt.Sprintf(`{"traceId":"%032x","id":"%016x","name":"get /pay","kind":"SERVER","timestamp":%d,"duration":2000,
				"localEndpoint":{"serviceName":"payment-%d"}}`, n/3+1, part*calls+n+1, time.Now().UnixMicro(), part))
		}
		want(t, 202, "", "POST", p.zipkin+"/api/v2/spans", "["+strings.Join(spans, ",")+"]")
	}
	dir := t.TempDir()
	check := func(source, place string) {
		t.Helper()
		for _, of := range []struct {
			filter string
			want   int
		}{{"", calls}, {"callee=payment-1", calls / 2}} {
			file := filepath.Join(dir, fmt.Sprint(len(source), of.want, ".jsonl"))
			args := []string{"export", source, place, "-format", "jsonl", "-o", file}
			if of.filter != "" {
				args = append(args, "-filter", of.filter)
			}
			var out, errs bytes.Buffer
			if exit := Main(args, nil, &out, &errs); exit != 0 {
				t.Fatalf("exit status %d: %s", exit, &errs)
			}
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			seen := make(map[string]bool)
			for line := range strings.Lines(string(text)) {
				var c struct{ Server struct{ SpanID string } }
				if err := json.Unmarshal([]byte(line), &c); err != nil {
					t.Fatal(err)
				}
				seen[c.Server.SpanID] = true
			}
			if n := strings.Count(string(text), "\n"); n != of.want || len(seen) != n {
				t.Errorf("%s %s: %d lines, %d calls, want %d", source, of.filter, n, len(seen), of.want)
			}
		}
	}
	check("-collector", p.url)
	want(t, 400, "from is not before to", "GET", p.url+exportPath+"?from=5&to=4", "")
	want(t, 400, "parquet or jsonl", "GET", p.url+exportPath+"?format=csv", "")
	want(t, 200, "PAR1", "GET", p.url+exportPath+"?callee=nobody", "")
	p.stop()
	check("-data", p.dir)
}
