package agent

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"

	"github.com/twinspan/twinspan/internal/bus/wal"
	"github.com/twinspan/twinspan/internal/ingest"
	"github.com/twinspan/twinspan/internal/ingest/agentproto"
	"github.com/twinspan/twinspan/internal/leaktest"
	"github.com/twinspan/twinspan/internal/wire"
)

func TestMain(m *testing.M) {
	if os.Getenv(childEnv) != "" {
		child() // does not return
	}
	leaktest.Main(m)
}

// collector is the receiving side with a real log on disk.
type collector struct {
	t       testing.TB
	dir     string
	limit   int64
	log     *wal.Log
	server  *agentproto.Server
	handler http.Handler

	mu     sync.Mutex
	halves map[string]int // by dotted id: how often it is in the log
	stats  map[uint64]int // by origin
	total  int
	come   chan struct{} // capacity 1: something came
}

func newCollector(t testing.TB, limit int64) *collector {
	c := &collector{
		t: t, dir: t.TempDir(), limit: limit, halves: make(map[string]int), stats: make(map[uint64]int),
		come: make(chan struct{}, 1),
	}
	c.start()
	t.Cleanup(func() { _ = c.log.Close() })
	return c
}

// start opens the log and reads what is in it, as a collector does.
func (c *collector) start() {
	c.t.Helper()
	cfg := wal.DefaultConfig()
	cfg.Dir = c.dir
	var err error
	if c.log, err = wal.Open(cfg, slog.New(slog.DiscardHandler)); err != nil {
		c.t.Fatal(err)
	}
	progress := make(map[string]int64)
	for _, rec := range c.records(c.t) {
		for _, p := range rec.Progress {
			progress[p.File] = p.To
		}
	}
	in := ingest.DefaultConfig()
	in.MaxRequestBytes = c.limit
	w := ingest.NewWriter(in, c.log, ingest.NewRecent(1), c.hand, ingest.NewMetrics())
	c.server = agentproto.New(agentproto.DefaultConfig(), w, progress, slog.New(slog.DiscardHandler))
	c.handler = c.server.Handler()
}

// records gives all that is in the log.
func (c *collector) records(t testing.TB) (list []wire.Record) {
	t.Helper()
	err := c.log.Read(context.Background(), 0, func(e wal.Entry) error {
		rec, err := wire.UnpackRecord(e.Data)
		list = append(list, rec)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return list
}

func (c *collector) restart() {
	c.t.Helper()
	if err := c.log.Close(); err != nil {
		c.t.Fatal(err)
	}
	c.start()
}

func (c *collector) hand(_, _ int64, rec *wire.Record, taken func()) {
	defer taken()
	c.mu.Lock()
	defer c.mu.Unlock()
	for i := range rec.Batch.Halves {
		c.halves[strings.Clone(rec.Batch.Halves[i].Dotted)]++
		c.total++
	}
	for i := range rec.Batch.Stats {
		c.stats[rec.Batch.Stats[i].Origin]++
	}
	select {
	case c.come <- struct{}{}:
	default:
	}
}

func (c *collector) count() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.total
}

// RoundTrip makes a collector the transport of an agent, without a network.
func (c *collector) RoundTrip(r *http.Request) (*http.Response, error) {
	if err := r.Context().Err(); err != nil {
		return nil, err
	}
	rec := httptest.NewRecorder()
	c.handler.ServeHTTP(rec, r)
	return rec.Result(), nil
}

// wantOnce checks that the lines from first to n-1 came once each, and nothing else.
func (c *collector) wantOnce(first, n int) {
	c.t.Helper()
	c.mu.Lock()
	defer c.mu.Unlock()
	var missing, doubled []string
	for i := first; i < n; i++ {
		switch id := dotted(i); c.halves[id] {
		case 0:
			missing = append(missing, id)
		case 1:
		default:
			doubled = append(doubled, id)
		}
	}
	if len(missing) > 0 || len(doubled) > 0 || len(c.halves) != n-first {
		c.t.Fatalf("got %d different halves, want %d; missing %d %.20q, doubled %d %.20q", len(c.halves), n-first,
			len(missing), missing, len(doubled), doubled)
	}
}

func dotted(i int) string { return fmt.Sprintf("0.%d", i+1) }

// line is a digest line that can be told from all others.
func line(i int) string {
	return fmt.Sprintf(`{"time":"2026-11-23 16:36:%02d.%03d","local.app":"pay-a","traceId":"c000020217954230%05d100128074",`+
		`"spanId":"%s","span.kind":"server","result.code":"200","current.thread.name":"exec-1",`+
		`"time.cost.milliseconds":"74ms","request.url":"http://127.0.0.1:8081/hello","method":"GET","req.size.bytes":-1,`+
		`"resp.size.bytes":0,"error":"","sys.baggage":"","biz.baggage":""}`+"\r\n", i/1000%60, i%1000, i, dotted(i))
}

// rig is an agent whose clock and steps the test makes.
type rig struct {
	t     testing.TB
	dir   string // of logs
	cfg   Config
	agent *Agent
	now   time.Time
	// written is the time of the file that was written last.
	written time.Time
	client  http.RoundTripper
	out     bytes.Buffer // the agent's own log
	lines   int          // lines written so far
	first   int          // the first of them that has to come
}

func newRig(t testing.TB, client http.RoundTripper) *rig {
	r := &rig{t: t, dir: filepath.Join(t.TempDir(), "tracelog"), now: time.Now(), written: time.Now().Add(-time.Minute), client: client}
	r.cfg = DefaultConfig()
	r.cfg.Name, r.cfg.Paths, r.cfg.StateDir = "host-1", []string{r.dir, r.dir + "/*"}, filepath.Join(t.TempDir(), "state")
	if err := os.MkdirAll(r.dir, 0o755); err != nil {
		t.Fatal(err)
	}
	r.start()
	t.Cleanup(func() { r.kill() })
	return r
}

// start makes a new agent, as after a restart.
func (r *rig) start() {
	r.t.Helper()
	a, err := New(r.cfg, slog.New(slog.NewTextHandler(&r.out, nil)))
	if err != nil {
		r.t.Fatal(err)
	}
	a.client = &http.Client{Transport: r.client}
	r.agent = a
	a.load(r.now)
}

// kill ends the agent as kill -9 does: nothing is written any more.
func (r *rig) kill() {
	for _, f := range r.agent.files {
		f.close()
	}
}

func (r *rig) restart() {
	r.t.Helper()
	r.kill()
	r.start()
}

// step scans once and sends all there is, but gives up where the agent would wait.
func (r *rig) step() {
	r.t.Helper()
	r.agent.scan(r.now)
	r.send()
	r.agent.save(r.now, false)
}

func (r *rig) send() {
	r.t.Helper()
	for range 10000 {
		body := r.agent.next(r.now)
		if body == nil {
			return
		}
		if r.agent.settle(r.agent.post(context.Background(), body), r.now) > 0 {
			return
		}
	}
	r.t.Fatal("the agent sends without end")
}

// pass lets time go by and steps, often enough for all that waits.
func (r *rig) pass(d time.Duration) {
	r.t.Helper()
	for range 3 {
		r.now = r.now.Add(d)
		r.step()
	}
}

func (r *rig) path(name string) string { return filepath.Join(r.dir, name) }

// write appends n new lines to a log.
func (r *rig) write(name string, n int) {
	r.t.Helper()
	var b strings.Builder
	for range n {
		b.WriteString(line(r.lines))
		r.lines++
	}
	r.raw(name, b.String())
}

func (r *rig) raw(name, text string) {
	r.t.Helper()
	h, err := os.OpenFile(r.path(name), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		r.t.Fatal(err)
	}
	defer h.Close()
	if _, err := h.WriteString(text); err != nil {
		r.t.Fatal(err)
	}
	r.touch(name)
}

// touch gives a file that was written a time that no file had before: the clock of file systems stands still for
// milliseconds, and the agent knows by size and time that a file was written.
func (r *rig) touch(name string) {
	r.t.Helper()
	r.written = r.written.Add(time.Millisecond)
	if err := os.Chtimes(r.path(name), r.written, r.written); err != nil {
		r.t.Fatal(err)
	}
}

func (r *rig) rename(from, to string) {
	r.t.Helper()
	if err := os.Rename(r.path(from), r.path(to)); err != nil {
		r.t.Fatal(err)
	}
}

func (r *rig) remove(name string) {
	r.t.Helper()
	if err := os.Remove(r.path(name)); err != nil {
		r.t.Fatal(err)
	}
}

func (r *rig) copy(from, to string) {
	r.t.Helper()
	data, err := os.ReadFile(r.path(from))
	if err == nil {
		err = os.WriteFile(r.path(to), data, 0o644)
	}
	if err != nil {
		r.t.Fatal(err)
	}
}

func (r *rig) truncate(name string) {
	r.t.Helper()
	if err := os.Truncate(r.path(name), 0); err != nil {
		r.t.Fatal(err)
	}
}

func (r *rig) wantLog(part string) {
	r.t.Helper()
	if !strings.Contains(r.out.String(), part) {
		r.t.Errorf("the agent's log does not say %q:\n%s", part, r.out.String())
	}
}

// value reads a counter or gauge.
func value(t testing.TB, m prometheus.Metric) float64 {
	t.Helper()
	var d dto.Metric
	if err := m.Write(&d); err != nil {
		t.Fatal(err)
	}
	return d.GetCounter().GetValue() + d.GetGauge().GetValue()
}
