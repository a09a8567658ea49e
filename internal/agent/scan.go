package agent

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/twinspan/twinspan/internal/digestlog"
)

// shadowDir holds the logs of load tests, beside the others.
const shadowDir = "shadow"

// entry is a log file as a directory shows it.
type entry struct {
	path, dir string
	name      digestlog.File
	id        inode
	size      int64
	mtime     time.Time
}

// scan looks at all directories and brings the list of followed files up to date.
func (a *Agent) scan(now time.Time) {
	known := make(map[inode]*file, len(a.files))
	for _, f := range a.files {
		f.seen = false
		known[f.id] = f
	}
	var strangers []entry
	for _, e := range a.list() {
		f := known[e.id]
		switch {
		case f == nil:
			strangers = append(strangers, e)
		case f.seen: // a second name of the same file
		case f.size == e.size && f.mtime.Equal(e.mtime) || a.isIntact(f, e):
			a.see(f, e, now)
		default:
			// Other content in the same inode: truncated, or deleted and the number used again. If what was there was
			// copied before (copytruncate), the copy takes its place below.
			f.close()
			f.id = inode{}
			delete(known, e.id)
			strangers = append(strangers, e)
		}
	}
	for _, e := range strangers {
		a.meet(e, now)
	}
	for _, f := range slices.Clone(a.files) {
		if !f.seen {
			a.miss(f, now)
		}
		if f.quiet() {
			f.close()
		}
	}
	a.measure()
}

func (a *Agent) byKey(key string) *file {
	for _, f := range a.files {
		if f.key == key {
			return f
		}
	}
	return nil
}

// isIntact also lets a file pass that cannot be looked into now.
func (a *Agent) isIntact(f *file, e entry) bool {
	if e.size < int64(f.print.Length) {
		return false
	}
	f.path = e.path
	ok, err := f.intact()
	return ok || err != nil
}

// see notes what a directory shows of a followed file.
func (a *Agent) see(f *file, e entry, now time.Time) {
	if f.missing || f.rolled != (e.name.Rolled != "") {
		f.grown = now
	}
	f.seen, f.missing = true, false
	f.path, f.rolled, f.id = e.path, e.name.Rolled != "", e.id
	f.resize(e.size, e.mtime, now)
	a.hold(f)
}

// hold opens a file that has something to be read, so that it can be read even when it is deleted.
func (a *Agent) hold(f *file) {
	if f.handle != nil || f.acked >= f.size || a.open >= a.cfg.MaxOpenFiles {
		return
	}
	if err := f.open(); err != nil {
		a.unread(f, err)
		return
	}
	delete(a.warned, f.path)
	a.open++
}

// meet takes up a file that is not followed, unless it is a copy of one that is.
func (a *Agent) meet(e entry, now time.Time) {
	print, ok, err := readPrint(e)
	if err != nil {
		if !errors.Is(err, errReplaced) && !errors.Is(err, fs.ErrNotExist) {
			a.metrics.FileErrors.Inc()
			a.warnOnce(e.path, "a log file cannot be read, the agent goes on with the others and tries again",
				"file", e.path, "error", err)
		}
		return
	}
	// Of a rolled file with an unfinished first line, nothing more comes after a while.
	if !ok && (e.size == 0 || e.name.Rolled == "" || now.Sub(e.mtime) < a.cfg.ReleaseAfter) {
		return
	}
	key := keyOf(e.dir, e.name.Live, print)
	f := a.byKey(key)
	switch {
	case f == nil:
		f = a.newFile(key, e.dir, e.name, print)
		f.grown = now
		a.files = append(a.files, f)
	case f.seen, f.handle != nil:
		return // a copy of a file that is there, or is being read to its end
	default:
		a.log.Info("a log file goes on in its copy", "file", f.path, "copy", e.path, "offset", f.taken)
		a.lost(f, f.size-max(e.size, f.read()))
	}
	a.see(f, e, now)
}

// newFile makes what follows a file. dir is where it lies.
func (a *Agent) newFile(key, dir string, name digestlog.File, print fingerprint) *file {
	return &file{
		key: key, origin: originPrefix(a.cfg.Name, key), print: print, source: a.sources.source(dir, name),
	}
}

// miss deals with a followed file that no directory shows.
func (a *Agent) miss(f *file, now time.Time) {
	if f.id != (inode{}) && f.present() {
		f.seen = true // only the directory could not be listed
		return
	}
	if !f.missing {
		f.missing, f.grown = true, now
	}
	if f.handle != nil {
		if info, err := f.handle.Stat(); err == nil {
			f.resize(info.Size(), info.ModTime(), now)
		}
		if f.quiet() {
			a.drop(f)
		}
		return
	}
	// Nothing more can be read. What is on its way to the collector is not touched by this.
	if now.Sub(f.grown) < a.cfg.ReleaseAfter {
		return // renaming hides a file from one listing, and a copy may be seen later than the truncation
	}
	if f.reader != nil {
		f.reader.Flush()
		rest := &push{}
		a.collect(f, rest, now)
		f.chunk = nil
		if len(rest.chunks) > 0 {
			a.queue = append(a.queue, rest)
		}
	}
	a.lost(f, f.size-f.taken)
	a.drop(f)
}

// lost tells of bytes that were seen and can no longer be read.
func (a *Agent) lost(f *file, bytes int64) {
	if bytes <= 0 {
		return
	}
	a.metrics.Lost.Add(float64(bytes))
	a.log.Error("a log file was deleted or truncated before it was read; keep logs longer, or find out why the "+
		"collector is slow", "file", f.path, "bytes_lost", bytes, "offset", f.taken)
}

// drop ends following a file.
func (a *Agent) drop(f *file) {
	f.close()
	if i := slices.Index(a.files, f); i >= 0 {
		a.files = slices.Delete(a.files, i, i+1)
		a.dirty = true
	}
}

// measure sets the gauges.
func (a *Agent) measure() {
	lag := int64(0)
	a.open = 0
	for _, f := range a.files {
		lag += max(f.size-f.acked, 0)
		if f.handle != nil {
			a.open++
		}
	}
	a.metrics.Lag.Set(float64(lag))
	a.metrics.Files.Set(float64(len(a.files)))
}

// list gives the log files of all directories; of one live name the rolled ones come first, oldest first.
func (a *Agent) list() []entry {
	var entries []entry
	seen := make(map[string]bool)
	for _, pattern := range a.patterns {
		for _, dir := range a.directories(pattern) {
			for _, d := range []string{dir, filepath.Join(dir, shadowDir)} {
				ok := true
				if !seen[d] {
					seen[d] = true
					entries, ok = a.listDir(entries, d)
				}
				if !ok {
					break
				}
			}
		}
	}
	slices.SortStableFunc(entries, func(x, y entry) int {
		if c := strings.Compare(x.dir, y.dir); c != 0 {
			return c
		}
		if c := strings.Compare(x.name.Live, y.name.Live); c != 0 {
			return c
		}
		switch {
		case x.name.Rolled == y.name.Rolled:
			return 0
		case x.name.Rolled == "":
			return 1
		case y.name.Rolled == "":
			return -1
		}
		return strings.Compare(x.name.Rolled, y.name.Rolled)
	})
	return entries
}

// directories gives those that a pattern matches, and says once when it matches none.
func (a *Agent) directories(pattern string) (dirs []string) {
	matches, _ := filepath.Glob(pattern) // the pattern was checked
	for _, m := range matches {
		if info, err := os.Stat(m); err == nil && info.IsDir() {
			dirs = append(dirs, m)
		} else if err != nil && !errors.Is(err, fs.ErrNotExist) {
			a.warnOnce(m, "a log directory cannot be looked at", "directory", m, "error", err)
		}
	}
	if len(dirs) > 0 {
		delete(a.warned, pattern)
		return dirs
	}
	fixed := pattern
	for strings.ContainsAny(fixed, `*?[\`) {
		fixed = filepath.Dir(fixed)
	}
	_, err := os.ReadDir(fixed)
	switch {
	case err == nil, errors.Is(err, fs.ErrNotExist):
		if !a.warned[pattern] {
			a.warned[pattern] = true
			a.log.Info("no log directory yet, the agent waits for it", "path", pattern)
		}
	default:
		a.warnOnce(pattern, "a log directory cannot be looked at, give the agent's user the right to read it",
			"directory", fixed, "error", err)
	}
	return nil
}

// listDir appends the log files of one directory; ok is false when it cannot be listed.
func (a *Agent) listDir(entries []entry, dir string) (_ []entry, ok bool) {
	names, err := os.ReadDir(dir)
	if err != nil {
		if !errors.Is(err, fs.ErrNotExist) {
			a.metrics.FileErrors.Inc()
			a.warnOnce(dir, "a log directory cannot be listed, give the agent's user the right to read it",
				"directory", dir, "error", err)
		}
		return entries, false
	}
	delete(a.warned, dir)
	for _, n := range names {
		name, ok := digestlog.Known(n.Name())
		if !ok || name.Kind != digestlog.KindDigest && name.Kind != digestlog.KindStat {
			continue
		}
		path := filepath.Join(dir, n.Name())
		info, err := os.Stat(path)
		if err != nil || !info.Mode().IsRegular() {
			continue // gone since, or no file
		}
		entries = append(entries, entry{
			path: path, dir: dir, name: name, id: inodeOf(path, info), size: info.Size(), mtime: info.ModTime(),
		})
	}
	return entries, true
}

// readPrint gives the fingerprint of a file; ok as in printOf.
func readPrint(e entry) (p fingerprint, ok bool, err error) {
	h, err := os.Open(e.path)
	if err != nil {
		return p, false, err
	}
	defer h.Close()
	info, err := h.Stat()
	if err != nil {
		return p, false, err
	}
	if inodeOf(e.path, info) != e.id {
		return p, false, errReplaced
	}
	var head [maxPrint]byte
	n, err := h.ReadAt(head[:], 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return p, false, fmt.Errorf("read its beginning: %w", err)
	}
	p, ok = printOf(head[:n])
	return p, ok, nil
}

// warnOnce logs a warning about a path, once until it is well again.
func (a *Agent) warnOnce(path, msg string, args ...any) {
	if !a.warned[path] {
		a.warned[path] = true
		a.log.Warn(msg, args...)
	}
}
