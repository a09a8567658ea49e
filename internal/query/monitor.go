package query

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/twinspan/twinspan/internal/span"
)

// MonitorRequest asks for calls, errors and latencies of applications over moving windows.
type MonitorRequest struct {
	// From and To are the times of the first and of the last point, in nanoseconds of the Unix epoch, Step what lies between
	// two points and Window what each looks back on. A window is counted in whole minutes: those that ended by its point.
	From, To, Step, Window int64
	// Apps are the applications.
	Apps []string
	// Kinds are the sides on which they count; what an application did as a client is counted by the callee's operations.
	Kinds []span.Kind
	// ByOperation gives a series for each operation.
	ByOperation bool
}

// MonitorSeries is one application, or one of its operations.
type MonitorSeries struct {
	App, Operation string
	// Points are in the order of time; windows without calls have none.
	Points []MonitorPoint
}

// MonitorPoint counts one window.
type MonitorPoint struct {
	// Time is the window's end in nanoseconds of the Unix epoch.
	Time          int64
	Calls, Errors int64
	latency       total
}

// Quantile gives a quantile of the window's durations in nanoseconds; ok is false where its source has no histograms.
func (p *MonitorPoint) Quantile(q float64) (nanos float64, ok bool) {
	v := p.latency.latency.Quantile(q)
	return v, v > 0 && v < math.MaxInt64
}

// Bounds of one answer to Monitor.
const (
	maxMonitorPoints = 100_000
	maxMonitorRows   = 200_000
)

type monitorKey struct{ app, operation string }

// Monitor counts by roll-ups. As everywhere, what an application received is counted by its stat lines where it has
// some, and by calls otherwise; what it called, single operations, and both together by calls.
func (s *Service) Monitor(ctx context.Context, req MonitorRequest) ([]MonitorSeries, error) {
	window := max(1, (req.Window+minute-1)/minute)
	if req.Step <= 0 || req.From > req.To || satSub(req.To, req.From)/req.Step >= maxMonitorPoints {
		return nil, fmt.Errorf("%w: steps of %d ns from %d to %d: want 1 to %d steps", ErrBad, req.Step, req.From, req.To, maxMonitorPoints)
	}
	first, last := span.FloorDiv(req.From, minute)-window, span.FloorDiv(req.To, minute)
	counts := make(map[monitorKey]map[int64]received)
	whole := make(received)
	rows := 0
	callers := slices.ContainsFunc(req.Kinds, func(k span.Kind) bool { return !k.CalleeSide() })
	_, err := s.each(ctx, Range{first * minute, last * minute}, 1, func(row *span.Rollup) {
		if rows > maxMonitorRows {
			return
		}
		for _, k := range req.keys(row, callers) {
			r := *row
			r.Callee = k.app // by which received tells applications apart
			if row.Callee != k.app {
				r.Instance = "" // it is the callee's
			}
			perMinute := counts[k]
			if perMinute == nil {
				k = monitorKey{strings.Clone(k.app), strings.Clone(k.operation)}
				perMinute = make(map[int64]received)
				counts[k] = perMinute
			}
			m := perMinute[row.Minute]
			if m == nil {
				m = make(received)
				perMinute[row.Minute] = m
			}
			before := len(m)
			m.add(&r)
			rows += len(m) - before
			whole.add(&r)
		}
	})
	if err != nil {
		return nil, err
	}
	steps := (req.To-req.From)/req.Step + 1
	if rows > maxMonitorRows || int64(len(counts))*steps > maxMonitorPoints {
		return nil, fmt.Errorf("%w: %d series of %d steps are too many: ask for fewer services, a shorter time or longer steps", ErrBad, len(counts), steps)
	}
	withStats := whole.withStats()
	var list []MonitorSeries
	for k, perMinute := range counts {
		series := MonitorSeries{App: k.app, Operation: k.operation}
		for at := req.From; at <= req.To; at += req.Step {
			var t total
			end := span.FloorDiv(at, minute)
			for m := end - window; m < end; m++ {
				for part, sum := range perMinute[m] {
					if whole.counts(part, withStats) {
						t.merge(sum)
					}
				}
			}
			if count(t.calls) > 0 {
				series.Points = append(series.Points, MonitorPoint{at, count(t.calls), count(t.errors), t})
			}
		}
		if len(series.Points) > 0 {
			list = append(list, series)
		}
	}
	slices.SortFunc(list, func(a, b MonitorSeries) int {
		return cmp.Or(cmp.Compare(a.App, b.App), cmp.Compare(a.Operation, b.Operation))
	})
	return list, nil
}

// keys gives the series that a row counts in. Stat lines count where nothing but what was received is asked for; callers
// says that it is not so.
func (req *MonitorRequest) keys(row *span.Rollup, callers bool) (keys []monitorKey) {
	callee, caller := span.KindServer, span.KindClient
	switch row.Type {
	case span.TypeInternal:
		callee, caller = span.KindInternal, span.KindUnspecified
	case span.TypeMQ:
		callee, caller = span.KindConsumer, span.KindProducer
	}
	add := func(app string, kind span.Kind) {
		if !slices.Contains(req.Kinds, kind) || !slices.Contains(req.Apps, app) {
			return
		}
		k := monitorKey{app: app}
		if req.ByOperation {
			k.operation = row.Operation
		}
		keys = append(keys, k)
	}
	stats := row.Source == span.SourceStats
	// Operations of stat lines may be spelled differently.
	if stats && (callers || req.ByOperation || row.Side != span.KindServer) {
		return nil
	}
	add(row.Callee, callee)
	if !stats && caller != span.KindUnspecified && row.Caller != "" {
		add(row.Caller, caller)
	}
	return keys
}
