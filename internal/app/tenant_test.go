package app

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/types/known/emptypb"

	apidoc "github.com/twinspan/twinspan/docs/api"
	"github.com/twinspan/twinspan/internal/api"
	"github.com/twinspan/twinspan/internal/wire"
)

// header are the headers of a request, each "Name: value".
type header []string

func (h header) set(r *http.Request) {
	for _, line := range h {
		name, value, _ := strings.Cut(line, ": ")
		r.Header.Add(name, value)
	}
}

func as(name string) header { return header{"X-Scope-OrgID: " + name} }

func askAs(t *testing.T, c *http.Client, h header, method, url, body string) (*http.Response, string) {
	t.Helper()
	req, err := http.NewRequest(method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	h.set(req)
	resp, err := c.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp, string(text)
}

func wantAs(t *testing.T, h header, status int, text, method, url, body string) {
	t.Helper()
	resp, answer := askAs(t, client, h, method, url, body)
	if resp.StatusCode != status || !strings.Contains(answer, text) {
		t.Errorf("%v: %s %s answers %d %q, want %d and %q in it", h, method, url, resp.StatusCode, answer, status, text)
	}
}

// owned is what one tenant has in the tests: traces that came by each receiver, of a service that has its name.
type owned struct{ tenant, byOTLP, byGRPC, byZipkin string }

func ownedBy(tenant string, n int) owned {
	id := func(route int) string { return fmt.Sprintf("463ac35c9f6413ad48485a3953bb%02d%02d", n, route) }
	return owned{tenant, id(1), id(2), id(3)}
}

func (o owned) service() string { return "service-of-" + o.tenant }

// traces makes a request of OTLP.
func (o owned) traces(trace string) string {
	now := time.Now().UnixNano()
	return fmt.Sprintf(`{"resourceSpans": [{"resource": {"attributes": [{"key": "service.name", "value": {"stringValue": %q}}]},
		"scopeSpans": [{"spans": [{"traceId": %q, "spanId": "a2fb4a1d1a96d312", "name": "get-%s", "kind": 2,
		"attributes": [{"key": "secret", "value": {"stringValue": "tag-of-%[3]s"}}],
		"startTimeUnixNano": "%d", "endTimeUnixNano": "%d"}]}]}]}`, o.service(), trace, o.tenant, now-5e6, now)
}

func (o owned) zipkinSpan() string {
	return strings.ReplaceAll(spanOf(o.service()), traceID, o.byZipkin)
}

// send brings a trace in by each receiver.
func (o owned) send(t *testing.T, p *running, h header) {
	t.Helper()
	wantAs(t, h, 202, "", "POST", p.zipkin+"/api/v2/spans", o.zipkinSpan())
	wantAs(t, h, 200, "{}", "POST", "http://"+p.ready["otlp_http"].(string)+"/v1/traces", o.traces(o.byOTLP))
	if err := exportGRPC(t, p, insecure.NewCredentials(), h, o.traces(o.byGRPC)); err != nil {
		t.Errorf("OTLP/gRPC for %s: %v", o.tenant, err)
	}
}

func exportGRPC(t *testing.T, p *running, c credentials.TransportCredentials, h header, traces string) error {
	t.Helper()
	return exportGRPCTo(t, p.ready["otlp_grpc"].(string), c, h, traces)
}

func exportGRPCTo(t *testing.T, address string, c credentials.TransportCredentials, h header, traces string) error {
	t.Helper()
	data := new(tracepb.TracesData)
	if err := protojson.Unmarshal([]byte(hexIDs(traces)), data); err != nil {
		t.Fatal(err)
	}
	conn, err := grpc.NewClient("passthrough:///"+address, grpc.WithTransportCredentials(c))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for _, line := range h {
		name, value, _ := strings.Cut(line, ": ")
		ctx = metadata.AppendToOutgoingContext(ctx, name, value)
	}
	return conn.Invoke(ctx, "/opentelemetry.proto.collector.trace.v1.TraceService/Export", data, new(emptypb.Empty))
}

// askings are questions to each API whose answers show something of the tenant that asks: {service} and {trace} are its own.
// An API that is added to apiPrefixes needs some here.
var askings = map[string][]string{
	"/api/": {
		"/api/v1/apps", "/api/v1/calls", "/api/v1/calls?app={service}", "/api/v1/traces/{trace}", "/api/v1/topology",
		"/api/v1/operations?app={service}", "/api/v1/apps/series", "/api/v1/calls/scatter", "/api/v1/traces?query=%7B%7D", "/api/v1/tags/values?tag=resource.service.name",
	},
	"/jaeger/": {
		"/jaeger/api/services", "/jaeger/api/services/{service}/operations", "/jaeger/api/traces?service={service}",
		"/jaeger/api/traces/{trace}",
	},
	"/zipkin/": {
		"/zipkin/api/v2/services", "/zipkin/api/v2/spans?serviceName={service}", "/zipkin/api/v2/traces?serviceName={service}",
		"/zipkin/api/v2/trace/{trace}",
	},
	"/tempo/": {
		"/tempo/api/traces/{trace}", "/tempo/api/v2/traces/{trace}", "/tempo/api/search", "/tempo/api/search/tag/service.name/values",
		"/tempo/api/v2/search/tag/resource.service.name/values",
	},
}

func (o owned) fill(path, trace string) string {
	return strings.NewReplacer("{service}", o.service(), "{trace}", trace).Replace(path)
}

// nameless are paths of our own API whose answers show nothing that tells tenants apart by a name.
var nameless = []string{"/tags", "/series", "/traceql", "/status", "/pipeline", "/tenants", "/openapi.yaml"}

// TestAskings: our own API is asked by all of its paths.
func TestAskings(t *testing.T) {
	paths := regexp.MustCompile(`(?m)^  (/[a-z{}/.]+):$`).FindAllStringSubmatch(string(apidoc.OpenAPI), -1)
	if len(paths) < 10 {
		t.Fatalf("%d paths are found", len(paths))
	}
	for _, m := range paths {
		path := api.Prefix + strings.TrimPrefix(strings.ReplaceAll(m[1], "{id}", "{trace}"), "/")
		asked := slices.ContainsFunc(askings["/api/"], func(q string) bool { q, _, _ = strings.Cut(q, "?"); return q == path })
		if asked == slices.Contains(nameless, m[1]) {
			t.Errorf("%s: put it into askings or into nameless", m[1])
		}
	}
}

// TestTenantsApart: each tenant finds what it sent, by every API, and nothing of another one's, also when it asks for it by
// name, and after a restart.
func TestTenantsApart(t *testing.T) {
	dir := t.TempDir()
	a, b, d := ownedBy("a", 1), ownedBy("b", 2), ownedBy("default", 3)
	tenants := "TWINSPAN_TENANTS=[{name: a}, {name: b}]"
	p := start(t, "collector", dir, tenants)
	a.send(t, p, as("a"))
	b.send(t, p, as("b"))
	d.send(t, p, nil)
	check := func() {
		t.Helper()
		for _, own := range []owned{a, b, d} {
			h := as(own.tenant)
			if own == d {
				h = nil
			}
			for _, prefix := range apiPrefixes() {
				if len(askings[prefix]) == 0 {
					t.Errorf("the API %s has no questions in askings", prefix)
				}
				for _, path := range askings[prefix] {
					for _, trace := range []string{own.byOTLP, own.byGRPC, own.byZipkin} {
						resp, answer := askAs(t, client, h, "GET", p.url+own.fill(path, trace), "")
						if resp.StatusCode != http.StatusOK || !strings.Contains(answer, own.tenant) && !strings.Contains(answer, trace) {
							t.Errorf("%s does not see its own by %s: %d %s", own.tenant, path, resp.StatusCode, answer)
						}
						for _, other := range []owned{a, b, d} {
							if other == own {
								continue
							}
							for _, theirs := range []string{other.service(), other.byOTLP, other.byGRPC, other.byZipkin, "tag-of-" + other.tenant, "get-" + other.tenant} {
								if strings.Contains(answer, theirs) {
									t.Errorf("%s sees %s by %s: %s", own.tenant, theirs, path, answer)
								}
							}
							resp, answer := askAs(t, client, h, "GET", p.url+other.fill(path, other.byOTLP), "")
							if resp.StatusCode == http.StatusOK && (strings.Contains(answer, "tag-of-"+other.tenant) || strings.Contains(answer, "get-"+other.tenant)) {
								t.Errorf("%s, asking for what is %s's by %s, gets %s", own.tenant, other.tenant, path, answer)
							}
						}
					}
				}
			}
		}
	}
	check()
	wantAs(t, as("c"), 400, `there is no tenant \"c\" here`, "GET", p.url+"/api/v1/apps", "")
	wantAs(t, as("c"), 400, `there is no tenant "c" here`, "POST", p.zipkin+"/api/v2/spans", a.zipkinSpan())
	wantAs(t, nil, 200, `twinspan_ingest_halves_total{tenant="a"} 3`, "GET", p.url+"/metrics", "")
	wantAs(t, as("a"), 200, `"halvesReceived":3`, "GET", p.url+"/api/v1/status", "")
	p.stop()
	for _, path := range []string{"store", "wal", "tenants/a/store", "tenants/a/wal", "tenants/b/partitions"} {
		if _, err := os.Stat(filepath.Join(dir, path)); err != nil {
			t.Error(err)
		}
	}

	p = start(t, "collector", dir, tenants)
	check()
	p.stop()

	// Tenants that are no longer configured keep their data, and the log says so.
	p = start(t, "collector", dir, "TWINSPAN_TENANTS=[{name: b}]")
	if text := p.log.String(); !strings.Contains(text, `"tenant":"a"`) || !strings.Contains(text, "not configured") {
		t.Errorf("the log does not name what a left behind:\n%s", text)
	}
	wantAs(t, as("a"), 400, `there is no tenant \"a\" here`, "GET", p.url+"/api/v1/apps", "")
	p.stop()
	p = start(t, "collector", dir)
	wantAs(t, as("a"), 200, d.service(), "GET", p.url+"/api/v1/apps", "")
	p.stop()
}

// TestTenantRate: a tenant that sends too much is told to come later, by each protocol, while others are not.
func TestTenantRate(t *testing.T) {
	p := start(t, "collector", t.TempDir(), "TWINSPAN_TENANTS=[{name: a, rate: {spans_per_second: 1, burst: 1s}}, {name: b}]")
	a, b := ownedBy("a", 1), ownedBy("b", 2)
	var many []string // more than the burst: taken, and paid for later
	for i := range 600 {
		many = append(many, strings.Trim(strings.Replace(a.zipkinSpan(), "a2fb4a1d1a96d312", fmt.Sprintf("%016x", i+1), 1), "[]"))
	}
	wantAs(t, as("a"), 202, "", "POST", p.zipkin+"/api/v2/spans", "["+strings.Join(many, ",")+"]")
	resp, answer := askAs(t, client, as("a"), "POST", p.zipkin+"/api/v2/spans", a.zipkinSpan())
	if resp.StatusCode != http.StatusTooManyRequests || resp.Header.Get("Retry-After") == "" {
		t.Errorf("Zipkin answers %d %v %s", resp.StatusCode, resp.Header, answer)
	}
	resp, answer = askAs(t, client, as("a"), "POST", "http://"+p.ready["otlp_http"].(string)+"/v1/traces", a.traces(a.byOTLP))
	if resp.StatusCode != http.StatusTooManyRequests || resp.Header.Get("Retry-After") == "" {
		t.Errorf("OTLP/HTTP answers %d %v %s", resp.StatusCode, resp.Header, answer)
	}
	if err := exportGRPC(t, p, insecure.NewCredentials(), as("a"), a.traces(a.byGRPC)); status.Code(err) != codes.ResourceExhausted {
		t.Errorf("OTLP/gRPC answers %v", err)
	}
	b.send(t, p, as("b"))
	wantAs(t, nil, 200, `twinspan_ingest_refused_halves_total{reason="rate",tenant="a"} 3`, "GET", p.url+"/metrics", "")
	wantAs(t, nil, 200, `twinspan_ingest_halves_total{tenant="b"} 3`, "GET", p.url+"/metrics", "")
}

// TestTenantSettings: what a tenant may have is its own, or that of all.
func TestTenantSettings(t *testing.T) {
	p := start(t, "collector", t.TempDir(), "TWINSPAN_STORE_RETENTION_DAYS=5",
		"TWINSPAN_TENANTS=[{name: a, retention_days: 30}, {name: b}, {name: default, retention_days: 2}]")
	for name, days := range map[string]int{"a": 30, "b": 5, "default": 2} {
		wantAs(t, as(name), 200, fmt.Sprintf(`"retentionDays":%d,`, days), "GET", p.url+"/api/v1/status", "")
	}
}

// TestAgentTenant: an agent's place in its files is its tenant's: another tenant's agent of the same name has its own.
func TestAgentTenant(t *testing.T) {
	dir := t.TempDir()
	p := start(t, "collector", dir, "TWINSPAN_TENANTS=[{name: a}, {name: b}]")
	push := func(name string, from, to int64, want int64) {
		t.Helper()
		msg := wire.Push{Agent: "host", Chunks: []wire.Chunk{{File: "f", From: from, To: to}}}
		req, err := http.NewRequest(http.MethodPost, "http://"+p.ready["agents"].(string)+"/v1/push", bytes.NewReader(wire.NewEncoder().AppendPush(nil, &msg)))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Content-Type", "application/x-protobuf")
		as(name).set(req)
		resp, err := client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		body, _ := io.ReadAll(resp.Body)
		got, err := wire.DecodePushAnswer(body)
		if err != nil || len(got) != 1 || got[0].To != want {
			t.Errorf("%s: %s %v, %v, want up to %d", name, resp.Status, got, err, want)
		}
	}
	push("a", 0, 100, 100)
	push("b", 0, 0, 0)
	push("b", 0, 50, 50)
	p.stop()
	p = start(t, "collector", dir, "TWINSPAN_TENANTS=[{name: a}, {name: b}]")
	push("a", 0, 0, 100)
	push("b", 0, 0, 50)
}

// hexIDs turns the ids of OTLP's JSON, which are hex digits, into those of protobuf's, which are base64.
func hexIDs(traces string) string {
	for _, key := range []string{`"traceId": "`, `"spanId": "`} {
		at := strings.Index(traces, key) + len(key)
		end := at + strings.IndexByte(traces[at:], '"')
		traces = traces[:at] + base64Of(traces[at:end]) + traces[end:]
	}
	return traces
}

func base64Of(digits string) string {
	raw, err := hex.DecodeString(digits)
	if err != nil {
		panic(err)
	}
	return base64.StdEncoding.EncodeToString(raw)
}
