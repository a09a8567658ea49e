// Package query answers questions from what is stored: a trace as a tree of joined calls, searches, the topology, and
// counts per application, operation and minute. It reads through store.Reader only, from the disk and from ranges that
// are still open alike, and does what the reader's side of the contract asks for: it joins halves that came late, takes
// away what came twice and corrects clocks for display. It changes nothing, keeps nothing between two questions, and
// knows no protocol; package api and the compatible APIs write its results out.
package query

import (
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/twinspan/twinspan/internal/store"
)

var (
	// ErrNotFound says that no half of a trace is stored.
	ErrNotFound = errors.New("not found")
	// ErrBad says that a question cannot be answered as it is put: a time range that is empty, a limit that is too high.
	ErrBad = errors.New("bad request")
	// ErrCursor says that a cursor is not one that was given for this search. It is also ErrBad.
	ErrCursor = fmt.Errorf("%w: cursor", ErrBad)
)

// Config bounds what one question may cost.
type Config struct {
	// MaxTraceCalls is how many stored calls of one trace are read; a trace that has more is shown in part.
	MaxTraceCalls int `yaml:"max_trace_calls"`
	// MaxLookups is how many traces one page of a search may read to complete calls of which only one side is stored.
	MaxLookups int `yaml:"max_lookups"`
	// MaxLookupCalls is how many stored calls of a trace are read for that; a greater trace's calls stay as stored.
	MaxLookupCalls int `yaml:"max_lookup_calls"`
	// MaxSearchCalls is how many stored calls of one trace TraceQL is evaluated on; of a greater trace only so many.
	MaxSearchCalls int `yaml:"max_search_calls"`
	// MaxScan is how many stored calls one page of a search may pass over that do not belong on it once they are joined.
	MaxScan int `yaml:"max_scan"`
	// MaxRange is the longest time range of counts (topology, applications, operations, series).
	MaxRange time.Duration `yaml:"max_range"`
	// MaxScatterTime is how long a sample for a scatter may take; it then shows what was found so far.
	MaxScatterTime time.Duration `yaml:"max_scatter_time"`
	// MaxSearchTime is how long one page of a search may look for calls; it then ends with what was found and says how far
	// it came, and the next page goes on there.
	MaxSearchTime time.Duration `yaml:"max_search_time"`
	// MaxMetricsTime is how long series of TraceQL may take; they then lack what is older than what was counted so far.
	MaxMetricsTime time.Duration `yaml:"max_metrics_time"`
}

// DefaultConfig gives the bounds that fit one machine.
func DefaultConfig() Config {
	return Config{MaxTraceCalls: 200_000, MaxLookups: 200, MaxLookupCalls: 10_000, MaxSearchCalls: 120_000, MaxScan: 20_000, MaxRange: 62 * 24 * time.Hour,
		MaxScatterTime: 3 * time.Second, MaxSearchTime: 3 * time.Second, MaxMetricsTime: 10 * time.Second}
}

// Validate says which setting is wrong.
func (c *Config) Validate() error {
	for _, s := range []struct {
		name  string
		value int64
	}{
		{"max_trace_calls", int64(c.MaxTraceCalls)}, {"max_lookups", int64(c.MaxLookups)},
		{"max_lookup_calls", int64(c.MaxLookupCalls)}, {"max_search_calls", int64(c.MaxSearchCalls)}, {"max_scan", int64(c.MaxScan)}, {"max_range", int64(c.MaxRange)},
		{"max_scatter_time", int64(c.MaxScatterTime)}, {"max_search_time", int64(c.MaxSearchTime)},
		{"max_metrics_time", int64(c.MaxMetricsTime)},
	} {
		if s.value <= 0 {
			return fmt.Errorf("%s is %d: it has to be above 0", s.name, s.value)
		}
	}
	return nil
}

// Service answers questions. Its methods may be called from any goroutine.
type Service struct {
	readers []store.Reader
	config  Config
	log     *slog.Logger
	now     func() time.Time
	// great is held while a trace of more than maxBatchCalls calls is searched: only one is in memory, whoever asks.
	great chan struct{}
}

// New makes a Service over the union of readers, given in the order in which calls move through them: open ranges
// first, the disk last. They are read in this order, so that a range that moves meanwhile is seen twice rather than never.
// Calls seen twice are recognised by their halves. Roll-ups have no identity: the readers together give each range's once.
func New(readers []store.Reader, config Config, log *slog.Logger) *Service {
	return &Service{readers: readers, config: config, log: log, now: time.Now, great: make(chan struct{}, 1)}
}
