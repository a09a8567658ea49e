package collect

import (
	"errors"
	"fmt"
	"time"
)

// Config says how the log is consumed.
type Config struct {
	// Window is how long a half waits for its other half before it goes on one-sided.
	Window time.Duration `yaml:"window"`
	// MaxWaiting is the number of halves, over all partitions, above which those that wait go on early.
	MaxWaiting int `yaml:"max_waiting"`
	// MaxWaitingBytes is the same by their memory.
	MaxWaitingBytes int64 `yaml:"max_waiting_bytes"`
	// RangeBytes and RangeAge cut a range: by its size in memory, or by the time since its first record.
	RangeBytes int64         `yaml:"range_bytes"`
	RangeAge   time.Duration `yaml:"range_age"`
	// LateWindow is how long calls that were counted one-sided are remembered, so that a late half corrects the count.
	LateWindow time.Duration `yaml:"late_window"`
	// MaxRollupRows bounds the roll-up rows of one range; beyond it
	// operations are counted together, and beyond a quarter more everything is.
	MaxRollupRows int `yaml:"max_rollup_rows"`
}

// DefaultConfig gives the settings for one machine.
func DefaultConfig() Config {
	return Config{
		Window: 10 * time.Second, MaxWaiting: 400_000, MaxWaitingBytes: 32 << 20, RangeBytes: 64 << 20, RangeAge: time.Minute,
		LateWindow: 10 * time.Minute, MaxRollupRows: 20_000,
	}
}

// Validate reports every setting that cannot be used.
func (c *Config) Validate() error {
	var errs []error
	check := func(ok bool, name string, value any, want string) {
		if !ok {
			errs = append(errs, fmt.Errorf("%s is %v, want %s", name, value, want))
		}
	}
	check(c.Window >= 0 && c.Window <= 10*time.Minute, "window", c.Window, "0s to 10m")
	check(c.MaxWaiting >= 1000, "max_waiting", c.MaxWaiting, "1000 or more")
	check(c.MaxWaitingBytes >= 1<<20, "max_waiting_bytes", c.MaxWaitingBytes, "1048576 or more")
	check(c.RangeBytes >= 1<<20 && c.RangeBytes <= 1<<30, "range_bytes", c.RangeBytes, "1048576 to 1073741824")
	check(c.RangeAge >= time.Second && c.RangeAge <= time.Hour, "range_age", c.RangeAge, "1s to 1h")
	check(c.LateWindow >= 0 && c.LateWindow <= time.Hour, "late_window", c.LateWindow, "0s to 1h")
	check(c.MaxRollupRows >= 100, "max_rollup_rows", c.MaxRollupRows, "100 or more")
	return errors.Join(errs...)
}
