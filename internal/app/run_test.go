package app

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/twinspan/twinspan/internal/config"
)

// running is a process under test.
type running struct {
	t      *testing.T
	dir    string
	url    string // of the HTTP port
	zipkin string
	// ready has what the process says once it is up, such as the addresses of its ports.
	ready  map[string]any
	log    *logs
	cancel context.CancelFunc
	ended  chan error
}

// start runs a role and waits until it is ready; it is stopped with the test, where that does not do it before.
func start(t *testing.T, name Role, dir string, more ...string) *running {
	t.Helper()
	cfg, _, err := config.Load("", append(append([]string{}, environ...), more...))
	if err != nil {
		t.Fatal(err)
	}
	cfg.DataDir = dir
	ctx, cancel := context.WithCancel(context.Background())
	r := &running{t: t, dir: dir, log: &logs{ready: make(chan map[string]any, 1)}, cancel: cancel, ended: make(chan error, 1)}
	go func() { r.ended <- run(ctx, name, cfg, slog.New(slog.NewJSONHandler(r.log, nil))) }()
	select {
	case line := <-r.log.ready:
		r.ready = line
		for _, key := range []string{"console", "http"} {
			if url, ok := line[key].(string); ok {
				r.url = url
			}
		}
		if spans, ok := line["zipkin"].(string); ok {
			r.zipkin = "http://" + spans
		}
	case err := <-r.ended:
		cancel()
		t.Fatalf("%s does not start: %v\n%s", name, err, r.log)
	}
	t.Cleanup(func() { r.stop() })
	return r
}

// stop ends the process, which must be its clean end.
func (r *running) stop() {
	r.t.Helper()
	if r.cancel == nil {
		return
	}
	r.cancel()
	r.cancel = nil
	if err := <-r.ended; err != nil {
		r.t.Errorf("the process ends with %v\n%s", err, r.log)
	}
	if text := r.log.String(); strings.Contains(text, `"level":"ERROR"`) {
		r.t.Errorf("there are errors in the log:\n%s", text)
	}
}

// logs waits until a text is in the log.
func (r *running) logs(text string) {
	r.t.Helper()
	for deadline := time.Now().Add(time.Minute); !strings.Contains(r.log.String(), text); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			r.t.Fatalf("the log has no %s:\n%s", text, r.log)
		}
	}
}

// logs keeps what a process writes to its log and tells when it is ready.
type logs struct {
	mu    sync.Mutex
	text  bytes.Buffer
	ready chan map[string]any
}

func (l *logs) Write(line []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	var fields map[string]any
	if json.Unmarshal(line, &fields) == nil && fields["msg"] == "ready" {
		l.ready <- fields
	}
	return l.text.Write(line)
}

func (l *logs) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// client keeps no connections, so that none outlives a test.
var client = &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}

func ask(t *testing.T, method, url, body string) (status int, answer string) {
	t.Helper()
	resp, answer := askAs(t, client, nil, method, url, body)
	return resp.StatusCode, answer
}

func want(t *testing.T, status int, text, method, url, body string) {
	t.Helper()
	wantAs(t, nil, status, text, method, url, body)
}

const traceID = "463ac35c9f6413ad48485a3953bb6124"

func spanOf(service string) string {
	return fmt.Sprintf(`[{"traceId":%q,"id":"a2fb4a1d1a96d312","name":"get /pay","kind":"SERVER","timestamp":%d,
		"duration":2000,"localEndpoint":{"serviceName":%q}}]`, traceID, time.Now().UnixMicro(), service)
}

// TestRestart: what is acknowledged is there at once, and after a clean stop and another start on the same data.
func TestRestart(t *testing.T) {
	dir := t.TempDir()
	p := start(t, "all", dir)
	want(t, 200, "ok", "GET", p.url+"/healthz", "")
	want(t, 200, "ok", "GET", p.url+"/readyz", "")
	want(t, 200, "<html", "GET", p.url+"/", "")
	want(t, 202, "", "POST", p.zipkin+"/api/v2/spans", spanOf("payment"))
	want(t, 200, `"payment"`, "GET", p.url+"/api/v1/traces/"+traceID, "")
	want(t, 200, "twinspan_wal_appends_total 1", "GET", p.url+"/metrics", "")
	want(t, 200, "heap", "GET", p.url+"/debug/pprof/", "")
	p.stop()

	p = start(t, "all", dir)
	want(t, 200, `"payment"`, "GET", p.url+"/api/v1/traces/"+traceID, "")
	want(t, 404, "not_found", "GET", p.url+"/api/v1/traces/563ac35c9f6413ad48485a3953bb6124", "")
	p.stop()
}

// TestQueryRole: a lone query shows what a collector has, and says so when that is gone.
func TestQueryRole(t *testing.T) {
	c := start(t, "collector", t.TempDir())
	want(t, 202, "", "POST", c.zipkin+"/api/v2/spans", spanOf("payment"))
	want(t, 404, "", "GET", c.url+"/", "")
	q := start(t, "query", t.TempDir(), "TWINSPAN_QUERY_COLLECTOR="+c.url)
	want(t, 200, "<html", "GET", q.url+"/", "")
	want(t, 200, `"payment"`, "GET", q.url+"/api/v1/traces/"+traceID, "")
	want(t, 400, "bad_request", "GET", q.url+"/api/v1/calls?nothing=1", "")
	c.stop()
	want(t, 503, "the collector at "+c.url+" does not answer", "GET", q.url+"/api/v1/apps", "")
	want(t, 200, "ok", "GET", q.url+"/readyz", "")
	if files, _ := os.ReadDir(q.dir); len(files) > 0 {
		t.Errorf("the role query leaves %v in the data directory", files)
	}
}

// TestAgentRole: an agent alone starts without its collector, because the logs wait on disk.
func TestAgentRole(t *testing.T) {
	a := start(t, "agent", t.TempDir(), "TWINSPAN_AGENT_COLLECTOR=127.0.0.1:1")
	want(t, 200, "ok", "GET", a.url+"/readyz", "")
	want(t, 503, "the role agent has no API: ask a collector", "GET", a.url+"/api/v1/apps", "")
	want(t, 200, "twinspan_agent_files", "GET", a.url+"/metrics", "")
}

// TestPortsOff: receivers that have no address are off; the agent then goes to the collector that its own setting names.
func TestPortsOff(t *testing.T) {
	p := start(t, "all", t.TempDir(), "TWINSPAN_RECEIVERS_OTLP_GRPC_ADDRESS=", "TWINSPAN_RECEIVERS_OTLP_HTTP_ADDRESS=",
		"TWINSPAN_RECEIVERS_ZIPKIN_ADDRESS=", "TWINSPAN_RECEIVERS_AGENT_ADDRESS=", "TWINSPAN_AGENT_COLLECTOR=127.0.0.1:1")
	want(t, 200, "ok", "GET", p.url+"/readyz", "")
	if p.zipkin != "" {
		t.Errorf("Zipkin listens on %s", p.zipkin)
	}
	p.logs(`"collector":"127.0.0.1:1"`)
}

// TestStopWhileStarting: a stop that comes before all is up is a clean one.
func TestStopWhileStarting(t *testing.T) {
	cfg, _, err := config.Load("", environ)
	if err != nil {
		t.Fatal(err)
	}
	cfg.DataDir = t.TempDir()
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := run(ctx, "all", cfg, slog.New(slog.DiscardHandler)); err != nil {
		t.Errorf("Run gives %v", err)
	}
}

func TestPartitions(t *testing.T) {
	for _, c := range []struct {
		about, file string // "-": none
		want        int
		n           int
		err         string
	}{
		{"first start with a number", "-", 3, 3, ""},
		{"started before, none wanted", "5\n", 0, 5, ""},
		{"started before, the same wanted", "5", 5, 5, ""},
		{"another number", "5\n", 3, 0, "partitions is 3, but the data in $DIR has 5: set partitions to 5 or 0, or use another directory"},
		{"damaged", "five\n", 0, 0, "$DIR/partitions holds \"five\\n\", want the number of partitions: restore the file from a backup"},
		{"zero", "0\n", 0, 0, "$DIR/partitions holds \"0\\n\", want the number of partitions: restore the file from a backup"},
		{"empty", "", 0, 0, "$DIR/partitions holds \"\", want the number of partitions: restore the file from a backup"},
	} {
		dir := t.TempDir()
		path := filepath.Join(dir, "partitions")
		if c.file != "-" {
			if err := os.WriteFile(path, []byte(c.file), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		n, err := partitions(dir, c.want)
		if c.err != "" {
			if text := strings.ReplaceAll(c.err, "$DIR", dir); err == nil || err.Error() != text {
				t.Errorf("%s: got %v, want %s", c.about, err, text)
			}
			continue
		}
		if err != nil || n != c.n {
			t.Errorf("%s: got %d and %v, want %d", c.about, n, err, c.n)
		}
		if again, err := partitions(dir, 0); err != nil || again != n {
			t.Errorf("%s: the next start gives %d and %v, want %d", c.about, again, err, n)
		}
	}
	if n, err := partitions(t.TempDir(), 0); err != nil || n < 1 || n > maxPartitions {
		t.Errorf("a first start gives %d and %v, want 1 to %d", n, err, maxPartitions)
	}
}
