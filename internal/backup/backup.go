// Package backup packs the files of a data directory into one stream with their checksums, and unpacks and checks it. It
// knows files, not what is in them: that they belong together is the concern of who names them. docs/backup.md describes
// the format.
package backup

import (
	"archive/tar"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"os"
	"path/filepath"
	"slices"
	"time"
)

// manifestName is the file that ends a backup: what is in it, and that it is complete.
const manifestName = "BACKUP.json"

// Format is the version of the manifest that this build writes and reads.
const Format = 1

var (
	// ErrDamaged says that a backup is not what was written.
	ErrDamaged = errors.New("the backup is damaged")
	// ErrVersion says that a newer build wrote it.
	ErrVersion = errors.New("the backup was written by a newer build")
	// ErrNotEmpty says that something is where a backup was to go.
	ErrNotEmpty = errors.New("it is not empty")
)

// Manifest says what a backup holds.
type Manifest struct {
	Format int `json:"format"`
	// Version is the build that made it.
	Version string    `json:"version"`
	Created time.Time `json:"created"`
	Files   []File    `json:"files"`
}

// File is one file of a backup.
type File struct {
	// Name is the path below the data directory, with slashes.
	Name string `json:"name"`
	Size int64  `json:"size"`
	// SHA256 is in hex.
	SHA256 string `json:"sha256"`
}

// Bytes is the size of all files.
func (m *Manifest) Bytes() (n int64) {
	for i := range m.Files {
		n += m.Files[i].Size
	}
	return n
}

const maxManifest = 256 << 20

// Pack writes the named files below root to w, a tar archive that ends with the manifest.
func Pack(w io.Writer, root string, names []string, version string) (*Manifest, error) {
	m := &Manifest{Format: Format, Version: version, Created: time.Now().UTC().Truncate(time.Second)}
	t := tar.NewWriter(w)
	for _, name := range names {
		f, err := pack(t, root, name, m.Created)
		if err != nil {
			return nil, fmt.Errorf("pack %s: %w", name, err)
		}
		m.Files = append(m.Files, f)
	}
	b, err := json.MarshalIndent(m, "", "\t")
	if err != nil {
		return nil, err
	}
	if err := t.WriteHeader(&tar.Header{Name: manifestName, Mode: 0o640, Size: int64(len(b)), ModTime: m.Created}); err != nil {
		return nil, err
	}
	if _, err := t.Write(b); err != nil {
		return nil, err
	}
	return m, t.Close()
}

func pack(t *tar.Writer, root, name string, at time.Time) (File, error) {
	in, err := os.Open(filepath.Join(root, filepath.FromSlash(name)))
	if err != nil {
		return File{}, err
	}
	defer func() { _ = in.Close() }()
	st, err := in.Stat()
	if err != nil {
		return File{}, err
	}
	if err := t.WriteHeader(&tar.Header{Name: name, Mode: 0o640, Size: st.Size(), ModTime: at}); err != nil {
		return File{}, err
	}
	sum := sha256.New()
	if _, err := io.CopyN(io.MultiWriter(t, sum), in, st.Size()); err != nil {
		return File{}, err
	}
	return fileOf(name, st.Size(), sum), nil
}

func fileOf(name string, size int64, sum hash.Hash) File {
	return File{Name: name, Size: size, SHA256: hex.EncodeToString(sum.Sum(nil))}
}

// unpack reads what Pack wrote. Each file is given to keep, which has to read it whole; nil only checks. A stream that
// ends early, or whose files are not those of its manifest, gives ErrDamaged.
func unpack(r io.Reader, keep func(name string, size int64, content io.Reader) error) (*Manifest, error) {
	t := tar.NewReader(r)
	var files []File
	for {
		head, err := t.Next()
		if err != nil {
			return nil, fmt.Errorf("%w: it ends without %s: make it again: %w", ErrDamaged, manifestName, err)
		}
		if head.Name == manifestName {
			return manifest(io.LimitReader(t, maxManifest), files)
		}
		if head.Typeflag != tar.TypeReg || !filepath.IsLocal(filepath.FromSlash(head.Name)) {
			return nil, fmt.Errorf("%w: it has %q, which is no file of a data directory", ErrDamaged, head.Name)
		}
		sum := sha256.New()
		content := io.TeeReader(t, sum)
		if keep != nil {
			err := keep(head.Name, head.Size, content)
			if errors.Is(err, io.ErrUnexpectedEOF) {
				err = fmt.Errorf("%w: it ends within %s: make it again: %w", ErrDamaged, head.Name, err)
			}
			if err != nil {
				return nil, err
			}
		}
		if _, err := io.Copy(io.Discard, content); err != nil {
			return nil, fmt.Errorf("%w: %s: %w", ErrDamaged, head.Name, err)
		}
		files = append(files, fileOf(head.Name, head.Size, sum))
	}
}

// manifest reads a manifest and compares it with the files that were found.
func manifest(r io.Reader, files []File) (*Manifest, error) {
	b, err := io.ReadAll(r)
	if err != nil {
		return nil, fmt.Errorf("%w: %s: %w", ErrDamaged, manifestName, err)
	}
	var m Manifest
	if err := json.Unmarshal(b, &m); err != nil {
		return nil, fmt.Errorf("%w: %s: %w", ErrDamaged, manifestName, err)
	}
	if m.Format > Format {
		return nil, fmt.Errorf("%w: it has format %d, this build reads up to %d", ErrVersion, m.Format, Format)
	}
	found := make(map[string]File, len(files))
	for _, f := range files {
		found[f.Name] = f
	}
	for _, want := range m.Files {
		is, ok := found[want.Name]
		switch {
		case !ok:
			return nil, fmt.Errorf("%w: %s is missing", ErrDamaged, want.Name)
		case is != want:
			return nil, fmt.Errorf("%w: %s has other contents than were written", ErrDamaged, want.Name)
		}
		delete(found, want.Name)
	}
	if len(found) > 0 {
		return nil, fmt.Errorf("%w: it has %d files that its manifest does not know", ErrDamaged, len(found))
	}
	return &m, nil
}

// Check reads a backup, file or directory, and compares everything with its manifest.
func Check(path string) (*Manifest, error) {
	st, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if st.IsDir() {
		return checkDir(path)
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	return unpack(f, nil)
}

func checkDir(dir string) (*Manifest, error) {
	names, err := List(dir)
	if err != nil {
		return nil, err
	}
	var files []File
	for _, name := range names {
		if name == manifestName {
			continue
		}
		f, err := sumFile(dir, name)
		if err != nil {
			return nil, err
		}
		files = append(files, f)
	}
	f, err := os.Open(filepath.Join(dir, manifestName))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	defer func() { _ = f.Close() }()
	return manifest(io.LimitReader(f, maxManifest), files)
}

func sumFile(dir, name string) (File, error) {
	f, err := os.Open(filepath.Join(dir, filepath.FromSlash(name)))
	if err != nil {
		return File{}, err
	}
	defer func() { _ = f.Close() }()
	sum := sha256.New()
	n, err := io.Copy(sum, f)
	return fileOf(name, n, sum), err
}

// List gives the files below a directory, sorted, as names of a backup.
func List(dir string) (names []string, err error) {
	err = filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		rel, err := filepath.Rel(dir, path)
		names = append(names, filepath.ToSlash(rel))
		return err
	})
	slices.Sort(names)
	return names, err
}
