package ingest

import "github.com/prometheus/client_golang/prometheus"

// Metrics counts what comes in.
type Metrics struct {
	Halves, Stats, Resent prometheus.Counter
	// Refused is by reason: busy, rate, full, too_large, log, cancelled.
	Refused *prometheus.CounterVec
	// Dropped counts attributes that spans were taken without, by reason: count, size.
	Dropped *prometheus.CounterVec
	// Seconds is the time of Write, from a decoded request to a durable one.
	Seconds prometheus.Histogram
}

// NewMetrics makes the counters, which the caller registers.
func NewMetrics() *Metrics {
	counter := func(name, help string) prometheus.Counter {
		return prometheus.NewCounter(prometheus.CounterOpts{Name: name, Help: help})
	}
	return &Metrics{
		Halves: counter("twinspan_ingest_halves_total", "Halves (spans) that are durable in the log."),
		Stats:  counter("twinspan_ingest_stats_total", "Stat lines that are durable in the log."),
		Resent: counter("twinspan_ingest_resent_halves_total", "Halves of requests that had been taken before."),
		Refused: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "twinspan_ingest_refused_halves_total", Help: "Halves of requests that were not taken, by reason.",
		}, []string{"reason"}),
		Dropped: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "twinspan_ingest_dropped_attributes_total", Help: "Attributes that spans were taken without, by reason: count, size.",
		}, []string{"reason"}),
		Seconds: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "twinspan_ingest_write_seconds", Help: "Time for which a decoded request waits until it is durable.",
			Buckets: prometheus.ExponentialBuckets(0.0005, 2, 15),
		}),
	}
}

// Register registers all of them.
func (m *Metrics) Register(r prometheus.Registerer) {
	r.MustRegister(m.Halves, m.Stats, m.Resent, m.Refused, m.Dropped, m.Seconds)
}
