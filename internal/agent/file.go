package agent

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"time"

	"github.com/twinspan/twinspan/internal/digestlog"
)

// blockSize is how much of a file is read at once; files take turns with it.
const blockSize = 256 << 10

// file is one log file that is followed, under whatever name it has.
type file struct {
	key    string
	origin []byte // see originPrefix
	print  fingerprint
	source digestlog.Source

	// Where it is now.
	path   string
	rolled bool
	id     inode

	handle *os.File // nil while it is not kept open
	reader *digestlog.Reader
	chunk  *chunk // what the push that is being filled takes from the file

	taken int64 // offset up to which records are in the queue or acknowledged
	acked int64
	size  int64
	mtime time.Time
	grown time.Time // when it was last seen to grow, or was found

	seen    bool // the scan that is running met it
	missing bool // no name leads to it any more
	settled bool // the reader was told that nothing came for a while
	flushed bool // the file was read to its end, an unfinished record included
	broken  bool // it cannot be read, and that has been said
}

// read is the offset of the byte to be read next.
func (f *file) read() int64 {
	if f.reader != nil {
		return f.reader.Fed()
	}
	return f.taken
}

// ended says that nothing is expected to come: it was rolled or deleted.
func (f *file) ended() bool { return f.rolled || f.missing }

// quiet says that the file is ended, has been read and acknowledged, and need not be kept open.
func (f *file) quiet() bool { return f.ended() && f.flushed && f.acked >= f.size }

// resize notes a size that was seen.
func (f *file) resize(size int64, mtime, now time.Time) {
	if size != f.size {
		f.size, f.grown = size, now
		f.settled, f.flushed = false, false
	}
	f.mtime = mtime
}

// goTo makes the file go on from an offset that the collector gave.
func (f *file) goTo(offset int64) {
	f.taken, f.acked, f.reader = offset, offset, nil
	f.settled, f.flushed = false, false
}

func (f *file) close() {
	if f.handle != nil {
		_ = f.handle.Close() // it was only read
		f.handle = nil
	}
}

// errReplaced says that a name leads to another file than a moment ago, or that the file was truncated.
var errReplaced = errors.New("the file has been replaced or truncated")

// open opens the file if it is not open.
func (f *file) open() error {
	if f.handle != nil {
		return nil
	}
	h, err := os.Open(f.path)
	if err != nil {
		return err
	}
	info, err := h.Stat()
	if err == nil && inodeOf(f.path, info) != f.id {
		err = errReplaced
	}
	if err != nil {
		_ = h.Close()
		return err
	}
	f.handle = h
	return nil
}

// intact says whether the file still has the content that it is known by.
func (f *file) intact() (bool, error) {
	if f.handle != nil {
		return f.print.matches(f.handle)
	}
	h, err := os.Open(f.path)
	if err != nil {
		return false, err
	}
	defer h.Close()
	info, err := h.Stat()
	if err != nil || inodeOf(f.path, info) != f.id {
		return false, err
	}
	return f.print.matches(h)
}

// feed reads the next block, up to the size that was last seen. It gives the number of bytes, or errReplaced.
func (f *file) feed(buf []byte) (int, error) {
	if err := f.open(); err != nil {
		return 0, err
	}
	if f.reader == nil {
		r, err := digestlog.NewReader(f.source, f.taken)
		if err != nil {
			return 0, fmt.Errorf("read %s: %w", f.path, err)
		}
		f.reader = r
	}
	at := f.reader.Fed()
	n, err := f.handle.ReadAt(buf[:min(int64(len(buf)), f.size-at)], at)
	if err != nil && !errors.Is(err, io.EOF) {
		return 0, err
	}
	// Only now it is known that the bytes are those of the file that was meant: content that was there before and is
	// there after the read was there all the time.
	if ok, err := f.print.matches(f.handle); err != nil {
		return 0, err
	} else if !ok || n == 0 {
		return 0, errReplaced
	}
	f.reader.Feed(buf[:n])
	return n, nil
}

// present says whether the path still leads to the file; errors other than "there is none" count as yes.
func (f *file) present() bool {
	info, err := os.Stat(f.path)
	if err != nil {
		return !errors.Is(err, fs.ErrNotExist)
	}
	return inodeOf(f.path, info) == f.id
}
