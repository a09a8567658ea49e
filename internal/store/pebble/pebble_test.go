package pebble

import (
	"context"
	"log/slog"
	"testing"

	"go.uber.org/goleak"

	"github.com/twinspan/twinspan/internal/leaktest"
	"github.com/twinspan/twinspan/internal/store"
	"github.com/twinspan/twinspan/internal/store/storetest"
)

// TestMain leaves out what Pebble 2.1 leaves behind when a database cannot be opened; of one that was not closed there
// would be more.
func TestMain(m *testing.M) {
	leaktest.Main(m, goleak.IgnoreAnyFunction("github.com/cockroachdb/pebble/v2.(*ConcurrencyLimitScheduler).periodicGranter"))
}

func testConfig(dir string) Config {
	cfg := DefaultConfig()
	cfg.Dir, cfg.RetentionDays, cfg.MemoryBytes, cfg.ReserveBytes = dir, 3, 8<<20, 0
	return cfg
}

func openStore(t testing.TB, cfg Config) *store.Store {
	t.Helper()
	kv, err := Open(cfg, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	s, err := store.OpenWith(context.Background(), kv, store.NewCache(4<<20))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestStore(t *testing.T) {
	storetest.Run(t, func(t *testing.T) func() *store.Store {
		cfg := testConfig(t.TempDir())
		return func() *store.Store { return openStore(t, cfg) }
	})
}
