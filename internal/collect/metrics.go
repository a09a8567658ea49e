package collect

import "github.com/prometheus/client_golang/prometheus"

// Metrics counts what becomes of halves.
type Metrics struct {
	// Calls is by form: joined, one_sided, single (can have no other half).
	Calls *prometheus.CounterVec
	// Duplicates is by reason: resent, route.
	Duplicates                       *prometheus.CounterVec
	Late, Early, Stored, WriteErrors prometheus.Counter
	// Overflow is by what a roll-up row lacks: operation, edge (caller and callee, too), correction.
	Overflow *prometheus.CounterVec
	// Cuts counts ranges by what cut them: bytes, age, day or request.
	Cuts *prometheus.CounterVec
	// Searchable is the time from receipt until a record can be found, Durable that until all of a range is in the store,
	// CutWait how long a partition took nothing because the range before was still being written.
	RangeSeconds, Searchable, Durable, CutWait prometheus.Histogram
}

// NewMetrics makes the counters, which the caller registers.
func NewMetrics() *Metrics {
	counter := func(name, help string) prometheus.Counter {
		return prometheus.NewCounter(prometheus.CounterOpts{Name: name, Help: help})
	}
	m := &Metrics{
		Calls: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "twinspan_collect_calls_total", Help: "Calls made of halves, by form: joined, one_sided, single."}, []string{"form"}),
		Duplicates: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "twinspan_collect_duplicate_halves_total", Help: "Halves that had come before, resent or on another route."}, []string{"reason"}),
		Late:        counter("twinspan_collect_late_halves_total", "Halves that came after their call had been counted one-sided."),
		Early:       counter("twinspan_collect_early_halves_total", "Halves let go before their window was over because too many waited."),
		Stored:      counter("twinspan_collect_stored_calls_total", "Calls in ranges that are done in the span store."),
		WriteErrors: counter("twinspan_collect_range_write_errors_total", "Attempts to write a range that failed and are tried again."),
		Overflow: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "twinspan_collect_rollup_overflow_total",
			Help: "Calls and stat lines counted together because a range had too many rows, by what they lost: operation, edge, correction."}, []string{"lost"}),
		RangeSeconds: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "twinspan_collect_range_write_seconds", Help: "Time to write one range to the span store.",
			Buckets: prometheus.ExponentialBuckets(0.01, 2, 12)}),
		Cuts: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "twinspan_collect_ranges_cut_total", Help: "Ranges that were cut, by cause: bytes, age, day, request."}, []string{"cause"}),
		Searchable: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "twinspan_collect_searchable_seconds", Help: "Time from the receipt of a request until it can be found.",
			Buckets: prometheus.ExponentialBuckets(0.001, 2, 16)}),
		Durable: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "twinspan_collect_stored_seconds", Help: "Time from the receipt of a range's first request until it is in the span store.",
			Buckets: prometheus.ExponentialBuckets(0.1, 2, 14)}),
		CutWait: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "twinspan_collect_cut_wait_seconds", Help: "Time for which a partition took nothing because the range before was being written.",
			Buckets: prometheus.ExponentialBuckets(0.001, 4, 9)}),
	}
	for _, lost := range []string{"operation", "edge", "correction"} {
		m.Overflow.WithLabelValues(lost) // so that the first of them is a rise from 0
	}
	return m
}

// Register registers all of them.
func (m *Metrics) Register(r prometheus.Registerer) {
	r.MustRegister(m.Calls, m.Duplicates, m.Overflow, m.Late, m.Early, m.Stored, m.WriteErrors, m.RangeSeconds,
		m.Cuts, m.Searchable, m.Durable, m.CutWait)
}
