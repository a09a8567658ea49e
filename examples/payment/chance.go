package main

import (
	"context"
	"math/rand/v2"
	"time"
)

// chance is true in that share of cases.
func chance(share float64) bool { return rand.Float64() < share }

// pause takes some time, as work does, but no longer than ctx.
func pause(ctx context.Context, least, most time.Duration) {
	t := time.NewTimer(least + rand.N(most-least))
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}

func pick[T any](list []T) T { return list[rand.IntN(len(list))] }
