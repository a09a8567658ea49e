package wal

import (
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strconv"
	"strings"
)

const (
	segmentSuffix    = ".wal"
	unfinishedSuffix = ".new"

	badHeader = "the segment header does not match"
)

// segment is one file. Records [first, next) of it count; what a file holds after record next-1 was
// never acknowledged (its write or sync failed and the log went on in the next segment).
// The fields after seed are guarded by Log.mu once the log is open.
type segment struct {
	path  string
	first int64
	seed  uint32
	// bad is set where the header is unreadable and with it all records (only with skip_corrupt).
	bad bool

	next int64
	size int64 // bytes that count or, of damaged segments, of the file
	gone bool  // deleted by TruncateBefore
}

func segmentPath(dir string, first int64) string {
	return filepath.Join(dir, fmt.Sprintf("%020d%s", first, segmentSuffix))
}

// parseSegmentName returns the first offset that a file name stands for.
func parseSegmentName(name string) (first int64, ok bool) {
	digits, found := strings.CutSuffix(name, segmentSuffix)
	if !found || len(digits) != 20 {
		return 0, false
	}
	n, err := strconv.ParseUint(digits, 10, 63)
	return int64(n), err == nil
}

// createSegment makes an empty segment. It gets its name only when its header is durable, so a named
// segment without a valid header is damaged, never unfinished. Should there be a segment of that name,
// which then holds no acknowledged record, it is replaced as a file: after a failed sync the old
// one's cached pages are not to be trusted.
func createSegment(fsys fileSystem, dir string, first int64) (*segment, file, error) {
	path := segmentPath(dir, first)
	var salt [8]byte
	_, _ = rand.Read(salt[:]) // never fails
	h := segmentHeader{first: first, salt: binary.LittleEndian.Uint64(salt[:])}
	f, err := createFile(fsys, dir, path, h)
	if err != nil {
		return nil, nil, markFull(fmt.Errorf("wal: create segment %s: %w", path, err))
	}
	return &segment{path: path, first: first, seed: h.seed(), next: first, size: segmentHeaderSize}, f, nil
}

func createFile(fsys fileSystem, dir, path string, h segmentHeader) (file, error) {
	unfinished := path + unfinishedSuffix
	if err := fsys.remove(unfinished); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	f, err := fsys.create(unfinished)
	if err != nil {
		return nil, err
	}
	var b [segmentHeaderSize]byte
	h.put(b[:])
	if _, err = f.WriteAt(b[:], 0); err == nil {
		err = f.Sync()
	}
	err = errors.Join(err, f.Close())
	if err == nil {
		err = fsys.rename(unfinished, path)
	}
	if err != nil {
		_ = fsys.remove(unfinished) // otherwise the next attempt or Open does it
		return nil, err
	}
	if f, err = fsys.open(path, true); err != nil {
		return nil, err
	}
	if err = fsys.syncDir(dir); err != nil {
		_ = f.Close()
		return nil, err
	}
	return f, nil
}
