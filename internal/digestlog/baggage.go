package digestlog

import "strings"

// validBaggage says whether s is baggage as SOFATracer writes it, `k=v&k=v&`: since `=` and `&` in keys and values are
// escaped, each item has exactly one `=` and ends in `&`. Line breaks, quotes and commas may stand in it.
func validBaggage(s string) bool {
	for s != "" {
		n := strings.IndexByte(s, '&')
		if n < 0 {
			return false
		}
		eq := strings.IndexByte(s[:n], '=')
		if eq < 0 || strings.IndexByte(s[eq+1:n], '=') >= 0 {
			return false
		}
		s = s[n+1:]
	}
	return true
}

// eachItem calls yield with every item of `k=v&k=v&`, unescaped.
func eachItem(s string, yield func(key, val string)) {
	for s != "" {
		item, rest, _ := strings.Cut(s, "&")
		if k, v, ok := strings.Cut(item, "="); ok {
			yield(unescape(k, itemEscapes), unescape(v, itemEscapes))
		}
		s = rest
	}
}

// baggageItem gives the value of a key, unescaped, or "".
func baggageItem(s, key string) (val string) {
	eachItem(s, func(k, v string) {
		if k == key && val == "" {
			val = v
		}
	})
	return val
}
