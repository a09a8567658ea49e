package agent

import (
	"log/slog"
	"time"

	"github.com/twinspan/twinspan/internal/digestlog"
)

// sampleEvery is how often one reason is shown in the agent's own log.
const sampleEvery = 10 * time.Second

// sampler writes rejected records to the agent's own log, of each reason one now and then, with the number of those
// that it left out.
type sampler struct {
	log  *slog.Logger
	last map[digestlog.Reason]time.Time
	left map[digestlog.Reason]int
}

func newSampler(log *slog.Logger) *sampler {
	return &sampler{log: log, last: make(map[digestlog.Reason]time.Time), left: make(map[digestlog.Reason]int)}
}

func (s *sampler) rejected(path string, offset int64, err *digestlog.Rejection, now time.Time) {
	if last, ok := s.last[err.Reason]; ok && now.Sub(last) < sampleEvery {
		s.left[err.Reason]++
		return
	}
	s.log.Warn("a log record cannot be read and is left out", "file", path, "offset", offset, "reason", err.Reason,
		"detail", err.Detail, "sample", err.Sample, "not_shown", s.left[err.Reason])
	s.last[err.Reason], s.left[err.Reason] = now, 0
}
