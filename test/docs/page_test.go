// Package docs checks what the project's pages say against the project: links, make targets, settings, variables and Go
// code. It does not judge the text.
package docs

import (
	"io/fs"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// root is the repository, seen from here.
const root = "../.."

// page is one Markdown file.
type page struct {
	name string // from the root
	text string
}

// pages finds all pages of the project.
func pages(t *testing.T) (list []page) {
	t.Helper()
	skip := []string{"node_modules", "testdata", "bin", "data", "dist"}
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && path != root && (slices.Contains(skip, d.Name()) || strings.HasPrefix(d.Name(), ".")) {
			return filepath.SkipDir
		}
		if d.IsDir() || filepath.Ext(path) != ".md" {
			return nil
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		name, err := filepath.Rel(root, path)
		list = append(list, page{filepath.ToSlash(name), string(text)})
		return err
	})
	if err != nil || len(list) < 5 {
		t.Fatalf("%d pages are found: %v", len(list), err)
	}
	return list
}

// block is a fenced piece of code.
type block struct {
	line int // of its first line
	text string
}

// blocks gives the page's blocks in a language; "" is every one.
func (p page) blocks(language string) (list []block) {
	inside, wanted := false, false
	for i, line := range strings.SplitAfter(p.text, "\n") {
		fence, found := strings.CutPrefix(strings.TrimSpace(line), "```")
		switch {
		case found && !inside:
			inside, wanted = true, language == "" || fence == language
			if wanted {
				list = append(list, block{line: i + 2})
			}
		case found:
			inside = false
		case inside && wanted:
			list[len(list)-1].text += line
		}
	}
	return list
}

// prose is the page without its blocks.
func (p page) prose() string {
	text := p.text
	for _, b := range p.blocks("") {
		text = strings.Replace(text, b.text, "", 1)
	}
	return text
}

var (
	link    = regexp.MustCompile(`\]\(([^)\s]+)\)|(?:href|src)="([^"]+)"`)
	heading = regexp.MustCompile(`(?m)^#+ +(.+)$`)
	notSlug = regexp.MustCompile(`[^\p{L}\p{N} _-]`)
)

// anchors are the names by which headings of the page can be linked to.
func (p page) anchors() map[string]bool {
	found := make(map[string]bool)
	for _, m := range heading.FindAllStringSubmatch(p.prose(), -1) {
		slug := notSlug.ReplaceAllString(strings.ToLower(strings.TrimSpace(m[1])), "")
		found[strings.ReplaceAll(slug, " ", "-")] = true
	}
	return found
}

// TestLinks: what a page links to in the repository is there, with its heading.
func TestLinks(t *testing.T) {
	all := pages(t)
	for _, p := range all {
		for _, m := range link.FindAllStringSubmatch(p.prose(), -1) {
			target := m[1] + m[2]
			u, err := url.Parse(target)
			if err != nil {
				t.Errorf("%s: link %s: %v", p.name, target, err)
				continue
			}
			if u.Scheme != "" || u.Host != "" {
				continue
			}
			to := p.name
			if u.Path != "" {
				to = filepath.ToSlash(filepath.Join(filepath.Dir(p.name), u.Path))
			}
			if _, err := os.Stat(filepath.Join(root, to)); err != nil {
				t.Errorf("%s: link %s leads nowhere", p.name, target)
				continue
			}
			at := slices.IndexFunc(all, func(p page) bool { return p.name == to })
			if u.Fragment != "" && (at < 0 || !all[at].anchors()[u.Fragment]) {
				t.Errorf("%s: link %s: there is no such heading", p.name, target)
			}
		}
	}
}

var (
	made   = regexp.MustCompile("(?m)(?:^\\s*(?:\\$ )?|`|&& )make ([a-z][a-z0-9-]*)")
	target = regexp.MustCompile(`(?m)^([a-z][a-z0-9-]*):`)
)

// TestMake: the targets that pages name are in the Makefile, and every target with a description does something.
func TestMake(t *testing.T) {
	makefile, err := os.ReadFile(filepath.Join(root, "Makefile"))
	if err != nil {
		t.Fatal(err)
	}
	targets := make(map[string]bool)
	for _, m := range target.FindAllStringSubmatch(string(makefile), -1) {
		targets[m[1]] = true
	}
	for _, p := range pages(t) {
		text := p.prose()
		for _, b := range p.blocks("") {
			text += "\n" + b.text
		}
		for _, m := range made.FindAllStringSubmatch(text, -1) {
			if !targets[m[1]] {
				t.Errorf("%s: there is no target %q in the Makefile", p.name, m[1])
			}
		}
	}
}

var used = regexp.MustCompile(`(?m)^\s*(\.\S*)$`)

// TestGo: the programs that the README shows compile against this checkout.
func TestGo(t *testing.T) {
	work, err := os.ReadFile(filepath.Join(root, "go.work"))
	if err != nil {
		t.Fatal(err)
	}
	top, err := filepath.Abs(root)
	if err != nil {
		t.Fatal(err)
	}
	// The workspace of the checkout, with a module more.
	workspace := used.ReplaceAllStringFunc(string(work), func(path string) string {
		return "\t" + filepath.Join(top, strings.TrimSpace(path))
	}) + "\nuse .\n"
	seen := make(map[string]bool)
	for _, p := range pages(t) {
		if !strings.HasPrefix(p.name, "README") {
			continue
		}
		for _, b := range p.blocks("go") {
			if seen[b.text] {
				continue // the same in another language's page
			}
			seen[b.text] = true
			dir := t.TempDir()
			for name, text := range map[string]string{
				"go.work": workspace, "go.mod": "module example\n\ngo 1.26.0\n", "main.go": b.text,
			} {
				if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			sum, err := os.ReadFile(filepath.Join(root, "go.work.sum"))
			if err == nil {
				err = os.WriteFile(filepath.Join(dir, "go.work.sum"), sum, 0o600)
			}
			if err != nil {
				t.Fatal(err)
			}
			vet := exec.Command("go", "vet", ".")
			vet.Dir = dir
			vet.Env = append(os.Environ(), "GOWORK="+filepath.Join(dir, "go.work"), "GOFLAGS=")
			if out, err := vet.CombinedOutput(); err != nil {
				t.Errorf("%s:%d: the program does not compile: %v\n%s", p.name, b.line, err, out)
			}
		}
	}
	if len(seen) == 0 {
		t.Error("no README shows a program")
	}
}
