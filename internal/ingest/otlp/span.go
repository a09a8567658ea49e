package otlp

import (
	"encoding/binary"
	"fmt"
	"math"
	"unsafe"

	"github.com/cespare/xxhash/v2"

	"github.com/twinspan/twinspan/internal/ingest"
	"github.com/twinspan/twinspan/internal/span"
	"github.com/twinspan/twinspan/sdk/id"
)

// run is a range of a span's bytes.
type run struct{ from, to int }

// fields is what a span's message says beside its payload. The slices alias it.
type fields struct {
	traceID, spanID, parentID []byte
	state                     []byte
	name                      run
	kind                      uint64
	start, end                uint64
	status                    uint64
}

// span reads one Span message and appends its half, or counts it as rejected.
func (d *decoder) span(m []byte) {
	if len(m) > d.limits.MaxSpanBytes {
		d.reject(reasonTooLarge, "it has %d bytes, the limit is %d", len(m), d.limits.MaxSpanBytes)
		return
	}
	origin := xxhash.Sum64(m) // before bytes are moved
	var f fields
	if !d.fields(m, &f) {
		d.reject(reasonMalformed, "the message is malformed")
		return
	}
	if !d.usable(&f) {
		return
	}
	d.halves = append(d.halves, d.scope)
	h := &d.halves[len(d.halves)-1]
	h.Trace = id.Trace(f.traceID)
	h.Span = id.Span(binary.BigEndian.Uint64(f.spanID))
	if len(f.parentID) == 8 {
		h.Parent = id.Span(binary.BigEndian.Uint64(f.parentID))
	}
	if len(f.state) > 0 {
		h.Dotted = dotted(f.state, h.Span)
	}
	h.Kind = span.KindInternal // OpenTelemetry's reading of "unspecified"
	if f.kind > 0 && f.kind <= uint64(span.KindConsumer) {
		h.Kind = span.Kind(f.kind)
	}
	if f.status <= uint64(span.StatusError) {
		h.Status = span.Status(f.status)
	}
	if h.Kind.CalleeSide() {
		h.Twin = h.Parent
	}
	h.Start = int64(f.start)
	if h.Duration = int64(f.end) - h.Start; f.end > math.MaxInt64 || h.Duration < 0 {
		h.Duration = 0
		d.left.Clamped++
	}
	// The id tells spans apart already; 24 bits of the content tell apart those that repeat an id. So close to the id, the
	// store keeps it in three bytes.
	h.Origin = uint64(h.Span) + ingest.MixHash(origin, d.appHash)&0xffffff
	h.Payload = d.payload(m, f.name)
	// The name is viewed where it was: payload moves nothing over it.
	h.Operation = text(m[f.name.from:f.name.to])
	if !d.describer.Describe(h) {
		d.halves = d.halves[:len(d.halves)-1]
		d.reject(reasonMalformed, "an attribute is malformed")
		return
	}
	if d.noted > d.limits.MaxAttributes { // of all kinds together: seldom
		d.left.Trim(h, d.limits)
	}
}

// fields reads the message's fields and notes in d.runs where those of the payload lie; it is false when the message is
// malformed.
func (d *decoder) fields(m []byte, s *fields) bool {
	d.runs, d.noted = d.runs[:0], 0
	for rest := m; len(rest) > 0; {
		from := len(m) - len(rest)
		// Most fields are attributes, most of them short.
		if rest[0] == 9<<3|span.WireBytes && len(rest) > 1 && rest[1] < 0x80 && 2+int(rest[1]) <= len(rest) {
			to := from + 2 + int(rest[1])
			d.note(from, to)
			rest = m[to:]
			continue
		}
		f, behind, ok := span.NextField(rest)
		if !ok {
			return false
		}
		rest = behind
		to := len(m) - len(rest)
		switch f.Wire {
		case span.WireBytes:
			switch f.Number {
			case 1:
				s.traceID = f.Data
			case 2:
				s.spanID = f.Data
			case 4:
				s.parentID = f.Data
			case 5:
				s.name = run{to - len(f.Data), to}
			case 9, 11, 13: // attributes, events, links
				d.note(from, to)
			case 3: // trace_state
				if s.state = f.Data; len(f.Data) > 0 {
					d.note(from, to)
				}
			case 15:
				if !d.status(m, run{to - len(f.Data), to}, s) {
					return false
				}
			}
		case span.WireFixed64:
			switch f.Number {
			case 7:
				s.start = f.Num
			case 8:
				s.end = f.Num
			}
		case span.WireVarint:
			switch f.Number {
			case 6:
				s.kind = uint64(uint32(f.Num))
			case 10, 12, 14: // dropped counts
				d.note(from, to)
			}
		case span.WireFixed32:
			if f.Number == 16 { // flags
				d.note(from, to)
			}
		}
	}
	return true
}

func (d *decoder) note(from, to int) {
	d.noted++
	if n := len(d.runs); n > 0 && d.runs[n-1].to == from {
		d.runs[n-1].to = to
		return
	}
	d.runs = append(d.runs, run{from, to})
}

// status reads the Status message at a range of m. Its text, without the code, is made a field of the payload in place: it
// needs no more room than it has.
func (d *decoder) status(m []byte, at run, s *fields) bool {
	var msg run
	for rest := m[at.from:at.to]; len(rest) > 0; {
		from := at.to - len(rest)
		f, behind, ok := span.NextField(rest)
		if !ok {
			return false
		}
		rest = behind
		switch {
		case f.Number == 2 && f.Wire == span.WireBytes:
			msg = run{}
			if len(f.Data) > 0 {
				msg = run{from, at.to - len(rest)}
			}
		case f.Number == 3 && f.Wire == span.WireVarint:
			s.status = uint64(uint32(f.Num))
		}
	}
	if msg.to == 0 {
		return true
	}
	var head [1 + binary.MaxVarintLen64]byte
	head[0] = 15<<3 | span.WireBytes
	n := 1 + binary.PutUvarint(head[1:], uint64(msg.to-msg.from))
	copy(m[msg.from-n:], head[:n])
	d.note(msg.from-n, msg.to)
	return true
}

// payload gives the runs as one slice: where there are several, it closes the gaps between them by moving the shorter
// neighbour over fields that are read. Only where the name lies in a gap the runs are copied.
func (d *decoder) payload(m []byte, name run) span.Payload {
	if len(d.runs) == 0 {
		return nil
	}
	whole := d.runs[0]
	for i, next := range d.runs[1:] {
		if name.from < next.from && name.to > whole.to {
			return d.copied(m, whole, d.runs[i+1:])
		}
		if size := whole.to - whole.from; size <= next.to-next.from {
			copy(m[next.from-size:], m[whole.from:whole.to])
			whole = run{next.from - size, next.to}
		} else {
			size = copy(m[whole.to:], m[next.from:next.to])
			whole.to += size
		}
	}
	return m[whole.from:whole.to:whole.to]
}

// arenaSize is the size of the chunks in which payloads lie that had to be copied.
const arenaSize = 64 << 10

func (d *decoder) copied(m []byte, whole run, others []run) span.Payload {
	size := whole.to - whole.from
	for _, r := range others {
		size += r.to - r.from
	}
	p := append(d.room(size), m[whole.from:whole.to]...)
	for _, r := range others {
		p = append(p, m[r.from:r.to]...)
	}
	return p
}

// room gives an empty slice of the arena with room for size bytes and no more.
func (d *decoder) room(size int) span.Payload {
	if cap(d.arena)-len(d.arena) < size {
		d.arena = make([]byte, 0, max(arenaSize, size))
	}
	from := len(d.arena)
	d.arena = d.arena[:from+size]
	return span.Payload(d.arena[from : from : from+size])
}

// usable says whether the span has what every half needs, and rejects it otherwise.
func (d *decoder) usable(f *fields) bool {
	switch {
	case len(f.traceID) != 16 || id.Trace(f.traceID).IsZero():
		d.reject(reasonTraceID, "trace_id is %x, want 16 bytes that are not all zero", head(f.traceID))
	case len(f.spanID) != 8 || binary.BigEndian.Uint64(f.spanID) == 0:
		d.reject(reasonSpanID, "span_id is %x, want 8 bytes that are not all zero", head(f.spanID))
	case len(f.parentID) != 0 && len(f.parentID) != 8:
		d.reject(reasonParentID, "parent_span_id is %x, want 8 bytes or none", head(f.parentID))
	case f.start == 0 || f.start > math.MaxInt64:
		d.reject(reasonStart, "start_time_unix_nano is %d, want nanoseconds since 1970", f.start)
	default:
		return true
	}
	return false
}

// head cuts what a message quotes.
func head(b []byte) []byte { return b[:min(len(b), 20)] }

func (d *decoder) reject(reason, format string, args ...any) {
	d.left.Reject(reason, func() string {
		return fmt.Sprintf("a span of service %q: %s", d.scope.App, fmt.Sprintf(format, args...))
	})
}

// text views bytes of the request as a string: once read they are not changed.
func text(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }
