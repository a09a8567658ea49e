// Package agentproto is the collector's side of the agents' protocol (docs/formats/agent-protocol.md): it takes what an
// agent read between two offsets of a file exactly once, because it writes the new offset in the same log entry, and
// answers how far it has each file. It does not store and does not remember across restarts: the caller gives New what
// the log and the store hold.
package agentproto

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"

	"github.com/twinspan/twinspan/internal/ingest"
	"github.com/twinspan/twinspan/internal/span"
	"github.com/twinspan/twinspan/internal/wire"
)

// Path is where agents post to.
const Path = "/v1/push"

const (
	contentType = "application/x-protobuf"
	// reasonHeader tells a collector's 400 from that of anything else that may listen.
	reasonHeader = "Twinspan-Reason"
	malformed    = "malformed"
)

// maxKey bounds the name of an agent or of a file, in bytes.
const maxKey = 8 << 10

// Config bounds what is taken from agents at a time.
type Config struct {
	// Listen is the address for agents; "" switches the port off.
	Listen string `yaml:"address"`
	// MaxRequests is how many requests are worked on at a time; others are told to come later.
	MaxRequests int `yaml:"max_requests"`
}

// DefaultConfig listens on this host only.
func DefaultConfig() Config { return Config{Listen: "127.0.0.1:4390", MaxRequests: 64} }

// Validate reports every setting that cannot be used.
func (c *Config) Validate() error {
	var errs []error
	if _, _, err := net.SplitHostPort(c.Listen); err != nil && c.Listen != "" {
		errs = append(errs, fmt.Errorf("address %q is not host:port: %w", c.Listen, err))
	}
	if c.MaxRequests < 1 {
		errs = append(errs, fmt.Errorf("max_requests is %d, want 1 or more", c.MaxRequests))
	}
	return errors.Join(errs...)
}

// Server takes agents' requests. It is safe for concurrent use.
type Server struct {
	cfg     Config
	writer  ingest.Sink
	log     *slog.Logger
	metrics *Metrics
	bodies  *ingest.Bodies
	pace    ingest.Pace
	slots   chan struct{}

	mu       sync.Mutex
	progress map[string]int64 // by agent + "/" + file: the offset up to which it is durable
	agents   map[string]*turn // those with requests in work
}

// turn lets the requests of one agent in one after the other. An agent sends one at a time; another one comes only
// when it gave up waiting for the first, which may still be in work.
type turn struct {
	lock  chan struct{} // capacity 1
	users int           // guarded by Server.mu
}

// New makes a Server. progress says for each file, named agent + "/" + file as in ingest.Request.Progress, up to where it
// is durable; the map is the Server's from then on. cfg has to be valid.
func New(cfg Config, w ingest.Sink, progress map[string]int64, log *slog.Logger) *Server {
	if progress == nil {
		progress = make(map[string]int64)
	}
	return &Server{
		cfg: cfg, writer: w, log: log, metrics: newMetrics(), bodies: ingest.BodiesFor(w),
		slots: make(chan struct{}, cfg.MaxRequests), progress: progress, agents: make(map[string]*turn),
	}
}

// Metrics gives the server's measurements, to be registered by the caller.
func (s *Server) Metrics() *Metrics { return s.metrics }

// Handler serves Path.
func (s *Server) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc(Path, s.servePush)
	return mux
}

// progressOf gives the offset up to which a file is durable, 0 where nothing is.
func (s *Server) progressOf(agent, file string) int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.progress[agent+"/"+file]
}

// take makes durable what is new of a push, and gives the answer.
func (s *Server) take(ctx context.Context, p *wire.Push) ([]wire.Progress, error) {
	if err := check(p); err != nil {
		return nil, err
	}
	// The names outlive the request, whose memory they alias.
	agent := strings.Clone(p.Agent)
	leave, err := s.enter(ctx, agent)
	if err != nil {
		return nil, err
	}
	defer leave()

	at := make(map[string]int64, len(p.Chunks)) // by file, as it will be
	var req ingest.Request
	for i := range p.Chunks {
		c := &p.Chunks[i]
		to, ok := at[c.File]
		if !ok {
			to = s.progressOf(agent, c.File)
		}
		switch {
		case c.To == c.From: // a question
		case to > c.From:
			s.metrics.Repeated.Inc()
		default:
			if to < c.From {
				s.gap(agent, c.File, to, c.From)
			}
			to = c.To
			req.Batch = join(req.Batch, c.Batch)
			req.Bytes += c.To - c.From
		}
		at[c.File] = to
	}
	answer := make([]wire.Progress, 0, len(at))
	for _, file := range slices.Sorted(maps.Keys(at)) {
		if key := agent + "/" + file; at[file] != s.progressOf(agent, file) {
			req.Progress = append(req.Progress, wire.Progress{File: key, To: at[file]})
		}
		answer = append(answer, wire.Progress{File: file, To: at[file]})
	}
	if len(req.Progress) == 0 {
		return answer, nil
	}
	halves, stats := len(req.Batch.Halves), len(req.Batch.Stats)
	progress := slices.Clone(req.Progress) // the request is the writer's from now on
	if err := s.writer.Write(ctx, req); err != nil {
		return nil, err
	}
	s.mu.Lock()
	for _, g := range progress {
		s.progress[g.File] = g.To
	}
	s.mu.Unlock()
	s.metrics.Halves.Add(float64(halves))
	s.metrics.Stats.Add(float64(stats))
	return answer, nil
}

// gap notes that an agent goes on behind the place up to which this collector has a file. The bytes between may be with
// another collector, or were lost with this one's data; the agent has been told by someone that they are durable.
func (s *Server) gap(agent, file string, to, from int64) {
	s.metrics.Gaps.Inc()
	s.metrics.GapBytes.Add(float64(from - to))
	s.log.Warn("an agent goes on behind what this collector has of a file: what is between was acknowledged by a "+
		"collector with other data", "agent", agent, "file", file, "has", to, "from", from, "bytes", from-to)
}

// join puts batches one behind the other; mostly there is only one.
func join(a, b span.Batch) span.Batch {
	if len(a.Halves) == 0 && len(a.Stats) == 0 {
		return b
	}
	return span.Batch{Halves: append(a.Halves, b.Halves...), Stats: append(a.Stats, b.Stats...)}
}

// check finds what DecodePush does not.
func check(p *wire.Push) error {
	invalid := func(format string, args ...any) error {
		return fmt.Errorf("%w: %s", ingest.ErrInvalid, fmt.Sprintf(format, args...))
	}
	if p.Agent == "" || len(p.Agent) > maxKey || strings.Contains(p.Agent, "/") {
		return invalid("agent is %.40q, want a name without slashes", p.Agent)
	}
	for i := range p.Chunks {
		c := &p.Chunks[i]
		if len(c.File) > maxKey {
			return invalid("the name of a file has %d bytes, at most %d", len(c.File), maxKey)
		}
		if c.From < 0 || c.To < c.From {
			return invalid("file %q: from %d to %d", c.File, c.From, c.To)
		}
		if c.From == c.To && len(c.Batch.Halves)+len(c.Batch.Stats) > 0 {
			return invalid("file %q: records in a chunk of no bytes", c.File)
		}
		for j := range c.Batch.Halves {
			h := &c.Batch.Halves[j]
			if h.Origin == 0 {
				return invalid("file %q: half %d has no origin", c.File, j)
			}
			if !h.Payload.Valid() || !h.Resource.Valid() {
				return invalid("file %q: half %d has a malformed payload", c.File, j)
			}
			h.Route = span.RouteAgent
		}
		for j := range c.Batch.Stats {
			if c.Batch.Stats[j].Origin == 0 {
				return invalid("file %q: stat %d has no origin", c.File, j)
			}
		}
	}
	return nil
}

// enter waits for the turn of one of an agent's requests; leave ends it.
func (s *Server) enter(ctx context.Context, agent string) (leave func(), err error) {
	s.mu.Lock()
	t := s.agents[agent]
	if t == nil {
		t = &turn{lock: make(chan struct{}, 1)}
		s.agents[agent] = t
	}
	t.users++
	s.mu.Unlock()
	done := func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		if t.users--; t.users == 0 {
			delete(s.agents, agent)
		}
	}
	select {
	case t.lock <- struct{}{}:
		return func() { <-t.lock; done() }, nil
	case <-ctx.Done():
		done()
		return nil, ctx.Err()
	}
}
