package twinspan

import (
	"strings"

	"github.com/twinspan/twinspan/sdk/id"
)

// stateKey is the key of our tracestate member. Its value is "<dotted span id>:<8-byte span id in hex>"; it counts only
// where the latter is traceparent's parent-id, so that a member that other tracers passed on is not taken for the parent.
const stateKey = "twinspan"

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
		return s.state()
	}
	return string(s.appendTracestate(nil))
}

// appendTracestate writes TraceState's text.
func (s *Span) appendTracestate(b []byte) []byte {
	begin := len(b)
	if s.kind.calls() {
		b = appendState(b, s.spanID, s.id8)
	}
	if s.others != nil {
		if len(b) > begin {
			b = append(b, ',')
		}
		b = append(b, *s.others...)
	}
	return b
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
