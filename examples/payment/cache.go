package main

import (
	"context"
	"strconv"
	"sync"
	"time"

	twinspan "github.com/twinspan/twinspan/sdk"
)

// cache stands for a Redis: a map in the process, with the spans that a client of a cache makes.
type cache struct {
	service *service
	name    string
	mu      sync.Mutex
	values  map[string]string
}

func (s *service) newCache(name string) *cache {
	return &cache{service: s, name: name, values: make(map[string]string)}
}

func (c *cache) get(ctx context.Context, key string) (value string, ok bool) {
	defer c.span(ctx, "GET", key)()
	c.mu.Lock()
	defer c.mu.Unlock()
	value, ok = c.values[key]
	return value, ok
}

func (c *cache) set(ctx context.Context, key, value string) {
	defer c.span(ctx, "SET", key)()
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.values) > 10_000 {
		clear(c.values)
	}
	c.values[key] = value
}

// incr adds one and gives the result.
func (c *cache) incr(ctx context.Context, key string) int {
	defer c.span(ctx, "INCR", key)()
	c.mu.Lock()
	defer c.mu.Unlock()
	n, _ := strconv.Atoi(c.values[key])
	n++
	c.values[key] = strconv.Itoa(n)
	return n
}

// span begins the client half of a command; the function that it gives ends it.
func (c *cache) span(ctx context.Context, command, key string) func() {
	_, span := c.service.tracer.Start(ctx, twinspan.Client, twinspan.RedisClient, command)
	span.SetTags(
		twinspan.String(twinspan.TagDBType, "redis"),
		twinspan.String(twinspan.TagMethod, command),
		twinspan.String("db.key", key),
	)
	span.SetRemoteApp("redis:" + c.name)
	pause(ctx, 100*time.Microsecond, 900*time.Microsecond)
	return func() {
		span.End()
		c.service.counts.add(edge{
			Side: "client", Caller: c.service.name, Callee: "redis:" + c.name, Type: "cache", Operation: command, LoadTest: loadTest(ctx),
		}, false)
	}
}
