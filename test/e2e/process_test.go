package e2e

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// patience bounds every wait. It is for a slow machine; nothing is asserted about time.
const patience = 5 * time.Minute

// eventually waits until try gives nil.
func eventually(t *testing.T, what string, try func() error) {
	t.Helper()
	var err error
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		if err = try(); err == nil {
			return
		}
	}
	t.Fatalf("%s: %v", what, err)
}

// lastPort is the last port that freePort gave: none is given twice.
var lastPort = func() *atomic.Int64 {
	var n atomic.Int64
	n.Store(10_000 + rand.Int64N(20_000))
	return &n
}()

// freePort gives a port that is free now, from below those that systems give to clients, so that it stays free.
func freePort(t *testing.T) string {
	t.Helper()
	for range 1000 {
		address := fmt.Sprintf("127.0.0.1:%d", lastPort.Add(1))
		if l, err := net.Listen("tcp", address); err == nil {
			l.Close()
			return address
		}
	}
	t.Fatal("no free port")
	return ""
}

// server is a twinspan that can be stopped, killed and started again with the same settings.
type server struct {
	t         *testing.T
	role, dir string
	env       map[string]string
	http      string
	header    http.Header // of requests to its API
	output    *syncBuffer
	cmd       *exec.Cmd
	done      chan error
}

type syncBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *syncBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *syncBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

// newServer prepares a role on a data directory and ports of its own. Its windows are short, so that tests are.
func newServer(t *testing.T, role, dir string, env map[string]string) *server {
	t.Helper()
	s := &server{t: t, role: role, dir: dir, http: freePort(t), output: new(syncBuffer), env: map[string]string{
		"TWINSPAN_COLLECT_WINDOW":              "2s",
		"TWINSPAN_AGENT_SCAN_INTERVAL":         "100ms",
		"TWINSPAN_AGENT_SETTLE_AFTER":          "200ms",
		"TWINSPAN_AGENT_MAX_BACKOFF":           "500ms",
		"TWINSPAN_STORE_RESERVE_BYTES":         "0",
		"TWINSPAN_STORE_MEMORY_BYTES":          "33554432",
		"TWINSPAN_RECEIVERS_OTLP_HTTP_ADDRESS": freePort(t),
		"TWINSPAN_RECEIVERS_OTLP_GRPC_ADDRESS": freePort(t),
		"TWINSPAN_RECEIVERS_ZIPKIN_ADDRESS":    freePort(t),
		"TWINSPAN_RECEIVERS_AGENT_ADDRESS":     freePort(t),

		"TWINSPAN_RECEIVERS_JAEGER_GRPC_ADDRESS":     "",
		"TWINSPAN_RECEIVERS_JAEGER_HTTP_ADDRESS":     "",
		"TWINSPAN_RECEIVERS_SKYWALKING_GRPC_ADDRESS": "",
		"TWINSPAN_RECEIVERS_SKYWALKING_HTTP_ADDRESS": "",
	}}
	s.env["TWINSPAN_HTTP_ADDRESS"] = s.http
	for k, v := range env {
		s.env[k] = v
	}
	t.Cleanup(func() {
		s.kill()
		if t.Failed() {
			t.Logf("output of twinspan %s:\n%s", role, tail(s.output.String(), 60))
		}
	})
	return s
}

func tail(text string, lines int) string {
	all := bytes.Split([]byte(text), []byte("\n"))
	return string(bytes.Join(all[max(0, len(all)-lines):], []byte("\n")))
}

// environ gives the settings, without those of the environment of the test.
func environ(settings map[string]string) []string {
	env := []string{"PATH=" + os.Getenv("PATH"), "HOME=" + os.Getenv("HOME")}
	for k, v := range settings {
		env = append(env, k+"="+v)
	}
	return env
}

// start starts the process; ready waits for it.
func (s *server) start() {
	s.t.Helper()
	s.cmd = exec.Command(twinspan, s.role, "-data", s.dir)
	s.cmd.Env = environ(s.env)
	s.cmd.Stdout, s.cmd.Stderr = s.output, s.output
	if err := s.cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	s.done = make(chan error, 1)
	go func(cmd *exec.Cmd, done chan<- error) { done <- cmd.Wait() }(s.cmd, s.done)
}

func (s *server) ready() {
	s.t.Helper()
	eventually(s.t, "twinspan "+s.role+" gets ready", func() error {
		select {
		case err := <-s.done:
			s.done <- err
			s.t.Fatalf("twinspan %s ended by itself: %v\n%s", s.role, err, tail(s.output.String(), 20))
		default:
		}
		r, err := http.Get("http://" + s.http + "/readyz")
		if err != nil {
			return err
		}
		defer r.Body.Close()
		if r.StatusCode != http.StatusOK {
			return fmt.Errorf("status %s", r.Status)
		}
		return nil
	})
}

// stop ends the process as an operator does.
func (s *server) stop() {
	s.t.Helper()
	if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		s.t.Fatal(err)
	}
	select {
	case err := <-s.done:
		if err != nil {
			s.t.Fatalf("twinspan %s does not end well: %v\n%s", s.role, err, tail(s.output.String(), 20))
		}
	case <-time.After(patience):
		s.t.Fatalf("twinspan %s does not end\n%s", s.role, tail(s.output.String(), 20))
	}
	s.cmd = nil
}

// kill is kill -9.
func (s *server) kill() {
	if s.cmd == nil {
		return
	}
	_ = s.cmd.Process.Kill()
	<-s.done
	s.cmd = nil
}

// system is the payment system's process, which starts the services.
type system struct {
	t    *testing.T
	dir  string
	cmd  *exec.Cmd
	out  syncBuffer
	done chan error
}

// startSystem starts the services and some traffic. It ends by itself.
func startSystem(t *testing.T, dir string, args ...string) *system {
	t.Helper()
	s := &system{t: t, dir: dir, done: make(chan error, 1)}
	s.cmd = exec.Command(payment, append([]string{"demo", "-data", dir, "-stat-interval", "1s"}, args...)...)
	s.cmd.Env = environ(nil)
	s.cmd.Stdout, s.cmd.Stderr = &s.out, &s.out
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() { s.done <- s.cmd.Wait() }()
	t.Cleanup(func() { _ = s.cmd.Process.Signal(syscall.SIGTERM) })
	return s
}

// logs is the pattern of the services' log directories, as the agent's setting.
func logs(dir string) string { return "[" + filepath.Join(dir, "logs", "*") + "]" }

// wait waits until all services have ended.
func (s *system) wait() {
	s.t.Helper()
	select {
	case err := <-s.done:
		if err != nil {
			s.t.Fatalf("the payment system: %v\n%s", err, s.out.String())
		}
	case <-time.After(2 * patience):
		s.t.Fatalf("the payment system does not end\n%s", s.out.String())
	}
}
