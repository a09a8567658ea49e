package wal

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// Snapshot puts a copy of the log into dir, which is made: all records that are durable when before has returned, and at
// least those that TruncateBefore had not deleted when Snapshot was called. Full segments are linked where the file system can.
// Appending goes on meanwhile; deleting waits.
func (l *Log) Snapshot(dir string, before func() error) error {
	l.mu.Lock()
	if l.closed {
		l.mu.Unlock()
		return ErrClosed
	}
	l.holds++
	l.mu.Unlock()
	defer func() {
		l.mu.Lock()
		l.holds--
		l.mu.Unlock()
	}()
	if err := before(); err != nil {
		return err
	}
	type part struct {
		path string
		size int64
	}
	l.mu.Lock()
	parts := make([]part, len(l.segments))
	for i, s := range l.segments {
		parts[i] = part{s.path, s.size}
	}
	l.mu.Unlock()
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return fmt.Errorf("wal: copy the log: %w", err)
	}
	for i, p := range parts {
		to := filepath.Join(dir, filepath.Base(p.path))
		if i+1 < len(parts) && os.Link(p.path, to) == nil {
			continue
		}
		if err := copyPart(p.path, to, p.size); err != nil {
			return fmt.Errorf("wal: copy segment %s: %w", p.path, err)
		}
	}
	return nil
}

// copyPart copies the first size bytes of a file.
func copyPart(from, to string, size int64) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer func() { _ = in.Close() }()
	out, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o640)
	if err != nil {
		return err
	}
	_, err = io.CopyN(out, in, size)
	return errors.Join(err, out.Close())
}

// Hold keeps processes from opening the log in dir, until the result is closed; one that has it open gives ErrInUse. A copy of
// a log, which has no lock file, is not locked.
func Hold(dir string) (io.Closer, error) {
	if _, err := os.Stat(filepath.Join(dir, lockName)); errors.Is(err, os.ErrNotExist) {
		return io.NopCloser(nil), nil
	}
	return lockDir(dir)
}
