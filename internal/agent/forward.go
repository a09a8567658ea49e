package agent

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/twinspan/twinspan/internal/wire"
)

// Names of the protocol, see docs/formats/agent-protocol.md.
const (
	pushPath     = "/v1/push"
	contentType  = "application/x-protobuf"
	reasonHeader = "Twinspan-Reason"
	malformed    = "malformed"
)

// maxAnswer bounds what is read of an answer.
const maxAnswer = 4 << 20

// maxRetryAfter bounds what a collector can ask for.
const maxRetryAfter = time.Minute

// outcome is what became of one attempt to send.
type outcome struct {
	progress []wire.Progress // set when it was acknowledged
	// tooMuch: the collector does not take the request as it is, now or later.
	tooMuch bool
	// after is what the collector asked to wait, 0 if nothing.
	after  time.Duration
	reason string // label of Metrics.Errors
	err    error
}

// post sends one request.
func (a *Agent) post(ctx context.Context, body []byte) outcome {
	ctx, cancel := context.WithTimeout(ctx, a.cfg.RequestTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, a.url, bytes.NewReader(body))
	if err != nil {
		return outcome{reason: "network", err: err}
	}
	req.Header.Set("Content-Type", contentType)
	if a.cfg.Compress {
		req.Header.Set("Content-Encoding", "zstd")
	}
	if token := a.token(); token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	if a.cfg.Tenant != "" && a.cfg.TenantHeader != "" {
		req.Header.Set(a.cfg.TenantHeader, a.cfg.Tenant)
	}
	res, err := a.client.Do(req)
	if err != nil {
		return outcome{reason: "network", err: err}
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer))
	if err != nil {
		return outcome{reason: "network", err: fmt.Errorf("read the collector's answer: %w", err)}
	}
	return judge(res, answer)
}

// judge reads an answer.
func judge(res *http.Response, answer []byte) outcome {
	if res.StatusCode == http.StatusOK {
		progress, err := wire.DecodePushAnswer(answer)
		if err != nil {
			return outcome{reason: "answer", err: fmt.Errorf("read the collector's answer: %w", err)}
		}
		return outcome{progress: progress}
	}
	out := outcome{
		reason: "status",
		err: fmt.Errorf("the collector answered %s: %s", res.Status,
			strings.TrimSpace(string(answer[:min(len(answer), 200)]))),
	}
	switch res.StatusCode {
	case http.StatusTooManyRequests, http.StatusServiceUnavailable:
		out.reason = "busy"
		if s, err := strconv.Atoi(res.Header.Get("Retry-After")); err == nil && s > 0 {
			out.after = min(time.Duration(s)*time.Second, maxRetryAfter)
		}
	case http.StatusRequestEntityTooLarge:
		out.reason, out.tooMuch = "too_large", true
	case http.StatusBadRequest:
		// Anything may answer 400; only a collector says what it means by it.
		if res.Header.Get(reasonHeader) == malformed {
			out.reason, out.tooMuch = "refused", true
		}
	}
	return out
}

// settle brings queue and files up to date with what became of queue[0], and gives how long to wait before the next
// attempt.
func (a *Agent) settle(out outcome, now time.Time) time.Duration {
	p := a.queue[0]
	p.tries++
	if out.err == nil {
		if out.err = a.acknowledge(p, out.progress); out.err == nil {
			if a.failures > 0 {
				a.log.Info("the collector takes logs again", "collector", a.cfg.Collector, "failed_attempts", a.failures)
			}
			a.failures, a.failing = 0, false
			return 0
		}
		out.reason = "answer"
	}
	a.metrics.Errors.WithLabelValues(out.reason).Inc()
	if out.tooMuch && a.divide(p, out.err) {
		return 0
	}
	a.failures++
	if !a.failing || now.Sub(a.complained) >= 30*time.Second {
		a.failing, a.complained = true, now
		a.log.Warn("logs cannot be sent, the agent keeps its place and tries again", "collector", a.cfg.Collector,
			"attempt", a.failures, "error", out.err)
	}
	return max(a.backoff(), out.after)
}

// backoff doubles from 100 ms to the configured limit, and takes half to all of that.
func (a *Agent) backoff() time.Duration {
	wait := a.cfg.MaxBackoff
	if n := min(a.failures, 20) - 1; 100*time.Millisecond<<n < wait {
		wait = 100 * time.Millisecond << n
	}
	return wait/2 + rand.N(wait/2+1)
}

// errAnswer says that an answer is not about what was sent.
var errAnswer = errors.New("the collector's answer does not fit the request, is it a Twinspan collector?")

// acknowledge takes the collector's answer to p, the first of the queue.
func (a *Agent) acknowledge(p *push, progress []wire.Progress) error {
	to := make(map[string]int64, len(progress))
	for _, g := range progress {
		to[g.File] = g.To
	}
	for _, c := range p.chunks {
		if at, ok := to[c.file.key]; !ok || at < c.from {
			return errAnswer
		}
	}
	a.queue = a.queue[1:]
	a.metrics.Pushes.Inc()
	a.dirty = true
	for _, c := range p.chunks {
		if at := to[c.file.key]; at == c.to {
			c.file.acked = at
			a.count(c)
		} else {
			a.resume(c, at)
		}
	}
	return nil
}

// count adds a chunk that was taken to the metrics.
func (a *Agent) count(c *chunk) {
	a.metrics.Bytes.Add(float64(c.to - c.from))
	a.metrics.Lines.Add(float64(c.lines))
	for _, r := range c.records {
		if r.half != nil {
			a.metrics.Halves.Inc()
		} else {
			a.metrics.Stats.Inc()
		}
	}
	for _, reason := range c.rejected {
		a.metrics.Rejected.WithLabelValues(string(reason)).Inc()
	}
}

// resume goes on where the collector wants to: it has had the chunk's file up to at before, which this agent did not
// know because it was restarted in between.
func (a *Agent) resume(c *chunk, at int64) {
	f := c.file
	followed := a.follows(f)
	for _, later := range a.queue {
		kept := later.chunks[:0:0]
		for _, l := range later.chunks {
			if l.file != f || !followed && l.from >= at {
				kept = append(kept, l)
			}
		}
		if len(kept) < len(later.chunks) {
			later.chunks, later.body = kept, nil
		}
	}
	kept := a.queue[:0:0]
	for _, later := range a.queue {
		if len(later.chunks) > 0 {
			kept = append(kept, later)
		}
	}
	a.queue = kept
	if !followed {
		a.lost(f, c.to-at)
		return
	}
	a.log.Info("a log file goes on where the collector has it", "file", f.path, "sent_from", c.from, "goes_on_at", at)
	f.goTo(at)
}

// divide makes a request smaller that the collector does not take as it is. A single record that it does not take is left
// out. It is false when there is nothing that could be divided.
func (a *Agent) divide(p *push, why error) bool {
	switch n := p.records(); {
	case n > 1:
		first, second := p.split()
		a.queue = append([]*push{first, second}, a.queue[1:]...)
	case n == 1:
		rest, refused, f := p.without()
		a.queue[0] = rest
		a.log.Error("the collector does not take a log record, it is left out", "file", f.path, "offset", refused.from,
			"bytes", refused.to-refused.from, "error", why)
	default:
		return false
	}
	return true
}
