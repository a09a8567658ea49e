package main

import (
	"context"
	"errors"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
)

// TestQueue sends messages through the broker to two groups, one of which fails each message once.
func TestQueue(t *testing.T) {
	broker, err := newQueue(nil)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(broker.web)
	defer server.Close()
	peers := map[string]string{"queue": strings.TrimPrefix(server.URL, "http://")}
	newService := func(name string) *service { return &service{name: name, counts: newCounts(), peers: peers} }

	sender := newService("payment")
	const messages = 50
	sent := 0
	for range messages {
		if sender.send(t.Context(), payment{Trade: "t"}) == nil {
			sent++ // the broker refuses some, which is part of the example
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	var mu sync.Mutex
	taken := map[string]int{}
	failed := 0
	var consuming sync.WaitGroup
	consume := func(name string, fail func() bool) *service {
		s := newService(name)
		consuming.Go(func() {
			s.consume(ctx, func(context.Context, payment) error {
				mu.Lock()
				defer mu.Unlock()
				if fail() {
					return errors.New("not now")
				}
				if taken[name]++; taken["notify"]+taken["settlement"] == 2*sent {
					cancel()
				}
				return nil
			})
		})
		return s
	}
	notify := consume("notify", func() bool { failed++; return failed <= sent })
	consume("settlement", func() bool { return false })
	consuming.Wait()
	if taken["notify"] != sent || taken["settlement"] != sent {
		t.Errorf("%d sent, taken %v", sent, taken)
	}
	calls, errs := 0, 0
	for _, r := range notify.report().Edges {
		calls, errs = calls+int(r.Calls), errs+int(r.Errors)
		if r.Caller != "payment" || r.Callee != "notify" {
			t.Errorf("%+v", r)
		}
	}
	if errs != sent || calls != 2*sent {
		t.Errorf("notify counts %d deliveries, %d of them failed; %d messages were sent", calls, errs, sent)
	}
}
