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
	// metric is a metric in a page; one that begins with "_" leaves out what it shares with the one before: the program
	// and the part.
	metric  = regexp.MustCompile("`((?:twinspan)?_[a-z0-9_]+)(?:\\{[a-z,]*\\})?`")
	literal = regexp.MustCompile(`"([a-z0-9_]+)"`)
)

// TestMetrics: the metrics that pages name are in the source, whole or as a prefix and a rest.
func TestMetrics(t *testing.T) {
	source := make(map[string]bool)
	err := filepath.WalkDir(filepath.Join(root, "internal"), func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || filepath.Ext(path) != ".go" || strings.HasSuffix(path, "_test.go") {
			return err
		}
		text, err := os.ReadFile(path)
		for _, m := range literal.FindAllSubmatch(text, -1) {
			source[string(m[1])] = true
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	for _, p := range pages(t) {
		if !strings.HasPrefix(p.name, "docs/") {
			continue
		}
		part := ""
		for _, m := range metric.FindAllStringSubmatch(p.prose(), -1) {
			name := m[1]
			if strings.HasPrefix(name, "_") {
				name = part + name
			}
			words := strings.SplitN(name, "_", 3)
			if len(words) < 3 || words[0] != "twinspan" {
				continue
			}
			part = words[0] + "_" + words[1]
			found++
			if !source[name] && !(source[part+"_"] && source[words[2]]) {
				t.Errorf("%s: there is no metric %s", p.name, name)
			}
		}
	}
	if found < 30 {
		t.Errorf("only %d metrics are found in the pages", found)
	}
}
