package app

import (
	"context"
	"errors"
	"net"
	"net/http"
	"time"

	"google.golang.org/grpc"

	"github.com/twinspan/twinspan/internal/api"
	"github.com/twinspan/twinspan/internal/ingest"
	"github.com/twinspan/twinspan/internal/ingest/agentproto"
	jaegeringest "github.com/twinspan/twinspan/internal/ingest/jaeger"
	"github.com/twinspan/twinspan/internal/ingest/otlp"
	"github.com/twinspan/twinspan/internal/ingest/skywalking"
	"github.com/twinspan/twinspan/internal/ingest/zipkin"
	"github.com/twinspan/twinspan/internal/store/pebble"
	"github.com/twinspan/twinspan/internal/tenant"
)

// ports are the receivers' listeners, opened before anything else.
type ports struct{ grpc, http, zipkin, jaegerGRPC, jaegerHTTP, skywalkingGRPC, skywalkingHTTP, agent net.Listener }

// startCollector brings up a pipeline for each tenant, receivers and API, in this order.
func (p *process) startCollector(ctx context.Context) error {
	listeners, err := p.listenAll(ctx)
	if err != nil {
		return err
	}
	if err := p.openPipelines(ctx); err != nil {
		return err
	}
	p.receive(ctx, listeners)
	p.answer()
	for _, t := range p.pipelines {
		p.goRun("expiry", func() error { return t.expire(ctx) })
	}
	return nil
}

// openPipelines opens what the tenants have. They share the store's cache and the memory of requests that come in.
func (p *process) openPipelines(ctx context.Context) error {
	cfg := p.cfg
	cfg.Store.Cache = pebble.NewCache(cfg.Store.MemoryBytes)
	p.closers = append(p.closers, cfg.Store.Cache.Close)
	cfg.Ingest.Room = ingest.NewRoom(cfg.Ingest.MaxInFlightBytes)
	p.pipelines = make(map[string]*pipeline)
	for _, name := range []string{tenant.Default} {
		t := &pipeline{tenant: name, dir: tenantDir(cfg.DataDir, name), cfg: cfg, log: p.log, registry: p.registry}
		p.closers = append(p.closers, t.close)
		if err := t.open(ctx); err != nil {
			return err
		}
		p.pipelines[name] = t
	}
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
		{"receivers.jaeger.grpc_address", r.Jaeger.GRPCAddress, &l.jaegerGRPC},
		{"receivers.jaeger.http_address", r.Jaeger.HTTPAddress, &l.jaegerHTTP},
		{"receivers.skywalking.grpc_address", r.SkyWalking.GRPCAddress, &l.skywalkingGRPC},
		{"receivers.skywalking.http_address", r.SkyWalking.HTTPAddress, &l.skywalkingHTTP},
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
	p.receiveGRPC(ctx, "otlp/grpc", l.grpc, o)
	p.receiveGRPC(ctx, "jaeger/grpc", l.jaegerGRPC, j)
	p.receiveGRPC(ctx, "skywalking/grpc", l.skywalkingGRPC, s)
	if l.http != nil {
		p.serve(ctx, "otlp/http", l.http, server(o.Handler()))
	}
	if l.zipkin != nil {
		p.serve(ctx, "zipkin", l.zipkin, server(zipkin.New(p.cfg.Receivers.Zipkin.Config, w, m, log).Handler()))
	}
	if l.jaegerHTTP != nil {
		p.serve(ctx, "jaeger/http", l.jaegerHTTP, server(j.Handler()))
	}
	if l.skywalkingHTTP != nil {
		p.serve(ctx, "skywalking/http", l.skywalkingHTTP, server(s.Handler()))
	}
	if l.agent != nil {
		agents := make(map[string]http.Handler)
		for name, t := range p.pipelines {
			a := agentproto.New(p.cfg.Receivers.Agent, t.writer, t.recovered.Progress, t.log.With("part", "receiver"))
			a.Metrics().Register(t.registry)
			agents[name] = a.Handler()
		}
		p.serve(ctx, "agent", l.agent, server(byTenant(agents)))
	}
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

// receiveGRPC starts a receiver on a port, nil for one that is switched off.
func (p *process) receiveGRPC(ctx context.Context, what string, l net.Listener, r grpcReceiver) {
	if l == nil {
		return
	}
	g := grpc.NewServer(r.GRPCOptions()...)
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
		handlers[name] = t.apiHandler(func() api.Status {
			s := t.status()
			s.Version, s.Role, s.StartedUnixNano = Version(), string(p.role.name), p.started.UnixNano()
			return s
		})
	}
	h := byTenant(handlers)
	p.api.Store(&h)
}
