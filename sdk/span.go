package twinspan

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/twinspan/twinspan/sdk/id"
)

// Span is one half of a call, or a piece of local work. Its methods may be called from several goroutines, on a nil Span,
// and after End; what comes after End is ignored.
//
// A Span is never reused: after End it belongs to the log writer, which only reads it, and then to the garbage collector.
// So a late caller can neither change what is written nor see another's data.
type Span struct {
	ctx       spanContext
	tracer    *Tracer
	traceID   string // as it is logged and sent in SOFATracer's headers
	spanID    string // dotted
	trace     id.Trace
	id8       id.Span
	parent8   id.Span // 0 for a root
	twin8     id.Span // the client half's, of server and consumer spans; 0 when there is none
	state     string  // tracestate of others, without our member
	kind      Kind
	component Component
	sampled   bool
	random    bool // the W3C random-trace-id flag, as it came in
	start     time.Time
	children  atomic.Uint32

	mu            sync.Mutex
	ended         bool
	failed        bool
	duration      time.Duration
	operation     string
	resultCode    string
	message       string // of the error
	local, remote string // ip:port
	remoteApp     string
	biz, sys      []Pair // never changed in place: children share them
	tags          []Tag
	events        []Event
	droppedTags   int
	droppedEvents int
	inline        [8]Tag // the first tags
}

// Pair is one item of baggage.
type Pair struct{ Key, Value string }

// spanContext is the context that carries a span. It lies inside the Span, so that starting one costs no allocation more.
type spanContext struct {
	context.Context
	span *Span
}

type spanKey struct{}

// Value gives the span for the package's own key.
func (c *spanContext) Value(key any) any {
	if key == (spanKey{}) {
		return c.span
	}
	return c.Context.Value(key)
}

// SpanFromContext gives the span that ctx carries, or nil.
func SpanFromContext(ctx context.Context) *Span {
	s, _ := ctx.Value(spanKey{}).(*Span)
	return s
}

// ContextWithSpan gives a context that carries s, such as for a goroutine that outlives the request's context.
func ContextWithSpan(ctx context.Context, s *Span) context.Context {
	if s == nil {
		return ctx
	}
	return context.WithValue(ctx, spanKey{}, s)
}

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

// SetOperation names what is called, with few different values: "GET /pay/{id}", not "GET /pay/17".
func (s *Span) SetOperation(operation string) {
	if s.lock() {
		s.operation = cut(operation, maxText)
		s.mu.Unlock()
	}
}

// SetTags sets tags; one of the same key is replaced. The keys of the component's standard fields (TagURL, ...) fill those.
func (s *Span) SetTags(tags ...Tag) {
	if s.lock() {
		for i := range tags {
			s.setTag(&tags[i])
		}
		s.mu.Unlock()
	}
}

// SetTag sets one tag with a text.
func (s *Span) SetTag(key, value string) {
	if s.lock() {
		s.setTag(&Tag{Key: key, str: value})
		s.mu.Unlock()
	}
}

func (s *Span) setTag(t *Tag) {
	for i := range s.tags {
		if s.tags[i].Key == t.Key {
			s.tags[i] = *t
			s.tags[i].str = cut(t.str, maxText)
			return
		}
	}
	if len(s.tags) >= maxTags {
		s.droppedTags++
		return
	}
	s.tags = append(s.tags, *t)
	s.tags[len(s.tags)-1].str = cut(t.str, maxText)
}

// AddEvent records that something happened now.
func (s *Span) AddEvent(name string, tags ...Tag) {
	if s.lock() {
		if len(s.events) < maxEvents {
			e := Event{Name: cut(name, maxText), Time: s.now(), Tags: append([]Tag(nil), tags[:min(len(tags), maxTags)]...)}
			for i := range e.Tags {
				e.Tags[i].str = cut(e.Tags[i].str, maxText)
			}
			s.events = append(s.events, e)
		} else {
			s.droppedEvents++
		}
		s.mu.Unlock()
	}
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
		s.failed = true
		s.message = cut(message, maxText)
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
		s.duration = max(time.Since(s.start), 0)
		s.mu.Unlock()
		s.tracer.finish(s)
	}
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
func (s *Span) now() time.Time { return s.start.Add(time.Since(s.start)) }

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
