package docs

import (
	"bytes"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"github.com/twinspan/twinspan/internal/config"
)

var settingRow = regexp.MustCompile("(?m)^\\| `([a-z_.]+)` \\| `([^`]*)` \\|")

// ours tells Twinspan's configuration from other programs' by its groups.
var ours = regexp.MustCompile(`(?m)^(` + strings.Join(groups(), "|") + `):`)

// groups are the names at the top of a configuration.
func groups() (names []string) {
	for _, f := range reflect.VisibleFields(reflect.TypeFor[config.Config]()) {
		names = append(names, f.Tag.Get("yaml"))
	}
	return names
}

var named = regexp.MustCompile(`TWINSPAN_[A-Z_]*[A-Z]`)

var variable = regexp.MustCompile(`(?m)# (TWINSPAN_\w+)$`)

// TestSettings: docs/configuration.md lists every setting, no other, and each with its default.
func TestSettings(t *testing.T) {
	page, err := os.ReadFile(filepath.Join(root, "docs/configuration.md"))
	if err != nil {
		t.Fatal(err)
	}
	standard := config.Default()
	var printed bytes.Buffer
	if err := standard.Print(&printed); err != nil {
		t.Fatal(err)
	}
	missing := make(map[string]bool)
	for _, m := range variable.FindAllStringSubmatch(printed.String(), -1) {
		missing[m[1]] = true
	}
	for _, row := range settingRow.FindAllStringSubmatch(string(page), -1) {
		name := config.EnvPrefix + strings.ToUpper(strings.ReplaceAll(row[1], ".", "_"))
		if !missing[name] {
			t.Errorf("docs/configuration.md has %s, which is no setting or is there twice", row[1])
			continue
		}
		delete(missing, name)
		// A wrong default is one that changes the configuration when it is set.
		c, _, err := config.Load("", []string{name + "=" + strings.Trim(row[2], `"`)})
		if err != nil {
			t.Errorf("docs/configuration.md: the default of %s: %v", row[1], err)
		} else if !reflect.DeepEqual(c, standard) {
			t.Errorf("docs/configuration.md: the default of %s is not %s", row[1], row[2])
		}
	}
	for name := range missing {
		t.Errorf("docs/configuration.md does not have the setting of %s", name)
	}
}

// TestExampleFiles: the configurations that pages show can be used, and the variables that they name are settings.
func TestExampleFiles(t *testing.T) {
	file := filepath.Join(t.TempDir(), "example.yml")
	for _, p := range pages(t) {
		for _, b := range p.blocks("yaml") {
			if !ours.MatchString(b.text) {
				continue // another program's
			}
			if err := os.WriteFile(file, []byte(b.text), 0o600); err != nil {
				t.Fatal(err)
			}
			c, _, err := config.Load(file, nil)
			if err == nil {
				err = c.Validate()
			}
			if err != nil {
				t.Errorf("%s:%d: %v", p.name, b.line, err)
			}
		}
		if !strings.HasPrefix(p.name, "docs/") && !strings.HasPrefix(p.name, "README") {
			continue // what developers of a part set is no setting
		}
		for _, name := range named.FindAllString(p.text, -1) {
			if _, unknown, _ := config.Load("", []string{name + "="}); len(unknown) > 0 {
				t.Errorf("%s: %s is no setting", p.name, name)
			}
		}
	}
}
