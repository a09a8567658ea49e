package docs

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// after gives what stands in a file when a diff has been applied.
func after(diff string) string {
	var b strings.Builder
	for line := range strings.Lines(diff) {
		if line[0] != '-' {
			b.WriteString(line[1:])
		}
	}
	return b.String()
}

// TestMigration: what the pages about migration lead to compiles against this checkout. What they start from is compiled in test/peer,
// which has those libraries.
func TestMigration(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(root, "docs/migrate-*.md"))
	if err != nil {
		t.Fatal(err)
	}
	programs := 0
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		p := page{name: filepath.Base(file), text: string(text)}
		blocks := p.blocks("go")
		for _, b := range p.blocks("diff") {
			blocks = append(blocks, block{b.line, after(b.text)})
		}
		for _, b := range blocks {
			if strings.Contains(b.text, "github.com/uber/") {
				continue // a step on the way, with the old library: test/peer has it
			}
			programs++
			main := filepath.Join(t.TempDir(), "main.go")
			if err := os.WriteFile(main, []byte(b.text), 0o600); err != nil {
				t.Fatal(err)
			}
			vet := exec.Command("go", "vet", main)
			vet.Dir = root
			if out, err := vet.CombinedOutput(); err != nil {
				t.Errorf("%s:%d: the program does not compile: %v\n%s", p.name, b.line, err, out)
			}
		}
	}
	if programs < 4 {
		t.Errorf("only %d programs are found", programs)
	}
}
