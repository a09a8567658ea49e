// Package arch holds the project's layout: which package may import which, and which modules the server is built from.
package arch

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/twinspan/twinspan"

var update = flag.Bool("update", false, "write modules.txt instead of comparing with it")

// arrows says what each part may import beside internal/span, sdk/id, sdk/histogram and the parts below its own folder.
// It is the table of ARCHITECTURE.md. Arrows go down only: a part must stand above all that it imports.
var arrows = []struct {
	part string
	may  []string
}{
	{"cmd/twinspan", []string{"internal/app"}},
	{"internal/app", []string{"*"}},
	{"internal/doctor", []string{"internal/digestlog", "internal/certificate", "sdk"}},
	{"internal/config", []string{"internal/api", "internal/query", "internal/alert", "internal/ingest", "internal/collect", "internal/store", "internal/series", "internal/bus", "internal/agent", "internal/access", "internal/certificate"}},
	{"internal/api", []string{"internal/query", "internal/alert", "docs/api"}},
	{"internal/query", []string{"internal/store", "internal/series"}},
	{"internal/alert", []string{"internal/series"}},
	{"internal/ingest", []string{"internal/bus", "internal/wire", "internal/series"}},
	{"internal/collect", []string{"internal/bus", "internal/pair", "internal/rollup", "internal/store", "internal/series", "internal/wire"}},
	{"internal/pair", nil},
	{"internal/rollup", nil},
	{"internal/store", nil},
	{"internal/backup", nil},
	{"internal/export", nil},
	{"internal/series", nil},
	{"internal/bus", []string{"internal/wire"}},
	{"internal/agent", []string{"internal/digestlog", "internal/wire", "internal/certificate"}},
	{"internal/wire", nil},
	{"internal/digestlog", nil},
	{"internal/span", nil},
	{"internal/tenant", nil},
	{"internal/reload", nil},
	{"internal/certificate", nil},
	{"internal/access", []string{"internal/ingest"}},
	{"internal/leaktest", nil},
	{"console", nil},
	{"docs/api", nil},
}

// everyone may import these.
var everyone = []string{"internal/span", "internal/tenant", "internal/reload", "sdk/id", "sdk/histogram"}

type listed struct {
	ImportPath string
	Imports    []string
	Deps       []string
	Module     *struct{ Path string }
	Standard   bool
}

func list(t *testing.T, args ...string) []listed {
	t.Helper()
	cmd := exec.Command("go", append([]string{"list", "-pgo=off", "-json=ImportPath,Imports,Deps,Module,Standard"}, args...)...)
	cmd.Dir = "../.."
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v\n%s", err, &stderr)
	}
	var all []listed
	for d := json.NewDecoder(bytes.NewReader(out)); ; {
		var p listed
		if err := d.Decode(&p); errors.Is(err, io.EOF) {
			return all
		} else if err != nil {
			t.Fatal(err)
		}
		all = append(all, p)
	}
}

// partOf gives the row of the table that a path below the module belongs to, or -1.
func partOf(path string) int {
	return slices.IndexFunc(arrows, func(a struct {
		part string
		may  []string
	}) bool {
		return path == a.part || strings.HasPrefix(path, a.part+"/")
	})
}

func TestArrows(t *testing.T) {
	packages := list(t, "./cmd/...", "./internal/...", "./console/...", "./docs/...")
	if len(packages) < 10 {
		t.Fatalf("only %d packages found", len(packages))
	}
	for _, p := range packages {
		path := strings.TrimPrefix(p.ImportPath, module+"/")
		row := partOf(path)
		if row < 0 {
			t.Errorf("%s is in no room of the layout: add it to the table and to ARCHITECTURE.md", path)
			continue
		}
		for _, dep := range p.Imports {
			if !strings.HasPrefix(dep, module+"/") {
				continue
			}
			dep = strings.TrimPrefix(dep, module+"/")
			if !allowed(row, dep) {
				t.Errorf("%s imports %s, which the layout does not allow", path, dep)
			}
		}
	}
}

func allowed(row int, dep string) bool {
	below := func(root string) bool { return dep == root || strings.HasPrefix(dep, root+"/") }
	if below(arrows[row].part) || slices.Contains(everyone, dep) {
		return true
	}
	for _, may := range arrows[row].may {
		if may == "*" && (strings.HasPrefix(dep, "internal/") || dep == "console") || below(may) {
			return true
		}
	}
	return false
}

// The standard library and two packages of the SDK are all that the domain may stand on.
func TestTheDomainStandsAlone(t *testing.T) {
	for _, p := range list(t, "./internal/span", "./sdk/id", "./sdk/histogram") {
		for _, dep := range p.Imports {
			if strings.Contains(dep, ".") && !slices.Contains(everyone, strings.TrimPrefix(dep, module+"/")) {
				t.Errorf("%s imports %s", p.ImportPath, dep)
			}
		}
	}
}

func TestTheSDKDoesNotImportTheServer(t *testing.T) {
	for _, p := range list(t, "./sdk/...") {
		for _, dep := range p.Deps {
			if strings.HasPrefix(dep, module+"/internal/") || strings.HasPrefix(dep, module+"/console") {
				t.Errorf("%s depends on %s", p.ImportPath, dep)
			}
		}
	}
}

// TestModules guards the list of modules that the server is built from: each is a promise to maintain it.
func TestModules(t *testing.T) {
	seen := make(map[string]bool)
	for _, p := range list(t, "-deps", "./cmd/twinspan") {
		if p.Module != nil && !strings.HasPrefix(p.Module.Path, module) {
			seen[p.Module.Path] = true
		}
	}
	var names []string
	for name := range seen {
		names = append(names, name)
	}
	slices.Sort(names)
	got := strings.Join(names, "\n") + "\n"
	if *update {
		if err := os.WriteFile("modules.txt", []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile("modules.txt")
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("the server's modules changed; if that is meant: go test ./test/arch -update\n got:\n%s\nwant:\n%s", got, want)
	}
}
