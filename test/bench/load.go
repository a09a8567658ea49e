package main

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// sent is one request that was acknowledged.
type sent struct {
	template int
	nonce    uint64
}

// load sends requests over some connections until so many spans are acknowledged, or stop is closed. A request that is not
// taken is sent again, as senders do, until giveUp is set.
type load struct {
	s         *server
	templates []*template
	conns     int
	spans     int64

	next           atomic.Uint64
	acknowledged   atomic.Int64
	attempts, busy atomic.Int64
	failed         atomic.Int64
	mu             sync.Mutex
	done           []sent
	stop           chan struct{}
}

func (l *load) run() {
	var running sync.WaitGroup
	for range l.conns {
		running.Add(1)
		go func() {
			defer running.Done()
			client := &http.Client{Transport: &http.Transport{MaxConnsPerHost: 1}, Timeout: time.Minute}
			defer client.CloseIdleConnections()
			var body []byte
			for l.acknowledged.Load() < l.spans {
				n := l.next.Add(1)
				at := int(n) % len(l.templates)
				body = l.templates[at].stamp(body, n, time.Now())
				if !l.send(client, body) {
					return
				}
				l.acknowledged.Add(int64(l.templates[at].spans))
				l.mu.Lock()
				l.done = append(l.done, sent{at, n})
				l.mu.Unlock()
			}
		}()
	}
	running.Wait()
}

// send sends one request until it is acknowledged; false when the load was stopped.
func (l *load) send(client *http.Client, body []byte) bool {
	for {
		select {
		case <-l.stop:
			return false
		default:
		}
		l.attempts.Add(1)
		req, err := http.NewRequestWithContext(context.Background(), http.MethodPost, l.s.otlp+"/v1/traces", bytes.NewReader(body))
		if err != nil {
			return false
		}
		req.Header.Set("Content-Type", "application/x-protobuf")
		resp, err := client.Do(req)
		if err == nil {
			_, _ = io.Copy(io.Discard, resp.Body)
			_ = resp.Body.Close()
			if resp.StatusCode == http.StatusOK {
				return true
			}
			l.busy.Add(1)
		} else {
			l.failed.Add(1)
		}
		time.Sleep(20 * time.Millisecond)
	}
}
