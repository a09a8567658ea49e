package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"github.com/twinspan/twinspan/console"
	"github.com/twinspan/twinspan/internal/agent"
	"github.com/twinspan/twinspan/internal/config"
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

	// bound has the address that each setting's listener got: it differs from the setting where that leaves the port open.
	bound map[string]string

	// serving and its error: what runs until the end.
	serving sync.WaitGroup
	failed  chan error
	// closers run in reverse order at the end.
	closers []func()
}

// Run runs a role until ctx is done or a part fails. It gives nil after a clean stop.
func Run(ctx context.Context, name Role, cfg config.Config, log *slog.Logger) error {
	p := &process{
		role: name.row(), cfg: cfg, log: log, registry: prometheus.NewRegistry(), started: time.Now(),
		bound: make(map[string]string), failed: make(chan error, 16),
	}
	p.registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
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
	web, err := listen(ctx, "http.address", p.cfg.HTTP.Address)
	if err != nil {
		return err
	}
	p.bound["http.address"] = web.Addr().String()
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

// serve runs an HTTP server until ctx is done.
func (p *process) serve(ctx context.Context, what string, l net.Listener, s *http.Server) {
	p.closers = append(p.closers, func() { _ = l.Close() })
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

// startRemote lets a lone query answer through a collector.
func (p *process) startRemote() error {
	if p.cfg.Query.Collector == "" {
		return errors.New("the role query has no store of its own: set query.collector to the HTTP address of a collector, such as http://collector:8680")
	}
	target, err := url.Parse(p.cfg.Query.Collector)
	if err != nil || target.Host == "" || target.Scheme != "http" && target.Scheme != "https" {
		return fmt.Errorf("query.collector is %q: want a URL such as http://collector:8680", p.cfg.Query.Collector)
	}
	proxy := &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(target) },
		ErrorHandler: func(w http.ResponseWriter, _ *http.Request, err error) {
			p.log.Warn("the collector does not answer", "collector", target.String(), "error", err)
			unavailable(w, "the collector at "+target.String()+" does not answer")
		},
	}
	var h http.Handler = proxy
	p.api.Store(&h)
	return nil
}

func (p *process) startAgent(ctx context.Context) error {
	cfg := p.cfg.Agent
	if address, ok := p.bound["receivers.agent.address"]; ok {
		cfg.Collector = dialable(address)
	}
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
