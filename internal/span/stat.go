package span

import "github.com/twinspan/twinspan/sdk/histogram"

// Stat is one line of a stat log: what one process counted under one key in one interval, sampled or not.
type Stat struct {
	App, Instance string
	// Component is the stat log's component, such as "spring-mvc" or "grpc-client".
	Component string
	Kind      Kind
	Type      Type
	// Operation is the low-cardinality name made of the key; Key is the whole key as text "name=value,…", sorted by name.
	Operation, Key string
	// Peer is the other side's app or "system:name", where the line says it (of Java's only SOFARPC's do).
	Peer string
	// Begin is the interval's start in nanoseconds of the Unix epoch, Length its length in nanoseconds. Java's lines tell
	// only the end: Length is then 0 and Begin the moment of writing.
	Begin, Length int64
	Count, Errors uint64
	// TotalNanos is the sum of all durations.
	TotalNanos int64
	LoadTest   bool
	// Latency is nil where the line has no histogram. It is not changed.
	Latency *histogram.H
	// Received and Origin are as those of a Half.
	Received int64
	Origin   uint64
}
