package twinspan

import (
	"slices"
	"strings"
	"unsafe"

	"github.com/twinspan/twinspan/sdk/id"
)

// stateKey is the key of our tracestate member. Its value is "<dotted span id>:<8-byte span id in hex>"; it counts only
// where the latter is traceparent's parent-id, so that a member that other tracers passed on is not taken for the parent.
const stateKey = "twinspan"

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
	if _, ok := c.(HeaderCarrier); ok && o.values == nil {
		o.values = new(values)
	}
	parent, state := o.w3c()
	o.put(c, keyTraceparent, headerTraceparent, parent)
	if state != "" {
		o.put(c, keyTracestate, headerTracestate, state)
	}
	injectW3CBaggage(c, o.biz)
}

// w3c gives traceparent and tracestate.
func (o *outgoing) w3c() (parent, state string) {
	var buf [traceparentLen + 128]byte // longer tracestates cost an allocation
	b := append(buf[:0], "00-"...)
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
	if o.kind.calls() {
		b = appendState(b, o.spanID, o.id8)
	}
	if o.state != "" {
		if len(b) > traceparentLen {
			b = append(b, ',')
		}
		b = append(b, o.state...)
	}
	both := o.values.string(b) // one allocation for two headers
	return both[:traceparentLen], both[traceparentLen:]
}

// string gives a text in the values' memory, if it fits; it is called once.
func (v *values) string(b []byte) string {
	if v == nil || len(b) > len(v.text) {
		return string(b)
	}
	n := copy(v.text[:], b)
	return unsafe.String(&v.text[0], n)
}

// appendState writes our member of tracestate, if it fits.
func appendState(b []byte, spanID string, id8 id.Span) []byte {
	if isSpanHex(spanID) || spanID == "" || len(spanID)+1+16 > maxStateValue || !isStateValue(spanID) {
		return b
	}
	b = append(b, stateKey+"="...)
	b = append(b, spanID...)
	b = append(b, ':')
	return id8.AppendHex(b)
}

// TraceState gives W3C's tracestate as Inject writes it: our member in front of those of others.
func (s *Span) TraceState() string {
	if s == nil {
		return ""
	}
	if !s.kind.calls() {
		return s.state
	}
	b := appendState(nil, s.spanID, s.id8)
	if s.state != "" {
		if len(b) > 0 {
			b = append(b, ',')
		}
		b = append(b, s.state...)
	}
	return string(b)
}

func injectW3CBaggage(c Carrier, biz []Pair) {
	if len(biz) == 0 {
		return
	}
	var b []byte
	// What is there already is the application's own or OpenTelemetry's, or what a proxy copied from the request it got:
	// our values replace those of the same keys.
	var kept []string // of ours, those that are there with properties
	if before, _ := c.Get(keyBaggage); before != "" {
		for member := range strings.SplitSeq(before, ",") {
			key, rest, _ := strings.Cut(member, "=")
			value, _, properties := strings.Cut(rest, ";")
			key, member = strings.Trim(key, " \t"), strings.Trim(member, " \t")
			if member == "" || has(biz, key) && !(properties && lookup(biz, key) == unescapePercent(strings.Trim(value, " \t"), false)) {
				continue
			}
			kept = append(kept, key)
			if len(b) > 0 {
				b = append(b, ',')
			}
			b = append(b, member...)
		}
	}
	for _, p := range biz {
		if !isToken(p.Key) || slices.Contains(kept, p.Key) {
			continue // W3C has no way to write it, or it is there
		}
		if len(b) > 0 {
			b = append(b, ',')
		}
		b = append(append(b, p.Key...), '=')
		for i := range len(p.Value) {
			if v := p.Value[i]; v > ' ' && v < 0x7f && strings.IndexByte("\"%,;\\", v) < 0 {
				b = append(b, v)
			} else {
				b = append(b, '%', upperHex[v>>4], upperHex[v&15])
			}
		}
	}
	if len(b) > 0 && len(b) <= maxBaggageText {
		c.Set(keyBaggage, string(b))
	}
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

// parseTracestate gives the members of others as one text, and the dotted id of our member if that is parent's. A list
// that breaks W3C's rules is dropped whole.
func parseTracestate(headers []string, parent id.Span) (others, spanID string) {
	if len(headers) == 0 {
		return "", ""
	}
	if len(headers) == 1 { // nearly always it is our member alone
		if dotted, ok := ownMember(headers[0], parent); ok {
			return "", dotted
		}
	}
	members := 0
	var kept []string
	var few [8]string
	seen := few[:0]
	for _, header := range headers {
		for header != "" {
			member := header
			if i := strings.IndexByte(header, ','); i >= 0 {
				member, header = header[:i], header[i+1:]
			} else {
				header = ""
			}
			if member = trimBlanks(member); member == "" {
				continue
			}
			i := strings.IndexByte(member, '=')
			if members++; i < 0 || members > maxStateMembers {
				return "", ""
			}
			key, value := member[:i], member[i+1:]
			if !isStateKey(key) || len(value) > maxStateValue || !isStateValue(value) {
				return "", ""
			}
			for _, k := range seen {
				if k == key {
					return "", ""
				}
			}
			seen = append(seen, key)
			if key != stateKey {
				kept = append(kept, member)
				continue
			}
			if dotted, ok := ownState(value, parent); ok {
				spanID = dotted
			}
		}
	}
	if len(kept) == 0 {
		return "", spanID
	}
	// Our own member goes in front; W3C drops from the right what is too much, longer members first.
	if len(kept) >= maxStateMembers {
		kept = kept[:maxStateMembers-1]
	}
	others = strings.Join(kept, ",")
	for len(others) > maxStateText && len(kept) > 0 {
		kept = kept[:len(kept)-1]
		others = strings.Join(kept, ",")
	}
	return others, spanID
}

// ownState gives the dotted id of our member's value, if that is parent's.
func ownState(value string, parent id.Span) (dotted string, ok bool) {
	i := len(value) - 17
	if i < 0 || value[i] != ':' {
		return "", false
	}
	dotted = value[:i]
	span, ok := id.ParseSpan(value[i+1:])
	return dotted, ok && span == parent && id.SpanOf(dotted) == parent && !isSpanHex(dotted)
}

// ownMember is ownState of a list of our member alone.
func ownMember(list string, parent id.Span) (dotted string, ok bool) {
	const key = stateKey + "="
	if len(list) > len(key)+maxStateValue || !strings.HasPrefix(list, key) {
		return "", false
	}
	dotted, ok = ownState(list[len(key):], parent)
	return dotted, ok && isDotted(dotted)
}

// isDotted says that s is made of digits and dots, as SOFATracer's span ids are.
func isDotted(s string) bool {
	for i := range len(s) {
		if c := s[i]; c != '.' && (c < '0' || c > '9') {
			return false
		}
	}
	return s != ""
}

// trimBlanks takes spaces and tabs away from both ends.
func trimBlanks(s string) string {
	if s == "" || s[0] > ' ' && s[len(s)-1] > ' ' {
		return s
	}
	return strings.Trim(s, " \t")
}

// isStateKey says whether s is a key of tracestate, by Level 2: lower-case letters, digits, "_-*/", "@", beginning with a
// letter or digit.
func isStateKey(s string) bool {
	if s == "" || len(s) > 256 {
		return false
	}
	for i := range len(s) {
		c := s[i]
		if c >= 'a' && c <= 'z' || c >= '0' && c <= '9' {
			continue
		}
		if i == 0 || strings.IndexByte("_-*/@", c) < 0 {
			return false
		}
	}
	return true
}

func isStateValue(s string) bool {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c > '~' || c == ',' || c == '=' {
			return false
		}
	}
	return s != "" && s[len(s)-1] != ' '
}

// w3cBaggage reads the baggage headers. Properties of items are not kept.
func (r *SpanContext) w3cBaggage(headers []string) {
	items := 0
	for _, header := range headers {
		if len(header) > maxBaggageText {
			continue
		}
		for member := range strings.SplitSeq(header, ",") {
			pair, _, _ := strings.Cut(member, ";")
			key, value, ok := strings.Cut(pair, "=")
			key, value = strings.Trim(key, " \t"), strings.Trim(value, " \t")
			if !ok || !isToken(key) {
				continue
			}
			if items++; items > maxBaggageItems {
				return
			}
			b := r.ownBag()
			b.biz = append(b.biz, Pair{key, unescapePercent(value, false)})
		}
	}
}
