package twinlogrus

import (
	"testing"

	"github.com/sirupsen/logrus/hooks/test"

	twinspan "github.com/twinspan/twinspan/sdk"
	"github.com/twinspan/twinspan/sdk/contrib/internal/tracertest"
)

func TestHook(t *testing.T) {
	tracer := tracertest.New(t, "pay")
	logger, logs := test.NewNullLogger()
	logger.AddHook(Hook{})
	ctx, span := tracer.Start(t.Context(), twinspan.Internal, twinspan.Biz, "pay")
	logger.WithContext(ctx).Info("paid")
	logger.WithContext(ctx).WithField("traceId", "its own").Info("paid")
	logger.Info("no context")
	logger.WithContext(t.Context()).Info("no span")
	entries := logs.AllEntries()
	if len(entries) != 4 {
		t.Fatalf("%d lines", len(entries))
	}
	if d := entries[0].Data; d["traceId"] != span.TraceID() || d["spanId"] != span.SpanID() {
		t.Errorf("%v", d)
	}
	if d := entries[1].Data; d["traceId"] != "its own" || d["spanId"] != span.SpanID() {
		t.Errorf("%v", d)
	}
	if len(entries[2].Data)+len(entries[3].Data) != 0 {
		t.Errorf("%v %v", entries[2].Data, entries[3].Data)
	}
}
