package e2e

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// attempt runs twinspan with settings that cannot work, and gives how it ended and what it printed.
func attempt(t *testing.T, env map[string]string, args ...string) (code int, output string) {
	t.Helper()
	cmd := exec.Command(twinspan, args...)
	cmd.Env = environ(env)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	timer := time.AfterFunc(patience, func() { _ = cmd.Process.Kill() })
	defer timer.Stop()
	err := cmd.Wait()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return cmd.ProcessState.ExitCode(), out.String()
}

// TestBadSettings: each mistake ends the process with a message that says what is wrong, where, and what to do.
func TestBadSettings(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	running := newServer(t, "all", filepath.Join(t.TempDir(), "data"), nil)
	running.start()
	running.ready()
	ports := func() map[string]string { return newServer(t, "all", "", nil).env } // others than those of running

	for _, c := range []struct {
		name string
		file string // the configuration file's text; "" is none
		env  map[string]string
		args []string
		code int
		want []string
	}{
		{name: "unknown key", file: "collect:\n  window: 5s\n  windw: 5s\n", code: 2, want: []string{"twinspan.yaml", "line 3", "collect.windw", `did you mean "window"`}},
		{name: "unknown group", file: "colect:\n  window: 5s\n", code: 2, want: []string{"line 1", `did you mean "collect"`}},
		{name: "key given twice", file: "data_dir: a\ndata_dir: b\n", code: 2, want: []string{"line 2", "data_dir"}},
		{name: "no duration", file: "collect:\n  window: soon\n", code: 2, want: []string{"line 2", "soon"}},
		{name: "out of range", file: "collect:\n  window: 1h\n", code: 2, want: []string{"collect: window is 1h0m0s, want 0s to 10m"}},
		{name: "no such file", args: []string{"-config", "nowhere.yaml"}, code: 2, want: []string{"nowhere.yaml"}},
		{name: "environment", env: map[string]string{"TWINSPAN_COLLECT_WINDOW": "soon"}, code: 2, want: []string{"TWINSPAN_COLLECT_WINDOW", "soon"}},
		{name: "unknown role", args: []string{"everything"}, code: 2, want: []string{`"everything"`, "all, agent, collector, query"}},
		{name: "unknown flag", args: []string{"-dta", "x"}, code: 2, want: []string{"-dta", "Usage"}},
		{name: "query alone", env: ports(), args: []string{"query"}, code: 1, want: []string{"query.collector", "http://collector:8680"}},
		{name: "console's port taken", env: with(ports(), "TWINSPAN_HTTP_ADDRESS", taken.Addr().String()), code: 1,
			want: []string{"http.address", taken.Addr().String(), "taken"}},
		{name: "OTLP port taken", env: with(ports(), "TWINSPAN_RECEIVERS_OTLP_GRPC_ADDRESS", taken.Addr().String()), code: 1,
			want: []string{"receivers.otlp.grpc_address", taken.Addr().String(), "taken"}},
		{name: "data directory in use", env: ports(), args: []string{"-data", running.dir}, code: 1,
			want: []string{"another twinspan", running.dir}},
		{name: "data directory is a file", env: ports(), args: []string{"-data", "file"}, code: 1, want: []string{"data directory", "file"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			t.Chdir(dir)
			if err := os.WriteFile("file", nil, 0o644); err != nil {
				t.Fatal(err)
			}
			args := c.args
			if c.file != "" {
				if err := os.WriteFile("twinspan.yaml", []byte(c.file), 0o644); err != nil {
					t.Fatal(err)
				}
				args = append(args, "-config", "twinspan.yaml")
			}
			code, output := attempt(t, c.env, args...)
			if code != c.code {
				t.Errorf("exit status %d, want %d", code, c.code)
			}
			for _, w := range c.want {
				if !strings.Contains(output, w) {
					t.Errorf("%q is not in the message", w)
				}
			}
			if strings.Contains(output, "goroutine ") {
				t.Error("it panicked")
			}
			if t.Failed() {
				t.Logf("output:\n%s", output)
			}
		})
	}
}

func with(env map[string]string, key, value string) map[string]string {
	env[key] = value
	return env
}

// TestBadRequests sends what cannot be taken: each is refused with a reason, and what is sent besides is taken.
func TestBadRequests(t *testing.T) {
	s := newServer(t, "collector", filepath.Join(t.TempDir(), "data"), map[string]string{"TWINSPAN_INGEST_MAX_REQUEST_BYTES": "65536"})
	s.start()
	s.ready()
	zipkin := "http://" + s.env["TWINSPAN_RECEIVERS_ZIPKIN_ADDRESS"] + "/api/v2/spans"
	agent := "http://" + s.env["TWINSPAN_RECEIVERS_AGENT_ADDRESS"] + "/v1/push"
	big := bytes.Repeat([]byte(" "), 70_000)
	const js, proto = "application/json", "application/x-protobuf"
	for _, c := range []struct {
		name, url, media string
		body             []byte
		code             int
		want             string
	}{
		{"OTLP too large", s.tracesURL(), js, big, http.StatusRequestEntityTooLarge, "65536"},
		{"OTLP no JSON", s.tracesURL(), js, []byte("{"), http.StatusBadRequest, ""},
		{"OTLP no protobuf", s.tracesURL(), proto, []byte("hello"), http.StatusBadRequest, ""},
		{"OTLP other type", s.tracesURL(), "text/plain", []byte("hello"), http.StatusUnsupportedMediaType, "text/plain"},
		{"Zipkin too large", zipkin, js, big, http.StatusRequestEntityTooLarge, "65536"},
		{"Zipkin no JSON", zipkin, js, []byte(`[{"traceId":`), http.StatusBadRequest, ""},
		{"agent too large", agent, proto, big, http.StatusRequestEntityTooLarge, "65536"},
		{"agent no protobuf", agent, proto, []byte("hello"), http.StatusBadRequest, ""},
		{"agent other type", agent, js, []byte("{}"), http.StatusUnsupportedMediaType, js},
	} {
		code, text, err := post(c.url, c.media, c.body)
		if err != nil || code != c.code || !strings.Contains(text, c.want) {
			t.Errorf("%s: %d %q %v, want %d with %q in it", c.name, code, text, err, c.code, c.want)
		}
	}
	for _, c := range []struct{ query, want string }{
		{"calls?from=yesterday", "from"}, {"calls?limit=0", "limit"}, {"calls?nonsense=1", "nonsense"}, {"traces/x", "not_found"},
		{"calls?cursor=AAAA", "cursor"}, {"apps?from=now&to=-1h", "is not before"},
	} {
		var none struct{}
		if err := s.get(c.query, nil, &none); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q in it", c.query, err, c.want)
		}
	}
	body, ids := otlp(newRandom(), 1)
	if code, text, err := post(s.tracesURL(), js, body); err != nil || code != http.StatusOK {
		t.Fatalf("a good request: %d %s %v", code, text, err)
	}
	if _, err := s.trace(ids[0]); err != nil {
		t.Error(err)
	}
}

// TestBadLogLines puts lines into a log that cannot be read, among others that can: these are all found, those are
// counted, and a sample of them stands in the agent's own log.
func TestBadLogLines(t *testing.T) {
	dir := t.TempDir()
	s := newServer(t, "all", filepath.Join(dir, "data"), map[string]string{"TWINSPAN_AGENT_PATHS": logs(dir)})
	s.start()
	s.ready()
	good := func(n int) string {
		now := time.Now()
		return fmt.Sprintf(`{"time":"%s","local.app":"old","traceId":"0ad1348f1403169275002100356%03d","spanId":"0","span.kind":"server",`+
			`"result.code":"200","current.thread.name":"main","time.cost.milliseconds":"3ms","request.url":"http://old/pay","method":"GET",`+
			`"req.size.bytes":1,"resp.size.bytes":2,"sys.baggage":"","biz.baggage":""}`, now.Format("2006-01-02 15:04:05.000"), n)
	}
	lines := []string{good(101), "not a line at all", good(102), `{"time":"never","traceId":"x"`, "\xff\xfe\x00", `{"time":"2026-11-23 11:00:00.000"}`, good(103)}
	at := filepath.Join(dir, "logs", "old")
	if err := os.MkdirAll(at, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(at, "spring-mvc-digest.log"), []byte(strings.Join(lines, "\n")+"\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	for n := 101; n <= 103; n++ {
		eventually(t, "a good line is found", func() error {
			_, err := s.trace(fmt.Sprintf("0ad1348f1403169275002100356%03d", n))
			return err
		})
	}
	eventually(t, "bad lines are counted", func() error {
		if n := s.metric(t, "twinspan_agent_rejected_records_total"); n < 3 {
			return fmt.Errorf("%g are counted", n)
		}
		return nil
	})
	if out := s.output.String(); !strings.Contains(out, "not a line at all") || !strings.Contains(out, "spring-mvc-digest.log") {
		t.Error("no sample of the bad lines in the agent's log")
	}
}

// metric adds up a metric of the process over its labels.
func (s *server) metric(t *testing.T, name string) (sum float64) {
	t.Helper()
	r, err := http.Get("http://" + s.http + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	text, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if rest, ok := strings.CutPrefix(line, name); ok && (rest[0] == '{' || rest[0] == ' ') {
			var v float64
			if _, err := fmt.Sscan(rest[strings.LastIndexByte(rest, ' '):], &v); err == nil {
				sum += v
			}
		}
	}
	return sum
}
