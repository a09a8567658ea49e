// Package store is the span store: calls and roll-ups by range, found again by trace id, by search and by minute. It
// holds the contract (this file, query.go, kv.go), the block format and the searches over it; what keeps the rows is a KV:
// package pebble on one machine. docs/formats/store.md describes every byte.
//
// It does not pair halves, join late ones or cut ranges (package collect, package query), and it draws no conclusions:
// it gives back what was written.
package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/twinspan/twinspan/internal/span"
	"github.com/twinspan/twinspan/sdk/id"
)

var (
	// ErrNoSpace says that the disk is full and that no older day is left to drop: nothing of what was to be written is
	// visible, and the same write may be tried again.
	ErrNoSpace = errors.New("store: no space left on the disk")
	// ErrInUse says that another process has the store's directory.
	ErrInUse = errors.New("store: directory is in use")
	// ErrCorrupt says that stored bytes cannot be read.
	ErrCorrupt = errors.New("store: corrupt data")
	// ErrConflict says that a range was written whose offsets overlap with another one that is done.
	ErrConflict = errors.New("store: range overlaps with one that is done")
	// ErrClosed says that the store was closed.
	ErrClosed = errors.New("store: closed")
)

// RangeID names a range: the partition of the log and the offset of the range's first record.
type RangeID struct {
	Partition uint16
	From      int64
}

// String gives partition and offset in hex of fixed width, so that texts sort as ids do.
func (r RangeID) String() string { return fmt.Sprintf("%04x-%016x", r.Partition, uint64(r.From)) }

// Range is what the collector hands over when it cuts a range: everything that the log's records [From, To) became.
type Range struct {
	ID RangeID
	// To is the log offset behind the range's last record, greater than ID.From.
	To int64
	// Received is when the range's first record was received, in nanoseconds of the Unix epoch. It chooses the day.
	Received int64
	// Calls in any order. The store neither keeps nor changes them; WriteRange may reorder the slice.
	Calls []span.Call
	// Rollups are deltas: all rows of a key, over all ranges, add up.
	Rollups []span.Rollup
	// State is opaque to the store: what the collector needs to go on behind this range after a restart.
	State []byte
}

// Interval is a run of log offsets [From, To).
type Interval struct{ From, To int64 }

// Reader finds calls and roll-ups. Store implements it for what is on disk, the collector for its open ranges. Methods
// may be called from any goroutine. They stop with ctx's error when ctx is done.
type Reader interface {
	// Trace gives the calls of a trace, in any order. The same half may stand in several calls, or twice: the reader
	// joins. At most limit calls are given (0 or less: all); truncated says that there are more. The calls are the caller's to keep.
	Trace(ctx context.Context, trace id.Trace, limit int) (calls []span.Call, truncated bool, err error)

	// Search calls yield with every call that q matches, in the order of Compare (newest first), until yield gives
	// false. A call is the caller's to keep. yield must not call the Reader.
	Search(ctx context.Context, q *Query, yield func(span.Call) bool) error

	// Rollups calls yield with every row whose Minute is in [from, to), in minutes of the Unix epoch, in any order, until
	// yield gives false. Several rows of one key add up. A row is valid only until yield returns.
	Rollups(ctx context.Context, from, to int64, yield func(*span.Rollup) bool) error
}

var _ Reader = (*Store)(nil)

// Day is a day of receipt, UTC, in days since 1970-01-01.
type Day int32

// DayOf gives the day of a time in nanoseconds of the Unix epoch.
func DayOf(ns int64) Day {
	const day = int64(24 * time.Hour)
	d := ns / day
	if ns%day < 0 {
		d--
	}
	return Day(d)
}

// Begin is the first moment of the day.
func (d Day) Begin() time.Time { return time.Unix(int64(d)*86400, 0).UTC() }

// String gives the day as 2006-01-02.
func (d Day) String() string { return d.Begin().Format(time.DateOnly) }

// DayStats counts what is stored of one day of receipt.
type DayStats struct {
	Day    Day
	Ranges int
	Calls  int64
	// Bytes on disk.
	Bytes int64
	// Least and Greatest bound the times that calls are found by (Time), in nanoseconds of the Unix epoch. Both are 0
	// where Calls is.
	Least, Greatest int64
}

// Stats counts what is stored; the sums over Days, newest first.
type Stats struct {
	DayStats
	Days []DayStats
}
