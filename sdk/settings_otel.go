package twinspan

import (
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// otelNumbers are OpenTelemetry's variables that are a setting of ours with another name.
var otelNumbers = []struct{ variable, setting string }{
	{"OTEL_BSP_MAX_QUEUE_SIZE", "queue_size"},
	{"OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT", "limits.text_bytes"},
	{"OTEL_ATTRIBUTE_COUNT_LIMIT", "limits.tags"},
	{"OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT", "limits.text_bytes"},
	{"OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT", "limits.tags"},
	{"OTEL_SPAN_EVENT_COUNT_LIMIT", "limits.events"},
	{"OTEL_SPAN_LINK_COUNT_LIMIT", "limits.links"},
	{"OTEL_EVENT_ATTRIBUTE_COUNT_LIMIT", "limits.event_tags"},
}

// readOTel takes what OpenTelemetry's environment variables (specification, "Environment Variable Specification") say. An empty
// variable is as good as none, as it says there.
func (c *Config) readOTel(env map[string]string) error {
	if err := c.readOTelResource(env["OTEL_RESOURCE_ATTRIBUTES"]); err != nil {
		return err
	}
	if name := env["OTEL_SERVICE_NAME"]; name != "" {
		c.App = name
	}
	for _, n := range otelNumbers {
		if text := env[n.variable]; text != "" {
			if err := c.Set(n.setting, text); err != nil {
				return fmt.Errorf("variable %s: %w", n.variable, err)
			}
		}
	}
	if err := c.readOTelSampler(env["OTEL_TRACES_SAMPLER"], env["OTEL_TRACES_SAMPLER_ARG"]); err != nil {
		return err
	}
	return c.readOTelPropagators(env["OTEL_PROPAGATORS"])
}

// OpenTelemetry's names of the app and of the instance.
const (
	otelServiceName = "service.name"
	otelInstance    = "service.instance.id"
)

// readOTelResource takes the attributes of OTEL_RESOURCE_ATTRIBUTES. One that is no "key=value" makes all of it void in OpenTelemetry;
// here it is an error.
func (c *Config) readOTelResource(list string) error {
	if strings.TrimSpace(list) == "" {
		return nil
	}
	c.Resource = nil
	for pair := range strings.SplitSeq(list, ",") {
		if strings.TrimSpace(pair) == "" {
			continue
		}
		key, value, ok := strings.Cut(strings.TrimSpace(pair), "=")
		plain, err := url.PathUnescape(strings.TrimSpace(value))
		if !ok || err != nil {
			return fmt.Errorf("%w: OTEL_RESOURCE_ATTRIBUTES has %q; it has to be a list of key=value", ErrConfig, pair)
		}
		switch key = strings.TrimSpace(key); key {
		case otelServiceName:
			c.App = plain
		case otelInstance:
			c.Instance = plain
		default:
			c.Resource = slices.DeleteFunc(c.Resource, func(a ResourceAttribute) bool { return strings.HasPrefix(string(a), key+"=") }) // the last counts
			c.Resource = append(c.Resource, ResourceAttribute(key+"="+strings.TrimSpace(value)))
		}
	}
	return nil
}

// readOTelSampler: our decision is always the parent's where there is one, so that parentbased_x and x are the same.
func (c *Config) readOTelSampler(sampler, arg string) error {
	switch strings.TrimPrefix(sampler, "parentbased_") {
	case "":
	case "always_on":
		c.SamplePercentage = 100
	case "always_off":
		c.SamplePercentage = 0
	case "traceidratio":
		ratio := 1.0
		if arg != "" {
			var err error
			if ratio, err = strconv.ParseFloat(arg, 64); err != nil || !(ratio >= 0 && ratio <= 1) {
				return fmt.Errorf("%w: OTEL_TRACES_SAMPLER_ARG is %q; it has to be between 0 and 1", ErrConfig, arg)
			}
		}
		c.SamplePercentage = ratio * 100
	default:
		return fmt.Errorf("%w: OTEL_TRACES_SAMPLER is %q; it has to be always_on, always_off or traceidratio, each also with parentbased_", ErrConfig, sampler)
	}
	return nil
}

func (c *Config) readOTelPropagators(list string) error {
	if list == "" {
		return nil
	}
	var formats []Propagation
	add := func(p Propagation) {
		for _, have := range formats {
			if have == p {
				return
			}
		}
		formats = append(formats, p)
	}
	for name := range strings.SplitSeq(list, ",") {
		switch strings.TrimSpace(name) {
		case "tracecontext", "baggage": // W3C is both here
			add(W3C)
		case "b3":
			add(B3Single)
		case "b3multi":
			add(B3)
		case "none", "":
		default:
			return fmt.Errorf("%w: OTEL_PROPAGATORS has %q; it has to be a list of tracecontext, baggage, b3, b3multi, or none", ErrConfig, name)
		}
	}
	c.Inject, c.Extract = formats, formats
	return nil
}
