package span

import "github.com/twinspan/twinspan/sdk/histogram"

// Source tells what a roll-up was counted from.
type Source uint8

// Calls may be sampled; stat lines count everything.
const (
	SourceCalls Source = iota
	SourceStats
)

// RollupKey is what calls are counted by. It is comparable, for use as a map key.
type RollupKey struct {
	// Minute is the start of the call, or of the stat line's interval, in whole minutes of the Unix epoch.
	Minute int64
	Source Source
	// Side is KindClient or KindServer for rows from stat lines (what the two sides counted are two views of the same
	// calls) and KindUnspecified for rows from calls, which count a call once.
	Side Kind
	Type Type
	// LoadTest keeps load-test traffic apart.
	LoadTest bool
	// Caller and Callee are as in a Call. A row from a server's stat line has no Caller.
	Caller, Callee string
	// Operation is the callee's low-cardinality operation.
	Operation string
	// Instance is the callee's instance, for SourceStats with Side KindClient the caller's.
	Instance string
}

// Rollup is a count of calls of one minute, or a correction to one: all numbers are modulo 2^64 and add up over all rows
// of a key.
type Rollup struct {
	RollupKey
	Calls, Errors uint64
	// Latency counts durations in nanoseconds. It is empty, though Calls is not, where a source gives only a sum, then in
	// Latency.Sum.
	Latency histogram.H
}

// FloorDiv divides by a positive unit and rounds down, also below 0: minutes and days before 1970 need it.
func FloorDiv(v, unit int64) int64 {
	q := v / unit
	if v%unit < 0 {
		q--
	}
	return q
}
