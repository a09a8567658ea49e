package jaeger

import (
	"encoding/json"
	"math"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/twinspan/twinspan/internal/api/compat"
	"github.com/twinspan/twinspan/internal/query"
	"github.com/twinspan/twinspan/internal/span"
)

// searchParams is what a request for traces asks.
type searchParams struct {
	service, operation string
	from, to           time.Time
	limit              int
	min, max           time.Duration
	tags               []query.Tag
	traceIDs           []string

	// What some tags mean: Jaeger makes tags of what is no attribute here.
	kind        *span.Kind
	err, status *span.Status
	scope       string
}

const (
	defaultLimit    = 100
	defaultLookback = 48 * time.Hour
	maxTags         = 32
)

func readSearch(values url.Values, now time.Time) (p searchParams, err error) {
	p.service, p.operation = values.Get("service"), values.Get("operation")
	if p.operation == "all" { // how jaeger-ui spells that it does not matter
		p.operation = ""
	}
	if p.to, err = readTime(values, "end", time.Microsecond, now); err != nil {
		return p, err
	}
	lookback, err := readLookback(values)
	if err != nil {
		return p, err
	}
	if p.from, err = readTime(values, "start", time.Microsecond, p.to.Add(-lookback)); err != nil {
		return p, err
	}
	if p.from.After(p.to) {
		return p, compat.BadRequest("'start' should not be after 'end'")
	}
	p.limit = defaultLimit
	if text := values.Get("limit"); text != "" {
		if p.limit, err = strconv.Atoi(text); err != nil || p.limit < 1 || p.limit > maxLimit {
			return p, compat.BadRequest("unable to parse param 'limit': %.100q is no number from 1 to %d", text, maxLimit)
		}
	}
	for name, d := range map[string]*time.Duration{"minDuration": &p.min, "maxDuration": &p.max} {
		if text := values.Get(name); text != "" {
			if *d, err = time.ParseDuration(text); err != nil || *d < 0 {
				return p, compat.BadRequest("unable to parse param '%s': %.100q is no duration: write a number and a unit, such as 1.2s, 100ms or 500us", name, text)
			}
		}
	}
	if p.max != 0 && p.max < p.min {
		return p, compat.BadRequest("'maxDuration' should be greater than 'minDuration'")
	}
	for _, id := range values["traceID"] {
		if id == "" || len(id) > compat.LongestTraceID || len(p.traceIDs) == maxLimit {
			return p, compat.BadRequest("cannot parse traceID param: want at most %d ids of 1 to %d bytes", maxLimit, compat.LongestTraceID)
		}
		p.traceIDs = append(p.traceIDs, id)
	}
	return p, p.readTags(values["tag"], values["tags"])
}

// readTags reads tag=key:value and tags={"key":"value"}. Other JSON values than text stand for their text.
func (p *searchParams) readTags(simple, objects []string) error {
	for _, text := range simple {
		key, value, ok := strings.Cut(text, ":")
		if !ok || key == "" {
			return compat.BadRequest("malformed 'tag' parameter, expecting key:value, received: %.200s", text)
		}
		if err := p.addTag(key, value); err != nil {
			return err
		}
	}
	for _, text := range objects {
		if text == "" {
			continue
		}
		var object map[string]any
		d := json.NewDecoder(strings.NewReader(text))
		d.UseNumber()
		if err := d.Decode(&object); err != nil || d.More() {
			return compat.BadRequest("malformed 'tags' parameter, cannot unmarshal JSON: want an object of texts such as {\"error\":\"true\"}, received: %.200s", text)
		}
		for key, v := range object {
			value := ""
			switch v := v.(type) {
			case string:
				value = v
			case json.Number:
				value = v.String()
			case bool:
				value = strconv.FormatBool(v)
			default:
				return compat.BadRequest("malformed 'tags' parameter: the value of %.100q is no text", key)
			}
			if err := p.addTag(key, value); err != nil {
				return err
			}
		}
	}
	return nil
}

func (p *searchParams) addTag(key, value string) error {
	if len(p.tags) == maxTags {
		return compat.BadRequest("more than %d tags", maxTags)
	}
	statusOf := func(text string) *span.Status {
		s := span.StatusUnset
		switch strings.ToUpper(text) {
		case "ERROR":
			s = span.StatusError
		case "OK":
			s = span.StatusOK
		}
		return &s
	}
	switch key {
	case "error":
		switch value {
		case "true":
			p.err = statusOf("ERROR")
			return nil
		case "false":
			p.err = statusOf("")
			return nil
		}
	case "otel.status_code":
		p.status = statusOf(value)
		return nil
	case "span.kind":
		if k, err := span.ParseKind(strings.ToLower(value)); err == nil {
			p.kind = &k
			return nil
		}
	case tagScope, tagComponent:
		p.scope = value
		return nil
	}
	p.tags = append(p.tags, query.Tag{Key: key, Value: value})
	return nil
}

// readTime reads a number of units since 1970.
func readTime(values url.Values, name string, unit time.Duration, missing time.Time) (time.Time, error) {
	text := values.Get(name)
	if text == "" {
		return missing, nil
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n < 0 || n > math.MaxInt64/int64(unit) {
		return missing, compat.BadRequest("unable to parse param '%s': %.100q is no number of %s since 1970", name, text, unitName(unit))
	}
	return time.Unix(0, n*int64(unit)), nil
}

func readUnits(values url.Values, name string, unit, missing time.Duration) (time.Duration, error) {
	text := values.Get(name)
	if text == "" {
		return missing, nil
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n <= 0 || n > math.MaxInt64/int64(unit) {
		return 0, compat.BadRequest("unable to parse param '%s': %.100q is no number of %s above 0", name, text, unitName(unit))
	}
	return time.Duration(n) * unit, nil
}

func unitName(unit time.Duration) string {
	if unit == time.Millisecond {
		return "milliseconds"
	}
	return "microseconds"
}

// readLookback reads what jaeger-ui sends beside start and end, and others instead of them: "custom", a duration, or days
// and weeks ("2d", "1w").
func readLookback(values url.Values) (time.Duration, error) {
	text := values.Get("lookback")
	if text == "" || text == "custom" {
		return defaultLookback, nil
	}
	for suffix, unit := range map[string]time.Duration{"d": 24 * time.Hour, "w": 7 * 24 * time.Hour} {
		if number, ok := strings.CutSuffix(text, suffix); ok {
			if n, err := strconv.ParseUint(number, 10, 10); err == nil && n > 0 {
				return time.Duration(n) * unit, nil
			}
		}
	}
	d, err := time.ParseDuration(text)
	if err != nil || d <= 0 {
		return 0, compat.BadRequest("unable to parse param 'lookback': %.100q is no duration: write a number and a unit, such as 30m, 6h or 2d", text)
	}
	return d, nil
}
