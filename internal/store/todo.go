package store

import (
	"context"
	"errors"
	"time"

	"github.com/twinspan/twinspan/internal/span"
	"github.com/twinspan/twinspan/sdk/id"
)

var errSoon = errors.New("store: not built yet")

// Store keeps ranges in a KV. Its methods may be called from any goroutine.
type Store struct{}

// WriteRange stores a range; it is durable and visible as a whole when nil is returned, else not at all visible. A range
// that is done already is left as it is.
func (s *Store) WriteRange(ctx context.Context, r *Range) error { return errSoon }

// Done gives, for each partition, the log offsets whose ranges are done: merged, sorted. What expired counts as done.
func (s *Store) Done(ctx context.Context) (map[uint16][]Interval, error) { return nil, errSoon }

// LastDone gives, for each partition that the store knows, the offset at which replay starts: the end of the first
// interval of Done.
func (s *Store) LastDone(ctx context.Context) (map[uint16]int64, error) { return nil, errSoon }

// States calls yield with the state of every range received at since (nanoseconds of the Unix epoch) or later and, however
// old, of each partition's last range, in ascending order of ids, until yield gives false. state is the caller's to keep.
func (s *Store) States(ctx context.Context, since int64, yield func(id RangeID, to int64, state []byte) bool) error {
	return errSoon
}

// Expire drops what is older than the KV's retention or beyond its size, and gives the days of which something went.
func (s *Store) Expire(ctx context.Context, now time.Time) (dropped []Day, err error) { return nil, errSoon }

// Stats counts what is stored.
func (s *Store) Stats() Stats { return Stats{} }

// Close gives the store's directory free. Calls that are under way end first.
func (s *Store) Close() error { return nil }

// Trace implements Reader.
func (s *Store) Trace(ctx context.Context, trace id.Trace, limit int) ([]span.Call, bool, error) {
	return nil, false, errSoon
}

// Search implements Reader.
func (s *Store) Search(ctx context.Context, q *Query, yield func(span.Call) bool) error { return errSoon }

// Rollups implements Reader.
func (s *Store) Rollups(ctx context.Context, from, to int64, yield func(*span.Rollup) bool) error {
	return errSoon
}
