package jaeger

import (
	"context"
	"fmt"
	"math"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/twinspan/twinspan/internal/api/compat"
	"github.com/twinspan/twinspan/internal/query"
	"github.com/twinspan/twinspan/internal/span"
)

// What Jaeger takes where a parameter is missing.
const (
	defaultMetricsLookback = time.Hour
	defaultMetricsStep     = 5 * time.Second
	defaultMetricsRate     = 10 * time.Minute
	maxMetricsServices     = 100
)

// The answer is Jaeger's jaeger.api_v2.metrics.MetricFamily as JSON.
type (
	metricFamilyJSON struct {
		Name    string       `json:"name"`
		Type    string       `json:"type"`
		Help    string       `json:"help"`
		Metrics []metricJSON `json:"metrics"`
	}
	metricJSON struct {
		Labels []labelJSON `json:"labels"`
		Points []pointJSON `json:"metricPoints"`
	}
	labelJSON struct {
		Name  string `json:"name"`
		Value string `json:"value"`
	}
	pointJSON struct {
		Gauge     gaugeJSON `json:"gaugeValue"`
		Timestamp string    `json:"timestamp"`
	}
	gaugeJSON struct {
		Double float64 `json:"doubleValue"`
	}
)

// latencies answers a quantile of durations in milliseconds.
func (h *Handler) latencies(ctx context.Context, w *compat.Response, r *http.Request) error {
	q, err := strconv.ParseFloat(r.URL.Query().Get("quantile"), 64)
	if err != nil || !(q >= 0 && q <= 1) {
		return compat.BadRequest("unable to parse param 'quantile': want a number from 0 to 1")
	}
	return h.metrics(ctx, w, r, "latencies", fmt.Sprintf("%.2fth quantile latency, grouped by service", q),
		func(p *query.MonitorPoint, _ time.Duration) (float64, bool) {
			nanos, ok := p.Quantile(q)
			return nanos / 1e6, ok
		})
}

// callRates answers calls a second.
func (h *Handler) callRates(ctx context.Context, w *compat.Response, r *http.Request) error {
	return h.metrics(ctx, w, r, "call_rate", "calls/sec, grouped by service",
		func(p *query.MonitorPoint, window time.Duration) (float64, bool) {
			return float64(p.Calls) / window.Seconds(), true
		})
}

// errorRates answers the share of calls that failed.
func (h *Handler) errorRates(ctx context.Context, w *compat.Response, r *http.Request) error {
	return h.metrics(ctx, w, r, "error_rate", "error rate, computed as a fraction of errors/sec over calls/sec, grouped by service",
		func(p *query.MonitorPoint, _ time.Duration) (float64, bool) {
			return float64(p.Errors) / float64(p.Calls), true
		})
}

// minStep answers the least step in milliseconds that makes sense: roll-ups are per minute.
func (h *Handler) minStep(_ context.Context, w *compat.Response, _ *http.Request) error {
	return w.JSON(answerJSON{Data: time.Minute.Milliseconds()})
}

func (h *Handler) metrics(ctx context.Context, w *compat.Response, r *http.Request, name, help string,
	value func(p *query.MonitorPoint, window time.Duration) (float64, bool)) error {
	values, err := compat.Parameters(r)
	if err != nil {
		return err
	}
	req, err := readMonitor(values, h.now())
	if err != nil {
		return err
	}
	list, err := h.query.Monitor(ctx, req)
	if err != nil {
		return err
	}
	family := metricFamilyJSON{Name: "service_" + name, Type: "GAUGE", Help: help, Metrics: []metricJSON{}}
	if req.ByOperation {
		family.Name, family.Help = "service_operation_"+name, help+" & operation"
	}
	window := (time.Duration(req.Window) + time.Minute - 1).Truncate(time.Minute)
	for _, s := range list {
		m := metricJSON{Labels: []labelJSON{{"service_name", s.App}}}
		if req.ByOperation {
			m.Labels = append(m.Labels, labelJSON{"operation", s.Operation})
		}
		for i := range s.Points {
			if v, ok := value(&s.Points[i], window); ok {
				m.Points = append(m.Points, pointJSON{gaugeJSON{v}, time.Unix(0, s.Points[i].Time).UTC().Format(time.RFC3339Nano)})
			}
		}
		if len(m.Points) > 0 {
			family.Metrics = append(family.Metrics, m)
		}
	}
	return w.JSON(family)
}

// readMonitor reads what all metrics have in common.
func readMonitor(values url.Values, now time.Time) (req query.MonitorRequest, err error) {
	req.Apps = values["service"]
	if len(req.Apps) == 0 || len(req.Apps) > maxMetricsServices {
		return req, compat.BadRequest("unable to parse param 'service': please provide at least one service name, and at most %d", maxMetricsServices)
	}
	if text := values.Get("groupByOperation"); text != "" {
		if req.ByOperation, err = strconv.ParseBool(text); err != nil {
			return req, compat.BadRequest("unable to parse param 'groupByOperation': %.100q is neither true nor false", text)
		}
	}
	req.Kinds = []span.Kind{span.KindServer}
	if kinds := values["spanKind"]; len(kinds) > 0 {
		req.Kinds = nil
		for _, text := range kinds {
			k, err := span.ParseKind(strings.ToLower(text))
			if err != nil {
				return req, compat.BadRequest("unable to parse param 'spanKind': unsupported span kind: '%.100s'", text)
			}
			req.Kinds = append(req.Kinds, k)
		}
	}
	end, err := readTime(values, "endTs", time.Millisecond, now)
	if err != nil {
		return req, err
	}
	lookback, err := readUnits(values, "lookback", time.Millisecond, defaultMetricsLookback)
	if err != nil {
		return req, err
	}
	step, err := readUnits(values, "step", time.Millisecond, defaultMetricsStep)
	if err != nil {
		return req, err
	}
	window, err := readUnits(values, "ratePer", time.Millisecond, defaultMetricsRate)
	if err != nil {
		return req, err
	}
	req.To, req.Step, req.Window = end.UnixNano(), int64(step), min(int64(window), math.MaxInt64-int64(time.Hour))
	req.From = max(0, req.To-int64(lookback))
	return req, nil
}
