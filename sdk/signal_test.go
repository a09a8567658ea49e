//go:build unix

package twinspan

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// signalDir is the variable that makes TestFlushOnSignal the program that is to be ended; it names its log directory.
const signalDir = "TWINSPAN_TEST_SIGNAL_DIR"

// TestFlushOnSignal ends a program that has lines in memory by a signal: the lines are there, and the program ended by that
// signal.
func TestFlushOnSignal(t *testing.T) {
	if dir := os.Getenv(signalDir); dir != "" {
		c := DefaultConfig("pay")
		c.LogDir, c.FlushInterval, c.StatInterval = dir, time.Hour, time.Hour
		tracer, err := New(c)
		if err != nil {
			t.Fatal(err)
		}
		tracer.FlushOnSignal()
		endSpans(t, tracer, 3)
		fmt.Println("ready")
		select {}
	}
	for _, sig := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT} {
		dir := t.TempDir()
		program := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestFlushOnSignal$")
		program.Env = append(os.Environ(), signalDir+"="+dir)
		out, err := program.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := program.Start(); err != nil {
			t.Fatal(err)
		}
		for lines := bufio.NewScanner(out); lines.Scan() && lines.Text() != "ready"; {
		}
		if err := program.Process.Signal(sig); err != nil {
			t.Fatal(err)
		}
		var exit *exec.ExitError
		if err := program.Wait(); !errors.As(err, &exit) {
			t.Fatalf("%v: ended with %v", sig, err)
		}
		if status, ok := exit.Sys().(syscall.WaitStatus); !ok || !status.Signaled() || status.Signal() != sig {
			t.Errorf("%v: ended with %v", sig, exit)
		}
		for name, want := range map[string]int{"biz-digest.log": 3, "biz-stat.log": 1} {
			data, err := os.ReadFile(filepath.Join(dir, name))
			if err != nil || strings.Count(string(data), "\n") != want {
				t.Errorf("%v: %s has %q, %v", sig, name, data, err)
			}
		}
	}
}

func TestFlushOnSignalGivenBack(t *testing.T) {
	tracer := newTracer(t, nil)
	stop := tracer.FlushOnSignal(syscall.SIGUSR1)
	stop()
	stop()
}
