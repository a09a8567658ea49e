package collect

import (
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/twinspan/twinspan/internal/span"
	"github.com/twinspan/twinspan/sdk/id"
)

// TestWindowShrinksByMemory: halves that wait take no more memory than they may, those go on first that have waited
// longest, and the window that is left is told.
func TestWindowShrinksByMemory(t *testing.T) {
	cfg := slowConfig()
	cfg.MaxWaitingBytes = 1 << 20
	b := newBench(t, cfg)
	if got := b.c.Depths().Window; got != cfg.Window {
		t.Errorf("at first the window is %v", got)
	}
	payload := span.Payload(nil).AppendAttr("k", span.String(string(make([]byte, 1000))))
	begin, most := time.Now(), int64(0)
	var kept []span.Half
	for i := range 4000 {
		h := rpc(byte(i%250), span.KindClient, "a", id.Span(i+1), 0)
		h.Payload, h.Start = payload, b.now
		kept = append(kept, h)
		if i%100 == 99 {
			b.now = max(b.now, time.Now().UnixNano()) // what was told long ago does not count
			b.halves(kept[len(kept)-100:]...)
			if err := catchUpAll(b); err != nil {
				t.Fatal(err)
			}
			most = max(most, b.c.Depths().WaitingBytes)
		}
	}
	d := b.c.Depths()
	// One record may come on top before the partition looks.
	if most > cfg.MaxWaitingBytes+100*1500 || d.Waiting == 0 {
		t.Errorf("%d bytes waited where %d may; now %d halves", most, cfg.MaxWaitingBytes, d.Waiting)
	}
	if early := testutil.ToFloat64(b.c.metrics.Early); int(early) != 4000-d.Waiting {
		t.Errorf("%v went on early, %d wait, of 4000", early, d.Waiting)
	}
	if most := time.Since(begin) + time.Second; d.Window <= 0 || d.Window > most { // send adds a millisecond to each record's time
		t.Errorf("the window is told to be %v, and the test took less than %v", d.Window, most)
	}
	// The youngest half still finds its other half, the oldest is one-sided.
	for _, n := range []int{0, 3999} {
		s := rpc(byte(n%250), span.KindServer, "b", id.Span(n+5001), id.Span(n+1))
		b.halves(s)
	}
	if err := catchUpAll(b); err != nil {
		t.Fatal(err)
	}
	if joined := testutil.ToFloat64(b.c.metrics.Calls.WithLabelValues("joined")); joined != 1 {
		t.Errorf("%v calls joined, want that of the youngest half", joined)
	}
	if late := testutil.ToFloat64(b.c.metrics.Late); late != 1 {
		t.Errorf("%v halves late, want the one whose client half had gone on", late)
	}
}

func catchUpAll(b *bench) error {
	b.c.catchUp(b.t.Context(), b.c.parts...)
	return b.t.Context().Err()
}
