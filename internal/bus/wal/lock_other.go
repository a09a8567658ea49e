//go:build !(darwin || dragonfly || freebsd || linux || netbsd || openbsd)

package wal

import (
	"errors"
	"io/fs"
	"os"
)

// lockFile has no advisory locks to use. On Windows an open file cannot be removed, which serves as
// the lock; elsewhere it protects nothing, and two processes on one directory are the user's risk.
func lockFile(path string) (f *os.File, held bool, err error) {
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, true, err
	}
	f, err = os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o640)
	return f, errors.Is(err, fs.ErrExist), err
}
