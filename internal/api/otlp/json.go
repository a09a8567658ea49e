package otlp

import (
	"encoding/base64"
	"encoding/hex"
	"math"
	"strconv"

	"github.com/twinspan/twinspan/internal/api/compat"
	"github.com/twinspan/twinspan/internal/query"
	"github.com/twinspan/twinspan/internal/span"
)

// Dialect is one of the two ways in which these messages are written as JSON.
type Dialect struct {
	// encode writes ids.
	encode func([]byte) string
	// names says that kinds and statuses are written by name, not by number.
	names bool
}

var (
	// Standard is OTLP's own JSON: ids in hex, enumerations as numbers.
	Standard = Dialect{encode: hex.EncodeToString}
	// ProtoJSON is what protobuf's rules for JSON make of the messages, as Tempo answers: ids in base64, enumerations by name.
	ProtoJSON = Dialect{encode: base64.StdEncoding.EncodeToString, names: true}
)

var (
	kindNames   = [...]string{"SPAN_KIND_UNSPECIFIED", "SPAN_KIND_INTERNAL", "SPAN_KIND_SERVER", "SPAN_KIND_CLIENT", "SPAN_KIND_PRODUCER", "SPAN_KIND_CONSUMER"}
	statusNames = [...]string{"STATUS_CODE_UNSET", "STATUS_CODE_OK", "STATUS_CODE_ERROR"}
)

// AppendJSON appends the ResourceSpans of a trace: the members of a JSON list, without its brackets. first says that none
// stands before.
func (d Dialect) AppendJSON(b []byte, t *query.Trace, first bool) []byte {
	w := writer{Dialect: d, trace: t, b: b}
	for _, g := range groups(t) {
		if !first {
			w.b = append(w.b, ',')
		}
		first = false
		w.group(g)
	}
	return w.b
}

type writer struct {
	Dialect
	trace *query.Trace
	b     []byte
}

func (w *writer) add(parts ...string) {
	for _, p := range parts {
		w.b = append(w.b, p...)
	}
}

// attrs writes a member "attributes", nothing where there are none.
func (w *writer) attrs(comma bool, each func(func(key string, v span.Value))) (wrote bool) {
	each(func(key string, v span.Value) {
		if wrote {
			w.add(",")
		} else {
			if comma {
				w.add(",")
			}
			w.add(`"attributes":[`)
		}
		wrote = true
		w.keyValue(key, v)
	})
	if wrote {
		w.add("]")
	}
	return wrote
}

func (w *writer) group(g *group) {
	w.add(`{"resource":{`)
	w.attrs(false, g.resourceAttrs)
	w.add(`},"scopeSpans":[{"scope":{`)
	comma := false
	if g.scope != "" {
		w.add(`"name":`)
		w.b = compat.AppendString(w.b, g.scope)
		comma = true
	}
	if v := g.scopeVersion(); v != "" {
		if comma {
			w.add(",")
		}
		w.add(`"version":`)
		w.b = compat.AppendString(w.b, v)
		comma = true
	}
	w.attrs(comma, g.scopeAttrs)
	w.add(`},"spans":[`)
	for i, m := range g.members {
		if i > 0 {
			w.add(",")
		}
		w.span(m)
	}
	w.add(`]}]}`)
}

func (w *writer) span(m member) {
	h := m.half
	own, parent := m.ids(w.trace)
	w.add(`{"traceId":"`, w.encode(w.trace.ID[:]), `","spanId":"`, w.encode(compat.SpanBytes(own)), `"`)
	if state := compat.TraceState(h.Payload); state != "" {
		w.add(`,"traceState":`)
		w.b = compat.AppendString(w.b, state)
	}
	if parent != 0 {
		w.add(`,"parentSpanId":"`, w.encode(compat.SpanBytes(parent)), `"`)
	}
	if f := compat.Flags(h.Payload); f != 0 {
		w.add(`,"flags":`, strconv.FormatUint(uint64(f), 10))
	}
	w.add(`,"name":`)
	w.b = compat.AppendString(w.b, m.name())
	if int(h.Kind) < len(kindNames) && h.Kind != span.KindUnspecified {
		w.enum("kind", int(h.Kind), kindNames[h.Kind])
	}
	w.add(`,"startTimeUnixNano":"`, strconv.FormatUint(uint64(h.Start), 10), `","endTimeUnixNano":"`, strconv.FormatUint(uint64(h.End()), 10), `"`)
	w.attrs(true, func(yield func(string, span.Value)) {
		h.Payload.Attrs(func(key string, v span.Value) bool {
			yield(key, v)
			return true
		})
		extras(h, yield)
	})
	w.events(h)
	w.links(h)
	w.dropped(h)
	w.status(h)
	w.add("}")
}

func (w *writer) enum(key string, number int, name string) {
	if w.names {
		w.add(`,"`, key, `":"`, name, `"`)
		return
	}
	w.add(`,"`, key, `":`, strconv.Itoa(number))
}

// status is always there, empty for unset, as both dialects have it.
func (w *writer) status(h *span.Half) {
	w.add(`,"status":{`)
	text := h.Payload.StatusMessage()
	if text != "" {
		w.add(`"message":`)
		w.b = compat.AppendString(w.b, text)
	}
	if h.Status != span.StatusUnset && int(h.Status) < len(statusNames) {
		from := len(w.b)
		w.enum("code", int(h.Status), statusNames[h.Status])
		if text == "" {
			w.b = append(w.b[:from], w.b[from+1:]...) // no comma before the first
		}
	}
	w.add("}")
}

// dropped writes what the source counted as dropped.
func (w *writer) dropped(h *span.Half) {
	for f, rest, ok := span.NextField(h.Payload); ok; f, rest, ok = span.NextField(rest) {
		if f.Wire != span.WireVarint || f.Num == 0 || f.Num > math.MaxUint32 {
			continue
		}
		switch f.Number {
		case 10:
			w.add(`,"droppedAttributesCount":`, strconv.FormatUint(f.Num, 10))
		case 12:
			w.add(`,"droppedEventsCount":`, strconv.FormatUint(f.Num, 10))
		case 14:
			w.add(`,"droppedLinksCount":`, strconv.FormatUint(f.Num, 10))
		}
	}
}

func (w *writer) events(h *span.Half) {
	first := true
	h.Payload.Events(func(e span.Event) bool {
		if first {
			w.add(`,"events":[`)
		} else {
			w.add(",")
		}
		first = false
		w.add(`{"timeUnixNano":"`, strconv.FormatUint(uint64(e.Time), 10), `","name":`)
		w.b = compat.AppendString(w.b, e.Name)
		w.attrs(true, payloadAttrs(e.Attrs))
		w.add("}")
		return true
	})
	if !first {
		w.add("]")
	}
}

func (w *writer) links(h *span.Half) {
	first := true
	h.Payload.Links(func(l span.Link) bool {
		if len(l.TraceID) != 16 || len(l.SpanID) != 8 {
			return true
		}
		if first {
			w.add(`,"links":[`)
		} else {
			w.add(",")
		}
		first = false
		w.add(`{"traceId":"`, w.encode(l.TraceID), `","spanId":"`, w.encode(l.SpanID), `"`)
		w.attrs(true, payloadAttrs(l.Attrs))
		w.add("}")
		return true
	})
	if !first {
		w.add("]")
	}
}

func payloadAttrs(p span.Payload) func(func(string, span.Value)) {
	return func(yield func(string, span.Value)) {
		p.Attrs(func(key string, v span.Value) bool {
			yield(key, v)
			return true
		})
	}
}

func (w *writer) keyValue(key string, v span.Value) {
	w.add(`{"key":`)
	w.b = compat.AppendString(w.b, key)
	w.add(`,"value":`)
	w.b = append(appendValue(w.b, v, 0), '}')
}

// maxDepth bounds how deep lists and maps are followed.
const maxDepth = 16

// appendValue appends an AnyValue message as JSON, which is the same in both dialects.
func appendValue(b []byte, v span.Value, depth int) []byte {
	switch v.Kind {
	case span.ValueEmpty:
		return append(b, "{}"...)
	case span.ValueBool:
		b = strconv.AppendBool(append(b, `{"boolValue":`...), v.Bool())
	case span.ValueInt:
		b = append(compat.AppendInt(append(b, `{"intValue":"`...), v.Int()), '"')
	case span.ValueFloat:
		b = appendDouble(append(b, `{"doubleValue":`...), v.Float())
	case span.ValueBytes:
		b = compat.AppendString(append(b, `{"bytesValue":`...), v.Text())
	case span.ValueArray:
		b = append(b, `{"arrayValue":{"values":[`...)
		first := true
		if depth < maxDepth {
			v.Each(func(e span.Value) bool {
				b = comma(b, &first)
				b = appendValue(b, e, depth+1)
				return true
			})
		}
		b = append(b, "]}"...)
	case span.ValueMap:
		b = append(b, `{"kvlistValue":{"values":[`...)
		first := true
		if depth < maxDepth {
			v.Members(func(key string, e span.Value) bool {
				b = comma(b, &first)
				b = compat.AppendString(append(b, `{"key":`...), key)
				b = append(appendValue(append(b, `,"value":`...), e, depth+1), '}')
				return true
			})
		}
		b = append(b, "]}"...)
	default:
		b = compat.AppendString(append(b, `{"stringValue":`...), v.Text())
	}
	return append(b, '}')
}

func comma(b []byte, first *bool) []byte {
	if !*first {
		b = append(b, ',')
	}
	*first = false
	return b
}

// appendDouble appends a number, or protobuf's text for what JSON has no number of.
func appendDouble(b []byte, f float64) []byte {
	switch {
	case math.IsInf(f, 1):
		return append(b, `"Infinity"`...)
	case math.IsInf(f, -1):
		return append(b, `"-Infinity"`...)
	}
	return compat.AppendFloat(b, f)
}
