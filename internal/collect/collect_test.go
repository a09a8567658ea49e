package collect

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"math"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/twinspan/twinspan/internal/bus/wal"
	"github.com/twinspan/twinspan/internal/leaktest"
	"github.com/twinspan/twinspan/internal/span"
	"github.com/twinspan/twinspan/internal/store"
	"github.com/twinspan/twinspan/internal/store/storetest"
	"github.com/twinspan/twinspan/internal/wire"
	"github.com/twinspan/twinspan/sdk/id"
)

func TestMain(m *testing.M) { leaktest.Main(m) }

// bench is a collector over a real log and a store in memory that can be stopped and started again.
type bench struct {
	t     *testing.T
	dir   string
	cfg   Config
	rows  *storetest.Memory
	kv    store.KV // rows, or something around it
	log   *wal.Log
	store *store.Store
	c     *Collector
	enc   *wire.Encoder
	got   *Recovered
	now   int64
}

func newBench(t *testing.T, cfg Config) *bench {
	t.Helper()
	b := &bench{t: t, dir: t.TempDir(), cfg: cfg, rows: new(storetest.Memory), enc: wire.NewEncoder(), now: time.Now().UnixNano()}
	b.kv = b.rows
	b.start()
	t.Cleanup(b.stop)
	return b
}

func (b *bench) start() {
	b.t.Helper()
	logger := slog.New(slog.NewTextHandler(io.Discard, nil))
	walConfig := wal.DefaultConfig()
	walConfig.Dir, walConfig.SegmentBytes = b.dir+"/wal", 64<<10
	var err error
	if b.log, err = wal.Open(walConfig, logger); err != nil {
		b.t.Fatal(err)
	}
	if b.store, err = store.Open(context.Background(), b.kv); err != nil {
		b.t.Fatal(err)
	}
	b.c = New(b.cfg, b.log, b.store, 2, logger, NewMetrics())
	if b.got, err = b.c.Start(context.Background()); err != nil {
		b.t.Fatal(err)
	}
}

// stop ends at once, as a crash would: what is not cut is only in the log.
func (b *bench) stop() {
	b.c.Close()
	for _, err := range []error{b.log.Close(), b.store.Close()} {
		if err != nil {
			b.t.Error(err)
		}
	}
}

func (b *bench) restart() { b.stop(); b.start() }

// send makes a record durable and hands it over, as ingest.Writer does.
func (b *bench) send(rec wire.Record) {
	b.t.Helper()
	b.now += 1e6
	err := b.log.AppendFunc(context.Background(), []wal.Record{{Received: b.now, Data: b.enc.PackRecord(nil, &rec)}},
		func(offsets []int64) { b.c.Hand(offsets[0], b.now, &rec, func() {}) })
	if err != nil {
		b.t.Fatal(err)
	}
}

// logOnly makes a record durable and leaves it to the next start.
func (b *bench) logOnly(rec wire.Record) {
	b.t.Helper()
	if _, err := b.log.Append(context.Background(), wal.Record{Received: b.now, Data: b.enc.PackRecord(nil, &rec)}); err != nil {
		b.t.Fatal(err)
	}
}

func request(hash uint64, h ...span.Half) wire.Record {
	return wire.Record{RequestHash: hash, Batch: span.Batch{Halves: h}}
}

func (b *bench) halves(h ...span.Half) {
	b.t.Helper()
	b.send(wire.Record{Batch: span.Batch{Halves: h}})
}

func (b *bench) cut() {
	b.t.Helper()
	if err := b.c.Cut(context.Background()); err != nil {
		b.t.Fatal(err)
	}
}

// trace gives each half of a trace, from memory and store, with how often it is there.
func (b *bench) trace(t id.Trace) map[uint64]int {
	b.t.Helper()
	found := make(map[uint64]int)
	for _, r := range []store.Reader{b.c, b.store} {
		calls, _, err := r.Trace(context.Background(), t, 0)
		if err != nil {
			b.t.Fatal(err)
		}
		for _, c := range calls {
			for _, h := range []*span.Half{c.Client, c.Server} {
				if h != nil {
					found[h.Origin]++
				}
			}
		}
	}
	return found
}

// counts counts all halves by app, as series of TraceQL do.
func (b *bench) counts() map[string]int {
	b.t.Helper()
	counts := make(map[string]int)
	q := &store.Query{From: math.MinInt64}
	if err := b.c.Halves(context.Background(), q, func(h *span.Half) bool {
		counts[strings.Clone(h.App)]++
		return true
	}); err != nil {
		b.t.Fatal(err)
	}
	return counts
}

// edges sums the roll-ups by "caller>callee".
func (b *bench) edges() map[string]uint64 {
	b.t.Helper()
	sums := make(map[string]uint64)
	for _, r := range []store.Reader{b.c, b.c.Stored()} {
		_, err := r.Rollups(context.Background(), store.RollupQuery{To: 1 << 40, Step: 1}, func(row *span.Rollup) bool {
			sums[row.Caller+">"+row.Callee] += row.Calls
			return true
		})
		if err != nil {
			b.t.Fatal(err)
		}
	}
	for k, n := range sums {
		if n == 0 {
			delete(sums, k)
		}
	}
	return sums
}

// settled waits until all partitions have taken what was handed over.
func (b *bench) settled() {
	b.t.Helper()
	next := b.log.Next()
	for _, p := range b.c.parts {
		for p.mu.RLock(); p.next < next; p.mu.RLock() {
			p.mu.RUnlock()
			time.Sleep(time.Millisecond)
		}
		p.mu.RUnlock()
	}
}

func rpc(trace byte, kind span.Kind, app string, spanID, twin id.Span) span.Half {
	return span.Half{
		Trace: id.Trace{trace, 1}, Kind: kind, Type: span.TypeRPC, App: app, Span: spanID, Twin: twin, Operation: "op",
		Start: 90e9, Duration: 1000, Origin: uint64(trace)<<32 | uint64(spanID), Route: span.RouteOTLP,
	}
}

func slowConfig() Config {
	c := DefaultConfig()
	c.Window, c.RangeAge = time.Hour, time.Hour
	return c
}

func TestFoundAtOnceAndAfterTheCut(t *testing.T) {
	b := newBench(t, slowConfig())
	b.halves(rpc(1, span.KindClient, "a", 1, 0), rpc(1, span.KindServer, "b", 2, 1), rpc(1, span.KindClient, "b", 3, 0))
	b.settled()
	for _, step := range []func(){func() {}, b.cut, b.restart} {
		step()
		if got := fmt.Sprint(b.trace(id.Trace{1, 1})); got != fmt.Sprint(map[uint64]int{1<<32 | 1: 1, 1<<32 | 2: 1, 1<<32 | 3: 1}) {
			t.Fatalf("halves %v", got)
		}
	}
	if got := fmt.Sprint(b.edges()); got != "map[a>b:1 b>:1]" {
		t.Errorf("edges %v", got)
	}
}

func TestALateHalfCorrectsTheCount(t *testing.T) {
	for name, between := range map[string]func(*bench){
		"next range": (*bench).cut, "after a restart": func(b *bench) { b.cut(); b.restart() },
	} {
		for _, order := range [][]span.Half{
			{rpc(1, span.KindClient, "a", 1, 0), rpc(1, span.KindServer, "b", 2, 1)},
			{rpc(1, span.KindServer, "b", 2, 1), rpc(1, span.KindClient, "a", 1, 0)},
		} {
			b := newBench(t, slowConfig())
			b.halves(order[0])
			between(b)
			b.halves(order[1])
			b.settled()
			if got := fmt.Sprint(b.edges()); got != "map[a>b:1]" {
				t.Errorf("%s, %v first: edges %v", name, order[0].Kind, got)
			}
			b.cut()
			if got := fmt.Sprint(b.edges()); got != "map[a>b:1]" {
				t.Errorf("%s, %v first: edges %v after the cut", name, order[0].Kind, got)
			}
		}
	}
}

func TestDeliveriesOfAMessageOverRanges(t *testing.T) {
	b := newBench(t, slowConfig())
	mq := func(h span.Half) span.Half { h.Type = span.TypeMQ; return h }
	b.halves(mq(rpc(1, span.KindProducer, "a", 1, 0)), mq(rpc(1, span.KindConsumer, "b", 2, 1)))
	b.cut()
	b.halves(mq(rpc(1, span.KindConsumer, "c", 3, 1)))
	b.cut()
	b.restart()
	b.halves(mq(rpc(1, span.KindConsumer, "d", 4, 1)))
	b.settled()
	if got := fmt.Sprint(b.edges()); got != "map[a>b:1 a>c:1 a>d:1]" {
		t.Errorf("edges %v", got)
	}
}

func TestTheSameHalfIsCountedOnce(t *testing.T) {
	b := newBench(t, slowConfig())
	agent := rpc(1, span.KindClient, "a", id.SpanOf("0.1"), 0)
	agent.Dotted, agent.Route, agent.Type = "0.1", span.RouteAgent, span.TypeDB
	zipkin := agent
	zipkin.Route, zipkin.Origin = span.RouteZipkin, 77
	retry := agent
	retry.Origin = 78 // Java writes retries with one id: another line is another half
	b.halves(agent)
	b.halves(agent)
	b.halves(zipkin)
	b.halves(retry)
	b.settled()
	if got := fmt.Sprint(b.edges()); got != "map[a>:2]" {
		t.Errorf("edges %v", got)
	}
	if got := b.trace(id.Trace{1, 1}); got[77] != 1 || got[78] != 1 || got[agent.Origin] != 1 {
		t.Errorf("halves %v: the reader needs both routes to merge them", got)
	}
}

func TestRecoveryKnowsRequestsAndProgress(t *testing.T) {
	b := newBench(t, slowConfig())
	b.send(wire.Record{RequestHash: 11, Progress: []wire.Progress{{File: "h/f", To: 100}}})
	b.cut()
	b.send(wire.Record{RequestHash: 12, Progress: []wire.Progress{{File: "h/f", To: 200}, {File: "h/g", To: 5}}})
	b.restart()
	if fmt.Sprint(b.got.Progress) != "map[h/f:200 h/g:5]" {
		t.Errorf("progress %v", b.got.Progress)
	}
	hashes := make(map[uint64]int)
	for _, r := range b.got.Requests {
		hashes[r.Hash]++
	}
	if fmt.Sprint(hashes) != "map[11:1 12:1]" {
		t.Errorf("requests %v", hashes)
	}
}

func TestAStartReadsTheStatesBackToTheLastWhole(t *testing.T) {
	cfg := slowConfig()
	cfg.LateWindow = 0
	b := newBench(t, cfg)
	want := make(map[string]int64)
	for round := range 3 {
		for n := range wholeEvery - 50 {
			p := wire.Progress{File: fmt.Sprintf("h/%d", n), To: int64(round*1000 + n + 1)}
			if round > 0 && n > 3 {
				p.File = fmt.Sprintf("h/%d", n%4) // few files go on
			}
			b.send(wire.Record{Progress: []wire.Progress{p}})
			b.cut()
			want[p.File] = p.To
		}
		b.now = max(b.now, time.Now().UnixNano())
		b.restart()
		if !reflect.DeepEqual(b.got.Progress, want) {
			t.Fatalf("round %d: progress of %d files, want %d, or it differs", round, len(b.got.Progress), len(want))
		}
	}
	// The clock of what is sent may be ahead of the real one.
	states, err := b.c.statesOf(context.Background(), progressPartition, max(b.now, time.Now().UnixNano())+1)
	if last := len(states) - 1; err != nil || last < 0 || last >= wholeEvery || !states[last].whole {
		t.Errorf("%d states were read, %v", len(states), err)
	}
}

func TestARequestThatIsTwiceInTheLogCountsOnce(t *testing.T) {
	b := newBench(t, slowConfig())
	stats := span.Batch{Stats: []span.Stat{{App: "a", Kind: span.KindServer, Count: 5, Begin: 90e9}}}
	for _, rec := range []wire.Record{
		{Progress: []wire.Progress{{File: "h/f", To: 10}}, Batch: stats},
		{Progress: []wire.Progress{{File: "h/f", To: 10}}, Batch: stats},
		{Progress: []wire.Progress{{File: "h/f", To: 20}}, Batch: stats},
		{RequestHash: 7, Batch: stats}, {RequestHash: 7, Batch: stats},
	} {
		b.logOnly(rec)
	}
	b.restart()
	b.settled()
	if got := fmt.Sprint(b.edges()); got != "map[>a:15]" {
		t.Errorf("edges %v", got)
	}
}

// Whatever order halves come in, and whenever ranges are cut or the process ends, every half is found once and every
// edge has the count of a run without any of that.
func TestCrashesLoseAndDoubleNothing(t *testing.T) {
	for seed := range uint64(6) {
		r := rand.New(rand.NewPCG(seed, 5))
		b := newBench(t, slowConfig())
		var all []span.Half
		want := make(map[string]uint64)
		for n := range byte(60) {
			client, server := fmt.Sprintf("app%d", r.IntN(3)), fmt.Sprintf("app%d", 3+r.IntN(3))
			all = append(all, rpc(n+1, span.KindClient, client, 1, 0), rpc(n+1, span.KindServer, server, 2, 1))
			want[client+">"+server]++
		}
		r.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
		for len(all) > 0 {
			n := min(1+r.IntN(8), len(all))
			b.halves(append([]span.Half(nil), all[:n]...)...)
			all = all[n:]
			switch r.IntN(6) {
			case 0:
				b.cut()
			case 1:
				b.restart()
			}
		}
		b.settled()
		for _, last := range []func(){func() {}, b.cut, b.restart} {
			last()
			b.settled()
			if got := b.edges(); fmt.Sprint(got) != fmt.Sprint(want) {
				t.Fatalf("seed %d: edges %v, want %v", seed, got, want)
			}
			for n := range byte(60) {
				key := uint64(n+1) << 32
				if got := fmt.Sprint(b.trace(id.Trace{n + 1, 1})); got != fmt.Sprint(map[uint64]int{key | 1: 1, key | 2: 1}) {
					t.Fatalf("seed %d: trace %d has %v", seed, n, got)
				}
			}
		}
	}
}

// A range counts once at every moment while it moves from memory into the store.
func TestCountsAreExactWhileARangeMoves(t *testing.T) {
	b := newBench(t, slowConfig())
	for n := range byte(60) {
		h := rpc(n+1, span.KindClient, "a", 1, 0)
		h.Type, h.Peer = span.TypeDB, "mysql:x"
		b.halves(h)
		b.settled()
		cut := make(chan error, 1)
		go func() { cut <- b.c.Cut(context.Background()) }()
		for moving := true; moving; {
			select {
			case err := <-cut:
				if err != nil {
					t.Fatal(err)
				}
				moving = false
			default:
			}
			if got := b.edges()["a>mysql:x"]; got != uint64(n)+1 {
				t.Fatalf("%d calls counted, want %d", got, n+1)
			}
		}
		if n > 10 && testing.Short() {
			break
		}
	}
}

func TestStateSurvives(t *testing.T) {
	want := state{cut: 5, progress: []wire.Progress{{File: "f", To: 9}}, whole: true, requests: []RequestHash{{1, 2, 3}}, late: []lateRow{
		{hash: 7, gone: true, call: lateCall{key: &span.RollupKey{Minute: 3, Caller: "a", LoadTest: true}, duration: 4, failed: true, client: true, producer: true}}}}
	got, err := decodeState(want.append(nil), 5)
	if err != nil || got.cut != 5 || !got.whole || fmt.Sprint(got.progress, got.requests) != fmt.Sprint(want.progress, want.requests) {
		t.Fatalf("%+v %v", got, err)
	}
	if old, err := decodeState(want.append(nil), 6); err != nil || len(old.progress) != 1 || !old.whole || len(old.requests)+len(old.late) != 0 {
		t.Errorf("of an old state: %+v %v", old, err)
	}
	if l := got.late[0]; l.hash != 7 || !l.gone || !l.call.equal(&want.late[0].call) {
		t.Errorf("%+v", l)
	}
}

func FuzzState(f *testing.F) {
	s := state{cut: 5, late: []lateRow{{hash: 7, call: lateCall{key: new(span.RollupKey)}}}}
	f.Add(s.append(nil))
	f.Fuzz(func(_ *testing.T, b []byte) { _, _ = decodeState(b, 0) })
}
