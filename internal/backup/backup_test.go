package backup

import (
	"archive/tar"
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/twinspan/twinspan/internal/leaktest"
)

func TestMain(m *testing.M) { leaktest.Main(m) }

// someData is a directory with a few files, and their names.
func someData(t *testing.T) (dir string, names []string) {
	t.Helper()
	dir = t.TempDir()
	for name, text := range map[string]string{"partitions": "2\n", "store/2026-03-01.0001/000004.sst": strings.Repeat("sorted ", 9999),
		"store/2026-03-01.0001/empty": "", "wal/00000000000000000000.wal": "log"} {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o750), os.WriteFile(path, []byte(text), 0o640)); err != nil {
			t.Fatal(err)
		}
	}
	names, err := List(dir)
	if err != nil || len(names) != 4 {
		t.Fatalf("%v, %v", names, err)
	}
	return dir, names
}

func packed(t *testing.T) []byte {
	t.Helper()
	dir, names := someData(t)
	var b bytes.Buffer
	if _, err := Pack(&b, dir, names, "test"); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestRoundTrip(t *testing.T) {
	stream := packed(t)
	dir := t.TempDir()
	for name, asDir := range map[string]bool{"file.tar": false, "dir": true} {
		path := filepath.Join(dir, name)
		m, err := Save(bytes.NewReader(stream), path, asDir)
		if err != nil || len(m.Files) != 4 || m.Bytes() != 7*9999+5 || m.Version != "test" {
			t.Fatalf("%s: %+v, %v", name, m, err)
		}
		if _, err := Check(path); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := Save(bytes.NewReader(stream), path, asDir); err == nil {
			t.Errorf("%s was written over", name)
		}
		data := filepath.Join(dir, "data of "+name)
		if _, err := Restore(path, data); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		names, err := List(data)
		if err != nil || len(names) != 4 {
			t.Errorf("%s: restored %v, %v", name, names, err)
		}
		text, err := os.ReadFile(filepath.Join(data, "wal", "00000000000000000000.wal"))
		if err != nil || string(text) != "log" {
			t.Errorf("%s: %q, %v", name, text, err)
		}
		if _, err := Restore(path, data); !errors.Is(err, ErrNotEmpty) {
			t.Errorf("%s: restored over data: %v", name, err)
		}
	}
	if left, _ := filepath.Glob(filepath.Join(dir, "*"+partial)); len(left) > 0 {
		t.Errorf("left: %v", left)
	}
}

// TestDamage cuts a backup off at every so many bytes and changes bytes of files: it is never taken for whole, and leaves
// nothing.
func TestDamage(t *testing.T) {
	stream := packed(t)
	dir := t.TempDir()
	for at := 0; at < len(stream)-1024; at += 997 {
		to := filepath.Join(dir, "cut.tar")
		if _, err := Save(bytes.NewReader(stream[:at]), to, false); !errors.Is(err, ErrDamaged) {
			t.Fatalf("cut off at %d of %d: %v", at, len(stream), err)
		}
		data := filepath.Join(dir, "data")
		cut := filepath.Join(dir, "cut")
		if err := os.WriteFile(cut, stream[:at], 0o640); err != nil {
			t.Fatal(err)
		}
		if _, err := Restore(cut, data); !errors.Is(err, ErrDamaged) {
			t.Fatalf("cut off at %d: restored: %v", at, err)
		}
		if left, err := os.ReadDir(data); err != nil || len(left) > 0 {
			t.Fatalf("cut off at %d: left %v, %v", at, left, err)
		}
	}
	changed := bytes.Replace(stream, []byte("sorted sorted"), []byte("sorted sOrted"), 1)
	if _, err := unpack(bytes.NewReader(changed), nil); !errors.Is(err, ErrDamaged) || !strings.Contains(err.Error(), "000004.sst") {
		t.Errorf("a changed file: %v", err)
	}
	newer := bytes.Replace(stream, []byte(`"format": 1`), []byte(`"format": 7`), 1)
	if _, err := unpack(bytes.NewReader(newer), nil); !errors.Is(err, ErrVersion) {
		t.Errorf("a newer format: %v", err)
	}
	place := filepath.Join(dir, "dir")
	if _, err := Save(bytes.NewReader(stream), place, true); err != nil {
		t.Fatal(err)
	}
	extra := filepath.Join(place, "store", "more")
	if err := os.WriteFile(extra, nil, 0o640); err != nil {
		t.Fatal(err)
	}
	if _, err := Check(place); !errors.Is(err, ErrDamaged) {
		t.Errorf("a file too many: %v", err)
	}
	if err := errors.Join(os.Remove(extra), os.Remove(filepath.Join(place, "partitions"))); err != nil {
		t.Fatal(err)
	}
	if _, err := Restore(place, filepath.Join(dir, "other")); !errors.Is(err, ErrDamaged) || !strings.Contains(err.Error(), "partitions") {
		t.Errorf("a file too few: %v", err)
	}
}

// TestEscape has an archive that wants to write outside of its place.
func TestEscape(t *testing.T) {
	for _, name := range []string{"../evil", "/evil", "a/../../evil", ""} {
		var b bytes.Buffer
		w := tar.NewWriter(&b)
		if err := errors.Join(w.WriteHeader(&tar.Header{Name: name, Size: 1, Typeflag: tar.TypeReg}), writeAll(w, "x"), w.Close()); err != nil {
			t.Fatal(err)
		}
		kept := false
		_, err := unpack(&b, func(string, int64, io.Reader) error { kept = true; return nil })
		if !errors.Is(err, ErrDamaged) || kept {
			t.Errorf("%q: kept %v, %v", name, kept, err)
		}
	}
}

func writeAll(w io.Writer, text string) error {
	_, err := io.WriteString(w, text)
	return err
}
