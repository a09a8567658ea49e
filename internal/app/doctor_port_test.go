package app

import (
	"fmt"
	"strings"
	"testing"

	"github.com/twinspan/twinspan/internal/certificate/certificatetest"
)

// TestDoctorAsksPorts lets the command ask the receivers of a collector that wants TLS, certificates and tokens: with all of these each port
// takes its request of no spans, and what is missing is said. Nothing is stored.
func TestDoctorAsksPorts(t *testing.T) {
	ca := certificatetest.New(t, "ca")
	cert, key := ca.Sign("server", "127.0.0.1")
	shown, shownKey := ca.Sign("client")
	p := start(t, "all", t.TempDir(), "TWINSPAN_AUTH_TOKENS_FILE="+tokensFile(t), "TWINSPAN_TLS_CERT_FILE="+cert, "TWINSPAN_TLS_KEY_FILE="+key,
		"TWINSPAN_TLS_CLIENT_CA_FILE="+ca.File, "TWINSPAN_AGENT_PATHS=["+t.TempDir()+"]")
	at := func(name string) string { return p.ready[name].(string) }
	send, operate := fileWith(t, "send", sendToken+"\n"), fileWith(t, "operate", operateToken)
	agent := fileWith(t, "agent.yml", fmt.Sprintf("agent:\n  collector: %s\n  token_file: %s\n  tls: {enabled: true, ca_file: %s, cert_file: %s, key_file: %s}\n",
		at("agents"), send, ca.File, shown, shownKey))
	dir := t.TempDir()

	tls := " -ca-file " + ca.File + " -cert-file " + shown + " -key-file " + shownKey
	flags := " -otlp https://" + at("otlp_http") + " -otlp-grpc https://" + at("otlp_grpc") + " -zipkin https://" + at("zipkin")
	env := "OTEL_EXPORTER_OTLP_ENDPOINT=https://" + at("otlp_grpc") + " OTEL_EXPORTER_OTLP_PROTOCOL=grpc OTEL_EXPORTER_OTLP_HEADERS=authorization=Bearer%20" + sendToken +
		" OTEL_EXPORTER_OTLP_CERTIFICATE=" + ca.File + " OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE=" + shown + " OTEL_EXPORTER_OTLP_CLIENT_KEY=" + shownKey + " "
	said := transcript(env + "twinspan doctor -app pay -log-dir " + dir + flags + tls + " -token-file " + send + " -agent-config " + agent +
		" -agent " + p.url + " -agent-token-file " + operate + " -agent-ca-file " + ca.File + " -agent-cert-file " + shown + " -agent-key-file " + shownKey)
	for _, want := range []string{
		"ok       export: OTLP over HTTP at https://" + at("otlp_http") + "/v1/traces (-otlp) takes requests with this token",
		"ok       export: OTLP over gRPC at https://" + at("otlp_grpc") + " (-otlp-grpc) takes requests with this token",
		"ok       export: Zipkin at https://" + at("zipkin") + "/api/v2/spans (-zipkin) takes requests with this token",
		"ok       export: OTLP over gRPC at https://" + at("otlp_grpc") + " (OTEL_EXPORTER_OTLP_ENDPOINT) takes requests with this token",
		"ok       agent: the agents' protocol at https://" + at("agents") + "/v1/push (agent.collector) takes requests with this token",
		"problem  agent: it follows no file",
	} {
		if !strings.Contains(said, want) {
			t.Errorf("%q is missing in\n%s", want, said)
		}
	}

	read := fileWith(t, "read", readToken)
	for command, want := range map[string]string{
		flags + tls:                                "give a token that may write",
		flags + tls + " -token-file " + read:       "it answers with gRPC's status 7",
		" -otlp https://" + at("otlp_http") + tls:  "it answers 401 Unauthorized: a token is needed",
		flags + " -ca-file " + ca.File:             "a certificate to show where one is asked for",
		flags:                                      "not trusted here",
		flags + tls + " -token-file " + dir:        "read the token",
		strings.ReplaceAll(flags, "https", "http"): "whether it wants TLS (https://)",
		" -otlp-grpc https://" + at("otlp_http") + tls + " -token-file " + send:                                           "see that this is",
		" -agent " + p.url + " -agent-ca-file " + ca.File + " -agent-cert-file " + shown + " -agent-key-file " + shownKey: "give one with -agent-token-file",
		" -agent " + p.url: "-agent-ca-file",
	} {
		if said := transcript("twinspan doctor -app pay -log-dir " + dir + command); !strings.Contains(said, want) || !strings.Contains(said, "[exit 1]") {
			t.Errorf("%s: %q is missing in\n%s", command, want, said)
		}
	}
	if said := transcript("twinspan doctor -app pay -log-dir " + dir + " -collector " + p.url + tls + " -token-file " + read); !strings.Contains(said, "nothing that pay wrote came") {
		t.Errorf("a request of no spans left something:\n%s", said)
	}
}
