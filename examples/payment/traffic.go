package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// traffic plays the customers: it is outside of the traced system and sends no trace context.
type traffic struct {
	gateway string
	// rate is requests a second; 0 is as fast as workers go.
	rate    float64
	workers int
	// requests ends it after so many, duration after that time; 0 is never.
	requests int
	duration time.Duration
	// loadTest is the share of requests that are marked as load test.
	loadTest float64
	// record gets a line of JSON for each answer.
	record io.Writer

	client         *http.Client
	mu             sync.Mutex // guards record and recent
	recent         []string   // trades that can be asked for
	sent, answered atomic.Int64
	failed         atomic.Int64
}

// answered is a line of the record.
type answered struct {
	TraceID  string `json:"traceId"`
	Request  string `json:"request"`
	Status   int    `json:"status"`
	LoadTest bool   `json:"loadTest"`
}

// run sends until it is time to end or ctx is done, and waits for the answers.
func (t *traffic) run(ctx context.Context) error {
	t.client = &http.Client{Timeout: 20 * time.Second, Transport: newTransport()}
	if t.duration > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, t.duration)
		defer cancel()
	}
	var tick <-chan time.Time
	if t.rate > 0 {
		ticker := time.NewTicker(time.Duration(float64(time.Second) / t.rate))
		defer ticker.Stop()
		tick = ticker.C
	}
	slots := make(chan struct{}, t.workers)
	errs := make(chan error, 1)
	var running sync.WaitGroup
	defer running.Wait()
	for n := 0; t.requests == 0 || n < t.requests; n++ {
		if tick != nil {
			select {
			case <-tick:
			case <-ctx.Done():
				return nil
			}
		}
		select {
		case slots <- struct{}{}:
		case <-ctx.Done():
			return nil
		case err := <-errs:
			return err
		}
		running.Go(func() {
			defer func() { <-slots }()
			if err := t.one(context.WithoutCancel(ctx)); err != nil {
				select {
				case errs <- err:
				default:
				}
			}
		})
	}
	running.Wait()
	select {
	case err := <-errs:
		return err
	default:
		return nil
	}
}

// one sends one request. An answer that says that something failed is no error: that happens.
func (t *traffic) one(ctx context.Context) error {
	method, path, body := t.next()
	r, err := http.NewRequestWithContext(ctx, method, "http://"+t.gateway+path, bytes.NewReader(body))
	if err != nil {
		return err
	}
	r.Header.Set("Authorization", fmt.Sprintf("Bearer %d", rand.IntN(200)))
	load := chance(t.loadTest)
	if load {
		r.Header.Set("baggage-mark", "T")
	}
	t.sent.Add(1)
	answer, err := t.client.Do(r)
	if err != nil {
		return fmt.Errorf("the gateway does not answer: %w", err)
	}
	defer answer.Body.Close()
	var tr trade
	if err := json.NewDecoder(answer.Body).Decode(&tr); err != nil && answer.StatusCode == http.StatusOK {
		return fmt.Errorf("read the gateway's answer: %w", err)
	}
	t.answered.Add(1)
	if answer.StatusCode >= 400 {
		t.failed.Add(1)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if tr.ID != "" && method == http.MethodPost {
		t.recent = append(t.recent, tr.ID)
		t.recent = t.recent[max(0, len(t.recent)-500):]
	}
	if t.record == nil {
		return nil
	}
	trace := answer.Header.Get("X-Trace-Id")
	if trace == "" {
		return errors.New("the gateway's answer names no trace")
	}
	return json.NewEncoder(t.record).Encode(answered{trace, method + " " + path, answer.StatusCode, load})
}

// next makes a request up.
func (t *traffic) next() (method, path string, body []byte) {
	user := fmt.Sprintf("u%d", 1000+rand.IntN(150))
	t.mu.Lock()
	known := fmt.Sprintf("no-such-trade-%d", rand.IntN(10))
	if len(t.recent) > 0 && !chance(0.05) {
		known = pick(t.recent)
	}
	t.mu.Unlock()
	switch p := rand.Float64(); {
	case p < 0.12:
		return http.MethodGet, "/api/trades/" + known, nil
	case p < 0.22:
		return http.MethodGet, "/api/balance/" + user, nil
	case p < 0.28:
		return http.MethodPost, "/api/trades/" + known + "/refund", nil
	}
	o := order{
		ID:       fmt.Sprintf("%s-%08x", time.Now().Format("20060102150405"), rand.Uint32()),
		User:     user,
		Merchant: fmt.Sprintf("m%d", 1+rand.IntN(len(merchantNames))),
		Cents:    100 + rand.Int64N(9_900),
		Channel:  pick([]string{"余额", "余额宝", "花呗", "银行卡"}),
	}
	if chance(0.4) {
		o.Coupon = fmt.Sprintf("c%d", rand.IntN(20))
	}
	if chance(0.01) {
		o.Cents = 0 // a customer's mistake
	}
	body, _ = json.Marshal(o)
	return http.MethodPost, "/api/pay", body
}
