package docs

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var (
	example  = regexp.MustCompile(`(?m)^func Example`)
	verified = regexp.MustCompile(`(?m)^\t// (Unordered output|Output):`)
)

// TestExamples: every package of the SDK that services import has an example in its godoc, and every file of examples has one that
// runs with the tests and is compared with what it prints.
func TestExamples(t *testing.T) {
	packages := make(map[string]bool) // directory → has an example
	err := filepath.WalkDir(filepath.Join(root, "sdk"), func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && (d.Name() == "internal" || d.Name() == "testdata" || d.Name() == "bench"):
			return filepath.SkipDir
		case d.IsDir() || filepath.Ext(path) != ".go":
			return nil
		}
		dir := filepath.Dir(path)
		packages[dir] = packages[dir] || false
		if !strings.HasSuffix(path, "_test.go") {
			return nil
		}
		text, err := os.ReadFile(path)
		if err == nil && example.Match(text) {
			packages[dir] = true
			if !verified.Match(text) {
				t.Errorf("%s: no example is run", path)
			}
		}
		return err
	})
	if err != nil || len(packages) < 10 {
		t.Fatalf("%d packages: %v", len(packages), err)
	}
	for dir, has := range packages {
		if !has {
			t.Errorf("%s has no example", dir)
		}
	}
}
