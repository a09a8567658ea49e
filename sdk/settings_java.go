package twinspan

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// javaPrefix begins SOFATracer's Spring properties.
const javaPrefix = "com.alipay.sofa.tracer."

// javaPrefix4 begins them in SOFABoot 4.
const javaPrefix4 = "sofa.boot.tracer."

// javaSettings are the properties of Java SOFATracer that mean the same here, under both of their names: that of
// sofa.tracer.properties (SofaTracerConfiguration) and that of Spring (SofaTracerProperties).
var javaSettings = map[string]func(c *Config, value string) error{
	"spring.application.name":                      func(c *Config, v string) error { return c.Set("app", v) },
	"logging.path":                                 func(c *Config, v string) error { return c.Set("log_dir", strings.TrimRight(v, "/")+"/tracelog") },
	"tracer_sampler_strategy_percentage_key":       func(c *Config, v string) error { return c.Set("sample_percentage", v) },
	javaPrefix + "samplerPercentage":               func(c *Config, v string) error { return c.Set("sample_percentage", v) },
	javaPrefix + "jsonOutput":                      setJavaFormat,
	"global_json_format_output":                    setJavaFormat,
	"stat_log_interval":                            setJavaSeconds,
	javaPrefix + "statLogInterval":                 setJavaSeconds,
	"tracer_global_rolling_policy":                 setJavaRolling,
	javaPrefix + "tracerGlobalRollingPolicy":       setJavaRolling,
	"tracer_global_log_reserve_day":                setJavaReserve,
	javaPrefix + "tracerGlobalLogReserveDay":       setJavaReserve,
	"tracer_penetrate_attribute_max_length":        func(c *Config, v string) error { return c.Set("biz_baggage_bytes", v) },
	"tracer_system_penetrate_attribute_max_length": func(c *Config, v string) error { return c.Set("sys_baggage_bytes", v) },
	javaPrefix + "baggageMaxLength": func(c *Config, v string) error {
		return errors.Join(c.Set("biz_baggage_bytes", v), c.Set("sys_baggage_bytes", v))
	},
	"tracer_async_appender_allow_discard": setJavaDiscard,
	"disable_middleware_digest_log":       setJavaDisabled,
	javaPrefix + "disableDigestLog":       setJavaDisabled,
}

// javaSampler is what a sampler of Java's is here.
const javaSampler = "names a Java class, which cannot run here; take the line out, and write its decision as sample_rules in this file " +
	"(sample_rules = http-server:server:GET /health*=0%), or as a Go function in Config.Sampler"

// javaElsewhere says of settings of Java SOFATracer that a file cannot set what does their work here.
var javaElsewhere = map[string]string{
	javaPrefix + "samplerCustomRuleClassName":        javaSampler,
	"tracer_sampler_strategy_custom_rule_class_name": javaSampler,
	javaPrefix + "zipkin.enabled":                    "is done in code here; take the line out, and put export.NewZipkin into Config.Exporters",
	javaPrefix + "zipkin.baseUrl":                    "is done in code here; take the line out, and put export.NewZipkin, with this URL and /api/v2/spans, into Config.Exporters",
	javaPrefix + "reporterName":                      "names a Java class, which cannot run here; take the line out, and put an Exporter of your own into Config.Exporters",
}

// setProperty sets what a line of a properties file names.
func (c *Config) setProperty(name, value string) error {
	if rest, ok := strings.CutPrefix(name, javaPrefix4); ok {
		name = javaPrefix + rest
	}
	if set, ok := javaSettings[name]; ok {
		if err := set(c, value); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		return nil
	}
	if file, ok := strings.CutPrefix(name, javaPrefix+"disableConfiguration["); ok {
		return c.disableJavaDigest(name, strings.TrimSuffix(file, "]"), value)
	}
	if instead, ok := javaElsewhere[name]; ok && value != "" {
		return fmt.Errorf("%w: %s is %s: it %s", ErrConfig, name, value, instead)
	} else if ok {
		return nil // nothing in Java, too
	}
	if strings.HasPrefix(name, javaPrefix) || strings.HasPrefix(name, "tracer_") {
		return fmt.Errorf("%w: %s is a setting of Java SOFATracer that means nothing here; take it out", ErrConfig, name)
	}
	return c.Set(name, value)
}

func setJavaFormat(c *Config, value string) error {
	json, err := strconv.ParseBool(value)
	if err != nil {
		return fmt.Errorf("%w: it is %q; it has to be true or false", ErrConfig, value)
	}
	if c.Format = Text; json {
		c.Format = JSON
	}
	return nil
}

func setJavaDisabled(c *Config, value string) error {
	off, err := strconv.ParseBool(value)
	if err != nil {
		return fmt.Errorf("%w: it is %q; it has to be true or false", ErrConfig, value)
	}
	if off {
		c.DisableDigest = append(c.DisableDigest, allComponents)
	}
	return nil
}

// javaFiles are the components of Java's that have another name here.
var javaFiles = map[string]Component{"spring-mvc": HTTPServer, "okhttp": HTTPClient, "resttemplate": HTTPClient, "feign": HTTPClient}

// disableJavaDigest takes disableConfiguration[okhttp-digest.log]; keys of another form have no effect in Java.
func (c *Config) disableJavaDigest(name, file, value string) error {
	off, err := strconv.ParseBool(value)
	component, isDigest := strings.CutSuffix(file, "-digest.log")
	if other, ok := javaFiles[component]; ok {
		component = other.String()
	}
	switch {
	case err != nil:
		return fmt.Errorf("%s: %w: it is %q; it has to be true or false", name, ErrConfig, value)
	case !isDigest || !slices.Contains(componentNames(), component):
		return fmt.Errorf("%s: %w: there is no such log here; it has to be like %sdisableConfiguration[redis-digest.log]", name, ErrConfig, javaPrefix)
	case off && !slices.Contains(c.DisableDigest, component):
		c.DisableDigest = append(c.DisableDigest, component)
	}
	return nil
}

func setJavaSeconds(c *Config, value string) error {
	n, err := strconv.Atoi(value)
	if err != nil {
		return fmt.Errorf("%w: it is %q; it has to be a number of seconds", ErrConfig, value)
	}
	c.StatInterval = time.Duration(n) * time.Second
	return nil
}

func setJavaRolling(c *Config, value string) error {
	switch value {
	case ".yyyy-MM-dd":
		c.Rolling = RollDaily
	case ".yyyy-MM-dd_HH":
		c.Rolling = RollHourly
	default:
		return fmt.Errorf("%w: it is %q; it has to be .yyyy-MM-dd or .yyyy-MM-dd_HH", ErrConfig, value)
	}
	return nil
}

// setJavaReserve takes "7", "7D", "12H" and "1D12H" (LogReserveConfig): how long rolled files are kept.
func setJavaReserve(c *Config, value string) error {
	bad := fmt.Errorf("%w: it is %q; it has to be days, or days and hours such as 1D12H", ErrConfig, value)
	days, hours := value, ""
	if before, after, ok := strings.Cut(strings.ToUpper(value), "D"); ok {
		days, hours = before, after
	} else if strings.HasSuffix(strings.ToUpper(value), "H") {
		days, hours = "0", value
	}
	d, err := strconv.Atoi(days)
	if err != nil || d < 0 {
		return bad
	}
	h := 0
	if hours != "" {
		if h, err = strconv.Atoi(strings.TrimSuffix(strings.ToUpper(hours), "H")); err != nil || h < 0 {
			return bad
		}
	}
	c.Retention = time.Duration(d)*24*time.Hour + time.Duration(h)*time.Hour
	return nil
}

func setJavaDiscard(c *Config, value string) error {
	switch strings.ToLower(value) {
	case "true":
		c.QueuePolicy = DropWhenFull
	case "false":
		c.QueuePolicy = WaitWhenFull
	default:
		return fmt.Errorf("%w: it is %q; it has to be true or false", ErrConfig, value)
	}
	return nil
}
