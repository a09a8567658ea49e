package tempo

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"github.com/twinspan/twinspan/internal/api/compat"
	"github.com/twinspan/twinspan/internal/query"
	"github.com/twinspan/twinspan/internal/query/traceql"
)

// scopeIntrinsic is the scope of what is no attribute, which only names of tags have.
const scopeIntrinsic = "intrinsic"

type scopeJSON struct {
	Name string   `json:"name"`
	Tags []string `json:"tags"`
}

// scopesV2 are those that Tempo lists, in its order of use.
var scopesV2 = []traceql.Scope{traceql.ScopeResource, traceql.ScopeSpan, traceql.ScopeEvent, traceql.ScopeLink, traceql.ScopeInstrumentation}

// names gives the names of attributes by scope.
func (h *Handler) names(ctx context.Context, values url.Values) (list []scopeJSON, partial bool, err error) {
	wanted := values.Get("scope")
	all := wanted == "" || wanted == "none" || wanted == "all"
	if !all && wanted != scopeIntrinsic && !slices.ContainsFunc(scopesV2, func(s traceql.Scope) bool { return s.String() == wanted }) {
		return nil, false, compat.BadRequest("invalid scope: %.40q", wanted)
	}
	limit, err := count(values, "limit", maxNames)
	if err != nil {
		return nil, false, err
	}
	if wanted != scopeIntrinsic {
		from, to, err := h.readRange(values)
		if err != nil {
			return nil, false, err
		}
		names, cut, err := h.query.TagNames(ctx, query.Range{From: from, To: to}, traceql.ScopeNone)
		if err != nil {
			return nil, false, err
		}
		partial = cut
		for _, scope := range scopesV2 {
			if !all && scope.String() != wanted {
				continue
			}
			s := scopeJSON{Name: scope.String(), Tags: []string{}}
			for _, n := range names {
				if n.Scope == scope {
					s.Tags = append(s.Tags, n.Name)
				}
			}
			if len(s.Tags) > 0 || !all {
				list = append(list, s)
			}
		}
	}
	if all || wanted == scopeIntrinsic {
		list = append(list, scopeJSON{Name: scopeIntrinsic, Tags: traceql.Intrinsics()})
	}
	for i := range list {
		if limit > 0 && len(list[i].Tags) > limit {
			list[i].Tags, partial = list[i].Tags[:limit], true
		}
	}
	return list, partial, nil
}

// maxNames is the greatest limit of names and values that makes a difference.
const maxNames = 10_000

// tagsV1 answers the names of attributes of spans and resources, of other scopes only where one is asked for.
func (h *Handler) tagsV1(ctx context.Context, w *compat.Response, r *http.Request) error {
	values, err := compat.Parameters(r)
	if err != nil {
		return err
	}
	list, partial, err := h.names(ctx, values)
	if err != nil {
		return err
	}
	names := []string{}
	for _, s := range list {
		if values.Get("scope") != "" || s.Name == traceql.ScopeSpan.String() || s.Name == traceql.ScopeResource.String() {
			names = append(names, s.Tags...)
		}
	}
	slices.Sort(names)
	return w.JSON(map[string]any{"tagNames": slices.Compact(names), "metrics": metricsOf(0, 0, partial)})
}

func (h *Handler) tagsV2(ctx context.Context, w *compat.Response, r *http.Request) error {
	values, err := compat.Parameters(r)
	if err != nil {
		return err
	}
	list, partial, err := h.names(ctx, values)
	if err != nil {
		return err
	}
	return w.JSON(map[string]any{"scopes": list, "metrics": metricsOf(0, 0, partial)})
}

// attributeOf reads a tag in a path: an attribute as TraceQL has it, or a bare name, which is looked for in all scopes.
func attributeOf(tag string) string {
	switch tag {
	case "root.name":
		return "rootName"
	case "root.service.name":
		return "rootServiceName"
	case "status.code":
		return "status"
	}
	if _, err := traceql.ParseAttribute(tag); err == nil {
		return tag
	}
	return traceql.Attribute{Name: strings.TrimPrefix(tag, ".")}.String()
}

// valuesOf gives values of the attribute in the path, those of spans that q selects if it selects some.
func (h *Handler) valuesOf(ctx context.Context, r *http.Request) (list []traceql.Value, partial bool, err error) {
	values, err := compat.Parameters(r)
	if err != nil {
		return nil, false, err
	}
	from, to, err := h.readRange(values)
	if err != nil {
		return nil, false, err
	}
	limit, err := count(values, "limit", maxNames)
	if err != nil {
		return nil, false, err
	}
	attribute := attributeOf(r.PathValue("tag"))
	if filter := selector(values.Get("q")); filter != "" {
		list, partial, err = h.valuesWhere(ctx, attribute, filter, from, to)
	} else {
		list, partial, err = h.query.TagValues(ctx, query.Range{From: from, To: to}, attribute)
	}
	if err != nil {
		return nil, false, err
	}
	if limit > 0 && len(list) > limit {
		list, partial = list[:limit], true
	}
	return list, partial, nil
}

// valuesWhere gives the values of an attribute of the spans that a filter selects: what counts by it are labelled with.
func (h *Handler) valuesWhere(ctx context.Context, attribute, filter string, from, to int64) (list []traceql.Value, partial bool, err error) {
	s, err := h.query.MetricsTraceQL(ctx, query.TraceQLMetrics{
		Expr: filter + " | count_over_time() by (" + attribute + ")", From: from, To: to, Step: to - from,
	})
	if err != nil {
		return nil, false, err
	}
	for _, series := range s.Series {
		for _, l := range series.Labels {
			if !l.Value.IsNil() {
				list = append(list, l.Value)
			}
		}
	}
	return list, s.Partial, nil
}

// selector makes a filter of what stands in an editor: conditions that are not complete are left out. It is "" where
// nothing restricts.
func selector(q string) string {
	q = strings.TrimSpace(q)
	inner, ok := strings.CutPrefix(q, "{")
	if ok {
		inner, ok = strings.CutSuffix(inner, "}")
	}
	if !ok || strings.TrimSpace(inner) == "" {
		return ""
	}
	parses := func(conditions string) bool {
		_, err := query.ParseTraceQL("{"+conditions+"}", false)
		return err == nil
	}
	if parses(inner) {
		return "{" + inner + "}"
	}
	var kept []string
	for part := range strings.SplitSeq(inner, "&&") {
		if strings.TrimSpace(part) != "" && parses(part) {
			kept = append(kept, part)
		}
	}
	if len(kept) == 0 || !parses(strings.Join(kept, "&&")) {
		return ""
	}
	return "{" + strings.Join(kept, "&&") + "}"
}

func (h *Handler) valuesV1(ctx context.Context, w *compat.Response, r *http.Request) error {
	list, partial, err := h.valuesOf(ctx, r)
	if err != nil {
		return err
	}
	texts := make([]string, len(list))
	for i, v := range list {
		texts[i] = v.Plain()
	}
	return w.JSON(map[string]any{"tagValues": texts, "metrics": metricsOf(0, 0, partial)})
}

type typedJSON struct {
	Type  string `json:"type"`
	Value string `json:"value"`
}

func (h *Handler) valuesV2(ctx context.Context, w *compat.Response, r *http.Request) error {
	list, partial, err := h.valuesOf(ctx, r)
	if err != nil {
		return err
	}
	typed := make([]typedJSON, len(list))
	for i, v := range list {
		typed[i] = typedJSON{typeOf(v), v.Plain()}
	}
	return w.JSON(map[string]any{"tagValues": typed, "metrics": metricsOf(0, 0, partial)})
}

// typeOf names types as Tempo does. Editors quote a string and leave a keyword as it is.
func typeOf(v traceql.Value) string {
	switch v.Type {
	case traceql.TypeBool:
		return "bool"
	case traceql.TypeInt:
		return "int"
	case traceql.TypeFloat:
		return "float"
	case traceql.TypeDuration:
		return "duration"
	case traceql.TypeStatus, traceql.TypeKind:
		return "keyword"
	}
	return "string"
}

// fromTags makes TraceQL of tags in logfmt, which are compared without case and in part, and of durations of traces.
func fromTags(logfmt, minDuration, maxDuration string) (string, error) {
	pairs, err := parseLogfmt(logfmt)
	if err != nil {
		return "", err
	}
	var conditions []string
	for _, p := range pairs {
		conditions = append(conditions, tagCondition(p.key, p.value))
	}
	for _, d := range [2]struct{ text, op, name string }{{minDuration, ">=", "minDuration"}, {maxDuration, "<=", "maxDuration"}} {
		if d.text == "" {
			continue
		}
		v, err := readDuration(d.text)
		if err != nil || v < 0 {
			return "", compat.BadRequest("invalid %s: %.100q is no duration", d.name, d.text)
		}
		conditions = append(conditions, fmt.Sprintf("traceDuration %s %dns", d.op, v.Nanoseconds()))
	}
	return "{" + strings.Join(conditions, " && ") + "}", nil
}

func tagCondition(key, value string) string {
	attribute := ""
	switch key {
	case "name":
		attribute = "name"
	case "service.name":
		attribute = "resource.service.name"
	case "root.name", "root.service.name":
		attribute = attributeOf(key)
	case "status.code", "error":
		switch strings.ToLower(value) {
		case "error", "true":
			return "status = error"
		case "ok", "unset":
			return "status = " + strings.ToLower(value)
		}
	}
	if attribute == "" {
		attribute = traceql.Attribute{Name: key}.String()
	}
	return attribute + " =~ " + traceql.Text("(?i).*"+regexp.QuoteMeta(value)+".*").String()
}
