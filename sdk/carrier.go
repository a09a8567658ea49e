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
		return "Traceparent"
	case keyTracestate:
		return "Tracestate"
	case keyBaggage:
		return "Baggage"
	case keyTraceID:
		return "X-B3-Traceid"
	case keySpanID:
		return "X-B3-Spanid"
	case keyParentID:
		return "X-B3-Parentspanid"
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

// slabCarrier is a HeaderCarrier that is set once and takes the lists of values from one piece of memory.
type slabCarrier struct {
	HeaderCarrier
	slab [6]string // as many as Config.Inject's default sets
	used int
}

// Set is Carrier's.
func (c *slabCarrier) Set(key, value string) {
	if c.used == len(c.slab) {
		c.HeaderCarrier.Set(key, value)
		return
	}
	name := knownHeader(key)
	if name == "" {
		if !isToken(key) {
			return
		}
		name = textproto.CanonicalMIMEHeaderKey(key)
	}
	c.slab[c.used] = value
	c.used++
	c.HeaderCarrier[name] = c.slab[c.used-1 : c.used : c.used]
}

// scan is a HeaderCarrier that has been gone through once: what the usual formats ask for has been found, and whether there
// is any header "baggage-...".
type scan struct {
	HeaderCarrier
	parent, state, w3cBaggage, traceID, spanID, sampled []string
	baggage                                             bool
}

// read goes through the headers. Their names are canonical, as in http.Header; HeaderCarrier's methods ask for such.
func (c *scan) read(headers HeaderCarrier) {
	c.HeaderCarrier = headers
	for name, values := range headers {
		if len(name) < 7 {
			continue
		}
		switch name[0] {
		case 'T':
			switch name {
			case "Traceparent":
				c.parent = values
			case "Tracestate":
				c.state = values
			}
		case 'X':
			switch name {
			case "X-B3-Traceid":
				c.traceID = values
			case "X-B3-Spanid":
				c.spanID = values
			case keySampled:
				c.sampled = values
			}
		case 'B', 'b':
			if name == "Baggage" {
				c.w3cBaggage = values
			} else if len(name) >= len(prefixBaggage) && name[len(prefixBaggage)-1] == '-' {
				c.baggage = true
			}
		}
	}
}

// Get is Carrier's.
func (c *scan) Get(key string) (string, bool) {
	if v := c.All(key); len(v) > 0 {
		return v[0], true
	}
	return "", false
}

// All is Carrier's.
func (c *scan) All(key string) []string {
	switch key {
	case keyTraceparent:
		return c.parent
	case keyTracestate:
		return c.state
	case keyBaggage:
		return c.w3cBaggage
	case keyTraceID:
		return c.traceID
	case keySpanID:
		return c.spanID
	case keySampled:
		return c.sampled
	}
	return c.HeaderCarrier.All(key)
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
