package ingest

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/twinspan/twinspan/internal/span"
)

// ErrMedia says that a request's Content-Type, or the format that it names, is not one that the receiver reads.
var ErrMedia = errors.New("content type not supported")

// Intake is what receivers of spans do behind their decoders: write what was read, count how it was answered, and say why
// something was not taken. It is safe for concurrent use.
type Intake struct {
	Limits Limits
	Bodies *Bodies
	// Write makes a request durable: a Sink's, or a test's.
	Write   func(context.Context, Request) error
	Metrics *ReceiverMetrics
	Log     *slog.Logger
	pace    Pace
}

// NewIntake makes an Intake that gives what is read to w.
func NewIntake(cfg Limits, w Sink, m *ReceiverMetrics, log *slog.Logger) *Intake {
	return &Intake{Limits: cfg, Bodies: BodiesFor(w), Write: w.Write, Metrics: m, Log: log}
}

// Left is what a request was taken without or was changed in.
type Left struct {
	// Rejected counts spans that cannot be used, by reason (a label of the metrics). First describes the first one.
	Rejected map[string]int
	First    string
	// Clamped counts spans that ended before they began, Trimmed those with more attributes, events or links than are kept.
	Clamped, Trimmed int
	// Shortened counts those of which the Writer left attributes out or cut one: its limits are for all protocols.
	Shortened int
}

// Reject counts a span that cannot be used.
func (l *Left) Reject(reason string, describe func() string) {
	if l.Rejected == nil {
		l.Rejected, l.First = make(map[string]int), describe()
	}
	l.Rejected[reason]++
}

// Trim leaves out what a half has beyond the limits.
func (l *Left) Trim(h *span.Half, limits *Limits) {
	p, dropped := h.Payload.Limit(limits.MaxAttributes)
	if dropped > 0 {
		h.Payload = p
		l.Trimmed++
	}
}

// Spans is the number of rejected spans.
func (l *Left) Spans() (n int) {
	for _, c := range l.Rejected {
		n += c
	}
	return n
}

// Describe says what was left out of a request of which taken spans were taken; "" for nothing.
func (l *Left) Describe(taken int) string {
	var said []string
	if n := l.Spans(); n > 0 {
		said = append(said, fmt.Sprintf("%d of %d spans cannot be used; the first is %s", n, n+taken, l.First))
	}
	if n := max(l.Trimmed, l.Shortened); n > 0 {
		said = append(said, fmt.Sprintf("%d of %d spans were taken without the attributes, events or links that are beyond the limits; see max_attributes and max_attribute_bytes", n, taken))
	}
	return strings.Join(said, "; ")
}

// TakeSome is Take, but for a request of which no span can be used: it is refused, because then its sender is at fault.
func (i *Intake) TakeSome(ctx context.Context, protocol string, req Request, left *Left) error {
	if len(req.Batch.Halves) == 0 && left.Spans() > 0 {
		return i.Refuse(ctx, protocol, fmt.Errorf("%w: %s", ErrInvalid, left.Describe(0)))
	}
	return i.Take(ctx, protocol, req, left)
}

// Take writes a decoded request and counts the answer that its sender gets: nil, or the error of Write. protocol is a label
// of the metrics.
func (i *Intake) Take(ctx context.Context, protocol string, req Request, left *Left) error {
	spans := len(req.Batch.Halves) // the batch is the Sink's from now on
	req.Left = left
	if err := i.Write(ctx, req); err != nil {
		return i.Refuse(ctx, protocol, err)
	}
	i.Metrics.Taken(protocol, spans, left.Clamped, left.Trimmed)
	if len(left.Rejected) == 0 {
		i.Metrics.Requests.WithLabelValues(protocol, "ok").Inc()
		return nil
	}
	for why, n := range left.Rejected {
		i.Metrics.Rejected.WithLabelValues(protocol, why).Add(float64(n))
	}
	i.Metrics.Requests.WithLabelValues(protocol, "partial").Inc()
	i.sample(ctx, protocol, left.Describe(spans))
	return nil
}

// Refuse counts a request that is answered with err, which it gives back.
func (i *Intake) Refuse(ctx context.Context, protocol string, err error) error {
	i.Metrics.Requests.WithLabelValues(protocol, Outcome(err)).Inc()
	i.sample(ctx, protocol, err.Error())
	return err
}

// samplePace is how often a refused request is described in the log.
const samplePace = 10 * time.Second

// sample describes what was not taken in the collector's log, not more than once in a while.
func (i *Intake) sample(ctx context.Context, protocol, why string) {
	if i.pace.Allow(time.Now(), samplePace) {
		i.Log.WarnContext(ctx, "spans not taken as they were sent", "protocol", protocol, "reason", why)
	}
}

// Answer says in HTTP's words what err asks the sender to do: 429 and 503 are to be sent again, others are not. acceptPost lists the
// content types that are taken. The body is plain text.
func (i *Intake) Answer(w http.ResponseWriter, err error, acceptPost string) {
	http.Error(w, err.Error(), i.Head(w, err, acceptPost))
}

// Head sets the headers that go with err, and gives the status.
func (i *Intake) Head(w http.ResponseWriter, err error, acceptPost string) (status int) {
	switch Outcome(err) {
	case "later":
		w.Header().Set("Retry-After", RetrySeconds(err, i.Limits.RetryAfter))
		if errors.Is(err, ErrRate) {
			return http.StatusTooManyRequests
		}
	case "too_large":
		return http.StatusRequestEntityTooLarge
	case "unsupported":
		if errors.Is(err, ErrEncoding) {
			w.Header().Set("Accept-Encoding", Encodings)
		} else {
			w.Header().Set("Accept-Post", acceptPost)
		}
		return http.StatusUnsupportedMediaType
	case "invalid":
		return http.StatusBadRequest
	}
	return http.StatusServiceUnavailable
}

// Outcome is the label of the metrics for a request that is answered with err.
func Outcome(err error) string {
	switch {
	case errors.Is(err, ErrLater):
		return "later"
	case errors.Is(err, ErrTooLarge):
		return "too_large"
	case errors.Is(err, ErrEncoding), errors.Is(err, ErrMedia):
		return "unsupported"
	case errors.Is(err, ErrInvalid):
		return "invalid"
	}
	return "cancelled"
}
