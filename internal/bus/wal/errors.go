package wal

import (
	"errors"
	"fmt"
	"syscall"
)

var (
	// ErrClosed is returned by calls on a closed log.
	ErrClosed = errors.New("wal: log is closed")
	// ErrFull means that the disk or Config.MaxBytes leaves no room. Nothing of the call was kept;
	// later calls succeed once there is space again.
	ErrFull = errors.New("wal: no space for the log")
	// ErrInUse means that another process (or another Log of this one) has the directory open.
	ErrInUse = errors.New("wal: directory is in use")
	// ErrCorrupt means that records which had been acknowledged cannot be read any more. The error
	// is a *CorruptError with the place.
	ErrCorrupt = errors.New("wal: log is damaged")
	// ErrTooLarge means that the records of one call do not fit into one segment.
	ErrTooLarge = errors.New("wal: records do not fit into one segment")
	// ErrVersion means that a segment was written by a newer build.
	ErrVersion = errors.New("wal: unknown format version")
)

// CorruptError says where acknowledged records cannot be read. It matches [ErrCorrupt].
type CorruptError struct {
	// Segment is the path of the file, Pos the byte position of the damage in it.
	Segment string
	Pos     int64
	// Offset is the first unreadable record. The next readable one, if any, is Resume: reading
	// from Resume on gives all that is left, and leaves out exactly [Offset, Resume).
	Offset int64
	Resume int64
	// Reason says what is wrong.
	Reason string
}

func (e *CorruptError) Error() string {
	return fmt.Sprintf("%v: segment %s, byte %d: %s; records from offset %d to before %d cannot be read; "+
		"restore the file from a copy, or set skip_corrupt to go on without these records",
		ErrCorrupt, e.Segment, e.Pos, e.Reason, e.Offset, e.Resume)
}

// Is makes errors.Is(err, ErrCorrupt) true.
func (e *CorruptError) Is(target error) bool { return target == ErrCorrupt }

// isFull tells errors that go away when somebody makes room from those of a failing disk.
func isFull(err error) bool {
	return errors.Is(err, ErrFull) || errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT)
}

// markFull makes errors of a full disk match ErrFull.
func markFull(err error) error {
	if isFull(err) && !errors.Is(err, ErrFull) {
		return fmt.Errorf("%w: make room on the disk: %w", ErrFull, err)
	}
	return err
}
