package twinspan

import (
	"strings"

	"github.com/twinspan/twinspan/sdk/id"
)

// The keys of the formats, in their usual spelling.
const (
	keyTraceparent = "traceparent"
	keyTracestate  = "tracestate"
	keyBaggage     = "baggage"
	keyTraceID     = "X-B3-TraceId"
	keySpanID      = "X-B3-SpanId"
	keyParentID    = "X-B3-ParentSpanId"
	keySampled     = "X-B3-Sampled"
	keyFlags       = "X-B3-Flags"
	keyB3          = "b3"
	prefixBaggage  = "baggage-"
	prefixSystem   = "baggage-sys-"
	systemKey      = "sys-" // what prefixSystem has beyond prefixBaggage
)

// maxIDText bounds the trace and span ids taken from outside.
const maxIDText = 1024

// remote is a span of another process, as a carrier describes it.
type remote struct {
	traceID   string
	trace     id.Trace // zero: there is none
	spanID    string   // dotted; "" under a foreign parent
	id8       id.Span
	state     string
	sampled   bool
	undecided bool // the other side leaves the sampling decision to us
	random    bool
	biz, sys  []Pair
}

// extract reads the first valid of the configured formats, and the baggage of all.
func (t *Tracer) extract(c Carrier, r *remote) {
	for _, p := range t.config.Extract {
		found := r.trace != (id.Trace{})
		switch p {
		case W3C:
			if !found {
				extractW3C(c, r)
			}
			extractW3CBaggage(c, r)
		case SOFAHTTP:
			if !found {
				extractSOFA(c, r)
			}
			extractSOFABaggage(c, r)
		case B3:
			if !found {
				extractB3(c, r)
			}
		}
	}
}

// Inject writes the span's context into a carrier, in the configured formats.
//
// Inject from a Client or Producer span: it is the calling half, and a server may take over its dotted id. From a span of
// another kind, SOFATracer's format carries a number of its own below the span, so that no two spans get one id.
func (s *Span) Inject(c Carrier) {
	if s == nil {
		return
	}
	if headers, ok := c.(HeaderCarrier); ok {
		c = &slabCarrier{HeaderCarrier: headers}
	}
	biz, sys := s.baggage()
	for _, p := range s.tracer.config.Inject {
		switch p {
		case W3C:
			s.injectW3C(c, biz)
		case SOFAHTTP:
			s.injectSOFA(c, biz, sys)
		}
	}
}

// injectSOFA writes what SOFATracer's HTTP clients write.
func (s *Span) injectSOFA(c Carrier, biz, sys []Pair) {
	spanID := s.spanID
	if !s.kind.calls() {
		spanID = s.nextChild()
	}
	c.Set(keyTraceID, escapeURL(s.traceID))
	c.Set(keySpanID, escapeURL(spanID))
	c.Set(keyParentID, escapeURL(id.ParentOf(spanID)))
	if s.sampled {
		c.Set(keySampled, "true")
	} else {
		c.Set(keySampled, "false")
	}
	for _, p := range sys {
		c.Set(prefixSystem+escapePair(p.Key), escapeBaggage(p.Value))
	}
	for _, p := range biz {
		// A business key that begins "sys-" would come out as system baggage on the other side; W3C baggage carries it.
		if !strings.HasPrefix(p.Key, systemKey) {
			c.Set(prefixBaggage+escapePair(p.Key), escapeBaggage(p.Value))
		}
	}
}

// extractSOFA reads X-B3-* that hold SOFATracer's ids. Both ids have to be there; a span id of 16 hex digits is B3's.
func extractSOFA(c Carrier, r *remote) {
	traceID, spanID := sofaIDs(c)
	if traceID == "" || spanID == "" || isSpanHex(spanID) {
		return
	}
	trace, _ := id.ParseTrace(traceID)
	if trace.IsZero() {
		return
	}
	r.traceID, r.trace, r.spanID, r.id8 = traceID, trace, spanID, id.SpanOf(spanID)
	sampled, found := c.Get(keySampled)
	r.sampled = !found || sampled == "1" || strings.EqualFold(sampled, "true")
}

func sofaIDs(c Carrier) (traceID, spanID string) {
	traceID, _ = c.Get(keyTraceID)
	spanID, _ = c.Get(keySpanID)
	traceID, spanID = strings.TrimSpace(unescapeURL(traceID)), strings.TrimSpace(unescapeURL(spanID))
	if len(traceID) > maxIDText || len(spanID) > maxIDText {
		return "", ""
	}
	return traceID, spanID
}

func extractSOFABaggage(c Carrier, r *remote) {
	if headers, ok := c.(HeaderCarrier); ok { // the hot path, without a closure
		for key, values := range headers {
			if rest, ok := cutPrefixFold(key, prefixBaggage); ok && len(values) > 0 {
				r.addSOFABaggage(strings.ToLower(rest), values[0])
			}
		}
		return
	}
	var pairs []Pair
	c.WithPrefix(prefixBaggage, func(key, value string) { pairs = append(pairs, Pair{key, value}) })
	for _, p := range pairs {
		r.addSOFABaggage(p.Key, p.Value)
	}
}

// addSOFABaggage takes a header without its prefix "baggage-".
func (r *remote) addSOFABaggage(key, value string) {
	value = unescapePair(unescapeURL(value))
	if rest, ok := cutPrefixFold(key, systemKey); ok {
		r.sys = append(r.sys, Pair{unescapePair(rest), value})
		return
	}
	key = unescapePair(key)
	for i := range r.biz {
		// W3C baggage has the key's spelling, and its value is the same or newer.
		if strings.EqualFold(r.biz[i].Key, key) {
			return
		}
	}
	r.biz = append(r.biz, Pair{key, value})
}

func isSpanHex(s string) bool {
	if len(s) != 16 {
		return false
	}
	_, ok := id.ParseSpan(s)
	return ok
}

// extractB3 reads Zipkin's B3, in one header or several. Its span is a foreign parent.
func extractB3(c Carrier, r *remote) {
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
		traceID, spanID = sofaIDs(c)
		sampled, decided = c.Get(keySampled)
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

func isLowerHex(s string) bool {
	for i := range len(s) {
		if c := s[i]; (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}
