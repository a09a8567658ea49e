package reload

import (
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// file is a file under test whose content is the value; "bad" cannot be read.
type file struct {
	t    *testing.T
	path string
	time time.Time
}

func (f *file) write(text string) {
	f.t.Helper()
	f.time = f.time.Add(time.Second)
	if err := errors.Join(os.WriteFile(f.path, []byte(text), 0o600), os.Chtimes(f.path, f.time, f.time)); err != nil {
		f.t.Fatal(err)
	}
}

func (f *file) read() (string, error) {
	text, err := os.ReadFile(f.path)
	if err == nil && string(text) == "bad" {
		err = errors.New("this is bad")
	}
	return string(text), err
}

func TestValue(t *testing.T) {
	f := &file{t: t, path: filepath.Join(t.TempDir(), "f"), time: time.Unix(1e9, 0)}
	var text strings.Builder
	log := slog.New(slog.NewTextHandler(&text, nil))
	if _, err := New("the.setting", []string{f.path}, f.read, log); err == nil || !strings.Contains(err.Error(), "the.setting: stat "+f.path) {
		t.Fatalf("a file that is missing gives %v", err)
	}
	f.write("bad")
	if _, err := New("the.setting", []string{f.path}, f.read, log); err == nil || err.Error() != "the.setting: this is bad" {
		t.Fatalf("a file that is bad gives %v", err)
	}
	f.write("1")
	v, err := New("the.setting", []string{f.path}, f.read, log)
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now().Add(time.Hour)
	v.now = func() time.Time { return now }
	steps := []struct {
		about, write string
		wait         time.Duration
		want         string
		log          string
	}{
		{"nothing changed", "", time.Second, "1", ""},
		{"changed", "2", time.Second, "2", "level=INFO"},
		{"changed too soon to be seen", "3", every / 2, "2", ""},
		{"and seen later", "", every / 2, "3", "level=INFO"},
		{"bad", "bad", time.Second, "3", "level=ERROR"},
		{"still bad is not said again", "", time.Second, "3", ""},
		{"mended", "4", time.Second, "4", "level=INFO"},
		{"gone", "-", time.Second, "4", "level=ERROR"},
		{"still gone is not said again", "", time.Second, "4", ""},
		{"back", "5", time.Second, "5", "level=INFO"},
	}
	v.Get()
	for _, s := range steps {
		text.Reset()
		switch s.write {
		case "":
		case "-":
			if err := os.Remove(f.path); err != nil {
				t.Fatal(err)
			}
		default:
			f.write(s.write)
		}
		now = now.Add(s.wait)
		if got := v.Get(); got != s.want {
			t.Errorf("%s: got %q, want %q", s.about, got, s.want)
		}
		if got := text.String(); !strings.Contains(got, s.log) || s.log == "" && got != "" {
			t.Errorf("%s: the log has %q, want %q", s.about, got, s.log)
		}
	}
}

func TestManyReaders(t *testing.T) {
	f := &file{t: t, path: filepath.Join(t.TempDir(), "f"), time: time.Unix(1e9, 0)}
	f.write("1")
	v, err := New("the.setting", []string{f.path}, f.read, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	var offset sync.Map
	v.now = func() time.Time {
		n, _ := offset.LoadOrStore("n", time.Duration(0))
		return time.Now().Add(n.(time.Duration))
	}
	f.write("2")
	offset.Store("n", time.Hour)
	var wait sync.WaitGroup
	for range 8 {
		wait.Go(func() {
			for range 100 {
				if got := v.Get(); got != "1" && got != "2" {
					t.Errorf("got %q", got)
				}
			}
		})
	}
	wait.Wait()
	if got := v.Get(); got != "2" {
		t.Errorf("at the end it is %q", got)
	}
}
