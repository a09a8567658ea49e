// Package reload keeps what files say in force: certificates, tokens. A file is looked at when it is used, at most once in a
// second, and read again when it changed; nothing runs in the background. A file that can no longer be read changes nothing
// but the log.
package reload

import (
	"fmt"
	"log/slog"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// every is how often files are looked at.
const every = time.Second

// Value is what some files say. It is safe for concurrent use.
type Value[T any] struct {
	what  string
	paths []string
	read  func() (T, error)
	log   *slog.Logger
	now   func() time.Time

	value atomic.Pointer[T]
	next  atomic.Int64 // when the files are looked at again, in ns of the Unix epoch

	mu     sync.Mutex
	stamps []stamp // of what was read last, well or not
}

// stamp tells whether a file changed.
type stamp struct {
	modified time.Time
	size     int64
}

// New reads the files at paths by read. what names the value in messages, such as the setting. An error of the first
// reading is New's.
func New[T any](what string, paths []string, read func() (T, error), log *slog.Logger) (*Value[T], error) {
	v := &Value[T]{what: what, paths: paths, read: read, log: log, now: time.Now}
	stamps, err := v.look()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", what, err)
	}
	first, err := read()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", what, err)
	}
	v.stamps = stamps
	v.value.Store(&first)
	v.next.Store(v.now().Add(every).UnixNano())
	return v, nil
}

// look is done before reading, so that a change between the two is seen by the next look.
func (v *Value[T]) look() ([]stamp, error) {
	stamps := make([]stamp, len(v.paths))
	for i, path := range v.paths {
		info, err := os.Stat(path)
		if err != nil {
			return nil, err
		}
		stamps[i] = stamp{info.ModTime(), info.Size()}
	}
	return stamps, nil
}

// Get gives what the files say now, or last said.
func (v *Value[T]) Get() T {
	now, next := v.now().UnixNano(), v.next.Load()
	if now >= next && v.next.CompareAndSwap(next, now+every.Nanoseconds()) {
		v.refresh()
	}
	return *v.value.Load()
}

func (v *Value[T]) refresh() {
	v.mu.Lock()
	defer v.mu.Unlock()
	stamps, err := v.look()
	if same(stamps, v.stamps) { // also while a file stays away: stamps are nil then
		return
	}
	v.stamps = stamps
	if err == nil {
		var value T
		if value, err = v.read(); err == nil {
			v.value.Store(&value)
			v.log.Info("read again what changed", "setting", v.what, "files", v.paths)
			return
		}
	}
	v.log.Error("a file changed and cannot be used; what it said before stays in force until it is mended",
		"setting", v.what, "files", v.paths, "error", err)
}

func same(a, b []stamp) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if !a[i].modified.Equal(b[i].modified) || a[i].size != b[i].size {
			return false
		}
	}
	return true
}

// maxToken bounds a file with a token, in bytes.
const maxToken = 64 << 10

// Token reads a file that has one token and nothing else but white space around it.
func Token(setting, path string, log *slog.Logger) (*Value[string], error) {
	return New(setting, []string{path}, func() (string, error) {
		text, err := os.ReadFile(path)
		if err != nil {
			return "", err
		}
		token := strings.TrimSpace(string(text))
		if token == "" || len(token) > maxToken || strings.ContainsFunc(token, func(r rune) bool { return r <= ' ' || r > '~' }) {
			return "", fmt.Errorf("%s has not one token in one line", path)
		}
		return token, nil
	}, log)
}
