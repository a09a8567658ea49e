package wal

import (
	"errors"
	"os"
	"syscall"
)

// syncData is fdatasync: it writes the content and the size, but not the times of the file.
func syncData(f *os.File) error {
	conn, err := f.SyscallConn()
	if err != nil {
		return err
	}
	var syncErr error
	err = conn.Control(func(fd uintptr) {
		for {
			if syncErr = syscall.Fdatasync(int(fd)); syncErr != syscall.EINTR {
				return
			}
		}
	})
	if syncErr != nil {
		syncErr = &os.PathError{Op: "fdatasync", Path: f.Name(), Err: syncErr}
	}
	return errors.Join(err, syncErr)
}
