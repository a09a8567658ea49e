package main

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"time"
)

// broker is a small message broker over HTTP, so that the example has a queue without another server: topics, consumer
// groups of which each gets every message, and delivery again of what a consumer did not take. It keeps all in memory.
// It is not traced, as Kafka is not: the spans of the hop are the producer's and the consumer's.
type broker struct {
	mu     sync.Mutex
	topics map[string]map[string]*group
	last   int
}

type group struct {
	waiting chan message
	open    int // waiting, or delivered and not yet settled; guarded by broker.mu
}

// message is what goes through the broker. Headers carry the trace context.
type message struct {
	ID      string            `json:"id"`
	Topic   string            `json:"topic"`
	From    string            `json:"from"`
	Headers map[string]string `json:"headers"`
	Body    payment           `json:"body"`
	// Attempt is 1 for the first delivery.
	Attempt int `json:"attempt"`
}

const (
	topicPaid     = "payment-succeeded"
	maxAttempts   = 3
	pollTime      = 2 * time.Second
	queueCapacity = 10_000
)

func newGroup() *group { return &group{waiting: make(chan message, queueCapacity)} }

func newQueue(*service) (parts, error) {
	b := &broker{topics: map[string]map[string]*group{topicPaid: {"notify": newGroup(), "settlement": newGroup()}}}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /topics/{topic}", b.publish)
	mux.HandleFunc("GET /topics/{topic}/{group}", b.next)
	mux.HandleFunc("POST /topics/{topic}/{group}/settle", b.settle)
	mux.HandleFunc("GET /depth", b.depth)
	return parts{web: mux}, nil
}

func (b *broker) publish(w http.ResponseWriter, r *http.Request) {
	var m message
	if !readJSON(w, r, &m) {
		return
	}
	if chance(0.004) {
		http.Error(w, "broker is electing a leader", http.StatusServiceUnavailable)
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.last++
	m.ID, m.Topic, m.Attempt = fmt.Sprintf("msg-%08d", b.last), r.PathValue("topic"), 1
	for _, g := range b.topics[m.Topic] {
		if len(g.waiting) < queueCapacity {
			g.open++
			g.waiting <- m
		}
	}
	writeJSON(w, http.StatusOK, m.ID)
}

func (b *broker) group(r *http.Request) *group {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.topics[r.PathValue("topic")][r.PathValue("group")]
}

// next waits for a group's next message, for a while.
func (b *broker) next(w http.ResponseWriter, r *http.Request) {
	g := b.group(r)
	if g == nil {
		http.Error(w, "no such topic or group", http.StatusNotFound)
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), pollTime)
	defer cancel()
	select {
	case m := <-g.waiting:
		writeJSON(w, http.StatusOK, m)
	case <-ctx.Done():
		w.WriteHeader(http.StatusNoContent)
	}
}

// settle takes a message that a consumer is done with; one that it could not work on, ?failed, is delivered again.
func (b *broker) settle(w http.ResponseWriter, r *http.Request) {
	var m message
	g := b.group(r)
	if g == nil || !readJSON(w, r, &m) {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if r.URL.Query().Has("failed") && m.Attempt < maxAttempts && len(g.waiting) < queueCapacity {
		m.Attempt++
		g.waiting <- m
	} else {
		g.open--
	}
	w.WriteHeader(http.StatusNoContent)
}

// depth tells how many messages are not settled.
func (b *broker) depth(w http.ResponseWriter, _ *http.Request) {
	b.mu.Lock()
	defer b.mu.Unlock()
	n := 0
	for _, groups := range b.topics {
		for _, g := range groups {
			n += g.open
		}
	}
	writeJSON(w, http.StatusOK, n)
}
