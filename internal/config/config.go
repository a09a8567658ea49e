// Package config is the one configuration of a process: it composes the settings of all parts, each of which owns its
// defaults and its check, reads one strict YAML file and the environment, and prints what is in force.
package config

import (
	"errors"
	"fmt"
	"log/slog"
	"math"
	"net"
	"time"

	"github.com/twinspan/twinspan/internal/access"
	"github.com/twinspan/twinspan/internal/agent"
	"github.com/twinspan/twinspan/internal/api"
	"github.com/twinspan/twinspan/internal/api/jaeger"
	"github.com/twinspan/twinspan/internal/api/tempo"
	zipkinapi "github.com/twinspan/twinspan/internal/api/zipkin"
	"github.com/twinspan/twinspan/internal/bus/wal"
	"github.com/twinspan/twinspan/internal/certificate"
	"github.com/twinspan/twinspan/internal/collect"
	"github.com/twinspan/twinspan/internal/ingest"
	"github.com/twinspan/twinspan/internal/ingest/agentproto"
	jaegeringest "github.com/twinspan/twinspan/internal/ingest/jaeger"
	"github.com/twinspan/twinspan/internal/ingest/otlp"
	"github.com/twinspan/twinspan/internal/ingest/skywalking"
	"github.com/twinspan/twinspan/internal/ingest/zipkin"
	"github.com/twinspan/twinspan/internal/query"
	"github.com/twinspan/twinspan/internal/store/pebble"
)

// Config is everything that can be set.
type Config struct {
	// DataDir holds the log, the span store and the agent's memory.
	DataDir string `yaml:"data_dir"`
	// Partitions is how many partitions the log is consumed in; 0 is one for each processor. It is fixed with the first
	// start on a data directory.
	Partitions int    `yaml:"partitions"`
	Memory     Memory `yaml:"memory"`
	Log        Log    `yaml:"log"`
	// TLS is shared by all listeners that do not say otherwise.
	TLS     certificate.Server `yaml:"tls"`
	Auth    access.Config      `yaml:"auth"`
	Tenancy access.Tenancy     `yaml:"tenancy"`
	// Tenants are those that may be named, beside the default one; none: there is only that.
	Tenants   []Tenant       `yaml:"tenants"`
	HTTP      HTTP           `yaml:"http"`
	Receivers Receivers      `yaml:"receivers"`
	Ingest    ingest.Config  `yaml:"ingest"`
	WAL       wal.Config     `yaml:"wal"`
	Collect   collect.Config `yaml:"collect"`
	Store     pebble.Config  `yaml:"store"`
	Query     Query          `yaml:"query"`
	API       api.Config     `yaml:"api"`
	// Jaeger, Zipkin and Tempo bound the APIs of those systems, which spans are read by.
	Jaeger jaeger.Config    `yaml:"jaeger"`
	Zipkin zipkinapi.Config `yaml:"zipkin"`
	Tempo  tempo.Config     `yaml:"tempo"`
	Agent  agent.Config     `yaml:"agent"`
}

// Memory says how much of it garbage may take.
type Memory struct {
	// LimitBytes is the memory above which the garbage collector works harder; 0 is nine tenths of the container's limit,
	// where there is one.
	LimitBytes int64 `yaml:"limit_bytes"`
	// GCPercent is how much garbage may pile up, in percent of what is in use.
	GCPercent int `yaml:"gc_percent"`
}

// Validate reports every setting that cannot be used.
func (m *Memory) Validate() error {
	var errs []error
	if m.LimitBytes != 0 && m.LimitBytes < 64<<20 {
		errs = append(errs, fmt.Errorf("limit_bytes is %d, want 0 (the container's limit) or at least %d", m.LimitBytes, 64<<20))
	}
	if m.GCPercent < 10 || m.GCPercent > 1000 {
		errs = append(errs, fmt.Errorf("gc_percent is %d, want 10 to 1000", m.GCPercent))
	}
	return errors.Join(errs...)
}

// Log says how the process writes its own log, on standard error.
type Log struct {
	// Level is debug, info, warn or error; Format is text or json.
	Level  slog.Level `yaml:"level"`
	Format string     `yaml:"format"`
}

// HTTP is the port for people and tools: console, API, metrics.
type HTTP struct {
	Address string `yaml:"address"`
	// Profiles says who may ask for profiles of the process: loopback, all or off.
	Profiles string             `yaml:"profiles"`
	TLS      certificate.Server `yaml:"tls"`
}

// The values of http.profiles.
const (
	ProfilesLoopback = "loopback"
	ProfilesAll      = "all"
	ProfilesOff      = "off"
)

// Receivers are the ports for spans, one group a protocol. An address of "" switches a port off.
type Receivers struct {
	// MaxConnections is how many connections one port has at a time; further ones wait until one is closed. MaxStreams is how
	// many calls one gRPC connection has at a time.
	MaxConnections int `yaml:"max_connections"`
	MaxStreams     int `yaml:"max_streams"`

	OTLP       OTLP       `yaml:"otlp"`
	Zipkin     Zipkin     `yaml:"zipkin"`
	Jaeger     Jaeger     `yaml:"jaeger"`
	SkyWalking SkyWalking `yaml:"skywalking"`
	Agent      Agents     `yaml:"agent"`
}

// Agents have one port.
type Agents struct {
	agentproto.Config `yaml:",inline"`
	TLS               certificate.Server `yaml:"tls"`
}

// OTLP has a port for each of its transports.
type OTLP struct {
	GRPCAddress string `yaml:"grpc_address"`
	HTTPAddress string `yaml:"http_address"`
	otlp.Config `yaml:",inline"`
	TLS         certificate.Server `yaml:"tls"`
}

// Zipkin has one port.
type Zipkin struct {
	Address       string `yaml:"address"`
	zipkin.Config `yaml:",inline"`
	TLS           certificate.Server `yaml:"tls"`
}

// Jaeger has a port for each of its transports.
type Jaeger struct {
	GRPCAddress         string `yaml:"grpc_address"`
	HTTPAddress         string `yaml:"http_address"`
	jaegeringest.Config `yaml:",inline"`
	TLS                 certificate.Server `yaml:"tls"`
}

// SkyWalking has a port for each of its transports.
type SkyWalking struct {
	GRPCAddress       string `yaml:"grpc_address"`
	HTTPAddress       string `yaml:"http_address"`
	skywalking.Config `yaml:",inline"`
	TLS               certificate.Server `yaml:"tls"`
}

// Query bounds questions and, for the role query, names the collector that answers them.
type Query struct {
	// Collector is the HTTP address of a collector, such as http://collector:8680. Only the role query needs it.
	Collector string `yaml:"collector"`
	// TLS is for a collector at https://.
	TLS certificate.Client `yaml:"tls"`
	// TokenFile has the token that is shown to the collector in place of the one that comes with a request; "": that one is
	// handed on.
	TokenFile    string `yaml:"token_file"`
	query.Config `yaml:",inline"`
}

// ExpireEvery is how often old data is looked for.
const ExpireEvery = time.Minute

// Default gives the settings of one machine that holds everything; all ports listen on 127.0.0.1.
func Default() Config {
	return Config{
		DataDir: "data",
		Memory:  Memory{GCPercent: 60},
		Log:     Log{Format: "text"},
		HTTP:    HTTP{Address: "127.0.0.1:8680", Profiles: ProfilesLoopback},
		Receivers: Receivers{
			MaxConnections: 4096, MaxStreams: 128,
			OTLP:   OTLP{GRPCAddress: "127.0.0.1:4317", HTTPAddress: "127.0.0.1:4318", Config: otlp.DefaultConfig()},
			Zipkin: Zipkin{Address: "127.0.0.1:9411", Config: zipkin.DefaultConfig()},
			Jaeger: Jaeger{GRPCAddress: "127.0.0.1:14250", HTTPAddress: "127.0.0.1:14268", Config: jaegeringest.DefaultConfig()},
			SkyWalking: SkyWalking{GRPCAddress: "127.0.0.1:11800", HTTPAddress: "127.0.0.1:12800",
				Config: skywalking.DefaultConfig()},
			Agent: Agents{Config: agentproto.DefaultConfig()},
		},
		Tenancy: access.DefaultTenancy(),
		Ingest:  ingest.DefaultConfig(), WAL: wal.DefaultConfig(), Collect: collect.DefaultConfig(),
		Store: pebble.DefaultConfig(), Query: Query{Config: query.DefaultConfig()}, API: api.DefaultConfig(), Jaeger: jaeger.DefaultConfig(),
		Zipkin: zipkinapi.DefaultConfig(), Tempo: tempo.DefaultConfig(),
		Agent: agent.DefaultConfig(),
	}
}

// Validate reports every setting that cannot be used, each with its path.
func (c *Config) Validate() error {
	var errs []error
	at := func(path string, err error) {
		if many, ok := err.(interface{ Unwrap() []error }); ok {
			for _, err := range many.Unwrap() {
				errs = append(errs, fmt.Errorf("%s: %w", path, err))
			}
		} else if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", path, err))
		}
	}
	if c.HTTP.Address == "" {
		errs = append(errs, errors.New("http.address is empty: without it nothing can be seen or checked, give host:port"))
	}
	for _, l := range c.Listeners() {
		if l.Setting == "receivers.agent" {
			continue // its own Validate looks at it
		}
		if _, _, err := net.SplitHostPort(l.Address); err != nil && l.Address != "" {
			errs = append(errs, fmt.Errorf("%s is %q, want host:port, such as 127.0.0.1:8680 or :8680 for all addresses", l.AddressSetting, l.Address))
		}
	}
	if c.DataDir == "" {
		errs = append(errs, errors.New("data_dir is empty: name a directory"))
	}
	if c.Partitions < 0 || c.Partitions > 1024 {
		errs = append(errs, fmt.Errorf("partitions is %d, want 0 (one for each processor) to 1024", c.Partitions))
	}
	if c.Log.Format != "text" && c.Log.Format != "json" {
		errs = append(errs, fmt.Errorf("log.format is %q, want text or json", c.Log.Format))
	}
	if v := c.HTTP.Profiles; v != ProfilesLoopback && v != ProfilesAll && v != ProfilesOff {
		errs = append(errs, fmt.Errorf("http.profiles is %q, want loopback, all or off", v))
	}
	at("memory", c.Memory.Validate())
	at("tls", c.TLS.Validate())
	checked := make(map[string]bool)
	for _, l := range c.Listeners() {
		if l.Own != (certificate.Server{}) && !checked[l.Setting] {
			checked[l.Setting] = true
			inForce := l.Own.Or(c.TLS)
			at(l.Setting+".tls", inForce.Validate())
		}
	}
	at("tenancy", c.Tenancy.Validate())
	errs = append(errs, c.validateTenants()...)
	at("query.tls", c.Query.TLS.Validate())
	if c.Receivers.MaxConnections < 1 {
		errs = append(errs, fmt.Errorf("receivers.max_connections is %d, want 1 or more", c.Receivers.MaxConnections))
	}
	if c.Receivers.MaxStreams < 1 || c.Receivers.MaxStreams > math.MaxInt32 {
		errs = append(errs, fmt.Errorf("receivers.max_streams is %d, want 1 to %d", c.Receivers.MaxStreams, math.MaxInt32))
	}
	at("receivers.otlp", c.Receivers.OTLP.Validate())
	at("receivers.zipkin", c.Receivers.Zipkin.Validate())
	at("receivers.jaeger", c.Receivers.Jaeger.Validate())
	at("receivers.skywalking", c.Receivers.SkyWalking.Validate())
	at("receivers.agent", c.Receivers.Agent.Validate())
	at("ingest", c.Ingest.Validate())
	at("wal", c.WAL.Validate())
	at("collect", c.Collect.Validate())
	at("store", c.Store.Validate())
	at("query", c.Query.Validate())
	at("api", c.API.Validate())
	at("jaeger", c.Jaeger.Validate())
	at("zipkin", c.Zipkin.Validate())
	at("tempo", c.Tempo.Validate())
	at("agent", c.Agent.Validate())
	if c.Ingest.MaxRequestBytes > c.WAL.SegmentBytes {
		errs = append(errs, fmt.Errorf("ingest.max_request_bytes is %d, more than fits into a segment of the log: raise wal.segment_bytes above it", c.Ingest.MaxRequestBytes))
	}
	return errors.Join(errs...)
}
