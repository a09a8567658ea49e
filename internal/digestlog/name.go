package digestlog

import "strings"

// FileKind says what the records of a file become.
type FileKind uint8

// The kinds of files.
const (
	KindUnknown FileKind = iota
	KindDigest
	KindStat
	// KindOther files are known and hold neither halves nor stat lines.
	KindOther
)

var kindNames = [...]string{"unknown", "digest", "stat", "other"}

func (k FileKind) String() string { return kindNames[k&3] }

// File is what a file's name says.
type File struct {
	// Component is the name before "-digest.log" or "-stat.log", such as "spring-mvc".
	Component string
	Kind      FileKind
	// Live is the name without what rolling appends: the name of the file that is written now.
	Live string
	// Rolled is what rolling appended, without the dot ("2026-11-23", "2026-11-23_17"), "" for the live file. Rolled
	// names of one live file sort by age, the oldest first.
	Rolled string
	// About says what a KindOther file is.
	About string
}

// others are the files beside digest and stat logs.
var others = map[string]string{
	"middleware_error.log": "errors that middleware reported, with stack traces",
	"rpc-profile.log":      "profile messages of RPC middleware",
	"static-info.log":      "pid, address and time zone of each start",
	"tracer-self.log":      "the tracer's own log",
	"tracer-selflog.log":   "the tracer's own log",
}

// Known tells what a file of this base name holds; ok is false for names that are no log of a tracer's. Any
// `<component>-digest.log` and `<component>-stat.log` is known, also of components that this package has no table for,
// with what rolling appends: `.yyyy-MM-dd`, `.yyyy-MM-dd_HH`, `.yyyy-MM-dd_HH-mm`, and `.N` behind any of them or alone.
// Copies such as `.bak` and compressed files are not known.
func Known(name string) (File, bool) {
	i := strings.Index(name, ".log")
	if i < 0 {
		return File{}, false
	}
	f := File{Live: name[:i+len(".log")]}
	if rest := name[len(f.Live):]; rest != "" {
		if rest[0] != '.' || !rolledSuffix(rest[1:]) {
			return File{}, false
		}
		f.Rolled = rest[1:]
	}
	base := name[:i]
	switch {
	case len(base) > len("-digest") && strings.HasSuffix(base, "-digest"):
		f.Kind, f.Component = KindDigest, strings.TrimSuffix(base, "-digest")
	case len(base) > len("-stat") && strings.HasSuffix(base, "-stat"):
		f.Kind, f.Component = KindStat, strings.TrimSuffix(base, "-stat")
	case others[f.Live] != "":
		f.Kind, f.About = KindOther, others[f.Live]
	default:
		return File{}, false
	}
	return f, true
}

// rolledSuffix says whether rolling gives s: a date, an hour or a minute, and a number.
func rolledSuffix(s string) bool {
	for _, pattern := range [...]string{"0000-00-00_00-00", "0000-00-00_00", "0000-00-00"} {
		if matchDigits(s, pattern) {
			s = s[len(pattern):]
			if s == "" {
				return true
			}
			if s[0] != '.' {
				return false
			}
			s = s[1:]
			break
		}
	}
	if s == "" || len(s) > 9 {
		return false
	}
	for i := range len(s) {
		if !digit(s[i]) {
			return false
		}
	}
	return true
}

// matchDigits says whether s begins with the pattern, in which 0 stands for any digit.
func matchDigits(s, pattern string) bool {
	if len(s) < len(pattern) {
		return false
	}
	for i := range len(pattern) {
		if c := pattern[i]; c == '0' && !digit(s[i]) || c != '0' && c != s[i] {
			return false
		}
	}
	return true
}

func digit(c byte) bool { return c >= '0' && c <= '9' }
