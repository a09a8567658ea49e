package twinspan

import (
	"context"
	"log/slog"
)

// The keys under which log lines name the trace and the span, as digest lines do. Java SOFATracer has them in the MDC as
// SOFA-TraceId and SOFA-SpanId.
const (
	LogTraceID = "traceId"
	LogSpanID  = "spanId"
)

// NewLogHandler gives a slog.Handler that adds traceId and spanId of the span that the context carries, and leaves the rest to
// next. They stand at the top level, also below slog's groups. Use the Logger's methods with a context: InfoContext, not Info.
func NewLogHandler(next slog.Handler) slog.Handler { return &logHandler{base: next, next: next} }

// logHandler keeps the attributes and groups that it was given, to have the ids before them: slog has no other way to add
// something above an open group.
type logHandler struct {
	base slog.Handler // without steps
	next slog.Handler // with them, for what has no span
	// steps are what WithAttrs and WithGroup said, in order. Once a group is open, next cannot take ids at the top level any more.
	steps   []func(slog.Handler) slog.Handler
	grouped bool
}

// Enabled is slog.Handler's.
func (h *logHandler) Enabled(ctx context.Context, level slog.Level) bool {
	return h.base.Enabled(ctx, level)
}

// Handle is slog.Handler's.
func (h *logHandler) Handle(ctx context.Context, r slog.Record) error {
	span := SpanFromContext(ctx)
	if span == nil {
		return h.next.Handle(ctx, r)
	}
	ids := []slog.Attr{slog.String(LogTraceID, span.TraceID()), slog.String(LogSpanID, span.SpanID())}
	if !h.grouped {
		r = r.Clone()
		r.AddAttrs(ids...)
		return h.next.Handle(ctx, r)
	}
	next := h.base.WithAttrs(ids)
	for _, step := range h.steps {
		next = step(next)
	}
	return next.Handle(ctx, r)
}

// WithAttrs is slog.Handler's.
func (h *logHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	if len(attrs) == 0 {
		return h
	}
	return h.with(func(next slog.Handler) slog.Handler { return next.WithAttrs(attrs) }, h.grouped)
}

// WithGroup is slog.Handler's.
func (h *logHandler) WithGroup(name string) slog.Handler {
	if name == "" {
		return h
	}
	return h.with(func(next slog.Handler) slog.Handler { return next.WithGroup(name) }, true)
}

func (h *logHandler) with(step func(slog.Handler) slog.Handler, grouped bool) slog.Handler {
	steps := append(h.steps[:len(h.steps):len(h.steps)], step)
	return &logHandler{base: h.base, next: step(h.next), steps: steps, grouped: grouped}
}
