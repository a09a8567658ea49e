package otlp

import (
	"bytes"
	"strings"

	"github.com/twinspan/twinspan/sdk/id"
)

// ownState begins our SDK's member of tracestate: "twinspan=<dotted span id>:<8-byte span id in hex>".
var ownState = []byte("twinspan=")

// dotted gives the dotted id that a span's tracestate has for it, "" if there is none. A member that another span of the trace
// left there names another 8-byte id, and does not count. The text is a copy: what it lies in will be moved.
func dotted(state []byte, span id.Span) string {
	if !bytes.Contains(state, ownState) {
		return ""
	}
	for member := range bytes.SplitSeq(state, []byte{','}) {
		value, ok := bytes.CutPrefix(bytes.TrimLeft(member, " \t"), ownState)
		if !ok {
			continue
		}
		text, of, _ := strings.Cut(string(value), ":")
		named, ok := id.ParseSpan(of)
		if ok && len(of) == 16 && named == span && (id.SpanOf(text) == span || id.ServerSpanOf(text) == span) {
			return text
		}
	}
	return ""
}
