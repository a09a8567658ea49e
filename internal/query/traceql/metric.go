package traceql

import (
	"cmp"
	"math"
	"slices"
	"strings"

	"github.com/twinspan/twinspan/internal/span"
)

// Series is one line of numbers over time.
type Series struct {
	Labels []Label
	// Points has one number for each step, NaN where there is none. Durations are in seconds.
	Points []float64
}

// MaxSeries bounds the series that are kept while spans are counted.
const MaxSeries = 1000

// maxCells bounds the points of all series together.
const maxCells = 1 << 21

// Collector makes the series of a query. It is not safe for concurrent use.
type Collector struct {
	metrics  *Metrics
	rank     *Rank
	from     int64
	step     int64
	steps    int
	series   map[string]*cells
	overflow bool
	alone    Span // of AddHalf
	// plain says that the series are told apart by what plainKey has; known then has those of halves that were counted
	// before, recent is the last one's.
	plain  plainAttributes
	known  map[plainKey]*cells
	recent *cells
}

// plainAttributes says which attributes tell series apart, if these are all.
type plainAttributes struct{ all, app, name, component, kind, status bool }

// plainKey has what a half says of them, and nothing of others.
type plainKey struct {
	app, name, component string
	kind                 span.Kind
	status               span.Status
}

func plainOf(by []Attribute) plainAttributes {
	p := plainAttributes{all: true}
	for _, a := range by {
		switch {
		case a == (Attribute{Scope: ScopeResource, Name: serviceName}):
			p.app = true
		case a == (Attribute{Intrinsic: Name}):
			p.name = true
		case a == (Attribute{Intrinsic: InstrumentationName}):
			p.component = true
		case a == (Attribute{Intrinsic: KindOf}):
			p.kind = true
		case a == (Attribute{Intrinsic: StatusOf}):
			p.status = true
		default:
			p.all = false
		}
	}
	return p
}

// keyOf gives the key of a half; it has the half's own texts.
func (p *plainAttributes) keyOf(h *span.Half) (k plainKey) {
	if p.app {
		k.app = h.App
	}
	if p.name {
		k.name = h.Operation
	}
	if p.component {
		k.component = h.Component
	}
	if p.kind {
		k.kind = h.Kind
	}
	if p.status {
		k.status = h.Status
	}
	return k
}

// cells are the sums of one series, by step.
type cells struct {
	labels []Label
	cells  []cell
	// plain is the key by which the Collector knows them, if it does.
	plain plainKey
}

type cell struct {
	count, sum, least, greatest float64
	// buckets count values by size: see bucketOf.
	buckets map[int]float64
}

// NewCollector makes a collector for steps of a length in nanoseconds, from a time on.
func (q *Query) NewCollector(from, step int64, steps int) *Collector {
	return &Collector{metrics: q.Metrics, rank: q.Rank, from: from, step: step, steps: steps, series: make(map[string]*cells),
		plain: plainOf(q.Metrics.By), known: make(map[plainKey]*cells)}
}

// Forget takes away the steps that end by a time.
func (c *Collector) Forget(before int64) {
	n := int(min(max(span.FloorDiv(before-c.from, c.step), 0), int64(c.steps)))
	for _, s := range c.series {
		clear(s.cells[:n])
	}
}

// Overflow says that there were more series than are kept (MaxSeries, fewer where they have many points), of which the later ones are missing.
func (c *Collector) Overflow() bool { return c.overflow }

// AddHalf counts a half alone, for a query that is Simple. It keeps nothing of the half.
func (c *Collector) AddHalf(h *span.Half) {
	c.alone.Half = h
	c.add(&env{span: &c.alone})
}

// AddTrace counts the spans of sets that Eval found in a trace.
func (c *Collector) AddTrace(t *Trace, sets []Spanset) {
	for i := range sets {
		for _, n := range sets[i].Spans {
			c.add(&env{trace: t, span: &t.Spans[n]})
		}
	}
}

func (c *Collector) add(e *env) {
	at := span.FloorDiv(e.span.Half.Start-c.from, c.step)
	if at < 0 || at >= int64(c.steps) {
		return
	}
	value := 0.0
	if a := c.metrics.Attribute; a != nil {
		v := e.attribute(*a)
		if value = v.Float(); math.IsNaN(value) {
			return
		}
		if v.Type == TypeDuration {
			value /= 1e9
		}
	}
	s := c.of(e)
	if s == nil {
		return
	}
	k := &s.cells[at]
	if k.count == 0 {
		k.least, k.greatest = value, value
	}
	k.count++
	k.sum += value
	k.least, k.greatest = min(k.least, value), max(k.greatest, value)
	if f := c.metrics.Func; f == QuantileOverTime || f == HistogramOverTime {
		if k.buckets == nil {
			k.buckets = make(map[int]float64)
		}
		k.buckets[bucketOf(value, c.fine())]++
	}
}

// of gives the series that a span counts in; nil if there are too many.
func (c *Collector) of(e *env) *cells {
	if !c.plain.all {
		return c.find(e)
	}
	key := c.plain.keyOf(e.span.Half)
	if c.recent != nil && c.recent.plain == key {
		return c.recent
	}
	s := c.known[key]
	if s == nil {
		if s = c.find(e); s == nil {
			return nil
		}
		// The half's texts may go.
		s.plain = plainKey{strings.Clone(key.app), strings.Clone(key.name), strings.Clone(key.component), key.kind, key.status}
		c.known[s.plain] = s
	}
	c.recent = s
	return s
}

// find gives the series by the values of all attributes.
func (c *Collector) find(e *env) *cells {
	key := ""
	var values [8]Value
	list := values[:0]
	for _, a := range c.metrics.By {
		v := e.attribute(a)
		list = append(list, v)
		key += v.String() + "\x00"
	}
	s := c.series[key]
	if s == nil {
		if len(c.series) >= min(MaxSeries, 1+maxCells/c.steps) {
			c.overflow = true
			return nil
		}
		s = &cells{cells: make([]cell, c.steps)}
		for i, a := range c.metrics.By {
			s.labels = append(s.labels, Label{a.String(), list[i].Clone()})
		}
		c.series[strings.Clone(key)] = s
	}
	return s
}

// fine is how many buckets there are to each doubling: for quantiles as many as keep them within 3%, for histograms 1, as
// Tempo's.
func (c *Collector) fine() float64 {
	if c.metrics.Func == HistogramOverTime {
		return 1
	}
	return 16
}

// zeroBucket has values of 0 and less.
const zeroBucket = math.MinInt32

// bucketOf numbers buckets so that bucket n ends with, and includes, 2^(n/fine).
func bucketOf(v, fine float64) int {
	if v <= 0 {
		return zeroBucket
	}
	return int(math.Ceil(math.Log2(v)*fine - 1e-9))
}

func boundOf(bucket int, fine float64) float64 {
	if bucket == zeroBucket {
		return 0
	}
	return math.Exp2(float64(bucket) / fine)
}

// Result gives the series, ordered by their labels.
func (c *Collector) Result() []Series {
	var out []Series
	for _, s := range c.series {
		switch c.metrics.Func {
		case QuantileOverTime:
			for _, q := range c.metrics.Quantiles {
				out = append(out, s.line(Label{"p", Float(q)}, func(k *cell) float64 { return k.quantile(q, c.fine()) }))
			}
		case HistogramOverTime:
			out = append(out, s.histogram(c.fine())...)
		default:
			line := s.line(Label{}, func(k *cell) float64 { return k.value(c.metrics.Func, float64(c.step)/1e9) })
			line.Labels = line.Labels[:len(s.labels)]
			out = append(out, line)
		}
	}
	slices.SortFunc(out, func(a, b Series) int {
		return slices.CompareFunc(a.Labels, b.Labels, func(x, y Label) int {
			n, ok := compare(x.Value, y.Value)
			if !ok {
				n = cmp.Compare(x.Value.Type, y.Value.Type)
			}
			return cmp.Or(cmp.Compare(x.Name, y.Name), n)
		})
	})
	if c.rank != nil {
		out = c.rank.keep(out)
	}
	return out
}

func (s *cells) line(extra Label, value func(*cell) float64) Series {
	line := Series{Labels: append(s.labels[:len(s.labels):len(s.labels)], extra), Points: make([]float64, len(s.cells))}
	for i := range s.cells {
		line.Points[i] = value(&s.cells[i])
	}
	return line
}

// histogram makes one line of each bucket that has a value at any time.
func (s *cells) histogram(fine float64) (out []Series) {
	var used []int
	for i := range s.cells {
		for b := range s.cells[i].buckets {
			if !slices.Contains(used, b) {
				used = append(used, b)
			}
		}
	}
	slices.Sort(used)
	for _, b := range used {
		out = append(out, s.line(Label{"__bucket", Float(boundOf(b, fine))}, func(k *cell) float64 { return k.buckets[b] }))
	}
	return out
}

func (k *cell) value(f MetricsFunc, seconds float64) float64 {
	switch {
	case f == Rate:
		return k.count / seconds
	case f == CountOverTime:
		return k.count
	case k.count == 0:
		return math.NaN()
	case f == MinOverTime:
		return k.least
	case f == MaxOverTime:
		return k.greatest
	case f == AvgOverTime:
		return k.sum / k.count
	}
	return k.sum
}

// quantile is the value that a part q of all is not greater than, within the width of a bucket.
func (k *cell) quantile(q, fine float64) float64 {
	if k.count == 0 {
		return math.NaN()
	}
	buckets := make([]int, 0, len(k.buckets))
	for b := range k.buckets {
		buckets = append(buckets, b)
	}
	slices.Sort(buckets)
	rank, passed := q*k.count, 0.0
	for _, b := range buckets {
		n := k.buckets[b]
		if passed+n >= rank {
			low, high := 0.0, boundOf(b, fine)
			if b != zeroBucket {
				low = boundOf(b-1, fine)
			}
			return min(max(low+(high-low)*(rank-passed)/n, k.least), k.greatest)
		}
		passed += n
	}
	return k.greatest
}

// keep takes, of each step, the points of all series but the N greatest or least away, and the series without points.
func (r *Rank) keep(all []Series) (out []Series) {
	if len(all) == 0 {
		return nil
	}
	keep := make([][]bool, len(all))
	for i := range keep {
		keep[i] = make([]bool, len(all[i].Points))
	}
	for step := range all[0].Points {
		var order []int
		for i := range all {
			if !math.IsNaN(all[i].Points[step]) {
				order = append(order, i)
			}
		}
		slices.SortStableFunc(order, func(a, b int) int {
			n := cmp.Compare(all[b].Points[step], all[a].Points[step])
			if r.Least {
				n = -n
			}
			return n
		})
		for _, i := range order[:min(r.N, len(order))] {
			keep[i][step] = true
		}
	}
	for i := range all {
		any := false
		for step := range all[i].Points {
			if !keep[i][step] {
				all[i].Points[step] = math.NaN()
			}
			any = any || keep[i][step]
		}
		if any {
			out = append(out, all[i])
		}
	}
	return out
}
