package ingest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/twinspan/twinspan/internal/bus/wal"
	"github.com/twinspan/twinspan/internal/span"
	"github.com/twinspan/twinspan/internal/wire"
	"github.com/twinspan/twinspan/sdk/id"
)

// handed is what a Writer handed on.
type handed struct {
	mu      sync.Mutex
	offsets []int64
	halves  []int
	taken   []func()
}

func (h *handed) hand(offset, _ int64, rec *wire.Record, taken func()) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.offsets = append(h.offsets, offset)
	h.halves = append(h.halves, len(rec.Batch.Halves))
	h.taken = append(h.taken, taken)
}

func testWriter(t *testing.T, cfg Config, walConfig wal.Config) (*Writer, *wal.Log, *handed) {
	t.Helper()
	walConfig.Dir = t.TempDir()
	log, err := wal.Open(walConfig, slog.New(slog.NewTextHandler(io.Discard, nil)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = log.Close() })
	h := new(handed)
	m := NewMetrics()
	m.Register(prometheus.NewRegistry())
	return NewWriter(cfg, log, NewRecent(cfg.ResendWindow.Nanoseconds()), h.hand, m), log, h
}

func request(hash uint64, halves int) Request {
	r := Request{Hash: hash, Batch: span.Batch{Halves: make([]span.Half, halves)}}
	for i := range r.Batch.Halves {
		r.Batch.Halves[i] = span.Half{Trace: id.Trace{1}, Span: id.Span(i + 1), Payload: make([]byte, 100)}
	}
	return r
}

// inLog counts the halves of each record of a log.
func inLog(t *testing.T, log *wal.Log) (halves []int) {
	t.Helper()
	err := log.Read(context.Background(), 0, func(e wal.Entry) error {
		r, err := wire.UnpackRecord(e.Data)
		halves = append(halves, len(r.Batch.Halves))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return halves
}

func TestWriteIsDurableAndHandedOnInOrder(t *testing.T) {
	w, log, h := testWriter(t, DefaultConfig(), wal.DefaultConfig())
	for n := range 3 {
		req := request(uint64(n+1), n+1)
		req.Batch.Stats = []span.Stat{{App: "a", Count: 1}}
		req.Progress = []wire.Progress{{File: "f", To: int64(n)}}
		if err := w.Write(context.Background(), req); err != nil {
			t.Fatal(err)
		}
		if got := inLog(t, log); len(got) != n+1 || got[n] != n+1 {
			t.Fatalf("after %d writes the log has %v", n+1, got)
		}
	}
	if got := fmt.Sprint(h.offsets, h.halves); got != "[0 1 2] [1 2 3]" {
		t.Errorf("handed on %s", got)
	}
	if w.Halves() != 6 || testutil.ToFloat64(w.metrics.Halves) != 6 || testutil.ToFloat64(w.metrics.Stats) != 3 {
		t.Errorf("counted %d halves", w.Halves())
	}
	if err := w.Write(context.Background(), Request{Hash: 9}); err != nil || len(h.offsets) != 3 {
		t.Errorf("an empty request: %v, %d records", err, len(h.offsets))
	}
}

func TestARequestSentAgainIsTakenOnce(t *testing.T) {
	w, log, h := testWriter(t, DefaultConfig(), wal.DefaultConfig())
	for range 3 {
		if err := w.Write(context.Background(), request(5, 2)); err != nil {
			t.Fatal(err)
		}
	}
	if got := inLog(t, log); len(got) != 1 {
		t.Errorf("the log has %v", got)
	}
	if resent := testutil.ToFloat64(w.metrics.Resent); resent != 4 || w.Halves() != 2 {
		t.Errorf("%g halves resent, %d taken", resent, w.Halves())
	}
	// Without a hash, every request counts.
	for range 2 {
		if err := w.Write(context.Background(), request(0, 1)); err != nil {
			t.Fatal(err)
		}
	}
	if len(h.halves) != 3 {
		t.Errorf("%d records handed on", len(h.halves))
	}
}

// TestTheSameRequestTwiceAtATime has copies of a request pass the first look before any of them is durable.
func TestTheSameRequestTwiceAtATime(t *testing.T) {
	w, log, h := testWriter(t, DefaultConfig(), wal.DefaultConfig())
	for range 2 {
		req := request(5, 2)
		if _, err := w.append(context.Background(), &req, func() {}); err != nil {
			t.Fatal(err)
		}
	}
	if got := fmt.Sprint(inLog(t, log), h.halves); got != "[2 2] [2 0]" {
		t.Errorf("in the log and handed on: %s", got)
	}
}

func TestNoMoreThanTheBoundIsInFlight(t *testing.T) {
	cfg := DefaultConfig()
	one := request(0, 1)
	size := sizeOf(&one.Batch)
	cfg.MaxInFlightBytes, cfg.MaxWait = 2*size, 0
	w, log, h := testWriter(t, cfg, wal.DefaultConfig())
	write := func() error { return w.Write(context.Background(), request(0, 1)) }
	for range 2 {
		if err := write(); err != nil {
			t.Fatal(err)
		}
	}
	if err := write(); !errors.Is(err, ErrLater) {
		t.Errorf("beyond the bound: %v", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := w.Write(ctx, request(0, 1)); !errors.Is(err, context.Canceled) || errors.Is(err, ErrLater) {
		t.Errorf("cancelled: %v", err)
	}
	w.room.patience = time.Hour
	waited := make(chan error)
	go func() { waited <- write() }()
	h.mu.Lock()
	h.taken[0]()
	h.mu.Unlock()
	if err := <-waited; err != nil {
		t.Errorf("once there is room: %v", err)
	}
	if got := len(inLog(t, log)); got != 3 {
		t.Errorf("%d records in the log, want 3", got)
	}
	// A request beyond the whole bound takes all of it rather than waiting for ever.
	for _, taken := range h.taken[1:] {
		taken()
	}
	if err := w.Write(context.Background(), request(0, 10)); err != nil {
		t.Errorf("beyond the whole bound: %v", err)
	}
	for reason, want := range map[string]float64{"busy": 1, "cancelled": 1} {
		if got := testutil.ToFloat64(w.metrics.Refused.WithLabelValues(reason)); got != want {
			t.Errorf("%g refused as %s, want %g", got, reason, want)
		}
	}
}

func TestWhatTheLogRefuses(t *testing.T) {
	walConfig := wal.DefaultConfig()
	walConfig.SegmentBytes, walConfig.MaxBytes = 4<<10, 8<<10
	w, log, h := testWriter(t, DefaultConfig(), walConfig)
	noise := func() Request { // of about 1 KiB, which does not compress
		r := request(0, 1)
		p := make([]byte, 1000)
		x := uint32(7)
		for i := range p {
			x = x*1664525 + 1013904223
			p[i] = byte(x >> 24)
		}
		r.Batch.Halves[0].Payload = p
		return r
	}
	tooLarge := noise()
	for range 4 {
		h := tooLarge.Batch.Halves[0]
		h.Payload = append([]byte(nil), h.Payload...)
		for i := range h.Payload {
			h.Payload[i] ^= byte(i * len(tooLarge.Batch.Halves) * 37)
		}
		tooLarge.Batch.Halves = append(tooLarge.Batch.Halves, h)
	}
	if err := w.Write(context.Background(), tooLarge); !errors.Is(err, ErrTooLarge) || errors.Is(err, ErrLater) {
		t.Errorf("larger than a segment: %v", err)
	}
	var err error
	for range 20 {
		if err = w.Write(context.Background(), noise()); err != nil {
			break
		}
	}
	if !errors.Is(err, ErrLater) || !errors.Is(err, wal.ErrFull) {
		t.Errorf("full: %v", err)
	}
	if err := log.Close(); err != nil {
		t.Fatal(err)
	}
	if err := w.Write(context.Background(), request(0, 1)); !errors.Is(err, ErrLater) {
		t.Errorf("closed: %v", err)
	}
	for reason, want := range map[string]float64{"too_large": 5, "full": 1, "log": 1} {
		if got := testutil.ToFloat64(w.metrics.Refused.WithLabelValues(reason)); got != want {
			t.Errorf("%g refused as %s, want %g", got, reason, want)
		}
	}
	for _, taken := range h.taken {
		taken()
	}
	if !w.room.decoded.try(w.room.decoded.size) {
		t.Error("a refused request still takes room")
	}
}

func TestRecentForgets(t *testing.T) {
	r := NewRecent(100)
	steps := []struct {
		hash  uint64
		at    int64
		known bool
	}{
		{1, 1000, false}, {1, 1050, true}, {2, 1101, false}, // a new generation
		{1, 1150, true}, {3, 1202, false}, // the first is dropped
		{1, 1203, false}, {2, 1203, true},
	}
	for i, s := range steps {
		if got := r.seen(s.hash); got != s.known {
			t.Errorf("step %d: seen %v", i, got)
		}
		if added := r.Add(s.hash, s.at); added == s.known {
			t.Errorf("step %d: added %v", i, added)
		}
	}
}

func TestConfigIsChecked(t *testing.T) {
	ok := DefaultConfig()
	if err := ok.Validate(); err != nil {
		t.Error(err)
	}
	for name, change := range map[string]func(*Config){
		"max_request_bytes":   func(c *Config) { c.MaxRequestBytes = 1 },
		"max_in_flight_bytes": func(c *Config) { c.MaxInFlightBytes = c.MaxRequestBytes - 1 },
		"max_wait":            func(c *Config) { c.MaxWait = time.Hour },
		"resend_window":       func(c *Config) { c.ResendWindow = -1 },
	} {
		c := DefaultConfig()
		if change(&c); c.Validate() == nil {
			t.Errorf("a wrong %s is accepted", name)
		}
	}
}
