package twinspan

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
)

// Sampling says which of the traces that begin here are logged and exported. All spans are created and counted in the stat
// logs whatever it says. The decision is made once, at the root, and travels: traces that begin elsewhere keep the one they
// came with.
type Sampling struct {
	// Percentage of the traces that neither Sampler nor a rule decides about, 0 to 100.
	Percentage float64
	// PerSecond is the most of these traces in a second, on top of Percentage; up to a second's worth may come at once. 0:
	// no limit.
	PerSecond float64
	// Rules decide before Percentage and PerSecond; the first one that fits counts.
	Rules []SampleRule
	// Sampler decides before the rules. It is called by the goroutine that starts the span, also by several at once.
	Sampler Sampler
	// KeepErrors and KeepSlowerThan log a span of a trace that is sampled out if it failed, or took at least that long (0:
	// never), marked as "sampled.out". Other halves of the trace are not there then, and the decision that travels is the same.
	KeepErrors     bool
	KeepSlowerThan time.Duration
}

// Sampler decides about a trace that begins here.
type Sampler func(Root) Decision

// Root is what is known of a trace's first span when it starts. What is set later, such as the route that a router finds, is
// not known then.
type Root struct {
	Kind      Kind
	Component Component // of OpenTelemetry's and OpenTracing's spans what their first attributes say, Biz if they say nothing
	Operation string    // of a net/http server's span method and path: "GET /health"
	Baggage   []Pair    // business baggage; not to be changed
	Tags      []Tag     // given with the start, such as OpenTelemetry's first attributes; not to be changed or kept
}

// Decision is a Sampler's.
type Decision uint8

// The decisions.
const (
	Undecided Decision = iota // the rules, Percentage and PerSecond decide
	SampleIn
	SampleOut
)

// SampleRule is "component:kind:operation=amount", such as "http-server:server:GET /health*=0%" or "*:*:*=100/s". In the three
// patterns, "*" is any text and "?" any one character; the component is the name of its log files; "inferred"
// fits all spans of OpenTelemetry's and OpenTracing's APIs, too. The amount is a percentage, or a number of traces in a second.
type SampleRule string

// SetSampling changes the sampling from now on; traces that have begun keep their decision. An error is of the kind
// ErrConfig, and changes nothing.
func (t *Tracer) SetSampling(s Sampling) error {
	if t == nil {
		return nil
	}
	p, err := newSamplingPlan(s)
	if err != nil {
		return err
	}
	t.sampling.Store(p)
	return nil
}

// Sampling gives what is in force. Its Rules are not to be changed.
func (t *Tracer) Sampling() Sampling {
	if t == nil {
		return Sampling{}
	}
	return t.sampling.Load().set
}

// sampling gives what the configuration says.
func (c *Config) sampling() Sampling {
	return Sampling{Percentage: c.SamplePercentage, PerSecond: c.SamplePerSecond, Rules: c.SampleRules, Sampler: c.Sampler,
		KeepErrors: c.KeepErrors, KeepSlowerThan: c.KeepSlowerThan}
}

// samplingPlan is Sampling made ready. Only its limits change.
type samplingPlan struct {
	set     Sampling
	rules   []samplingRule
	amount  sampleAmount
	simple  bool // amount alone decides
	asks    bool // somebody looks at component, operation or tags
	all     bool // everything is sampled
	elapsed func() time.Duration
}

type samplingRule struct {
	component, kind, operation string
	amount                     sampleAmount
}

// sampleAmount is a share of traces, a number of them in a second, or both.
type sampleAmount struct {
	threshold uint64     // of a random 32-bit number below which a trace is sampled
	limit     *rateLimit // nil: none
}

func newSamplingPlan(s Sampling) (*samplingPlan, error) {
	bad := func(name string, value any, want string) (*samplingPlan, error) {
		return nil, fmt.Errorf("%w: %s is %v; it has to be %s", ErrConfig, name, value, want)
	}
	switch {
	case !(s.Percentage >= 0 && s.Percentage <= 100):
		return bad("sample_percentage", s.Percentage, "between 0 and 100")
	case !(s.PerSecond >= 0 && s.PerSecond <= maxPerSecond):
		return bad("sample_per_second", s.PerSecond, "between 0 and 1e9")
	case s.KeepSlowerThan < 0:
		return bad("keep_slower_than", s.KeepSlowerThan, "0 or more")
	}
	s.Rules = append([]SampleRule(nil), s.Rules...)
	p := &samplingPlan{set: s, amount: sampleAmount{threshold: threshold(s.Percentage)}}
	if s.PerSecond > 0 {
		p.amount.limit = newRateLimit(s.PerSecond)
	}
	for _, text := range s.Rules {
		r, err := text.parse()
		if err != nil {
			return bad("sample_rules", strconv.Quote(string(text)), "component:kind:operation=amount, the amount like 10% or 5/s: "+err.Error())
		}
		p.rules = append(p.rules, r)
		p.asks = p.asks || !anything(r.component) || !anything(r.operation)
	}
	p.asks = p.asks || s.Sampler != nil
	p.simple = s.Sampler == nil && len(p.rules) == 0
	p.all = p.simple && p.amount == sampleAmount{threshold: 1 << 32}
	begin := time.Now()
	p.elapsed = func() time.Duration { return time.Since(begin) }
	return p, nil
}

func threshold(percentage float64) uint64 { return uint64(percentage / 100 * (1 << 32)) }

func (text SampleRule) parse() (r samplingRule, err error) {
	i := strings.LastIndexByte(string(text), '=')
	if i < 0 {
		return r, errors.New("there is no =")
	}
	parts := strings.SplitN(string(text[:i]), ":", 3)
	if len(parts) < 3 {
		return r, errors.New("there are less than three parts")
	}
	r.component, r.kind, r.operation = strings.TrimSpace(parts[0]), strings.TrimSpace(parts[1]), strings.TrimSpace(parts[2])
	if r.component == "" || r.kind == "" || r.operation == "" {
		return r, errors.New("a pattern is empty, which fits nothing")
	}
	amount := strings.TrimSpace(string(text[i+1:]))
	share, isShare := strings.CutSuffix(amount, "%")
	rate, isRate := strings.CutSuffix(amount, "/s")
	if !isShare && !isRate {
		return r, errors.New("the amount ends neither in % nor in /s")
	}
	if isRate {
		share = rate
	}
	n, err := strconv.ParseFloat(strings.TrimSpace(share), 64)
	switch {
	case err != nil || !(n >= 0):
		return r, errors.New("the amount is no number")
	case isShare && n > 100:
		return r, errors.New("the percentage is above 100")
	case isShare:
		r.amount.threshold = threshold(n)
	case n > maxPerSecond:
		return r, errors.New("the rate is above 1e9")
	case n > 0:
		r.amount = sampleAmount{threshold: 1 << 32, limit: newRateLimit(n)}
	}
	return r, nil
}

// sample decides about a trace that begins with s.
func (t *Tracer) sample(s *Span) bool {
	p := t.sampling.Load()
	return p.all || p.decide(s, rand.Uint32())
}

// decide decides by a random number.
func (p *samplingPlan) decide(s *Span, random uint32) bool {
	if p.simple {
		return p.amount.takes(random, p)
	}
	seen := p.look(s)
	if p.set.Sampler != nil {
		switch p.set.Sampler(Root{Kind: s.kind, Component: seen.component, Operation: seen.operation, Baggage: s.baggage().biz, Tags: slices.Clip(s.tags)}) {
		case SampleIn:
			return true
		case SampleOut:
			return false
		}
	}
	for i := range p.rules {
		r := &p.rules[i]
		if fits(r.kind, s.kind.String()) && seen.fits(r, s) {
			return r.amount.takes(random, p)
		}
	}
	return p.amount.takes(random, p)
}

// pattern gives the name that rules know a component by.
func (c Component) pattern() string {
	if c == Inferred {
		return "inferred"
	}
	return c.String()
}

func (a *sampleAmount) takes(random uint32, p *samplingPlan) bool {
	return uint64(random) < a.threshold && (a.limit == nil || a.limit.take(p.elapsed()))
}

// keeps says that a span of a trace that is sampled out may be logged nevertheless.
func (p *samplingPlan) keeps() bool { return p.set.KeepErrors || p.set.KeepSlowerThan > 0 }

// kept gives the reason for which an ended span of a trace that is sampled out is logged nevertheless, or "".
func (p *samplingPlan) kept(s *Span) string {
	switch {
	case p.set.KeepErrors && s.failed:
		return keptError
	case p.set.KeepSlowerThan > 0 && s.duration >= p.set.KeepSlowerThan:
		return keptSlow
	}
	return ""
}

// The extra field of spans that are kept, and its values.
const (
	keySampledOut = "sampled.out"

	keptError = "error"
	keptSlow  = "slow"
)

// maxPerSecond bounds rates; a decision takes longer than a billionth of a second.
const maxPerSecond = 1e9

// rateLimit is a token bucket without a lock, as one number: the time at which the bucket will be full again, which every
// token taken puts off (the generic cell rate algorithm, ITU-T I.371). It holds one second's tokens, and at least one.
type rateLimit struct {
	cost, depth time.Duration
	full        atomic.Int64
}

func newRateLimit(perSecond float64) *rateLimit {
	cost := math.Min(float64(time.Second)/perSecond, math.MaxInt64/4)
	return &rateLimit{cost: time.Duration(cost), depth: max(time.Second, time.Duration(cost))}
}

// take takes a token, if there is one. Now is the time since any fixed moment.
func (l *rateLimit) take(now time.Duration) bool {
	for {
		before := l.full.Load()
		after := max(before, int64(now)) + int64(l.cost)
		if after-int64(now) > int64(l.depth) {
			return false
		}
		if l.full.CompareAndSwap(before, after) {
			return true
		}
	}
}

// fits says that a text has the form of a pattern, in which "*" is any text and "?" any one byte.
func fits(pattern, text string) bool {
	star, from := -1, 0 // the last star, and what it has not taken
	p, t := 0, 0
	for t < len(text) {
		switch {
		case p < len(pattern) && pattern[p] == '*':
			star, from = p, t
			p++
		case p < len(pattern) && (pattern[p] == '?' || pattern[p] == text[t]):
			p++
			t++
		case star >= 0:
			from++
			p, t = star+1, from
		default:
			return false
		}
	}
	for p < len(pattern) && pattern[p] == '*' {
		p++
	}
	return p == len(pattern)
}
