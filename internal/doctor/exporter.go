package doctor

import (
	"bufio"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"

	"github.com/twinspan/twinspan/internal/certificate"
)

// OpenTelemetry's variables of exporters begin so; those of traces alone go before.
const (
	otlpPrefix   = "OTEL_EXPORTER_OTLP_"
	tracesPrefix = otlpPrefix + "TRACES_"
)

// exporters adds the ports that the service's environment and its settings name: OpenTelemetry's variables of the OTLP and Zipkin
// exporters (specification, "OpenTelemetry Protocol Exporter" and "Environment Variable Specification"), and the Zipkin of Java SOFATracer's
// properties.
func (x *examination) exporters() {
	wanted := variable(x.Environ, "OTEL_TRACES_EXPORTER")
	asks := func(name string) bool {
		for item := range strings.SplitSeq(wanted, ",") {
			if strings.TrimSpace(item) == name {
				return true
			}
		}
		return false
	}
	if wanted == "" || asks("otlp") {
		if p, ok := x.otlp(wanted != ""); ok {
			x.Ports = append(x.Ports, p)
		}
	}
	zipkin := variable(x.Environ, "OTEL_EXPORTER_ZIPKIN_ENDPOINT")
	if wanted != "" && !asks("zipkin") {
		zipkin = ""
	} else if zipkin == "" && asks("zipkin") {
		zipkin = "http://localhost:9411/api/v2/spans"
	}
	if zipkin != "" {
		x.Ports = append(x.Ports, Port{Named: "OTEL_EXPORTER_ZIPKIN_ENDPOINT", Protocol: ZipkinV2, URL: zipkin})
	}
	file := x.ConfigFile
	if file == "" {
		file = variable(x.Environ, fileVariable)
	}
	if base := javaZipkin(file); base != "" {
		x.Ports = append(x.Ports, Port{Named: file, Protocol: ZipkinV2, URL: WithPath(base, "/api/v2/spans")})
	}
}

// otlp gives the OTLP receiver of the environment. asked says that OTLP is chosen, so that the default address counts.
func (x *examination) otlp(asked bool) (Port, bool) {
	of := func(name string) string {
		if v := variable(x.Environ, tracesPrefix+name); v != "" {
			return v
		}
		return variable(x.Environ, otlpPrefix+name)
	}
	p := Port{Named: tracesPrefix + "ENDPOINT", URL: variable(x.Environ, tracesPrefix+"ENDPOINT"), Protocol: OTLPHTTP, Header: make(http.Header)}
	whole := p.URL != ""
	if !whole {
		p.Named, p.URL = otlpPrefix+"ENDPOINT", variable(x.Environ, otlpPrefix+"ENDPOINT")
	}
	if p.URL == "" && !asked {
		return p, false
	}
	protocol := of("PROTOCOL")
	if p.URL == "" {
		p.Named, p.URL = "OTEL_TRACES_EXPORTER", "http://localhost:4318"
		if protocol == "grpc" {
			p.URL = "http://localhost:4317"
		}
	}
	if !strings.Contains(p.URL, "://") { // gRPC's may be host:port
		scheme := "https://"
		if of("INSECURE") == "true" {
			scheme = "http://"
		}
		p.URL = scheme + p.URL
	}
	switch {
	case protocol == "grpc" || protocol == "" && port(p.URL) == "4317":
		p.Protocol = OTLPGRPC
	case !whole:
		p.URL = strings.TrimSuffix(p.URL, "/") + "/v1/traces"
	}
	for pair := range strings.SplitSeq(of("HEADERS"), ",") {
		name, value, ok := strings.Cut(pair, "=")
		if plain, err := url.PathUnescape(strings.TrimSpace(value)); ok && err == nil {
			p.Header.Set(strings.TrimSpace(name), plain)
		}
	}
	p.TLS = certificate.Client{CAFile: of("CERTIFICATE"), CertFile: of("CLIENT_CERTIFICATE"), KeyFile: of("CLIENT_KEY")}
	return p, true
}

func port(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return ""
	}
	return u.Port()
}

// WithPath gives a URL the path that its protocol has, unless it has one. A host:port alone is one of http.
func WithPath(address, path string) string {
	if !strings.Contains(address, "://") {
		if _, _, err := net.SplitHostPort(address); err == nil {
			address = "http://" + address
		}
	}
	if u, err := url.Parse(address); err == nil && strings.Trim(u.Path, "/") == "" {
		return strings.TrimSuffix(address, "/") + path
	}
	return address
}

// javaZipkin gives the Zipkin that a properties file of Java SOFATracer's reports to, or "".
func javaZipkin(file string) string {
	if file == "" {
		return ""
	}
	f, err := os.Open(file)
	if err != nil {
		return "" // the settings' check has said so
	}
	defer f.Close()
	enabled, base := "", "http://localhost:9411" // SOFATracer's own default
	for lines := bufio.NewScanner(f); lines.Scan(); {
		name, value, _ := strings.Cut(lines.Text(), "=")
		name, value = strings.TrimSpace(name), strings.TrimSpace(value)
		for _, prefix := range []string{"com.alipay.sofa.tracer.zipkin.", "sofa.boot.tracer.zipkin."} {
			switch name {
			case prefix + "enabled":
				enabled = value
			case prefix + "baseUrl":
				base = value
			}
		}
	}
	if enabled != "true" {
		return ""
	}
	return base
}
