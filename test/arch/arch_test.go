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
	"regexp"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/twinspan/twinspan"

var update = flag.Bool("update", false, "write modules.txt instead of comparing with it")

// room is a row of the table of ARCHITECTURE.md: a part, and what it may import beside what everyone may and what is below its own
// folder. "all" is everything.
type room struct {
	part string
	may  []string
}

var row = regexp.MustCompile("(?m)^\\| `([a-z/]+)` \\|.*\\|([^|`]*)\\|$")

// rooms reads the table. Arrows go down only: what a row names stands below it.
func rooms(t *testing.T) (all []room) {
	t.Helper()
	text, err := os.ReadFile("../../ARCHITECTURE.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range row.FindAllStringSubmatch(string(text), -1) {
		r := room{part: m[1]}
		for name := range strings.SplitSeq(m[2], ",") {
			switch name = strings.TrimSpace(name); name {
			case "":
			case "all", "sdk", "docs/api":
				r.may = append(r.may, name)
			default:
				r.may = append(r.may, "internal/"+name)
			}
		}
		all = append(all, r)
	}
	if len(all) < 20 {
		t.Fatalf("only %d rows are found in ARCHITECTURE.md", len(all))
	}
	for i, r := range all {
		for _, may := range r.may {
			if may != "all" && !slices.ContainsFunc(all[i+1:], func(below room) bool { return below.part == may }) {
				t.Errorf("ARCHITECTURE.md: %s may import %s, which stands not below it", r.part, may)
			}
		}
	}
	return all
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

func TestArrows(t *testing.T) {
	packages := list(t, "./cmd/...", "./internal/...", "./console/...", "./docs/...")
	if len(packages) < 10 {
		t.Fatalf("only %d packages found", len(packages))
	}
	rooms := rooms(t)
	for _, p := range packages {
		path := strings.TrimPrefix(p.ImportPath, module+"/")
		own := slices.IndexFunc(rooms, func(r room) bool { return below(path, r.part) })
		if own < 0 {
			t.Errorf("%s is in no room: add it to the table of ARCHITECTURE.md", path)
			continue
		}
		for _, dep := range p.Imports {
			if !strings.HasPrefix(dep, module+"/") {
				continue
			}
			dep = strings.TrimPrefix(dep, module+"/")
			if !rooms[own].allows(dep) {
				t.Errorf("%s imports %s, which ARCHITECTURE.md does not allow", path, dep)
			}
		}
	}
}

func (r room) allows(dep string) bool {
	return below(dep, r.part) || slices.Contains(everyone, dep) || slices.ContainsFunc(r.may, func(may string) bool {
		return below(dep, may) || may == "all" && (below(dep, "internal") || dep == "console")
	})
}

func below(path, root string) bool { return path == root || strings.HasPrefix(path, root+"/") }

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
