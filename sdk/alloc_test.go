//go:build !race

package twinspan

import "testing"

// TestAllocationsOfAUnit holds the number of allocations of a request with one call, both lines written: see unit. The race
// detector allocates itself, so that it has no such test.
func TestAllocationsOfAUnit(t *testing.T) {
	tracer := newTracer(t, nil)
	in, out := benchHeaders(), HeaderCarrier{}
	unit(tracer, in, out) // opens the files
	tracer.Flush()
	if n := testing.AllocsPerRun(500, func() { unit(tracer, in, out) }); n > 2 {
		t.Errorf("%v allocations", n)
	}
}
