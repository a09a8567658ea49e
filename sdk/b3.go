package twinspan

import (
	"strings"

	"github.com/twinspan/twinspan/sdk/id"
)

// The keys of Zipkin's B3, where SOFATracer does not have the same.
const (
	keyFlags = "X-B3-Flags"
	keyB3    = "b3"
)

// b3 reads Zipkin's B3, in one header or several. Its span is a foreign parent.
func (r *SpanContext) b3(c Carrier, u *usual) {
	var traceID, spanID, sampled string
	decided := false
	if single, ok := c.Get(keyB3); ok {
		parts := strings.Split(strings.TrimSpace(single), "-")
		if len(parts) < 2 || len(parts) > 4 {
			return
		}
		traceID, spanID = parts[0], parts[1]
		if len(parts) > 2 {
			sampled, decided = parts[2], true
		}
	} else {
		traceID, spanID = u.sofaIDs(SOFAHTTP)
		sampled, decided = u.sampled, u.decided
		if flags, _ := c.Get(keyFlags); flags == "1" {
			sampled, decided = "d", true
		}
	}
	span, ok := id.ParseSpan(spanID)
	if !ok || len(spanID) != 16 || span == 0 || len(traceID) != 16 && len(traceID) != 32 || !isLowerHex(strings.ToLower(traceID)) {
		return
	}
	trace, _ := id.ParseTrace(traceID)
	if trace.IsZero() {
		return
	}
	r.trace, r.traceID, r.id8 = trace, trace.String(), span
	r.sampled = sampled == "1" || sampled == "d" || strings.EqualFold(sampled, "true")
	r.undecided = !decided
}

// injectB3 writes B3 in several headers: Zipkin's 16-byte trace id and 8-byte span ids.
func (s *Span) injectB3(c Carrier) {
	var buf [32 + 16 + 16]byte
	b := s.trace.AppendHex(buf[:0])
	b = s.id8.AppendHex(b)
	parent := s.parent8 != 0
	if parent {
		b = s.parent8.AppendHex(b)
	}
	all := string(b) // one allocation for three headers
	c.Set(keyTraceID, all[:32])
	c.Set(keySpanID, all[32:48])
	if parent {
		c.Set(keyParentID, all[48:])
	}
	if s.sampled {
		c.Set(keySampled, "1")
	} else {
		c.Set(keySampled, "0")
	}
}

// injectB3Single writes B3 in the one header b3: trace, span, decision and parent.
func (s *Span) injectB3Single(c Carrier) {
	var buf [32 + 16 + 16 + 4]byte
	b := s.trace.AppendHex(buf[:0])
	b = append(b, '-')
	b = s.id8.AppendHex(b)
	if s.sampled {
		b = append(b, "-1"...)
	} else {
		b = append(b, "-0"...)
	}
	if s.parent8 != 0 {
		b = append(b, '-')
		b = s.parent8.AppendHex(b)
	}
	c.Set(keyB3, string(b))
}
