package twinspan

import (
	"net/textproto"
	"strings"
)

// Carrier is what trace context travels in. Keys are given in their usual spelling and compared without case.
type Carrier interface {
	// Get gives the value of a key, the first if there are several; found is false if there is none.
	Get(key string) (value string, found bool)
	// All gives all values of a key. The result may be the carrier's own and is not to be changed.
	All(key string) []string
	// Set sets the only value of a key.
	Set(key, value string)
	// WithPrefix calls yield for each value whose key begins with prefix, with the key's rest: in lower case where the
	// protocol does not keep the case of keys.
	WithPrefix(prefix string, yield func(rest, value string))
}

// HeaderCarrier carries trace context in HTTP headers. Its keys are canonical, as in http.Header.
type HeaderCarrier map[string][]string

// canonical spares textproto's work for the keys of the hot path.
func canonical(key string) string {
	if name := knownHeader(key); name != "" {
		return name
	}
	return textproto.CanonicalMIMEHeaderKey(key)
}

// knownHeader gives the canonical name of the usual formats' keys, "" for others.
func knownHeader(key string) string {
	switch key {
	case keyTraceparent:
		return headerTraceparent
	case keyTracestate:
		return headerTracestate
	case keyBaggage:
		return headerBaggage
	case keyTraceID:
		return headerTraceID
	case keySpanID:
		return headerSpanID
	case keyParentID:
		return headerParentID
	case keySampled, keyFlags:
		return key
	case keyB3:
		return "B3"
	}
	return ""
}

// Get is Carrier's.
func (c HeaderCarrier) Get(key string) (string, bool) {
	if v := c[canonical(key)]; len(v) > 0 {
		return v[0], true
	}
	return "", false
}

// All is Carrier's.
func (c HeaderCarrier) All(key string) []string { return c[canonical(key)] }

// Set is Carrier's. A key that is no HTTP token is not set: the request could not be sent with it.
func (c HeaderCarrier) Set(key, value string) {
	if isToken(key) {
		c[canonical(key)] = []string{value}
	}
}

// WithPrefix is Carrier's; HTTP does not keep the case of keys.
func (c HeaderCarrier) WithPrefix(prefix string, yield func(rest, value string)) {
	for key, values := range c {
		if rest, ok := cutPrefixFold(key, prefix); ok && len(values) > 0 {
			yield(strings.ToLower(rest), values[0])
		}
	}
}

// MapCarrier carries trace context in a map of texts, such as message properties. It keeps the case of keys.
type MapCarrier map[string]string

// Get is Carrier's.
func (c MapCarrier) Get(key string) (string, bool) {
	if v, ok := c[key]; ok {
		return v, true
	}
	for k, v := range c {
		if strings.EqualFold(k, key) {
			return v, true
		}
	}
	return "", false
}

// All is Carrier's.
func (c MapCarrier) All(key string) []string {
	if v, ok := c.Get(key); ok {
		return []string{v}
	}
	return nil
}

// Set is Carrier's.
func (c MapCarrier) Set(key, value string) { c[key] = value }

// WithPrefix is Carrier's.
func (c MapCarrier) WithPrefix(prefix string, yield func(rest, value string)) {
	for key, value := range c {
		if rest, ok := cutPrefixFold(key, prefix); ok {
			yield(rest, value)
		}
	}
}

// usual is what the usual formats look for in a carrier, found beforehand.
type usual struct {
	parents, states, baggage []string
	traceID, spanID, sampled string
	decided                  bool // sampled was there
	prefixed                 bool // there may be keys "baggage-..."
}

// scan goes through HTTP headers once, which costs less than looking for each. Their names are canonical, as in http.Header.
func (u *usual) scan(headers HeaderCarrier) {
	for name, values := range headers {
		if len(name) < 7 || len(values) == 0 {
			continue
		}
		switch name[0] {
		case 'T':
			switch name {
			case headerTraceparent:
				u.parents = values
			case headerTracestate:
				u.states = values
			}
		case 'X':
			switch name {
			case headerTraceID:
				u.traceID = values[0]
			case headerSpanID:
				u.spanID = values[0]
			case keySampled:
				u.sampled, u.decided = values[0], true
			}
		case 'B', 'b':
			if name == headerBaggage {
				u.baggage = values
			} else if len(name) >= len(prefixBaggage) && name[len(prefixBaggage)-1] == '-' {
				u.prefixed = true
			}
		}
	}
}

// usualKeys says which of them.
type usualKeys uint8

const (
	noUsual usualKeys = iota
	w3cUsual
	allUsual
)

// ask asks a carrier for each.
func (u *usual) ask(c Carrier, asked usualKeys) {
	if headers, ok := c.(HeaderCarrier); ok {
		u.parents, u.states, u.baggage = headers[headerTraceparent], headers[headerTracestate], headers[headerBaggage]
	} else {
		u.parents, u.states, u.baggage = c.All(keyTraceparent), c.All(keyTracestate), c.All(keyBaggage)
	}
	if asked == allUsual {
		u.traceID, _ = c.Get(keyTraceID)
		u.spanID, _ = c.Get(keySpanID)
		u.sampled, u.decided = c.Get(keySampled)
		u.prefixed = true
	}
}

func cutPrefixFold(s, prefix string) (rest string, ok bool) {
	if len(s) < len(prefix) || !strings.EqualFold(s[:len(prefix)], prefix) {
		return "", false
	}
	return s[len(prefix):], true
}

// isToken says whether s is a token of HTTP (RFC 9110): what a header name and a W3C baggage key may be.
func isToken(s string) bool {
	for i := range len(s) {
		c := s[i]
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9':
		case strings.IndexByte("!#$%&'*+-.^_`|~", c) >= 0:
		default:
			return false
		}
	}
	return s != ""
}
