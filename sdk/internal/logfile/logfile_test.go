package logfile

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

func write(t *testing.T, f *File, text string, now time.Time) Outcome {
	t.Helper()
	o := f.Append([]byte(text+"\n"), now)
	flushed := f.Flush(now)
	if o.Err != nil || flushed.Err != nil {
		t.Fatalf("%v %v", o.Err, flushed.Err)
	}
	return Outcome{Written: o.Written + flushed.Written}
}

// contents gives the files of a directory, "name: text" with newlines as spaces.
func contents(t *testing.T, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, e := range entries {
		data, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, strings.TrimSpace(e.Name()+": "+strings.ReplaceAll(string(data), "\n", " ")))
	}
	return all
}

func check(t *testing.T, dir string, want ...string) {
	t.Helper()
	if got := contents(t, dir); !slices.Equal(got, want) {
		t.Errorf("\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func closeFile(t *testing.T, f *File) {
	t.Helper()
	if err := f.Close(); err != nil {
		t.Error(err)
	}
}

var noon = time.Date(2026, 11, 23, 12, 30, 0, 0, time.Local)

func TestRollsByDayAndHour(t *testing.T) {
	dir := t.TempDir()
	daily, hourly := New(filepath.Join(dir, "d.log"), Config{Roll: Daily}), New(filepath.Join(dir, "h.log"), Config{Roll: Hourly})
	for i, after := range []time.Duration{0, time.Minute, time.Hour, 24 * time.Hour} {
		write(t, daily, string(rune('a'+i)), noon.Add(after))
		write(t, hourly, string(rune('a'+i)), noon.Add(after))
	}
	closeFile(t, daily)
	closeFile(t, hourly)
	check(t, dir, "d.log: d", "d.log.2026-11-23: a b c", "h.log: d", "h.log.2026-11-23_12: a b", "h.log.2026-11-23_13: c")
}

func TestRollsWhatAnotherRunLeft(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "x.log")
	if err := os.WriteFile(path, []byte("old\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chtimes(path, noon, noon.Add(-48*time.Hour)); err != nil {
		t.Fatal(err)
	}
	// A rolled file of that name is there already: it is kept.
	if err := os.WriteFile(path+".2026-11-21", []byte("older\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	f := New(path, Config{Roll: Daily})
	write(t, f, "new", noon)
	closeFile(t, f)
	check(t, dir, "x.log: new", "x.log.2026-11-21: older", "x.log.2026-11-21.1: old")
}

func TestRollsBySize(t *testing.T) {
	dir := t.TempDir()
	f := New(filepath.Join(dir, "x.log"), Config{Roll: Size, MaxBytes: 10, Keep: 2})
	for _, text := range []string{"aaaa", "bbbb", "cccc", "a long line of its own", "dddd", "eeee", "ffff"} {
		write(t, f, text, noon)
	}
	closeFile(t, f)
	check(t, dir, "x.log: ffff", "x.log.1: dddd eeee", "x.log.2: a long line of its own")
}

func TestRetention(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"x.log.2026-11-21", "x.log.2026-11-22", "x.log.2026-11-20", "x.log.2026-11-20.3", "x.log.2026-11-20.bak",
		"x.log.backup", "y.log.2026-11-20", "x.log.2026-13-40"} {
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	f := New(filepath.Join(dir, "x.log"), Config{Roll: Daily, Retention: 36 * time.Hour})
	write(t, f, "a", noon)
	closeFile(t, f)
	check(t, dir, "x.log: a", "x.log.2026-11-20.bak:", "x.log.2026-11-22:", "x.log.2026-13-40:", "x.log.backup:", "y.log.2026-11-20:")
}

func TestFileThatIsMovedAway(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "x.log")
	f := New(path, Config{Roll: Daily})
	write(t, f, "a", noon)
	if err := os.Rename(path, filepath.Join(dir, "moved")); err != nil {
		t.Fatal(err)
	}
	write(t, f, "b", noon.Add(checkInterval))
	closeFile(t, f)
	check(t, dir, "moved: a", "x.log: b")
}

func TestTornLineIsEnded(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "x.log")
	if err := os.WriteFile(path, []byte("whole\nhal"), 0o600); err != nil {
		t.Fatal(err)
	}
	f := New(path, Config{Roll: Size, MaxBytes: 1000, Keep: 1})
	write(t, f, "next", noon)
	closeFile(t, f)
	check(t, dir, "x.log: whole hal next")
}

func TestWritesWholeLinesAtOnce(t *testing.T) {
	dir := t.TempDir()
	f := New(filepath.Join(dir, "x.log"), Config{Roll: Daily})
	line := []byte(strings.Repeat("x", 1000) + "\n")
	written := 0
	for range 200 {
		o := f.Append(line, noon)
		if o.Err != nil {
			t.Fatal(o.Err)
		}
		written += o.Written
		if info, err := os.Stat(f.Path()); err == nil && info.Size()%int64(len(line)) != 0 {
			t.Fatalf("%d bytes in the file", info.Size())
		}
	}
	written += f.Flush(noon).Written
	closeFile(t, f)
	if written != 200 {
		t.Errorf("%d lines written", written)
	}
}

func TestLostLinesAreCounted(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(dir, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	f := New(filepath.Join(dir, "x.log"), Config{Roll: Daily})
	f.Append([]byte("a\n"), noon)
	f.Append([]byte("b\n"), noon)
	if o := f.Flush(noon); o.Lost != 2 || o.Err == nil || o.Written != 0 {
		t.Errorf("%+v", o)
	}
	if err := os.Remove(dir); err != nil {
		t.Fatal(err)
	}
	f.Append([]byte("c\n"), noon)
	if o := f.Flush(noon.Add(retryInterval / 2)); o.Lost != 1 {
		t.Errorf("it tries again too early: %+v", o)
	}
	write(t, f, "d", noon.Add(retryInterval))
	closeFile(t, f)
	check(t, dir, "x.log: d")
}

func TestDiskFull(t *testing.T) {
	if _, err := os.Stat("/dev/full"); err != nil {
		t.Skip("no /dev/full here")
	}
	dir := t.TempDir()
	path := filepath.Join(dir, "x.log")
	if err := os.Symlink("/dev/full", path); err != nil {
		t.Fatal(err)
	}
	f := New(path, Config{Roll: Daily})
	f.Append([]byte("a\n"), noon)
	if o := f.Flush(noon); o.Lost != 1 || !errors.Is(o.Err, syscall.ENOSPC) {
		t.Errorf("%+v", o)
	}
	if err := os.Remove(path); err != nil { // room again
		t.Fatal(err)
	}
	write(t, f, "b", noon.Add(checkInterval))
	closeFile(t, f)
	check(t, dir, "x.log: b")
}
