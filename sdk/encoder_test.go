package twinspan

import (
	"slices"
	"strings"
	"testing"
)

func TestDigestLogsSwitchedOff(t *testing.T) {
	for _, tt := range []struct {
		off        []string
		biz, redis int
	}{
		{nil, 1, 1},
		{[]string{"biz"}, 0, 1},
		{[]string{"redis", "kafkamq-send"}, 1, 0},
		{[]string{"all"}, 0, 0},
	} {
		tracer := newTracer(t, func(c *Config) { c.DisableDigest = tt.off })
		endSpans(t, tracer, 1)
		_, s := tracer.Start(t.Context(), Client, RedisClient, "GET")
		s.End()
		tracer.FlushStats()
		biz, redis := len(readLines(t, tracer, "biz-digest.log")), len(readLines(t, tracer, "redis-digest.log"))
		if biz != tt.biz || redis != tt.redis {
			t.Errorf("%v: %d and %d lines", tt.off, biz, redis)
		}
		if len(readLines(t, tracer, "biz-stat.log")) != 1 || len(readLines(t, tracer, "redis-stat.log")) != 1 {
			t.Errorf("%v: stat logs have to go on", tt.off)
		}
	}
	c := DefaultConfig("pay")
	c.DisableDigest = []string{"okhttp"}
	if err := c.Validate(); err == nil || !strings.Contains(err.Error(), `disable_digest is "okhttp"; it has to be a list of biz, httpclient`) {
		t.Error(err)
	}
}

// TestOwnEncoder: a component's lines are the application's, and go through the queue and to the files as all others do.
func TestOwnEncoder(t *testing.T) {
	var tracer *Tracer
	tracer = newTracer(t, func(c *Config) {
		c.KeepErrors = true
		c.Sampler = func(r Root) Decision {
			if r.Operation == "quiet" {
				return SampleOut
			}
			return SampleIn
		}
		c.Encoders = map[Component]Encoder{RedisClient: func(b []byte, d *SpanData) []byte {
			if d.Operation == "PING" {
				return b
			}
			_, inner := tracer.Start(t.Context(), Internal, Biz, "inner") // the encoder holds no lock of ours
			inner.End()
			b = append(append(b, d.Operation...), '\n')
			for _, tag := range d.Tags {
				b = append(append(b, tag.Key+"="...), tag.Text()...)
			}
			return append(b, "\r\n"...)
		}}
	})
	for _, operation := range []string{"GET", "PING"} {
		_, s := tracer.Start(t.Context(), Client, RedisClient, operation)
		s.SetTag("key", "a")
		s.End()
	}
	ctx, root := tracer.Start(t.Context(), Internal, Biz, "quiet")
	_, s := tracer.Start(ctx, Client, RedisClient, "SET")
	s.Fail("no luck")
	s.End()
	root.End()
	tracer.FlushStats()
	lines, want := readLines(t, tracer, "redis-digest.log"), []string{"GET key=a", "SET sampled.out=error"}
	if slices.Sort(lines); !slices.Equal(lines, want) { // those of several CPUs come in no order
		t.Errorf("%q, want %q", lines, want)
	}
	count := 0.0
	for _, o := range readJSON(t, tracer, "redis-stat.log") {
		count += o["count"].(float64)
	}
	if lines := readLines(t, tracer, "biz-digest.log"); count != 3 || len(lines) != 2 || !strings.Contains(lines[0], `"operation":"inner"`) {
		t.Errorf("%v counted, %q", count, lines)
	}
	c := DefaultConfig("pay")
	c.Encoders = map[Component]Encoder{Inferred: func(b []byte, _ *SpanData) []byte { return b }}
	if err := c.Validate(); err == nil || !strings.Contains(err.Error(), "encoders") {
		t.Error(err)
	}
}

func TestRawJSONIsOneLine(t *testing.T) {
	tracer := newTracer(t, nil)
	_, s := tracer.Start(t.Context(), Internal, Biz, "work")
	s.SetTags(RawJSON("list", " [1,\r\n\t\"a\xff\"]\n"), RawJSON("text", "[1,\n"))
	s.End()
	tracer.Flush()
	o := readJSON(t, tracer, "biz-digest.log")
	if len(o) != 1 {
		t.Fatalf("%v", o)
	}
	attributes := o[0]["attributes"].(map[string]any)
	if list, ok := attributes["list"].([]any); !ok || len(list) != 2 || list[1] != "a\uFFFD" || attributes["text"] != "[1,\n" {
		t.Errorf("%v", attributes)
	}
}
