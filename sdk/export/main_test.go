package export

import (
	"os"
	"runtime"
	"strings"
	"testing"
	"time"
)

// TestMain fails when a goroutine of this package is left over: the SDK has no dependency that could look for them.
func TestMain(m *testing.M) {
	code := m.Run()
	for deadline := time.Now().Add(time.Minute); code == 0; time.Sleep(10 * time.Millisecond) {
		stacks := make([]byte, 1<<20)
		stacks = stacks[:runtime.Stack(stacks, true)]
		if !strings.Contains(string(stacks), "export.(*Exporter).run") {
			break
		}
		if time.Now().After(deadline) {
			os.Stderr.Write(stacks)
			code = 1
		}
	}
	os.Exit(code)
}
