package agentproto

import "github.com/prometheus/client_golang/prometheus"

// Metrics counts what agents send.
type Metrics struct {
	// Requests is by HTTP status.
	Requests      *prometheus.CounterVec
	Halves, Stats prometheus.Counter
	// Repeated counts chunks that were there already, Gaps chunks that began behind what was there.
	Repeated, Gaps, GapBytes prometheus.Counter
}

// newMetrics makes the counters.
func newMetrics() *Metrics {
	counter := func(name, help string) prometheus.Counter {
		return prometheus.NewCounter(prometheus.CounterOpts{Name: "twinspan_agentproto_" + name, Help: help})
	}
	return &Metrics{
		Requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "twinspan_agentproto_requests_total", Help: "Requests of agents by HTTP status.",
		}, []string{"code"}),
		Halves:   counter("halves_total", "Halves (spans) taken from agents."),
		Stats:    counter("stats_total", "Stat lines taken from agents."),
		Repeated: counter("repeated_chunks_total", "Chunks that had been taken before, after lost answers and restarts."),
		Gaps:     counter("gaps_total", "Chunks that began behind what was there of the file."),
		GapBytes: counter("gap_bytes_total", "Bytes of files between what was there and what came."),
	}
}

// Register registers all of them.
func (m *Metrics) Register(r prometheus.Registerer) {
	r.MustRegister(m.Requests, m.Halves, m.Stats, m.Repeated, m.Gaps, m.GapBytes)
}
