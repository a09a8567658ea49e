package wal

import (
	"fmt"
	"os"
	"path/filepath"
)

// lockName is the file in the log's directory that an open log holds locked. It stays when the log
// is closed; only the lock counts, so a killed process leaves nothing to clean up.
const lockName = "LOCK"

func lockDir(dir string) (*os.File, error) {
	f, held, err := lockFile(filepath.Join(dir, lockName))
	if held {
		return nil, fmt.Errorf("%w: %s is held by another twinspan process; stop that one or choose another "+
			"data directory", ErrInUse, dir)
	}
	if err != nil {
		return nil, fmt.Errorf("wal: lock directory %s: %w", dir, err)
	}
	return f, nil
}
