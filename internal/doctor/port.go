package doctor

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/twinspan/twinspan/internal/certificate"
)

// Protocol is what is spoken at a Port.
type Protocol string

// The protocols of ports.
const (
	AgentPush Protocol = "the agents' protocol"
	OTLPHTTP  Protocol = "OTLP over HTTP"
	OTLPGRPC  Protocol = "OTLP over gRPC"
	ZipkinV2  Protocol = "Zipkin"
)

// Port is where a service or an agent sends its spans. It is asked with a request of no spans, which changes nothing there.
type Port struct {
	// Named says what names it, such as "-zipkin" or "OTEL_EXPORTER_OTLP_ENDPOINT".
	Named    string
	Protocol Protocol
	// URL as it is asked, with its path; of gRPC without.
	URL string
	// Header is sent along; TokenFile has a bearer token, "" for none.
	Header    http.Header
	TokenFile string
	TLS       certificate.Client
}

// The requests of no spans. gRPC's is a message of length 0; the agents' protocol takes no empty request, but says so as itself, to
// those that it lets in.
var portRequests = map[Protocol]struct{ contentType, body string }{
	AgentPush: {"application/x-protobuf", ""},
	OTLPHTTP:  {"application/x-protobuf", ""},
	OTLPGRPC:  {"application/grpc", "\x00\x00\x00\x00\x00"},
	ZipkinV2:  {"application/json", "[]"},
}

// otlpMethod is the one call of OTLP over gRPC.
const otlpMethod = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"

// agentReason and agentMalformed are how a collector says that it cannot read an agent's request (docs/formats/agent-protocol.md).
const (
	agentReason    = "Twinspan-Reason"
	agentMalformed = "malformed"
)

// ports asks every port that is named.
func (x *examination) ports(ctx context.Context) {
	for _, p := range x.Ports {
		check := "export"
		if p.Protocol == AgentPush {
			check = "agent"
		}
		if do, err := x.probe(ctx, &p); err != nil {
			x.add(check, Problem, do, "%s at %s (%s): %s", p.Protocol, p.at(), p.Named, plain(err))
			continue
		}
		x.add(check, OK, "", "%s at %s (%s) takes requests%s", p.Protocol, p.at(), p.Named, p.shows())
	}
}

// at gives the URL without what is secret in it.
func (p *Port) at() string {
	if u, err := url.Parse(p.URL); err == nil {
		return u.Redacted()
	}
	return p.URL
}

// shows says what a port was shown.
func (p *Port) shows() string {
	if p.TokenFile != "" || p.Header.Get("Authorization") != "" {
		return " with this token"
	}
	return ""
}

// probe sends a request of no spans; an error comes with what to do about it.
func (x *examination) probe(ctx context.Context, p *Port) (do string, err error) {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	target, asks := p.URL, portRequests[p.Protocol]
	if p.Protocol == OTLPGRPC {
		target = strings.TrimSuffix(target, "/") + otlpMethod
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, target, strings.NewReader(asks.body))
	if err != nil {
		return "write it as http://host:port or https://host:port", err
	}
	if req.URL.Host == "" || req.URL.Scheme != "http" && req.URL.Scheme != "https" {
		return "write it as http://host:port or https://host:port", errors.New("it is no URL of http or https")
	}
	if err := authorize(req, p.Header, p.TokenFile); err != nil {
		return "name a file that this user may read", err
	}
	req.Header.Set("Content-Type", asks.contentType)
	client, err := portClient(p)
	if err != nil {
		return "name PEM files that this user may read", err
	}
	defer client.CloseIdleConnections()
	resp, err := client.Do(req)
	if err != nil {
		return p.unreached(err), err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, 64<<10))
	if err != nil && p.Protocol != OTLPGRPC { // gRPC says in the trailer what it has to say
		return "look at the receiver's log", err
	}
	return p.judge(resp, body)
}

// authorize sets the headers, and the token if a file has one.
func authorize(req *http.Request, header http.Header, tokenFile string) error {
	if header != nil {
		req.Header = header.Clone()
	}
	if tokenFile == "" {
		return nil
	}
	b, err := os.ReadFile(tokenFile)
	if err != nil {
		return fmt.Errorf("read the token: %w", err)
	}
	req.Header.Set("Authorization", "Bearer "+strings.TrimSpace(string(b)))
	return nil
}

// portClient makes a client that speaks what the port does and follows no redirects.
func portClient(p *Port) (*http.Client, error) {
	secure, err := tlsOf(&p.TLS)
	if err != nil {
		return nil, err
	}
	transport := &http.Transport{Proxy: http.ProxyFromEnvironment, TLSClientConfig: secure, DisableKeepAlives: p.Protocol != OTLPGRPC, Protocols: new(http.Protocols)}
	if p.Protocol == OTLPGRPC {
		transport.Protocols.SetHTTP2(true)
		transport.Protocols.SetUnencryptedHTTP2(true)
	} else {
		transport.Protocols.SetHTTP1(true)
	}
	return &http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}, nil
}

// tlsOf reads the files of TLS settings; without any it gives nil, which is the system's.
func tlsOf(c *certificate.Client) (*tls.Config, error) {
	if *c == (certificate.Client{}) {
		return nil, nil
	}
	if err := c.Validate(); err != nil {
		return nil, err
	}
	return c.Load()
}

// unreached says what to do where there was no answer.
func (p *Port) unreached(err error) string {
	text := err.Error()
	switch {
	case strings.Contains(text, "x509") || strings.Contains(text, "certificate"):
		return "name the authority's certificate (-ca-file, OTEL_EXPORTER_OTLP_CERTIFICATE, agent.tls.ca_file), and a certificate to show where one is asked for"
	case strings.Contains(text, "first record does not look like a TLS handshake"):
		return "it does not speak TLS: use http://, or switch agent.tls off"
	case p.Protocol == OTLPGRPC && !refused(err):
		return "see that this is a port of gRPC (4317), not that of OTLP over HTTP (4318), and whether it wants TLS (https://)"
	}
	return "see that the collector listens on an address that this host reaches: the default is 127.0.0.1 (docs/configuration.md)"
}

// statusMessage gives field 2 of a google.rpc.Status, with which OTLP over HTTP says what is wrong.
func statusMessage(body []byte) []byte {
	for len(body) > 0 {
		number, kind, n := protowire.ConsumeTag(body)
		if n < 0 {
			return nil
		}
		body = body[n:]
		if number == 2 && kind == protowire.BytesType {
			message, _ := protowire.ConsumeBytes(body)
			return message
		}
		if n = protowire.ConsumeFieldValue(number, kind, body); n < 0 {
			return nil
		}
		body = body[n:]
	}
	return nil
}

// judge reads an answer.
func (p *Port) judge(resp *http.Response, body []byte) (do string, err error) {
	token := "give a token that may write (docs/security.md): -token-file, OTEL_EXPORTER_OTLP_HEADERS=Authorization=Bearer%20TOKEN, or agent.token_file"
	if resp.Header.Get("Content-Type") == "application/x-protobuf" {
		body = statusMessage(body)
	}
	said := fmt.Errorf("it answers %s: %s", resp.Status, bytes.TrimSpace(body[:min(len(body), 200)]))
	switch {
	case resp.StatusCode == http.StatusUnauthorized || resp.StatusCode == http.StatusForbidden:
		return token, said
	case resp.StatusCode == http.StatusTooManyRequests || resp.StatusCode == http.StatusServiceUnavailable:
		return "it is busy: ask again; exporters and agents try again, too", said
	case p.Protocol == AgentPush && resp.StatusCode == http.StatusBadRequest && resp.Header.Get(agentReason) == agentMalformed:
		return "", nil
	case resp.StatusCode == http.StatusBadRequest && bytes.Contains(body, []byte("tenant")):
		return "name the tenant: -tenant, the header X-Scope-OrgID, or agent.tenant", said
	case p.Protocol == AgentPush, resp.StatusCode/100 != 2:
		return "see that this is the port of " + string(p.Protocol) + ", and that no proxy stands between", said
	case p.Protocol != OTLPGRPC:
		return "", nil
	}
	status, message := resp.Trailer.Get("Grpc-Status"), resp.Trailer.Get("Grpc-Message")
	if status == "" { // an answer without a body has it in its header
		status, message = resp.Header.Get("Grpc-Status"), resp.Header.Get("Grpc-Message")
	}
	if plain, err := url.PathUnescape(message); err == nil {
		message = plain
	}
	code, err := strconv.Atoi(status)
	said = fmt.Errorf("it answers with gRPC's status %s: %s", status, message)
	switch {
	case err != nil:
		return "see that this is a port of gRPC (4317)", errors.New("its answer is none of gRPC")
	case code == 0:
		return "", nil
	case code == 16 || code == 7: // UNAUTHENTICATED, PERMISSION_DENIED
		return token, said
	case code == 3 && strings.Contains(message, "tenant"): // INVALID_ARGUMENT
		return "name the tenant: -tenant, or the header X-Scope-OrgID", said
	case code == 8 || code == 14: // RESOURCE_EXHAUSTED, UNAVAILABLE
		return "it is busy: ask again; exporters try again, too", said
	}
	return "see that this is the port of " + string(p.Protocol) + ", and that no proxy stands between", said
}
