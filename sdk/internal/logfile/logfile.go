// Package logfile is one log file that is appended to, rolled by day, hour or size as SOFATracer's log files are, and
// cleaned up. It buffers whole lines, so that a reader never sees half a line, and it survives a disk that takes nothing.
// It knows nothing of what the lines say and is not safe for concurrent use.
package logfile

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// Roll says when the file is renamed and begun anew.
type Roll uint8

// The ways of rolling.
const (
	Daily  Roll = iota // to name.yyyy-MM-dd when the day of the last line is over, in the local zone
	Hourly             // to name.yyyy-MM-dd_HH
	Size               // to name.1 when the next lines would make it longer than MaxBytes
)

// Config is a file's rolling and cleaning.
type Config struct {
	Roll      Roll
	MaxBytes  int64         // Size only
	Keep      int           // Size only: rolled files that stay
	Retention time.Duration // Daily and Hourly: age at which rolled files are deleted; 0 keeps them
}

// Outcome says what a call did: lines that came to disk, lines that are lost, and why.
type Outcome struct {
	Written, Lost int
	Err           error
}

const (
	bufferBytes   = 64 << 10
	retryInterval = time.Second     // between attempts to open a file that cannot be opened
	checkInterval = time.Second     // between looks whether the file is still the one of its name
	cleanInterval = time.Hour       // between clean-ups
	dayLayout     = "2006-01-02"    // SOFATracer's '.'yyyy-MM-dd
	hourLayout    = "2006-01-02_15" // SOFATracer's '.'yyyy-MM-dd_HH
	maxSameName   = 1000            // rolled files of one period
)

// File is a log file. It is opened with the first line.
type File struct {
	path   string
	config Config

	file   *os.File
	size   int64
	period string // of the lines in the file; "" when it has none
	begin  int64  // epoch second in which the period begins
	end    int64  // and the one in which it is over
	torn   bool   // the file ends in part of a line, which could not be cut off

	buffer []byte
	lines  int

	tried, checked, cleaned time.Time
	openErr                 error
}

// New makes a File; nothing is opened yet.
func New(path string, c Config) *File { return &File{path: path, config: c} }

// Path gives the file's name.
func (f *File) Path() string { return f.path }

// Append takes a line with its newline. now is the time that decides about rolling.
func (f *File) Append(line []byte, now time.Time) Outcome {
	var o Outcome
	if len(f.buffer) > 0 && (len(f.buffer)+len(line) > bufferBytes || f.rolls(now, len(line))) {
		o = f.Flush(now)
	}
	f.buffer = append(f.buffer, line...)
	f.lines++
	return o
}

// Write writes chunks of whole lines at once, which are n, behind what Append took. It does not keep them.
func (f *File) Write(chunks [][]byte, n int, now time.Time) Outcome {
	o := f.Flush(now)
	if f.config.Roll == Size && f.size+sizeOf(chunks) > f.config.MaxBytes {
		for _, lines := range chunks {
			for len(lines) > 0 {
				i := bytes.IndexByte(lines, '\n') + 1
				if i == 0 {
					i = len(lines)
				}
				o = o.plus(f.Append(lines[:i], now))
				lines = lines[i:]
			}
		}
		return o.plus(f.Flush(now))
	}
	return o.plus(outcome(n, f.write(chunks, now)))
}

func sizeOf(chunks [][]byte) (n int64) {
	for _, c := range chunks {
		n += int64(len(c))
	}
	return n
}

// outcome is that of a write of some lines.
func outcome(lines int, err error) Outcome {
	if err != nil {
		return Outcome{Lost: lines, Err: err}
	}
	return Outcome{Written: lines}
}

func (o Outcome) plus(p Outcome) Outcome {
	return Outcome{o.Written + p.Written, o.Lost + p.Lost, errors.Join(o.Err, p.Err)}
}

// rolls says whether the buffer and n bytes more no longer belong into one file.
func (f *File) rolls(now time.Time, n int) bool {
	if f.config.Roll == Size {
		return f.size+int64(len(f.buffer)+n) > f.config.MaxBytes
	}
	return f.over(now)
}

// Flush writes what Append took.
func (f *File) Flush(now time.Time) Outcome {
	if f.lines == 0 {
		return Outcome{}
	}
	o := outcome(f.lines, f.write([][]byte{f.buffer}, now))
	f.buffer, f.lines = f.buffer[:0], 0
	if cap(f.buffer) > 4*bufferBytes {
		f.buffer = nil // one huge line is no reason to keep its room
	}
	return o
}

func (f *File) write(chunks [][]byte, now time.Time) error {
	if err := f.ready(sizeOf(chunks), now); err != nil {
		return err
	}
	if f.torn {
		if _, err := f.file.Write([]byte{'\n'}); err != nil {
			return fmt.Errorf("write %s: %w", f.path, err)
		}
		f.torn = false
		f.size++
	}
	n, err := writeParts(f.file, chunks)
	if err != nil {
		if n > 0 {
			// The disk filled up in the middle of a line. Cut it off, so that what comes later stands on a line of its own.
			if cut := f.file.Truncate(f.size); cut != nil {
				f.torn = true
				f.size += int64(n)
			}
		}
		return fmt.Errorf("write %s: %w", f.path, err)
	}
	f.size += int64(n)
	if f.period == "" || f.over(now) {
		f.enter(now)
	}
	return nil
}

// ready sees to it that the file is open, is the one of its name, is of the present period, and has room for size bytes.
func (f *File) ready(size int64, now time.Time) error {
	if f.file != nil && now.Sub(f.checked) >= checkInterval {
		f.checked = now
		if !f.current() {
			f.shut()
		}
	}
	if f.file == nil {
		if err := f.open(now); err != nil {
			return err
		}
	}
	if f.due(size, now) {
		if err := f.roll(); err != nil {
			return err
		}
		if err := f.open(now); err != nil {
			return err
		}
	}
	if now.Sub(f.cleaned) >= cleanInterval {
		f.cleaned = now
		f.clean(now)
	}
	return nil
}

// current says whether the open file is still the one that has its name: another program may have moved or deleted it.
func (f *File) current() bool {
	open, err := f.file.Stat()
	if err != nil {
		return false
	}
	named, err := os.Stat(f.path)
	return err == nil && os.SameFile(open, named)
}

func (f *File) open(now time.Time) error {
	if f.openErr != nil && now.Sub(f.tried) < retryInterval {
		return f.openErr
	}
	f.tried, f.checked = now, now
	f.openErr = f.openNow()
	return f.openErr
}

func (f *File) openNow() error {
	if err := os.MkdirAll(filepath.Dir(f.path), 0o755); err != nil {
		return fmt.Errorf("make the log directory: %w", err)
	}
	file, err := os.OpenFile(f.path, os.O_RDWR|os.O_CREATE|os.O_APPEND, 0o644)
	if err != nil {
		return fmt.Errorf("open the log file: %w", err)
	}
	info, err := file.Stat()
	if err != nil {
		return errors.Join(fmt.Errorf("open the log file: %w", err), file.Close())
	}
	f.file, f.size, f.period, f.torn = file, info.Size(), "", false
	if f.size > 0 {
		f.enter(info.ModTime())
		var end [1]byte
		if _, err := file.ReadAt(end[:], f.size-1); err != nil || end[0] != '\n' {
			f.torn = true // a process that was killed left part of a line
		}
	}
	return nil
}

// due says whether the file has to be rolled before size bytes are written.
func (f *File) due(size int64, now time.Time) bool {
	if f.size == 0 {
		return false
	}
	if f.config.Roll == Size {
		return f.size+size > f.config.MaxBytes
	}
	return f.over(now)
}

func (f *File) layout() string {
	if f.config.Roll == Hourly {
		return hourLayout
	}
	return dayLayout
}

// enter begins the period of t.
func (f *File) enter(t time.Time) {
	if f.config.Roll == Size {
		return
	}
	t = t.Local()
	year, month, day := t.Date()
	begin, end := time.Date(year, month, day, 0, 0, 0, 0, time.Local), time.Date(year, month, day+1, 0, 0, 0, 0, time.Local)
	if f.config.Roll == Hourly {
		begin = t.Truncate(time.Hour)
		if _, offset := t.Zone(); offset%3600 != 0 { // a zone of half hours
			begin = time.Date(year, month, day, t.Hour(), 0, 0, 0, time.Local)
		}
		end = begin.Add(time.Hour)
	}
	f.period, f.begin, f.end = t.Format(f.layout()), begin.Unix(), end.Unix()
}

// over says that t is not in the period of the file's lines.
func (f *File) over(t time.Time) bool {
	return f.period != "" && (t.Unix() >= f.end || t.Unix() < f.begin)
}

// roll renames the file. It never overwrites a rolled one.
func (f *File) roll() error {
	f.shut()
	if f.config.Roll == Size {
		return f.rollSize()
	}
	target := f.path + "." + f.period
	for n := 1; exists(target); n++ {
		if n > maxSameName {
			return fmt.Errorf("roll %s: %s and %d more names are taken", f.path, f.path+"."+f.period, maxSameName)
		}
		target = f.path + "." + f.period + "." + strconv.Itoa(n)
	}
	if err := os.Rename(f.path, target); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("roll: %w", err)
	}
	return nil
}

func (f *File) rollSize() error {
	numbered := func(n int) string { return f.path + "." + strconv.Itoa(n) }
	if err := os.Remove(numbered(f.config.Keep)); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("roll: %w", err)
	}
	for n := f.config.Keep - 1; n >= 0; n-- {
		from := f.path
		if n > 0 {
			from = numbered(n)
		}
		if err := os.Rename(from, numbered(n+1)); err != nil && !errors.Is(err, os.ErrNotExist) {
			return fmt.Errorf("roll: %w", err)
		}
	}
	return nil
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}

// clean deletes rolled files whose period ended longer ago than the retention. Names that are none of ours stay.
func (f *File) clean(now time.Time) {
	if f.config.Roll == Size || f.config.Retention <= 0 {
		return
	}
	entries, err := os.ReadDir(filepath.Dir(f.path))
	if err != nil {
		return // the next clean-up comes in an hour
	}
	prefix := filepath.Base(f.path) + "."
	length := 24 * time.Hour
	if f.config.Roll == Hourly {
		length = time.Hour
	}
	for _, entry := range entries {
		suffix, ok := strings.CutPrefix(entry.Name(), prefix)
		if !ok || len(suffix) < len(f.layout()) {
			continue
		}
		begin, err := time.ParseInLocation(f.layout(), suffix[:len(f.layout())], time.Local)
		if rest := suffix[len(f.layout()):]; err != nil || rest != "" && !isNumber(rest) {
			continue
		}
		if now.Sub(begin.Add(length)) >= f.config.Retention {
			_ = os.Remove(filepath.Join(filepath.Dir(f.path), entry.Name())) // or in an hour
		}
	}
}

// isNumber says whether s is ".N".
func isNumber(s string) bool {
	n, err := strconv.Atoi(strings.TrimPrefix(s, "."))
	return err == nil && s[0] == '.' && n > 0
}

func (f *File) shut() {
	if f.file != nil {
		_ = f.file.Close() // all its bytes have been written; there is nothing to do about it
		f.file = nil
	}
}

// Close closes the file; what has not been flushed is dropped.
func (f *File) Close() error {
	if f.file == nil {
		return nil
	}
	err := f.file.Close()
	f.file = nil
	return err
}
