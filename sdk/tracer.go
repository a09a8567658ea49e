package twinspan

import (
	"context"
	"encoding/binary"
	"errors"
	"math/rand/v2"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
	"unsafe"

	"github.com/twinspan/twinspan/sdk/id"
)

// Tracer starts spans and writes their logs. Make one per process with New and end it with Close.
type Tracer struct {
	config    Config
	generator *id.Generator
	sampling  atomic.Pointer[samplingPlan]
	digests   digestSet
	resource  []Tag // never changed
	shards    *shards
	reporter  *reporter
	counters  counters

	companions sync.Map // of Companion
}

type counters struct {
	dropped        atomic.Uint64
	written        atomic.Uint64
	lost           atomic.Uint64
	statOverflow   atomic.Uint64
	baggageDropped atomic.Uint64
}

// Counters say what became of the spans since the Tracer was made.
type Counters struct {
	Spans          uint64 // ended
	Written        uint64 // lines written to disk, digest and stat
	QueueDropped   uint64 // digest lines dropped because the queue was full or the Tracer closed
	WriteLost      uint64 // lines lost because the disk did not take them
	StatOverflow   uint64 // spans counted under an overflow key
	BaggageDropped uint64 // baggage items that did not fit
}

// New makes a Tracer and starts its log writer. A log directory that cannot be written is no error: the application is
// not to fail because of its logs. The Tracer says so on standard error, counts what is lost, and tries again.
func New(c Config) (*Tracer, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	t := makeTracer(c)
	go t.reporter.run()
	return t, nil
}

// makeTracer makes a Tracer of a valid configuration, whose writer does not run.
func makeTracer(c Config) *Tracer {
	t := &Tracer{
		config:    c,
		generator: id.NewGenerator(id.GeneratorConfig{KeepSmallPID: c.KeepSmallPID}),
		shards:    newShards(&c),
	}
	if plan, err := newSamplingPlan(c.sampling()); err == nil { // Validate has seen to that
		t.sampling.Store(plan)
	}
	if digests, err := newDigestSet(&c); err == nil { // as well
		t.digests = digests
	}
	if resource, err := c.resource(); err == nil { // as well
		t.resource = resource
	}
	t.reporter = newReporter(t)
	return t
}

// Close writes out everything that has ended, with a last stat line of every key, and stops the writer. Spans that end
// later are dropped. It gives the first error met while closing files; closing again does nothing.
func (t *Tracer) Close() error {
	if t == nil {
		return nil
	}
	return errors.Join(t.reporter.close(), t.closeExporters())
}

// Flush waits until everything that ended before is in the files and, where there are exporters, sent or given up.
func (t *Tracer) Flush() {
	if t != nil {
		t.reporter.flush()
		t.flushExporters()
	}
}

// FlushStats is Flush, and ends the running stat interval early.
func (t *Tracer) FlushStats() {
	if t != nil {
		t.reporter.flushStats()
		t.flushExporters()
	}
}

// App gives Config.App.
func (t *Tracer) App() string {
	if t == nil {
		return ""
	}
	return t.config.App
}

// Formats gives the formats of propagation that are written and read. They are not to be changed.
func (t *Tracer) Formats() (inject, extract []Propagation) {
	if t == nil {
		return nil, nil
	}
	return t.config.Inject, t.config.Extract
}

// Counters gives what became of the spans so far.
func (t *Tracer) Counters() Counters {
	if t == nil {
		return Counters{}
	}
	return Counters{
		Spans:          t.shards.spans(),
		Written:        t.counters.written.Load(),
		QueueDropped:   t.counters.dropped.Load(),
		WriteLost:      t.counters.lost.Load(),
		StatOverflow:   t.counters.statOverflow.Load(),
		BaggageDropped: t.counters.baggageDropped.Load(),
	}
}

// Start starts a span below the one that ctx carries, or as the root of a new trace, and gives a context that carries it.
func (t *Tracer) Start(ctx context.Context, kind Kind, c Component, operation string) (context.Context, *Span) {
	if t == nil {
		return ctx, nil
	}
	return t.start(ctx, &StartOptions{Kind: kind, Component: c, Operation: operation}, nil)
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
	return t.start(ctx, &StartOptions{Kind: kind, Component: c, Operation: operation}, &r)
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
	return t.start(ctx, o, o.Parent)
}

// start has the parent beside o, so that StartFrom's does not escape.
func (t *Tracer) start(ctx context.Context, o *StartOptions, from *SpanContext) (context.Context, *Span) {
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
		w.start = s.clock()
	} else {
		first := new(trunkSpan)
		s = &first.Span
		s.trunk = &first.own
		s.tracer, s.begin = t, time.Now()
		w.start = s.begin
	}
	s.ctx, s.spanWork, s.kind = ctx, w, o.Kind
	if !o.Time.IsZero() {
		w.start = o.Time
	}
	decides := false // the trace's sampling is decided here, when the baggage is known
	switch {
	case parent != nil:
		if parent.tracer != t { // of another Tracer of this process
			s.traceID, s.trace, s.state = parent.traceID, parent.trace, parent.state
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
	if decides {
		s.sampled = t.sample(s)
	}
	w.counted = !s.sampled && w.component != Inferred && !t.sampling.Load().keeps()
	return (*spanContext)(s), s
}

// clock gives the time by the clock that the trace's first span was started by, so that a span lies inside its parent whatever
// the wall clock does, and reading one clock is enough. A trace that goes on for long follows the wall clock.
func (t *trunk) clock() time.Time {
	if since := time.Since(t.begin); since < time.Minute {
		return t.begin.Add(since)
	}
	return time.Now()
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
	var buf [64]byte
	b := append(buf[:0], s.spanID...)
	if s.kind.calls() {
		b = append(b, ".0"...)
	}
	b = append(b, '.')
	b = strconv.AppendUint(b, uint64(n), 10)
	if len(b) > cap(text) {
		return string(b)
	}
	text = append(text, b...)
	return unsafe.String(unsafe.SliceData(text), len(text))
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
	s.traceID, s.trace, s.state, s.random = r.traceID, r.trace, r.state, r.random
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
