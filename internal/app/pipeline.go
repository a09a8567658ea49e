package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/twinspan/twinspan/internal/api"
	"github.com/twinspan/twinspan/internal/api/jaeger"
	"github.com/twinspan/twinspan/internal/api/tempo"
	zipkinapi "github.com/twinspan/twinspan/internal/api/zipkin"
	"github.com/twinspan/twinspan/internal/bus/wal"
	"github.com/twinspan/twinspan/internal/collect"
	"github.com/twinspan/twinspan/internal/config"
	"github.com/twinspan/twinspan/internal/ingest"
	"github.com/twinspan/twinspan/internal/query"
	"github.com/twinspan/twinspan/internal/store"
	"github.com/twinspan/twinspan/internal/store/pebble"
	"github.com/twinspan/twinspan/internal/tenant"
)

// pipeline is all that one tenant has of a collector: log, pairing, store, and the questions to them. Pipelines share
// memory and listeners, but no data.
type pipeline struct {
	tenant   string
	dir      string
	cfg      config.Config
	log      *slog.Logger
	registry prometheus.Registerer

	blocks    *store.Cache
	store     *store.Store
	wal       *wal.Log
	collect   *collect.Collector
	recovered *collect.Recovered
	writer    *ingest.Writer
	query     *query.Service
	rates     rates
	closers   []func()
}

// tenantDir is where a tenant's data is: that of the default tenant is the data directory itself.
func tenantDir(data, name string) string {
	if name == tenant.Default {
		return data
	}
	return filepath.Join(data, tenantsDir, name)
}

// tenantsDir has, in the data directory, a directory for each tenant but the default one.
const tenantsDir = "tenants"

// open brings up store, log and pairing, in this order, and recovers what was acknowledged before. What was opened is
// closed by close, also after an error.
func (t *pipeline) open(ctx context.Context) error {
	if err := os.MkdirAll(t.dir, 0o755); err != nil {
		return fmt.Errorf("make the data directory: %w", err)
	}
	if err := t.openStore(ctx); err != nil {
		return inUse(t.dir, err)
	}
	walConfig := t.cfg.WAL
	walConfig.Dir = filepath.Join(t.dir, "wal")
	walConfig.MakeRoom = func() bool { return t.makeRoom(true) }
	log, err := wal.Open(walConfig, t.log.With("part", "wal"))
	if err != nil {
		return inUse(t.dir, err)
	}
	t.wal = log
	t.closers = append(t.closers, func() { t.closed("log", log.Close()) })
	log.Metrics().Register(t.registry)

	n, err := partitions(t.dir, t.cfg.Partitions)
	if err != nil {
		return err
	}
	m := collect.NewMetrics()
	m.Register(t.registry)
	t.collect = collect.New(t.cfg.Collect, log, t.store, n, t.log.With("part", "collect"), m)
	if t.recovered, err = t.collect.Start(ctx); err != nil {
		return fmt.Errorf("recover what was acknowledged before: %w", err)
	}
	t.closers = append(t.closers, t.stopCollector)
	t.registry.MustRegister(t.collect.DepthMetrics())
	t.openWriter()
	t.query = query.New([]store.Reader{t.collect, t.collect.Stored()}, t.cfg.Query.Config, t.log.With("part", "query"))
	return nil
}

// close ends it, in reverse order.
func (t *pipeline) close() {
	for i := len(t.closers) - 1; i >= 0; i-- {
		t.closers[i]()
	}
}

func (t *pipeline) openStore(ctx context.Context) error {
	cfg := t.cfg.Store
	cfg.Dir = filepath.Join(t.dir, "store")
	kv, err := pebble.Open(cfg, t.log.With("part", "store"))
	if err != nil {
		return err
	}
	if t.store, err = store.OpenWith(ctx, kv, t.blocks); err != nil {
		return errors.Join(err, kv.Close())
	}
	t.closers = append(t.closers, func() { t.closed("span store", t.store.Close()) })
	t.store.Metrics().Register(t.registry)
	return nil
}

// inUse says what to do when another process has the data.
func inUse(dir string, err error) error {
	if errors.Is(err, wal.ErrInUse) || errors.Is(err, store.ErrInUse) {
		return fmt.Errorf("another twinspan runs on the data directory %s: stop it, or give this one another -data: %w", dir, err)
	}
	return err
}

func (t *pipeline) closed(what string, err error) {
	if err != nil {
		t.log.Error("closing failed", "part", what, "error", err)
	}
}

// openWriter makes the one way into the log.
func (t *pipeline) openWriter() {
	m := ingest.NewMetrics()
	m.Register(t.registry)
	recent := ingest.NewRecent(t.cfg.Ingest.ResendWindow.Nanoseconds())
	for _, r := range t.recovered.Requests {
		recent.Add(r.Hash, r.At)
	}
	t.writer = ingest.NewWriter(t.cfg.Ingest, t.wal, recent, t.collect.Hand, m)
}

// compatible is an API that tools of other systems speak.
type compatible interface {
	http.Handler
	Register(prometheus.Registerer) error
}

// apiPrefixes are the paths below which APIs answer. Each has a handler in apiHandler.
func apiPrefixes() []string { return []string{"/api/", jaeger.Prefix, zipkinapi.Prefix, tempo.Prefix} }

// apiHandler makes the handlers of all APIs, which answer from this pipeline only.
func (t *pipeline) apiHandler(server api.Server) http.Handler {
	m := api.NewMetrics()
	if err := m.Register(t.registry); err != nil {
		t.log.Error("cannot register the API's metrics", "error", err)
	}
	mux := http.NewServeMux()
	mux.Handle("/api/", api.New(t.cfg.API, t.query, server, m, t.log.With("part", "api")))
	mux.HandleFunc("GET "+exportPath, t.exportHandler(make(chan struct{}, maxExports)))
	for prefix, h := range map[string]compatible{
		jaeger.Prefix:    jaeger.New(t.cfg.Jaeger, t.query, t.log.With("part", "jaeger api")),
		tempo.Prefix:     tempo.New(t.cfg.Tempo, t.query, t.log.With("part", "tempo api")),
		zipkinapi.Prefix: zipkinapi.New(t.cfg.Zipkin, t.query, t.log.With("part", "zipkin api")),
	} {
		if err := h.Register(t.registry); err != nil {
			t.log.Error("cannot register an API's metrics", "prefix", prefix, "error", err)
		}
		mux.Handle(prefix, h)
	}
	return mux
}

// status tells of this pipeline; the caller adds what it knows of the process.
func (t *pipeline) status() api.Status {
	open, waiting := t.collect.Open()
	stats := t.store.Stats()
	s := api.Status{
		HalvesReceived: t.writer.Halves(), CallsStored: stats.Calls, BytesOnDisk: stats.Bytes,
		RetentionDays: t.cfg.Store.RetentionDays, OpenCalls: int64(open + waiting),
	}
	s.Days = daysOf(&stats)
	return s
}

// makeRoom drops the oldest data where the disk has too little room left; full says that a write found it full.
func (t *pipeline) makeRoom(full bool) bool {
	dropped, err := t.store.MakeRoom(full)
	if err != nil && !errors.Is(err, store.ErrClosed) {
		t.log.Error("cannot drop old data to make room on the disk", "error", err)
	}
	return len(dropped) > 0
}

// roomEvery is how often the room that is left on the disk is looked at.
const roomEvery = time.Second

// expire drops old days, now and every minute, and what is oldest as soon as the disk gets full.
func (t *pipeline) expire(ctx context.Context) error {
	tick, room := time.NewTicker(config.ExpireEvery), time.NewTicker(roomEvery)
	defer tick.Stop()
	defer room.Stop()
	for {
		dropped, err := t.store.Expire(ctx, time.Now())
		if err != nil && ctx.Err() == nil {
			t.log.Error("cannot drop old data, trying again in a minute", "error", err)
		}
		for _, d := range dropped {
			t.log.Info("dropped a day", "day", d.String())
		}
		for waiting := true; waiting; {
			select {
			case <-tick.C:
				waiting = false
			case <-room.C:
				t.makeRoom(false)
			case <-ctx.Done():
				return nil
			}
		}
	}
}

// stopTimeout bounds how long a clean stop takes to bring what is open into the store. It is no loss when it runs out:
// the log has it.
const stopTimeout = 20 * time.Second

func (t *pipeline) stopCollector() {
	ctx, cancel := context.WithTimeout(context.Background(), stopTimeout)
	defer cancel()
	if err := t.collect.Cut(ctx); err != nil {
		t.log.Warn("not all open ranges are in the store; they are in the log and come back with the next start", "error", err)
	}
	t.collect.Close()
}
