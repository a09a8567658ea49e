package storetest

import (
	"testing"

	"github.com/twinspan/twinspan/internal/store"
)

func TestMemory(t *testing.T) {
	Run(t, func(t *testing.T) func() *store.Store {
		kv := &Memory{RetentionDays: 3}
		return func() *store.Store {
			s, err := store.Open(ctx, kv)
			if err != nil {
				t.Fatal(err)
			}
			return s
		}
	})
}
