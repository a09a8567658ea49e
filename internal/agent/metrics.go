package agent

import "github.com/prometheus/client_golang/prometheus"

// Metrics counts what the agent does. What was read is counted when the collector has acknowledged it.
type Metrics struct {
	Lines, Halves, Stats prometheus.Counter
	// Rejected is by reason: those of digestlog, and refused for what the collector did not want.
	Rejected *prometheus.CounterVec
	Bytes    prometheus.Counter
	// Lag is the number of bytes in followed files that are not acknowledged.
	Lag   prometheus.Gauge
	Files prometheus.Gauge
	// Lost is the number of bytes that were seen and went away before they could be read.
	Lost    prometheus.Counter
	Pushes  prometheus.Counter
	Resends prometheus.Counter
	// Errors is by reason: network, busy, too_large, refused, status, answer.
	Errors *prometheus.CounterVec
	// FileErrors counts failures to list, open or read.
	FileErrors prometheus.Counter
}

// newMetrics makes the metrics, which the caller registers.
func newMetrics() *Metrics {
	counter := func(name, help string) prometheus.Counter {
		return prometheus.NewCounter(prometheus.CounterOpts{Name: "twinspan_agent_" + name, Help: help})
	}
	gauge := func(name, help string) prometheus.Gauge {
		return prometheus.NewGauge(prometheus.GaugeOpts{Name: "twinspan_agent_" + name, Help: help})
	}
	vec := func(name, help string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(
			prometheus.CounterOpts{Name: "twinspan_agent_" + name, Help: help}, []string{"reason"})
	}
	return &Metrics{
		Lines:    counter("lines_total", "Lines of logs that were taken, rejected ones included."),
		Halves:   counter("halves_total", "Halves (spans) that the collector acknowledged."),
		Stats:    counter("stats_total", "Stat lines that the collector acknowledged."),
		Rejected: vec("rejected_records_total", "Records that could not be read or were refused, by reason."),
		Bytes:    counter("bytes_total", "Bytes of logs that the collector acknowledged."),
		Lag:      gauge("lag_bytes", "Bytes in followed files that the collector has not acknowledged."),
		Files:    gauge("files", "Files that are followed."),
		Lost:     counter("lost_bytes_total", "Bytes that were deleted or truncated before they could be read."),
		Pushes:   counter("pushes_total", "Requests that the collector acknowledged."),
		Resends:  counter("resends_total", "Requests that were sent again."),
		Errors:   vec("forward_errors_total", "Requests that were not acknowledged, by reason."),
		FileErrors: counter("file_errors_total",
			"Failures to list a directory, to open or read a file, or to keep the state file."),
	}
}

// Register registers all of them.
func (m *Metrics) Register(r prometheus.Registerer) {
	r.MustRegister(m.Lines, m.Halves, m.Stats, m.Rejected, m.Bytes, m.Lag, m.Files, m.Lost, m.Pushes, m.Resends,
		m.Errors, m.FileErrors)
}
