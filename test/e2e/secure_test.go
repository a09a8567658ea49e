package e2e

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// certificates writes an authority, and a certificate of it that serves collector and agent, and gives their paths.
func certificates(t *testing.T, dir string) (ca, cert, key string) {
	t.Helper()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	write := func(name, kind string, der []byte) string {
		path := filepath.Join(dir, name)
		must(os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600))
		return path
	}
	template := func(name string, n int64) *x509.Certificate {
		return &x509.Certificate{SerialNumber: big.NewInt(n), Subject: pkix.Name{CommonName: name},
			NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), BasicConstraintsValid: true}
	}
	rootKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(err)
	root := template("root", 1)
	root.IsCA, root.KeyUsage = true, x509.KeyUsageCertSign
	rootDER, err := x509.CreateCertificate(rand.Reader, root, root, &rootKey.PublicKey, rootKey)
	must(err)
	leafKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(err)
	leaf := template("leaf", 2)
	leaf.IPAddresses = []net.IP{net.IPv4(127, 0, 0, 1)}
	leaf.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}
	leafDER, err := x509.CreateCertificate(rand.Reader, leaf, root, &leafKey.PublicKey, rootKey)
	must(err)
	keyDER, err := x509.MarshalPKCS8PrivateKey(leafKey)
	must(err)
	return write("ca.pem", "CERTIFICATE", rootDER), write("leaf.pem", "CERTIFICATE", leafDER), write("leaf.key", "PRIVATE KEY", keyDER)
}

const (
	agentToken   = "agent-token-0123456789"
	readerToken  = "reader-token-0123456789"
	anotherToken = "another-token-0123456789"
)

// TestSecure sends what the services log to a collector that asks the agent for a certificate and a token, to a tenant of
// its own. Another agent, whose token is of another tenant, gets nothing in.
func TestSecure(t *testing.T) {
	dir := t.TempDir()
	ca, cert, key := certificates(t, dir)
	file := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	collector := newServer(t, "collector", filepath.Join(dir, "collector"), map[string]string{
		"TWINSPAN_RECEIVERS_AGENT_TLS_CERT_FILE":      cert,
		"TWINSPAN_RECEIVERS_AGENT_TLS_KEY_FILE":       key,
		"TWINSPAN_RECEIVERS_AGENT_TLS_CLIENT_CA_FILE": ca,
		"TWINSPAN_TENANTS":                            "[{name: payments}, {name: shop}]",
		"TWINSPAN_AUTH_TOKENS_FILE": file("tokens.yml", "tokens:\n"+
			"- {name: agents, token: "+agentToken+", roles: [write], tenants: [shop, payments]}\n"+
			"- {name: others, token: "+anotherToken+", roles: [write], tenants: [shop]}\n"+
			"- {name: readers, token: "+readerToken+", roles: [read], tenants: ['*']}\n"),
	})
	agent := func(name, token string) *server {
		return newServer(t, "agent", filepath.Join(dir, name), map[string]string{
			"TWINSPAN_AGENT_PATHS":         logs(dir),
			"TWINSPAN_AGENT_NAME":          name,
			"TWINSPAN_AGENT_COLLECTOR":     collector.env["TWINSPAN_RECEIVERS_AGENT_ADDRESS"],
			"TWINSPAN_AGENT_TLS_ENABLED":   "true",
			"TWINSPAN_AGENT_TLS_CA_FILE":   ca,
			"TWINSPAN_AGENT_TLS_CERT_FILE": cert,
			"TWINSPAN_AGENT_TLS_KEY_FILE":  key,
			"TWINSPAN_AGENT_TOKEN_FILE":    file(name+".token", token+"\n"),
			"TWINSPAN_AGENT_TENANT":        "payments",
		})
	}
	a, other := agent("agent", agentToken), agent("other", anotherToken)
	collector.start()
	a.start()
	other.start()
	startSystem(t, dir, "-requests", "60", "-rate", "0", "-workers", "4").wait()
	tr := readTruth(t, dir)
	collector.ready()

	// The agent begins before the collector may be up, and what it cannot send waits.
	of := func(tenant string) *server {
		s := *collector
		s.header = http.Header{"Authorization": {"Bearer " + readerToken}, "X-Scope-OrgID": {tenant}}
		return &s
	}
	received(t, of("payments"), tr.halves)
	checkTraces(t, of("payments"), tr)
	checkCounts(t, of("payments"), tr)
	for _, tenant := range []string{"shop", "default"} {
		var st status
		if err := of(tenant).get("status", nil, &st); err != nil || st.HalvesReceived != 0 {
			t.Errorf("%s has %d halves, %v", tenant, st.HalvesReceived, err)
		}
	}
	eventually(t, "the other agent is refused", func() error {
		if !strings.Contains(other.output.String(), "403") {
			return os.ErrNotExist
		}
		return nil
	})
	if err := collector.get("status", nil, new(status)); err == nil || !strings.Contains(err.Error(), "401") {
		t.Errorf("without a token the API answers %v", err)
	}

	// A token that is taken out is refused without a restart, and the collector's log names no token.
	file("tokens.yml", "tokens:\n- {name: readers, token: "+anotherToken+", roles: [read], tenants: ['*']}\n")
	eventually(t, "the reader's token is refused", func() error {
		if err := of("payments").get("status", nil, new(status)); err == nil || !strings.Contains(err.Error(), "401") {
			return os.ErrExist
		}
		return nil
	})
	if strings.Contains(collector.output.String(), "token-0123456789") {
		t.Error("the collector's log has a token")
	}
}
