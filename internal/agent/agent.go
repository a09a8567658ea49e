package agent

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/twinspan/twinspan/internal/reload"
)

// Agent follows logs and sends what is in them. Run does all of it; the other methods are not for callers' goroutines.
type Agent struct {
	cfg      Config
	log      *slog.Logger
	metrics  *Metrics
	patterns []string
	sources  *sources
	sampler  *sampler
	encoder  *encoder
	client   *http.Client
	url      string                               // of the collector
	token    func() string                        // shown to it, "" for none
	after    func(time.Duration) <-chan time.Time // time.After, but for tests

	files []*file
	turn  int // whose turn it is to be read
	open  int // about how many files are open
	block []byte
	queue []*push // queue[0] is being sent

	warned map[string]bool
	dirty  bool // the state has changed
	saved  time.Time

	failures   int
	failing    bool
	complained time.Time
}

// New makes an agent and its state directory. It reads no logs before Run.
func New(cfg Config, log *slog.Logger) (*Agent, error) {
	if err := cfg.Validate(); err != nil {
		return nil, fmt.Errorf("agent: configuration: %w", err)
	}
	if cfg.StateDir == "" {
		return nil, errors.New("agent: configuration: no state_dir given")
	}
	if cfg.Name == "" {
		host, err := os.Hostname()
		if err != nil {
			return nil, fmt.Errorf("agent: find the host's name: %w; set name", err)
		}
		cfg.Name = strings.ReplaceAll(host, "/", "_")
	}
	if err := os.MkdirAll(cfg.StateDir, 0o750); err != nil {
		return nil, fmt.Errorf("agent: create state directory: %w", err)
	}
	a := &Agent{
		cfg: cfg, log: log, metrics: newMetrics(), sampler: newSampler(log), after: time.After,
		block: make([]byte, min(blockSize, cfg.BatchBytes)), warned: make(map[string]bool),
	}
	for _, p := range cfg.Paths {
		pattern, err := expand(p)
		if err != nil {
			return nil, fmt.Errorf("agent: paths: %w", err)
		}
		if !slices.Contains(a.patterns, pattern) {
			a.patterns = append(a.patterns, pattern)
		}
	}
	var err error
	if a.sources, err = newSources(&a.cfg); err != nil {
		return nil, fmt.Errorf("agent: configuration: %w", err)
	}
	if a.encoder, err = newEncoder(cfg.Compress); err != nil {
		return nil, fmt.Errorf("agent: %w", err)
	}
	if err := a.connect(); err != nil {
		return nil, fmt.Errorf("agent: %w", err)
	}
	return a, nil
}

// connect makes the client of the collector. It opens no connection.
func (a *Agent) connect() error {
	transport := &http.Transport{
		DialContext:         (&net.Dialer{Timeout: 5 * time.Second, KeepAlive: 15 * time.Second}).DialContext,
		MaxIdleConnsPerHost: 1,
		IdleConnTimeout:     90 * time.Second,
	}
	a.client, a.url, a.token = &http.Client{Transport: transport}, "http://"+a.cfg.Collector+pushPath, func() string { return "" }
	if a.cfg.Dial != nil {
		transport.DialContext = a.cfg.Dial
	}
	if a.cfg.TLS.Enabled {
		d, err := a.cfg.TLS.Dialer("agent.tls", a.log)
		if err != nil {
			return err
		}
		transport.DialTLSContext = d.DialTLS
		a.url = "https://" + a.cfg.Collector + pushPath
	}
	if a.cfg.TokenFile != "" {
		file, err := reload.Token("agent.token_file", a.cfg.TokenFile, a.log)
		if err != nil {
			return err
		}
		a.token = file.Get
	}
	return nil
}

// Metrics gives the agent's measurements, to be registered by the caller.
func (a *Agent) Metrics() *Metrics { return a.metrics }

// Run follows and sends until ctx ends, which is no error. It may be called once.
func (a *Agent) Run(ctx context.Context) error {
	ticker := time.NewTicker(a.cfg.ScanInterval)
	defer ticker.Stop()
	return a.run(ctx, ticker.C, time.Now)
}

// run is Run with a clock. Scans happen on ticks.
func (a *Agent) run(ctx context.Context, ticks <-chan time.Time, clock func() time.Time) error {
	a.log.Info("agent follows logs", "paths", a.patterns, "collector", a.cfg.Collector, "name", a.cfg.Name)
	a.load(clock())
	a.scan(clock())
	results := make(chan outcome)
	sending := false
	var pause <-chan time.Time
	for {
		if !sending && pause == nil {
			if body := a.next(clock()); body != nil {
				sending = true
				go func() { results <- a.post(ctx, body) }()
			}
		}
		select {
		case <-ctx.Done():
			if sending {
				// Cancelled with ctx; an answer that came before counts.
				if out := <-results; out.err == nil {
					a.settle(out, clock())
				}
			}
			a.stop(clock())
			return nil
		case <-ticks:
			a.scan(clock())
			a.save(clock(), false)
		case out := <-results:
			sending = false
			if wait := a.settle(out, clock()); wait > 0 {
				pause = a.after(wait)
			}
		case <-pause:
			pause = nil
		}
	}
}

// next gives the body of the request to be sent now, nil if there is nothing.
func (a *Agent) next(now time.Time) []byte {
	if len(a.queue) == 0 {
		p := a.fill(now)
		if p == nil {
			return nil
		}
		a.queue = append(a.queue, p)
	}
	p := a.queue[0]
	if p.body == nil {
		p.body = a.encoder.encode(a.cfg.Name, p)
	}
	if p.tries > 0 {
		a.metrics.Resends.Inc()
	}
	return p.body
}

func (a *Agent) stop(now time.Time) {
	a.save(now, true)
	for _, f := range a.files {
		f.close()
	}
	a.client.CloseIdleConnections()
	if a.encoder.zstd != nil {
		_ = a.encoder.zstd.Close() // it holds no data
	}
}

func (a *Agent) follows(f *file) bool { return slices.Contains(a.files, f) }
