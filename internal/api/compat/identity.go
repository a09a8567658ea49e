package compat

import (
	"encoding/binary"
	"encoding/hex"

	"github.com/twinspan/twinspan/internal/query"
	"github.com/twinspan/twinspan/internal/span"
	"github.com/twinspan/twinspan/sdk/id"
)

// TraceID gives 32 hex digits, or 16 where the first 8 bytes are zero, as Jaeger and Zipkin do.
func TraceID(b []byte) string {
	if len(b) == 16 && [8]byte(b) == [8]byte{} {
		b = b[8:]
	}
	return hex.EncodeToString(b)
}

// SpanBytes gives the 8 bytes of a span id.
func SpanBytes(s id.Span) []byte { return binary.BigEndian.AppendUint64(nil, uint64(s)) }

// SpanID gives the half's id, or one of its own where it shares its client's.
func SpanID(n *query.Node, h *span.Half) id.Span {
	if c := n.Call.Client; h.Shared && c != nil && c != h && c.Span == h.Span {
		if h.Dotted != "" {
			return id.ServerSpanOf(h.Dotted)
		}
		return id.ServerSpanOf(h.Span.String())
	}
	return h.Span
}

// SharesID says that a callee's half came with its client's id: the id that it is shown with was made from it, so that
// spans below it name the client's.
func SharesID(n *query.Node, s *span.Half) bool {
	if s.Shared {
		return SpanID(n, s) != s.Span
	}
	return s.Twin != 0 && s.Parent == s.Twin &&
		(s.Dotted != "" && s.Span == id.ServerSpanOf(s.Dotted) || s.Span == id.ServerSpanOf(s.Twin.String()))
}

// ParentID gives the id of the span that h is a child of where every half has an id of its own, 0 for none.
func ParentID(t *query.Trace, n *query.Node, h *span.Half) id.Span {
	if h.Kind.CalleeSide() {
		if n.Call.Client != nil && SharesID(n, h) {
			return n.Call.Client.Span
		}
		if h.Parent == 0 {
			return h.Twin
		}
	}
	p := h.Parent
	if n.Parent >= 0 && p != 0 {
		above := &t.Nodes[n.Parent]
		if s := above.Call.Server; s != nil && s.Twin == p && s.App == h.App && SharesID(above, s) {
			return SpanID(above, s)
		}
	}
	return p
}

// The fields of a Payload that stand for no attribute, by their numbers in the OTLP Span message.
const (
	fieldTraceState = 3
	fieldFlags      = 16
)

// TraceState reads the W3C tracestate of an encoded span.
func TraceState(p span.Payload) string {
	for f, rest, ok := span.NextField(p); ok; f, rest, ok = span.NextField(rest) {
		if f.Number == fieldTraceState && f.Wire == span.WireBytes {
			return string(f.Data)
		}
	}
	return ""
}

// Flags reads the W3C flags of an encoded span, of which bit 0 is "sampled", and OTLP's above them.
func Flags(p span.Payload) uint32 {
	for f, rest, ok := span.NextField(p); ok; f, rest, ok = span.NextField(rest) {
		if f.Number == fieldFlags && f.Wire == span.WireFixed32 {
			return uint32(f.Num)
		}
	}
	return 0
}
