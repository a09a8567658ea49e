package app

import (
	"log/slog"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/twinspan/twinspan/internal/config"
	"github.com/twinspan/twinspan/internal/ingest"
	"github.com/twinspan/twinspan/internal/span"
)

// noise makes a request of halves whose attributes do not compress.
func noise(random *rand.Rand, halves int) ingest.Request {
	var req ingest.Request
	for range halves {
		value := make([]byte, 4000)
		for i := range value {
			value[i] = 'a' + byte(random.IntN(64))
		}
		h := span.Half{App: "noise", Operation: "make", Kind: span.KindInternal, Start: time.Now().UnixNano(), Duration: 1e6}
		for i := range h.Trace {
			h.Trace[i] = byte(random.Uint32())
		}
		h.Span = 1
		h.Payload = span.Payload(span.AppendStringField(nil, 3, string(value)))
		req.Batch.Halves = append(req.Batch.Halves, h)
	}
	return req
}

// TestTenantBytes: a tenant above its size loses its own oldest data, and no other one's.
func TestTenantBytes(t *testing.T) {
	cfg, _, err := config.Load("", append(append([]string{}, environ...), "TWINSPAN_TENANTS=[{name: a, max_bytes: 2MiB}, {name: b}]"))
	if err != nil {
		t.Fatal(err)
	}
	cfg.DataDir = t.TempDir()
	p := &process{role: Role("collector").row(), cfg: cfg, log: slog.New(slog.DiscardHandler), registry: prometheus.NewRegistry()}
	defer func() {
		for i := len(p.closers) - 1; i >= 0; i-- {
			p.closers[i]()
		}
	}()
	if err := p.openPipelines(t.Context()); err != nil {
		t.Fatal(err)
	}
	const rounds, halves = 12, 200 // 800 KB each, 600 packed
	for _, name := range []string{"a", "b"} {
		pipe := p.pipelines[name]
		random := rand.New(rand.NewPCG(1, 2))
		for range rounds {
			if err := pipe.writer.Write(t.Context(), noise(random, halves)); err != nil {
				t.Fatal(err)
			}
			if err := pipe.collect.Cut(t.Context()); err != nil {
				t.Fatal(err)
			}
			if _, err := pipe.store.Expire(t.Context(), time.Now()); err != nil {
				t.Fatal(err)
			}
		}
	}
	a, b := p.pipelines["a"].store.Stats(), p.pipelines["b"].store.Stats()
	if b.Calls != rounds*halves || b.Bytes < 4<<20 {
		t.Errorf("the tenant without a limit keeps %d calls of %d in %d bytes", b.Calls, rounds*halves, b.Bytes)
	}
	if a.Bytes > 2<<20 || a.Bytes < 1<<20 || a.Calls >= b.Calls || a.Calls == 0 {
		t.Errorf("the tenant of 2 MiB keeps %d bytes, %d calls", a.Bytes, a.Calls)
	}
}
