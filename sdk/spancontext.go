package twinspan

import "github.com/twinspan/twinspan/sdk/id"

// SpanContext says which span something is below or linked with, here or in another process, and what travels with it. The
// zero value names no span. A SpanContext is not changed.
type SpanContext struct {
	span      *Span // in this process; the rest is a copy then
	traceID   string
	trace     id.Trace // zero: there is none
	spanID    string   // dotted; "" under a foreign parent
	id8       id.Span
	state     string
	app       string // the caller's, where the format names it
	sampled   bool
	undecided bool // the other side leaves the sampling decision to us
	random    bool
	bag       *bag  // nil: none
	room      *Room // nil: none
}

// NewSpanContext gives the context of a span of which only what W3C carries is known: tracestate is the header's text. Our
// own member of it is understood.
func NewSpanContext(trace id.Trace, span id.Span, sampled, random bool, tracestate string) SpanContext {
	if trace.IsZero() || span == 0 {
		return SpanContext{}
	}
	c := SpanContext{traceID: trace.String(), trace: trace, id8: span, sampled: sampled, random: random}
	if tracestate != "" {
		c.state, c.spanID = parseTracestate([]string{tracestate}, span)
	}
	return c
}

// Context gives the span's context. It is a copy: baggage that is set later is not in it.
func (s *Span) Context() SpanContext {
	if s == nil {
		return SpanContext{}
	}
	return SpanContext{span: s, traceID: s.traceID, trace: s.trace, spanID: s.spanID, id8: s.id8, state: s.state(),
		sampled: s.sampled, random: s.random, bag: s.bag.Load()}
}

// Extract reads a carrier, in the formats given, or without any in those of Config.Extract. The result may have baggage
// without naming a span.
func (t *Tracer) Extract(c Carrier, formats ...Propagation) SpanContext {
	var r SpanContext
	if t != nil {
		if len(formats) == 0 {
			formats = t.config.Extract
		}
		r.extract(c, formats)
	}
	return r
}

// Use has the first span that starts below r take its memory from room.
func (r *SpanContext) Use(room *Room) { r.room = room }

// Valid says that the context names a span.
func (r SpanContext) Valid() bool { return !r.trace.IsZero() }

func (r *SpanContext) valid() bool { return r != nil && !r.trace.IsZero() }

// TraceID gives the trace id as it is logged.
func (r SpanContext) TraceID() string { return r.traceID }

// Trace gives the 16-byte trace id.
func (r SpanContext) Trace() id.Trace { return r.trace }

// SpanID gives the dotted span id, "" if only the 8-byte one is known.
func (r SpanContext) SpanID() string { return r.spanID }

// ID8 gives the 8-byte span id.
func (r SpanContext) ID8() id.Span { return r.id8 }

// Sampled says that the trace is logged.
func (r SpanContext) Sampled() bool { return r.sampled }

// Random says that the trace id's last 7 bytes are random (W3C Trace Context, level 2).
func (r SpanContext) Random() bool { return r.random }

// State gives the members that others put into W3C's tracestate.
func (r SpanContext) State() string { return r.state }

// Span gives the span, if it is one of this process.
func (r SpanContext) Span() *Span { return r.span }

// Baggage gives the business baggage, sorted by key where it is a span's. It is not to be changed.
func (r SpanContext) Baggage() []Pair { return r.baggage().biz }

// baggage gives what the context carries.
func (r *SpanContext) baggage() bag {
	if r.bag != nil {
		return *r.bag
	}
	return bag{}
}

// ownBag gives the baggage to be added to, while the context is being read from a carrier.
func (r *SpanContext) ownBag() *bag {
	if r.bag == nil {
		r.bag = new(bag)
	}
	return r.bag
}

// Scope names an instrumentation library. Make it once per library by NewScope.
type Scope struct {
	name string
	json []byte // the value of the extra field "scope"
}

// NewScope makes a Scope; all but the name may be empty.
func NewScope(name, version, schemaURL string, tags ...Tag) *Scope {
	b := appendString([]byte(`{"name":`), name)
	if version != "" {
		b = appendField(b, "version", version)
	}
	if schemaURL != "" {
		b = appendField(b, "schema.url", schemaURL)
	}
	if len(tags) > 0 {
		b = appendTags(append(b, `,"attributes":`...), tags)
	}
	return &Scope{name: name, json: append(b, '}')}
}

// Name gives the library's name.
func (s *Scope) Name() string {
	if s == nil {
		return ""
	}
	return s.name
}
