package twinspan

import (
	"slices"
	"strings"
)

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
