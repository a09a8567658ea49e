package twinspan

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/twinspan/twinspan/sdk/id"
)

// SOFATracer's text of a span context (SofaTracerSpanContext.serializeSpanContext): items "key=value&", of which '%', '&'
// and '=' are escaped. The four ids and the decision come first, then system and business baggage.
const (
	textTrace   = "tcid"
	textSpan    = "spid"
	textParent  = "pspid"
	textSampled = "sample"
	textSystem  = "_sys_"
)

// propagationKeys tell by which key a format's context travels. Of formats that share one, only one can be written.
var propagationKeys = map[Propagation]string{
	W3C:           keyTraceparent,
	SOFAHTTP:      keyTraceID,
	SOFAText:      keyTraceID,
	B3:            keyTraceID,
	B3Single:      keyB3,
	SOFAHead:      "sftc_head",
	SOFAHeadHTTP:  "sftc_head",
	Dubbo:         "dubbo.rpc.sofa.tracer",
	RocketMQ:      "SOFA_TRACER_CONTEXT",
	SpringMessage: "STREAM_SPAM_CONTEXT_SOFA",
	SOFARPC:       keyNewRPC,
	MOSN:          keyMOSNTrace,
}

func propagationNames() string {
	var names []string
	for _, p := range slices.Sorted(maps.Keys(propagationKeys)) {
		names = append(names, string(p))
	}
	return strings.Join(names, ", ")
}

// injectText writes the text under the format's key.
func (o *outgoing) injectText(c Carrier, p Propagation) {
	key, ok := propagationKeys[p]
	if !ok {
		return
	}
	text := o.text()
	if p == SOFAHeadHTTP {
		text = escapeURL(text)
	}
	set(c, key, text)
}

// extractText reads the text under the format's key.
func extractText(c Carrier, r *SpanContext, p Propagation) {
	key, ok := propagationKeys[p]
	if !ok {
		return
	}
	text, _ := c.Get(key)
	if p == SOFAHeadHTTP {
		text = unescapeURL(text)
	}
	r.text(text)
}

// text gives the context as SOFATracer writes it.
func (o *outgoing) text() string {
	spanID := o.id()
	b := make([]byte, 0, 128)
	b = appendItem(b, "", textTrace, o.traceID)
	b = appendItem(b, "", textSpan, spanID)
	b = appendItem(b, "", textParent, id.ParentOf(spanID))
	b = fmt.Appendf(b, "%s=%t&", textSampled, o.sampled)
	for _, p := range o.sys {
		b = appendItem(b, textSystem, p.Key, p.Value)
	}
	for _, p := range o.biz {
		// Under such a key the other side would read something else.
		if !isTextKey(p.Key) {
			b = appendItem(b, "", p.Key, p.Value)
		}
	}
	return string(b)
}

// isTextKey says that a key means something in the text itself. Java SOFATracer writes business baggage under such keys all
// the same, and its reader then takes it for the trace id or for system baggage.
func isTextKey(key string) bool {
	return key == textTrace || key == textSpan || key == textParent || key == textSampled || strings.HasPrefix(key, textSystem)
}

func appendItem(b []byte, prefix, key, value string) []byte {
	b = append(b, prefix...)
	b = appendPair(b, key)
	b = append(b, '=')
	b = appendPair(b, value)
	return append(b, '&')
}

// pairsText gives baggage as "key=value&" items.
func pairsText(pairs []Pair) string {
	var b []byte
	for _, p := range pairs {
		b = appendItem(b, "", p.Key, p.Value)
	}
	return string(b)
}

// eachItem gives the items of a text, unescaped. What has no key or no '=' is none.
func eachItem(text string, yield func(key, value string)) {
	for item := range strings.SplitSeq(text, "&") {
		if key, value, ok := strings.Cut(item, "="); ok && key != "" {
			yield(unescapePair(key), unescapePair(value))
		}
	}
}

// maxTracerText bounds the texts taken from outside.
const maxTracerText = 64 << 10

// text takes a context as SOFATracer writes it. Of a key that is there twice the first counts: Java takes the last, by which
// business baggage of the name "tcid" becomes the trace id.
func (r *SpanContext) text(text string) {
	if len(text) > maxTracerText {
		return
	}
	var traceID, spanID, sampled string
	eachItem(text, func(key, value string) {
		first := func(to *string) {
			if *to == "" {
				*to = value
			}
		}
		switch {
		case key == textTrace:
			first(&traceID)
		case key == textSpan:
			first(&spanID)
		case key == textSampled:
			first(&sampled)
		case key == textParent: // the span's id says it
		case strings.HasPrefix(key, textSystem):
			r.addSystem(key[len(textSystem):], value)
		default:
			r.addBusiness(key, value)
		}
	})
	if r.valid() {
		return
	}
	if spanID == "" {
		spanID = "0" // as Java has it
	}
	r.sofa(strings.TrimSpace(traceID), strings.TrimSpace(spanID), isTrueOrUnset(sampled))
}

// isTrueOrUnset is Java's Boolean.parseBoolean, and sampled where nothing is said.
func isTrueOrUnset(s string) bool { return strings.TrimSpace(s) == "" || strings.EqualFold(s, "true") }
