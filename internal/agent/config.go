package agent

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/twinspan/twinspan/internal/certificate"
	"github.com/twinspan/twinspan/internal/digestlog"
	"github.com/twinspan/twinspan/internal/tenant"
)

// Config says which logs are followed and where they go.
type Config struct {
	// Name identifies this agent at the collector; "" is the host's name. A name must not be used by two hosts.
	Name string `yaml:"name"`
	// Collector is the host:port of the collector's agent listener.
	Collector string `yaml:"collector"`
	// TLS is for a collector whose listener speaks it.
	TLS TLS `yaml:"tls"`
	// TokenFile has the token that is shown to the collector, "" for none.
	TokenFile string `yaml:"token_file"`
	// Tenant is whose logs these are; "" is whose the collector decides on. TenantHeader names it in requests.
	Tenant       string `yaml:"tenant"`
	TenantHeader string `yaml:"-"`
	// Dial opens connections to the collector in place of the network; nil is the network.
	Dial func(ctx context.Context, network, address string) (net.Conn, error) `yaml:"-" json:"-"`
	// Paths are the directories with logs: patterns as in a shell (*, ?, [a-z]), with ~ for the home directory. The
	// directory "shadow" in each of them is followed too.
	Paths []string `yaml:"paths"`
	// Overrides say how the logs of some directories are read where they differ from the rest; the first that matches
	// a directory counts.
	Overrides []Override `yaml:"overrides"`
	// Zone is the time zone of times in logs that have none, such as Asia/Shanghai; "" is the host's.
	Zone string `yaml:"zone"`
	// Charset is the character set of logs, such as gb18030; "" is UTF-8.
	Charset string `yaml:"charset"`
	// StateDir holds the agent's own memory of how far it is; "" is a directory that the caller gives.
	StateDir string `yaml:"state_dir"`
	// ScanInterval is how often directories and files are looked at.
	ScanInterval time.Duration `yaml:"scan_interval"`
	// SettleAfter is how long nothing has to come before a record counts as whole that could still go on.
	SettleAfter time.Duration `yaml:"settle_after"`
	// ReleaseAfter is how long a rolled or deleted file must not have grown before it is let go.
	ReleaseAfter time.Duration `yaml:"release_after"`
	// BatchBytes is about how many bytes of logs go into one request.
	BatchBytes int64 `yaml:"batch_bytes"`
	// MaxRecordBytes is the size beyond which one record is rejected.
	MaxRecordBytes int64 `yaml:"max_record_bytes"`
	// MaxOpenFiles bounds the files that are kept open so that they can be read to their end although they were deleted.
	MaxOpenFiles int `yaml:"max_open_files"`
	// RequestTimeout bounds one request; after it the request is sent again.
	RequestTimeout time.Duration `yaml:"request_timeout"`
	// MaxBackoff is the longest pause between two attempts.
	MaxBackoff time.Duration `yaml:"max_backoff"`
	// Compress sends requests compressed with Zstandard.
	Compress bool `yaml:"compress"`
}

// TLS are the settings of the connection to the collector.
type TLS struct {
	Enabled            bool `yaml:"enabled"`
	certificate.Client `yaml:",inline"`
}

// Override says how the logs of some directories are read.
type Override struct {
	// Path is a pattern of directories, as in Config.Paths.
	Path string `yaml:"path"`
	// Zone and Charset are as in Config; "" leaves what Config says.
	Zone    string `yaml:"zone"`
	Charset string `yaml:"charset"`
	// Format is auto, json or text; "" is auto.
	Format string `yaml:"format"`
	// Instance names the process where lines do not; "" is the agent's name and the directory.
	Instance string `yaml:"instance"`
}

// DefaultConfig follows the directories that SOFATracer writes to by default.
func DefaultConfig() Config {
	return Config{
		Collector:      "127.0.0.1:4390",
		Paths:          []string{"~/logs/tracelog", "~/logs/tracelog/*"},
		ScanInterval:   500 * time.Millisecond,
		SettleAfter:    time.Second,
		ReleaseAfter:   5 * time.Second,
		BatchBytes:     1 << 20,
		MaxRecordBytes: digestlog.DefaultMaxRecord,
		MaxOpenFiles:   512,
		RequestTimeout: 30 * time.Second,
		MaxBackoff:     10 * time.Second,
		Compress:       true,
	}
}

// Validate reports every setting that cannot be used.
func (c *Config) Validate() error {
	var errs []error
	bad := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	if strings.Contains(c.Name, "/") {
		bad("name %q has a slash in it, use another name", c.Name)
	}
	if _, _, err := net.SplitHostPort(c.Collector); err != nil {
		bad("collector %q is not host:port: %w", c.Collector, err)
	}
	if err := c.TLS.Validate(); err != nil {
		bad("tls: %w", err)
	}
	if !c.TLS.Enabled && c.TLS.Client != (certificate.Client{}) {
		bad("tls has settings, but tls.enabled is false: set it to true, or leave them out")
	}
	if c.Tenant != "" {
		if err := tenant.Check(c.Tenant); err != nil {
			bad("tenant: %w", err)
		}
	}
	for _, p := range c.Paths {
		if _, err := filepath.Match(p, ""); err != nil || p == "" {
			bad("paths: %q is not a pattern of directories", p)
		}
	}
	if _, err := zone(c.Zone); err != nil {
		bad("zone: %w", err)
	}
	if err := digestlog.CheckCharset(c.Charset); err != nil {
		bad("charset: %w", err)
	}
	for i := range c.Overrides {
		if err := c.Overrides[i].validate(); err != nil {
			bad("overrides[%d]: %w", i, err)
		}
	}
	between := func(name string, v, low, high time.Duration) {
		if v < low || v > high {
			bad("%s is %v, want %v to %v", name, v, low, high)
		}
	}
	between("scan_interval", c.ScanInterval, time.Millisecond, time.Minute)
	between("settle_after", c.SettleAfter, time.Millisecond, time.Minute)
	between("release_after", c.ReleaseAfter, time.Millisecond, time.Hour)
	between("request_timeout", c.RequestTimeout, 100*time.Millisecond, 10*time.Minute)
	between("max_backoff", c.MaxBackoff, time.Millisecond, 10*time.Minute)
	if c.BatchBytes < 4<<10 || c.BatchBytes > 16<<20 {
		bad("batch_bytes is %d, want %d to %d", c.BatchBytes, 4<<10, 16<<20)
	}
	if c.MaxRecordBytes < 1<<10 || c.MaxRecordBytes > 16<<20 {
		bad("max_record_bytes is %d, want %d to %d", c.MaxRecordBytes, 1<<10, 16<<20)
	}
	if c.MaxOpenFiles < 1 {
		bad("max_open_files is %d, want 1 or more", c.MaxOpenFiles)
	}
	return errors.Join(errs...)
}

func (o *Override) validate() error {
	var errs []error
	if _, err := filepath.Match(o.Path, ""); err != nil || o.Path == "" {
		errs = append(errs, fmt.Errorf("path %q is not a pattern of directories", o.Path))
	}
	if _, err := zone(o.Zone); err != nil {
		errs = append(errs, fmt.Errorf("zone: %w", err))
	}
	if err := digestlog.CheckCharset(o.Charset); err != nil {
		errs = append(errs, fmt.Errorf("charset: %w", err))
	}
	if _, err := digestlog.ParseFormat(o.Format); err != nil {
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// zone gives nil, the host's zone as digestlog takes it, for "".
func zone(name string) (*time.Location, error) {
	if name == "" {
		return nil, nil
	}
	return time.LoadLocation(name)
}

// expand makes a pattern absolute, with ~ for the home directory.
func expand(pattern string) (string, error) {
	if pattern == "~" || strings.HasPrefix(pattern, "~/") {
		home, err := os.UserHomeDir()
		if err != nil {
			return "", fmt.Errorf("find the home directory for %q: %w", pattern, err)
		}
		pattern = filepath.Join(home, pattern[1:])
	}
	return filepath.Abs(pattern)
}

// Follows says whether the agent looks for logs in a directory, by Paths; it does not look whether it is there.
func (c *Config) Follows(dir string) bool {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return false
	}
	for _, p := range c.Paths {
		pattern, err := expand(p)
		if err != nil {
			continue
		}
		if match, err := filepath.Match(pattern, dir); match && err == nil {
			return true
		}
	}
	return false
}
