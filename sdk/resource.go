package twinspan

import (
	"fmt"
	"net/url"
	"strings"
)

// ResourceAttribute is an attribute of the service, not of a span: "key=value", as in OpenTelemetry's OTEL_RESOURCE_ATTRIBUTES. A comma, an
// equals sign or a percent sign in the value is written as %2C, %3D, %25.
type ResourceAttribute string

// keyResource is the extra field of digest lines.
const keyResource = "resource"

// Limits of Config.Resource, which stands in every line.
const (
	maxResource      = 64
	maxResourceBytes = 4096
)

// resourceSettings are attributes that have a setting of their own.
var resourceSettings = map[string]string{otelServiceName: "app", otelInstance: "instance"}

// resource gives Config.Resource as tags.
func (c *Config) resource() ([]Tag, error) {
	var tags []Tag
	size := 0
	for _, a := range c.Resource {
		key, value, ok := strings.Cut(string(a), "=")
		key = strings.TrimSpace(key)
		plain, err := url.PathUnescape(strings.TrimSpace(value))
		switch setting := resourceSettings[key]; {
		case !ok || key == "" || err != nil:
			return nil, fmt.Errorf("%w: resource has %q; it has to be a list of key=value, with %%2C for a comma in a value and %%25 for a percent sign", ErrConfig, a)
		case setting != "":
			return nil, fmt.Errorf("%w: resource has %q; it has to be the setting %s", ErrConfig, a, setting)
		case repeated(tags, key):
			return nil, fmt.Errorf("%w: resource has %s twice", ErrConfig, key)
		}
		tags = append(tags, String(key, plain))
		size += len(key) + len(plain)
	}
	if len(tags) > maxResource || size > maxResourceBytes {
		return nil, fmt.Errorf("%w: resource has %d attributes of %d bytes; it has to be at most %d of %d, because every line has them", ErrConfig,
			len(tags), size, maxResource, maxResourceBytes)
	}
	return tags, nil
}
