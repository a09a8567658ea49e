package app

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"

	"github.com/twinspan/twinspan/internal/access"
	"github.com/twinspan/twinspan/internal/api"
	"github.com/twinspan/twinspan/internal/ingest"
	"github.com/twinspan/twinspan/internal/ingest/agentproto"
	jaegeringest "github.com/twinspan/twinspan/internal/ingest/jaeger"
	"github.com/twinspan/twinspan/internal/ingest/otlp"
	"github.com/twinspan/twinspan/internal/ingest/rawgrpc"
	"github.com/twinspan/twinspan/internal/ingest/skywalking"
	"github.com/twinspan/twinspan/internal/ingest/zipkin"
	"github.com/twinspan/twinspan/internal/store"
	"github.com/twinspan/twinspan/internal/store/pebble"
	"github.com/twinspan/twinspan/internal/tenant"
)

// ports are the receivers' listeners by the settings of their addresses, opened before anything else.
type ports map[string]*port

// startCollector brings up a pipeline for each tenant, receivers and API, in this order.
func (p *process) startCollector(ctx context.Context) error {
	listeners, err := p.listenAll(ctx)
	if err != nil {
		return err
	}
	if err := p.openPipelines(ctx); err != nil {
		return err
	}
	if err := removeStages(p.cfg.DataDir); err != nil {
		p.log.Warn("cannot remove what was left of a backup: remove it by hand", "error", err)
	}
	p.receive(ctx, listeners)
	p.answer()
	for _, t := range p.pipelines {
		p.goRun("expiry", func() error { return t.expire(ctx) })
	}
	p.goRun("rates", func() error { return p.watchRates(ctx) })
	return nil
}

// openPipelines opens what the tenants have. They share the store's cache and the memory of requests that come in.
func (p *process) openPipelines(ctx context.Context) error {
	cfg := p.cfg
	packed, unpacked := cfg.Store.Caches()
	cfg.Store.Cache = pebble.NewCache(packed)
	blocks := store.NewCache(unpacked)
	p.closers = append(p.closers, cfg.Store.Cache.Close)
	cfg.Ingest.Room = ingest.NewRoom(&cfg.Ingest)
	p.registry.MustRegister(cfg.Ingest.Room.Metrics()...)
	p.pipelines = make(map[string]*pipeline)
	tenants := cfg.AllTenants()
	// What a range and the waiting halves have in memory is shared out: the bounds hold for the process.
	cfg.Collect.RangeBytes = max(minRangeBytes, cfg.Collect.RangeBytes/int64(len(tenants)))
	cfg.Collect.MaxWaitingBytes = max(minRangeBytes, cfg.Collect.MaxWaitingBytes/int64(len(tenants)))
	cfg.Collect.MaxWaiting = max(minWaiting, cfg.Collect.MaxWaiting/len(tenants))
	for _, has := range tenants {
		t := &pipeline{tenant: has.Name, dir: tenantDir(cfg.DataDir, has.Name), cfg: cfg, log: p.log, registry: p.registry, blocks: blocks}
		if len(p.cfg.Tenants) > 0 {
			t.log = p.log.With("tenant", has.Name)
			t.registry = prometheus.WrapRegistererWith(prometheus.Labels{"tenant": has.Name}, p.registry)
		}
		t.cfg.Store.MaxBytes, t.cfg.Store.RetentionDays, t.cfg.Ingest.Rate = has.MaxBytes, has.RetentionDays, has.Rate
		p.closers = append(p.closers, t.close)
		if err := t.open(ctx); err != nil {
			return ofTenant(has.Name, err)
		}
		p.pipelines[has.Name] = t
	}
	p.warnOfLeftTenants()
	return nil
}

// The least that a tenant gets of what tenants share.
const (
	minRangeBytes = 1 << 20
	minWaiting    = 1000
)

func ofTenant(name string, err error) error {
	if name == tenant.Default {
		return err
	}
	return fmt.Errorf("tenant %s: %w", name, err)
}

// warnOfLeftTenants names data on disk whose tenant is no longer configured: nobody sees it and it does not expire.
func (p *process) warnOfLeftTenants() {
	dirs, err := os.ReadDir(filepath.Join(p.cfg.DataDir, tenantsDir))
	if err != nil {
		return // there are none
	}
	for _, d := range dirs {
		if _, ok := p.pipelines[d.Name()]; d.IsDir() && !ok {
			p.log.Warn("there is data of a tenant that is not configured: it is not seen and does not expire; configure the tenant, or delete the directory",
				"tenant", d.Name(), "directory", filepath.Join(p.cfg.DataDir, tenantsDir, d.Name()))
		}
	}
}

func (p *process) listenAll(ctx context.Context) (ports, error) {
	opened := make(ports)
	for _, l := range p.cfg.Listeners() {
		if l.Address == "" || l.AddressSetting == webSetting {
			continue
		}
		protocols := httpProtocols
		if strings.HasSuffix(l.AddressSetting, "grpc_address") {
			protocols = grpcProtocols
		}
		at, err := p.listen(ctx, l, protocols)
		if err != nil {
			return nil, err
		}
		opened[l.AddressSetting] = at
	}
	return opened, nil
}

// receive starts the receivers on their ports. Receivers know of tenants only that a request's context names one, which
// the sink they write to reads.
func (p *process) receive(ctx context.Context, l ports) {
	m := ingest.NewReceiverMetrics()
	m.Register(p.registry)
	log := p.log.With("part", "receiver")
	writers := make(map[string]*ingest.Writer)
	for name, t := range p.pipelines {
		writers[name] = t.writer
	}
	w := ingest.NewRouter(writers)
	o := otlp.New(p.cfg.Receivers.OTLP.Config, w, m, log)
	j := jaegeringest.New(p.cfg.Receivers.Jaeger.Config, w, m, log)
	s := skywalking.New(p.cfg.Receivers.SkyWalking.Config, w, m, log)
	p.receiveGRPC(ctx, "otlp/grpc", l["receivers.otlp.grpc_address"], o, w.Room())
	p.receiveGRPC(ctx, "jaeger/grpc", l["receivers.jaeger.grpc_address"], j, w.Room())
	// SkyWalking's streams stay open: their receiver takes room for each segment, and bounds their number.
	p.receiveGRPC(ctx, "skywalking/grpc", l["receivers.skywalking.grpc_address"], s, nil)
	p.receiveHTTP(ctx, "otlp/http", l["receivers.otlp.http_address"], o.Handler(), refuseOTLP)
	p.receiveHTTP(ctx, "zipkin", l["receivers.zipkin.address"], zipkin.New(p.cfg.Receivers.Zipkin.Config, w, m, log).Handler(), nil)
	p.receiveHTTP(ctx, "jaeger/http", l["receivers.jaeger.http_address"], j.Handler(), nil)
	p.receiveHTTP(ctx, "skywalking/http", l["receivers.skywalking.http_address"], s.Handler(), nil)
	if l["receivers.agent.address"] != nil {
		agents := make(map[string]http.Handler)
		for name, t := range p.pipelines {
			a := agentproto.New(p.cfg.Receivers.Agent.Config, t.writer, t.recovered.Progress, t.log.With("part", "receiver"))
			a.Metrics().Register(t.registry)
			agents[name] = a.Handler()
		}
		p.agents = byTenant(agents)
		p.receiveHTTP(ctx, "agent", l["receivers.agent.address"], p.agents, nil)
	}
}

// receiveHTTP starts a receiver on a port, nil for one that is switched off. refuse answers who is not let in; nil is text.
func (p *process) receiveHTTP(ctx context.Context, what string, l *port, h http.Handler, refuse access.Fail) {
	if l != nil {
		p.serve(ctx, what, l, server(p.guard.HTTP(access.Write, h, refuse)))
	}
}

func refuseOTLP(w http.ResponseWriter, r *http.Request, why *access.Refusal) {
	otlp.Refuse(w, r, why.Status, why.Code, why.Message)
}

// byTenant hands a request to the handler of the tenant that its context names.
func byTenant(handlers map[string]http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h, ok := handlers[tenant.Of(r.Context())]
		if !ok {
			http.Error(w, "there is no tenant "+tenant.Of(r.Context()), http.StatusBadRequest)
			return
		}
		h.ServeHTTP(w, r)
	})
}

// grpcReceiver is a receiver whose protocol has gRPC for a transport.
type grpcReceiver interface {
	GRPCOptions() []grpc.ServerOption
	RegisterGRPC(*grpc.Server)
}

// receiveGRPC starts a receiver on a port, nil for one that is switched off. Its messages are read in room, nil for one that
// bounds them itself.
func (p *process) receiveGRPC(ctx context.Context, what string, l *port, r grpcReceiver, room *ingest.Room) {
	if l == nil {
		return
	}
	enter := p.guard.GRPC(access.Write)
	if room != nil {
		enter = rawgrpc.Admit(room, enter)
	}
	options := append(r.GRPCOptions(), grpc.InTapHandle(enter), grpc.MaxConcurrentStreams(uint32(p.cfg.Receivers.MaxStreams)))
	if l.tls != nil {
		options = append(options, grpc.Creds(credentials.NewTLS(l.tls)))
	}
	g := grpc.NewServer(options...)
	r.RegisterGRPC(g)
	p.goRun(what, func() error { return serveGRPC(ctx, g, l) })
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

// answer makes the APIs available.
func (p *process) answer() {
	handlers := make(map[string]http.Handler)
	for name, t := range p.pipelines {
		handlers[name] = t.apiHandler(api.Server{
			Status: func() api.Status {
				s := t.status()
				s.Version, s.Role, s.StartedUnixNano = Version(), string(p.role.name), p.started.UnixNano()
				return s
			},
			Pipeline: func() api.Pipeline {
				h := t.health(p.registry)
				h.StartedUnixNano, h.NotReady = p.started.UnixNano(), p.notReady()
				return h
			},
		})
	}
	h := byTenant(handlers)
	p.api.Store(&h)
}
