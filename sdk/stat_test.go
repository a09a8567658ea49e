package twinspan

import (
	"strings"
	"sync"
	"testing"
)

// Every span is counted exactly once, also while the counts are taken away.
func TestStatsAreExactWhileTheyAreTaken(t *testing.T) {
	tracer := stopped(t, 1000, DropWhenFull)
	const workers, each = 4, 2000
	var working sync.WaitGroup
	for range workers {
		working.Go(func() {
			for range each {
				tracer.finish(&Span{trunk: &trunk{tracer: tracer}, kind: Internal, spanWork: &spanWork{component: Biz, operation: "charge"}})
			}
		})
	}
	ended := make(chan struct{})
	go func() { working.Wait(); close(ended) }()
	total := uint64(0)
	take := func() {
		for _, v := range tracer.takeStats() {
			total += v.count
		}
	}
	for more := true; more; {
		select {
		case <-ended:
			more = false
		default:
		}
		take()
	}
	if total != workers*each {
		t.Errorf("%d spans counted, want %d", total, workers*each)
	}
}

// What each shard has room for can be too much together: it comes under the overflow key, and is counted as such.
func TestOverflowOfShardsTogether(t *testing.T) {
	tracer := stopped(t, 8192, DropWhenFull)
	tracer.config.StatMaxKeys = 1
	for i, operation := range []string{"a", "b", "c"} {
		s := &Span{trunk: &trunk{tracer: tracer}, kind: Internal, spanWork: &spanWork{component: Biz, operation: operation}}
		var r resolved
		s.resolve(&r)
		tracer.shards.list[i].stats.add(tracer, s, &r)
	}
	over := uint64(0)
	for key, v := range tracer.takeStats() {
		if key.operation == overflowKey {
			over += v.count
		}
	}
	if c := tracer.Counters(); over != 2 || c.StatOverflow != over {
		t.Errorf("%d spans under the overflow key, %+v", over, c)
	}
}

// Texts of stat keys are bounded as their number is, and operations in digest lines as well.
func TestLongKeysAreCut(t *testing.T) {
	tracer := newTracer(t, nil)
	long := strings.Repeat("x", 10_000)
	_, s := tracer.Start(t.Context(), Client, SQLClient, long)
	s.SetTag(TagSQL, long)
	s.SetRemoteApp(long)
	s.End()
	_, s = tracer.Start(t.Context(), Internal, Biz, "short")
	s.SetOperation(long)
	s.End()
	tracer.FlushStats()
	o := readJSON(t, tracer, "datasource-client-stat.log")[0]
	sql, app, operation := o["stat.key"].(map[string]any)["sql"].(string), o["remote.app"].(string), o["operation"].(string)
	if len(sql) != maxStatText || len(app) != maxStatText || len(operation) != maxOperation {
		t.Errorf("%d, %d and %d bytes", len(sql), len(app), len(operation))
	}
	for _, name := range []string{"datasource-client-digest.log", "biz-digest.log"} {
		if operation := readJSON(t, tracer, name)[0]["operation"].(string); len(operation) != maxOperation {
			t.Errorf("%s: %d bytes", name, len(operation))
		}
	}
	if sql := readJSON(t, tracer, "datasource-client-digest.log")[0]["sql"].(string); sql != long {
		t.Error("a digest line has the whole statement")
	}
}
