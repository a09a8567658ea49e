package wal

import (
	"errors"
	"fmt"
	"time"
)

// Config is what a log needs to know. The zero value is not valid; start from [DefaultConfig].
type Config struct {
	// Dir is the log's own directory; it is created if missing. Set by the caller, not by the file.
	Dir string `yaml:"-"`
	// SegmentBytes is the greatest size of one segment file, and so the greatest size of one Append.
	SegmentBytes int64 `yaml:"segment_bytes"`
	// MaxBytes limits the whole log; above it Append is refused with ErrFull. 0: no limit.
	MaxBytes int64 `yaml:"max_bytes"`
	// CommitDelay is how long a commit waits for further requests after the first one. 0: it starts
	// as soon as the previous one is on disk, which already groups whatever arrived meanwhile.
	CommitDelay time.Duration `yaml:"commit_delay"`
	// CommitBytes is about how much one commit writes at most; it bounds the memory of the log and
	// the time the first request of a commit waits for the others. One larger Append goes alone.
	CommitBytes int64 `yaml:"commit_bytes"`
	// SkipCorrupt goes on where acknowledged records cannot be read any more: they are logged,
	// counted and left out, instead of ErrCorrupt. It is for an operator who has accepted the loss.
	SkipCorrupt bool `yaml:"skip_corrupt"`
	// MakeRoom, if set, is asked when the disk is full; where it says that it made room, what was to be written is tried
	// once more. Nothing is committed while it runs, and it must not call the log. Set by the caller, not by the file.
	MakeRoom func() bool `yaml:"-"`
}

const (
	minSegmentBytes = 4 << 10
	maxSegmentBytes = 1 << 30
)

// DefaultConfig returns the settings for a collector on one machine; Dir is left empty.
func DefaultConfig() Config {
	return Config{SegmentBytes: 64 << 20, CommitBytes: 8 << 20}
}

// Validate reports every setting that cannot be used.
func (c *Config) Validate() error {
	var errs []error
	if c.SegmentBytes < minSegmentBytes || c.SegmentBytes > maxSegmentBytes {
		errs = append(errs, fmt.Errorf("segment_bytes is %d, want %d to %d",
			c.SegmentBytes, minSegmentBytes, maxSegmentBytes))
	}
	// One segment always stays, so with less than two segments' room a full log could stay full.
	if c.MaxBytes != 0 && c.MaxBytes < 2*c.SegmentBytes {
		errs = append(errs, fmt.Errorf("max_bytes is %d, want 0 (no limit) or at least twice segment_bytes, %d",
			c.MaxBytes, 2*c.SegmentBytes))
	}
	if c.CommitDelay < 0 || c.CommitDelay > 10*time.Second {
		errs = append(errs, fmt.Errorf("commit_delay is %v, want 0s to 10s", c.CommitDelay))
	}
	if c.CommitBytes < 1 || c.CommitBytes > maxSegmentBytes {
		errs = append(errs, fmt.Errorf("commit_bytes is %d, want 1 to %d", c.CommitBytes, maxSegmentBytes))
	}
	return errors.Join(errs...)
}
