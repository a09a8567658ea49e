package collect

import (
	"context"
	"testing"

	"github.com/twinspan/twinspan/internal/span"
	"github.com/twinspan/twinspan/internal/store"
	"github.com/twinspan/twinspan/sdk/id"
)

// TestFoundAtOnce reads without waiting for anything: what is in the log when the question comes is in the answer.
func TestFoundAtOnce(t *testing.T) {
	b := newBench(t, slowConfig())
	for n := range 100 {
		b.halves(rpc(byte(n+1), span.KindClient, "a", 1, 0), rpc(byte(n+1), span.KindServer, "b", 2, 1))
		calls, _, err := b.c.Trace(context.Background(), id.Trace{byte(n + 1), 1}, 0)
		if err != nil || len(calls) != 1 {
			t.Fatalf("trace %d: %d calls, %v", n, len(calls), err)
		}
		found := 0
		if err := b.c.Search(context.Background(), &store.Query{}, func(span.Call) bool { found++; return true }); err != nil || found != n+1 {
			t.Fatalf("search finds %d of %d, %v", found, n+1, err)
		}
		if got := b.edges()["a>b"]; got != uint64(n+1) {
			t.Fatalf("%d of %d calls counted", got, n+1)
		}
	}
}
