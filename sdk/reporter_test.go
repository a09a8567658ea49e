package twinspan

import (
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// stopped gives a Tracer whose writer does not run yet, with a queue of the given size.
func stopped(t *testing.T, queue int, policy QueuePolicy) *Tracer {
	t.Helper()
	c := DefaultConfig("pay")
	c.LogDir, c.QueueSize, c.QueuePolicy, c.StatInterval = t.TempDir(), queue, policy, time.Hour
	if err := c.Validate(); err != nil {
		t.Fatal(err)
	}
	return makeTracer(c)
}

func endSpans(t *testing.T, tracer *Tracer, n int) {
	t.Helper()
	for range n {
		_, s := tracer.Start(t.Context(), Internal, Biz, "work")
		s.End()
	}
}

func TestFullQueueDropsAndSaysSo(t *testing.T) {
	tracer := stopped(t, 3, DropWhenFull)
	endSpans(t, tracer, 10)
	go tracer.reporter.run()
	if err := tracer.Close(); err != nil {
		t.Fatal(err)
	}
	if lines, c := readLines(t, tracer, "biz-digest.log"), tracer.Counters(); len(lines) != 3 || c.QueueDropped != 7 || c.Spans != 10 {
		t.Errorf("%d lines, %+v", len(lines), c)
	}
	if o := readJSON(t, tracer, "biz-stat.log"); len(o) != 1 || o[0]["count"] != 10.0 {
		t.Errorf("stat lines have to count what was dropped: %v", o)
	}
	if self := strings.Join(readLines(t, tracer, "tracer-self.log"), "\n"); !strings.Contains(self, "[WARN]  twinspan: 7 digest lines dropped because the queue was full") {
		t.Errorf("tracer-self.log: %s", self)
	}
}

func TestFullQueueWaits(t *testing.T) {
	tracer := stopped(t, 2, WaitWhenFull)
	done := make(chan struct{})
	go func() {
		defer close(done)
		endSpans(t, tracer, 50)
	}()
	go tracer.reporter.run()
	<-done
	if err := tracer.Close(); err != nil {
		t.Fatal(err)
	}
	if lines, c := readLines(t, tracer, "biz-digest.log"), tracer.Counters(); len(lines) != 50 || c.QueueDropped != 0 {
		t.Errorf("%d lines, %+v", len(lines), c)
	}
}

func TestAfterClose(t *testing.T) {
	tracer := newTracer(t, nil)
	ctx, s := tracer.Start(t.Context(), Internal, Biz, "work")
	if err := tracer.Close(); err != nil {
		t.Fatal(err)
	}
	s.End() // neither waits nor panics, although the policy is to wait
	endSpans(t, tracer, 1)
	tracer.Flush()
	_, child := tracer.Start(ctx, Client, HTTPClient, "GET /")
	child.Inject(MapCarrier{})
	child.End()
	if c := tracer.Counters(); c.QueueDropped != 3 {
		t.Errorf("%+v", c)
	}
}

// TestDiskThatTakesNothing has a log directory that is a file, until it is made a directory.
func TestDiskThatTakesNothing(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "logs")
	if err := os.WriteFile(dir, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	c := DefaultConfig("pay")
	c.LogDir, c.StatInterval = dir, time.Hour
	tracer := makeTracer(c)
	stderr := os.Stderr
	defer func() { os.Stderr = stderr }()
	null, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	var later atomic.Int64
	start := time.Now()
	tracer.reporter.now = func() time.Time { return start.Add(time.Duration(later.Load())) }
	os.Stderr = null // the notice that the self log cannot be written
	go tracer.reporter.run()
	endSpans(t, tracer, 5)
	tracer.Flush()
	if c := tracer.Counters(); c.WriteLost != 5 || c.Written != 0 {
		t.Fatalf("%+v", c)
	}
	if err := os.Remove(dir); err != nil {
		t.Fatal(err)
	}
	endSpans(t, tracer, 1)
	tracer.Flush() // within the second in which it does not try again
	later.Store(int64(time.Hour))
	endSpans(t, tracer, 6)
	tracer.Flush()
	if c := tracer.Counters(); c.WriteLost != 6 || c.Written != 6 {
		t.Errorf("%+v", c)
	}
	if err := tracer.Close(); err != nil {
		t.Fatal(err)
	}
	lines, counters := readLines(t, tracer, "biz-digest.log"), tracer.Counters()
	stats := readJSON(t, tracer, "biz-stat.log")
	if len(stats) != 1 || stats[0]["count"] != float64(counters.Spans) {
		t.Errorf("stat lines %v, %+v", stats, counters)
	}
	if uint64(len(lines))+counters.WriteLost != counters.Spans {
		t.Errorf("%d lines, %+v", len(lines), counters)
	}
	self := strings.Join(readLines(t, tracer, "tracer-self.log"), "\n")
	if !strings.Contains(self, "is written again") || !strings.Contains(self, "lines lost because the disk did not take them") {
		t.Errorf("tracer-self.log: %s", self)
	}
}

func TestShadowFiles(t *testing.T) {
	tracer := newTracer(t, nil)
	ctx, root := tracer.StartFrom(t.Context(), headerCarrier([]string{"baggage-mark: T"}), Server, HTTPServer, "GET /")
	_, client := tracer.Start(ctx, Client, HTTPClient, "GET /")
	client.End()
	root.End()
	endSpans(t, tracer, 1)
	tracer.FlushStats()
	for name, want := range map[string]int{
		"shadow/http-server-digest.log": 1, "shadow/httpclient-digest.log": 1, "shadow/http-server-stat.log": 1, "shadow/httpclient-stat.log": 1,
		"http-server-digest.log": 0, "httpclient-digest.log": 0, "biz-digest.log": 1, "shadow/biz-digest.log": 0, "biz-stat.log": 1,
	} {
		if lines := readLines(t, tracer, name); len(lines) != want {
			t.Errorf("%s has %d lines, want %d", name, len(lines), want)
		}
	}
}

func TestConfigIsChecked(t *testing.T) {
	tests := map[string]func(*Config){
		"app":               func(c *Config) { c.App = "" },
		"log_dir":           func(c *Config) { c.LogDir = "" },
		"sample_percentage": func(c *Config) { c.SamplePercentage = 100.5 },
		"format":            func(c *Config) { c.Format = "xml" },
		"stat_interval":     func(c *Config) { c.StatInterval = time.Millisecond },
		"stat_max_keys":     func(c *Config) { c.StatMaxKeys = 0 },
		"queue_size":        func(c *Config) { c.QueueSize = 0 },
		"queue_policy":      func(c *Config) { c.QueuePolicy = "" },
		"flush_interval":    func(c *Config) { c.FlushInterval = 0 },
		"rolling":           func(c *Config) { c.Rolling = "weekly" },
		"roll_bytes":        func(c *Config) { c.Rolling, c.RollBytes = RollSize, 0 },
		"roll_keep":         func(c *Config) { c.Rolling, c.RollKeep = RollSize, 0 },
		"retention":         func(c *Config) { c.Retention = -1 },
		"server_span_id":    func(c *Config) { c.ServerSpanID = "none" },
		"biz_baggage_bytes": func(c *Config) { c.BizBaggageBytes = -1 },
		"sys_baggage_bytes": func(c *Config) { c.SysBaggageBytes = -1 },
		"inject":            func(c *Config) { c.Inject = []Propagation{SOFAHTTP, B3} },
		"extract":           func(c *Config) { c.Extract = []Propagation{"jaeger"} },
	}
	for name, change := range tests {
		c := DefaultConfig("pay")
		change(&c)
		if _, err := New(c); err == nil || !strings.Contains(err.Error(), ": "+name+" is ") {
			t.Errorf("%s: %v", name, err)
		}
	}
}
