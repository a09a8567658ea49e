package doctor

import (
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
)

// TestPortsAnswers: what an answer of each protocol means, and what to do about it.
func TestPortsAnswers(t *testing.T) {
	dir := service(t, nil)
	for _, tt := range []struct {
		name     string
		protocol Protocol
		status   int
		header   map[string]string
		body     string
		level    Level
		want     []string
	}{
		{"OTLP", OTLPHTTP, 200, nil, "", OK, []string{"OTLP over HTTP", "takes requests"}},
		{"Zipkin", ZipkinV2, 202, nil, "", OK, []string{"Zipkin", "takes requests"}},
		{"an agents' port", AgentPush, 400, map[string]string{agentReason: agentMalformed}, "no agent", OK, []string{"the agents' protocol", "takes requests"}},
		{"another server on the agents' port", AgentPush, 200, nil, "hello", Problem, []string{"it answers 200 OK: hello", "the port of the agents' protocol"}},
		{"another server", OTLPHTTP, 404, nil, "not here", Problem, []string{"it answers 404 Not Found: not here", "the port of OTLP over HTTP"}},
		{"a redirect", ZipkinV2, 302, map[string]string{"Location": "/login"}, "", Problem, []string{"it answers 302"}},
		{"no token", ZipkinV2, 401, nil, "who?", Problem, []string{"who?", "give a token that may write"}},
		{"a reader's token", AgentPush, 403, nil, "role", Problem, []string{"agent.token_file"}},
		{"a tenant", OTLPHTTP, 400, nil, "name the tenant", Problem, []string{"-tenant"}},
		{"busy", OTLPHTTP, 429, nil, "later", Problem, []string{"ask again"}},
	} {
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			for key, value := range tt.header {
				w.Header().Set(key, value)
			}
			w.WriteHeader(tt.status)
			_, _ = w.Write([]byte(tt.body))
		}))
		expect(t, Options{LogDir: dir, Ports: []Port{{Named: "-x", Protocol: tt.protocol, URL: s.URL}}}, tt.level, tt.want...)
		s.Close()
	}
	expect(t, Options{LogDir: dir, Ports: []Port{{Named: "-x", Protocol: OTLPHTTP, URL: "collector"}}}, Problem, "no URL of http or https", "http://host:port")
	expect(t, Options{LogDir: dir, Ports: []Port{{Named: "-x", Protocol: OTLPHTTP, URL: "http://h:1", TokenFile: filepath.Join(dir, "none")}}}, Problem, "read the token")
}

// TestPortsOfGRPC: statuses stand in the trailer, or in the header of an answer without a body.
func TestPortsOfGRPC(t *testing.T) {
	dir := service(t, nil)
	for _, tt := range []struct {
		status, message string
		trailer         bool
		level           Level
		want            []string
	}{
		{"0", "", true, OK, []string{"OTLP over gRPC", "takes requests"}},
		{"0", "", false, OK, []string{"takes requests"}},
		{"16", "no%20token", true, Problem, []string{"gRPC's status 16: no token", "give a token"}},
		{"3", "name the tenant", false, Problem, []string{"-tenant"}},
		{"14", "later", true, Problem, []string{"ask again"}},
		{"12", "unknown service", false, Problem, []string{"the port of OTLP over gRPC"}},
		{"", "", false, Problem, []string{"its answer is none of gRPC"}},
	} {
		s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path != otlpMethod || r.Header.Get("Content-Type") != "application/grpc" || r.Header.Get("X-Scope-OrgID") != "shop" {
				t.Errorf("%s %v", r.URL, r.Header)
			}
			h, prefix := w.Header(), ""
			if tt.trailer {
				w.WriteHeader(http.StatusOK)
				prefix = http.TrailerPrefix
			}
			if tt.status != "" {
				h.Set(prefix+"Grpc-Status", tt.status)
				h.Set(prefix+"Grpc-Message", tt.message)
			}
		}))
		s.Config.Protocols = new(http.Protocols)
		s.Config.Protocols.SetUnencryptedHTTP2(true)
		s.Start()
		port := Port{Named: "-x", Protocol: OTLPGRPC, URL: s.URL, Header: http.Header{"X-Scope-Orgid": {"shop"}}}
		expect(t, Options{LogDir: dir, Ports: []Port{port}}, tt.level, tt.want...)
		s.Close()
	}
	s := httptest.NewServer(http.NotFoundHandler())
	defer s.Close()
	expect(t, Options{LogDir: dir, Ports: []Port{{Named: "-x", Protocol: OTLPGRPC, URL: s.URL}}}, Problem, "not that of OTLP over HTTP (4318)")
}

// TestPortsOfEnvironment: which receivers the environment and a properties file name.
func TestPortsOfEnvironment(t *testing.T) {
	dir := t.TempDir()
	java := write(t, filepath.Join(dir, "java.properties"), "spring.application.name=pay\ncom.alipay.sofa.tracer.zipkin.enabled=true\ncom.alipay.sofa.tracer.zipkin.baseUrl=http://zipkin:9411/\n")
	off := write(t, filepath.Join(dir, "off.properties"), "com.alipay.sofa.tracer.zipkin.baseUrl=http://zipkin:9411\n")
	for _, tt := range []struct {
		env  string
		file string
		want []string // protocol, URL, what names it
	}{
		{"", "", nil},
		{"OTEL_EXPORTER_OTLP_ENDPOINT=http://c:4318", "", []string{"OTLP over HTTP http://c:4318/v1/traces OTEL_EXPORTER_OTLP_ENDPOINT"}},
		{"OTEL_EXPORTER_OTLP_ENDPOINT=http://c:4317", "", []string{"OTLP over gRPC http://c:4317 OTEL_EXPORTER_OTLP_ENDPOINT"}},
		{"OTEL_EXPORTER_OTLP_ENDPOINT=c:9 OTEL_EXPORTER_OTLP_PROTOCOL=grpc", "", []string{"OTLP over gRPC https://c:9 OTEL_EXPORTER_OTLP_ENDPOINT"}},
		{"OTEL_EXPORTER_OTLP_ENDPOINT=c:9 OTEL_EXPORTER_OTLP_INSECURE=true OTEL_EXPORTER_OTLP_TRACES_PROTOCOL=grpc", "", []string{"OTLP over gRPC http://c:9 OTEL_EXPORTER_OTLP_ENDPOINT"}},
		{"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT=https://c/own OTEL_EXPORTER_OTLP_ENDPOINT=http://d", "", []string{"OTLP over HTTP https://c/own OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"}},
		{"OTEL_TRACES_EXPORTER=otlp", "", []string{"OTLP over HTTP http://localhost:4318/v1/traces OTEL_TRACES_EXPORTER"}},
		{"OTEL_TRACES_EXPORTER=none OTEL_EXPORTER_OTLP_ENDPOINT=http://c:4318 OTEL_EXPORTER_ZIPKIN_ENDPOINT=http://z", "", nil},
		{"OTEL_TRACES_EXPORTER=zipkin OTEL_EXPORTER_OTLP_ENDPOINT=http://c:4318", "", []string{"Zipkin http://localhost:9411/api/v2/spans OTEL_EXPORTER_ZIPKIN_ENDPOINT"}},
		{"OTEL_EXPORTER_ZIPKIN_ENDPOINT=http://z:9411/api/v2/spans", "", []string{"Zipkin http://z:9411/api/v2/spans OTEL_EXPORTER_ZIPKIN_ENDPOINT"}},
		{"", java, []string{"Zipkin http://zipkin:9411/api/v2/spans " + java}},
		{"SOFA_TRACER_CONFIG_FILE=" + java, "", []string{"Zipkin http://zipkin:9411/api/v2/spans " + java}},
		{"", off, nil},
	} {
		x := &examination{Options: Options{Environ: strings.Fields(tt.env), ConfigFile: tt.file}}
		x.exporters()
		var got []string
		for _, p := range x.Ports {
			got = append(got, string(p.Protocol)+" "+p.URL+" "+p.Named)
		}
		if strings.Join(got, "\n") != strings.Join(tt.want, "\n") {
			t.Errorf("%s %s: %q, want %q", tt.env, tt.file, got, tt.want)
		}
	}
	x := &examination{Options: Options{Environ: []string{"OTEL_EXPORTER_OTLP_ENDPOINT=https://c:4318", "OTEL_EXPORTER_OTLP_TRACES_HEADERS=authorization=Bearer%20t, x-scope-orgid=shop",
		"OTEL_EXPORTER_OTLP_CERTIFICATE=ca", "OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE=cert", "OTEL_EXPORTER_OTLP_CLIENT_KEY=key"}}}
	x.exporters()
	if p := x.Ports[0]; p.Header.Get("Authorization") != "Bearer t" || p.Header.Get("X-Scope-OrgID") != "shop" || p.TLS.CAFile != "ca" || p.TLS.CertFile != "cert" || p.TLS.KeyFile != "key" {
		t.Errorf("%+v", p)
	}
}

func TestWithPath(t *testing.T) {
	for address, want := range map[string]string{"http://c:4318": "http://c:4318/p", "https://c:1/": "https://c:1/p", "http://c/own": "http://c/own", "c:4318": "http://c:4318/p", "c": "c"} {
		if got := WithPath(address, "/p"); got != want {
			t.Errorf("%s: %s, want %s", address, got, want)
		}
	}
}
