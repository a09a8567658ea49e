// Package twinlogrus adds the ids of the span that an entry's context carries to logrus's log lines.
package twinlogrus

import (
	"github.com/sirupsen/logrus"

	twinspan "github.com/twinspan/twinspan/sdk"
)

// Hook is a logrus.Hook: logger.AddHook(twinlogrus.Hook{}), then logger.WithContext(ctx).Info("paid"). Fields of the same name
// that the entry has already stay as they are.
type Hook struct{}

// Levels is logrus.Hook's: all.
func (Hook) Levels() []logrus.Level { return logrus.AllLevels }

// Fire is logrus.Hook's.
func (Hook) Fire(e *logrus.Entry) error {
	if e.Context == nil {
		return nil
	}
	if span := twinspan.SpanFromContext(e.Context); span != nil {
		add(e.Data, twinspan.LogTraceID, span.TraceID())
		add(e.Data, twinspan.LogSpanID, span.SpanID())
	}
	return nil
}

func add(data logrus.Fields, key, value string) {
	if _, there := data[key]; !there {
		data[key] = value
	}
}
