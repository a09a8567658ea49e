// Package leaktest looks for goroutines that a package's tests left behind. It is for TestMain only.
package leaktest

import (
	"fmt"
	"os"
	"testing"
	"time"

	"go.uber.org/goleak"
)

// patience is how long goroutines may take to end: many do so right after what ends them returned, and how long that takes
// depends on the machine. It only matters where one stays.
const patience = time.Minute

// Main runs the tests and ends the process: with an error where one fails, or where goroutines stay. goleak alone would wait
// for less than half a second.
func Main(m *testing.M, options ...goleak.Option) {
	code := m.Run()
	for deadline := time.Now().Add(patience); code == 0; {
		err := goleak.Find(options...)
		if err == nil {
			break
		}
		if time.Now().After(deadline) {
			fmt.Fprintln(os.Stderr, "goroutines are left behind:", err)
			code = 1
		}
	}
	os.Exit(code)
}
