package twinspan

import (
	"context"
	"encoding/binary"
	"math/rand/v2"
	"strconv"
	"time"
	"unsafe"

	"github.com/twinspan/twinspan/sdk/id"
)

// Start starts a span below the one that ctx carries, or as the root of a new trace, and gives a context that carries it.
func (t *Tracer) Start(ctx context.Context, kind Kind, c Component, operation string) (context.Context, *Span) {
	if t == nil {
		return ctx, nil
	}
	return t.start(ctx, &StartOptions{Kind: kind, Component: c, Operation: operation}, nil, 0, nil)
}

// StartFrom starts a span for what a carrier brought: the headers of a request, the properties of a message. The first
// valid of the formats counts, or without any given of those of Config.Extract; the baggage of all is merged. Without a
// valid trace context it is Start.
func (t *Tracer) StartFrom(ctx context.Context, carrier Carrier, kind Kind, c Component, operation string, formats ...Propagation) (context.Context, *Span) {
	if t == nil {
		return ctx, nil
	}
	if len(formats) == 0 {
		formats = t.config.Extract
	}
	var r SpanContext
	r.extract(carrier, formats)
	return t.start(ctx, &StartOptions{Kind: kind, Component: c, Operation: operation}, &r, 0, nil)
}

// StartOptions is everything that a span may begin with.
type StartOptions struct {
	Kind      Kind
	Component Component
	Operation string
	Time      time.Time    // zero: now
	Parent    *SpanContext // goes before what the context carries; its baggage counts even if it names no span
	NewRoot   bool         // begin a new trace whatever Parent and the context say
	Scope     *Scope       // the instrumentation library, if it is known
	Baggage   []Pair       // business baggage beside the parent's
	Tags      []Tag        // set before the sampling is decided: see HasSamplingRules
	// Unset leaves the status "unset" until it is set, as OpenTelemetry has it. Else a span that did not fail is "ok".
	Unset bool
}

// StartSpan is Start with everything that may be chosen. It keeps nothing of o but what o points to.
func (t *Tracer) StartSpan(ctx context.Context, o *StartOptions) (context.Context, *Span) {
	if t == nil {
		return ctx, nil
	}
	return t.start(ctx, o, o.Parent, 0, nil)
}

// StartSpanFunc is StartSpan with n more tags, as SetTagsFunc has them.
func (t *Tracer) StartSpanFunc(ctx context.Context, o *StartOptions, n int, fill func(i int, t *Tag)) (context.Context, *Span) {
	if t == nil {
		return ctx, nil
	}
	return t.start(ctx, o, o.Parent, n, fill)
}

// start has the parent and the tags beside o, so that they do not escape.
func (t *Tracer) start(ctx context.Context, o *StartOptions, from *SpanContext, tags int, fill func(i int, t *Tag)) (context.Context, *Span) {
	if o.NewRoot {
		from = nil
	}
	w := works.Get().(*spanWork)
	w.component, w.unset = o.Component, o.Unset
	w.operation = cut(o.Operation, min(t.config.Limits.TextBytes, maxOperation))
	if o.Scope != nil {
		w.scope = o.Scope
	}
	parent, remote := t.parent(ctx, o, from)
	var s *Span
	var idText []byte
	if parent != nil && parent.tracer == t {
		s, idText = parent.trunk.child()
		s.trunk = parent.trunk
		w.began = t.clock.since()
		w.start = s.wall(w.began) + w.began
	} else {
		var first *trunkSpan
		if remote != nil {
			first = remote.room.take()
		} else {
			first = new(trunkSpan)
		}
		s = &first.Span
		s.trunk = &first.own
		w.began = t.clock.since()
		s.tracer, s.offset = t, t.clock.wall(w.began)
		w.start = s.offset + w.began
	}
	s.ctx, s.spanWork, s.kind = ctx, w, o.Kind
	if !o.Time.IsZero() {
		w.start, w.began = o.Time.UnixNano(), t.clock.of(o.Time, s.offset)
	}
	decides := false // the trace's sampling is decided here, when the baggage is known
	switch {
	case parent != nil:
		if parent.tracer != t { // of another Tracer of this process
			s.traceID, s.trace, s.others = parent.traceID, parent.trace, parent.others
			s.sampled, s.random = parent.sampled, parent.random
		}
		if b := parent.bag.Load(); b != nil {
			s.bag.Store(b)
		}
		s.parent8 = parent.id8
		s.spanID = parent.nextChild(idText)
		s.id8 = id.SpanOf(s.spanID)
	case remote.valid():
		s.below(remote)
		decides = remote.undecided
		if remote != from {
			s.takeBag(remote.bag)
		}
	default:
		s.newTrace()
		s.spanID = "0"
		s.id8 = id.SpanOf(s.spanID)
		decides = true
	}
	if !o.NewRoot {
		s.takeBaggage(ambientBaggage(ctx), nil)
	}
	if from != nil {
		if from.app != "" {
			s.remoteApp = cut(from.app, t.config.Limits.TextBytes)
		}
		s.takeBag(from.bag)
	}
	s.takeBaggage(o.Baggage, nil)
	for i := range o.Tags {
		s.setTag(&o.Tags[i])
	}
	if tags > 0 {
		s.fillTags(tags, fill)
	}
	if decides {
		s.sampled = t.sample(s)
	}
	w.counted = !s.sampled && w.component != Inferred && !t.sampling.Load().keeps()
	return (*spanContext)(s), s
}

// parent gives the span that a new one is below: one of this process, or one of another.
func (t *Tracer) parent(ctx context.Context, o *StartOptions, from *SpanContext) (*Span, *SpanContext) {
	switch {
	case o.NewRoot:
		return nil, nil
	case from != nil && from.span != nil:
		return from.span, nil
	case from.valid():
		return nil, from
	}
	return current(ctx)
}

// newTrace makes s the root of a trace.
func (s *Span) newTrace() {
	if !s.tracer.config.RandomTraceIDs {
		s.traceID = s.tracer.generator.Next()
		s.trace, _ = id.ParseTrace(s.traceID)
		return
	}
	s.random = true
	for s.trace.IsZero() || s.trace.IsSOFA() { // SOFATracer's shape would be read as such
		binary.BigEndian.PutUint64(s.trace[:8], rand.Uint64())
		binary.BigEndian.PutUint64(s.trace[8:], rand.Uint64())
	}
	s.traceID = s.trace.Hex()
}

// maxSpanID is the length at which a dotted id is not continued but begun anew below its 8-byte form: recursion between
// services would otherwise make ids, and with them headers, grow without end.
const maxSpanID = 512

// nextChild gives the dotted id of the next span started under s. It is written into text, which nobody else uses, if there is room.
func (s *Span) nextChild(text []byte) string {
	n := s.children.Add(1)
	if len(s.spanID) > maxSpanID {
		return foreignChild(s.id8)
	}
	if text == nil {
		text = make([]byte, 0, len(s.spanID)+8)
	}
	b := append(text, s.spanID...)
	if s.kind.calls() {
		b = append(b, ".0"...)
	}
	b = append(b, '.')
	b = strconv.AppendUint(b, uint64(n), 10)
	return unsafe.String(unsafe.SliceData(b), len(b))
}

// foreignChild gives a dotted id below a span of which only the 8-byte id is known, or whose children cannot be numbered.
func foreignChild(parent id.Span) string { return withRandom(parent.String()) }

func withRandom(prefix string) string {
	var buf [64]byte
	b := append(append(buf[:0], prefix...), '.')
	return string(strconv.AppendUint(b, uint64(rand.Uint32N(1<<31)), 10))
}

// below makes s the child or the other half of a span in another process.
func (s *Span) below(r *SpanContext) {
	s.traceID, s.trace, s.random = r.traceID, r.trace, r.random
	s.setState(r.state)
	s.sampled = r.sampled
	s.parent8 = r.id8
	s.paired = s.kind == Server || s.kind == Consumer
	switch {
	case r.spanID == "" || len(r.spanID) > maxSpanID:
		s.spanID = foreignChild(r.id8)
	case s.kind == Server && s.tracer.config.ServerSpanID == SharedSpanID:
		s.spanID = r.spanID
		s.id8 = id.ServerSpanOf(s.spanID)
		return
	case s.kind == Server:
		s.spanID = r.spanID + ".1"
	default:
		s.spanID = withRandom(r.spanID)
	}
	s.id8 = id.SpanOf(s.spanID)
}

// takeBag adds another's baggage to a span that is being started.
func (s *Span) takeBag(b *bag) {
	if b != nil {
		s.takeBaggage(b.biz, b.sys)
	}
}

// takeBaggage adds items to a span that is being started.
func (s *Span) takeBaggage(biz, sys []Pair) {
	if len(biz) == 0 && len(sys) == 0 {
		return
	}
	own := s.baggage()
	for _, p := range biz {
		own.biz = s.tracer.addBaggage(own.biz, p.Key, p.Value, s.tracer.config.BizBaggageBytes)
	}
	for _, p := range sys {
		own.sys = s.tracer.addBaggage(own.sys, p.Key, p.Value, s.tracer.config.SysBaggageBytes)
	}
	s.bag.Store(&own)
}
