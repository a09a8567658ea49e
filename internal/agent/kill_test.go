package agent

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// childEnv holds the configuration of an agent that this test runs as a process of its own.
const childEnv = "TWINSPAN_AGENT_TEST_CHILD"

// child is the process that is killed.
func child() {
	var cfg Config
	err := json.Unmarshal([]byte(os.Getenv(childEnv)), &cfg)
	if err == nil {
		var a *Agent
		if a, err = New(cfg, slog.New(slog.NewTextHandler(os.Stderr, nil))); err == nil {
			err = a.Run(context.Background())
		}
	}
	fmt.Fprintln(os.Stderr, "agent ended:", err)
	os.Exit(1)
}

// TestKill kills the agent's process (kill -9) again and again while logs are written and rolled. What it sent arrives
// over a real connection; afterwards every line is there once.
func TestKill(t *testing.T) {
	const kills, lines = 8, 4000
	col := newCollector(t, 1<<20)
	var mu sync.Mutex
	var proc *os.Process
	requests, killed := 0, 0
	// The moments are requests, before and after they are taken, so that the test does not depend on time.
	kill := func(at int) {
		mu.Lock()
		defer mu.Unlock()
		if requests == at && killed < kills {
			killed, requests = killed+1, 0
			if err := proc.Kill(); err != nil {
				t.Error(err)
			}
		}
	}
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		requests++
		odd := killed%2 == 1
		mu.Unlock()
		if odd {
			kill(3)
		}
		col.handler.ServeHTTP(w, r)
		if !odd {
			kill(5)
		}
	}))
	defer srv.Close()

	r := newRig(t, nil)
	cfg := r.cfg
	cfg.Collector = strings.TrimPrefix(srv.URL, "http://")
	cfg.ScanInterval, cfg.BatchBytes, cfg.MaxBackoff = 5*time.Millisecond, 4<<10, 50*time.Millisecond
	cfg.SettleAfter, cfg.ReleaseAfter = 50*time.Millisecond, 100*time.Millisecond
	env, err := json.Marshal(cfg)
	if err != nil {
		t.Fatal(err)
	}
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	start := func() *exec.Cmd {
		cmd := exec.Command(exe)
		cmd.Env = append(os.Environ(), childEnv+"="+string(env))
		cmd.Stderr = &out
		mu.Lock()
		defer mu.Unlock()
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		proc = cmd.Process
		return cmd
	}

	wrote := make(chan struct{})
	go func() {
		defer close(wrote)
		for i := range 40 {
			r.write(live, lines/80)
			r.write("httpclient-digest.log", lines/80)
			switch i % 8 {
			case 3:
				r.rename2(live, fmt.Sprintf("%s.2026-11-23_%02d", live, i/8))
			case 6:
				r.rename2("httpclient-digest.log", fmt.Sprintf("httpclient-digest.log.%d", i/8+1))
			}
		}
	}()
	for range kills {
		_ = start().Wait() // it is killed
	}
	last := start()
	<-wrote
	for col.count() < lines {
		<-col.come
	}
	mu.Lock()
	if err := last.Process.Kill(); err != nil {
		t.Error(err)
	}
	mu.Unlock()
	_ = last.Wait()
	col.wantOnce(0, lines)
	if killed != kills {
		t.Errorf("the agent was killed %d times, want %d", killed, kills)
	}
	if strings.Contains(out.String(), "agent ended") || strings.Contains(out.String(), "bytes_lost") {
		t.Errorf("the agent says:\n%s", out.String())
	}
	if left, err := filepath.Glob(filepath.Join(cfg.StateDir, "*.unreadable")); err != nil || len(left) > 0 {
		t.Errorf("the state was damaged: %v, %v", left, err)
	}
}
