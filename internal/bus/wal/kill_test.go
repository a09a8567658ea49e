package wal

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"sync"
	"testing"
)

// killChildEnv makes the test binary a process that appends to the log in the named directory for as
// long as it lives, and prints each record when it is acknowledged.
const killChildEnv = "TWINSPAN_WAL_TEST_KILL_DIR"

func killChild(dir string) {
	cfg := testConfig(dir)
	cfg.SegmentBytes = 64 << 10
	l, err := Open(cfg, slog.New(slog.DiscardHandler))
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	begin := l.Next()
	var mu sync.Mutex
	for g := range 8 {
		go func() {
			for n := 0; ; n++ {
				// Two records a call: "a" and "b" must be there together or not at all.
				name := fmt.Sprintf("%d.%d.%d", begin, g, n)
				a, b := make([]byte, 100+n%3000), make([]byte, 200)
				copy(a, name+"a;")
				copy(b, name+"b;")
				if _, err := l.Append(context.Background(), Record{Data: a}, Record{Data: b}); err != nil {
					fmt.Fprintln(os.Stderr, err)
					os.Exit(1)
				}
				mu.Lock()
				_, err := fmt.Println(name)
				mu.Unlock()
				if err != nil {
					os.Exit(1)
				}
			}
		}()
	}
	select {}
}

func TestKilledProcessLosesNothingAcknowledged(t *testing.T) {
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	var acked []string
	for round := range 4 {
		cmd := exec.Command(exe)
		cmd.Env = append(os.Environ(), killChildEnv+"="+dir)
		cmd.Stderr = os.Stderr
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewReader(out)
		for n := 0; ; n++ {
			line, err := lines.ReadString('\n')
			if errors.Is(err, io.EOF) {
				break // what was printed in part does not count
			}
			if err != nil {
				t.Fatal(err)
			}
			acked = append(acked, line[:len(line)-1])
			if n == 150+97*round {
				if err := cmd.Process.Kill(); err != nil {
					t.Fatal(err)
				}
			}
		}
		if err := cmd.Wait(); err == nil {
			t.Fatal("the child ended by itself")
		}
		cfg := testConfig(dir)
		cfg.SegmentBytes = 64 << 10
		l := mustOpen(t, cfg, osFS{})
		seen := map[string]int{}
		for _, e := range readAll(t, l, 0) {
			name, _, _ := bytes.Cut(e.Data, []byte(";"))
			seen[string(name)]++
		}
		mustClose(t, l)
		for name, n := range seen {
			if n != 1 {
				t.Errorf("round %d: %s is there %d times", round, name, n)
			}
			if other := name[:len(name)-1] + string('a'+'b'-name[len(name)-1]); seen[other] != 1 {
				t.Errorf("round %d: %s is there without %s", round, name, other)
			}
		}
		for _, name := range acked {
			if seen[name+"a"] != 1 || seen[name+"b"] != 1 {
				t.Errorf("round %d: acknowledged %s is missing", round, name)
			}
		}
	}
	if len(acked) < 600 {
		t.Errorf("only %d appends were acknowledged: the test tests nothing", len(acked))
	}
}
