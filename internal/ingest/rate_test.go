package ingest

import (
	"errors"
	"testing"
	"time"

	"github.com/twinspan/twinspan/internal/bus/wal"
)

func TestLimiterKeepsTheAverage(t *testing.T) {
	for _, tt := range []struct {
		name        string
		rate        Rate
		spans       int
		bytes, want int64 // spans taken in 100 s, above what the burst allows at once
	}{
		{"spans", Rate{SpansPerSecond: 1000, Burst: time.Second}, 10, 1 << 20, 100_000},
		{"bytes", Rate{BytesPerSecond: 1 << 20, Burst: time.Second}, 10, 1 << 10, 10 * 100 * 1 << 10},
		{"the tighter one", Rate{SpansPerSecond: 1000, BytesPerSecond: 1 << 20, Burst: time.Second}, 1, 1 << 15, 3200},
		{"requests above the burst", Rate{SpansPerSecond: 100, Burst: time.Second}, 1000, 1, 10_000},
	} {
		l := newLimiter(tt.rate)
		now, taken := time.Unix(1e9, 0), int64(0)
		end := now.Add(100 * time.Second)
		for now.Before(end) {
			err := l.take(now, tt.spans, tt.bytes)
			if err == nil {
				taken += int64(tt.spans)
				continue
			}
			if !errors.Is(err, ErrRate) || !errors.Is(err, ErrLater) {
				t.Fatalf("%s: %v", tt.name, err)
			}
			now = now.Add(RetryAfter(err, 0))
		}
		// The bucket that is full at first comes on top, and one request goes below nothing.
		if slack := tt.want/100 + int64(tt.spans); taken < tt.want || taken > tt.want+slack+1 {
			t.Errorf("%s: %d spans in 100 s, want %d and at most %d more", tt.name, taken, tt.want, slack)
		}
	}
}

func TestLimiterWithoutLimit(t *testing.T) {
	l := newLimiter(defaultRate())
	for range 10 {
		if err := l.take(time.Unix(1, 0), 1<<30, 1<<50); err != nil {
			t.Fatal(err)
		}
	}
}

func TestLimiterSurvivesAStepBackOfTheClock(t *testing.T) {
	l := newLimiter(Rate{SpansPerSecond: 10, Burst: time.Second})
	now := time.Unix(1e9, 0)
	_ = l.take(now, 15, 0)
	if err := l.take(now.Add(-time.Hour), 1, 0); !errors.Is(err, ErrRate) {
		t.Errorf("an hour before: %v", err)
	}
	if err := l.take(now.Add(time.Second), 1, 0); err != nil {
		t.Errorf("a second later: %v", err)
	}
}

func TestRetrySeconds(t *testing.T) {
	for _, tt := range []struct {
		err  error
		want string
	}{
		{ErrLater, "1"}, {&retryError{ErrRate, 2100 * time.Millisecond}, "3"}, {&retryError{ErrRate, time.Millisecond}, "1"},
	} {
		if got := RetrySeconds(tt.err, time.Second); got != tt.want {
			t.Errorf("%v: %s, want %s", tt.err, got, tt.want)
		}
	}
}

func TestWriterKeepsToTheRate(t *testing.T) {
	cfg := DefaultConfig()
	cfg.Rate = Rate{SpansPerSecond: 100, Burst: time.Second}
	w, _, h := testWriter(t, cfg, wal.DefaultConfig())
	now := time.Unix(1e9, 0)
	w.now = func() time.Time { return now }
	if err := w.Write(t.Context(), request(1, 150)); err != nil {
		t.Fatal(err)
	}
	err := w.Write(t.Context(), request(2, 1))
	if !errors.Is(err, ErrRate) || RetryAfter(err, 0) != 500*time.Millisecond {
		t.Errorf("above the rate: %v, after %v", err, RetryAfter(err, 0))
	}
	if err := w.Write(t.Context(), request(1, 150)); err != nil {
		t.Errorf("sent again: %v", err)
	}
	now = now.Add(time.Second)
	if err := w.Write(t.Context(), request(2, 1)); err != nil {
		t.Errorf("a second later: %v", err)
	}
	if len(h.offsets) != 2 {
		t.Errorf("%d records, want 2", len(h.offsets))
	}
}
