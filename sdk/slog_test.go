package twinspan

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"testing"
	"testing/slogtest"
)

func TestLogLinesNameTheSpan(t *testing.T) {
	tracer := newTracer(t, nil)
	ctx, span := tracer.Start(t.Context(), Server, HTTPServer, "GET /pay")
	tests := []struct {
		name string
		log  func(*slog.Logger)
		want map[string]any
	}{
		{"plain", func(l *slog.Logger) { l.InfoContext(ctx, "paid", "amount", "12") }, map[string]any{"amount": "12"}},
		{"attributes", func(l *slog.Logger) { l.With("app", "pay").InfoContext(ctx, "paid") }, map[string]any{"app": "pay"}},
		{"below a group the ids stay on top", func(l *slog.Logger) {
			l.With("app", "pay").WithGroup("order").With("id", "7").InfoContext(ctx, "paid", "amount", "12")
		},
			map[string]any{"app": "pay", "order": map[string]any{"id": "7", "amount": "12"}}},
	}
	for _, tt := range tests {
		var out bytes.Buffer
		tt.log(slog.New(NewLogHandler(slog.NewJSONHandler(&out, nil))))
		var line map[string]any
		if err := json.Unmarshal(out.Bytes(), &line); err != nil {
			t.Fatalf("%s: %v: %s", tt.name, err, out.Bytes())
		}
		if line[LogTraceID] != span.TraceID() || line[LogSpanID] != span.SpanID() {
			t.Errorf("%s: %s", tt.name, out.Bytes())
		}
		for key, want := range tt.want {
			got, _ := json.Marshal(line[key])
			wanted, _ := json.Marshal(want)
			if !bytes.Equal(got, wanted) {
				t.Errorf("%s: %s is %s, want %s", tt.name, key, got, wanted)
			}
		}
	}
	var out bytes.Buffer
	slog.New(NewLogHandler(slog.NewJSONHandler(&out, nil))).InfoContext(context.Background(), "no span")
	if bytes.Contains(out.Bytes(), []byte(LogTraceID)) {
		t.Errorf("%s", out.Bytes())
	}
}

// TestLogHandlerIsAHandler runs the standard library's checks.
func TestLogHandlerIsAHandler(t *testing.T) {
	var out bytes.Buffer
	slogtest.Run(t, func(*testing.T) slog.Handler {
		out.Reset()
		return NewLogHandler(slog.NewJSONHandler(&out, nil))
	}, func(t *testing.T) map[string]any {
		line := make(map[string]any)
		if err := json.Unmarshal(out.Bytes(), &line); err != nil {
			t.Fatal(err)
		}
		return line
	})
}
