package store

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
)

// RangeInfo is what a range's done row says of it.
type RangeInfo struct {
	ID RangeID `json:"-"`
	// Name is the text of ID.
	Name string `json:"range"`
	// Directory is the volume's name.
	Directory string `json:"directory"`
	// To is the log offset behind the range, Received when its first record came, in nanoseconds of the Unix epoch.
	To       int64 `json:"to"`
	Received int64 `json:"receivedUnixNano"`
	Calls    int64 `json:"calls"`
	Blocks   int   `json:"blocks"`
	// Traces counts a trace once for the range.
	Traces       int  `json:"traces"`
	RollupChunks int  `json:"rollupChunks"`
	State        bool `json:"state"`
	// Least and Greatest bound the times of the calls (Time), both 0 where there are none.
	Least    int64 `json:"leastUnixNano"`
	Greatest int64 `json:"greatestUnixNano"`
	// Unindexed are the fields that have too many values to be indexed.
	Unindexed []string `json:"unindexed,omitempty"`
}

var fieldNames = [fieldsEnd]string{fieldCaller: "caller", fieldCallee: "callee", fieldOperation: "operation", fieldHost: "address", fieldError: "error",
	fieldHostHash: "address hash"}

func (r *rangeInfo) info() RangeInfo {
	out := RangeInfo{ID: r.id, Name: r.id.String(), Directory: r.volume.Name(), To: r.to, Received: r.received, Calls: r.calls,
		Blocks: len(r.blocks), RollupChunks: len(r.rollups), State: r.hasState, Least: r.least, Greatest: r.greatest}
	for _, n := range r.chunks {
		out.Traces += n
	}
	for f, name := range fieldNames {
		if name != "" && r.unindexed>>f&1 != 0 {
			out.Unindexed = append(out.Unindexed, name)
		}
	}
	return out
}

// Ranges gives the ranges that are done: by directory, newest first, then by partition and offset.
func (s *Store) Ranges() ([]RangeInfo, error) {
	if err := s.begin(); err != nil {
		return nil, err
	}
	defer s.end()
	volumes := s.index.snapshot()
	defer releaseAll(volumes)
	var out []RangeInfo
	for _, v := range volumes {
		for _, r := range byID(v.ranges) {
			out = append(out, r.info())
		}
	}
	return out, nil
}

func byID(ranges []*rangeInfo) []*rangeInfo {
	return slices.SortedFunc(slices.Values(ranges), func(a, b *rangeInfo) int {
		return cmp.Or(cmp.Compare(a.id.Partition, b.id.Partition), cmp.Compare(a.id.From, b.id.From))
	})
}

// TableSize is what the rows of one kind take in a directory.
type TableSize struct {
	Directory string `json:"directory"`
	// What names the rows: "filter columns", "postings", ….
	What string `json:"what"`
	Rows int64  `json:"rows"`
	// Bytes of keys and values, before the database compresses them.
	Bytes int64 `json:"bytes"`
}

var tableNames = map[Table]string{TableDone: "done rows", TablePosting: "postings", TableTrace: "trace index"}

var kindNames = map[byte]string{kindFilter: "filter columns", kindIDs: "ids", kindPayload: "payload columns", kindRollup: "roll-ups",
	kindMerged: "sums of roll-ups", kindState: "collector's state"}

// Sizes counts the rows of every directory, by reading them all.
func (s *Store) Sizes(ctx context.Context) (out []TableSize, err error) {
	if err := s.begin(); err != nil {
		return nil, err
	}
	defer s.end()
	volumes := s.index.snapshot()
	defer releaseAll(volumes)
	for _, v := range volumes {
		sizes := make(map[string]*TableSize)
		for _, table := range []Table{TableRange, TableDone, TablePosting, TableTrace} {
			err := v.volume.Scan(ctx, table, nil, func(key, value []byte) bool {
				what := tableNames[table]
				if table == TableRange && len(key) > RangeIDSize {
					if what = kindNames[key[RangeIDSize]]; what == "" {
						what = fmt.Sprintf("values of kind %q", key[RangeIDSize])
					}
				}
				if sizes[what] == nil {
					sizes[what] = &TableSize{Directory: v.volume.Name(), What: what}
				}
				sizes[what].Rows++
				sizes[what].Bytes += int64(len(key) + len(value))
				return true
			})
			if err != nil {
				return nil, err
			}
		}
		for _, what := range slices.Sorted(maps.Keys(sizes)) {
			out = append(out, *sizes[what])
		}
	}
	return out, nil
}

// BlockInfo is what is known of a block without reading it.
type BlockInfo struct {
	Number   int   `json:"block"`
	Calls    int64 `json:"calls"`
	Least    int64 `json:"leastUnixNano"`
	Greatest int64 `json:"greatestUnixNano"`
	// Shortest and Longest bound the calls' durations in nanoseconds.
	Shortest int64 `json:"minDurationNano"`
	Longest  int64 `json:"maxDurationNano"`
	Failed   bool  `json:"someFailed"`
	// FilterBytes and PayloadBytes are the sizes of the two groups as stored.
	FilterBytes  int64 `json:"filterBytes"`
	PayloadBytes int64 `json:"payloadBytes"`
	// Columns are those of both groups.
	Columns []ColumnInfo `json:"columns"`
}

// ColumnInfo is what a column takes.
type ColumnInfo struct {
	// Name is what the column holds: "client.operation", "server.attribute http.route".
	Name     string `json:"column"`
	Encoding string `json:"encoding"`
	// Bytes in the group; where the whole group is compressed, before that.
	Bytes int `json:"bytes"`
}

// Blocks calls yield with the blocks of a range until it gives false.
func (s *Store) Blocks(ctx context.Context, id RangeID, yield func(BlockInfo) bool) error {
	if err := s.begin(); err != nil {
		return err
	}
	defer s.end()
	volumes := s.index.snapshot()
	defer releaseAll(volumes)
	for _, v := range volumes {
		if r := s.index.find(v.volume, id); r != nil {
			for n := range r.blocks {
				info, err := s.blockInfo(ctx, r, n)
				if err != nil {
					return fmt.Errorf("store: reading block %d of range %s: %w", n, id, corrupt(err))
				}
				if !yield(info) {
					return nil
				}
			}
			return nil
		}
	}
	return fmt.Errorf("store: there is no range %s", id)
}

func (s *Store) blockInfo(ctx context.Context, r *rangeInfo, n int) (BlockInfo, error) {
	b := &r.blocks[n]
	info := BlockInfo{Number: n, Calls: b.calls, Least: b.least, Greatest: b.greatest, Shortest: b.minDuration, Longest: b.maxDuration,
		Failed: b.marks&someFailed != 0}
	filter, err := getValue(ctx, r.volume, r.id, kindFilter, n)
	if err != nil {
		return info, err
	}
	payload, err := getValue(ctx, r.volume, r.id, kindPayload, n)
	if err != nil {
		return info, err
	}
	info.FilterBytes, info.PayloadBytes = int64(len(filter)), int64(len(payload))
	g, err := s.codec.Open(filter)
	if err != nil {
		return info, err
	}
	g.Columns(func(id, bytes int, first byte) {
		info.Columns = append(info.Columns, ColumnInfo{filterName(id), encodingName(first, !isFilterText(id)), bytes})
	})
	f, err := openFilters(s.codec, filter)
	if err != nil {
		return info, err
	}
	if g, err = s.codec.Open(payload); err != nil {
		return info, err
	}
	var fields [2][]payloadField
	for side := range fields {
		p, err := openPayloads(g, side, f.halfs[side])
		if err != nil {
			return info, err
		}
		fields[side] = p.fields
	}
	g.Columns(func(id, bytes int, first byte) {
		name, texts, plain := payloadName(id, fields)
		encoding := "bytes"
		if !plain {
			encoding = encodingName(first, !texts)
		}
		info.Columns = append(info.Columns, ColumnInfo{name, encoding, bytes})
	})
	return info, nil
}

var sideNames = [2]string{"client", "server"}

var callColumns = map[int]string{colPresent: "halves", colCaller: "caller", colCallee: "callee", colCallType: "type", colTrace: "trace"}

var halfColumns = [...]string{colFlags: "flags", colHalfType: "type", colDerived: "derived", colApp: "app", colInstance: "instance",
	colOperation: "operation", colComponent: "component", colResultCode: "result code", colLocalAddr: "local address",
	colPeerAddr: "peer address", colPeer: "peer", colStart: "start", colDuration: "duration", colReceived: "received"}

func filterName(id int) string {
	for side, first := range [...]int{clientColumns, serverColumns} {
		if n := id - first; n >= 0 && n < len(halfColumns) {
			return sideNames[side] + "." + halfColumns[n]
		}
	}
	if name, ok := callColumns[id]; ok {
		return name
	}
	return fmt.Sprintf("column %d", id)
}

func isFilterText(id int) bool {
	if id >= serverColumns {
		id -= serverColumns - clientColumns
	}
	n := id - clientColumns
	return id == colCaller || id == colCallee || n >= colApp && n <= colPeer
}

var intEncodings, textEncodings = [...]string{"constant", "planes", "distances", "dictionary"}, [...]string{"constant", "dictionary", "plain", "patterns"}

func encodingName(n byte, ints bool) string {
	names := textEncodings
	if ints {
		names = intEncodings
	}
	if int(n) < len(names) {
		return names[n]
	}
	return fmt.Sprintf("encoding %d", n)
}

// payloadName names a column of a payload group, and says whether it holds texts, or neither texts nor integers.
func payloadName(id int, fields [2][]payloadField) (name string, texts, plain bool) {
	side := id & 1
	name = sideNames[side] + "."
	switch id - side {
	case colShapeDefs:
		return name + "fields", false, true
	case colShapes:
		return name + "shapes", false, false
	case colResource:
		return name + "resource", true, false
	case colResourceOf:
		return name + "resource by instance", true, false
	}
	n := (id - side - colFields) / 2
	if n < 0 || n >= len(fields[side]) {
		return fmt.Sprintf("column %d", id), false, true
	}
	f := &fields[side][n]
	switch {
	case f.kind == fieldRaw:
		name += "whole payloads"
	case f.kind >= attrEmpty:
		name += "attribute " + f.key
	default:
		name += fmt.Sprintf("field %d", f.number)
	}
	return name, !f.numeric(), false
}

// checkpointer is what a KV may have to be copied while it is written to.
type checkpointer interface {
	// Checkpoint puts a copy of all volumes into dir, which is made. A range that is in it comes with all ranges of its
	// partition before.
	Checkpoint(dir string) error
}

// Checkpoint puts a copy of what is done into dir, which is made, by hard links where the file system can. Writing goes on
// meanwhile.
func (s *Store) Checkpoint(dir string) error {
	if err := s.begin(); err != nil {
		return err
	}
	defer s.end()
	kv, ok := s.kv.(checkpointer)
	if !ok {
		return errors.New("store: it cannot be copied while it runs")
	}
	return kv.Checkpoint(dir)
}
