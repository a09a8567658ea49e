package otlp

import (
	"encoding/binary"

	"github.com/twinspan/twinspan/internal/api/compat"
	"github.com/twinspan/twinspan/internal/query"
	"github.com/twinspan/twinspan/internal/span"
)

// Field numbers of the messages, as opentelemetry-proto 1.x has them.
const (
	tracesResourceSpans = 1

	resourceSpansResource = 1
	resourceSpansScope    = 2
	resourceAttributes    = 1

	scopeSpansScope = 1
	scopeSpansSpans = 2
	scopeName       = 1
	scopeVersion    = 2
	scopeAttributes = 3

	spanTraceID    = 1
	spanID         = 2
	spanParentID   = 4
	spanName       = 5
	spanKind       = 6
	spanStart      = 7
	spanEnd        = 8
	spanAttributes = 9
	spanStatus     = 15
	statusMessage  = 2
	statusCode     = 3
)

// AppendProto appends a trace as a TracesData message: tempopb.Trace is laid out the same.
func AppendProto(b []byte, t *query.Trace) []byte {
	var scope, one []byte
	for _, g := range groups(t) {
		scope, one = scope[:0], one[:0]
		one = span.AppendStringField(one, scopeName, g.scope)
		if v := g.scopeVersion(); v != "" {
			one = span.AppendStringField(one, scopeVersion, v)
		}
		g.scopeAttrs(func(key string, v span.Value) { one = appendAttr(one, scopeAttributes, key, v) })
		scope = span.AppendBytesField(scope, scopeSpansScope, one)
		for _, m := range g.members {
			one = m.appendProto(one[:0], t)
			scope = span.AppendBytesField(scope, scopeSpansSpans, one)
		}
		one = one[:0]
		g.resourceAttrs(func(key string, v span.Value) { one = appendAttr(one, resourceAttributes, key, v) })
		rs := span.AppendBytesField(nil, resourceSpansResource, one)
		rs = span.AppendBytesField(rs, resourceSpansScope, scope)
		b = span.AppendBytesField(b, tracesResourceSpans, rs)
	}
	return b
}

// appendAttr appends a KeyValue message as a field.
func appendAttr(b []byte, number int, key string, v span.Value) []byte {
	// A Payload holds it as its field 9; all that differs is the number.
	var kv []byte
	if f, _, ok := span.NextField(span.Payload(nil).AppendAttr(key, v)); ok {
		kv = f.Data
	}
	return span.AppendBytesField(b, number, kv)
}

func (m member) appendProto(b []byte, t *query.Trace) []byte {
	h := m.half
	own, parent := m.ids(t)
	b = span.AppendBytesField(b, spanTraceID, t.ID[:])
	b = span.AppendBytesField(b, spanID, compat.SpanBytes(own))
	if parent != 0 {
		b = span.AppendBytesField(b, spanParentID, compat.SpanBytes(parent))
	}
	b = span.AppendStringField(b, spanName, m.name())
	b = span.AppendVarintField(b, spanKind, uint64(h.Kind))
	b = span.AppendFixed64Field(b, spanStart, uint64(h.Start))
	b = span.AppendFixed64Field(b, spanEnd, uint64(h.End()))
	for f, rest, ok := span.NextField(h.Payload); ok; f, rest, ok = span.NextField(rest) {
		if f.Number != spanStatus {
			b = appendField(b, f)
		}
	}
	extras(h, func(key string, v span.Value) { b = appendAttr(b, spanAttributes, key, v) })
	var status []byte
	if text := h.Payload.StatusMessage(); text != "" {
		status = span.AppendStringField(status, statusMessage, text)
	}
	status = span.AppendVarintField(status, statusCode, uint64(h.Status))
	return span.AppendBytesField(b, spanStatus, status)
}

// appendField appends a field as it was read.
func appendField(b []byte, f span.Field) []byte {
	b = binary.AppendUvarint(b, uint64(f.Number)<<3|uint64(f.Wire))
	switch f.Wire {
	case span.WireVarint:
		return binary.AppendUvarint(b, f.Num)
	case span.WireFixed64:
		return binary.LittleEndian.AppendUint64(b, f.Num)
	case span.WireFixed32:
		return binary.LittleEndian.AppendUint32(b, uint32(f.Num))
	}
	return append(binary.AppendUvarint(b, uint64(len(f.Data))), f.Data...)
}
