package peer

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestMigration: what the pages about migration start from compiles with the libraries that they leave, and so does a step on the
// way. What they lead to is compiled in test/docs.
func TestMigration(t *testing.T) {
	programs := 0
	for _, name := range []string{"opentelemetry-sdk", "jaeger-client"} {
		page, err := os.ReadFile(filepath.Join("../../docs", "migrate-from-"+name+".md"))
		if err != nil {
			t.Fatal(err)
		}
		for i, part := range strings.Split(string(page), "```diff\n")[1:] {
			diff, _, _ := strings.Cut(part, "```")
			for _, leave := range []string{"+", "-"} {
				var b strings.Builder
				for line := range strings.Lines(diff) {
					if !strings.HasPrefix(line, leave) {
						b.WriteString(line[1:])
					}
				}
				if strings.Contains(b.String(), "twinspan/sdk") {
					continue // this module has no part in our SDK
				}
				programs++
				main := filepath.Join(t.TempDir(), "main.go")
				if err := os.WriteFile(main, []byte(b.String()), 0o600); err != nil {
					t.Fatal(err)
				}
				if out, err := exec.Command("go", "vet", main).CombinedOutput(); err != nil {
					t.Errorf("migrate-from-%s.md, diff %d without %s lines: %v\n%s", name, i+1, leave, err, out)
				}
			}
		}
	}
	if programs != 4 {
		t.Errorf("%d programs are found", programs)
	}
}
