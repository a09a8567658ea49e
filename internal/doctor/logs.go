package doctor

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/twinspan/twinspan/internal/digestlog"
	"github.com/twinspan/twinspan/internal/span"
)

const (
	// tailBytes is how much of the end of each file is read.
	tailBytes = 1 << 20
	// leastFree is the free space below which a disk counts as full.
	leastFree = 256 << 20
	// quietAfter is the age of the newest line at which the service counts as quiet, oldAfter how much older than the newest file a
	// file of a component that is no longer used is.
	quietAfter = 10 * time.Minute
	oldAfter   = 24 * time.Hour
	// aside is how far a line's time may be from the moment of writing.
	aside = 2 * time.Minute
	// overflow is the stat key of all that is beyond stat_max_keys.
	overflow = "<overflow>"
	// maxNames bounds lists in findings.
	maxNames = 5
)

// logFile is a live digest or stat file.
type logFile struct {
	name   string // from the log directory
	path   string
	file   digestlog.File
	bytes  int64
	change time.Time
}

// logs looks at the log directory and the ends of the files in it.
func (x *examination) logs() {
	const check = "logs"
	info, err := os.Stat(x.LogDir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		x.noLogs = true
		x.add(check, Problem, "start the service (its tracer makes the directory), or name with -log-dir where it logs; a container's directory has to be a volume that the agent sees",
			"%s does not exist", x.LogDir)
		return
	case err != nil:
		x.noLogs = true
		x.add(check, Problem, "let this user read it, or run the command as the service's user", "%v", err)
		return
	case !info.IsDir():
		x.noLogs = true
		x.add(check, Problem, "set log_dir to a directory", "%s is no directory", x.LogDir)
		return
	}
	x.writable(check, info)
	if left, all, ok := free(x.LogDir); ok && left < leastFree {
		x.add(check, Problem, "make room: the tracer loses lines while the disk is full. Shorten retention, or roll by size (rolling = size, roll_bytes, roll_keep)",
			"%s of %s are free on the disk of %s", size(left), size(all), x.LogDir)
	} else if ok {
		x.add(check, OK, "", "%s of %s are free", size(left), size(all))
	}
	files, err := liveFiles(x.LogDir)
	if err != nil {
		x.noLogs = true
		x.add(check, Problem, "let this user read it, or run the command as the service's user", "%v", err)
		return
	}
	if len(files) == 0 {
		x.add(check, Problem, "see that the service makes a Tracer, that its requests pass an instrumentation, and that log_dir is this directory",
			"%s has no digest and no stat log", x.LogDir)
	}
	x.freshness(check, files)
	others, foreign := make(map[string]bool), []string(nil)
	for _, f := range files {
		if x.contents(check, f, others) {
			foreign = append(foreign, f.name)
		}
	}
	if len(foreign) > 0 {
		x.add(check, Note, "give each service a directory of its own, or name the right one", "none of the last lines is of %s, all are of %s: %s", x.App,
			some(slices.Sorted(maps.Keys(others))), some(foreign))
	}
	x.selfLog(check)
}

// writable tries to make a file. Root may write everywhere, so that the answer counts for the user who asks.
func (x *examination) writable(check string, info fs.FileInfo) {
	f, err := os.CreateTemp(x.LogDir, ".doctor-*")
	if err != nil {
		x.add(check, Problem, fmt.Sprintf("give it to the service's user: chown SERVICE %s (or run this command as that user)", x.LogDir),
			"%s (%s, of %s) cannot be written: %v", x.LogDir, info.Mode().Perm(), owner(info), err)
		return
	}
	_ = f.Close()
	if err := os.Remove(f.Name()); err != nil {
		x.add(check, Note, "remove it", "%s is left: %v", f.Name(), err)
	}
	x.add(check, OK, "", "%s (%s, of %s) can be written", x.LogDir, info.Mode().Perm(), owner(info))
}

// liveFiles finds the files that are written now, in dir and in its shadow directory.
func liveFiles(dir string) (files []logFile, err error) {
	for _, sub := range []string{"", "shadow"} {
		entries, err := os.ReadDir(filepath.Join(dir, sub))
		if err != nil {
			if sub != "" {
				break
			}
			return nil, err
		}
		for _, e := range entries {
			known, ok := digestlog.Known(e.Name())
			if !ok || known.Rolled != "" || known.Kind != digestlog.KindDigest && known.Kind != digestlog.KindStat {
				continue
			}
			info, err := e.Info()
			if err != nil || !info.Mode().IsRegular() {
				continue
			}
			name := filepath.Join(sub, e.Name())
			files = append(files, logFile{name: name, path: filepath.Join(dir, name), file: known, bytes: info.Size(), change: info.ModTime()})
		}
	}
	return files, nil
}

// freshness compares when files grew.
func (x *examination) freshness(check string, files []logFile) {
	newest := make(map[digestlog.FileKind]logFile)
	for _, f := range files {
		if f.bytes > 0 && f.change.After(newest[f.file.Kind].change) {
			newest[f.file.Kind] = f
		}
	}
	digest, stat := newest[digestlog.KindDigest], newest[digestlog.KindStat]
	last := digest.change
	if stat.change.After(last) {
		last = stat.change
	}
	if last.IsZero() {
		return
	}
	since := x.now().Sub(last)
	switch {
	case since > quietAfter:
		x.add(check, Note, "send it a request; if still nothing is written, it logs elsewhere or does not run", "nothing was written for %s", age(since))
	default:
		x.add(check, OK, "", "the newest line is %s old (%s, %s)", age(since), newestOf(digest, stat).name, size(newestOf(digest, stat).bytes))
	}
	// Stat lines count what digest lines are sampled from: where only stat grows, nothing is sampled.
	if !stat.change.IsZero() && stat.change.Sub(digest.change) > quietAfter {
		what := "there is no digest line at all"
		if !digest.change.IsZero() {
			what = fmt.Sprintf("the newest digest line is %s older", age(stat.change.Sub(digest.change)))
		}
		x.add(check, Problem, "raise sample_percentage here or, where the traces begin elsewhere, there: the caller's decision counts",
			"stat lines are written (%s), but %s: sampling drops all", stat.name, what)
	}
	var old []string
	for _, f := range files {
		if last.Sub(f.change) > oldAfter {
			old = append(old, f.name)
		}
	}
	if len(old) > 0 {
		x.add(check, Note, "remove them if the service no longer uses these components", "not written for %s or more than the others: %s", age(oldAfter), some(old))
	}
}

func newestOf(a, b logFile) logFile {
	if b.change.After(a.change) {
		return b
	}
	return a
}

func some(names []string) string {
	if len(names) > maxNames {
		return strings.Join(names[:maxNames], ", ") + fmt.Sprintf(" and %d more", len(names)-maxNames)
	}
	return strings.Join(names, ", ")
}

// tail gives the whole lines at the end of a file, from an offset on.
func tail(path string, from int64) (text []byte, at int64, err error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, 0, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, 0, err
	}
	at = max(from, info.Size()-tailBytes)
	text, err = io.ReadAll(io.LimitReader(io.NewSectionReader(f, at, tailBytes), tailBytes))
	if at > 0 && at != from {
		_, rest, _ := bytes.Cut(text, []byte("\n"))
		at += int64(len(text) - len(rest))
		text = rest
	}
	return text, at, err
}

// records reads the records at a file's end; the last one may be unfinished and is left.
func (x *examination) records(f logFile, from int64, yield func(*digestlog.Record)) error {
	text, at, err := tail(f.path, from)
	if err != nil {
		return err
	}
	source := digestlog.Source{Name: f.file.Live, Zone: x.Zone, Shadow: strings.HasPrefix(f.name, "shadow")}
	r, err := digestlog.NewReader(source, at)
	if err != nil {
		return err
	}
	r.Feed(text)
	r.Settle()
	for {
		record, ok := r.Next()
		if !ok {
			return nil
		}
		yield(&record)
	}
}

// contents reads the end of a file. Where all of it is of other services, it gives true and adds their names to others.
func (x *examination) contents(check string, f logFile, others map[string]bool) (foreign bool) {
	var last time.Time
	var apps, rejected = make(map[string]bool), make(map[digestlog.Reason]int)
	var sample *digestlog.Rejection
	read, overflown, spans := 0, uint64(0), uint64(0)
	err := x.records(f, 0, func(r *digestlog.Record) {
		switch {
		case r.Err != nil:
			rejected[r.Err.Reason]++
			sample = r.Err
		case r.Half != nil:
			read++
			apps[r.Half.App] = true
			last = time.Unix(0, r.Half.Start+r.Half.Duration)
		case r.Stat != nil:
			read++
			apps[r.Stat.App] = true
			last = time.Unix(0, r.Stat.Begin+r.Stat.Length)
			spans += r.Stat.Count
			if isOverflow(r.Stat) {
				overflown += r.Stat.Count
			}
		}
	})
	if err != nil {
		x.add(check, Problem, "let the agent's user read it", "%v", err)
		return false
	}
	if len(rejected) > 0 {
		n := 0
		var why []string
		for _, reason := range slices.Sorted(maps.Keys(rejected)) {
			n += rejected[reason]
			why = append(why, fmt.Sprintf("%d %s", rejected[reason], reason))
		}
		x.add(check, Problem, fmt.Sprintf("'twinspan parse %s' shows them; docs/formats/sofatracer-logs.md explains the reasons", f.path),
			"%s: %d of the last %d records cannot be read (%s): %s: %.80q", f.name, n, n+read, strings.Join(why, ", "), sample.Detail, sample.Sample)
	}
	if overflown > 0 {
		x.add(check, Problem, "name operations with few different values (routes, not URLs with numbers), or raise stat_max_keys",
			"%s: %d of %d spans are counted under the overflow key", f.name, overflown, spans)
	}
	x.times(check, f, last)
	if x.App != "" && len(apps) > 0 && !apps[x.App] {
		maps.Copy(others, apps)
		return true
	}
	return false
}

func isOverflow(s *span.Stat) bool {
	return strings.Contains(s.Operation, overflow) || strings.Contains(s.Key, overflow)
}

// times compares a file's last line with the moment at which the file was last written: both clocks are this host's.
func (x *examination) times(check string, f logFile, last time.Time) {
	if last.IsZero() || f.change.IsZero() {
		return
	}
	off := last.Sub(f.change)
	if off.Abs() <= aside {
		return
	}
	where := "behind"
	if off > 0 {
		where = "ahead of"
	}
	// Time zones differ by quarters of an hour.
	if near := off.Round(15 * time.Minute); near != 0 && near.Abs() <= 15*time.Hour && (off-near).Abs() <= aside {
		x.add(check, Problem, "set the time zone of the logs: -zone here, zone at the agent (agent.zone, agent.overrides)",
			"%s: the last line's time is %s %s the moment it was written: the time zone is wrong", f.name, age(near), where)
		return
	}
	if off > 0 {
		x.add(check, Problem, "set the clock of the host, or of the service's container", "%s: the last line's time is %s ahead of the moment it was written", f.name, age(off))
	}
}

var (
	selfLine = regexp.MustCompile(`^(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d)[.,]\d+\s*\[(WARN|ERROR)\]\s*(.*)$`)
	amount   = regexp.MustCompile(`\b\d+\b`)
)

// selfLog sums up what the tracer says of itself.
func (x *examination) selfLog(check string) {
	text, _, err := tail(filepath.Join(x.LogDir, "tracer-self.log"), 0)
	if err != nil {
		return // Java's has another name, and a tracer that is new has none
	}
	type said struct {
		times int
		last  string
		text  string
	}
	by := make(map[string]*said)
	for line := range strings.Lines(string(text)) {
		m := selfLine.FindStringSubmatch(strings.TrimRight(line, "\r\n"))
		if m == nil {
			continue
		}
		when, err := time.ParseInLocation(time.DateTime, m[1], time.Local)
		if err != nil || x.now().Sub(when) > oldAfter {
			continue
		}
		key := m[2] + amount.ReplaceAllString(m[3], "#")
		if by[key] == nil {
			if len(by) == 4*maxNames {
				continue
			}
			by[key] = new(said)
		}
		by[key].times++
		by[key].last, by[key].text = m[1], m[3]
	}
	for _, key := range slices.Sorted(maps.Keys(by)) {
		s := by[key]
		x.add(check, Problem, "", "tracer-self.log, %d times in a day, last at %s: %s", s.times, s.last, strings.TrimSpace(strings.TrimPrefix(s.text, "twinspan:")))
	}
}
