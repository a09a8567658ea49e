package zipkin

import (
	"math"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/twinspan/twinspan/internal/api/compat"
)

const (
	defaultLimit    = 10
	defaultLookback = 24 * time.Hour
	maxConditions   = 32
	maxTraces       = 1000 // of traceMany
)

// searchParams is what a request for traces asks.
type searchParams struct {
	service, remote, name string
	from, to              time.Time // both included
	min, max              time.Duration
	conditions            []condition
	limit                 int
}

// condition is one word of annotationQuery: a tag's value, or the presence of a tag or an annotation.
type condition struct {
	key, value string
	present    bool
}

func readSearch(values url.Values, now time.Time) (p searchParams, err error) {
	p.service, p.remote, p.name = values.Get("serviceName"), values.Get("remoteServiceName"), values.Get("spanName")
	if p.name == "all" { // the reserved name for any
		p.name = ""
	}
	if p.from, p.to, err = readRange(values, now); err != nil {
		return p, err
	}
	for name, d := range map[string]*time.Duration{"minDuration": &p.min, "maxDuration": &p.max} {
		if *d, err = number(values, name, time.Microsecond, 0); err != nil {
			return p, err
		}
	}
	switch {
	case p.max != 0 && p.min == 0:
		return p, compat.BadRequest("maxDuration is only valid with minDuration")
	case p.max != 0 && p.max < p.min:
		return p, compat.BadRequest("maxDuration < minDuration")
	}
	p.limit = defaultLimit
	if text := values.Get("limit"); text != "" {
		if p.limit, err = strconv.Atoi(text); err != nil || p.limit < 1 || p.limit > maxLimit {
			return p, compat.BadRequest("limit is %.100q: want a number from 1 to %d", text, maxLimit)
		}
	}
	p.conditions, err = readConditions(values.Get("annotationQuery"))
	return p, err
}

// readRange reads endTs and lookback, in milliseconds.
func readRange(values url.Values, now time.Time) (from, to time.Time, err error) {
	to = now
	if values.Get("endTs") != "" {
		end, err := number(values, "endTs", time.Millisecond, 0)
		if err != nil {
			return from, to, err
		}
		to = time.Unix(0, int64(end))
	}
	lookback, err := number(values, "lookback", time.Millisecond, defaultLookback)
	if err != nil {
		return from, to, err
	}
	return time.Unix(0, max(0, to.UnixNano()-int64(lookback))), to, nil
}

// number reads a number of units above 0.
func number(values url.Values, name string, unit, missing time.Duration) (time.Duration, error) {
	text := values.Get(name)
	if text == "" {
		return missing, nil
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n <= 0 {
		return 0, compat.BadRequest("%s is %.100q: want a number of %s above 0", name, text,
			map[time.Duration]string{time.Millisecond: "milliseconds", time.Microsecond: "microseconds"}[unit])
	}
	return time.Duration(min(n, (math.MaxInt64-int64(time.Hour))/int64(unit))) * unit, nil
}

// readConditions reads "http.method=GET and error". Of several for one key the last with a value counts.
func readConditions(text string) (list []condition, err error) {
	for word := range strings.SplitSeq(text, " and ") {
		key, value, hasValue := strings.Cut(word, "=")
		c := condition{strings.TrimSpace(key), strings.TrimSpace(value), !hasValue || strings.TrimSpace(value) == ""}
		if c.key == "" {
			continue
		}
		known := -1
		for i := range list {
			if list[i].key == c.key {
				known = i
			}
		}
		switch {
		case known < 0:
			list = append(list, c)
		case hasValue:
			list[known] = c
		}
		if len(list) > maxConditions {
			return nil, compat.BadRequest("annotationQuery has more than %d conditions", maxConditions)
		}
	}
	return list, nil
}
