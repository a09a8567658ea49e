package tempo

import (
	"cmp"
	"context"
	"math"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/twinspan/twinspan/internal/api/compat"
	"github.com/twinspan/twinspan/internal/query"
	"github.com/twinspan/twinspan/internal/query/traceql"
)

// The answers are tempopb.QueryRangeResponse and QueryInstantResponse as JSON.
type (
	rangeJSON struct {
		Series  []seriesJSON `json:"series"`
		Metrics metricsJSON  `json:"metrics"`
		Status  string       `json:"status,omitempty"`
		Message string       `json:"message,omitempty"`
	}
	seriesJSON struct {
		Labels  []keyValueJSON `json:"labels"`
		Samples []sampleJSON   `json:"samples"`
	}
	sampleJSON struct {
		Time  int64   `json:"timestampMs,string"`
		Value float64 `json:"value"`
	}
	instantJSON struct {
		Series  []instantSeriesJSON `json:"series"`
		Metrics metricsJSON         `json:"metrics"`
		Status  string              `json:"status,omitempty"`
		Message string              `json:"message,omitempty"`
	}
	instantSeriesJSON struct {
		Labels []keyValueJSON `json:"labels"`
		Value  float64        `json:"value"`
	}
)

// stepsWanted is about how many points a series has where no step is given.
const stepsWanted = 120

// queryRange answers series of a TraceQL query. A sample has the time at which its step begins.
func (h *Handler) queryRange(ctx context.Context, w *compat.Response, r *http.Request) error {
	req, values, err := h.readMetrics(r)
	if err != nil {
		return err
	}
	if req.Step, err = readStep(values, req.To-req.From); err != nil {
		return err
	}
	// Steps begin at multiples of their length, so that the next answer has the same.
	req.From -= req.From % req.Step
	if rest := req.To % req.Step; rest != 0 && req.To < math.MaxInt64-req.Step {
		req.To += req.Step - rest
	}
	s, function, err := h.series(ctx, req)
	if err != nil {
		return err
	}
	answer := rangeJSON{Series: make([]seriesJSON, 0, len(s.Series)), Metrics: metricsOf(s.InspectedTraces, s.InspectedCalls, s.Partial)}
	if s.Partial {
		answer.Status, answer.Message = "PARTIAL", s.Reason
	}
	for i := range s.Series {
		out := seriesJSON{Labels: labelsOf(s.Series[i].Labels, function), Samples: []sampleJSON{}}
		for k, v := range s.Series[i].Points {
			if !math.IsNaN(v) && !math.IsInf(v, 0) {
				out.Samples = append(out.Samples, sampleJSON{(s.Start + int64(k)*s.Step) / int64(time.Millisecond), v})
			}
		}
		answer.Series = append(answer.Series, out)
	}
	return w.JSON(answer)
}

// queryInstant answers one number for each series: that of the whole time.
func (h *Handler) queryInstant(ctx context.Context, w *compat.Response, r *http.Request) error {
	req, _, err := h.readMetrics(r)
	if err != nil {
		return err
	}
	req.Step = req.To - req.From
	s, function, err := h.series(ctx, req)
	if err != nil {
		return err
	}
	answer := instantJSON{Series: []instantSeriesJSON{}, Metrics: metricsOf(s.InspectedTraces, s.InspectedCalls, s.Partial)}
	if s.Partial {
		answer.Status, answer.Message = "PARTIAL", s.Reason
	}
	for i := range s.Series {
		if v := s.Series[i].Points[0]; !math.IsNaN(v) && !math.IsInf(v, 0) {
			answer.Series = append(answer.Series, instantSeriesJSON{labelsOf(s.Series[i].Labels, function), v})
		}
	}
	return w.JSON(answer)
}

func (h *Handler) series(ctx context.Context, req query.TraceQLMetrics) (s *query.TraceQLSeries, function string, err error) {
	q, err := query.ParseTraceQL(req.Expr, true)
	if err != nil {
		return nil, "", err
	}
	s, err = h.query.MetricsTraceQL(ctx, req)
	return s, q.Metrics.Func.String(), err
}

// labelsOf gives a series' labels; one that has none is named by its function, as Tempo does.
func labelsOf(labels []traceql.Label, function string) []keyValueJSON {
	if len(labels) == 0 {
		return []keyValueJSON{{"__name__", anyValueJSON{String: &function}}}
	}
	list := make([]keyValueJSON, len(labels))
	for i, l := range labels {
		list[i] = keyValueJSON{l.Name, valueOf(l.Value)}
	}
	return list
}

func (h *Handler) readMetrics(r *http.Request) (req query.TraceQLMetrics, values url.Values, err error) {
	if values, err = compat.Parameters(r); err != nil {
		return req, nil, err
	}
	if req.Expr = cmp.Or(values.Get("q"), values.Get("query")); req.Expr == "" {
		return req, nil, compat.BadRequest("the parameter q is required: a TraceQL query that ends in a function such as rate()")
	}
	req.From, req.To, err = h.readRange(values)
	return req, values, err
}

// readStep reads seconds or a duration.
func readStep(values url.Values, length int64) (int64, error) {
	text := values.Get("step")
	if text == "" {
		step := time.Duration(length / stepsWanted).Round(time.Second)
		return int64(max(step, time.Second)), nil
	}
	d, err := readDuration(text)
	if seconds, notNumber := strconv.ParseFloat(text, 64); notNumber == nil && seconds < 1e9 {
		d, err = time.Duration(seconds*float64(time.Second)), nil
	}
	if err != nil || d <= 0 {
		return 0, compat.BadRequest("invalid step: cannot parse %.100q to a valid duration above 0", text)
	}
	return int64(d), nil
}
