// Package server runs the collector that other projects' clients are tested with. It is a module of its own, and needs nothing, so
// that each of those modules can have it.
package server

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// Patience bounds every wait. It is for a slow machine; nothing is asserted about time.
const Patience = 5 * time.Minute

// binaries is where twinspan is built to; it goes with the tests.
var binaries string

// Main is for TestMain.
func Main(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	dir, err := os.MkdirTemp("", "twinspan-peer-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer func() { _ = os.RemoveAll(dir) }()
	binaries = dir
	return m.Run()
}

// twinspan builds the program under test from this checkout, once and only where a test needs it.
var twinspan = sync.OnceValues(func() (path string, err error) {
	root, err := filepath.Abs(".")
	for ; err == nil; root = filepath.Dir(root) {
		if _, err := os.Stat(filepath.Join(root, "cmd", "twinspan")); err == nil {
			break
		} else if !errors.Is(err, fs.ErrNotExist) || root == filepath.Dir(root) {
			return "", fmt.Errorf("look for the checkout: %w", err)
		}
	}
	path = filepath.Join(binaries, "twinspan")
	build := exec.CommandContext(context.Background(), "go", "build", "-o", path, "./cmd/twinspan")
	build.Dir, build.Stdout, build.Stderr = root, os.Stderr, os.Stderr
	if err := build.Run(); err != nil {
		return "", fmt.Errorf("build twinspan: %w", err)
	}
	return path, nil
})

// Server is a collector with all receivers, on ports that the system chose.
type Server struct{ addresses map[string]any }

// Address gives host:port of a port, by the name that the collector's log has it, such as "otlp_grpc".
func (s Server) Address(name string) string {
	return strings.TrimPrefix(fmt.Sprint(s.addresses[name]), "http://")
}

// Start starts a collector, which is stopped at the test's end.
func Start(t *testing.T) Server {
	t.Helper()
	program, err := twinspan()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(context.Background(), program, "collector", "-data", t.TempDir())
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + os.Getenv("HOME"), "TWINSPAN_LOG_FORMAT=json", "TWINSPAN_STORE_RESERVE_BYTES=0",
		"TWINSPAN_HTTP_ADDRESS=127.0.0.1:0"}
	for _, r := range [...]string{"OTLP_GRPC", "OTLP_HTTP", "ZIPKIN", "JAEGER_GRPC", "JAEGER_HTTP", "SKYWALKING_GRPC", "SKYWALKING_HTTP", "AGENT"} {
		cmd.Env = append(cmd.Env, "TWINSPAN_RECEIVERS_"+r+"_ADDRESS=127.0.0.1:0")
	}
	log, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var text strings.Builder
	ready, ended := make(chan Server, 1), make(chan struct{})
	go func() {
		defer close(ended)
		for lines := bufio.NewScanner(log); lines.Scan(); {
			text.WriteString(lines.Text() + "\n")
			var line map[string]any
			if json.Unmarshal(lines.Bytes(), &line) == nil && line["msg"] == "ready" {
				ready <- Server{line}
			}
		}
	}()
	t.Cleanup(func() {
		_ = cmd.Process.Signal(os.Interrupt)
		hard := time.AfterFunc(Patience, func() { _ = cmd.Process.Kill() })
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
	case <-time.After(Patience):
		t.Fatal("twinspan does not get ready")
	}
	return Server{}
}
