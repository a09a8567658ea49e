package collect

import (
	"log/slog"
	"sync"
	"time"

	"github.com/twinspan/twinspan/internal/rollup"
)

// overflow gathers from all partitions what found no roll-up row of its own, for the metrics and the log.
type overflow struct {
	mu     sync.Mutex
	untold rollup.Overflow
	// warned is when the log was last told, in ns of the Unix epoch.
	warned int64
}

// warnEvery is the time between two warnings, so that they do not fill the log.
const warnEvery = time.Minute

// note takes what came since a partition noted last.
func (o *overflow) note(m *Metrics, more rollup.Overflow) {
	m.Overflow.WithLabelValues("operation").Add(float64(more.Operations))
	m.Overflow.WithLabelValues("edge").Add(float64(more.Edges))
	m.Overflow.WithLabelValues("correction").Add(float64(more.Corrections))
	o.mu.Lock()
	defer o.mu.Unlock()
	o.untold.Operations += more.Operations
	o.untold.Edges += more.Edges
	o.untold.Corrections += more.Corrections
}

// warn tells the log, if there is something to tell and the last warning is long enough ago.
func (o *overflow) warn(logger *slog.Logger, rows int, now int64) {
	o.mu.Lock()
	n := o.untold
	if n == (rollup.Overflow{}) || now-o.warned < warnEvery.Nanoseconds() {
		o.mu.Unlock()
		return
	}
	o.untold, o.warned = rollup.Overflow{}, now
	o.mu.Unlock()
	logger.Warn("too many different operations, instances, callers or callees in one range: some calls are counted together; "+
		"see which source makes names without end, or raise collect.max_rollup_rows",
		"max_rollup_rows", rows, "as_operation", rollup.Other, "without_operation", n.Operations, "without_caller_and_callee", n.Edges,
		"late_halves_not_corrected", n.Corrections)
}
