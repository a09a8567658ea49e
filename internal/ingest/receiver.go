package ingest

import (
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// ReceiverMetrics counts what the receivers answer. The receivers of all protocols share one.
type ReceiverMetrics struct {
	// Requests is by protocol ("otlp/http", "otlp/grpc", "zipkin", "jaeger/grpc", "jaeger/http", "skywalking/grpc",
	// "skywalking/http"; of a stream, each batch that is written) and outcome: "ok", "partial", "later", "too_large",
	// "invalid", "unsupported", "cancelled".
	Requests *prometheus.CounterVec
	// Spans counts spans that were taken, by protocol.
	Spans *prometheus.CounterVec
	// Rejected counts spans that a request was taken without, by protocol and reason.
	Rejected *prometheus.CounterVec
	// Clamped counts spans that ended before they began and were given a duration of 0, by protocol.
	Clamped *prometheus.CounterVec
	// Trimmed counts spans of which attributes, events or links were left out, by protocol.
	Trimmed *prometheus.CounterVec
	// Ignored counts what is answered but holds no spans and is not kept, by protocol and service or path.
	Ignored *prometheus.CounterVec
}

// NewReceiverMetrics makes the counters, which the caller registers.
func NewReceiverMetrics() *ReceiverMetrics {
	counter := func(name, help string, labels ...string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, labels)
	}
	return &ReceiverMetrics{
		Requests: counter("twinspan_receiver_requests_total", "Requests with spans, by how they were answered.",
			"protocol", "outcome"),
		Spans: counter("twinspan_receiver_spans_total", "Spans that were taken.", "protocol"),
		Rejected: counter("twinspan_receiver_rejected_spans_total", "Spans that cannot be used, by reason.",
			"protocol", "reason"),
		Clamped: counter("twinspan_receiver_clamped_spans_total", "Spans that ended before they began.", "protocol"),
		Trimmed: counter("twinspan_receiver_trimmed_spans_total", "Spans of which attributes, events or links beyond the limit were left out.",
			"protocol"),
		Ignored: counter("twinspan_receiver_ignored_messages_total", "Messages without spans, such as metrics of SkyWalking's agents, that are answered and not kept.",
			"protocol", "service"),
	}
}

// Register registers all of them.
func (m *ReceiverMetrics) Register(r prometheus.Registerer) {
	r.MustRegister(m.Requests, m.Spans, m.Rejected, m.Clamped, m.Trimmed, m.Ignored)
}

// Taken counts what a request that was taken brought.
func (m *ReceiverMetrics) Taken(protocol string, spans, clamped, trimmed int) {
	m.Spans.WithLabelValues(protocol).Add(float64(spans))
	if clamped > 0 {
		m.Clamped.WithLabelValues(protocol).Add(float64(clamped))
	}
	if trimmed > 0 {
		m.Trimmed.WithLabelValues(protocol).Add(float64(trimmed))
	}
}

// Pace lets something happen at most once in a while, such as a sample of what is refused in the log. The zero value is
// ready. It is safe for concurrent use.
type Pace struct {
	next atomic.Int64
}

// Allow says whether it is time again.
func (p *Pace) Allow(now time.Time, every time.Duration) bool {
	next := p.next.Load()
	return now.UnixNano() >= next && p.next.CompareAndSwap(next, now.Add(every).UnixNano())
}
