package app

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"

	"github.com/twinspan/twinspan/internal/certificate/certificatetest"
	"github.com/twinspan/twinspan/internal/config"
)

const (
	sendToken    = "send-0123456789abcdef"
	readToken    = "read-0123456789abcdef"
	operateToken = "oper-0123456789abcdef"
	oneToken     = "only-a-0123456789abcdef"
)

func tokensFile(t *testing.T) string {
	t.Helper()
	return fileWith(t, "tokens.yml", `tokens:
- {name: s, token: `+sendToken+`, roles: [write]}
- {name: r, token: `+readToken+`, roles: [read], tenants: ["*"]}
- {name: o, token: `+operateToken+`, roles: [operate]}
- {name: a, token: `+oneToken+`, roles: [read, write], tenants: [a]}
`)
}

func fileWith(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func bearing(token string) header { return header{"Authorization: Bearer " + token} }

// everyPort switches on the ports that are off by default.
var everyPort = []string{
	"TWINSPAN_RECEIVERS_JAEGER_GRPC_ADDRESS=127.0.0.1:0", "TWINSPAN_RECEIVERS_JAEGER_HTTP_ADDRESS=127.0.0.1:0",
	"TWINSPAN_RECEIVERS_SKYWALKING_GRPC_ADDRESS=127.0.0.1:0", "TWINSPAN_RECEIVERS_SKYWALKING_HTTP_ADDRESS=127.0.0.1:0",
}

// portNames are the names by which the line "ready" tells the address of each listener of the configuration.
var portNames = map[string]string{
	"receivers.otlp.grpc_address": "otlp_grpc", "receivers.otlp.http_address": "otlp_http", "receivers.zipkin.address": "zipkin",
	"receivers.jaeger.grpc_address": "jaeger_grpc", "receivers.jaeger.http_address": "jaeger_http",
	"receivers.skywalking.grpc_address": "skywalking_grpc", "receivers.skywalking.http_address": "skywalking_http",
	"receivers.agent.address": "agents",
}

// TestTokens: no listener lets in who has not the token for it. What is behind the guard is there, or a path that is not:
// anything but 401 and 403.
func TestTokens(t *testing.T) {
	p := start(t, "collector", t.TempDir(), append(everyPort, "TWINSPAN_AUTH_TOKENS_FILE="+tokensFile(t))...)
	type attempt struct {
		h  header
		in bool
		to int // where it is not let in
	}
	attempts := func(good string, bad ...string) []attempt {
		list := []attempt{{nil, false, 401}, {bearing("x" + good), false, 401}, {bearing(good), true, 0}}
		for _, token := range bad {
			list = append(list, attempt{bearing(token), false, 403})
		}
		return list
	}
	check := func(what, method, url, body string, list []attempt) {
		t.Helper()
		for _, a := range list {
			resp, answer := askAs(t, client, a.h, method, url, body)
			if refused := resp.StatusCode == http.StatusUnauthorized || resp.StatusCode == http.StatusForbidden; refused == a.in || !a.in && resp.StatusCode != a.to {
				t.Errorf("%s: %s %s with %v answers %d %s", what, method, url, a.h, resp.StatusCode, answer)
			}
			if (resp.Header.Get("WWW-Authenticate") != "") != (resp.StatusCode == http.StatusUnauthorized) {
				t.Errorf("%s: the answer %d has the header WWW-Authenticate: %q", what, resp.StatusCode, resp.Header.Get("WWW-Authenticate"))
			}
		}
	}
	cfg := config.Default()
	for _, l := range cfg.Listeners() {
		if l.AddressSetting == webSetting {
			continue
		}
		address, ok := p.ready[portNames[l.AddressSetting]].(string)
		if !ok {
			t.Errorf("%s: nothing is known of its address: add it to portNames and everyPort", l.AddressSetting)
			continue
		}
		if !strings.HasSuffix(l.AddressSetting, "grpc_address") {
			check(l.AddressSetting, "POST", "http://"+address+"/", "{}", attempts(sendToken, readToken, operateToken))
			continue
		}
		for _, a := range attempts(sendToken, readToken, operateToken) {
			err := exportGRPCTo(t, address, insecure.NewCredentials(), a.h, ownedBy("x", 1).traces(traceID))
			want := map[int]codes.Code{401: codes.Unauthenticated, 403: codes.PermissionDenied}[a.to]
			if code := status.Code(err); !a.in && code != want || a.in && (code == codes.Unauthenticated || code == codes.PermissionDenied) {
				t.Errorf("%s: with %v it answers %v", l.AddressSetting, a.h, err)
			}
		}
	}
	for _, prefix := range apiPrefixes() {
		check(prefix, "GET", p.url+prefix, "", attempts(readToken, sendToken, operateToken))
	}
	for _, path := range []string{"/metrics", "/debug/pprof/", "/debug/pprof/cmdline"} {
		check(path, "GET", p.url+path, "", attempts(operateToken, sendToken, readToken))
	}
	for _, path := range []string{"/healthz", "/readyz"} {
		want(t, 200, "ok", "GET", p.url+path, "")
	}
	wantAs(t, nil, 401, `"code":"unauthenticated"`, "GET", p.url+"/api/v1/apps", "")
	wantAs(t, bearing(oneToken), 403, `only \"default\" here`, "GET", p.url+"/api/v1/apps", "")
	wantAs(t, bearing(operateToken), 200, `twinspan_access_refused_total{reason="no_token"}`, "GET", p.url+"/metrics", "")
	if text := p.log.String(); strings.Contains(text, "0123456789abcdef") {
		t.Errorf("the log has a token:\n%s", text)
	}
}

// TestTokensOfTenants: a token gets to its own tenants only, whatever the header says.
func TestTokensOfTenants(t *testing.T) {
	p := start(t, "collector", t.TempDir(), "TWINSPAN_AUTH_TOKENS_FILE="+tokensFile(t), "TWINSPAN_TENANTS=[{name: a}, {name: b}]")
	a := ownedBy("a", 1)
	a.send(t, p, bearing(oneToken)) // the token says whose they are
	wantAs(t, bearing(oneToken), 200, a.service(), "GET", p.url+"/api/v1/apps", "")
	wantAs(t, append(bearing(readToken), as("a")...), 200, a.service(), "GET", p.url+"/api/v1/apps", "")
	wantAs(t, append(bearing(readToken), as("b")...), 200, `"apps":[]`, "GET", p.url+"/api/v1/apps", "")
	wantAs(t, bearing(readToken), 200, `"apps":[]`, "GET", p.url+"/api/v1/apps", "")
	tenants := p.url + "/api/v1/tenants"
	wantAs(t, append(bearing(oneToken), as("b")...), 200, `{"tenants":["a"],"unnamed":"a","header":"X-Scope-OrgID"}`, "GET", tenants, "")
	wantAs(t, bearing(readToken), 200, `{"tenants":["a","b","default"],"unnamed":"default","header":"X-Scope-OrgID"}`, "GET", tenants, "")
	wantAs(t, nil, 401, "unauthenticated", "GET", tenants, "")
	wantAs(t, bearing(sendToken), 403, "role", "GET", tenants, "")
	for _, name := range []string{"b", "default", "c"} {
		h := append(bearing(oneToken), as(name)...)
		wantAs(t, h, 403, "not for the tenant", "GET", p.url+"/api/v1/apps", "")
		wantAs(t, h, 403, "not for the tenant", "POST", p.zipkin+"/api/v2/spans", a.zipkinSpan())
	}
}

// secureClient trusts an authority and may show a certificate.
func secureClient(t *testing.T, ca *certificatetest.CA, pair ...string) (*http.Client, credentials.TransportCredentials) {
	t.Helper()
	text, err := os.ReadFile(ca.File)
	if err != nil {
		t.Fatal(err)
	}
	c := &tls.Config{RootCAs: x509.NewCertPool()}
	c.RootCAs.AppendCertsFromPEM(text)
	if len(pair) == 2 {
		cert, err := tls.LoadX509KeyPair(pair[0], pair[1])
		if err != nil {
			t.Fatal(err)
		}
		c.Certificates = []tls.Certificate{cert}
	}
	return &http.Client{Transport: &http.Transport{TLSClientConfig: c, DisableKeepAlives: true, ForceAttemptHTTP2: true}}, credentials.NewTLS(c)
}

// TestTLS: every listener speaks TLS and asks clients for certificates, and none speaks in the clear.
func TestTLS(t *testing.T) {
	ca, foreign := certificatetest.New(t, "ca"), certificatetest.New(t, "foreign")
	cert, key := ca.Sign("server", "127.0.0.1")
	trusted, trustedGRPC := secureClient(t, ca, pairOf(ca.Sign("client"))...)
	bare, bareGRPC := secureClient(t, ca)
	stranger, strangerGRPC := secureClient(t, ca, pairOf(foreign.Sign("client"))...)
	p := start(t, "collector", t.TempDir(), append(everyPort, "TWINSPAN_TLS_CERT_FILE="+cert, "TWINSPAN_TLS_KEY_FILE="+key,
		"TWINSPAN_TLS_CLIENT_CA_FILE="+ca.File, "TWINSPAN_HTTP_TLS_CLIENT_CA_FILE=none")...)
	cfg := config.Default()
	for _, l := range cfg.Listeners() {
		if l.AddressSetting == webSetting {
			continue
		}
		address := p.ready[portNames[l.AddressSetting]].(string)
		if strings.HasSuffix(l.AddressSetting, "grpc_address") {
			traces := ownedBy("x", 1).traces(traceID)
			if code := status.Code(exportGRPCTo(t, address, trustedGRPC, nil, traces)); code == codes.Unavailable {
				t.Errorf("%s: a client with a certificate gets %v", l.AddressSetting, code)
			}
			for about, c := range map[string]credentials.TransportCredentials{"none": bareGRPC, "another authority's": strangerGRPC, "no TLS": insecure.NewCredentials()} {
				if code := status.Code(exportGRPCTo(t, address, c, nil, traces)); code != codes.Unavailable {
					t.Errorf("%s: a client with %s gets %v", l.AddressSetting, about, code)
				}
			}
			continue
		}
		resp, err := trusted.Post("https://"+address+"/", "application/json", strings.NewReader("[]"))
		if err != nil {
			t.Errorf("%s: a client with a certificate gets %v", l.AddressSetting, err)
			continue
		}
		resp.Body.Close()
		if resp.ProtoMajor != 2 {
			t.Errorf("%s: it speaks %s", l.AddressSetting, resp.Proto)
		}
		for about, c := range map[string]*http.Client{"none": bare, "another authority's": stranger} {
			if resp, err := c.Post("https://"+address+"/", "application/json", strings.NewReader("[]")); err == nil {
				resp.Body.Close()
				t.Errorf("%s: a client with %s gets %s", l.AddressSetting, about, resp.Status)
			}
		}
		if resp, err := client.Post("http://"+address+"/", "application/json", strings.NewReader("[]")); err == nil {
			resp.Body.Close()
			if resp.StatusCode != http.StatusBadRequest {
				t.Errorf("%s: it speaks in the clear: %s", l.AddressSetting, resp.Status)
			}
		}
	}
	// The server writes it when the client has its answer already.
	p.logs(`"msg":"a connection fails","port":"zipkin","reason":"http: TLS handshake error`)
	if !strings.HasPrefix(p.url, "https://") {
		t.Fatalf("the process calls itself %s", p.url)
	}
	if resp, _ := askAs(t, bare, nil, "GET", p.url+"/readyz", ""); resp.StatusCode != http.StatusOK || resp.ProtoMajor != 2 {
		t.Errorf("the port for people answers %s %s", resp.Proto, resp.Status)
	}

	// A new certificate is shown without a restart.
	old := serial(t, bare, p.url)
	cert2, key2 := ca.Sign("server", "127.0.0.1")
	if cert2 != cert || key2 != key {
		t.Fatal("the files have other names")
	}
	deadline := time.Now().Add(time.Minute)
	for serial(t, bare, p.url) == old {
		if time.Now().After(deadline) {
			t.Fatal("the old certificate is still shown")
		}
	}
}

func pairOf(cert, key string) []string { return []string{cert, key} }

func serial(t *testing.T, c *http.Client, url string) string {
	t.Helper()
	resp, _ := askAs(t, c, nil, "GET", url+"/healthz", "")
	return resp.TLS.PeerCertificates[0].SerialNumber.String()
}

// TestQueryRoleAccess: a lone query hands on who asks, or asks for tokens itself and shows its own.
func TestQueryRoleAccess(t *testing.T) {
	ca := certificatetest.New(t, "ca")
	cert, key := ca.Sign("server", "127.0.0.1")
	tokens := "TWINSPAN_AUTH_TOKENS_FILE=" + tokensFile(t)
	c := start(t, "collector", t.TempDir(), tokens, "TWINSPAN_TENANTS=[{name: a}, {name: b}]",
		"TWINSPAN_HTTP_TLS_CERT_FILE="+cert, "TWINSPAN_HTTP_TLS_KEY_FILE="+key)
	a := ownedBy("a", 1)
	a.send(t, c, bearing(oneToken))
	secure := []string{"TWINSPAN_QUERY_COLLECTOR=" + c.url, "TWINSPAN_QUERY_TLS_CA_FILE=" + ca.File}
	q := start(t, "query", t.TempDir(), secure...)
	wantAs(t, nil, 401, "unauthenticated", "GET", q.url+"/api/v1/apps", "")
	wantAs(t, bearing(oneToken), 200, a.service(), "GET", q.url+"/api/v1/apps", "")
	wantAs(t, append(bearing(readToken), as("a")...), 200, a.service(), "GET", q.url+"/api/v1/apps", "")
	wantAs(t, append(bearing(readToken), as("b")...), 200, `"apps":[]`, "GET", q.url+"/api/v1/apps", "")
	q.stop()

	q = start(t, "query", t.TempDir(), append(secure, "TWINSPAN_QUERY_TOKEN_FILE="+fileWith(t, "token", readToken+"\n"))...)
	wantAs(t, as("a"), 200, a.service(), "GET", q.url+"/api/v1/apps", "")
	q.stop()

	q = start(t, "query", t.TempDir(), append(secure, tokens, "TWINSPAN_QUERY_TOKEN_FILE="+fileWith(t, "token", readToken+"\n"))...)
	wantAs(t, nil, 401, "a token is needed", "GET", q.url+"/api/v1/apps", "")
	wantAs(t, bearing(oneToken), 200, a.service(), "GET", q.url+"/api/v1/apps", "")
	wantAs(t, append(bearing(oneToken), as("b")...), 403, "not for the tenant", "GET", q.url+"/api/v1/apps", "")
	wantAs(t, bearing(oneToken), 200, `{"tenants":["a"],`, "GET", q.url+"/api/v1/tenants", "")
	wantAs(t, bearing(readToken), 200, `{"tenants":["a","b","default"],`, "GET", q.url+"/api/v1/tenants", "")
	wantAs(t, append(bearing(readToken), as("c")...), 400, `no tenant \"c\" here`, "GET", q.url+"/api/v1/apps", "")
	q.stop()

	q = start(t, "query", t.TempDir(), "TWINSPAN_QUERY_COLLECTOR="+c.url)
	resp, _ := askAs(t, client, bearing(oneToken), "GET", q.url+"/api/v1/apps", "")
	if resp.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("a collector that is not trusted: %s", resp.Status)
	}
	q.stop()
}

// TestToolAccess: a command reaches a collector that asks for certificates and tokens.
func TestToolAccess(t *testing.T) {
	ca := certificatetest.New(t, "ca")
	cert, key := ca.Sign("server", "127.0.0.1")
	p := start(t, "collector", t.TempDir(), "TWINSPAN_AUTH_TOKENS_FILE="+tokensFile(t), "TWINSPAN_HTTP_TLS_CERT_FILE="+cert,
		"TWINSPAN_HTTP_TLS_KEY_FILE="+key, "TWINSPAN_HTTP_TLS_CLIENT_CA_FILE="+ca.File)
	all := []string{"-ca-file", ca.File, "-cert-file", cert, "-key-file", key}
	for _, c := range []struct {
		about, token string
		flags        []string
		exit         int
		said         string
	}{
		{"all", operateToken, all, 0, ""},
		{"another role", readToken, all, 1, "has not the role operate"},
		{"no certificate", operateToken, all[:2], 1, "certificate required"},
		{"no authority", operateToken, nil, 1, "certificate"},
		{"half a pair", operateToken, all[:4], 2, "cert_file and key_file"},
	} {
		args := append([]string{"backup", "-collector", p.url, "-to", filepath.Join(t.TempDir(), "b.tar"), "-token-file", fileWith(t, "token", c.token)}, c.flags...)
		var stderr bytes.Buffer
		if exit := Main(args, environ, io.Discard, &stderr); exit != c.exit || !strings.Contains(stderr.String(), c.said) {
			t.Errorf("%s: exit %d with %q, want %d and %q", c.about, exit, &stderr, c.exit, c.said)
		}
	}
}

// TestOwnAgent: the agent of a collector's process reaches it though the port asks for certificates and tokens, and as its
// tenant.
func TestOwnAgent(t *testing.T) {
	ca := certificatetest.New(t, "ca")
	cert, key := ca.Sign("server", "127.0.0.1")
	logs := t.TempDir()
	const line = `{"time":"2026-03-01 12:00:00.000","local.app":"pay","traceId":"0ad1348f1403169275002100356696","spanId":"0","span.kind":"server",` +
		`"result.code":"200","current.thread.name":"main","time.cost.milliseconds":"12ms","request.url":"/pay","method":"GET","req.size.bytes":0,` +
		`"resp.size.bytes":1,"sys.baggage":"","biz.baggage":""}` + "\n"
	if err := os.WriteFile(filepath.Join(logs, "spring-mvc-digest.log"), []byte(line), 0o600); err != nil {
		t.Fatal(err)
	}
	p := start(t, "all", t.TempDir(), "TWINSPAN_AUTH_TOKENS_FILE="+tokensFile(t), "TWINSPAN_TENANTS=[{name: a}]", "TWINSPAN_AGENT_TENANT=a",
		"TWINSPAN_RECEIVERS_AGENT_TLS_CERT_FILE="+cert, "TWINSPAN_RECEIVERS_AGENT_TLS_KEY_FILE="+key,
		"TWINSPAN_RECEIVERS_AGENT_TLS_CLIENT_CA_FILE="+ca.File, "TWINSPAN_AGENT_PATHS=["+logs+"]", "TWINSPAN_AGENT_SCAN_INTERVAL=10ms",
		"TWINSPAN_AGENT_SETTLE_AFTER=10ms")
	deadline := time.Now().Add(time.Minute)
	for {
		_, answer := askAs(t, client, bearing(operateToken), "GET", p.url+"/metrics", "")
		if strings.Contains(answer, `twinspan_agentproto_halves_total{tenant="a"} 1`) {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("nothing comes:\n%s", p.log)
		}
	}
	p.stop()
}

// TestUnusableFiles: what is wrong with a file ends the start, with the setting's name.
func TestUnusableFiles(t *testing.T) {
	ca := certificatetest.New(t, "ca")
	cert, key := ca.Sign("server", "127.0.0.1")
	_, other := ca.Sign("other", "127.0.0.1")
	for _, c := range []struct {
		set  []string
		want string
	}{
		{[]string{"TWINSPAN_TLS_CERT_FILE=/nowhere/c", "TWINSPAN_TLS_KEY_FILE=" + key}, "http.tls: stat /nowhere/c: no such file"},
		{[]string{"TWINSPAN_TLS_CERT_FILE=" + cert, "TWINSPAN_TLS_KEY_FILE=" + other}, "http.tls: cert_file " + cert + " and key_file " + other},
		{[]string{"TWINSPAN_RECEIVERS_ZIPKIN_TLS_CERT_FILE=" + cert, "TWINSPAN_RECEIVERS_ZIPKIN_TLS_KEY_FILE=/nowhere/k"}, "receivers.zipkin.tls: stat /nowhere/k: no such file"},
		{[]string{"TWINSPAN_AUTH_TOKENS_FILE=/nowhere/t"}, "auth.tokens_file: stat /nowhere/t: no such file"},
		{[]string{"TWINSPAN_AGENT_TENANT=a"}, `agent.tenant is "a", and there is no such tenant`},
		{[]string{"TWINSPAN_RECEIVERS_AGENT_ADDRESS=", "TWINSPAN_AGENT_TOKEN_FILE=/nowhere/t"}, "agent.token_file: stat /nowhere/t: no such file"},
		{[]string{"TWINSPAN_RECEIVERS_AGENT_ADDRESS=", "TWINSPAN_AGENT_TLS_ENABLED=true", "TWINSPAN_AGENT_TLS_CA_FILE=/nowhere/ca"}, "agent.tls: stat /nowhere/ca: no such file"},
	} {
		env := append(append([]string{}, environ...), c.set...)
		var stderr bytes.Buffer
		if exit := Main([]string{"all", "-data", t.TempDir()}, env, io.Discard, &stderr); exit != 1 || !strings.Contains(stderr.String(), c.want) {
			t.Errorf("%v: exit %d with %s, want %q", c.set, exit, &stderr, c.want)
		}
	}
}

// TestOpenToAll: who listens for others without tokens or certificates is told.
func TestOpenToAll(t *testing.T) {
	const said = "whoever reaches this address may use it"
	p := start(t, "collector", t.TempDir(), "TWINSPAN_RECEIVERS_ZIPKIN_ADDRESS=:0")
	if text := p.log.String(); strings.Count(text, said) != 1 || !strings.Contains(text, `"setting":"receivers.zipkin.address"`) {
		t.Errorf("the log has no warning, or more than one:\n%s", text)
	}
	p.stop()
	p = start(t, "collector", t.TempDir(), "TWINSPAN_RECEIVERS_ZIPKIN_ADDRESS=:0", "TWINSPAN_AUTH_TOKENS_FILE="+tokensFile(t))
	if text := p.log.String(); strings.Contains(text, said) || !strings.Contains(text, "tokens come to this address in the clear") {
		t.Errorf("the log does not warn of tokens in the clear:\n%s", text)
	}
	p.stop()
}
