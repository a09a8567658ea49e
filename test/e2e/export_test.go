package e2e

import (
	"fmt"
	"net/http"
	"path/filepath"
	"testing"
	"time"

	sdk "github.com/twinspan/twinspan/sdk"
	"github.com/twinspan/twinspan/sdk/export"
)

// TestExporters sends the spans of two Go services to the collector by OTLP, by Zipkin, and by both beside the agent. The call
// between them is one, with both sides, and is counted once, on whatever routes it came.
func TestExporters(t *testing.T) {
	dir := t.TempDir()
	logs := func(app string) string { return filepath.Join(dir, app, "tracelog") }
	s := newServer(t, "all", filepath.Join(dir, "twinspan"), map[string]string{
		"TWINSPAN_AGENT_PATHS": fmt.Sprintf("[%s, %s]", logs("all-front"), logs("all-back")),
	})
	s.start()
	s.ready()
	otlp := func(app string) sdk.Exporter {
		to := export.HTTP{URL: "http://" + s.env["TWINSPAN_RECEIVERS_OTLP_HTTP_ADDRESS"] + "/v1/traces"}
		return export.NewOTLP(export.Config{Delay: 10 * time.Millisecond}, to, app, "")
	}
	zipkin := func(app string) sdk.Exporter {
		to := export.HTTP{URL: "http://" + s.env["TWINSPAN_RECEIVERS_ZIPKIN_ADDRESS"] + "/api/v2/spans"}
		return export.NewZipkin(export.Config{Delay: 10 * time.Millisecond}, to, app)
	}
	tests := []struct {
		route     string
		exporters func(app string) []sdk.Exporter
	}{
		{"otlp", func(app string) []sdk.Exporter { return []sdk.Exporter{otlp(app)} }},
		{"zipkin", func(app string) []sdk.Exporter { return []sdk.Exporter{zipkin(app)} }},
		{"all", func(app string) []sdk.Exporter { return []sdk.Exporter{zipkin(app)} }}, // and the agent
	}
	for _, tt := range tests {
		t.Run(tt.route, func(t *testing.T) {
			front, back := tt.route+"-front", tt.route+"-back"
			leaf := "http://" + s.http + "/healthz"
			second := goService(t, back, logs(back), func(*http.Request) string { return leaf }, tt.exporters(back)...)
			first := goService(t, front, logs(front), func(*http.Request) string { return second + "/book/17" }, tt.exporters(front)...)
			r, err := http.Get(first + "/pay/17")
			if err != nil {
				t.Fatal(err)
			}
			r.Body.Close()
			findHops(t, s, r.Header.Get("Trace-Id"), front+"→"+back+" 0.1 0.1")
			eventually(t, "the call is counted once", func() error {
				var top topology
				if err := s.get("topology", nil, &top); err != nil {
					return err
				}
				for _, e := range top.Edges {
					if e.Caller == front && e.Callee == back && e.Calls == 1 && e.Errors == 0 {
						return nil
					}
				}
				return fmt.Errorf("%+v", top.Edges)
			})
		})
	}
}
