package ingest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/twinspan/twinspan/internal/bus/wal"
	"github.com/twinspan/twinspan/internal/span"
	"github.com/twinspan/twinspan/internal/wire"
)

// Config bounds what the collector takes.
type Config struct {
	// MaxRequestBytes is the greatest size of one request, unpacked.
	MaxRequestBytes int64 `yaml:"max_request_bytes"`
	// MaxInFlightBytes bounds the memory of requests that are decoded but not paired yet, durable or not. Beyond it
	// requests wait, for MaxWait at most, and are then told to come later.
	MaxInFlightBytes int64 `yaml:"max_in_flight_bytes"`
	// MaxReadingBytes bounds the memory of requests that are being read and decoded, in the same way.
	MaxReadingBytes int64         `yaml:"max_reading_bytes"`
	MaxWait         time.Duration `yaml:"max_wait"`
	// ResendWindow is how long a request is remembered, so that it is not taken twice when it is sent again.
	ResendWindow time.Duration `yaml:"resend_window"`
	// MaxAttributes is the number of attributes that a span keeps, MaxAttributeBytes the size of one. Others are dropped.
	MaxAttributes     int   `yaml:"max_attributes"`
	MaxAttributeBytes int64 `yaml:"max_attribute_bytes"`
	// Rate is what one Writer takes.
	Rate Rate `yaml:"rate"`
	// Room is the memory of max_in_flight_bytes, where several Writers share it; nil gives a Writer its own.
	Room *Room `yaml:"-"`
}

// DefaultConfig gives the limits for one machine.
func DefaultConfig() Config {
	return Config{MaxRequestBytes: 32 << 20, MaxInFlightBytes: 32 << 20, MaxReadingBytes: 64 << 20, MaxWait: 5 * time.Second, ResendWindow: 10 * time.Minute,
		MaxAttributes: 512, MaxAttributeBytes: 64 << 10, Rate: defaultRate()}
}

// Validate reports every setting that cannot be used.
func (c *Config) Validate() error {
	var errs []error
	if c.MaxRequestBytes < 1<<10 || c.MaxRequestBytes > 1<<30 {
		errs = append(errs, fmt.Errorf("max_request_bytes is %d, want %d to %d", c.MaxRequestBytes, 1<<10, 1<<30))
	}
	if c.MaxInFlightBytes < c.MaxRequestBytes {
		errs = append(errs, fmt.Errorf("max_in_flight_bytes is %d, want at least max_request_bytes, %d",
			c.MaxInFlightBytes, c.MaxRequestBytes))
	}
	if c.MaxReadingBytes < c.MaxRequestBytes {
		errs = append(errs, fmt.Errorf("max_reading_bytes is %d, want at least max_request_bytes, %d",
			c.MaxReadingBytes, c.MaxRequestBytes))
	}
	if c.MaxWait < 0 || c.MaxWait > time.Minute {
		errs = append(errs, fmt.Errorf("max_wait is %v, want 0s to 1m", c.MaxWait))
	}
	if c.ResendWindow < 0 {
		errs = append(errs, fmt.Errorf("resend_window is %v, want 0s or more", c.ResendWindow))
	}
	if c.MaxAttributes < 1 || c.MaxAttributes > 1<<20 {
		errs = append(errs, fmt.Errorf("max_attributes is %d, want 1 to %d", c.MaxAttributes, 1<<20))
	}
	if c.MaxAttributeBytes < 64 {
		errs = append(errs, fmt.Errorf("max_attribute_bytes is %d, want 64 or more", c.MaxAttributeBytes))
	}
	if err := c.Rate.Validate(); err != nil {
		errs = append(errs, fmt.Errorf("rate: %w", err))
	}
	return errors.Join(errs...)
}

// Writer makes batches durable and hands them on, in the order of the log. It is safe for concurrent use.
type Writer struct {
	cfg      Config
	log      *wal.Log
	hand     Hand
	metrics  *Metrics
	recent   *Recent
	room     *Room
	rate     *limiter
	halves   atomic.Int64
	encoders sync.Pool
	now      func() time.Time
}

// encoder is what one call of Write needs and the next can use again.
type encoder struct {
	wire *wire.Encoder
	body []byte
}

// NewWriter makes a Writer. recent holds the requests of before a restart that are still remembered.
func NewWriter(cfg Config, log *wal.Log, recent *Recent, hand Hand, m *Metrics) *Writer {
	w := &Writer{cfg: cfg, log: log, hand: hand, metrics: m, recent: recent, now: time.Now, room: cfg.Room,
		rate: newLimiter(cfg.Rate)}
	if w.room == nil {
		w.room = NewRoom(&cfg)
	}
	w.encoders.New = func() any { return &encoder{wire: wire.NewEncoder()} }
	return w
}

// Room is the memory that requests may have.
func (w *Writer) Room() *Room { return w.room }

// Limit is the greatest size of one request, unpacked, in bytes.
func (w *Writer) Limit() int64 { return w.cfg.MaxRequestBytes }

// Halves is the number of halves made durable since the start.
func (w *Writer) Halves() int64 { return w.halves.Load() }

// Write returns once the batch is on disk, or was before. Errors wrap ErrLater or ErrTooLarge, or are the context's. After
// an I/O error the batch may be there after a restart all the same: the sender has to send again, which is recognised.
func (w *Writer) Write(ctx context.Context, req Request) error {
	if req.Hash != 0 && w.recent.seen(req.Hash) {
		w.metrics.Resent.Add(float64(len(req.Batch.Halves)))
		req.Memory.Free()
		return nil
	}
	if len(req.Batch.Halves) == 0 && len(req.Batch.Stats) == 0 && len(req.Progress) == 0 {
		req.Memory.Free()
		return nil
	}
	if err := w.rate.take(w.now(), len(req.Batch.Halves), req.Bytes); err != nil {
		return w.refuse(&req, err)
	}
	w.trimAll(&req)
	size := min(sizeOf(&req.Batch), w.room.decoded.size)
	if err := w.room.acquire(ctx, &w.room.decoded, size, errNoRoom); err != nil {
		return w.refuse(&req, err)
	}
	begin := time.Now()
	again, err := w.append(ctx, &req, func() {
		w.room.decoded.release(size)
		req.Memory.Free()
	})
	if err != nil {
		w.room.decoded.release(size)
		return w.refuse(&req, err)
	}
	if again {
		w.metrics.Resent.Add(float64(len(req.Batch.Halves)))
		return nil
	}
	w.metrics.Seconds.Observe(time.Since(begin).Seconds())
	w.halves.Add(int64(len(req.Batch.Halves)))
	w.metrics.Halves.Add(float64(len(req.Batch.Halves)))
	w.metrics.Stats.Add(float64(len(req.Batch.Stats)))
	return nil
}

// statSize is about what a stat line costs in memory.
const statSize = 512

func sizeOf(b *span.Batch) int64 {
	size := int64(len(b.Stats)) * statSize
	for i := range b.Halves {
		size += int64(b.Halves[i].Size())
	}
	return size
}

// append stamps the batch, writes it to the log, and hands it on. A request that came twice at the same time is in the log
// twice: the second one is handed on empty, as it will be when the log is replayed.
func (w *Writer) append(ctx context.Context, req *Request, taken func()) (again bool, err error) {
	now := w.now().UnixNano()
	for i := range req.Batch.Halves {
		req.Batch.Halves[i].Received = now
	}
	for i := range req.Batch.Stats {
		req.Batch.Stats[i].Received = now
	}
	rec := &wire.Record{RequestHash: req.Hash, Progress: req.Progress, Batch: req.Batch}
	e := w.encoders.Get().(*encoder)
	defer w.encoders.Put(e)
	e.body = e.wire.PackRecord(e.body, rec)
	records := []wal.Record{{Received: now, Data: e.body}}
	err = w.log.AppendFunc(ctx, records, func(offsets []int64) {
		if again = req.Hash != 0 && !w.recent.Add(req.Hash, now); again {
			rec.Batch = span.Batch{}
		}
		w.hand(offsets[0], now, rec, taken)
	})
	return again, err
}

func (w *Writer) refuse(req *Request, err error) error {
	reason := "log"
	switch {
	case errors.Is(err, errNoRoom):
		reason = "busy"
	case errors.Is(err, ErrRate):
		reason = "rate"
	case errors.Is(err, wal.ErrTooLarge):
		reason, err = "too_large", fmt.Errorf("%w: %w", ErrTooLarge, err)
	case errors.Is(err, wal.ErrFull):
		reason, err = "full", fmt.Errorf("%w: %w", ErrLater, err)
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		reason = "cancelled"
	default:
		err = fmt.Errorf("%w: %w", ErrLater, err)
	}
	req.Memory.Free()
	w.metrics.Refused.WithLabelValues(reason).Add(float64(len(req.Batch.Halves)))
	return err
}
