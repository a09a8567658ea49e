package span

import (
	"net"
	"strconv"
	"strings"
)

// HostPort joins a host and a port; either may be empty, a port of 0 is none.
func HostPort(host, port string) string {
	switch {
	case host == "":
		return ""
	case port == "" || port == "0":
		return host
	}
	if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
		return host
	}
	return net.JoinHostPort(host, port)
}

// StoreName names a store by type and database, or a queue by system and destination, as a peer.
func StoreName(system, name string) string {
	if name == "" {
		return system
	}
	return system + ":" + name
}

// SOFAEndpoint gives the first host:port of SOFATracer's database.endpoint; "" for H2, where it is the JDBC address and a port of -1.
func SOFAEndpoint(endpoint string) string {
	if strings.HasPrefix(endpoint, "jdbc:") || strings.HasSuffix(endpoint, ":-1") {
		return ""
	}
	endpoint, _, _ = strings.Cut(endpoint, ",")
	return endpoint
}

// SOFAHTTPSuccess says which result codes of HTTP SOFATracer takes for successes: 00, 1xx, 2xx, 301 and 302.
func SOFAHTTPSuccess(code string) bool {
	switch code {
	case "00", "301", "302":
		return true
	}
	return len(code) == 3 && (code[0] == '1' || code[0] == '2') && digit(code[1]) && digit(code[2])
}
