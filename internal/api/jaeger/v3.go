package jaeger

import (
	"cmp"
	"context"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/twinspan/twinspan/internal/api/compat"
	"github.com/twinspan/twinspan/internal/api/otlp"
	"github.com/twinspan/twinspan/internal/query"
	"github.com/twinspan/twinspan/internal/span"
)

// pathV3 is where version 3 of the API is: traces as OTLP JSON in {"result": …}, errors as {"error": …}.
const pathV3 = "api/v3/"

// failV3 answers with Jaeger's GRPCGatewayError.
func failV3(w http.ResponseWriter, status int, message string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]any{"error": map[string]any{"httpCode": status, "message": message, "httpStatus": http.StatusText(status)}})
}

func (h *Handler) servicesV3(ctx context.Context, w *compat.Response, _ *http.Request) error {
	services, err := h.names.Services(ctx, w)
	if err != nil {
		return err
	}
	return w.JSON(map[string]any{"services": services})
}

func (h *Handler) operationsV3(ctx context.Context, w *compat.Response, r *http.Request) error {
	values, err := compat.Parameters(r)
	if err != nil {
		return err
	}
	operations, err := h.operationsOf(ctx, w, values.Get("service"), cmp.Or(values.Get("spanKind"), values.Get("span_kind")))
	if err != nil {
		return err
	}
	return w.JSON(map[string]any{"operations": operations})
}

const (
	resultBegin = `{"result":{"resourceSpans":[`
	resultEnd   = "]}}\n"
)

func (h *Handler) traceV3(ctx context.Context, w *compat.Response, r *http.Request) error {
	t, err := compat.TraceOf(ctx, h.query, fromBase64(r.PathValue("id")))
	if err != nil {
		return err
	}
	if t.Truncated {
		w.Partial("the trace has more spans than are shown")
	}
	b := append(make([]byte, 0, len(t.Nodes)*otlp.SizeOfNode), resultBegin...)
	b = otlp.Standard.AppendJSON(b, t, true)
	_, err = w.Write(append(b, resultEnd...))
	return err
}

// fromBase64 gives the hex digits of a trace id in base64, as clients that read protobuf's JSON have it; other text as it is.
func fromBase64(text string) string {
	if len(text) > 24 || strings.Trim(text, "0123456789abcdefABCDEF") == "" {
		return text
	}
	for _, e := range []*base64.Encoding{base64.StdEncoding, base64.URLEncoding, base64.RawStdEncoding, base64.RawURLEncoding} {
		if b, err := e.DecodeString(text); err == nil && len(b) == 16 {
			return hex.EncodeToString(b)
		}
	}
	return text
}

// searchV3 answers the traces with the newest matching spans, newest first, all in one list.
func (h *Handler) searchV3(ctx context.Context, w *compat.Response, r *http.Request) error {
	var buf []byte
	begun := false
	err := h.findV3(ctx, w, r, func(t *query.Trace) error {
		buf = buf[:0]
		if !begun {
			buf = append(buf, resultBegin...)
		}
		buf = otlp.Standard.AppendJSON(buf, t, !begun)
		begun = true
		_, err := w.Write(buf)
		return err
	})
	if err != nil {
		return err
	}
	if !begun {
		return compat.Refuse(http.StatusNotFound, "No traces found")
	}
	_, err = w.Write([]byte(resultEnd))
	return err
}

type summaryJSON struct {
	TraceID    string               `json:"traceId"`
	Service    string               `json:"rootServiceName,omitempty"`
	Operation  string               `json:"rootOperationName,omitempty"`
	From       int64                `json:"minStartTimeUnixNano,string"`
	To         int64                `json:"maxEndTimeUnixNano,string"`
	Spans      int                  `json:"spanCount"`
	Errors     int                  `json:"errorSpanCount,omitempty"`
	Orphans    int                  `json:"orphanSpanCount,omitempty"`
	Services   []serviceSummaryJSON `json:"services"`
	perService map[string]int
}

type serviceSummaryJSON struct {
	Name   string `json:"name"`
	Spans  int    `json:"spanCount"`
	Errors int    `json:"errorSpanCount,omitempty"`
}

// summariesV3 answers what a list of found traces shows of each.
func (h *Handler) summariesV3(ctx context.Context, w *compat.Response, r *http.Request) error {
	list := []summaryJSON{}
	err := h.findV3(ctx, w, r, func(t *query.Trace) error {
		list = append(list, summarize(t))
		return nil
	})
	if err != nil {
		return err
	}
	return w.JSON(map[string]any{"summaries": list})
}

func summarize(t *query.Trace) summaryJSON {
	s := summaryJSON{TraceID: t.ID.Hex(), From: t.Start, To: t.Start + t.Duration, Services: []serviceSummaryJSON{}, perService: make(map[string]int)}
	for i := range t.Nodes {
		n := &t.Nodes[i]
		if n.Parent < 0 && s.Service == "" {
			s.Service, s.Operation = n.Call.Lead().App, n.Call.Lead().Operation
		}
		if n.Notes&(query.NoteOrphan|query.NoteAttached) != 0 {
			s.Orphans++
		}
		for h := range n.Call.Halves() {
			at, ok := s.perService[h.App]
			if !ok {
				at = len(s.Services)
				s.perService[h.App] = at
				s.Services = append(s.Services, serviceSummaryJSON{Name: h.App})
			}
			s.Spans++
			s.Services[at].Spans++
			if h.Status == span.StatusError {
				s.Errors++
				s.Services[at].Errors++
			}
		}
	}
	slices.SortFunc(s.Services, func(a, b serviceSummaryJSON) int { return cmp.Compare(a.Name, b.Name) })
	return s
}

// findV3 searches and gives the traces in their order, as far as they fit in one answer.
func (h *Handler) findV3(ctx context.Context, w *compat.Response, r *http.Request, yield func(*query.Trace) error) error {
	values, err := compat.Parameters(r)
	if err != nil {
		return err
	}
	p, err := readSearchV3(values)
	if err != nil {
		return err
	}
	reading := compat.Reading{Query: h.query, Config: h.config, Log: h.log, API: apiName}
	return reading.Find(ctx, w, p.request(), yield)
}

// readSearchV3 reads query.*, in camel case or with underscores as before.
func readSearchV3(values url.Values) (p searchParams, err error) {
	get := func(names ...string) (text, name string) {
		for _, name := range names {
			if text := values.Get("query." + name); text != "" {
				return text, "query." + name
			}
		}
		return "", "query." + names[0]
	}
	p.service, _ = get("serviceName", "service_name")
	p.operation, _ = get("operationName", "operation_name")
	if text, name := get("filter"); text != "" {
		return p, compat.BadRequest("malformed parameter %s: structured filters are not supported, use query.attributes", name)
	}
	for _, at := range []struct {
		names []string
		to    *time.Time
	}{{[]string{"startTimeMin", "start_time_min"}, &p.from}, {[]string{"startTimeMax", "start_time_max"}, &p.to}} {
		text, name := get(at.names...)
		if text == "" {
			return p, compat.BadRequest("query.startTimeMin and query.startTimeMax are required")
		}
		if *at.to, err = time.Parse(time.RFC3339Nano, plus(text)); err != nil {
			return p, compat.BadRequest("malformed parameter %s: %.100q is no time such as 2026-01-02T03:04:05Z", name, text)
		}
	}
	if !p.from.Before(p.to) {
		return p, compat.BadRequest("query.startTimeMin must be before query.startTimeMax")
	}
	for _, d := range []struct {
		names []string
		to    *time.Duration
	}{{[]string{"durationMin", "duration_min"}, &p.min}, {[]string{"durationMax", "duration_max"}, &p.max}} {
		if text, name := get(d.names...); text != "" {
			if *d.to, err = time.ParseDuration(text); err != nil || *d.to < 0 {
				return p, compat.BadRequest("malformed parameter %s: %.100q is no duration", name, text)
			}
		}
	}
	p.limit = defaultLimit
	if text, name := get("searchDepth", "search_depth", "num_traces"); text != "" {
		if p.limit, err = strconv.Atoi(text); err != nil || p.limit < 1 || p.limit > maxLimit {
			return p, compat.BadRequest("malformed parameter %s: %.100q is no number from 1 to %d", name, text, maxLimit)
		}
	}
	return p, p.readTags(nil, values["query.attributes"])
}

// plus mends the sign of a time zone that a client did not encode.
func plus(text string) string {
	if n := len(text); n > 6 && text[n-6] == ' ' {
		return text[:n-6] + "+" + text[n-5:]
	}
	return text
}

type dependencyV3JSON struct {
	Parent    string `json:"parent"`
	Child     string `json:"child"`
	CallCount int64  `json:"callCount,string"`
}

func (h *Handler) dependenciesV3(ctx context.Context, w *compat.Response, r *http.Request) error {
	values, err := compat.Parameters(r)
	if err != nil {
		return err
	}
	now := h.now()
	times := [2]time.Time{now.Add(-defaultDependencyLookback), now}
	for i, names := range [2][2]string{{"startTime", "start_time"}, {"endTime", "end_time"}} {
		if text := cmp.Or(values.Get(names[0]), values.Get(names[1])); text != "" {
			if times[i], err = time.Parse(time.RFC3339Nano, plus(text)); err != nil {
				return compat.BadRequest("malformed parameter %s: %.100q is no time such as 2026-01-02T03:04:05Z", names[0], text)
			}
		}
	}
	t, err := h.query.Topology(ctx, query.Range{From: times[0].UnixNano(), To: times[1].UnixNano()}, query.TopologyFilter{Counts: true})
	if err != nil {
		return err
	}
	list := []dependencyV3JSON{}
	for _, d := range dependenciesOf(t) {
		list = append(list, dependencyV3JSON(d))
	}
	return w.JSON(map[string]any{"dependencies": list})
}
