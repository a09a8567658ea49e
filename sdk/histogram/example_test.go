package histogram_test

import (
	"fmt"

	"github.com/twinspan/twinspan/sdk/histogram"
)

// Histograms of several processes merge without a loss: each value stays in its bucket, whose bounds are 4.4 % apart.
func ExampleH_Merge() {
	var a, b histogram.H
	for i := range int64(100) {
		a.Add(1000 + i)
		b.Add(100000 + i)
	}
	a.Merge(&b)
	fmt.Println(a.Count, a.Quantile(0.25) < 1200, a.Quantile(0.75) > 95000)
	// Output: 200 true true
}
