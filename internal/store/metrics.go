package store

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Metrics are a store's own measurements, from Open on.
type Metrics struct {
	ranges, calls, bytes, failures prometheus.Counter
	dropped, crowded               prometheus.Counter
	blocks                         prometheus.Counter
	rollupChunks                   prometheus.Counter
	merges, mergeFailures          prometheus.Counter
	cacheHits, cacheMisses         prometheus.Counter
	writeSeconds                   prometheus.Histogram
	readSeconds                    *prometheus.HistogramVec
	size, kept, cacheBytes         prometheus.GaugeFunc
}

func newMetrics(s *Store) *Metrics {
	counter := func(name, help string) prometheus.Counter {
		return prometheus.NewCounter(prometheus.CounterOpts{Name: "twinspan_store_" + name, Help: help})
	}
	gauge := func(name, help string, value func(Stats) float64) prometheus.GaugeFunc {
		return prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "twinspan_store_" + name, Help: help},
			func() float64 { return value(s.Stats()) })
	}
	return &Metrics{
		ranges:       counter("ranges_total", "Ranges written."),
		calls:        counter("calls_total", "Calls written."),
		bytes:        counter("written_bytes_total", "Bytes of the rows of written ranges."),
		failures:     counter("write_failures_total", "Ranges that could not be written; each is tried again."),
		dropped:      counter("dropped_directories_total", "Directories dropped by expiry or for want of space."),
		crowded:      counter("dropped_for_space_total", "Directories dropped because the disk was full."),
		blocks:       counter("blocks_read_total", "Blocks opened by searches and traces."),
		rollupChunks: counter("rollup_chunks_read_total", "Chunks of roll-ups read, sums of them included."),
		merges:       counter("rollup_merges_total", "Sums of roll-ups that were written."),
		mergeFailures: counter("rollup_merge_failures_total",
			"Roll-ups that could not be read to add them up; topology that needs them fails, too."),
		cacheHits:   counter("cache_hits_total", "Blocks and ids that were found unpacked."),
		cacheMisses: counter("cache_misses_total", "Blocks and ids that were read and unpacked."),
		cacheBytes: prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "twinspan_store_cache_bytes",
			Help: "Memory of blocks and ids that are kept unpacked."}, func() float64 { return float64(s.cache.bytes(s)) }),
		writeSeconds: prometheus.NewHistogram(prometheus.HistogramOpts{Name: "twinspan_store_write_duration_seconds",
			Help: "Duration of writing a range.", Buckets: prometheus.ExponentialBuckets(0.001, 2, 14)}),
		readSeconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "twinspan_store_read_duration_seconds",
			Help: "Duration of reads by what is read: trace, search or rollups.", Buckets: prometheus.ExponentialBuckets(0.0001, 2, 17)},
			[]string{"read"}),
		size: gauge("size_bytes", "Bytes on disk.", func(st Stats) float64 { return float64(st.Bytes) }),
		kept: gauge("calls", "Calls on disk.", func(st Stats) float64 { return float64(st.Calls) }),
	}
}

// Register adds the collectors to r; it panics if they are there already, which is a mistake in the program: one process
// has one store.
func (m *Metrics) Register(r prometheus.Registerer) {
	r.MustRegister(m.ranges, m.calls, m.bytes, m.failures, m.dropped, m.crowded, m.blocks, m.rollupChunks, m.merges, m.mergeFailures, m.cacheHits, m.cacheMisses, m.cacheBytes, m.writeSeconds, m.readSeconds, m.size, m.kept)
}

func (m *Metrics) read(what string, from time.Time) {
	m.readSeconds.WithLabelValues(what).Observe(time.Since(from).Seconds())
}

// Metrics gives the store's measurements.
func (s *Store) Metrics() *Metrics { return s.metrics }
