package twinspan

import (
	"strconv"
	"strings"

	"github.com/twinspan/twinspan/sdk/id"
)

// sofa takes the context of a SOFATracer, if both ids can be one.
func (r *SpanContext) sofa(traceID, spanID string, sampled bool) {
	if traceID == "" || spanID == "" || len(traceID) > maxIDText || len(spanID) > maxIDText {
		return
	}
	trace, _ := id.ParseTrace(traceID)
	if trace.IsZero() {
		return
	}
	r.traceID, r.trace, r.spanID, r.id8, r.sampled = traceID, trace, spanID, id.SpanOf(spanID), sampled
}

// injectSOFA writes what SOFATracer's HTTP clients write, and without the URL-encoding what its messaging clients do.
func (o *outgoing) injectSOFA(c Carrier, p Propagation) {
	if p == SOFAText {
		set(c, keyTraceID, o.traceID)
		set(c, keySpanID, o.id())
		set(c, keyParentID, id.ParentOf(o.id()))
	} else { // nothing of an escaped text could break a header
		spanID := o.id()
		o.put(c, keyTraceID, headerTraceID, escapeURL(o.traceID))
		o.put(c, keySpanID, headerSpanID, escapeURL(spanID))
		o.put(c, keyParentID, headerParentID, escapeURL(id.ParentOf(spanID)))
	}
	o.put(c, keySampled, keySampled, strconv.FormatBool(o.sampled))
	o.injectSOFABaggage(c, p)
}

func (o *outgoing) injectSOFABaggage(c Carrier, p Propagation) {
	values := escapeBaggage
	if p == SOFAText {
		values = escapeText
	}
	for _, p := range o.sys {
		set(c, prefixSystem+escapePair(p.Key), values(p.Value))
	}
	for _, p := range o.biz {
		// A business key that begins "sys-" would come out as system baggage on the other side; W3C baggage carries it.
		if !strings.HasPrefix(p.Key, systemKey) {
			set(c, prefixBaggage+escapePair(p.Key), values(p.Value))
		}
	}
}

// sofaKeys reads X-B3-* that hold SOFATracer's ids. Both ids have to be there; a span id of 16 hex digits is B3's.
func (r *SpanContext) sofaKeys(u *usual, p Propagation) {
	traceID, spanID := u.sofaIDs(p)
	if isSpanHex(spanID) {
		return
	}
	r.sofa(traceID, spanID, !u.decided || u.sampled == "1" || strings.EqualFold(u.sampled, "true"))
}

func (u *usual) sofaIDs(p Propagation) (traceID, spanID string) {
	traceID, spanID = u.traceID, u.spanID
	if p == SOFAHTTP {
		traceID, spanID = unescapeURL(traceID), unescapeURL(spanID)
	}
	traceID, spanID = strings.TrimSpace(traceID), strings.TrimSpace(spanID)
	if len(traceID) > maxIDText || len(spanID) > maxIDText {
		return "", ""
	}
	return traceID, spanID
}

func (r *SpanContext) sofaBaggage(c Carrier, p Propagation) {
	var pairs []Pair
	c.WithPrefix(prefixBaggage, func(key, value string) { pairs = append(pairs, Pair{key, value}) })
	for _, pair := range pairs {
		r.addSOFABaggage(pair.Key, pair.Value, p)
	}
}

// addSOFABaggage takes a header without its prefix "baggage-".
func (r *SpanContext) addSOFABaggage(key, value string, p Propagation) {
	if p == SOFAHTTP {
		value = unescapeURL(value)
	}
	value = unescapePair(value)
	if rest, ok := cutPrefixFold(key, systemKey); ok {
		r.addSystem(unescapePair(rest), value)
		return
	}
	r.addBusiness(unescapePair(key), value)
}
