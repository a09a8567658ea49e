package query

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"go.opentelemetry.io/collector/pdata/ptrace"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
)

// exchange is a request of one of Grafana's built-in data sources, and what it does with the answer. What Grafana has in
// TypeScript is done here as it is there: by the fields that it reads.
type exchange struct {
	what, path, accept string
	check              func(t *testing.T, status int, header http.Header, body []byte) string
}

// TestGrafanaRequests replays the requests of Grafana's Tempo, Jaeger and Zipkin data sources (11 and 12), each with the URL
// that a data source is given in docs/compatible-apis.md.
func TestGrafanaRequests(t *testing.T) {
	s := start(t)
	s.sendZipkin(t)
	now := time.Now().Unix()
	within := fmt.Sprintf("start=%d&end=%d", now-3600, now+60)
	q := url.QueryEscape
	metrics := "/tempo/api/metrics/query_range?q=" + q(`{} | count_over_time() by (resource.service.name)`) + "&" + within
	for _, e := range []exchange{
		{"Tempo: test of the data source", "/tempo/api/echo", "", says("echo")},
		{"Tempo: version", "/tempo/api/status/buildinfo", "", version},
		{"Tempo: trace", "/tempo/api/traces/" + zipkinTrace + "?" + within, "application/protobuf", otlpProto},
		{"Tempo: trace, version 2", "/tempo/api/v2/traces/" + zipkinTrace + "?" + within, "application/protobuf", tempoTrace},
		{"Tempo: no such trace", "/tempo/api/v2/traces/1234?" + within, "application/protobuf", status(http.StatusNotFound)},
		{"Tempo: search builder", "/tempo/api/search?q=" + q(`{resource.service.name="backend" && status=error}`) + "&limit=20&spss=3&" + within, "application/json",
			tempo("SearchResponse", `"traceID":"`+zipkinTrace+`"`, `"rootServiceName":"frontend"`, `"matched":1`, `"durationNanos":"30000000"`)},
		{"Tempo: everything", "/tempo/api/search?q=" + q(`{}`) + "&limit=20&spss=3&" + within, "application/json",
			tempo("SearchResponse", `"rootTraceName":"get /"`, `"matched":4`, `"durationMs":90`)},
		{"Tempo: roots, as Traces Drilldown asks", "/tempo/api/search?q=" + q(`{nestedSetParent<0 && true} | select(status, resource.service.name, name)`) + "&limit=200&spss=10&" + within, "application/json",
			tempo("SearchResponse", `"matched":1`, `"key":"service.name"`)},
		{"Tempo: search of old", "/tempo/api/search?tags=" + q(`service.name="frontend" http.method=GET`) + "&minDuration=10ms&maxDuration=1s&limit=20&" + within, "application/json",
			tempo("SearchResponse", zipkinTrace)},
		{"Tempo: tags", "/tempo/api/v2/search/tags?" + within, "application/json",
			tempo("SearchTagsV2Response", `"name":"span"`, `"http.method"`, `"name":"resource"`, `"service.name"`, `"name":"intrinsic"`)},
		{"Tempo: tags of old", "/tempo/api/search/tags", "application/json", tempo("SearchTagsResponse", `"http.method"`)},
		{"Tempo: values", "/tempo/api/v2/search/tag/resource.service.name/values?q=" + q(`{}`) + "&" + within, "application/json",
			tempo("SearchTagValuesV2Response", `"type":"string"`, `"value":"backend"`, `"value":"frontend"`)},
		{"Tempo: values beside a filter", "/tempo/api/v2/search/tag/span.http.method/values?q=" + q(`{resource.service.name="frontend"}`) + "&" + within, "application/json",
			tempo("SearchTagValuesV2Response", `"value":"GET"`)},
		{"Tempo: statuses", "/tempo/api/v2/search/tag/status/values", "application/json",
			tempo("SearchTagValuesV2Response", `"type":"keyword"`, `"value":"error"`)},
		{"Tempo: values of old", "/tempo/api/search/tag/service.name/values", "application/json", tempo("SearchTagValuesResponse", `"backend"`)},
		{"Tempo: series", metrics + "&step=60s&exemplars=100", "application/json",
			tempo("QueryRangeResponse", `"resource.service.name"`, `"stringValue":"backend"`, `"timestampMs":`, `"value":2`)},
		{"Tempo: one number", strings.Replace(metrics, "query_range", "query", 1), "application/json",
			tempo("QueryInstantResponse", `"stringValue":"frontend"`, `"value":2`)},
		{"Tempo: wrong TraceQL", "/tempo/api/search?q=" + q(`{ foo`), "application/json", status(http.StatusBadRequest)},

		{"Jaeger: test, services", "/jaeger/api/services", "", contains(`"data":["backend","frontend"]`, `"errors":null`)},
		{"Jaeger: operations", "/jaeger/api/services/frontend/operations", "", contains(`"get /"`, `"get /api"`)},
		{"Jaeger: search", fmt.Sprintf("/jaeger/api/traces?service=backend&operation=get%%20/api&tags=%s&minDuration=1ms&limit=20&start=%d000000&end=%d000000&lookback=custom",
			q(`{"error":"true"}`), now-3600, now+60), "", contains(`"traceID":"`+zipkinTrace+`"`, `"serviceName":"backend"`)},
		{"Jaeger: trace", "/jaeger/api/traces/" + zipkinTrace, "", contains(`"refType":"CHILD_OF"`, `"operationName":"query"`)},
		{"Jaeger: dependency graph", fmt.Sprintf("/jaeger/api/dependencies?endTs=%d000&lookback=3600000", now+60), "",
			contains(`{"parent":"frontend","child":"backend","callCount":1}`)},
		{"Jaeger: services, version 3", "/jaeger/api/v3/services", "", contains(`{"services":["backend","frontend"]}`)},
		{"Jaeger: operations, version 3", "/jaeger/api/v3/operations?service=backend", "", contains(`{"name":"get /api","spanKind":"server"}`)},
		{"Jaeger: trace, version 3", "/jaeger/api/v3/traces/" + zipkinTrace, "", otlpJSON},
		{"Jaeger: search, version 3", "/jaeger/api/v3/traces?query.service_name=backend&query.start_time_min=" + time.Unix(now-3600, 0).UTC().Format(time.RFC3339Nano) +
			"&query.start_time_max=" + time.Unix(now+60, 0).UTC().Format(time.RFC3339Nano), "", otlpJSON},

		{"Zipkin: test, services", "/zipkin/api/v2/services", "", contains(`["backend","frontend"]`)},
		{"Zipkin: span names", "/zipkin/api/v2/spans?serviceName=frontend", "", contains(`"get /"`)},
		{"Zipkin: traces", fmt.Sprintf("/zipkin/api/v2/traces?serviceName=frontend&spanName=%s&endTs=%d000&lookback=3600000&limit=10", q("get /"), now+60), "",
			contains(`"traceId":"` + zipkinTrace + `"`)},
		{"Zipkin: trace", "/zipkin/api/v2/trace/" + zipkinTrace, "", contains(`"shared":true`, `"ipv4":"10.0.0.2","port":9000`)},
	} {
		t.Run(e.what, func(t *testing.T) {
			code, header, body := s.ask(t, e.path, e.accept)
			if wrong := e.check(t, code, header, body); wrong != "" {
				t.Errorf("GET %s: %d, %s: %s", e.path, code, wrong, body)
			}
		})
	}
}

func status(want int) func(*testing.T, int, http.Header, []byte) string {
	return func(_ *testing.T, code int, _ http.Header, _ []byte) string {
		if code != want {
			return fmt.Sprintf("want status %d", want)
		}
		return ""
	}
}

func says(text string) func(*testing.T, int, http.Header, []byte) string {
	return func(_ *testing.T, code int, _ http.Header, body []byte) string {
		if code != http.StatusOK || string(body) != text {
			return "want " + text
		}
		return ""
	}
}

// contains asks for JSON with some parts in it.
func contains(parts ...string) func(*testing.T, int, http.Header, []byte) string {
	return func(_ *testing.T, code int, header http.Header, body []byte) string {
		if code != http.StatusOK || header.Get("Content-Type") != "application/json" || !json.Valid(body) {
			return "want JSON"
		}
		for _, p := range parts {
			if !strings.Contains(string(body), p) {
				return "want " + p
			}
		}
		return ""
	}
}

// version asks for one by which Grafana can tell what there is.
func version(_ *testing.T, _ int, _ http.Header, body []byte) string {
	var info struct{ Version string }
	if err := json.Unmarshal(body, &info); err != nil || !regexp.MustCompile(`^2\.([2-9]|\d\d)\.\d+$`).MatchString(info.Version) {
		return "want a version from 2.2 on"
	}
	return ""
}

// tempo reads an answer as the message of Tempo's API, which must have nothing else in it.
func tempo(message string, parts ...string) func(*testing.T, int, http.Header, []byte) string {
	return func(t *testing.T, code int, header http.Header, body []byte) string {
		if wrong := contains(parts...)(t, code, header, body); wrong != "" {
			return wrong
		}
		m := tempoMessage(t, message)
		if err := protojson.Unmarshal(body, m); err != nil {
			return fmt.Sprintf("no tempopb.%s: %v", message, err)
		}
		return ""
	}
}

// otlpProto reads a trace as Grafana's Tempo backend does: with OpenTelemetry's decoder.
func otlpProto(_ *testing.T, _ int, header http.Header, body []byte) string {
	if header.Get("Content-Type") != "application/protobuf" {
		return "want protobuf"
	}
	return spansOf((&ptrace.ProtoUnmarshaler{}).UnmarshalTraces(body))
}

// tempoTrace reads a TraceByIDResponse.
func tempoTrace(t *testing.T, code int, header http.Header, body []byte) string {
	m := tempoMessage(t, "TraceByIDResponse")
	if err := proto.Unmarshal(body, m); err != nil {
		return err.Error()
	}
	fields := m.Descriptor().Fields()
	trace := m.Get(fields.ByName("trace")).Bytes()
	if m.Get(fields.ByName("status")).Enum() != 0 {
		return "want the whole trace"
	}
	return otlpProto(t, code, header, trace)
}

// otlpJSON reads a trace of Jaeger's version 3.
func otlpJSON(_ *testing.T, _ int, _ http.Header, body []byte) string {
	var a struct{ Result json.RawMessage }
	if err := json.Unmarshal(body, &a); err != nil {
		return err.Error()
	}
	return spansOf((&ptrace.JSONUnmarshaler{}).UnmarshalTraces(a.Result))
}

// spansOf says what is wrong with the trace that sendZipkin sends: every span once, each below the right one.
func spansOf(tr ptrace.Traces, err error) string {
	if err != nil {
		return err.Error()
	}
	service, above := make(map[string]string), make(map[string]string)
	for _, rs := range tr.ResourceSpans().All() {
		name, _ := rs.Resource().Attributes().Get("service.name")
		for _, ss := range rs.ScopeSpans().All() {
			for _, sp := range ss.Spans().All() {
				if sp.TraceID().String() != zipkinTrace {
					return "trace id " + sp.TraceID().String()
				}
				service[sp.SpanID().String()] = name.Str() + " " + sp.Kind().String()
				above[sp.SpanID().String()] = sp.ParentSpanID().String()
			}
		}
	}
	var edges []string
	for child, parent := range above {
		edges = append(edges, service[child]+" < "+service[parent])
	}
	for _, want := range []string{"frontend Server < ", "frontend Client < frontend Server", "backend Server < frontend Client", "backend Client < backend Server"} {
		found := false
		for _, e := range edges {
			found = found || e == want
		}
		if !found || len(edges) != 4 {
			return fmt.Sprintf("spans %q, want %q", edges, want)
		}
	}
	return ""
}
