package rollup

import (
	"strconv"
	"testing"

	"github.com/twinspan/twinspan/internal/span"
)

// BenchmarkCall counts calls whose rows are there, and such as find no row of their own. A range has 50,000 calls.
func BenchmarkCall(b *testing.B) {
	for _, bench := range []struct {
		name                     string
		callers, operations, max int
	}{
		{"known", 20, 21, 20_000},
		{"operations", 20, 50_000, 1000},
		{"callers", 50_000, 1, 1000},
	} {
		b.Run(bench.name, func(b *testing.B) {
			calls := make([]span.Call, 50_000)
			for i := range calls {
				h := client("caller-"+strconv.Itoa(i%bench.callers), "callee", int64(1e6+i))
				h.Operation = "GET /" + strconv.Itoa(i%bench.operations)
				calls[i] = span.Join(h, nil, "")
			}
			b.ReportAllocs()
			var c *Counter
			for i := 0; b.Loop(); i++ {
				if i%len(calls) == 0 {
					c = NewCounter(bench.max)
				}
				c.Call(&calls[i%len(calls)])
			}
		})
	}
}
