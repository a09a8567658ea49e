package agent

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestPrint(t *testing.T) {
	long := strings.Repeat("x", 300)
	cases := []struct {
		name, head string
		length     int
		ok         bool
	}{
		{name: "empty", head: ""},
		{name: "unfinished", head: "abc", length: 3},
		{name: "one line", head: "abc\n", length: 4, ok: true},
		{name: "two lines", head: "abc\r\ndef\r\n", length: 5, ok: true},
		{name: "blank lines first", head: "\r\n\nabc\ndef\n", length: 7, ok: true},
		{name: "blank lines only", head: "\r\n\n", length: 3},
		{name: "long", head: long, length: maxPrint, ok: true},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			p, ok := printOf([]byte(c.head))
			if p.Length != c.length || ok != c.ok {
				t.Errorf("length %d, ok %v; want %d, %v", p.Length, ok, c.length, c.ok)
			}
			for head, want := range map[string]bool{
				c.head: true, c.head + "more\n": true, "other" + c.head: c.length == 0, "": c.length == 0,
			} {
				if ok, err := p.matches(strings.NewReader(head)); ok != want || err != nil {
					t.Errorf("matches(%q) is %v, %v; want %v", head, ok, err, want)
				}
			}
		})
	}
}

// FuzzPrint checks that a fingerprint never changes by what is appended.
func FuzzPrint(f *testing.F) {
	f.Add([]byte("\r\nabc\nd"), []byte("ef\n"))
	f.Fuzz(func(t *testing.T, head, more []byte) {
		p, ok := printOf(head)
		q, still := printOf(append(bytes.Clone(head), more...))
		if ok && (!still || p != q) {
			t.Errorf("%q + %q: %v became %v, %v", head, more, p, q, still)
		}
		if same, err := p.matches(bytes.NewReader(append(bytes.Clone(head), more...))); !same || err != nil {
			t.Errorf("%q + %q: it does not match itself: %v", head, more, err)
		}
	})
}

func TestKey(t *testing.T) {
	p, _ := printOf([]byte("abc\n"))
	q, _ := printOf([]byte("abd\n"))
	base := keyOf("/logs", live, p)
	if !strings.HasPrefix(base, "/logs/"+live+"#") {
		t.Errorf("key is %q", base)
	}
	for name, other := range map[string]string{
		"directory": keyOf("/log", live, p), "name": keyOf("/logs", "biz-digest.log", p), "content": keyOf("/logs", live, q),
	} {
		if other == base {
			t.Errorf("files that differ in %s have one key", name)
		}
	}
	if originOf(originPrefix("a", base), 5) == originOf(originPrefix("a", base), 6) ||
		originOf(originPrefix("a", base), 5) == originOf(originPrefix("b", base), 5) {
		t.Error("records have one origin")
	}
}

// FuzzState reads a state file of any content, and goes on.
func FuzzState(f *testing.F) {
	f.Add([]byte(`{"version":1,"agent":"host-1","files":[{"key":"k","path":"/logs/biz-digest.log","print":"5","printLength":9,"offset":7,"size":9}]}`))
	f.Add([]byte(`{"version":1,"files":[{"key":"k","path":"/logs/biz-digest.log","printLength":-1,"offset":-7}]}`))
	f.Add([]byte("null"))
	r := newRig(f, nil)
	r.agent.patterns = []string{"/logs"}
	path := filepath.Join(r.cfg.StateDir, stateName)
	f.Fuzz(func(t *testing.T, data []byte) {
		if err := os.WriteFile(path, data, 0o644); err != nil {
			t.Fatal(err)
		}
		r.agent.files = nil
		r.out.Reset()
		r.agent.load(time.Unix(0, 0))
		for _, file := range r.agent.files {
			if file.acked < 0 || file.print.Length < 1 || file.print.Length > maxPrint || file.key == "" {
				t.Errorf("file %+v was taken up", file)
			}
		}
	})
}
