package query

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// patience bounds every wait. It is for a slow machine; nothing is asserted about time.
const patience = 5 * time.Minute

// twinspan is the program under test, built from this checkout.
var twinspan string

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	dir, err := os.MkdirTemp("", "twinspan-query-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	twinspan = filepath.Join(dir, "twinspan")
	build := exec.Command("go", "build", "-o", twinspan, "./cmd/twinspan")
	build.Dir, build.Stdout, build.Stderr = filepath.Join("..", "..", ".."), os.Stderr, os.Stderr
	if err := build.Run(); err != nil {
		fmt.Fprintln(os.Stderr, "build twinspan:", err)
		return 1
	}
	return m.Run()
}

// server is a collector on ports that the system chose: addresses by the names that its log has them.
type server map[string]any

// start starts a collector, which is stopped at the test's end.
func start(t *testing.T) server {
	t.Helper()
	cmd := exec.Command(twinspan, "collector", "-data", t.TempDir())
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + os.Getenv("HOME"), "TWINSPAN_LOG_FORMAT=json", "TWINSPAN_HTTP_ADDRESS=127.0.0.1:0"}
	for _, e := range [...]string{"OTLP_GRPC", "OTLP_HTTP", "ZIPKIN", "JAEGER_GRPC", "JAEGER_HTTP", "SKYWALKING_GRPC", "SKYWALKING_HTTP", "AGENT"} {
		cmd.Env = append(cmd.Env, "TWINSPAN_RECEIVERS_"+e+"_ADDRESS=127.0.0.1:0")
	}
	log, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var text strings.Builder
	ready, ended := make(chan server, 1), make(chan struct{})
	go func() {
		defer close(ended)
		for lines := bufio.NewScanner(log); lines.Scan(); {
			text.WriteString(lines.Text() + "\n")
			line := make(server)
			if json.Unmarshal(lines.Bytes(), &line) == nil && line["msg"] == "ready" {
				ready <- line
			}
		}
	}()
	t.Cleanup(func() {
		_ = cmd.Process.Signal(os.Interrupt)
		hard := time.AfterFunc(patience, func() { _ = cmd.Process.Kill() })
		defer hard.Stop()
		<-ended
		if err := cmd.Wait(); err != nil || t.Failed() {
			t.Errorf("twinspan ended: %v\n%s", err, &text)
		}
	})
	select {
	case s := <-ready:
		return s
	case <-ended:
		t.Fatal("twinspan does not start")
	case <-time.After(patience):
		t.Fatal("twinspan does not get ready")
	}
	return nil
}

// address gives the host:port of a listener.
func (s server) address(name string) string {
	return strings.TrimPrefix(fmt.Sprint(s[name]), "http://")
}

// ask sends a GET to the API and gives status, headers and body.
func (s server) ask(t *testing.T, path, accept string) (int, http.Header, []byte) {
	t.Helper()
	r, err := http.NewRequest(http.MethodGet, "http://"+s.address("http")+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Accept", accept)
	a, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer a.Body.Close()
	body, err := io.ReadAll(a.Body)
	if err != nil {
		t.Fatal(err)
	}
	return a.StatusCode, a.Header, body
}

// wait waits until all spans of a trace can be read.
func (s server) wait(t *testing.T, id string, spans int) {
	t.Helper()
	var body []byte
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		var status int
		var list []json.RawMessage
		if status, _, body = s.ask(t, "/zipkin/api/v2/trace/"+id, ""); status == http.StatusOK && json.Unmarshal(body, &list) == nil && len(list) == spans {
			return
		}
	}
	t.Fatalf("trace %s has not %d spans: %s", id, spans, body)
}
