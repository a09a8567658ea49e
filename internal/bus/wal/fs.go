package wal

import (
	"errors"
	"io/fs"
	"os"
)

// fileSystem is the part of the operating system that the log's files need. Its second
// implementation, in the tests, injects full disks and failing synchronisations.
type fileSystem interface {
	// create makes a new file for reading and writing; it fails if there is one.
	create(path string) (file, error)
	// open opens an existing file, for reading only unless write is set.
	open(path string, write bool) (file, error)
	remove(path string) error
	// rename replaces what is at to.
	rename(from, to string) error
	// list returns the names in dir.
	list(dir string) ([]string, error)
	// syncDir makes new names in dir durable.
	syncDir(dir string) error
}

type file interface {
	ReadAt(p []byte, off int64) (int, error)
	WriteAt(p []byte, off int64) (int, error)
	Truncate(size int64) error
	// Sync makes the content and what is needed to read it durable. After an error the state of what
	// was written since the last success is unknown and calling it again proves nothing.
	Sync() error
	Close() error
	size() (int64, error)
}

type osFS struct{}

func (osFS) create(path string) (file, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o640)
	if err != nil {
		return nil, err
	}
	return osFile{f}, nil
}

func (osFS) open(path string, write bool) (file, error) {
	flag := os.O_RDONLY
	if write {
		flag = os.O_RDWR
	}
	f, err := os.OpenFile(path, flag, 0)
	if err != nil {
		return nil, err
	}
	return osFile{f}, nil
}

func (osFS) remove(path string) error { return os.Remove(path) }

func (osFS) rename(from, to string) error { return os.Rename(from, to) }

func (osFS) list(dir string) ([]string, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	names := make([]string, len(entries))
	for i, e := range entries {
		names[i] = e.Name()
	}
	return names, nil
}

func (osFS) syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	err = d.Sync()
	// Some platforms and file systems cannot sync a directory and make names durable by themselves.
	if errors.Is(err, errors.ErrUnsupported) || errors.Is(err, fs.ErrInvalid) || errors.Is(err, fs.ErrPermission) {
		err = nil
	}
	return errors.Join(err, d.Close())
}

type osFile struct{ *os.File }

func (f osFile) Sync() error { return syncData(f.File) }

func (f osFile) size() (int64, error) {
	st, err := f.Stat()
	if err != nil {
		return 0, err
	}
	return st.Size(), nil
}
