// Package twinzap adds the ids of the span that a context carries to zap's log lines. It configures nothing of zap.
package twinzap

import (
	"context"

	"go.uber.org/zap"

	twinspan "github.com/twinspan/twinspan/sdk"
)

// Fields gives traceId and spanId of the span that ctx carries, or nothing: logger.Info("paid", twinzap.Fields(ctx)...).
func Fields(ctx context.Context) []zap.Field {
	span := twinspan.SpanFromContext(ctx)
	if span == nil {
		return nil
	}
	return []zap.Field{zap.String(twinspan.LogTraceID, span.TraceID()), zap.String(twinspan.LogSpanID, span.SpanID())}
}

// Logger gives a logger whose lines have the ids of the span that ctx carries.
func Logger(ctx context.Context, logger *zap.Logger) *zap.Logger { return logger.With(Fields(ctx)...) }
