// Command twinspan is the whole of Twinspan in one binary: agent, collector, query and console. It only reads its
// arguments here; internal/app does the rest.
package main

import (
	"os"

	_ "time/tzdata" // time zones by name on machines without a database of them

	"github.com/twinspan/twinspan/internal/app"
)

func main() {
	os.Exit(app.Main(os.Args[1:], os.Environ(), os.Stdout, os.Stderr))
}
