package agentproto

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/klauspost/compress/zstd"

	"github.com/twinspan/twinspan/internal/bus/wal"
	"github.com/twinspan/twinspan/internal/ingest"
	"github.com/twinspan/twinspan/internal/leaktest"
	"github.com/twinspan/twinspan/internal/span"
	"github.com/twinspan/twinspan/internal/wire"
)

func TestMain(m *testing.M) { leaktest.Main(m) }

// rig is a Server with a real log.
type rig struct {
	t      testing.TB
	server *Server
	hand   func()

	mu      sync.Mutex
	origins map[uint64]int
	records []wire.Record
}

func newRig(t testing.TB, progress map[string]int64, change func(*Config, *ingest.Config)) *rig {
	r := &rig{t: t, origins: make(map[uint64]int), hand: func() {}}
	cfg := wal.DefaultConfig()
	cfg.Dir = t.TempDir()
	log, err := wal.Open(cfg, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = log.Close() })
	own, in := DefaultConfig(), ingest.DefaultConfig()
	in.MaxRequestBytes = 64 << 10
	if change != nil {
		change(&own, &in)
	}
	w := ingest.NewWriter(in, log, ingest.NewRecent(1), func(_, _ int64, rec *wire.Record, taken func()) {
		defer taken()
		r.hand()
		r.mu.Lock()
		defer r.mu.Unlock()
		for i := range rec.Batch.Halves {
			r.origins[rec.Batch.Halves[i].Origin]++
		}
		for i := range rec.Batch.Stats {
			r.origins[rec.Batch.Stats[i].Origin]++
		}
		r.records = append(r.records, *rec)
	}, ingest.NewMetrics())
	r.server = New(own, w, progress, slog.New(slog.DiscardHandler))
	return r
}

// post sends a push and gives status and answer.
func (r *rig) post(p *wire.Push) (int, map[string]int64) {
	r.t.Helper()
	return r.send(wire.NewEncoder().AppendPush(nil, p), nil)
}

func (r *rig) send(body []byte, change func(*http.Request)) (int, map[string]int64) {
	r.t.Helper()
	res := r.do(body, change)
	if res.Code != http.StatusOK {
		return res.Code, nil
	}
	list, err := wire.DecodePushAnswer(res.Body.Bytes())
	if err != nil {
		r.t.Fatal(err)
	}
	progress := make(map[string]int64)
	for _, g := range list {
		progress[g.File] = g.To
	}
	return res.Code, progress
}

func (r *rig) do(body []byte, change func(*http.Request)) *httptest.ResponseRecorder {
	req := httptest.NewRequest(http.MethodPost, Path, bytes.NewReader(body))
	req.Header.Set("Content-Type", contentType)
	if change != nil {
		change(req)
	}
	res := httptest.NewRecorder()
	r.server.Handler().ServeHTTP(res, req)
	return res
}

// chunk has one half for each ten bytes, with the half's offset as its origin, and one stat line with the origin to.
func chunk(file string, from, to int64) wire.Chunk {
	c := wire.Chunk{File: file, From: from, To: to}
	for at := from; at < to; at += 10 {
		h := span.Half{App: "pay-a", Dotted: "0.1", Origin: origin(file, at)}
		h.Trace[0], h.Span = 1, 1
		c.Batch.Halves = append(c.Batch.Halves, h)
	}
	return c
}

func origin(file string, at int64) uint64 { return uint64(file[0])<<32 | uint64(at+1) }

func push(chunks ...wire.Chunk) *wire.Push { return &wire.Push{Agent: "host-1", Chunks: chunks} }

func TestProgress(t *testing.T) {
	cases := []struct {
		name   string
		before map[string]int64
		pushes []*wire.Push
		want   map[string]int64 // the last answer
		halves int              // in the log after all
		writes int              // entries of the log
	}{
		{name: "first", pushes: []*wire.Push{push(chunk("f", 0, 100))}, want: map[string]int64{"f": 100}, halves: 10, writes: 1},
		{name: "next", pushes: []*wire.Push{push(chunk("f", 0, 100)), push(chunk("f", 100, 150))},
			want: map[string]int64{"f": 150}, halves: 15, writes: 2},
		{name: "same again", pushes: []*wire.Push{push(chunk("f", 0, 100)), push(chunk("f", 0, 100))},
			want: map[string]int64{"f": 100}, halves: 10, writes: 1},
		{name: "longer again", pushes: []*wire.Push{push(chunk("f", 0, 100)), push(chunk("f", 0, 200))},
			want: map[string]int64{"f": 100}, halves: 10, writes: 1},
		{name: "overlapping", pushes: []*wire.Push{push(chunk("f", 0, 100)), push(chunk("f", 50, 200))},
			want: map[string]int64{"f": 100}, halves: 10, writes: 1},
		{name: "shorter again", pushes: []*wire.Push{push(chunk("f", 0, 100)), push(chunk("f", 0, 20))},
			want: map[string]int64{"f": 100}, halves: 10, writes: 1},
		{name: "gap", pushes: []*wire.Push{push(chunk("f", 0, 100)), push(chunk("f", 500, 600))},
			want: map[string]int64{"f": 600}, halves: 20, writes: 2},
		{name: "known before", before: map[string]int64{"host-1/f": 100}, pushes: []*wire.Push{push(chunk("f", 0, 100))},
			want: map[string]int64{"f": 100}},
		{name: "another agent's file", before: map[string]int64{"host-2/f": 100},
			pushes: []*wire.Push{push(chunk("f", 0, 100))}, want: map[string]int64{"f": 100}, halves: 10, writes: 1},
		{name: "several files, one known", before: map[string]int64{"host-1/f": 50},
			pushes: []*wire.Push{push(chunk("f", 0, 100), chunk("g", 0, 30))},
			want:   map[string]int64{"f": 50, "g": 30}, halves: 3, writes: 1},
		{name: "one file twice", pushes: []*wire.Push{push(chunk("f", 0, 100), chunk("f", 100, 120))},
			want: map[string]int64{"f": 120}, halves: 12, writes: 1},
		{name: "one file twice, overlapping", pushes: []*wire.Push{push(chunk("f", 0, 100), chunk("f", 50, 120))},
			want: map[string]int64{"f": 100}, halves: 10, writes: 1},
		{name: "rejected lines only", pushes: []*wire.Push{push(wire.Chunk{File: "f", To: 70})},
			want: map[string]int64{"f": 70}, writes: 1},
		{name: "question", before: map[string]int64{"host-1/f": 50},
			pushes: []*wire.Push{push(wire.Chunk{File: "f"}, wire.Chunk{File: "g", From: 9, To: 9})},
			want:   map[string]int64{"f": 50, "g": 0}},
		{name: "nothing", pushes: []*wire.Push{push()}, want: map[string]int64{}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			r := newRig(t, c.before, nil)
			var got map[string]int64
			for _, p := range c.pushes {
				status, answer := r.post(p)
				if status != http.StatusOK {
					t.Fatalf("status %d", status)
				}
				got = answer
			}
			if !maps.Equal(got, c.want) {
				t.Errorf("answer is %v, want %v", got, c.want)
			}
			if len(r.origins) != c.halves || len(r.records) != c.writes {
				t.Errorf("%d halves in %d entries, want %d in %d", len(r.origins), len(r.records), c.halves, c.writes)
			}
			for o, n := range r.origins {
				if n != 1 {
					t.Errorf("half %x came %d times", o, n)
				}
			}
		})
	}
}

// TestEntry shows that halves and progress are in one entry of the log.
func TestEntry(t *testing.T) {
	r := newRig(t, map[string]int64{"host-1/g": 30}, nil)
	if status, _ := r.post(push(chunk("f", 0, 20), chunk("g", 30, 40), chunk("h", 0, 0))); status != http.StatusOK {
		t.Fatalf("status %d", status)
	}
	rec := r.records[0]
	got := make(map[string]int64)
	for _, g := range rec.Progress {
		got[g.File] = g.To
	}
	if want := map[string]int64{"host-1/f": 20, "host-1/g": 40}; !maps.Equal(got, want) {
		t.Errorf("progress in the log is %v, want %v", got, want)
	}
	if len(rec.Batch.Halves) != 3 || rec.Batch.Halves[0].Route != span.RouteAgent || rec.Batch.Halves[0].Received == 0 {
		t.Errorf("batch in the log is %+v", rec.Batch)
	}
	if at := r.server.progressOf("host-1", "f"); at != 20 {
		t.Errorf("Progress is %d, want 20", at)
	}
}

func TestBadRequests(t *testing.T) {
	good := wire.NewEncoder().AppendPush(nil, push(chunk("f", 0, 100)))
	edit := func(change func(*wire.Push)) []byte {
		p := push(chunk("f", 0, 100))
		change(p)
		return wire.NewEncoder().AppendPush(nil, p)
	}
	header := func(name, value string) func(*http.Request) {
		return func(r *http.Request) { r.Header.Set(name, value) }
	}
	enc, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1))
	if err != nil {
		t.Fatal(err)
	}
	defer enc.Close()
	cases := []struct {
		name   string
		body   []byte
		change func(*http.Request)
		status int
		text   string
	}{
		{name: "good", body: good, status: 200},
		{name: "identity", body: good, change: header("Content-Encoding", "identity"), status: 200},
		{name: "zstd", body: enc.EncodeAll(good, nil), change: header("Content-Encoding", "zstd"), status: 200},
		{name: "type with parameter", body: good, change: header("Content-Type", contentType+"; charset=binary"), status: 200},
		{name: "get", change: func(r *http.Request) { r.Method = http.MethodGet }, status: 405, text: "post to"},
		{name: "json", body: []byte("{}"), change: header("Content-Type", "application/json"), status: 415, text: "Content-Type"},
		{name: "brotli", body: good, change: header("Content-Encoding", "br"), status: 415, text: "br"},
		{name: "empty", status: 400, text: "agent"},
		{name: "cut off", body: good[:len(good)-3], status: 400, text: "malformed"},
		{name: "no zstd", body: good, change: header("Content-Encoding", "zstd"), status: 400, text: "zstd"},
		{name: "cut zstd", body: enc.EncodeAll(good, nil)[:20], change: header("Content-Encoding", "zstd"), status: 400},
		{name: "too large", body: make([]byte, 65<<10), status: 413, text: "limit"},
		{name: "too large, length unknown", body: make([]byte, 65<<10),
			change: func(r *http.Request) { r.ContentLength = -1 }, status: 413},
		{name: "too large unpacked", body: enc.EncodeAll(make([]byte, 1<<20), nil),
			change: header("Content-Encoding", "zstd"), status: 413},
		{name: "no agent", body: edit(func(p *wire.Push) { p.Agent = "" }), status: 400, text: "agent"},
		{name: "agent with slash", body: edit(func(p *wire.Push) { p.Agent = "a/b" }), status: 400, text: "slashes"},
		{name: "no file", body: edit(func(p *wire.Push) { p.Chunks[0].File = "" }), status: 400, text: "file"},
		{name: "long file", body: edit(func(p *wire.Push) { p.Chunks[0].File = strings.Repeat("x", 9<<10) }), status: 400},
		{name: "backwards", body: edit(func(p *wire.Push) { p.Chunks[0].From = 200 }), status: 400, text: "backwards"},
		{name: "below zero", body: edit(func(p *wire.Push) { p.Chunks[0].From = -5 }), status: 400},
		{name: "records in no bytes", body: edit(func(p *wire.Push) { p.Chunks[0].To = 0 }), status: 400},
		{name: "no origin", body: edit(func(p *wire.Push) { p.Chunks[0].Batch.Halves[3].Origin = 0 }), status: 400, text: "half 3"},
		{name: "stat without origin", body: edit(func(p *wire.Push) { p.Chunks[0].Batch.Stats = []span.Stat{{}} }), status: 400},
		{name: "no trace id", body: edit(func(p *wire.Push) { p.Chunks[0].Batch.Halves[0].Trace[0] = 0 }), status: 400},
		{name: "bad payload", body: edit(func(p *wire.Push) { p.Chunks[0].Batch.Halves[0].Payload = span.Payload("\xff") }),
			status: 400, text: "payload"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			r := newRig(t, nil, nil)
			res := r.do(c.body, c.change)
			if res.Code != c.status || !strings.Contains(res.Body.String(), c.text) {
				t.Errorf("status %d %q, want %d and %q in it", res.Code, res.Body.String(), c.status, c.text)
			}
			if got := res.Header().Get(reasonHeader); (got == malformed) != (c.status == 400) {
				t.Errorf("%s is %q with status %d", reasonHeader, got, c.status)
			}
			if c.status != 200 && (len(r.records) != 0 || r.server.progressOf("host-1", "f") != 0) {
				t.Error("something of the request was taken")
			}
		})
	}
}

func TestBusy(t *testing.T) {
	t.Run("too many requests", func(t *testing.T) {
		r := newRig(t, nil, func(c *Config, _ *ingest.Config) { c.MaxRequests = 1 })
		inside, leave := make(chan struct{}), make(chan struct{})
		r.hand = func() { close(inside); <-leave }
		first := make(chan int)
		go func() {
			status, _ := r.post(push(chunk("f", 0, 100)))
			first <- status
		}()
		<-inside
		res := r.do(wire.NewEncoder().AppendPush(nil, push(chunk("g", 0, 100))), nil)
		if res.Code != http.StatusTooManyRequests || res.Header().Get("Retry-After") == "" {
			t.Errorf("status %d, Retry-After %q", res.Code, res.Header().Get("Retry-After"))
		}
		close(leave)
		if status := <-first; status != http.StatusOK {
			t.Errorf("the first request got status %d", status)
		}
	})
	t.Run("log closed", func(t *testing.T) {
		r := newRig(t, nil, nil)
		log := closedWriter(t)
		r.server.writer = log
		res := r.do(wire.NewEncoder().AppendPush(nil, push(chunk("f", 0, 100))), nil)
		if res.Code != http.StatusServiceUnavailable || res.Header().Get("Retry-After") == "" {
			t.Errorf("status %d, Retry-After %q", res.Code, res.Header().Get("Retry-After"))
		}
		if at := r.server.progressOf("host-1", "f"); at != 0 {
			t.Errorf("progress is %d without a log", at)
		}
	})
}

func closedWriter(t *testing.T) *ingest.Writer {
	cfg := wal.DefaultConfig()
	cfg.Dir = t.TempDir()
	log, err := wal.Open(cfg, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	if err := log.Close(); err != nil {
		t.Fatal(err)
	}
	return ingest.NewWriter(ingest.DefaultConfig(), log, ingest.NewRecent(1), func(_, _ int64, _ *wire.Record, taken func()) { taken() },
		ingest.NewMetrics())
}

// TestTurn shows that a request that is sent again while the first is still being written waits for it.
func TestTurn(t *testing.T) {
	r := newRig(t, nil, nil)
	inside, leave := make(chan struct{}), make(chan struct{})
	r.hand = sync.OnceFunc(func() { close(inside); <-leave })
	answers := make(chan int64, 2)
	post := func() {
		_, answer := r.post(push(chunk("f", 0, 100)))
		answers <- answer["f"]
	}
	go post()
	<-inside
	go post()
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := r.server.take(ctx, push(chunk("f", 0, 100))); err == nil {
		t.Error("a request that was given up got in")
	}
	close(leave)
	for range 2 {
		if at := <-answers; at != 100 {
			t.Errorf("answer is %d, want 100", at)
		}
	}
	for o, n := range r.origins {
		if n != 1 {
			t.Errorf("half %x came %d times", o, n)
		}
	}
	if len(r.server.agents) != 0 {
		t.Errorf("%d agents are remembered after their requests", len(r.server.agents))
	}
}

// TestConcurrent sends overlapping chunks of the same and other files from many sides at once.
func TestConcurrent(t *testing.T) {
	r := newRig(t, nil, nil)
	var group sync.WaitGroup
	for worker := range 8 {
		group.Go(func() {
			rng := rand.New(rand.NewPCG(uint64(worker), 1))
			at := map[string]int64{}
			for range 50 {
				file := string(rune('a' + rng.IntN(3)))
				from := at[file]
				status, answer := r.post(push(chunk(file, from, from+10*(1+rng.Int64N(20)))))
				if status != http.StatusOK {
					t.Errorf("status %d", status)
					return
				}
				at[file] = answer[file]
			}
		})
	}
	group.Wait()
	halves := 0
	for _, file := range []string{"a", "b", "c"} {
		to := r.server.progressOf("host-1", file)
		halves += int(to / 10)
		for at := int64(0); at < to; at += 10 {
			if n := r.origins[origin(file, at)]; n != 1 {
				t.Errorf("half at %d of %s came %d times", at, file, n)
			}
		}
	}
	if len(r.origins) != halves {
		t.Errorf("%d halves, progress stands for %d", len(r.origins), halves)
	}
}

func TestValidate(t *testing.T) {
	cfg := DefaultConfig()
	if err := cfg.Validate(); err != nil {
		t.Errorf("the default is not valid: %v", err)
	}
	cfg.Listen = ""
	if err := cfg.Validate(); err != nil {
		t.Errorf("a port that is off is not valid: %v", err)
	}
	for _, c := range []Config{{Listen: "4390", MaxRequests: 1}, {Listen: ":4390"}} {
		if err := c.Validate(); err == nil {
			t.Errorf("%+v is valid", c)
		}
	}
}

// FuzzPush feeds bytes as they may come from anywhere: an answer or a refusal, never a panic, and never progress
// without an answer.
func FuzzPush(f *testing.F) {
	f.Add(wire.NewEncoder().AppendPush(nil, push(chunk("f", 0, 100))))
	f.Add([]byte("\x0a\x01h\x12\x05\x0a\x01f\x18\x07"))
	f.Add([]byte{})
	r := newRig(f, nil, nil)
	f.Fuzz(func(t *testing.T, body []byte) {
		res := r.do(body, nil)
		if res.Code != 200 && res.Code != 400 && res.Code != 413 {
			t.Error(fmt.Sprint("status ", res.Code, ": ", res.Body.String()))
		}
	})
}
