package twinspan

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"github.com/twinspan/twinspan/sdk/id"
)

// newTracer gives a Tracer that logs into a directory of its own and is closed with the test.
func newTracer(t testing.TB, change func(*Config)) *Tracer {
	t.Helper()
	c := DefaultConfig("pay")
	c.LogDir = t.TempDir()
	c.Instance = "pay-1"
	c.QueuePolicy = WaitWhenFull
	c.StatInterval = time.Hour // a test counts its lines: none may come by the clock
	if change != nil {
		change(&c)
	}
	tracer, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := tracer.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return tracer
}

// readLines gives the lines of a log file, none if there is no file.
func readLines(t testing.TB, tracer *Tracer, name string) []string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(tracer.config.LogDir, name))
	if os.IsNotExist(err) {
		return nil
	}
	if err != nil {
		t.Fatal(err)
	}
	if len(data) > 0 && data[len(data)-1] != '\n' {
		t.Errorf("%s does not end in a newline", name)
	}
	var lines []string
	for s := bufio.NewScanner(bytes.NewReader(data)); s.Scan(); {
		lines = append(lines, s.Text())
	}
	return lines
}

// readJSON gives the objects of a log file.
func readJSON(t testing.TB, tracer *Tracer, name string) []map[string]any {
	t.Helper()
	var objects []map[string]any
	for _, line := range readLines(t, tracer, name) {
		var o map[string]any
		if err := json.Unmarshal([]byte(line), &o); err != nil {
			t.Fatalf("%s: %v in %s", name, err, line)
		}
		objects = append(objects, o)
	}
	return objects
}

// readGolden reads a file of testdata.
func readGolden(t *testing.T, name string, into any) {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", "sofatracer", name))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(data, into); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
}

func spanOf(text string) id.Span {
	s, _ := id.ParseSpan(text)
	return s
}

// TestMain fails if a Tracer's writer outlives the tests: Close has to end it. It says so just before its goroutine is gone.
func TestMain(m *testing.M) {
	code := m.Run()
	for deadline := time.Now().Add(time.Minute); code == 0; time.Sleep(time.Millisecond) {
		stacks := make([]byte, 1<<20)
		stacks = stacks[:runtime.Stack(stacks, true)]
		if !bytes.Contains(stacks, []byte("(*reporter).run(")) {
			break
		}
		if time.Now().After(deadline) {
			fmt.Fprintf(os.Stderr, "a log writer still runs:\n%s", stacks)
			code = 1
		}
	}
	os.Exit(code)
}
