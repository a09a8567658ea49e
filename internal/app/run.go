package app

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"github.com/twinspan/twinspan/console"
	"github.com/twinspan/twinspan/internal/access"
	"github.com/twinspan/twinspan/internal/agent"
	"github.com/twinspan/twinspan/internal/config"
	"github.com/twinspan/twinspan/internal/tenant"
)

// process is one running Twinspan: what its parts share, and how they are stopped.
type process struct {
	role     role
	cfg      config.Config
	log      *slog.Logger
	registry *prometheus.Registry
	started  time.Time

	// ready is false until the log is replayed and again while stopping.
	ready atomic.Bool
	// api is set once there is one; until then requests are answered with 503.
	api atomic.Pointer[http.Handler]

	// pipelines has the data of each tenant, in the roles that have data.
	pipelines map[string]*pipeline

	// backingUp is held while a backup is made.
	backingUp sync.Mutex

	// guard decides who may ask and send.
	guard *access.Guard
	// agents takes what the agent of this process sends; nil in roles and settings without a port for agents.
	agents http.Handler
	// webTLS says that the port for people speaks TLS.
	webTLS bool

	// bound has the address that each setting's listener got: it differs from the setting where that leaves the port open.
	bound map[string]string

	// serving and its error: what runs until the end.
	serving sync.WaitGroup
	failed  chan error
	// closers run in reverse order at the end.
	closers []func()
}

// run runs a role until ctx is done or a part fails. It gives nil after a clean stop.
func run(ctx context.Context, name Role, cfg config.Config, log *slog.Logger) error {
	p := &process{
		role: name.row(), cfg: cfg, log: log, registry: prometheus.NewRegistry(), started: time.Now(),
		bound: make(map[string]string), failed: make(chan error, 16),
	}
	p.registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	paceMemory(cfg.Memory, controlGroups, log)
	ctx, cancel := context.WithCancel(ctx)
	err := p.start(ctx)
	if err == nil {
		p.ready.Store(true)
		p.hello()
		select {
		case err = <-p.failed:
		case <-ctx.Done():
			log.Info("stopping")
		}
	} else if ctx.Err() != nil && errors.Is(err, context.Canceled) {
		err = nil // stopped while starting
	}
	p.ready.Store(false)
	cancel()
	p.serving.Wait()
	for i := len(p.closers) - 1; i >= 0; i-- {
		p.closers[i]()
	}
	return err
}

// start brings up the parts from the ground: listeners first, because a port that is taken must be known before anything
// is written; the store and the log; then what fills them.
func (p *process) start(ctx context.Context) error {
	var err error
	if p.guard, err = access.New(p.cfg.Auth, p.cfg.Tenancy, p.cfg.TenantNames(), p.log.With("part", "access")); err != nil {
		return err
	}
	p.guard.Register(p.registry)
	if p.role.remote && len(p.cfg.Tenants) == 0 {
		p.guard.Elsewhere()
	}
	web, err := p.listen(ctx, p.webListener(), httpProtocols)
	if err != nil {
		return err
	}
	p.webTLS = web.tls != nil
	p.serve(ctx, "http", web, server(p.routes()))
	if p.role.collect {
		if err := p.startCollector(ctx); err != nil {
			return err
		}
	}
	if p.role.remote {
		if err := p.startRemote(); err != nil {
			return err
		}
	}
	if p.role.agent {
		return p.startAgent(ctx)
	}
	return nil
}

const webSetting = "http.address"

func (p *process) webListener() config.Listener {
	for _, l := range p.cfg.Listeners() {
		if l.AddressSetting == webSetting {
			return l
		}
	}
	panic("app: " + webSetting + " is no listener's setting")
}

// serve runs an HTTP server until ctx is done.
func (p *process) serve(ctx context.Context, what string, l *port, s *http.Server) {
	s.ErrorLog = log.New(&complaints{port: what, log: p.log}, "", 0)
	p.goRun(what, func() error { return serve(ctx, s, l) })
}

// goRun runs fn in the background; an error of it ends the process.
func (p *process) goRun(what string, fn func() error) {
	p.serving.Add(1)
	go func() {
		defer p.serving.Done()
		if err := fn(); err != nil {
			select {
			case p.failed <- fmt.Errorf("%s: %w", what, err):
			default:
			}
		}
	}()
}

func (p *process) startAgent(ctx context.Context) error {
	cfg := p.cfg.Agent
	if address, ok := p.bound["receivers.agent.address"]; ok {
		if err := p.hearAgent(ctx, &cfg); err != nil {
			return err
		}
		cfg.Collector = dialable(address)
	}
	cfg.TenantHeader = p.cfg.Tenancy.Header
	if cfg.StateDir == "" {
		cfg.StateDir = filepath.Join(p.cfg.DataDir, "agent")
	}
	if err := os.MkdirAll(cfg.StateDir, 0o755); err != nil {
		return fmt.Errorf("make the agent's state directory: %w", err)
	}
	a, err := agent.New(cfg, p.log.With("part", "agent"))
	if err != nil {
		return fmt.Errorf("agent: %w", err)
	}
	a.Metrics().Register(p.registry)
	p.goRun("agent", func() error { return a.Run(ctx) })
	return nil
}

// hearAgent lets the agent of this process reach the collector of this process, without a port.
func (p *process) hearAgent(ctx context.Context, cfg *agent.Config) error {
	name := cmp.Or(cfg.Tenant, tenant.Default)
	if _, ok := p.pipelines[name]; !ok {
		return fmt.Errorf("agent.tenant is %q, and there is no such tenant: see the setting tenants", name)
	}
	l := newInner()
	cfg.Dial, cfg.TLS.Enabled, cfg.TokenFile = l.Dial, false, ""
	p.closers = append(p.closers, func() { _ = l.Close() })
	p.serve(ctx, "own agent", &port{Listener: l}, server(asTenant(name, p.agents)))
	return nil
}

// dialable gives the address by which this process reaches its own listener.
func dialable(address string) string {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return address
	}
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	return net.JoinHostPort(host, port)
}

func (p *process) hello() {
	address := "http://" + dialable(p.bound["http.address"])
	if p.webTLS {
		address = "https" + strings.TrimPrefix(address, "http")
	}
	args := []any{"role", p.role.name, "version", Version(), "data", p.cfg.DataDir}
	if p.role.console {
		args = append(args, "console", address)
	} else {
		args = append(args, "http", address)
	}
	for _, port := range []struct{ name, setting string }{
		{"otlp_grpc", "receivers.otlp.grpc_address"}, {"otlp_http", "receivers.otlp.http_address"},
		{"zipkin", "receivers.zipkin.address"}, {"jaeger_grpc", "receivers.jaeger.grpc_address"}, {"jaeger_http", "receivers.jaeger.http_address"},
		{"skywalking_grpc", "receivers.skywalking.grpc_address"}, {"skywalking_http", "receivers.skywalking.http_address"},
		{"agents", "receivers.agent.address"},
	} {
		if address, ok := p.bound[port.setting]; ok {
			args = append(args, port.name, address)
		}
	}
	p.log.Info("ready", args...)
}

// webConsole is the console's handler, or nil for roles without one.
func (p *process) webConsole() http.Handler {
	if !p.role.console {
		return nil
	}
	return console.Handler()
}
