package app

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"google.golang.org/grpc"

	"github.com/twinspan/twinspan/internal/api"
	"github.com/twinspan/twinspan/internal/api/jaeger"
	"github.com/twinspan/twinspan/internal/bus/wal"
	"github.com/twinspan/twinspan/internal/collect"
	"github.com/twinspan/twinspan/internal/config"
	"github.com/twinspan/twinspan/internal/ingest"
	"github.com/twinspan/twinspan/internal/ingest/agentproto"
	"github.com/twinspan/twinspan/internal/ingest/otlp"
	"github.com/twinspan/twinspan/internal/ingest/zipkin"
	"github.com/twinspan/twinspan/internal/query"
	"github.com/twinspan/twinspan/internal/store"
	"github.com/twinspan/twinspan/internal/store/pebble"
)

// ports are the receivers' listeners, opened before anything else.
type ports struct{ grpc, http, zipkin, agent net.Listener }

// startCollector brings up store, log, collector, receivers and API, in this order.
func (p *process) startCollector(ctx context.Context) error {
	listeners, err := p.listenAll(ctx)
	if err != nil {
		return err
	}
	dir := p.cfg.DataDir
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("make the data directory: %w", err)
	}
	st, err := p.openStore(ctx)
	if err != nil {
		return inUse(dir, err)
	}
	walConfig := p.cfg.WAL
	walConfig.Dir = filepath.Join(dir, "wal")
	log, err := wal.Open(walConfig, p.log.With("part", "wal"))
	if err != nil {
		return inUse(dir, err)
	}
	p.closers = append(p.closers, func() { p.closed("log", log.Close()) })
	log.Metrics().Register(p.registry)

	n, err := partitions(dir, p.cfg.Partitions)
	if err != nil {
		return err
	}
	m := collect.NewMetrics()
	m.Register(p.registry)
	c := collect.New(p.cfg.Collect, log, st, n, p.log.With("part", "collect"), m)
	recovered, err := c.Start(ctx)
	if err != nil {
		return fmt.Errorf("recover what was acknowledged before: %w", err)
	}
	p.closers = append(p.closers, func() { p.stopCollector(c) })

	w := p.writer(log, c, recovered)
	p.receive(ctx, listeners, w, recovered)
	p.answer(c, st, w)
	p.goRun("expiry", func() error { return p.expire(ctx, st) })
	return nil
}

func (p *process) listenAll(ctx context.Context) (l ports, err error) {
	r := &p.cfg.Receivers
	for _, port := range []struct {
		setting, address string
		to               *net.Listener
	}{
		{"receivers.otlp.grpc_address", r.OTLP.GRPCAddress, &l.grpc},
		{"receivers.otlp.http_address", r.OTLP.HTTPAddress, &l.http},
		{"receivers.zipkin.address", r.Zipkin.Address, &l.zipkin},
		{"receivers.agent.address", r.Agent.Listen, &l.agent},
	} {
		if port.address == "" {
			continue
		}
		opened, err := listen(ctx, port.setting, port.address)
		if err != nil {
			return l, err
		}
		*port.to = opened
		p.bound[port.setting] = opened.Addr().String()
		p.closers = append(p.closers, func() { _ = opened.Close() })
	}
	return l, nil
}

func (p *process) openStore(ctx context.Context) (*store.Store, error) {
	cfg := p.cfg.Store
	cfg.Dir = filepath.Join(p.cfg.DataDir, "store")
	kv, err := pebble.Open(cfg, p.log.With("part", "store"))
	if err != nil {
		return nil, err
	}
	st, err := store.Open(ctx, kv)
	if err != nil {
		return nil, errors.Join(err, kv.Close())
	}
	p.closers = append(p.closers, func() { p.closed("span store", st.Close()) })
	st.Metrics().Register(p.registry)
	return st, nil
}

// inUse says what to do when another process has the data.
func inUse(dir string, err error) error {
	if errors.Is(err, wal.ErrInUse) || errors.Is(err, store.ErrInUse) {
		return fmt.Errorf("another twinspan runs on the data directory %s: stop it, or give this one another -data: %w", dir, err)
	}
	return err
}

func (p *process) closed(what string, err error) {
	if err != nil {
		p.log.Error("closing failed", "part", what, "error", err)
	}
}

// writer makes the one way into the log.
func (p *process) writer(log *wal.Log, c *collect.Collector, before *collect.Recovered) *ingest.Writer {
	m := ingest.NewMetrics()
	m.Register(p.registry)
	recent := ingest.NewRecent(p.cfg.Ingest.ResendWindow.Nanoseconds())
	for _, r := range before.Requests {
		recent.Add(r.Hash, r.At)
	}
	return ingest.NewWriter(p.cfg.Ingest, log, recent, c.Hand, m)
}

// receive starts the receivers on their ports.
func (p *process) receive(ctx context.Context, l ports, w *ingest.Writer, before *collect.Recovered) {
	m := ingest.NewReceiverMetrics()
	m.Register(p.registry)
	log := p.log.With("part", "receiver")
	o := otlp.New(p.cfg.Receivers.OTLP.Config, w, m, log)
	if l.grpc != nil {
		g := grpc.NewServer(o.GRPCOptions()...)
		o.RegisterGRPC(g)
		p.goRun("otlp/grpc", func() error { return serveGRPC(ctx, g, l.grpc) })
	}
	if l.http != nil {
		p.serve(ctx, "otlp/http", l.http, server(o.Handler()))
	}
	if l.zipkin != nil {
		p.serve(ctx, "zipkin", l.zipkin, server(zipkin.New(p.cfg.Receivers.Zipkin.Config, w, m, log).Handler()))
	}
	if l.agent != nil {
		a := agentproto.New(p.cfg.Receivers.Agent, w, before.Progress, log)
		a.Metrics().Register(p.registry)
		p.serve(ctx, "agent", l.agent, server(a.Handler()))
	}
}

// serveGRPC runs a gRPC server until ctx is done.
func serveGRPC(ctx context.Context, g *grpc.Server, l net.Listener) error {
	failed := make(chan error, 1)
	go func() { failed <- g.Serve(l) }()
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
	}
	hard := time.AfterFunc(5*time.Second, g.Stop)
	defer hard.Stop()
	g.GracefulStop()
	if err := <-failed; !errors.Is(err, grpc.ErrServerStopped) { // that is what it says when it was stopped before it began
		return err
	}
	return nil
}

// answer makes the API available.
func (p *process) answer(c *collect.Collector, st *store.Store, w *ingest.Writer) {
	q := query.New([]store.Reader{c, c.Stored()}, p.cfg.Query.Config, p.log.With("part", "query"))
	m := api.NewMetrics()
	if err := m.Register(p.registry); err != nil {
		p.log.Error("cannot register the API's metrics", "error", err)
	}
	j := jaeger.New(p.cfg.Jaeger, q, p.log.With("part", "jaeger api"))
	if err := j.Register(p.registry); err != nil {
		p.log.Error("cannot register the metrics of Jaeger's API", "error", err)
	}
	mux := http.NewServeMux()
	mux.Handle("/api/", api.New(p.cfg.API, q, func() api.Status { return p.status(c, st, w) }, m, p.log.With("part", "api")))
	mux.Handle(jaeger.Prefix, j)
	var h http.Handler = mux
	p.api.Store(&h)
}

func (p *process) status(c *collect.Collector, st *store.Store, w *ingest.Writer) api.Status {
	open, waiting := c.Open()
	stats := st.Stats()
	s := api.Status{
		Version: Version(), Role: string(p.role.name), StartedUnixNano: p.started.UnixNano(),
		HalvesReceived: w.Halves(), CallsStored: stats.Calls, BytesOnDisk: stats.Bytes,
		RetentionDays: p.cfg.Store.RetentionDays, OpenCalls: int64(open + waiting),
	}
	for _, d := range stats.Days {
		s.Days = append(s.Days, api.StatusDay{Day: d.Day.String(), Calls: d.Calls, Bytes: d.Bytes})
	}
	return s
}

// expire drops old days, now and every minute.
func (p *process) expire(ctx context.Context, st *store.Store) error {
	tick := time.NewTicker(config.ExpireEvery)
	defer tick.Stop()
	for {
		dropped, err := st.Expire(ctx, time.Now())
		if err != nil && ctx.Err() == nil {
			p.log.Error("cannot drop old data, trying again in a minute", "error", err)
		}
		for _, d := range dropped {
			p.log.Info("dropped a day", "day", d.String())
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil
		}
	}
}

// stopTimeout bounds how long a clean stop takes to bring what is open into the store. It is no loss when it runs out:
// the log has it.
const stopTimeout = 20 * time.Second

func (p *process) stopCollector(c *collect.Collector) {
	ctx, cancel := context.WithTimeout(context.Background(), stopTimeout)
	defer cancel()
	if err := c.Cut(ctx); err != nil {
		p.log.Warn("not all open ranges are in the store; they are in the log and come back with the next start", "error", err)
	}
	c.Close()
}
