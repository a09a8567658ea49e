package span

import (
	"encoding/binary"

	"github.com/twinspan/twinspan/sdk/id"
)

// Payload is an OTLP Span message (opentelemetry.proto.trace.v1) that holds only the fields which are displayed but not
// searched by columns: trace_state 3, attributes 9, dropped_attributes_count 10, events 11, dropped_events_count 12,
// links 13, dropped_links_count 14, status.message (15), flags 16. It is read in place, field by field; fields may stand in any
// order. A receiver has checked it with Valid, readers stop at the first malformed byte.
type Payload []byte

// Field numbers of the OTLP Span message and of its parts.
const (
	fieldTraceState = 3
	fieldAttribute  = 9
	fieldEvent      = 11
	fieldLink       = 13
	fieldStatus     = 15
)

// Attrs calls yield with every attribute, in order.
func (p Payload) Attrs(yield func(key string, v Value) bool) {
	p.each(fieldAttribute, func(m []byte) bool {
		key, v, ok := keyValue(m)
		return !ok || yield(key, v)
	})
}

// Attr gives the first attribute of a name.
func (p Payload) Attr(key string) (v Value, ok bool) {
	p.Attrs(func(k string, val Value) bool {
		if k == key {
			v, ok = val, true
		}
		return !ok
	})
	return v, ok
}

// Event is one event of a span: an OTLP Event message. Attrs is laid out like a Payload.
type Event struct {
	// Time is in nanoseconds of the Unix epoch.
	Time  int64
	Name  string
	Attrs Payload
}

// Events calls yield with every event, in order.
func (p Payload) Events(yield func(Event) bool) {
	p.each(fieldEvent, func(m []byte) bool {
		var e Event
		var attrs []byte
		for f, rest, ok := NextField(m); ok; f, rest, ok = NextField(rest) {
			switch f.Number {
			case 1:
				e.Time = int64(f.Num)
			case 2:
				e.Name = text(f.Data)
			case 3:
				attrs = AppendBytesField(attrs, fieldAttribute, f.Data)
			}
		}
		e.Attrs = attrs
		return yield(e)
	})
}

// Link is one link of a span: an OTLP Link message.
type Link struct {
	TraceID, SpanID []byte
	Attrs           Payload
}

// Links calls yield with every link, in order.
func (p Payload) Links(yield func(Link) bool) {
	p.each(fieldLink, func(m []byte) bool {
		var l Link
		var attrs []byte
		for f, rest, ok := NextField(m); ok; f, rest, ok = NextField(rest) {
			switch f.Number {
			case 1:
				l.TraceID = f.Data
			case 2:
				l.SpanID = f.Data
			case 4:
				attrs = AppendBytesField(attrs, fieldAttribute, f.Data)
			}
		}
		l.Attrs = attrs
		return yield(l)
	})
}

// StatusMessage is the text of the span's status.
func (p Payload) StatusMessage() (msg string) {
	p.each(fieldStatus, func(m []byte) bool {
		for f, rest, ok := NextField(m); ok; f, rest, ok = NextField(rest) {
			if f.Number == 2 {
				msg = text(f.Data)
			}
		}
		return true
	})
	return msg
}

func (p Payload) each(number int, fn func([]byte) bool) {
	for f, rest, ok := NextField(p); ok; f, rest, ok = NextField(rest) {
		if f.Number == number && f.Wire == WireBytes && !fn(f.Data) {
			return
		}
	}
}

// Limit gives p with at most most attributes, events and links each, the first ones, and the number of those left out, which
// is also added to the counts of dropped ones that p has. Where nothing is left out it gives p itself.
func (p Payload) Limit(most int) (kept Payload, dropped int) {
	const first, dropCount = fieldAttribute, 1 // the count of what is dropped of a field has the number behind it
	var seen [3]int
	for f, rest, ok := NextField(p); ok; f, rest, ok = NextField(rest) {
		if i := f.Number - first; f.Wire == WireBytes && i >= 0 && i <= 4 && i%2 == 0 {
			seen[i/2]++
		}
	}
	for _, n := range seen {
		dropped += max(0, n-most)
	}
	if dropped == 0 {
		return p, 0
	}
	kept = make(Payload, 0, len(p))
	var lost [3]uint64
	seen = [3]int{}
	for m := []byte(p); len(m) > 0; {
		f, rest, ok := NextField(m)
		if !ok {
			break
		}
		i := f.Number - first
		switch {
		case i >= 0 && i <= 4 && i%2 == 0 && f.Wire == WireBytes && seen[i/2] >= most:
			lost[i/2]++
		case i >= dropCount && i <= 5 && i%2 == dropCount && f.Wire == WireVarint:
			lost[i/2] += f.Num
		default:
			if i >= 0 && i <= 4 && i%2 == 0 {
				seen[i/2]++
			}
			kept = append(kept, m[:len(m)-len(rest)]...)
		}
		m = rest
	}
	for i, n := range lost {
		kept = AppendVarintField(kept, first+2*i+dropCount, n)
	}
	return kept, dropped
}

// Valid says that p can be read to its end.
func (p Payload) Valid() bool {
	rest := []byte(p)
	for len(rest) > 0 {
		var ok bool
		if _, rest, ok = NextField(rest); !ok {
			return false
		}
	}
	return true
}

// AppendAttr appends one attribute.
func (p Payload) AppendAttr(key string, v Value) Payload {
	return appendMessage(p, fieldAttribute, func(b []byte) []byte { return appendKeyValue(b, key, v) })
}

// AppendEvent appends one event; attrs holds its attributes.
func (p Payload) AppendEvent(timeNanos int64, eventName string, attrs Payload) Payload {
	return appendMessage(p, fieldEvent, func(b []byte) []byte {
		b = AppendFixed64Field(b, 1, uint64(timeNanos))
		b = AppendStringField(b, 2, eventName)
		attrs.each(fieldAttribute, func(m []byte) bool {
			b = AppendBytesField(b, 3, m)
			return true
		})
		return b
	})
}

// AppendLink appends one link; attrs holds its attributes.
func (p Payload) AppendLink(trace id.Trace, to id.Span, attrs Payload) Payload {
	return appendMessage(p, fieldLink, func(b []byte) []byte {
		b = AppendBytesField(b, 1, trace[:])
		b = AppendBytesField(b, 2, binary.BigEndian.AppendUint64(nil, uint64(to)))
		attrs.each(fieldAttribute, func(m []byte) bool {
			b = AppendBytesField(b, 4, m)
			return true
		})
		return b
	})
}

// AppendStatusMessage appends the text of the span's status.
func (p Payload) AppendStatusMessage(msg string) Payload {
	return appendMessage(p, fieldStatus, func(b []byte) []byte { return AppendStringField(b, 2, msg) })
}
