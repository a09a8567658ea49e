package query

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/twinspan/twinspan/internal/span"
	"github.com/twinspan/twinspan/internal/store"
	"github.com/twinspan/twinspan/sdk/histogram"
)

// Range is a time range in nanoseconds of the Unix epoch. Counts are per minute: all minutes that it touches count.
type Range struct{ From, To int64 }

const minute = int64(time.Minute)

func errRange(from, to int64) error {
	at := func(ns int64) string { return time.Unix(0, ns).UTC().Format(time.RFC3339Nano) }
	return fmt.Errorf("%w: the time range is empty: from %s is not before to %s", ErrBad, at(from), at(to))
}

// minutes gives the range in minutes of the Unix epoch.
func (s *Service) minutes(r Range) (from, to int64, err error) {
	if r.From >= r.To {
		return 0, 0, errRange(r.From, r.To)
	}
	if length := time.Duration(satSub(r.To, r.From)); length > s.config.MaxRange {
		return 0, 0, fmt.Errorf("%w: the time range of %s is too long: use at most %s", ErrBad, length, s.config.MaxRange)
	}
	return span.FloorDiv(r.From, minute), span.FloorDiv(r.To-1, minute) + 1, nil
}

// total adds up roll-ups.
type total struct {
	calls, errors uint64
	latency       histogram.H
}

func (t *total) add(r *span.Rollup) {
	t.calls += r.Calls
	t.errors += r.Errors
	t.latency.Merge(&r.Latency)
}

func (t *total) merge(o *total) {
	t.calls += o.calls
	t.errors += o.errors
	t.latency.Merge(&o.latency)
}

// count makes a number of a sum of deltas: while a correction is under way it may be below 0.
func count(n uint64) int64 { return max(int64(n), 0) }

func (t *total) quantile(q float64) int64 {
	v := t.latency.Quantile(q)
	if !(v < math.MaxInt64) {
		return 0
	}
	return int64(math.Round(v))
}

// each reads the roll-ups of all readers, added up over steps of so many minutes; over the whole range for step 0. It gives
// the minutes of which there were any.
func (s *Service) each(ctx context.Context, r Range, step int64, yield func(*span.Rollup)) (seen store.Interval, err error) {
	return s.eachOf(ctx, r, store.RollupQuery{Step: step}, yield)
}

// eachOf is each for a query without bounds.
func (s *Service) eachOf(ctx context.Context, r Range, q store.RollupQuery, yield func(*span.Rollup)) (seen store.Interval, err error) {
	if q.From, q.To, err = s.minutes(r); err != nil {
		return seen, err
	}
	for _, reader := range s.readers {
		minutes, err := reader.Rollups(ctx, q, func(row *span.Rollup) bool {
			yield(row)
			return true
		})
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			return seen, fmt.Errorf("read roll-ups: %w", err)
		}
		seen.Include(minutes.From, minutes.To)
	}
	return seen, nil
}

// Names of sources in answers.
const (
	SourceCalls = "calls"
	SourceStats = "stats"
)

// received counts what an application received, by instance and source: stat lines count everything, calls only what was
// sampled, so that where an instance has both, its stat lines are taken.
type received map[receivedKey]*total

type receivedKey struct {
	app, instance string
	stats         bool
}

func (r received) add(row *span.Rollup) {
	k := receivedKey{row.Callee, row.Instance, row.Source == span.SourceStats}
	if k.stats && row.Side != span.KindServer {
		return
	}
	t := r[k]
	if t == nil {
		k.app, k.instance = strings.Clone(k.app), strings.Clone(k.instance)
		t = new(total)
		r[k] = t
	}
	t.add(row)
}

// withStats gives the applications of which there are stat lines.
func (r received) withStats() map[string]bool {
	apps := make(map[string]bool)
	for k := range r {
		if k.stats {
			apps[k.app] = true
		}
	}
	return apps
}

// counts says whether a part is to be counted. Calls of an instance that has stat lines are not, nor, of an application
// that has any, calls without an instance: only the caller's half of those came.
func (r received) counts(k receivedKey, withStats map[string]bool) bool {
	return k.stats || !withStats[k.app] || k.instance != "" && r[receivedKey{k.app, k.instance, true}] == nil
}

// byApp adds the instances up.
func (r received) byApp() map[string]*appTotal {
	withStats := r.withStats()
	apps := make(map[string]*appTotal)
	for k, t := range r {
		if !r.counts(k, withStats) {
			continue
		}
		a := apps[k.app]
		if a == nil {
			a = &appTotal{source: SourceCalls}
			if withStats[k.app] {
				a.source = SourceStats
			}
			apps[k.app] = a
		}
		a.merge(t)
	}
	return apps
}

type appTotal struct {
	total
	source string
}

// kinds tells applications from stores and queues by the part that names play in roll-ups.
type kinds map[string]role

type role uint8

const (
	// roleActs: it writes halves or stat lines of its own.
	roleActs role = 1 << iota
	// roleCalled: it is called as an application is.
	roleCalled
	roleDB
	roleCache
	roleMQ
)

func (k kinds) add(row *span.Rollup) {
	caller, callee := roleActs, roleCalled
	switch {
	case row.Type == span.TypeInternal || row.Instance != "" && row.Side != span.KindClient || row.Side == span.KindServer:
		callee = roleActs
	case row.Type == span.TypeDB:
		callee = roleDB
	case row.Type == span.TypeCache:
		callee = roleCache
	case row.Type == span.TypeMQ && strings.Contains(row.Callee, ":"):
		callee = roleMQ
	case row.Type == span.TypeMQ:
		callee = 0
	}
	if row.Type == span.TypeMQ && row.Side != span.KindClient && strings.Contains(row.Caller, ":") {
		caller = roleMQ // a delivery whose producer is not known comes from the queue
	}
	k.note(row.Caller, caller)
	k.note(row.Callee, callee)
}

func (k kinds) note(name string, r role) {
	if have, ok := k[name]; !ok {
		k[strings.Clone(name)] = r
	} else if have|r != have {
		k[name] = have | r
	}
}

// Kinds of nodes.
const (
	KindApp   = "app"
	KindDB    = "db"
	KindCache = "cache"
	KindMQ    = "mq"
)

func (k kinds) of(name string) string {
	r := k[name]
	switch {
	case name == "":
		return External
	case r&roleActs != 0:
		return KindApp
	case r&roleDB != 0:
		return KindDB
	case r&roleCache != 0:
		return KindCache
	case r&roleMQ != 0 || r == 0 && queueSystem(name):
		return KindMQ
	}
	return KindApp
}

// queueSystem says that a name without a destination is that of a messaging system (messaging.system).
func queueSystem(name string) bool {
	switch name {
	case "kafka", "rabbitmq", "rocketmq", "activemq", "pulsar", "jms", "nats", "sofamq":
		return true
	}
	return false
}

func nodeName(name string) string {
	if name == "" {
		return External
	}
	return name
}

// byCalls orders the busiest first.
func byCalls[T any](list []T, calls func(*T) int64, names func(*T) string) {
	slices.SortFunc(list, func(a, b T) int {
		return cmp.Or(cmp.Compare(calls(&b), calls(&a)), cmp.Compare(names(&a), names(&b)))
	})
}
