package docs

import (
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

var (
	// metric is a metric in a page; one that begins with "_" leaves out what it shares with the one before: the program
	// and the part.
	metric  = regexp.MustCompile("`((?:twinspan)?_[a-z0-9_]+)(?:\\{[a-z,]*\\})?`")
	literal = regexp.MustCompile(`"([a-z0-9_]+)"`)
)

// TestMetrics: the metrics that pages name are in the source, whole or as a prefix and a rest.
func TestMetrics(t *testing.T) {
	source := literals(t)
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
			if !known(source, name) {
				t.Errorf("%s: there is no metric %s", p.name, name)
			}
		}
	}
	if found < 30 {
		t.Errorf("only %d metrics are found in the pages", found)
	}
}

// readsMetrics has the names of metrics of others.
const readsMetrics = "internal/app/stages.go"

// literals are the words in quotes of the source.
func literals(t *testing.T) map[string]bool {
	t.Helper()
	source := make(map[string]bool)
	err := filepath.WalkDir(filepath.Join(root, "internal"), func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || filepath.Ext(path) != ".go" || strings.HasSuffix(path, "_test.go") ||
			strings.HasSuffix(filepath.ToSlash(path), readsMetrics) {
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
	return source
}

// known says that a metric is in the source, whole or as a prefix and a rest.
func known(source map[string]bool, name string) bool {
	words := strings.SplitN(name, "_", 3)
	return source[name] || len(words) == 3 && source[words[0]+"_"+words[1]+"_"] && source[words[2]]
}

var anyMetric = regexp.MustCompile(`twinspan_[a-z0-9_]+`)

// TestMetricsOfOthers: the metrics that alert rules and the page of the pipeline read are there.
func TestMetricsOfOthers(t *testing.T) {
	source := literals(t)
	for _, file := range []string{"examples/alerts/twinspan.rules.yml", readsMetrics} {
		text, err := os.ReadFile(filepath.Join(root, file))
		if err != nil {
			t.Fatal(err)
		}
		names := anyMetric.FindAllString(string(text), -1)
		for _, name := range names {
			if !known(source, name) && !known(source, strings.TrimSuffix(name, "_bucket")) {
				t.Errorf("%s: there is no metric %s", file, name)
			}
		}
		if len(names) < 8 {
			t.Errorf("%s names %d metrics", file, len(names))
		}
	}
}

// TestAlertRules: the rules are what Prometheus reads, and each says what it is about.
func TestAlertRules(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(root, "examples/alerts/twinspan.rules.yml"))
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		Groups []struct {
			Name  string
			Rules []struct {
				Alert, Expr, For    string
				Labels, Annotations map[string]string
			}
		}
	}
	decoder := yaml.NewDecoder(bytes.NewReader(text))
	decoder.KnownFields(true)
	if err := decoder.Decode(&file); err != nil {
		t.Fatal(err)
	}
	for _, g := range file.Groups {
		for _, r := range g.Rules {
			if r.Alert == "" || r.Expr == "" || r.Labels["severity"] == "" || r.Annotations["summary"] == "" {
				t.Errorf("rule %+v lacks something", r)
			}
		}
	}
	if len(file.Groups) != 1 || len(file.Groups[0].Rules) < 8 {
		t.Errorf("%d groups", len(file.Groups))
	}
}
