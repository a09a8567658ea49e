package twinspan

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/twinspan/twinspan/sdk/id"
	"go.opentelemetry.io/otel/trace/embedded"
)

// Span is one half of a call, or a piece of local work. Its methods may be called from several goroutines, on a nil Span,
// and after End; what comes after End is ignored.
//
// A Span is never reused, so that a late caller can see no other span's data and change nothing that is written: what may be
// used again lies behind a pointer that End takes away, under the Span's lock.
type Span struct {
	otelSpan                 //nolint:unused // nil; its method makes the conversion of contrib/opentelemetry possible
	ctx      context.Context // what Start was given: spanContext
	*trunk
	*spanWork        // until the end
	spanID    string // dotted
	id8       id.Span
	parent8   id.Span             // 0 for a root
	bag       atomic.Pointer[bag] // nil: no baggage
	mu        sync.Mutex
	children  atomic.Uint32
	kind      Kind
	paired    bool // a server or consumer span: parent8 is the calling half's
	ended     bool
}

// otelSpan is what OpenTelemetry's API asks every Span to have in it. It stands here so that a *Span becomes a span of that API by
// a conversion, without memory of its own: see ContextFace.
type otelSpan = embedded.Span //nolint:unused // see there

// Pair is one item of baggage.
type Pair struct{ Key, Value string }

// TraceID gives the trace id as it is logged: SOFATracer's text, or 32 hex digits of a foreign trace.
func (s *Span) TraceID() string {
	if s == nil {
		return ""
	}
	return s.traceID
}

// SpanID gives the dotted span id.
func (s *Span) SpanID() string {
	if s == nil {
		return ""
	}
	return s.spanID
}

// ID8 gives the 8-byte span id, the one of W3C traceparent.
func (s *Span) ID8() id.Span {
	if s == nil {
		return 0
	}
	return s.id8
}

// Sampled says that the span's trace is logged.
func (s *Span) Sampled() bool { return s != nil && s.sampled }

// maxOperation bounds the bytes of an operation, in digest and stat lines: it is a name.
const maxOperation = 1024

// SetOperation names what is called, with few different values: "GET /pay/{id}", not "GET /pay/17".
func (s *Span) SetOperation(operation string) {
	if s.lock() {
		s.operation = cut(operation, min(s.tracer.config.Limits.TextBytes, maxOperation))
		s.mu.Unlock()
	}
}

// SetTags sets tags; one of the same key is replaced. The keys of the component's standard fields (TagURL, ...) fill those.
func (s *Span) SetTags(tags ...Tag) {
	if s.lock() {
		if s.counted {
			s.countTags(tags)
		} else {
			for i := range tags {
				s.setTag(&tags[i])
			}
		}
		s.mu.Unlock()
	}
}

// countTags sets those that stat lines may go by.
func (s *Span) countTags(tags []Tag) {
	lengths := s.component.spec().countedLengths
	for i := range tags {
		if lengths.has(tags[i].Key) {
			s.setTag(&tags[i])
		}
	}
}

// SetTagsFunc is SetTags for n tags that are made one by one, such as of another API's attributes: fill writes all of *t. One
// without a key is left out. fill is called under the span's lock, so that it must not use the span.
func (s *Span) SetTagsFunc(n int, fill func(i int, t *Tag)) {
	if s.lock() {
		s.fillTags(n, fill)
		s.mu.Unlock()
	}
}

// fillTags has the tags written where they stay, as long as there is room.
func (s *Span) fillTags(n int, fill func(i int, t *Tag)) {
	limits := &s.tracer.config.Limits
	for i := range n {
		at := len(s.tags)
		if at == cap(s.tags) || at >= limits.Tags || s.counted {
			var t Tag
			if fill(i, &t); t.Key != "" {
				s.setTag(&t)
			}
			continue
		}
		t := &s.tags[:at+1][at]
		if fill(i, t); t.Key == "" {
			continue
		}
		t.cut(limits.TextBytes)
		if same := s.tag(t.Key); same >= 0 {
			s.tags[same] = *t
		} else {
			s.tags = s.tags[:at+1]
		}
	}
}

// tag gives the place of the tag with a key, or -1.
func (s *Span) tag(key string) int {
	for i := range s.tags {
		if s.tags[i].Key == key {
			return i
		}
	}
	return -1
}

// SetTag sets one tag with a text.
func (s *Span) SetTag(key, value string) {
	if s.lock() {
		s.setTag(&Tag{Key: key, str: value})
		s.mu.Unlock()
	}
}

func (s *Span) setTag(t *Tag) {
	if s.counted && !s.component.counts(t.Key) {
		return
	}
	limits := &s.tracer.config.Limits
	if same := s.tag(t.Key); same >= 0 {
		s.tags[same] = *t
		s.tags[same].cut(limits.TextBytes)
		return
	}
	if len(s.tags) >= limits.Tags {
		s.own().droppedTags++
		return
	}
	s.tags = append(s.tags, *t)
	s.tags[len(s.tags)-1].cut(limits.TextBytes)
}

// AddEvent records that something happened now.
func (s *Span) AddEvent(name string, tags ...Tag) {
	if s.lock() {
		s.addEvent(name, s.now(), tags)
		s.mu.Unlock()
	}
}

// AddEventAt records that something happened at a time.
func (s *Span) AddEventAt(name string, at time.Time, tags ...Tag) {
	if s.lock() {
		s.addEvent(name, at, tags)
		s.mu.Unlock()
	}
}

func (s *Span) addEvent(name string, at time.Time, tags []Tag) {
	if s.counted {
		return
	}
	limits, more := &s.tracer.config.Limits, s.own()
	if len(more.events) >= limits.Events {
		more.droppedEvents++
		return
	}
	more.events = append(more.events, Event{Name: cut(name, limits.TextBytes), Time: at, Tags: limits.copy(tags)})
}

// AddLink says that the span has to do with another one that is not its parent. A link to no span and without tags is
// ignored.
func (s *Span) AddLink(to SpanContext, tags ...Tag) {
	if !to.Valid() && len(tags) == 0 || !s.lock() {
		return
	}
	if s.counted {
		s.mu.Unlock()
		return
	}
	limits, more := &s.tracer.config.Limits, s.own()
	if len(more.links) < limits.Links {
		more.links = append(more.links, Link{Trace: to.trace, Span: to.id8, State: to.state, Tags: limits.copy(tags)})
	} else {
		more.droppedLinks++
	}
	s.mu.Unlock()
}

// SetError marks the span as failed, with err's message. A nil err changes nothing.
func (s *Span) SetError(err error) {
	if err != nil {
		s.Fail(err.Error())
	}
}

// Fail marks the span as failed; message says why and may be empty.
func (s *Span) Fail(message string) {
	if s.lock() {
		s.failed = !s.succeeded
		if s.failed && !s.counted && (message != "" || s.more != nil) {
			s.own().message = cut(message, s.tracer.config.Limits.TextBytes)
		}
		s.mu.Unlock()
	}
}

// SetOK marks the span as succeeded, whatever is said about it before and after: the application knows better than a
// library that calls an answer an error.
func (s *Span) SetOK() {
	if s.lock() {
		s.failed, s.succeeded = false, true
		if s.more != nil {
			s.more.message = ""
		}
		s.mu.Unlock()
	}
}

// SetResultCode sets "result.code": the HTTP status, the RPC's code. Without it it is the component's code for success or
// failure, such as "00" and "99".
func (s *Span) SetResultCode(code string) {
	if s.lock() {
		s.resultCode = code
		s.mu.Unlock()
	}
}

// SetRemote sets the peer's address, "ip:port".
func (s *Span) SetRemote(address string) {
	if s.lock() {
		s.remote = address
		s.mu.Unlock()
	}
}

// SetLocal sets the own address, "ip:port".
func (s *Span) SetLocal(address string) {
	if s.lock() {
		s.local = address
		s.mu.Unlock()
	}
}

// SetRemoteApp names the peer: an app's name, for a database "<system>:<database>", for a queue "<system>:<destination>".
func (s *Span) SetRemoteApp(app string) {
	if s.lock() {
		s.remoteApp = app
		s.mu.Unlock()
	}
}

// End ends the span now and hands it to the logs. Only the first End counts.
func (s *Span) End() {
	if s.lock() {
		s.ended = true
		s.duration = max(time.Duration(s.tracer.clock.since()-s.began), 0)
		s.mu.Unlock()
		s.tracer.finish(s)
		s.release()
	}
}

// EndAt is End at a time.
func (s *Span) EndAt(at time.Time) {
	if s.lock() {
		s.ended = true
		s.duration = s.until(at)
		s.mu.Unlock()
		s.tracer.finish(s)
		s.release()
	}
}

// Ended says that End was called; what is set from then on is ignored. A nil span has ended.
func (s *Span) Ended() bool {
	if !s.lock() {
		return true
	}
	s.mu.Unlock()
	return false
}

// Kind gives the span's kind.
func (s *Span) Kind() Kind {
	if s == nil {
		return Internal
	}
	return s.kind
}

// Tracer gives the span's Tracer.
func (s *Span) Tracer() *Tracer {
	if s == nil {
		return nil
	}
	return s.tracer
}

// Discard ends the span without a trace in logs and statistics: for an instrumentation that finds out that nothing was
// called. Its number stays used.
func (s *Span) Discard() {
	if s.lock() {
		s.ended = true
		s.mu.Unlock()
	}
}

// now gives the present by the clock that the start was read from, so that events lie inside the span whatever the wall
// clock does.
func (s *Span) now() time.Time {
	return time.Unix(0, s.start+s.tracer.clock.since()-s.began)
}

// until gives the duration to a time of the caller's.
func (s *Span) until(at time.Time) time.Duration {
	return max(time.Duration(s.tracer.clock.of(at, s.start-s.began)-s.began), 0)
}

// lock takes the span's lock, if there is a span that has not ended.
func (s *Span) lock() bool {
	if s == nil {
		return false
	}
	s.mu.Lock()
	if s.ended {
		s.mu.Unlock()
		return false
	}
	return true
}
