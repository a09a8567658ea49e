package collect

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/twinspan/twinspan/internal/rollup"
	"github.com/twinspan/twinspan/internal/span"
	"github.com/twinspan/twinspan/sdk/id"
)

// TestOverflowIsCounted sends calls from more callers than a range may tell apart: all of them are counted, and how many less
// exactly is in the metrics, whichever partition and range had them.
func TestOverflowIsCounted(t *testing.T) {
	cfg := slowConfig()
	cfg.MaxRollupRows = 100
	b := newBench(t, cfg)
	const rounds, each = 2, 1000
	for round := range rounds {
		var halves []span.Half
		for i := range each {
			h := rpc(byte(i), span.KindClient, "caller-"+strings.Repeat("x", i/10)+string(rune('0'+i%10)), id.Span(round*each+i+1), id.Span(round*each+i+1))
			h.Type, h.Peer, h.Start = span.TypeDB, "h2:ledger", b.now // which has no other half
			halves = append(halves, h)
		}
		b.halves(halves...)
		b.cut()
		b.now += int64(time.Hour)
	}
	total, other := uint64(0), uint64(0)
	for edge, calls := range b.edges() {
		total += calls
		if strings.Contains(edge, rollup.Other) {
			other += calls
		}
	}
	lost := func(what string) float64 { return testutil.ToFloat64(b.c.metrics.Overflow.WithLabelValues(what)) }
	if total != rounds*each || other == 0 || lost("edge") != float64(other) || lost("operation") == 0 || lost("correction") != 0 {
		t.Errorf("%d calls, %d of them on edges without names; metrics: %v operations, %v edges, %v corrections",
			total, other, lost("operation"), lost("edge"), lost("correction"))
	}
}

func TestOverflowWarnsOnceAMinute(t *testing.T) {
	var out bytes.Buffer
	logger := slog.New(slog.NewTextHandler(&out, nil))
	var o overflow
	m := NewMetrics()
	at := func(after time.Duration, want string) {
		t.Helper()
		out.Reset()
		o.warn(logger, 100, 1e18+after.Nanoseconds())
		if got := out.String(); (want == "") != (got == "") || !strings.Contains(got, want) {
			t.Errorf("after %s: %q, want %q", after, got, want)
		}
	}
	at(0, "")
	o.note(m, rollup.Overflow{Operations: 3})
	at(time.Second, "collect.max_rollup_rows")
	o.note(m, rollup.Overflow{Operations: 4})
	at(2*time.Second, "")
	o.note(m, rollup.Overflow{Operations: 5, Edges: 6, Corrections: 7})
	at(time.Second+warnEvery, "without_operation=9 without_caller_and_callee=6 late_halves_not_corrected=7")
	at(time.Hour, "")
}
