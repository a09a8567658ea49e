package ingest

import (
	"errors"
	"fmt"
	"time"
)

// Limits bound what a receiver of spans takes in one request. The request's size is bounded by the Writer's limit.
type Limits struct {
	// MaxSpans is the greatest number of spans in one request.
	MaxSpans int `yaml:"max_spans"`
	// MaxSpanBytes is the greatest size of one span, and of what spans share (an OTLP resource), in bytes.
	MaxSpanBytes int `yaml:"max_span_bytes"`
	// MaxAttributes is the greatest number of attributes, of events and of links of one span. Those beyond are left out, and
	// the span says how many.
	MaxAttributes int `yaml:"max_attributes"`
	// RetryAfter is how long a sender is told to wait when the collector is busy; over HTTP it is rounded up to seconds.
	RetryAfter time.Duration `yaml:"retry_after"`
}

// maxSpanBytes is what one half may have so that some fit into a block of the store.
const maxSpanBytes = 1 << 20

// DefaultLimits take requests of up to 100,000 spans (OpenTelemetry's senders have 512 in one), each of up to 1 MiB and 1024
// attributes (OpenTelemetry's SDKs have 128).
func DefaultLimits() Limits {
	return Limits{MaxSpans: 100_000, MaxSpanBytes: maxSpanBytes, MaxAttributes: 1024, RetryAfter: time.Second}
}

// Validate reports every setting that cannot be used.
func (l *Limits) Validate() error {
	var errs []error
	if l.MaxSpans < 1 {
		errs = append(errs, fmt.Errorf("max_spans is %d, want 1 or more", l.MaxSpans))
	}
	if l.MaxSpanBytes < 1<<10 || l.MaxSpanBytes > maxSpanBytes {
		errs = append(errs, fmt.Errorf("max_span_bytes is %d, want %d to %d", l.MaxSpanBytes, 1<<10, maxSpanBytes))
	}
	if l.MaxAttributes < 1 {
		errs = append(errs, fmt.Errorf("max_attributes is %d, want 1 or more", l.MaxAttributes))
	}
	if l.RetryAfter <= 0 || l.RetryAfter > time.Hour {
		errs = append(errs, fmt.Errorf("retry_after is %v, want more than 0s and at most 1h", l.RetryAfter))
	}
	return errors.Join(errs...)
}
