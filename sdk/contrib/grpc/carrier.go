package twingrpc

import (
	"strings"

	"google.golang.org/grpc/metadata"
)

// Carrier carries trace context in gRPC metadata, a twinspan.Carrier. gRPC keeps keys in lower case.
type Carrier metadata.MD

// Get is twinspan.Carrier's.
func (c Carrier) Get(key string) (string, bool) {
	if v := c[strings.ToLower(key)]; len(v) > 0 {
		return v[0], true
	}
	return "", false
}

// All is twinspan.Carrier's.
func (c Carrier) All(key string) []string { return c[strings.ToLower(key)] }

// Set is twinspan.Carrier's. A key or value that gRPC cannot send is not set: the call would fail because of it.
func (c Carrier) Set(key, value string) {
	key = strings.ToLower(key)
	if validKey(key) && validValue(value) {
		c[key] = []string{value}
	}
}

// WithPrefix is twinspan.Carrier's.
func (c Carrier) WithPrefix(prefix string, yield func(rest, value string)) {
	for key, values := range c {
		if rest, ok := strings.CutPrefix(key, prefix); ok && len(values) > 0 {
			yield(rest, values[0])
		}
	}
}

// validKey says whether gRPC takes a key; "-bin" keys would be encoded.
func validKey(key string) bool {
	for i := range len(key) {
		if c := key[i]; (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' && c != '_' && c != '.' {
			return false
		}
	}
	return key != "" && !strings.HasSuffix(key, "-bin") && !strings.HasPrefix(key, "grpc-")
}

func validValue(value string) bool {
	for i := range len(value) {
		if value[i] < ' ' || value[i] > '~' {
			return false
		}
	}
	return true
}
