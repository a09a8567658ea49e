package twinspan

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"time"
)

// Format is how log lines are written.
type Format string

// The formats of log lines.
const (
	JSON Format = "json"
	Text Format = "text" // SOFATracer's comma-separated columns
)

// QueuePolicy says what End does when the queue to the log writer is full.
type QueuePolicy string

// The policies of a full queue.
const (
	DropWhenFull QueuePolicy = "drop" // the digest line is lost and counted; stat lines still count the span
	WaitWhenFull QueuePolicy = "wait" // End waits for the writer
)

// ServerSpanID says which dotted id a server span has under a client half.
type ServerSpanID string

// The forms of server span ids.
const (
	SharedSpanID ServerSpanID = "shared" // the client's own id
	ChildSpanID  ServerSpanID = "child"  // the client's id with ".1", as Java SOFATracer's HTTP servers
)

// Rolling says when a log file is renamed and a new one begun.
type Rolling string

// The ways of rolling.
const (
	RollDaily  Rolling = "daily"  // to name.yyyy-MM-dd
	RollHourly Rolling = "hourly" // to name.yyyy-MM-dd_HH
	RollSize   Rolling = "size"   // to name.1, name.2, ..., the highest number being the oldest
)

// Config is everything that can be set of a Tracer. Begin with DefaultConfig.
type Config struct {
	// App is the service's name, "local.app" in the logs. Required.
	App string `yaml:"app"`
	// Instance tells processes of one app apart. Default: hostname:pid.
	Instance string `yaml:"instance"`
	// Resource are further attributes of the service, such as "deployment.environment.name=prod". Every digest line and export has
	// them. Default: none.
	Resource []ResourceAttribute `yaml:"resource"`
	// LogDir is the directory of the logs; it is made if it is missing. Default: tracelog under LOG_PATH, else under
	// ~/logs, as SOFATracer has it.
	LogDir string `yaml:"log_dir"`
	// SamplePercentage of the traces that begin here are logged, 0 to 100. Default 100.
	SamplePercentage float64 `yaml:"sample_percentage"`
	// SamplePerSecond, SampleRules, KeepErrors, KeepSlowerThan and Sampler refine that: see Sampling. Default: none of them.
	SamplePerSecond float64       `yaml:"sample_per_second"`
	SampleRules     []SampleRule  `yaml:"sample_rules"`
	KeepErrors      bool          `yaml:"keep_errors"`
	KeepSlowerThan  time.Duration `yaml:"keep_slower_than"`
	Sampler         Sampler       `yaml:"-"`
	// DisableDigest are components, by the names of their files, that have no digest log, or "all". Stat logs go on. Default: none.
	DisableDigest []string `yaml:"disable_digest"`
	// Encoders write the digest lines of components in a form of their own. Default: none.
	Encoders map[Component]Encoder `yaml:"-"`
	// Format of the lines. Default JSON.
	Format Format `yaml:"format"`
	// StatInterval is the time between two stat lines of a key, at least 1s. Default 5s.
	StatInterval time.Duration `yaml:"stat_interval"`
	// StatMaxKeys bounds the keys of a stat interval; further ones are counted together under an overflow key. Default 2000.
	StatMaxKeys int `yaml:"stat_max_keys"`
	// QueueSize is the number of digest lines that may wait for the log writer; QueueBytes bounds their memory. Default 32768.
	QueueSize int `yaml:"queue_size"`
	// QueueBytes bounds the bytes of these lines. Default 16 MiB.
	QueueBytes int `yaml:"queue_bytes"`
	// QueuePolicy says what End does when the queue is full. Default DropWhenFull.
	QueuePolicy QueuePolicy `yaml:"queue_policy"`
	// FlushInterval is the longest time a line stays in memory. Default 100ms.
	FlushInterval time.Duration `yaml:"flush_interval"`
	// Rolling of the log files. Default RollDaily.
	Rolling Rolling `yaml:"rolling"`
	// RollBytes is the size at which RollSize rolls. Default 256 MiB.
	RollBytes int64 `yaml:"roll_bytes"`
	// RollKeep is the number of rolled files that RollSize keeps. Default 10.
	RollKeep int `yaml:"roll_keep"`
	// Retention is the age at which files rolled by day or hour are deleted; 0 keeps them. Default 7 days.
	Retention time.Duration `yaml:"retention"`
	// RandomTraceIDs makes trace ids of 16 random bytes, with W3C's random flag, instead of SOFATracer's.
	RandomTraceIDs bool `yaml:"random_trace_ids"`
	// KeepSmallPID keeps process ids below 100 in trace ids. Without it they are replaced by a random number, because in
	// containers they repeat from host to host.
	KeepSmallPID bool `yaml:"keep_small_pid"`
	// ServerSpanID is the form of server span ids. Default SharedSpanID.
	ServerSpanID ServerSpanID `yaml:"server_span_id"`
	// BizBaggageBytes and SysBaggageBytes bound the keys and values of each baggage; what does not fit is dropped and
	// counted. Default 1024.
	BizBaggageBytes int `yaml:"biz_baggage_bytes"`
	SysBaggageBytes int `yaml:"sys_baggage_bytes"`
	// Limits bound what one span holds.
	Limits Limits `yaml:"limits"`
	// Inject are the formats written, Extract those read: the first valid one counts. Default W3C and SOFAHTTP; and B3.
	// Who speaks another protocol than HTTP gives its formats to Span.Inject and Tracer.StartFrom.
	Inject  []Propagation `yaml:"inject"`
	Extract []Propagation `yaml:"extract"`
	// Exporters get every sampled span, beside the logs. The Tracer owns them.
	Exporters []Exporter `yaml:"-"`
}

// DefaultConfig gives the defaults for an app.
func DefaultConfig(app string) Config {
	host, err := os.Hostname()
	if err != nil {
		host = "localhost"
	}
	return Config{
		App:              app,
		Instance:         host + ":" + strconv.Itoa(os.Getpid()),
		LogDir:           defaultLogDir(),
		SamplePercentage: 100,
		Format:           JSON,
		StatInterval:     5 * time.Second,
		StatMaxKeys:      2000,
		QueueSize:        32768,
		QueueBytes:       16 << 20,
		QueuePolicy:      DropWhenFull,
		FlushInterval:    100 * time.Millisecond,
		Rolling:          RollDaily,
		RollBytes:        256 << 20,
		RollKeep:         10,
		Retention:        7 * 24 * time.Hour,
		ServerSpanID:     SharedSpanID,
		BizBaggageBytes:  1024,
		SysBaggageBytes:  1024,
		Limits:           Limits{Tags: 128, Events: 128, Links: 128, EventTags: 128, TextBytes: 16 << 10},
		Inject:           []Propagation{W3C, SOFAHTTP},
		Extract:          []Propagation{W3C, SOFAHTTP, B3},
	}
}

func defaultLogDir() string {
	if path := os.Getenv("LOG_PATH"); path != "" {
		return filepath.Join(path, "tracelog")
	}
	home, err := os.UserHomeDir()
	if err != nil {
		home = os.TempDir()
	}
	return filepath.Join(home, "logs", "tracelog")
}

// ErrConfig is wrapped by what Validate and New say about a setting.
var ErrConfig = errors.New("tracer configuration")

// Validate says which setting cannot be used and what it may be; it fills nothing in.
func (c *Config) Validate() error {
	bad := func(name string, value any, want string) error {
		return fmt.Errorf("%w: %s is %v; it has to be %s", ErrConfig, name, value, want)
	}
	switch {
	case c.App == "":
		return bad("app", "empty", "the service's name")
	case c.LogDir == "":
		return bad("log_dir", "empty", "a directory")
	case c.Format != JSON && c.Format != Text:
		return bad("format", c.Format, "json or text")
	case c.StatInterval < time.Second:
		return bad("stat_interval", c.StatInterval, "1s or more")
	case c.StatMaxKeys < 1:
		return bad("stat_max_keys", c.StatMaxKeys, "1 or more")
	case c.QueueSize < 1:
		return bad("queue_size", c.QueueSize, "1 or more")
	case c.QueueBytes < 1:
		return bad("queue_bytes", c.QueueBytes, "1 or more")
	case c.QueuePolicy != DropWhenFull && c.QueuePolicy != WaitWhenFull:
		return bad("queue_policy", c.QueuePolicy, "drop or wait")
	case c.FlushInterval <= 0:
		return bad("flush_interval", c.FlushInterval, "above 0")
	case c.Rolling != RollDaily && c.Rolling != RollHourly && c.Rolling != RollSize:
		return bad("rolling", c.Rolling, "daily, hourly or size")
	case c.Rolling == RollSize && c.RollBytes < 1:
		return bad("roll_bytes", c.RollBytes, "1 or more")
	case c.Rolling == RollSize && c.RollKeep < 1:
		return bad("roll_keep", c.RollKeep, "1 or more")
	case c.Retention < 0:
		return bad("retention", c.Retention, "0 or more")
	case c.ServerSpanID != SharedSpanID && c.ServerSpanID != ChildSpanID:
		return bad("server_span_id", c.ServerSpanID, "shared or child")
	case c.BizBaggageBytes < 0:
		return bad("biz_baggage_bytes", c.BizBaggageBytes, "0 or more")
	case c.Limits.Tags < 0 || c.Limits.Events < 0 || c.Limits.Links < 0 || c.Limits.EventTags < 0:
		return bad("limits", "below 0", "0 or more")
	case c.Limits.TextBytes < 16:
		return bad("limits.text_bytes", c.Limits.TextBytes, "16 or more")
	case c.SysBaggageBytes < 0:
		return bad("sys_baggage_bytes", c.SysBaggageBytes, "0 or more")
	}
	if _, err := newSamplingPlan(c.sampling()); err != nil {
		return err
	}
	if _, err := c.resource(); err != nil {
		return err
	}
	if _, err := newDigestSet(c); err != nil {
		return err
	}
	keys := make(map[string]Propagation)
	for _, p := range c.Inject {
		key, ok := propagationKeys[p]
		if !ok {
			return bad("inject", p, "a list of "+propagationNames())
		}
		if other, taken := keys[key]; taken {
			return bad("inject", p, fmt.Sprintf("a list in which %s stands without %s: both write %s", other, p, key))
		}
		keys[key] = p
	}
	for _, p := range c.Extract {
		if _, ok := propagationKeys[p]; !ok {
			return bad("extract", p, "a list of "+propagationNames())
		}
	}
	return nil
}
