package app

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/twinspan/twinspan/internal/leaktest"
)

func TestMain(m *testing.M) { leaktest.Main(m) }

// environ leaves the choice of ports to the system, so that tests run beside anything.
var environ = []string{
	"TWINSPAN_HTTP_ADDRESS=127.0.0.1:0", "TWINSPAN_RECEIVERS_OTLP_GRPC_ADDRESS=127.0.0.1:0",
	"TWINSPAN_RECEIVERS_OTLP_HTTP_ADDRESS=127.0.0.1:0", "TWINSPAN_RECEIVERS_ZIPKIN_ADDRESS=127.0.0.1:0",
	"TWINSPAN_RECEIVERS_AGENT_ADDRESS=127.0.0.1:0", "TWINSPAN_AGENT_PATHS=[]",
	"TWINSPAN_RECEIVERS_JAEGER_GRPC_ADDRESS=127.0.0.1:0", "TWINSPAN_RECEIVERS_JAEGER_HTTP_ADDRESS=127.0.0.1:0",
	"TWINSPAN_RECEIVERS_SKYWALKING_GRPC_ADDRESS=127.0.0.1:0", "TWINSPAN_RECEIVERS_SKYWALKING_HTTP_ADDRESS=127.0.0.1:0",
}

// TestTranscripts runs the command lines in testdata/*.txt. After "$" comes a command line with its variables, then what
// it writes: lines of standard error begin with "! ", a line "..." stands for any lines, "..." in a line for any text.
// Then comes the exit status, where it is not 0.
func TestTranscripts(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	dir, stopped := t.TempDir(), t.TempDir()
	used := start(t, "collector", t.TempDir())
	if err := os.WriteFile(filepath.Join(stopped, "partitions"), []byte("2\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	names := map[string]string{
		"URL": used.url, "DATA": stoppedData(t),
		"DIR": dir, "TAKEN": taken.Addr().String(), "USED": used.dir, "STOPPED": stopped,
		"VERSION": fmt.Sprintf("%s %s %s/%s", Version(), runtime.Version(), runtime.GOOS, runtime.GOARCH),
	}
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("no transcripts: %v", err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for i, part := range strings.Split(string(text), "\n$ ") {
			if i == 0 {
				continue // what stands above the first command
			}
			part = os.Expand(part, func(name string) string { return names[name] })
			command, want, _ := strings.Cut(strings.TrimSpace(part), "\n")
			if got := transcript(command); !alike(strings.Split(got, "\n"), strings.Split(want, "\n")) {
				t.Errorf("%s: %s\ngives\n%s\nwant\n%s", file, command, got, want)
			}
		}
	}
}

// stoppedData is the data directory of a collector that took a span and was stopped.
func stoppedData(t *testing.T) (dir string) {
	t.Helper()
	dir = t.TempDir()
	p := start(t, "collector", dir, "TWINSPAN_PARTITIONS=2")
	want(t, 202, "", "POST", p.zipkin+"/api/v2/spans", spanOf("payment"))
	p.stop()
	return dir
}

// transcript runs a command line and gives what it writes in the form of the files.
func transcript(command string) string {
	env := append([]string{}, environ...)
	words := strings.Fields(command)
	for len(words) > 0 && words[0] != "twinspan" {
		env = append(env, words[0])
		words = words[1:]
	}
	var stdout, stderr bytes.Buffer
	exit := Main(words[1:], env, &stdout, &stderr)
	text := strings.TrimSpace(stdout.String())
	if said := strings.TrimSpace(stderr.String()); said != "" {
		text += "\n! " + strings.ReplaceAll(said, "\n", "\n! ")
	}
	if exit != 0 {
		text += fmt.Sprintf("\n[exit %d]", exit)
	}
	return strings.TrimSpace(text)
}

// alike compares lines with a pattern of lines.
func alike(got, want []string) bool {
	switch {
	case len(want) == 0:
		return len(got) == 0
	case want[0] == "...":
		return alike(got, want[1:]) || len(got) > 0 && alike(got[1:], want)
	}
	return len(got) > 0 && match(strings.TrimSuffix(got[0], "! "), want[0]) && alike(got[1:], want[1:])
}

// match compares a line with a pattern that may have one "...".
func match(got, want string) bool {
	before, after, any := strings.Cut(want, "...")
	if !any || strings.HasSuffix(want, "FILE...               show what the agent makes of log files") {
		return strings.TrimSpace(got) == strings.TrimSpace(want)
	}
	return len(got) >= len(before)+len(after) && strings.HasPrefix(got, before) && strings.HasSuffix(got, after)
}
