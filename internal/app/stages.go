package app

import (
	"context"
	"math"
	"slices"
	"sync"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
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
			{"received", "twinspan_receiver_spans_total", "protocol"}, {"agents", "twinspan_agentproto_halves_total", ""},
		},
		lost: []shown{
			{"refused", "twinspan_ingest_refused_halves_total", "reason"},
			{"attributes", "twinspan_ingest_dropped_attributes_total", "reason"},
			{"rejected", "twinspan_receiver_rejected_spans_total", "reason"}, {"gaps", "twinspan_agentproto_gap_bytes_total", ""},
		},
		depthBytes: "twinspan_ingest_memory_bytes",
	},
	{
		name: "log",
		through: []shown{
			{"records", "twinspan_wal_records_total", ""}, {"bytes", "twinspan_wal_appended_bytes_total", ""},
			{"syncs", syncMetric, ""},
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
			{"expired", "twinspan_store_dropped_directories_total", ""}, {"cut", "twinspan_collect_ranges_cut_total", "cause"},
			{"merges", "twinspan_store_rollup_merges_total", ""},
		},
		lost: []shown{
			{"failures", "twinspan_collect_range_write_errors_total", ""},
			{"crowded", "twinspan_store_dropped_for_space_total", ""}, {"overflow", "twinspan_collect_rollup_overflow_total", "lost"},
			{"merges", "twinspan_store_rollup_merge_failures_total", ""},
		},
		lag: "twinspan_collect_store_lag_seconds", depth: "twinspan_collect_open_calls",
		depthBytes: "twinspan_collect_open_bytes",
	},
}

const syncMetric = "twinspan_wal_fsync_duration_seconds"

// rates remembers what the stages had done at some moments of late.
type rates struct {
	mu      sync.Mutex
	samples []sample // the oldest first
}

type sample struct {
	at     time.Time
	values map[string]float64
	syncs  buckets
}

const (
	// rateEvery is the time over which the rates of stages are taken.
	rateEvery = 5 * time.Second
	// syncSpan is the same for durations of syncs.
	syncSpan = time.Minute
	// burstSpan is the same for what happens in bursts, as ranges go to the store. It is also how long samples are kept.
	burstSpan = 10 * time.Minute
	// leastBurst is the shortest time that tells of bursts.
	leastBurst = 2 * time.Minute
)

func (s *rates) add(now sample) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.samples = append(s.samples, now)
	if beyond := len(s.samples) - int(burstSpan/rateEvery) - 1; beyond > 0 {
		s.samples = slices.Delete(s.samples, 0, beyond)
	}
}

// over gives the newest sample and the oldest one that is at most span before it.
func (s *rates) over(span time.Duration) (from, to sample) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.samples) == 0 {
		return sample{}, sample{}
	}
	to = s.samples[len(s.samples)-1]
	// A ticker is late now and then: half a tick more is the same span.
	for _, from = range s.samples {
		if to.at.Sub(from.at) <= span+rateEvery/2 {
			break
		}
	}
	return from, to
}

// perSecond is how fast a value grew over span, 0 where less than least is known.
func (s *rates) perSecond(name string, span, least time.Duration) float64 {
	from, to := s.over(span)
	passed := to.at.Sub(from.at)
	if passed <= 0 || passed < least {
		return 0
	}
	return max(0, (to.values[name]-from.values[name])/passed.Seconds())
}

// syncs are the syncs of late, or all of them while there is no other sample to compare with.
func (s *rates) syncs(now buckets) buckets {
	from, _ := s.over(syncSpan)
	return now.since(from.syncs)
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
	t.rates.add(sample{time.Now(), values, r.buckets(syncMetric)})
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
		SyncSeconds:             r.mean(syncMetric),
		Process: api.Process{
			ResidentBytes: int64(r.sum("process_resident_memory_bytes")), HeapBytes: int64(r.sum("go_memstats_heap_inuse_bytes")),
			CPUSeconds: r.sum("process_cpu_seconds_total"), Goroutines: int64(r.sum("go_goroutines")), LimitBytes: memoryLimit(),
		},
	}
	syncs := t.rates.syncs(r.buckets(syncMetric))
	p.SyncP50Seconds, p.SyncP99Seconds = syncs.quantile(0.5), syncs.quantile(0.99)
	limits := map[string]int64{
		"receive": t.cfg.Ingest.MaxReadingBytes + t.cfg.Ingest.MaxInFlightBytes, "log": 0,
		"pair": t.cfg.Collect.MaxWaitingBytes, "store": 2 * t.cfg.Collect.RangeBytes,
	}
	for _, s := range stages {
		span := rateEvery
		if s.name == "store" {
			span = burstSpan
		}
		p.Stages = append(p.Stages, api.Stage{
			Name: s.name, PerSecond: t.rates.perSecond(s.name, span, 0), LagSeconds: r.sum(s.lag), Depth: int64(r.sum(s.depth)),
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
		BytesPerDay: int64(t.rates.perSecond("disk", burstSpan, leastBurst) * secondsPerDay), Days: daysOf(&stats),
	}
	if use, err := vfs.Default.GetDiskUsage(t.dir); err != nil {
		t.log.Warn("cannot see how full the disk is", "directory", t.dir, "error", err)
	} else {
		d.FreeBytes = max(0, int64(min(use.AvailBytes, math.MaxInt64))-t.cfg.Store.ReserveBytes)
	}
	d.ForecastDays = float64(d.RetentionDays)
	if room := roomOf(&d); room > 0 && d.BytesPerDay > 0 {
		d.ForecastDays = math.Min(d.ForecastDays, float64(room)/float64(d.BytesPerDay))
	}
	return d
}

// roomOf is what the store may grow to, by its limit and by the disk; 0 where neither is known.
func roomOf(d *api.Disk) int64 {
	room := d.MaxBytes
	if d.FreeBytes > 0 && (room == 0 || d.Bytes+d.FreeBytes < room) {
		room = d.Bytes + d.FreeBytes
	}
	return room
}

func daysOf(stats *store.Stats) (days []api.StatusDay) {
	for _, d := range stats.Days {
		days = append(days, api.StatusDay{Day: d.Day.String(), Calls: d.Calls, Bytes: d.Bytes})
	}
	return days
}
