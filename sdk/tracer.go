package twinspan

import (
	"errors"
	"sync"
	"sync/atomic"

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
	clock     clock

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
	t.clock.start()
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
