package twinspan

import (
	"strings"
	"unsafe"

	"github.com/twinspan/twinspan/sdk/id"
)

// Limits of W3C Trace Context and Baggage.
const (
	maxStateMembers = 32
	maxStateValue   = 256
	maxStateText    = 512
	maxBaggageText  = 8192
	maxBaggageItems = 64
)

// traceparentLen is the length of a traceparent of version 00.
const traceparentLen = 55

const (
	flagSampled = 1
	flagRandom  = 2
)

// injectW3C writes traceparent, tracestate and baggage.
func (o *outgoing) injectW3C(c Carrier) {
	parent, state := o.w3c()
	o.put(c, keyTraceparent, headerTraceparent, parent)
	if state != "" {
		o.put(c, keyTracestate, headerTracestate, state)
	}
	injectW3CBaggage(c, o.biz)
}

// w3c gives traceparent and tracestate.
func (o *outgoing) w3c() (parent, state string) {
	b := o.room.text // one allocation for two headers; longer tracestates cost another one
	if o.room.text = nil; b == nil {
		b = make([]byte, 0, roomText)
	}
	b = append(b, "00-"...)
	b = o.trace.AppendHex(b)
	b = append(b, '-')
	b = o.id8.AppendHex(b)
	flags := byte('0')
	if o.sampled {
		flags += flagSampled
	}
	if o.random {
		flags += flagRandom
	}
	b = append(b, '-', '0', flags)
	b = o.appendTracestate(b)
	both := unsafe.String(unsafe.SliceData(b), len(b)) // nobody has b any more
	return both[:traceparentLen], both[traceparentLen:]
}

// w3c reads traceparent and tracestate.
func (r *SpanContext) w3c(u *usual) {
	if len(u.parents) != 1 {
		return
	}
	header := trimBlanks(u.parents[0])
	trace, textLen, parent, flags, ok := parseTraceparent(header)
	if !ok {
		return
	}
	r.trace, r.traceID, r.id8 = trace, header[3:3+textLen], parent
	r.sampled, r.random = flags&flagSampled != 0, flags&flagRandom != 0
	r.state, r.spanID = parseTracestate(u.states, parent)

	// SOFATracer's headers beside it, where they speak of the same trace and span, have the texts that W3C cannot carry.
	if r.spanID != "" && (u.traceID == "" || u.traceID == r.traceID) {
		return // there is nothing that they could add
	}
	traceID, spanID := u.sofaIDs(SOFAHTTP)
	if traceID == "" || spanID == "" {
		return
	}
	if traceID != r.traceID {
		if same, _ := id.ParseTrace(traceID); same != trace {
			return
		}
		r.traceID = traceID
	}
	if r.spanID == "" && !isSpanHex(spanID) && id.SpanOf(spanID) == parent {
		r.spanID = spanID
	}
}

// parseTraceparent reads version "00", and of later versions what they have in common with it. textLen is the length of the
// trace id's text, which the 32 digits begin with.
func parseTraceparent(s string) (trace id.Trace, textLen int, parent id.Span, flags byte, ok bool) {
	const length = traceparentLen
	if len(s) < length || s[2] != '-' || s[35] != '-' || s[52] != '-' {
		return trace, 0, 0, 0, false
	}
	if s[0] != '0' || s[1] != '0' {
		if version := s[:2]; !isLowerHex(version) || version == "ff" {
			return trace, 0, 0, 0, false
		}
		if len(s) > length && s[length] != '-' {
			return trace, 0, 0, 0, false
		}
	} else if len(s) != length {
		return trace, 0, 0, 0, false
	}
	flagText := s[53:55]
	if !isLowerHex(flagText) {
		return trace, 0, 0, 0, false
	}
	if parent, ok = id.ParseLower(s[36:52]); !ok || parent == 0 {
		return trace, 0, 0, 0, false
	}
	if trace, textLen, ok = id.ParseW3C(s[3:35]); !ok {
		return trace, 0, 0, 0, false
	}
	return trace, textLen, parent, unhex(flagText[0])<<4 | unhex(flagText[1]), true
}

// trimBlanks takes spaces and tabs away from both ends.
func trimBlanks(s string) string {
	if s == "" || s[0] > ' ' && s[len(s)-1] > ' ' {
		return s
	}
	return strings.Trim(s, " \t")
}
