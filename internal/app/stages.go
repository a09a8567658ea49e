package app

import (
	"context"
	"math"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/twinspan/twinspan/internal/api"
	"github.com/twinspan/twinspan/internal/store"
)

// stage says which metrics tell of a stage. The first of through is the one whose rate is shown.
type stage struct {
	name                   string
	through, lost          []shown
	lag, depth, depthBytes string
}

var stages = []stage{
	{
		name: "receive",
		through: []shown{
			{"halves", "twinspan_ingest_halves_total", ""}, {"stats", "twinspan_ingest_stats_total", ""},
			{"resent", "twinspan_ingest_resent_halves_total", ""}, {"requests", "twinspan_receiver_requests_total", "outcome"},
		},
		lost: []shown{
			{"refused", "twinspan_ingest_refused_halves_total", "reason"},
			{"attributes", "twinspan_ingest_dropped_attributes_total", "reason"},
			{"rejected", "twinspan_receiver_rejected_spans_total", "reason"},
		},
		depthBytes: "twinspan_ingest_memory_bytes",
	},
	{
		name: "log",
		through: []shown{
			{"records", "twinspan_wal_records_total", ""}, {"bytes", "twinspan_wal_appended_bytes_total", ""},
			{"syncs", "twinspan_wal_fsync_duration_seconds", ""},
		},
		lost: []shown{
			{"failures", "twinspan_wal_append_failures_total", "reason"}, {"skipped", "twinspan_wal_skipped_records_total", ""},
		},
		depthBytes: "twinspan_wal_queued_bytes",
	},
	{
		name: "pair",
		through: []shown{
			{"calls", "twinspan_collect_calls_total", "form"}, {"late", "twinspan_collect_late_halves_total", ""},
			{"early", "twinspan_collect_early_halves_total", ""},
			{"duplicates", "twinspan_collect_duplicate_halves_total", "reason"},
		},
		lag: "twinspan_collect_pair_lag_seconds", depth: "twinspan_collect_waiting_halves",
		depthBytes: "twinspan_collect_waiting_bytes",
	},
	{
		name: "store",
		through: []shown{
			{"calls", "twinspan_collect_stored_calls_total", ""}, {"ranges", "twinspan_store_ranges_total", ""},
			{"bytes", "twinspan_store_written_bytes_total", ""},
			{"expired", "twinspan_store_dropped_directories_total", ""},
		},
		lost: []shown{
			{"failures", "twinspan_collect_range_write_errors_total", ""},
			{"crowded", "twinspan_store_dropped_for_space_total", ""},
		},
		lag: "twinspan_collect_store_lag_seconds", depth: "twinspan_collect_open_calls",
		depthBytes: "twinspan_collect_open_bytes",
	},
}

// rates remembers how fast the stages' first counters grow.
type rates struct {
	mu        sync.Mutex
	at        time.Time
	before    map[string]float64
	perSecond map[string]float64
}

// rateEvery is the time over which rates are taken.
const rateEvery = 5 * time.Second

func (s *rates) sample(now time.Time, values map[string]float64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if passed := now.Sub(s.at).Seconds(); s.before != nil && passed > 0 {
		s.perSecond = make(map[string]float64, len(values))
		for name, v := range values {
			s.perSecond[name] = max(0, (v-s.before[name])/passed)
		}
	}
	s.at, s.before = now, values
}

func (s *rates) of(name string) float64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.perSecond[name]
}

// watchRates samples what all pipelines do until ctx is done.
func (p *process) watchRates(ctx context.Context) error {
	tick := time.NewTicker(rateEvery)
	defer tick.Stop()
	for {
		if of, err := read(p.registry); err == nil {
			for name, t := range p.pipelines {
				t.sample(of(name))
			}
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil
		}
	}
}

func (t *pipeline) sample(r readings) {
	values := make(map[string]float64, len(stages))
	for _, s := range stages {
		values[s.name] = r.sum(s.through[0].metric)
	}
	values["disk"] = r.sum("twinspan_store_written_bytes_total")
	t.rates.sample(time.Now(), values)
}

// health tells of the stages of this pipeline; the caller adds what it knows of the process.
func (t *pipeline) health(g prometheus.Gatherer) api.Pipeline {
	of, err := read(g)
	r := of(t.tenant)
	if err != nil {
		t.log.Warn("not all of the process's own metrics can be read", "error", err)
	}
	p := api.Pipeline{
		WindowSeconds:           r.sum("twinspan_collect_window_seconds"),
		ConfiguredWindowSeconds: t.cfg.Collect.Window.Seconds(),
		SyncSeconds:             r.mean("twinspan_wal_fsync_duration_seconds"),
		Process: api.Process{
			ResidentBytes: int64(r.sum("process_resident_memory_bytes")), HeapBytes: int64(r.sum("go_memstats_heap_inuse_bytes")),
			CPUSeconds: r.sum("process_cpu_seconds_total"), Goroutines: int64(r.sum("go_goroutines")),
		},
	}
	limits := map[string]int64{
		"receive": t.cfg.Ingest.MaxReadingBytes + t.cfg.Ingest.MaxInFlightBytes, "log": 0,
		"pair": t.cfg.Collect.MaxWaitingBytes, "store": 2 * t.cfg.Collect.RangeBytes,
	}
	for _, s := range stages {
		p.Stages = append(p.Stages, api.Stage{
			Name: s.name, PerSecond: t.rates.of(s.name), LagSeconds: r.sum(s.lag), Depth: int64(r.sum(s.depth)),
			DepthBytes: int64(r.sum(s.depthBytes)), LimitBytes: limits[s.name], Counters: r.counts(s.through), Lost: r.counts(s.lost),
		})
	}
	p.Disk = t.disk(int64(r.sum("twinspan_wal_size_bytes")))
	return p
}

const secondsPerDay = 24 * 60 * 60

func (t *pipeline) disk(logBytes int64) api.Disk {
	stats := t.store.Stats()
	d := api.Disk{
		Bytes: stats.Bytes, LogBytes: logBytes, MaxBytes: t.cfg.Store.MaxBytes, RetentionDays: t.cfg.Store.RetentionDays,
		BytesPerDay: int64(t.rates.of("disk") * secondsPerDay), Days: daysOf(&stats),
	}
	d.ForecastDays = float64(d.RetentionDays)
	if d.MaxBytes > 0 && d.BytesPerDay > 0 {
		d.ForecastDays = math.Min(d.ForecastDays, float64(d.MaxBytes)/float64(d.BytesPerDay))
	}
	return d
}

func daysOf(stats *store.Stats) (days []api.StatusDay) {
	for _, d := range stats.Days {
		days = append(days, api.StatusDay{Day: d.Day.String(), Calls: d.Calls, Bytes: d.Bytes})
	}
	return days
}
