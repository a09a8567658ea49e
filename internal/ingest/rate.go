package ingest

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"sync"
	"time"
)

// Rate is what may come in on average; 0 is no limit.
type Rate struct {
	SpansPerSecond int64 `yaml:"spans_per_second"`
	// BytesPerSecond counts requests as they are unpacked.
	BytesPerSecond int64 `yaml:"bytes_per_second"`
	// Burst is for how long nothing has to come before that much may come at once.
	Burst time.Duration `yaml:"burst"`
}

// defaultRate is no limit.
func defaultRate() Rate { return Rate{Burst: 5 * time.Second} }

// Validate reports every setting that cannot be used.
func (r *Rate) Validate() error {
	var errs []error
	if r.SpansPerSecond < 0 {
		errs = append(errs, fmt.Errorf("spans_per_second is %d, want 0 (no limit) or more", r.SpansPerSecond))
	}
	if r.BytesPerSecond < 0 {
		errs = append(errs, fmt.Errorf("bytes_per_second is %d, want 0 (no limit) or more", r.BytesPerSecond))
	}
	if r.Burst < 100*time.Millisecond || r.Burst > time.Hour {
		errs = append(errs, fmt.Errorf("burst is %v, want 100ms to 1h", r.Burst))
	}
	return errors.Join(errs...)
}

// ErrRate says that a sender, or all of them, send more than the rate allows. It is an ErrLater.
var ErrRate = fmt.Errorf("%w: more comes than the rate limit allows", ErrLater)

// retryError is an ErrLater that knows how long "later" is.
type retryError struct {
	error
	after time.Duration
}

func (e *retryError) Unwrap() error { return e.error }

// RetryAfter is how long a sender has to wait that is refused with err: what err says, but at least least.
func RetryAfter(err error, least time.Duration) time.Duration {
	var retry *retryError
	if errors.As(err, &retry) {
		return max(least, retry.after)
	}
	return least
}

// RetrySeconds is RetryAfter as the header Retry-After has it: whole seconds, rounded up.
func RetrySeconds(err error, least time.Duration) string {
	return strconv.Itoa(int(math.Ceil(RetryAfter(err, least).Seconds())))
}

// limiter keeps what is taken to a Rate: two token buckets, for spans and for bytes, of which both or none are drawn from.
// It takes a request while there is anything in the buckets and lets them go below nothing, so that a request greater than
// a bucket is taken, too, and the average holds all the same. It is safe for concurrent use; nil takes all.
type limiter struct {
	mu           sync.Mutex
	spans, bytes bucket
}

// bucket has what may be taken at once, in units of spans or bytes.
type bucket struct {
	perSecond, size, have float64
	at                    time.Time
}

// newLimiter makes a limiter with full buckets, nil where the rate has no limit.
func newLimiter(r Rate) *limiter {
	if r.SpansPerSecond == 0 && r.BytesPerSecond == 0 {
		return nil
	}
	full := func(perSecond int64) bucket {
		size := float64(perSecond) * r.Burst.Seconds()
		return bucket{perSecond: float64(perSecond), size: size, have: size}
	}
	return &limiter{spans: full(r.SpansPerSecond), bytes: full(r.BytesPerSecond)}
}

// take takes a request or gives an error that wraps ErrRate, from which RetryAfter tells when to come again.
func (l *limiter) take(now time.Time, spans int, bytes int64) error {
	if l == nil {
		return nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if wait := max(l.spans.wait(now), l.bytes.wait(now)); wait > 0 {
		return &retryError{ErrRate, wait}
	}
	l.spans.have -= float64(spans)
	l.bytes.have -= float64(bytes)
	return nil
}

// wait fills the bucket up to now and says how long it takes until something is in it.
func (b *bucket) wait(now time.Time) time.Duration {
	if b.perSecond == 0 {
		return 0
	}
	if passed := now.Sub(b.at); passed > 0 {
		if !b.at.IsZero() {
			b.have = math.Min(b.size, b.have+passed.Seconds()*b.perSecond)
		}
		b.at = now
	}
	if b.have > 0 {
		return 0
	}
	return max(time.Millisecond, time.Duration(-b.have/b.perSecond*float64(time.Second)))
}
