package collect

import (
	"maps"
	"strings"

	"github.com/twinspan/twinspan/internal/wire"
)

// progressPartition is the partition whose ranges keep what belongs to a record as a whole.
const progressPartition = 0

const (
	// wholeEvery is the number of ranges after which one keeps the progress of all files, not of its own only, so that a
	// start reads the states of so many ranges and not of all that are kept.
	wholeEvery = 256
	// maxFiles bounds the files that are remembered for that. Where there are more, a start reads all states.
	maxFiles = 1 << 16
)

// files knows the progress of all agents' files. The partition's goroutine owns it.
type files struct {
	to    map[string]int64 // nil where they are too many
	since int              // ranges since one had all
}

// newFiles continues behind states, the last first, with what they and the log say.
func newFiles(states []state, progress map[string]int64) files {
	f := files{to: maps.Clone(progress), since: len(states)}
	if n := len(states); n > 0 && states[n-1].whole {
		f.since = n - 1
	}
	return f
}

func (f *files) note(progress []wire.Progress) {
	if f.to == nil {
		return
	}
	for _, p := range progress {
		to, known := f.to[p.File]
		if !known {
			p.File = strings.Clone(p.File) // it is part of the request
		}
		f.to[p.File] = max(to, p.To)
	}
	if len(f.to) > maxFiles {
		f.to = nil
	}
}

// cut is told of a range that is cut.
func (f *files) cut(r *openRange) {
	if f.since++; f.to == nil || f.since < wholeEvery {
		return
	}
	f.since = 0
	r.progress, r.whole = maps.Clone(f.to), true
}
