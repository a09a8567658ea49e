// Package export sends ended spans over the network: to anything that speaks OTLP over HTTP, and to Zipkin with the tags of Java
// SOFATracer's reporter. Spans are taken into a bounded queue and sent in batches by one goroutine, with retries; what could not
// be sent is counted. OTLP over gRPC is in sdk/contrib/otlpgrpc, so that this package needs the standard library only.
//
// Logs on disk survive a restart and a network that is down; what waits here does not. Use this where there is no agent.
package export

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	twinspan "github.com/twinspan/twinspan/sdk"
)

// Config is what all exporters have in common. Zero values stand for the defaults.
type Config struct {
	// QueueSize is the number of spans that may wait. Default 8192.
	QueueSize int
	// BatchSize is the number of spans sent together. Default 512.
	BatchSize int
	// Delay is the longest time a span waits for others. Default 1s.
	Delay time.Duration
	// Timeout bounds one attempt to send. Default 10s.
	Timeout time.Duration
	// RetryFor is how long a batch is tried before it is given up. Default 1m; negative: it is tried once.
	RetryFor time.Duration
	// OnError is told why a batch is given up, at most once in 10 seconds. Default: nobody.
	OnError func(error)
}

func (c *Config) fill() {
	def := func(d *time.Duration, to time.Duration) {
		if *d == 0 {
			*d = to
		}
	}
	if c.QueueSize <= 0 {
		c.QueueSize = 8192
	}
	if c.BatchSize <= 0 {
		c.BatchSize = 512
	}
	def(&c.Delay, time.Second)
	def(&c.Timeout, 10*time.Second)
	def(&c.RetryFor, time.Minute)
	if c.OnError == nil {
		c.OnError = func(error) {}
	}
}

// Counters say what became of the spans.
type Counters struct {
	Sent    uint64
	Dropped uint64 // the queue was full, or the exporter closed
	Refused uint64 // the other side took a batch and refused these of it
	Failed  uint64 // given up after all attempts, or not to be tried again
}

// Sender sends a batch in a protocol of its own. It is called by one goroutine.
type Sender interface {
	// Send gives how many spans the other side refused. An error that wraps *Retry is worth another attempt.
	Send(ctx context.Context, spans []*twinspan.SpanData) (refused int, err error)
	Close() error
}

// Retry is an error after which the same may be sent again.
type Retry struct {
	Err   error
	After time.Duration // what the other side asked for; 0: nothing
}

// Error says what went wrong.
func (r *Retry) Error() string { return r.Err.Error() }

// Unwrap gives the cause.
func (r *Retry) Unwrap() error { return r.Err }

// Exporter is a twinspan.Exporter.
type Exporter struct {
	config Config
	sender Sender
	queue  chan *twinspan.SpanData
	flush  chan chan struct{}
	stop   chan struct{}
	done   chan struct{}
	once   sync.Once

	sent, dropped, refused, failed atomic.Uint64

	lastError time.Time
	closeErr  error
}

// New starts an exporter that sends by sender, which it owns.
func New(config Config, sender Sender) *Exporter {
	config.fill()
	e := &Exporter{config: config, sender: sender, queue: make(chan *twinspan.SpanData, config.QueueSize),
		flush: make(chan chan struct{}), stop: make(chan struct{}), done: make(chan struct{})}
	go e.run()
	return e
}

// Export is twinspan.Exporter's.
func (e *Exporter) Export(s *twinspan.SpanData) {
	select {
	case <-e.stop:
		e.dropped.Add(1)
		return
	default:
	}
	select {
	case e.queue <- s:
	default:
		e.dropped.Add(1)
	}
}

// Counters gives what became of the spans so far.
func (e *Exporter) Counters() Counters {
	return Counters{Sent: e.sent.Load(), Dropped: e.dropped.Load(), Refused: e.refused.Load(), Failed: e.failed.Load()}
}

// Flush is twinspan.Exporter's.
func (e *Exporter) Flush() {
	done := make(chan struct{})
	select {
	case e.flush <- done:
		<-done
	case <-e.done:
	}
}

// Close sends what waits, each batch once, and stops.
func (e *Exporter) Close() error {
	e.once.Do(func() { close(e.stop) })
	<-e.done
	return e.closeErr
}

func (e *Exporter) run() {
	defer close(e.done)
	batch := make([]*twinspan.SpanData, 0, e.config.BatchSize)
	timer := time.NewTimer(e.config.Delay)
	timer.Stop()
	send := func() {
		timer.Stop()
		if len(batch) > 0 {
			e.send(batch)
			clear(batch) // lets go of the spans
			batch = batch[:0]
		}
	}
	add := func(s *twinspan.SpanData) {
		if batch = append(batch, s); len(batch) == 1 {
			timer.Reset(e.config.Delay)
		}
		if len(batch) == e.config.BatchSize {
			send()
		}
	}
	drain := func() {
		for range len(e.queue) {
			add(<-e.queue)
		}
		send()
	}
	for {
		select {
		case s := <-e.queue:
			add(s)
		case <-timer.C:
			send()
		case done := <-e.flush:
			drain()
			close(done)
		case <-e.stop:
			drain()
			e.closeErr = e.sender.Close()
			return
		}
	}
}

// The waits between attempts double from first to most, each made 0.5 to 1.5 times as long by chance.
const (
	firstWait = 200 * time.Millisecond
	mostWait  = 10 * time.Second
)

// send tries a batch until it is taken, refused, or its time is over. While the exporter closes, it is tried once.
func (e *Exporter) send(batch []*twinspan.SpanData) {
	giveUp := time.Now().Add(e.config.RetryFor)
	for wait := firstWait; ; wait = min(2*wait, mostWait) {
		ctx, cancel := context.WithTimeout(context.Background(), e.config.Timeout)
		refused, err := e.sender.Send(ctx, batch)
		cancel()
		if err == nil {
			e.refused.Add(uint64(refused))
			e.sent.Add(uint64(len(batch) - refused))
			if refused > 0 {
				e.tell(fmt.Errorf("export of spans: %d of %d refused", refused, len(batch)))
			}
			return
		}
		var retry *Retry
		pause := max(time.Duration((0.5+rand.Float64())*float64(wait)), 0)
		if errors.As(err, &retry) {
			pause = max(pause, retry.After)
		}
		if retry == nil || time.Now().Add(pause).After(giveUp) || !e.sleep(pause) {
			e.failed.Add(uint64(len(batch)))
			e.tell(fmt.Errorf("export of %d spans: %w", len(batch), err))
			return
		}
	}
}

// sleep waits, and says false when the exporter is being closed.
func (e *Exporter) sleep(d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-e.stop:
		return false
	}
}

func (e *Exporter) tell(err error) {
	if now := time.Now(); now.Sub(e.lastError) >= 10*time.Second {
		e.lastError = now
		e.config.OnError(err)
	}
}
