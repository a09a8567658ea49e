package wal

import (
	"errors"
	"io"
	"io/fs"
	"math/rand/v2"
	"path/filepath"
	"sync"
	"syscall"
)

// errPower is what calls give once the power is gone.
var errPower = errors.New("the power is gone")

// crashFS is a disk in memory. A file's content survives a crash as it was at its last Sync, a name as it was when its
// directory was synced; of what came later chance keeps some, sector by sector.
type crashFS struct {
	mu sync.Mutex
	// current and durable give the content of each path.
	current, durable map[string]*content
	// calls counts those that change something. Before call number powerOff the power goes; fault gives the error of a
	// call.
	calls, powerOff int
	fault           func(call int) error
	random          *rand.Rand
	keep            int // percent of what was not synced that survives
}

type content struct {
	now, synced []byte
	// later are the changes since the last Sync, in order.
	later []change
}

// change is a write at off or, with data nil, a cut to off.
type change struct {
	off  int64
	data []byte
}

const sector = 512

func (c change) apply(b []byte) []byte {
	if c.data == nil {
		if c.off <= int64(len(b)) {
			return b[:c.off:c.off]
		}
		return append(b, make([]byte, c.off-int64(len(b)))...)
	}
	if end := c.off + int64(len(c.data)); end > int64(len(b)) {
		b = append(b, make([]byte, end-int64(len(b)))...)
	}
	copy(b[c.off:], c.data)
	return b
}

func newCrashFS(seed uint64, keep int) *crashFS {
	return &crashFS{current: make(map[string]*content), durable: make(map[string]*content), powerOff: -1,
		random: rand.New(rand.NewPCG(seed, 5)), keep: keep}
}

// after gives the disk as it is found when the power is back.
func (f *crashFS) after() *crashFS {
	f.mu.Lock()
	defer f.mu.Unlock()
	out := newCrashFS(f.random.Uint64(), f.keep)
	chance := func() bool { return f.random.IntN(100) < f.keep }
	names := make(map[string]*content)
	for path, c := range f.durable {
		names[path] = c
	}
	for path, c := range f.current {
		if names[path] != c && chance() {
			names[path] = c
		}
	}
	for path := range f.durable {
		if f.current[path] == nil && chance() {
			delete(names, path)
		}
	}
	for path, c := range names {
		b := append([]byte{}, c.synced...)
		for _, ch := range c.later {
			if ch.data == nil {
				if chance() {
					b = ch.apply(b)
				}
				continue
			}
			for at := 0; at < len(ch.data); at += sector {
				if chance() {
					b = change{ch.off + int64(at), ch.data[at:min(at+sector, len(ch.data))]}.apply(b)
				}
			}
		}
		n := &content{now: b, synced: append([]byte{}, b...)}
		out.current[path], out.durable[path] = n, n
	}
	return out
}

// step counts a call; f.mu is held.
func (f *crashFS) step() error {
	if f.powerOff >= 0 && f.calls >= f.powerOff {
		return errPower
	}
	f.calls++
	if f.fault != nil {
		return f.fault(f.calls)
	}
	return nil
}

func (f *crashFS) create(path string) (file, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.step(); err != nil {
		return nil, err
	}
	if f.current[path] != nil {
		return nil, fs.ErrExist
	}
	c := new(content)
	f.current[path] = c
	return &crashFile{f, c}, nil
}

func (f *crashFS) open(path string, _ bool) (file, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	c := f.current[path]
	if c == nil {
		return nil, fs.ErrNotExist
	}
	return &crashFile{f, c}, nil
}

func (f *crashFS) remove(path string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.current[path] == nil {
		return fs.ErrNotExist
	}
	if err := f.step(); err != nil {
		return err
	}
	delete(f.current, path)
	return nil
}

func (f *crashFS) rename(from, to string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.step(); err != nil {
		return err
	}
	f.current[to] = f.current[from]
	delete(f.current, from)
	return nil
}

func (f *crashFS) list(dir string) (names []string, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for path := range f.current {
		if filepath.Dir(path) == dir {
			names = append(names, filepath.Base(path))
		}
	}
	return names, nil
}

func (f *crashFS) syncDir(dir string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.step(); err != nil {
		return err
	}
	for path := range f.durable {
		if filepath.Dir(path) == dir && f.current[path] == nil {
			delete(f.durable, path)
		}
	}
	for path, c := range f.current {
		if filepath.Dir(path) == dir {
			f.durable[path] = c
		}
	}
	return nil
}

type crashFile struct {
	fs *crashFS
	c  *content
}

func (f *crashFile) ReadAt(p []byte, off int64) (int, error) {
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	if off >= int64(len(f.c.now)) {
		return 0, io.EOF
	}
	n := copy(p, f.c.now[off:])
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

func (f *crashFile) change(ch change) {
	f.c.later = append(f.c.later, ch)
	f.c.now = ch.apply(append([]byte{}, f.c.now...))
}

func (f *crashFile) WriteAt(p []byte, off int64) (int, error) {
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	if err := f.fs.step(); err != nil {
		// A write that fails may have been done in part.
		n := f.fs.random.IntN(len(p) + 1)
		f.change(change{off, append([]byte{}, p[:n]...)})
		return n, err
	}
	f.change(change{off, append([]byte{}, p...)})
	return len(p), nil
}

func (f *crashFile) Truncate(size int64) error {
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	if err := f.fs.step(); err != nil {
		return err
	}
	f.change(change{off: size})
	return nil
}

func (f *crashFile) Sync() error {
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	if err := f.fs.step(); err != nil {
		if !errors.Is(err, syscall.ENOSPC) && !errors.Is(err, errPower) {
			f.c.later = nil // what Linux does: the pages count as clean, and never reach the disk
		}
		return err
	}
	f.c.synced, f.c.later = append([]byte{}, f.c.now...), nil
	return nil
}

func (f *crashFile) Close() error { return nil }

func (f *crashFile) size() (int64, error) {
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	return int64(len(f.c.now)), nil
}
