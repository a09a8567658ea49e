package api

import (
	"fmt"
	"math"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/twinspan/twinspan/internal/query"
	"github.com/twinspan/twinspan/internal/query/traceql"
	"github.com/twinspan/twinspan/internal/span"
)

// param is one query parameter: its name and how its text gets into the input.
type param struct {
	name       string
	repeatable bool
	read       func(in *input, text string) error
}

// input is what the parameters of a request say.
type input struct {
	now time.Time
	// search holds the filters; other routes than /calls use some of its fields.
	search query.SearchRequest
	// points is the number asked for, 0 if none was.
	points int
	// traceQL is the parameter query, spans how many spans are wanted of each set, 0 if that is not said.
	traceQL string
	spans   int
	// filtered names a filter of calls that was given, "" if none was.
	filtered string
	// scope and tag say which attributes are asked for.
	scope traceql.Scope
	tag   string
	// from and to are nil where not given.
	from, to *int64
}

// The parameters. An empty value is the same as none.
var (
	paramFrom = param{name: "from", read: func(in *input, text string) (err error) { in.from, err = readTime(in.now, text); return err }}
	paramTo   = param{name: "to", read: func(in *input, text string) (err error) { in.to, err = readTime(in.now, text); return err }}

	paramApp        = textParam("app", func(in *input) *string { return &in.search.Query.App })
	paramCaller     = textParam("caller", func(in *input) *string { return &in.search.Query.Caller })
	paramCallee     = textParam("callee", func(in *input) *string { return &in.search.Query.Callee })
	paramAddress    = textParam("address", func(in *input) *string { return &in.search.Query.Address })
	paramOperation  = textParam("operation", func(in *input) *string { return &in.search.Query.Operation })
	paramTraceID    = textParam("traceId", func(in *input) *string { return &in.search.TraceID })
	paramResultCode = textParam("resultCode", func(in *input) *string { return &in.search.Query.ResultCode })
	paramCursor     = textParam("cursor", func(in *input) *string { return &in.search.Cursor })

	paramType = param{name: "type", read: func(in *input, text string) error {
		t, err := span.ParseType(text)
		if err != nil {
			return fmt.Errorf("is no type of call: use internal, rpc, http, db, cache or mq")
		}
		in.search.Query.Type = &t
		return nil
	}}
	paramError    = boolParam("error", func(in *input) **bool { return &in.search.Query.Error })
	paramLoadTest = boolParam("loadTest", func(in *input) **bool { return &in.search.Query.LoadTest })

	paramMinDuration = durationParam("minDuration", func(in *input) *int64 { return &in.search.Query.MinDuration })
	paramMaxDuration = durationParam("maxDuration", func(in *input) *int64 { return &in.search.Query.MaxDuration })

	paramTag = param{name: "tag", repeatable: true, read: func(in *input, text string) error {
		key, value, hasValue := strings.Cut(text, "=")
		if key == "" {
			return fmt.Errorf("names no tag: write key=value, or key alone for any value")
		}
		in.search.Query.Tags = append(in.search.Query.Tags, query.Tag{Key: key, Value: value, Exists: !hasValue})
		return nil
	}}
	paramLimit = param{name: "limit", read: func(in *input, text string) error {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 || n > query.MaxLimit {
			return fmt.Errorf("is no number from 1 to %d", query.MaxLimit)
		}
		in.search.Limit = n
		return nil
	}}
)

var paramPoints = param{name: "points", read: func(in *input, text string) error {
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 || n > query.MaxPoints {
		return fmt.Errorf("is no number from 1 to %d", query.MaxPoints)
	}
	in.points = n
	return nil
}}

var (
	paramQuery = textParam("query", func(in *input) *string { return &in.traceQL })
	paramSpans = param{name: "spans", read: func(in *input, text string) error {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 || n > query.MaxSpansPerSet {
			return fmt.Errorf("is no number from 1 to %d", query.MaxSpansPerSet)
		}
		in.spans = n
		return nil
	}}
	paramScope = param{name: "scope", read: func(in *input, text string) (err error) {
		in.scope, err = traceql.ParseScope(text)
		return err
	}}
	paramTagName = textParam("tag", func(in *input) *string { return &in.tag })
)

func textParam(name string, field func(*input) *string) param {
	return param{name: name, read: func(in *input, text string) error { *field(in) = text; return nil }}
}

// callFilters are the parameters that restrict a search for calls.
func callFilters() []param {
	return []param{paramApp, paramCaller, paramCallee, paramAddress, paramOperation, paramType, paramError,
		paramLoadTest, paramMinDuration, paramMaxDuration, paramTag, paramTraceID, paramResultCode}
}

func boolParam(name string, field func(*input) **bool) param {
	return param{name: name, read: func(in *input, text string) error {
		b := text == "true"
		if !b && text != "false" {
			return fmt.Errorf("is neither true nor false")
		}
		*field(in) = &b
		return nil
	}}
}

func durationParam(name string, field func(*input) *int64) param {
	return param{name: name, read: func(in *input, text string) error {
		d, err := time.ParseDuration(text)
		if err != nil || d < 0 {
			return fmt.Errorf("is no duration: write a number of 0 or more with a unit (ns, us, ms, s, m, h), such as 10ms or 1.5s")
		}
		*field(in) = int64(d)
		return nil
	}}
}

func badRequest(format string, args ...any) error {
	return &requestError{http.StatusBadRequest, "bad_request", fmt.Sprintf(format, args...)}
}

// readInput reads all parameters of a request and refuses those that the route does not know.
func readInput(raw string, known []param, now time.Time) (*input, error) {
	values, err := url.ParseQuery(raw)
	if err != nil {
		return nil, badRequest("the query string cannot be read: %v", err)
	}
	in := &input{now: now}
	for name := range values {
		if find(known, name) == nil {
			return nil, unknownParam(name, known)
		}
	}
	for i := range known {
		p := &known[i]
		given := 0
		for _, text := range values[p.name] {
			if text == "" {
				continue
			}
			if given++; given > 1 && !p.repeatable {
				return nil, badRequest("parameter %q is given more than once", p.name)
			}
			if filters := callFilters(); find(filters, p.name) != nil {
				in.filtered = p.name
			}
			if err := p.read(in, text); err != nil {
				return nil, badRequest("parameter %q: %.200q %v", p.name, text, err)
			}
		}
	}
	if q := &in.search.Query; q.MaxDuration != 0 && q.MinDuration > q.MaxDuration {
		return nil, badRequest("minDuration %s is more than maxDuration %s", time.Duration(q.MinDuration), time.Duration(q.MaxDuration))
	}
	return in, nil
}

func find(known []param, name string) *param {
	for i := range known {
		if known[i].name == name {
			return &known[i]
		}
	}
	return nil
}

// unknownParam names the nearest parameter, so that a slip of the pen does not widen a search in silence.
func unknownParam(name string, known []param) error {
	if len(known) == 0 {
		return badRequest("parameter %.100q is unknown: this path takes none", name)
	}
	names := make([]string, len(known))
	nearest, least := "", math.MaxInt
	for i := range known {
		names[i] = known[i].name
		if d := distance(strings.ToLower(name), strings.ToLower(names[i])); d < least {
			nearest, least = names[i], d
		}
	}
	if least <= max(2, len(nearest)/3) {
		return badRequest("parameter %.100q is unknown: did you mean %q?", name, nearest)
	}
	return badRequest("parameter %.100q is unknown: use %s", name, strings.Join(names, ", "))
}

// distance is the number of bytes to insert, delete or replace to make b of a (Levenshtein).
func distance(a, b string) int {
	const longest = 64
	a, b = a[:min(len(a), longest)], b[:min(len(b), longest)]
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost++
			}
			diagonal = row[j+1]
			row[j+1] = min(cost, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}

const timeForms = "write RFC 3339 (2006-01-02T15:04:05Z), Unix seconds, milliseconds, microseconds or nanoseconds, now, or relative to now like -15m, -24h or -7d"

// readTime reads a point in time and gives nanoseconds of the Unix epoch.
func readTime(now time.Time, text string) (*int64, error) {
	at := func(ns int64) (*int64, error) { return &ns, nil }
	if text == "now" {
		return at(now.UnixNano())
	}
	if rest, ok := strings.CutPrefix(text, "now-"); ok {
		text = "-" + rest
	}
	if rest, ok := strings.CutPrefix(text, "-"); ok {
		d, err := parseSpan(rest)
		if err != nil {
			return nil, fmt.Errorf("is no time: %s", timeForms)
		}
		return at(now.UnixNano() - int64(d))
	}
	if n, err := strconv.ParseInt(text, 10, 64); err == nil {
		// By magnitude; a text that is no time of any unit is beyond what 64 bits of nanoseconds hold (1678 to 2262).
		unit := int64(1)
		switch {
		case n < 1e11:
			unit = 1e9
		case n < 1e14:
			unit = 1e6
		case n < 1e17:
			unit = 1e3
		}
		if n > math.MaxInt64/unit {
			return nil, fmt.Errorf("is too far in the future: %s", timeForms)
		}
		return at(n * unit)
	}
	// A '+' of a zone that was not escaped arrives as a space.
	t, err := time.Parse(time.RFC3339Nano, strings.Replace(text, " ", "+", 1))
	if err != nil || t.Year() < 1678 || t.Year() > 2261 {
		return nil, fmt.Errorf("is no time: %s", timeForms)
	}
	return at(t.UnixNano())
}

// parseSpan reads a Go duration or whole days.
func parseSpan(text string) (time.Duration, error) {
	if days, ok := strings.CutSuffix(text, "d"); ok {
		n, err := strconv.ParseUint(days, 10, 16)
		return time.Duration(n) * 24 * time.Hour, err
	}
	d, err := time.ParseDuration(text)
	if err == nil && d < 0 {
		err = strconv.ErrRange
	}
	return d, err
}

const defaultRange = time.Hour

// timeRange gives the bounds asked for; by default the hour before to, and to now.
func (in *input) timeRange() (query.Range, error) {
	r := query.Range{To: in.now.UnixNano()}
	if in.to != nil {
		r.To = *in.to
	}
	r.From = r.To - int64(defaultRange)
	if in.from != nil {
		r.From = *in.from
	}
	if r.From >= r.To {
		return r, badRequest("parameter \"from\" (%s) is not before \"to\" (%s)", formatTime(r.From), formatTime(r.To))
	}
	return r, nil
}

func formatTime(ns int64) string { return time.Unix(0, ns).UTC().Format(time.RFC3339Nano) }
