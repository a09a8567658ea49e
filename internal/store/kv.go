package store

import (
	"context"
	"time"
)

// Table is one of the store's tables. Rows of different tables are never compared or ordered with each other.
type Table byte

// The tables. Keys of TableRange begin with the range's id (see RangeIDSize); a range's keys lie beside each other and are
// written once. Keys of TableTrace and TablePosting begin with a trace id or a value and end with a range's id: each write
// spreads over the whole table.
const (
	TableRange   Table = 'b'
	TableDone    Table = 'd'
	TablePosting Table = 'p'
	TableTrace   Table = 't'
)

// RangeIDSize is the number of bytes of a range's id in keys: at the front of those of TableRange and TableDone, at the
// end of those of TablePosting and TableTrace.
const RangeIDSize = 10

// MaxValue is the greatest size of a row's value in bytes.
const MaxValue = 8 << 20

// Row is one row. A write of a row that is there already replaces it.
type Row struct {
	Table      Table
	Key, Value []byte
}

// KV keeps rows, in volumes. It promises no more than a distributed store can keep: puts without transactions, no order
// between tables. Methods may be called from any goroutine.
type KV interface {
	// Write stores the rows of one range, which are sorted by table and key, and then done, in the volume for things
	// received at received (nanoseconds of the Unix epoch); it gives that volume, acquired. When it returns without an
	// error everything is durable. done never becomes visible before all rows are. It may keep neither rows nor their bytes. A full disk gives ErrNoSpace, with
	// done not visible.
	Write(ctx context.Context, received int64, rows []Row, done Row) (Volume, error)
	// Volumes gives all volumes, newest first, each acquired.
	Volumes() []Volume
	// Expired gives the volumes, acquired, oldest first, that are to be dropped by age and size.
	Expired(now time.Time) []Volume
	// Crowded gives the volumes, acquired, oldest first, that are to be dropped because the disk has too little room left;
	// with full, which says that a write found it full, at least one. The newest volume is never among them, and none is
	// while one that was dropped before is still read by somebody: it makes room once it is released.
	Crowded(full bool) []Volume
	// Drop takes a volume away for good; it is gone from the disk once it is released by all.
	Drop(v Volume) error
	// Close ends all use. Volumes must have been released.
	Close() error
}

// Volume is what a KV drops as a whole: the rows of (part of) a day of receipt. One volume is one Go value: == says that
// two are the same. A volume that is acquired must be released.
type Volume interface {
	// Name is for people.
	Name() string
	Day() Day
	// Bytes on disk.
	Bytes() int64
	// Acquire is false once the volume was dropped.
	Acquire() bool
	Release()
	// Get gives a row's value, the caller's to keep, or nil where there is no such row. ctx may have a deadline.
	Get(ctx context.Context, t Table, key []byte) ([]byte, error)
	// Scan calls yield with the rows whose keys begin with prefix, in order of keys, until yield gives false. key and value
	// are valid only until yield returns.
	Scan(ctx context.Context, t Table, prefix []byte, yield func(key, value []byte) bool) error
}
