// Package tracertest is what the tests of sdk/contrib share: a service whose log can be read, and the test that the middleware of
// every HTTP framework passes.
package tracertest

import (
	"cmp"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	twinspan "github.com/twinspan/twinspan/sdk"
)

// Service is a traced service and its log.
type Service struct {
	*twinspan.Tracer
	dir string
}

// New starts a service that loses no line. It is closed with the test.
func New(t testing.TB, app string) *Service {
	t.Helper()
	c := twinspan.DefaultConfig(app)
	c.LogDir, c.QueuePolicy = t.TempDir(), twinspan.WaitWhenFull
	tracer, err := twinspan.New(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := tracer.Close(); err != nil {
			t.Error(err)
		}
	})
	return &Service{tracer, c.LogDir}
}

// Lines gives the lines of a file of the log, such as "biz-digest.log", when everything has been written; none if there is no file.
// They are in the order in which their spans started: in the file those of several CPUs come in no order.
func (s *Service) Lines(t testing.TB, file string) []map[string]any {
	t.Helper()
	s.FlushStats()
	data, err := os.ReadFile(filepath.Join(s.dir, file))
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	var all []map[string]any
	for text := range strings.Lines(string(data)) {
		var line map[string]any
		if err := json.Unmarshal([]byte(text), &line); err != nil {
			t.Fatalf("%s: %v in %s", file, err, text)
		}
		all = append(all, line)
	}
	slices.SortStableFunc(all, func(a, b map[string]any) int { return cmp.Compare(started(a), started(b)) })
	return all
}

// started is when a line's span started, in ns of the Unix epoch; 0 for a stat line.
func started(line map[string]any) int64 {
	text, _ := line["start.ns"].(string)
	n, _ := strconv.ParseInt(text, 10, 64)
	return n
}

// Check compares some fields of a line.
func Check(t testing.TB, name string, line, want map[string]any) {
	t.Helper()
	for key, v := range want {
		if line[key] != v {
			t.Errorf("%s: %s is %v, want %v; %v", name, key, line[key], v, line)
		}
	}
}
