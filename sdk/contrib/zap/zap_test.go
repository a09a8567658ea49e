package twinzap

import (
	"testing"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	twinspan "github.com/twinspan/twinspan/sdk"
	"github.com/twinspan/twinspan/sdk/contrib/internal/tracertest"
)

func TestFields(t *testing.T) {
	tracer := tracertest.New(t, "pay")
	core, logs := observer.New(zap.InfoLevel)
	logger := zap.New(core)
	ctx, span := tracer.Start(t.Context(), twinspan.Internal, twinspan.Biz, "pay")
	logger.Info("paid", Fields(ctx)...)
	Logger(ctx, logger).Info("paid")
	logger.Info("no span", Fields(t.Context())...)
	for i, entry := range logs.All() {
		fields := entry.ContextMap()
		if i < 2 && (fields["traceId"] != span.TraceID() || fields["spanId"] != span.SpanID()) || i == 2 && len(fields) != 0 {
			t.Errorf("line %d has %v", i, fields)
		}
	}
	if logs.Len() != 3 {
		t.Errorf("%d lines", logs.Len())
	}
}
