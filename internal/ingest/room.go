package ingest

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/semaphore"
)

// Room is the memory that requests may have, of all receivers, connections and tenants together: one part for bodies that
// are being read and decoded, one for what is decoded and not paired yet. A request takes of the second part while it holds
// some of the first, never the other way round, so that requests cannot wait for each other in a circle. It is safe for
// concurrent use.
type Room struct {
	bodies, decoded part
	// patience is how long a request waits for room.
	patience time.Duration
}

// part is a number of bytes of which some are in use.
type part struct {
	size int64
	free *semaphore.Weighted
	used atomic.Int64
}

func (p *part) open(size int64) { p.size, p.free = size, semaphore.NewWeighted(size) }

func (p *part) try(size int64) bool {
	ok := p.free.TryAcquire(size)
	if ok {
		p.used.Add(size)
	}
	return ok
}

func (p *part) release(size int64) {
	p.used.Add(-size)
	p.free.Release(size)
}

// NewRoom bounds that memory as cfg says.
func NewRoom(cfg *Config) *Room {
	r := &Room{patience: cfg.MaxWait}
	r.decoded.open(cfg.MaxInFlightBytes)
	r.bodies.open(cfg.MaxReadingBytes)
	return r
}

// Errors that say why a request is told to come later.
var (
	errNoRoom    = fmt.Errorf("%w: what was taken before is not paired yet", ErrLater)
	errNoReading = fmt.Errorf("%w: the requests that are being read take all the memory that is set aside for them", ErrLater)
)

// acquire waits for size bytes of a part. none is the error where it waits in vain.
func (r *Room) acquire(ctx context.Context, from *part, size int64, none error) error {
	if from.try(size) {
		return nil
	}
	patient, cancel := context.WithTimeout(ctx, r.patience)
	defer cancel()
	if err := from.free.Acquire(patient, size); err == nil {
		from.used.Add(size)
		return nil
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	return fmt.Errorf("%w, waited %v", none, r.patience)
}

// Lease is what one request holds of the memory for bodies. nil is not bounded. It is safe for concurrent use.
type Lease struct {
	room  *Room
	mu    sync.Mutex
	held  int64
	ended bool
}

// Lease waits for size bytes. Errors wrap ErrLater or are the context's.
func (r *Room) Lease(ctx context.Context, size int64) (*Lease, error) {
	if r == nil {
		return nil, nil
	}
	size = min(size, r.bodies.size)
	if err := r.acquire(ctx, &r.bodies, size, errNoReading); err != nil {
		return nil, err
	}
	return &Lease{room: r, held: size}, nil
}

// TryLease is Lease for those who cannot wait.
func (r *Room) TryLease(size int64) (*Lease, error) {
	size = min(size, r.bodies.size)
	if !r.bodies.try(size) {
		return nil, errNoReading
	}
	return &Lease{room: r, held: size}, nil
}

// Grow makes the lease one of size bytes if it is smaller. It does not wait: whoever holds some and waits for more could be
// waited for.
func (l *Lease) Grow(size int64) error {
	if l == nil {
		return nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if size = min(size, l.room.bodies.size); size <= l.held {
		return nil
	}
	if l.ended {
		return context.Canceled
	}
	if !l.room.bodies.try(size - l.held) {
		return errNoReading
	}
	l.held = size
	return nil
}

// Release ends the lease. Only the first call has an effect.
func (l *Lease) Release() {
	if l == nil {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.ended {
		l.room.bodies.release(l.held)
	}
	l.held, l.ended = 0, true
}

// Metrics gives what is in use as gauges, to be registered by the caller.
func (r *Room) Metrics() []prometheus.Collector {
	gauge := func(part string, of *part) prometheus.Collector {
		return prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "twinspan_ingest_memory_bytes", Help: "Memory of requests, by part: reading, or decoded and not paired yet.",
			ConstLabels: prometheus.Labels{"part": part},
		}, func() float64 { return float64(of.used.Load()) })
	}
	return []prometheus.Collector{gauge("reading", &r.bodies), gauge("decoded", &r.decoded)}
}
