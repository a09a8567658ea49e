package query

import (
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"hash/fnv"

	"github.com/twinspan/twinspan/internal/store"
	"github.com/twinspan/twinspan/sdk/id"
)

// A cursor is URL-safe base64 without padding of: version, start, trace id, span id, origin (the position of the call
// behind which the search goes on), a hash of the filters it belongs to, and a checksum of all that.
const (
	cursorVersion = 1
	cursorSize    = 1 + 8 + 16 + 8 + 8 + 8 + 4
)

func encodeCursor(p store.Position, filters uint64) string {
	b := make([]byte, 0, cursorSize)
	b = append(b, cursorVersion)
	b = binary.BigEndian.AppendUint64(b, uint64(p.Start))
	b = append(b, p.Trace[:]...)
	b = binary.BigEndian.AppendUint64(b, uint64(p.Span))
	b = binary.BigEndian.AppendUint64(b, p.Origin)
	b = binary.BigEndian.AppendUint64(b, filters)
	b = binary.BigEndian.AppendUint32(b, crc32.ChecksumIEEE(b))
	return base64.RawURLEncoding.EncodeToString(b)
}

func decodeCursor(text string, filters uint64) (p store.Position, err error) {
	b, err := base64.RawURLEncoding.Strict().DecodeString(text)
	if err != nil || len(b) != cursorSize || b[0] != cursorVersion ||
		binary.BigEndian.Uint32(b[cursorSize-4:]) != crc32.ChecksumIEEE(b[:cursorSize-4]) {
		return p, fmt.Errorf("%w %.100q is not one that a search gave: pass \"next\" of the page before as it is", ErrCursor, text)
	}
	if binary.BigEndian.Uint64(b[41:]) != filters {
		return p, fmt.Errorf("%w belongs to a search with other filters: begin without one", ErrCursor)
	}
	p.Start = int64(binary.BigEndian.Uint64(b[1:]))
	p.Trace = id.Trace(b[9:25])
	p.Span = id.Span(binary.BigEndian.Uint64(b[25:]))
	p.Origin = binary.BigEndian.Uint64(b[33:])
	if p.IsZero() {
		return p, fmt.Errorf("%w names no place", ErrCursor)
	}
	return p, nil
}

// filterHash stands for everything that a cursor must not be carried over: all filters but the time bounds, which may
// be relative to now and so differ from page to page.
func (r *SearchRequest) filterHash() uint64 {
	q := r.Query
	var b []byte
	for _, s := range []string{q.App, q.Caller, q.Callee, q.Address, q.Operation, q.Component, q.Instance, q.ResultCode, r.TraceID} {
		b = fmt.Appendf(b, "%q,", s)
	}
	b = fmt.Appendf(b, "%d,%d,", q.MinDuration, q.MaxDuration)
	b = appendOptional(b, q.Type)
	b = appendOptional(b, q.Kind)
	b = appendOptional(b, q.Error)
	b = appendOptional(b, q.LoadTest)
	for _, t := range q.Tags {
		b = fmt.Appendf(b, "%q=%q,%v,", t.Key, t.Value, t.Exists)
	}
	h := fnv.New64a()
	_, _ = h.Write(b) // a hash does not fail
	return h.Sum64()
}

func appendOptional[T any](b []byte, v *T) []byte {
	if v == nil {
		return append(b, "-,"...)
	}
	return fmt.Append(b, *v, ",")
}
