package twinspan

import (
	"testing"
	"time"
)

// TestSpansFollowTheWallClock: spans of a trace keep to the clock that it began by, as long as that is only slewed.
func TestSpansFollowTheWallClock(t *testing.T) {
	tracer := &Tracer{}
	tracer.clock.start()
	const began = int64(1795423003951234567)
	for _, tt := range []struct {
		step time.Duration // of the wall clock since the trace began
		want int64
	}{
		{0, began}, {40 * time.Millisecond, began}, {-40 * time.Millisecond, began},
		{time.Second, began + 1e9}, {-time.Hour, began - 3600e9},
	} {
		since := tracer.clock.since()
		tracer.clock.offset.Store(began + int64(tt.step))
		tracer.clock.read.Store(since)
		if got := (&trunk{tracer: tracer, offset: began}).wall(since); got != tt.want {
			t.Errorf("step of %v: %d, want %d", tt.step, got, tt.want)
		}
	}
}

// TestClockIsReadAgain: a reading of the wall clock is used for clockAge only.
func TestClockIsReadAgain(t *testing.T) {
	var c clock
	c.start()
	right := c.offset.Load()
	c.offset.Store(1)
	if got := c.wall(clockAge - 1); got != 1 {
		t.Errorf("a young reading is not used: %d", got)
	}
	if got := c.wall(clockAge); got-right > int64(time.Minute) || right-got > int64(time.Minute) || got != c.offset.Load() {
		t.Errorf("an old reading is kept: %d, want about %d", got, right)
	}
}

// TestTimesOfTheCaller: durations between times of one clock are exact, whatever the other says.
func TestTimesOfTheCaller(t *testing.T) {
	var c clock
	c.start()
	const stepped = int64(5e9) // the wall clock is five seconds ahead of what it was
	offset := c.offset.Load() + stepped
	now := time.Now()
	if got := c.of(now.Add(7), offset) - c.of(now, offset); got != 7 {
		t.Errorf("by the monotonic clock: %d", got)
	}
	wall := now.Round(0)
	if got := c.of(wall.Add(7), offset) - c.of(wall, offset); got != 7 {
		t.Errorf("by the wall clock: %d", got)
	}
	if got := c.of(now, offset) - c.of(wall.Add(time.Duration(stepped)), offset); got < -int64(time.Second) || got > int64(time.Second) {
		t.Errorf("the clocks are %d apart", got)
	}
}

// TestGivenTimesAreKept: a span that is told when it was has that start and duration in its line.
func TestGivenTimesAreKept(t *testing.T) {
	var spans listExporter
	tracer := newTracer(t, func(c *Config) { c.Exporters = []Exporter{&spans} })
	begin := time.Date(2026, 11, 23, 8, 36, 43, 951234567, time.UTC)
	_, s := tracer.StartSpan(t.Context(), &StartOptions{Kind: Internal, Component: Biz, Operation: "a", Time: begin})
	s.EndAt(begin.Add(1234567))
	_, s = tracer.StartSpan(t.Context(), &StartOptions{Kind: Internal, Component: Biz, Operation: "b", Time: begin.Add(time.Second)})
	s.EndAt(begin) // before its start
	tracer.Flush()
	if len(spans) != 2 || !spans[0].Start.Equal(begin) || spans[0].Duration != 1234567 || spans[1].Duration != 0 {
		t.Errorf("%+v", spans)
	}
}
