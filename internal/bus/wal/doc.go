// Package wal is the embedded durable log: opaque records of many partitions in one segmented
// write-ahead log, so that one disk synchronisation acknowledges the requests of all partitions.
//
// A [Log] promises:
//
//   - [Log.Append] returns nil only after its records are on stable storage.
//   - The records of one Append lie next to each other and survive a crash together or not at all.
//   - Offsets are dense, strictly increasing and never given to two acknowledged records.
//   - [Log.AppendFunc] hands records over in log order.
//
// A record whose Append was not acknowledged (an error, or a crash before the answer) is normally
// absent after a restart but may be present: whoever resends must be recognised by the reader.
//
// The package is not a queue: it keeps no consumer positions (the caller remembers up to where it
// is done and calls [Log.TruncateBefore]), does not compress, and does not know what a record
// means. The format on disk is described in docs/formats/wal.md.
package wal
