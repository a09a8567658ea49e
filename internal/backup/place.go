package backup

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// partial ends the name of what is not complete yet.
const partial = ".partial"

// Save keeps a stream of Pack as a backup at path, which must not be there: as one file, or with asDir as a directory of
// files. It reads everything back before the name is there.
func Save(r io.Reader, path string, asDir bool) (*Manifest, error) {
	if _, err := os.Lstat(path); err == nil {
		return nil, fmt.Errorf("%s is there already: give another name", path)
	}
	unfinished := path + partial
	if err := os.RemoveAll(unfinished); err != nil {
		return nil, err
	}
	save := saveFile
	if asDir {
		save = saveDir
	}
	m, err := save(r, unfinished)
	if err == nil {
		if m, err = Check(unfinished); err != nil {
			err = fmt.Errorf("reading back what was written: %w", err)
		}
	}
	if err == nil {
		err = os.Rename(unfinished, path)
	}
	if err == nil {
		err = syncDir(filepath.Dir(path))
	}
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(unfinished))
	}
	return m, nil
}

func saveFile(r io.Reader, path string) (*Manifest, error) {
	out, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o640)
	if err != nil {
		return nil, err
	}
	m, err := unpack(io.TeeReader(r, out), nil)
	if err == nil {
		_, err = io.Copy(out, r) // the archive's end
	}
	if err == nil {
		err = out.Sync()
	}
	return m, errors.Join(err, out.Close())
}

func saveDir(r io.Reader, dir string) (*Manifest, error) {
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return nil, err
	}
	m, err := unpackInto(r, dir)
	if err != nil {
		return nil, err
	}
	b, err := json.MarshalIndent(m, "", "\t")
	if err != nil {
		return nil, err
	}
	return m, os.WriteFile(filepath.Join(dir, manifestName), b, 0o640)
}

// unpackInto writes the files, synced, below dir.
func unpackInto(r io.Reader, dir string) (*Manifest, error) {
	dirs := map[string]bool{dir: true}
	m, err := unpack(r, func(name string, _ int64, content io.Reader) error {
		path := filepath.Join(dir, filepath.FromSlash(name))
		for d := filepath.Dir(path); !dirs[d]; d = filepath.Dir(d) {
			dirs[d] = true
		}
		if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
			return err
		}
		out, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o640)
		if err != nil {
			return err
		}
		if _, err = io.Copy(out, content); err == nil {
			err = out.Sync()
		}
		return errors.Join(err, out.Close())
	})
	if err != nil {
		return nil, err
	}
	for d := range dirs {
		if err := syncDir(d); err != nil {
			return nil, err
		}
	}
	return m, nil
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// restoring is where files are unpacked before they get their names.
const restoring = "restoring" + partial

// Restore unpacks a backup, file or directory, into a data directory, which has to be empty or missing; else it gives
// ErrNotEmpty. Until everything is there and right, the directory holds nothing that a process would take for data.
func Restore(from, data string) (*Manifest, error) {
	if err := os.MkdirAll(data, 0o755); err != nil {
		return nil, err
	}
	have, err := os.ReadDir(data)
	if err != nil {
		return nil, err
	}
	for _, e := range have {
		if e.Name() != restoring && e.Name() != "lost+found" {
			return nil, fmt.Errorf("%s: %w (it has %s): move what is there away, or give another directory", data, ErrNotEmpty, e.Name())
		}
	}
	stage := filepath.Join(data, restoring)
	if err := os.RemoveAll(stage); err != nil {
		return nil, err
	}
	if err := os.Mkdir(stage, 0o750); err != nil {
		return nil, err
	}
	m, err := unpackFrom(from, stage)
	if err == nil {
		err = publish(stage, data)
	}
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(stage))
	}
	return m, nil
}

func unpackFrom(from, stage string) (*Manifest, error) {
	st, err := os.Stat(from)
	if err != nil {
		return nil, err
	}
	if !st.IsDir() {
		f, err := os.Open(from)
		if err != nil {
			return nil, err
		}
		defer func() { _ = f.Close() }()
		return unpackInto(f, stage)
	}
	m, err := checkDir(from)
	if err != nil {
		return nil, err
	}
	names := make([]string, len(m.Files))
	for i := range m.Files {
		names[i] = m.Files[i].Name
	}
	r := Stream(func(w io.Writer) error {
		_, err := Pack(w, from, names, m.Version)
		return err
	})
	defer func() { _ = r.Close() }()
	if _, err := unpackInto(r, stage); err != nil {
		return nil, err
	}
	return m, nil
}

// Stream gives what pack writes to be read. Closing it ends pack.
func Stream(pack func(io.Writer) error) io.ReadCloser {
	r, w := io.Pipe()
	go func() { _ = w.CloseWithError(pack(w)) }()
	return r
}

// publish moves what was unpacked to its place.
func publish(stage, data string) error {
	entries, err := os.ReadDir(stage)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if err := os.Rename(filepath.Join(stage, e.Name()), filepath.Join(data, e.Name())); err != nil {
			return err
		}
	}
	return errors.Join(os.Remove(stage), syncDir(data))
}
