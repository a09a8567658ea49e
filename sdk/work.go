package twinspan

import (
	"sync"
	"time"
)

// spanWork is what a span needs until it has been written: under its lock until End, and then End's alone.
type spanWork struct {
	start         int64 // nanoseconds since 1970
	began         int64 // the same by the clock: nanoseconds after its base
	scope         *Scope
	component     Component
	unset         bool // the status is "unset" unless it is set: StartOptions.Unset
	failed        bool
	succeeded     bool // SetOK: it does not fail any more
	counted       bool // only what stat lines need is kept: Component.counts
	duration      time.Duration
	operation     string
	resultCode    string
	local, remote string // ip:port
	remoteApp     string
	tags          []Tag
	more          *spanExtra
	inline        [inlineTags]Tag // the first tags
}

// works spare the greater part of a span's memory.
var works = sync.Pool{New: func() any {
	w := new(spanWork)
	w.tags = w.inline[:0]
	return w
}}

// release gives back what an ended span no longer needs. The tags inside are left: tags begins anew, and the next ones are
// written over them.
func (s *Span) release() {
	w := s.spanWork
	s.spanWork = nil
	w.unset, w.failed, w.succeeded, w.counted = false, false, false, false
	if w.resultCode != "" {
		w.resultCode = ""
	}
	// Most spans have none of these, and a look is cheaper than writing a pointer while the garbage collector runs.
	if w.scope != nil {
		w.scope = nil
	}
	if w.local != "" {
		w.local = ""
	}
	if w.remote != "" {
		w.remote = ""
	}
	if w.remoteApp != "" {
		w.remoteApp = ""
	}
	if w.more != nil {
		w.more = nil
	}
	if cap(w.tags) == inlineTags {
		w.tags = w.tags[:0]
	} else {
		w.tags = w.inline[:0]
	}
	works.Put(w)
}

// inlineTags is the number of tags that cost no allocation of their own.
const inlineTags = 8

// spanExtra is what few spans have.
type spanExtra struct {
	message       string // of the error
	events        []Event
	links         []Link
	droppedTags   int
	droppedEvents int
	droppedLinks  int
}

// noExtra is read only.
var noExtra spanExtra

// extra gives what few spans have, to be read.
func (s *Span) extra() *spanExtra {
	if s.more == nil {
		return &noExtra
	}
	return s.more
}

// own gives what few spans have, to be written.
func (s *Span) own() *spanExtra {
	if s.more == nil {
		s.more = new(spanExtra)
	}
	return s.more
}
