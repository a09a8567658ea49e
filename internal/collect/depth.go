package collect

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Depths is what lies in the Collector at one moment.
type Depths struct {
	// Queued is the number of records that wait for the partition that is most behind, QueuedFor since when the oldest
	// has waited.
	Queued    int
	QueuedFor time.Duration
	// Waiting is the number of halves that wait for their other half, WaitingBytes about their memory.
	Waiting      int
	WaitingBytes int64
	// Window is how long halves wait of late: the setting, or less while memory is short.
	Window time.Duration
	// Calls is the number of calls that are not in the store, CallsBytes about their memory with that of waiting halves.
	Calls      int
	CallsBytes int64
	// Unstored is the age of the oldest record that is not in the store, UnstoredRecords the number of records in the log
	// behind it, and Failing says that the store does not take them.
	Unstored        time.Duration
	UnstoredRecords int64
	Failing         bool
}

// Depths looks at all partitions.
func (c *Collector) Depths() Depths {
	now := time.Now().UnixNano()
	d := Depths{Window: c.cfg.Window}
	least := c.log.Next()
	for _, p := range c.parts {
		least = min(least, p.done.Load())
		d.Failing = d.Failing || p.failing.Load()
		p.in.mu.Lock()
		queued, since := len(p.in.items), now
		for i := range p.in.items {
			if p.in.items[i].rec != nil {
				since = p.in.items[i].received
				break
			}
		}
		p.in.mu.Unlock()
		if queued >= d.Queued {
			d.Queued, d.QueuedFor = queued, max(d.QueuedFor, time.Duration(now-since))
		}
		p.mu.RLock()
		d.Waiting += p.pairer.Held()
		d.WaitingBytes += p.pairer.Bytes()
		d.Window = min(d.Window, p.effective(now))
		for _, r := range p.ranges() {
			d.Calls += len(r.calls)
			d.CallsBytes += r.bytes
			if r.received != 0 {
				d.Unstored = max(d.Unstored, time.Duration(now-r.received))
			}
		}
		p.mu.RUnlock()
	}
	d.UnstoredRecords = c.log.Next() - least
	return d
}

// depthMetrics are Depths as gauges, read together when they are asked for.
type depthMetrics struct {
	depths func() Depths
	gauges []depthGauge
}

type depthGauge struct {
	desc  *prometheus.Desc
	value func(*Depths) float64
}

// DepthMetrics gives what Depths says as gauges, to be registered by the caller.
func (c *Collector) DepthMetrics() prometheus.Collector {
	m := &depthMetrics{depths: c.Depths}
	add := func(name, help string, value func(*Depths) float64) {
		m.gauges = append(m.gauges, depthGauge{prometheus.NewDesc("twinspan_collect_"+name, help, nil, nil), value})
	}
	add("queued_records", "Records that are durable and wait to be paired, of the partition that is most behind.",
		func(d *Depths) float64 { return float64(d.Queued) })
	add("pair_lag_seconds", "Age of the oldest record that waits to be paired.",
		func(d *Depths) float64 { return d.QueuedFor.Seconds() })
	add("waiting_halves", "Halves that wait for their other half.", func(d *Depths) float64 { return float64(d.Waiting) })
	add("waiting_bytes", "Memory of halves that wait for their other half.",
		func(d *Depths) float64 { return float64(d.WaitingBytes) })
	add("window_seconds", "How long halves wait for their other half of late; less than collect.window where memory is short.",
		func(d *Depths) float64 { return d.Window.Seconds() })
	add("open_calls", "Calls that are not in the span store yet.", func(d *Depths) float64 { return float64(d.Calls) })
	add("open_bytes", "Memory of calls that are not in the span store yet.",
		func(d *Depths) float64 { return float64(d.CallsBytes) })
	add("store_lag_seconds", "Age of the oldest record that is not in the span store yet.",
		func(d *Depths) float64 { return d.Unstored.Seconds() })
	add("store_lag_records", "Records of the log that are not in the span store yet.",
		func(d *Depths) float64 { return float64(d.UnstoredRecords) })
	return m
}

// Describe implements prometheus.Collector.
func (m *depthMetrics) Describe(out chan<- *prometheus.Desc) {
	for _, g := range m.gauges {
		out <- g.desc
	}
}

// Collect implements prometheus.Collector.
func (m *depthMetrics) Collect(out chan<- prometheus.Metric) {
	d := m.depths()
	for _, g := range m.gauges {
		out <- prometheus.MustNewConstMetric(g.desc, prometheus.GaugeValue, g.value(&d))
	}
}
