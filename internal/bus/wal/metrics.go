package wal

import "github.com/prometheus/client_golang/prometheus"

// Metrics are a log's own measurements, from Open on.
type Metrics struct {
	appends      prometheus.Counter
	records      prometheus.Counter
	bytes        prometheus.Counter
	failures     *prometheus.CounterVec
	syncSeconds  prometheus.Histogram
	commitCalls  prometheus.Histogram
	syncFailures prometheus.Counter
	tornBytes    prometheus.Counter
	skipped      prometheus.Counter
	size         prometheus.Gauge
	queued       prometheus.GaugeFunc
}

func newMetrics(l *Log) *Metrics {
	return &Metrics{
		appends: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "twinspan_wal_appends_total", Help: "Acknowledged appends."}),
		records: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "twinspan_wal_records_total", Help: "Acknowledged records."}),
		bytes: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "twinspan_wal_appended_bytes_total", Help: "Bytes of acknowledged records with their frames."}),
		failures: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "twinspan_wal_append_failures_total", Help: "Refused appends by reason: full or io."},
			[]string{"reason"}),
		syncSeconds: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "twinspan_wal_fsync_duration_seconds", Help: "Duration of each fsync; its count is the number of fsyncs.",
			Buckets: prometheus.ExponentialBuckets(0.0001, 2, 16)}),
		commitCalls: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "twinspan_wal_commit_appends", Help: "Appends that shared one fsync.",
			Buckets: prometheus.ExponentialBuckets(1, 2, 10)}),
		syncFailures: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "twinspan_wal_abandoned_segments_total", Help: "Segments given up after a failed write or fsync."}),
		tornBytes: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "twinspan_wal_torn_bytes_total", Help: "Bytes of unacknowledged records cut off when the log was opened."}),
		skipped: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "twinspan_wal_skipped_records_total", Help: "Unreadable records left out because of skip_corrupt, once per reading."}),
		size: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "twinspan_wal_size_bytes", Help: "Size of all segments."}),
		queued: prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "twinspan_wal_queued_bytes", Help: "Bytes of appends that wait for their turn to be written and synced."},
			func() float64 { return float64(l.Queued()) }),
	}
}

// Register adds the collectors to r; it panics if they are there already, which is a mistake in the
// program: one process has one log.
func (m *Metrics) Register(r prometheus.Registerer) {
	r.MustRegister(m.appends, m.records, m.bytes, m.failures, m.syncSeconds, m.commitCalls, m.syncFailures,
		m.tornBytes, m.skipped, m.size, m.queued)
}
