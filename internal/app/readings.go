package app

import (
	"sort"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"

	"github.com/twinspan/twinspan/internal/api"
)

// readings are the process's own metrics at one moment, those of one tenant and those that are of all, by name.
type readings struct{ own, all map[string][]*dto.Metric }

func (r readings) of(name string) []*dto.Metric {
	if own, ok := r.own[name]; ok {
		return own
	}
	return r.all[name]
}

const tenantLabel = "tenant"

// read gives the readings of each tenant. It is one pass over all metrics, however many tenants there are.
func read(g prometheus.Gatherer) (func(tenant string) readings, error) {
	families, err := g.Gather()
	by := make(map[string]map[string][]*dto.Metric)
	for _, f := range families {
		for _, m := range f.GetMetric() {
			of := label(m, tenantLabel)
			if by[of] == nil {
				by[of] = make(map[string][]*dto.Metric)
			}
			by[of][f.GetName()] = append(by[of][f.GetName()], m)
		}
	}
	return func(tenant string) readings { return readings{own: by[tenant], all: by[""]} }, err
}

func label(m *dto.Metric, name string) string {
	for _, l := range m.GetLabel() {
		if l.GetName() == name {
			return l.GetValue()
		}
	}
	return ""
}

func valueOf(m *dto.Metric) float64 {
	switch {
	case m.Counter != nil:
		return m.Counter.GetValue()
	case m.Gauge != nil:
		return m.Gauge.GetValue()
	case m.Histogram != nil:
		return float64(m.Histogram.GetSampleCount())
	}
	return 0
}

// sum adds up a metric; of a histogram it counts the observations.
func (r readings) sum(name string) (v float64) {
	for _, m := range r.of(name) {
		v += valueOf(m)
	}
	return v
}

// mean is that of a histogram's observations.
func (r readings) mean(name string) float64 {
	var sum float64
	var n uint64
	for _, m := range r.of(name) {
		sum += m.GetHistogram().GetSampleSum()
		n += m.GetHistogram().GetSampleCount()
	}
	if n == 0 {
		return 0
	}
	return sum / float64(n)
}

// shown is a metric as a stage shows it: one count, or one for each value of the label reason.
type shown struct{ name, metric, reason string }

func (r readings) counts(list []shown) (out []api.Count) {
	for _, s := range list {
		if s.reason == "" {
			out = append(out, api.Count{Name: s.name, Value: int64(r.sum(s.metric))})
			continue
		}
		by := make(map[string]float64)
		for _, m := range r.of(s.metric) {
			by[label(m, s.reason)] += valueOf(m)
		}
		reasons := make([]string, 0, len(by))
		for reason := range by {
			reasons = append(reasons, reason)
		}
		sort.Strings(reasons)
		for _, reason := range reasons {
			out = append(out, api.Count{Name: s.name, Reason: reason, Value: int64(by[reason])})
		}
	}
	return out
}
