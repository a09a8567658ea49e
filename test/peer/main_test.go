package peer

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// patience bounds every wait. It is for a slow machine; nothing is asserted about time.
const patience = 5 * time.Minute

// binaries is where twinspan is built to; it goes with the tests.
var binaries string

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	dir, err := os.MkdirTemp("", "twinspan-peer-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	binaries = dir
	return m.Run()
}

// twinspan builds the program under test from this checkout, once and only where a test needs it.
var twinspan = sync.OnceValues(func() (path string, err error) {
	path = filepath.Join(binaries, "twinspan")
	build := exec.Command("go", "build", "-o", path, "./cmd/twinspan")
	build.Dir, build.Stdout, build.Stderr = filepath.Join("..", ".."), os.Stderr, os.Stderr
	if err := build.Run(); err != nil {
		return "", fmt.Errorf("build twinspan: %w", err)
	}
	return path, nil
})

// server is a collector with all receivers, on ports that the system chose. Its addresses are host:port, by the names
// that its log has them.
type server map[string]string

// start starts a collector, which is stopped at the test's end. More settings are "NAME=value".
func start(t *testing.T, settings ...string) server {
	t.Helper()
	program, err := twinspan()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(program, "collector", "-data", t.TempDir())
	cmd.Env = append([]string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + os.Getenv("HOME"), "TWINSPAN_LOG_FORMAT=json", "TWINSPAN_STORE_RESERVE_BYTES=0",
		"TWINSPAN_HTTP_ADDRESS=127.0.0.1:0", "TWINSPAN_RECEIVERS_AGENT_ADDRESS=",
		"TWINSPAN_RECEIVERS_OTLP_GRPC_ADDRESS=127.0.0.1:0", "TWINSPAN_RECEIVERS_OTLP_HTTP_ADDRESS=127.0.0.1:0",
		"TWINSPAN_RECEIVERS_ZIPKIN_ADDRESS=127.0.0.1:0",
		"TWINSPAN_RECEIVERS_JAEGER_GRPC_ADDRESS=127.0.0.1:0", "TWINSPAN_RECEIVERS_JAEGER_HTTP_ADDRESS=127.0.0.1:0",
		"TWINSPAN_RECEIVERS_SKYWALKING_GRPC_ADDRESS=127.0.0.1:0", "TWINSPAN_RECEIVERS_SKYWALKING_HTTP_ADDRESS=127.0.0.1:0",
	}, settings...)
	log, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ready := make(chan server, 1)
	logged := make(chan string, 1)
	go func() {
		defer close(ready)
		var text strings.Builder
		for lines := bufio.NewScanner(log); lines.Scan(); {
			text.WriteString(lines.Text() + "\n")
			var line map[string]any
			if json.Unmarshal(lines.Bytes(), &line) == nil && line["msg"] == "ready" {
				addresses := make(server)
				for key, value := range line {
					addresses[key] = strings.TrimPrefix(fmt.Sprint(value), "http://")
				}
				ready <- addresses
			}
		}
		logged <- text.String()
	}()
	t.Cleanup(func() {
		_ = cmd.Process.Signal(os.Interrupt)
		hard := time.AfterFunc(patience, func() { _ = cmd.Process.Kill() })
		defer hard.Stop()
		text := <-logged
		if err := cmd.Wait(); err != nil || t.Failed() {
			t.Errorf("twinspan ended: %v\n%s", err, text)
		}
	})
	select {
	case s, ok := <-ready:
		if ok {
			return s
		}
		t.Fatal("twinspan does not start")
	case <-time.After(patience):
		t.Fatal("twinspan does not get ready")
	}
	return nil
}

// half and call are what the tests read of the API's answers.
type half struct {
	App        string            `json:"app"`
	Kind       string            `json:"kind"`
	Operation  string            `json:"operation"`
	Status     string            `json:"status"`
	Route      string            `json:"route"`
	Peer       string            `json:"peer"`
	PeerAddr   string            `json:"peerAddress"`
	Attributes map[string]any    `json:"attributes"`
	Events     []json.RawMessage `json:"events"`
}

type call struct {
	Caller    string `json:"caller"`
	Callee    string `json:"callee"`
	Type      string `json:"type"`
	Operation string `json:"operation"`
	Sides     string `json:"sides"`
	Error     bool   `json:"error"`
	Client    *half  `json:"client"`
	Server    *half  `json:"server"`
}

type trace struct {
	TraceID string `json:"traceId"`
	Halves  int    `json:"halves"`
	Calls   []call `json:"calls"`
}

// get asks the API.
func (s server) get(path string, into any) error {
	r, err := http.Get("http://" + s["http"] + path)
	if err != nil {
		return err
	}
	defer r.Body.Close()
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return err
	}
	if r.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %s: %s", path, r.Status, body)
	}
	return json.Unmarshal(body, into)
}

// wait waits for a trace of some halves.
func (s server) wait(t *testing.T, id string, halves int) trace {
	t.Helper()
	var tr trace
	var err error
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		tr = trace{}
		if err = s.get("/api/v1/traces/"+url.PathEscape(id), &tr); err == nil && tr.Halves == halves {
			return tr
		}
	}
	t.Fatalf("trace %s has %d halves, want %d: %v", id, tr.Halves, halves, err)
	return tr
}

// joined gives the trace's call from caller to callee, which must have both halves, come by a route, and be the only one.
func (tr trace) joined(t *testing.T, caller, callee, route string) call {
	t.Helper()
	var found []call
	for _, c := range tr.Calls {
		if c.Caller == caller && c.Callee == callee && c.Client != nil && c.Server != nil {
			found = append(found, c)
		}
	}
	if len(found) != 1 || found[0].Client.Route != route || found[0].Server.Route != route {
		t.Fatalf("%d joined calls from %s to %s by %s, want 1, in %+v", len(found), caller, callee, route, tr.Calls)
	}
	return found[0]
}
