package collect

import (
	"math/rand/v2"
	"testing"
)

func TestHashSetIsAMap(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	var s hashSet
	for round := range 4 {
		model := make(map[uint64]bool)
		n := []int{0, 100, 50_000, 10}[round]
		for range n {
			h := rng.Uint64()
			switch rng.IntN(8) {
			case 0:
				h = 0
			case 1:
				h = 1 << 63 // collides in its place with others of few bits
			case 2:
				h %= 64
			}
			if s.has(h) != model[h] || s.add(h) == model[h] || !s.has(h) {
				t.Fatalf("round %d: %x is in the set: %v, want %v", round, h, s.has(h), model[h])
			}
			model[h] = true
		}
		for h := range model {
			if !s.has(h) {
				t.Fatalf("round %d: %x is lost", round, h)
			}
		}
		s.reset()
		for h := range model {
			if s.has(h) {
				t.Fatalf("round %d: %x is there after reset", round, h)
			}
		}
	}
}
