package twinspan

import (
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestReadFile(t *testing.T) {
	tests := []struct {
		name, text string
		want       func(*Config)
		err        string // a part of it; the file's name stands before the line
	}{
		{"names of ours", "# a comment\n\nsample_percentage = 12.5\nformat: text\nlimits.tags=7\nstat_interval=10s\ninject = w3c, mosn\n", func(c *Config) {
			c.SamplePercentage, c.Format, c.Limits.Tags, c.StatInterval = 12.5, Text, 7, 10*time.Second
			c.Inject = []Propagation{W3C, MOSN}
		}, ""},
		{"Java's sofa.tracer.properties", "stat_log_interval=60\ntracer_global_rolling_policy=.yyyy-MM-dd_HH\ntracer_global_log_reserve_day=1D12H\n" +
			"tracer_sampler_strategy_percentage_key=50\nglobal_json_format_output=false\ntracer_penetrate_attribute_max_length=2048\n" +
			"tracer_async_appender_allow_discard=false\n", func(c *Config) {
			c.StatInterval, c.Rolling, c.Retention = time.Minute, RollHourly, 36*time.Hour
			c.SamplePercentage, c.Format, c.BizBaggageBytes, c.QueuePolicy = 50, Text, 2048, WaitWhenFull
		}, ""},
		{"Java's Spring properties", "spring.application.name=ledger\nlogging.path=/var/log/pay\n! another comment\ncom.alipay.sofa.tracer.baggageMaxLength=99\n" +
			"com.alipay.sofa.tracer.tracerGlobalLogReserveDay=12H\ncom.alipay.sofa.tracer.statLogInterval=5\n", func(c *Config) {
			c.App, c.LogDir, c.BizBaggageBytes, c.SysBaggageBytes = "ledger", "/var/log/pay/tracelog", 99, 99
			c.Retention, c.StatInterval = 12*time.Hour, 5*time.Second
		}, ""},
		{"Java's switches", "com.alipay.sofa.tracer.disableConfiguration[okhttp-digest.log]=true\ncom.alipay.sofa.tracer.disableConfiguration[feign-digest.log]=true\n" +
			"com.alipay.sofa.tracer.disableConfiguration[redis-digest.log]=false\nsofa.boot.tracer.disableConfiguration[spring-mvc-digest.log]=true\n", func(c *Config) {
			c.DisableDigest = []string{"httpclient", "http-server"}
		}, ""},
		{"Java's switch of all", "disable_middleware_digest_log=true\nsofa.boot.tracer.disableDigestLog=false\n", func(c *Config) {
			c.DisableDigest = []string{"all"}
		}, ""},
		{"a log that we do not have", "com.alipay.sofa.tracer.disableConfiguration[spring_mvc_digest_log_name]=true\n", nil, "there is no such log here"},
		{"sampling", "sample_per_second=12.5\nsample_rules = http-server:server:GET /health*=0%, *:*:*=5/s\nkeep_errors=true\nkeep_slower_than=2s\n", func(c *Config) {
			c.SamplePerSecond, c.KeepErrors, c.KeepSlowerThan = 12.5, true, 2*time.Second
			c.SampleRules = []SampleRule{"http-server:server:GET /health*=0%", "*:*:*=5/s"}
		}, ""},
		{"an unknown name", "format=json\nsample_percent=1\n", nil, `:2: tracer configuration: there is no setting "sample_percent"`},
		{"no value of its type", "queue_size=many\n", nil, `:1: tracer configuration: queue_size is "many"; it has to be a whole number`},
		{"a duration without unit", "stat_interval=5\n", nil, `it has to be a duration with a unit, such as 5s`},
		{"no name", "just text\n", nil, `:1: "just text" is no "name = value"`},
		{"twice", "format=json\n\nformat=text\n", nil, `:3: format is set in line 1 already`},
		{"a setting of Java's that means nothing here", "com.alipay.sofa.tracer.samplerName=x\n", nil, "means nothing here"},
		{"a sampler of Java's", "com.alipay.sofa.tracer.samplerCustomRuleClassName=com.pay.Rule\n", nil,
			":1: tracer configuration: com.alipay.sofa.tracer.samplerCustomRuleClassName is com.pay.Rule: it names a Java class, which cannot run here; take the line out, and write its decision as sample_rules"},
		{"the same in SOFABoot 4", "sofa.boot.tracer.samplerCustomRuleClassName=com.pay.Rule\n", nil, "or as a Go function in Config.Sampler"},
		{"the same in sofa.tracer.properties", "tracer_sampler_strategy_custom_rule_class_name=com.pay.Rule\n", nil, "or as a Go function in Config.Sampler"},
		{"no sampler of Java's", "com.alipay.sofa.tracer.samplerCustomRuleClassName=\n", func(*Config) {}, ""},
		{"Java's Zipkin", "com.alipay.sofa.tracer.zipkin.baseUrl=http://zipkin:9411\n", nil, "export.NewZipkin"},
		{"a bad reserve", "tracer_global_log_reserve_day=soon\n", nil, "days"},
		{"a bad pattern", "tracer_global_rolling_policy=weekly\n", nil, "yyyy-MM-dd"},
		{"a part of settings", "limits=1\n", nil, `there is no setting "limits"`},
	}
	for _, tt := range tests {
		path := filepath.Join(t.TempDir(), "tracer.properties")
		if err := os.WriteFile(path, []byte(tt.text), 0o600); err != nil {
			t.Fatal(err)
		}
		c := DefaultConfig("pay")
		err := c.ReadFile(path)
		if tt.err != "" {
			if err == nil || !strings.Contains(err.Error(), tt.err) || !strings.HasPrefix(err.Error(), path) && !strings.Contains(err.Error(), path) {
				t.Errorf("%s: %v, want %q", tt.name, err, tt.err)
			}
			continue
		}
		want := DefaultConfig("pay")
		tt.want(&want)
		if err != nil || !reflect.DeepEqual(c, want) {
			t.Errorf("%s: %v\n%+v, want\n%+v", tt.name, err, c, want)
		}
	}
	c := DefaultConfig("pay")
	if err := c.ReadFile(filepath.Join(t.TempDir(), "none")); err == nil {
		t.Error("a file that is not there is read")
	}
}

func TestReadEnv(t *testing.T) {
	tests := []struct {
		name string
		env  []string
		want func(*Config)
		err  string
	}{
		{"nothing", []string{"PATH=/bin", "OTEL_EXPORTER_OTLP_ENDPOINT=http://x"}, func(*Config) {}, ""},
		{"ours", []string{"SOFA_TRACER_APP=pay2", "SOFA_TRACER_LIMITS_TEXT_BYTES=9", "SOFA_TRACER_CONFIG_FILE=/none", "SOFA_TRACER_RANDOM_TRACE_IDS=true"},
			func(c *Config) { c.App, c.Limits.TextBytes, c.RandomTraceIDs = "pay2", 9, true }, ""},
		{"OpenTelemetry's", []string{"OTEL_RESOURCE_ATTRIBUTES=service.name=res,service.instance.id=a%2Cb,x=w, service.version = 1%2C2 ,x=y,", "OTEL_TRACES_SAMPLER=parentbased_traceidratio",
			"OTEL_TRACES_SAMPLER_ARG=0.25", "OTEL_PROPAGATORS=tracecontext,baggage,b3", "OTEL_SPAN_EVENT_COUNT_LIMIT=3", "OTEL_BSP_MAX_QUEUE_SIZE=100"},
			func(c *Config) {
				c.App, c.Instance, c.SamplePercentage, c.Limits.Events, c.QueueSize = "res", "a,b", 25, 3, 100
				c.Inject, c.Extract = []Propagation{W3C, B3Single}, []Propagation{W3C, B3Single}
				c.Resource = []ResourceAttribute{"service.version=1%2C2", "x=y"}
			}, ""},
		{"the service's name before the resource's", []string{"OTEL_RESOURCE_ATTRIBUTES=service.name=res", "OTEL_SERVICE_NAME=svc"}, func(c *Config) { c.App = "svc" }, ""},
		{"ours before OpenTelemetry's", []string{"SOFA_TRACER_APP=ours", "OTEL_SERVICE_NAME=svc"}, func(c *Config) { c.App = "ours" }, ""},
		{"ours before OpenTelemetry's resource", []string{"OTEL_RESOURCE_ATTRIBUTES=x=y", "SOFA_TRACER_RESOURCE=service.version=2, a=b"},
			func(c *Config) { c.Resource = []ResourceAttribute{"service.version=2", "a=b"} }, ""},
		{"no resource", []string{"OTEL_RESOURCE_ATTRIBUTES=prod"}, nil, `OTEL_RESOURCE_ATTRIBUTES has "prod"; it has to be a list of key=value`},
		{"always off", []string{"OTEL_TRACES_SAMPLER=always_off"}, func(c *Config) { c.SamplePercentage = 0 }, ""},
		{"unknown of ours", []string{"SOFA_TRACER_SAMPLING=1"}, nil, "SOFA_TRACER_SAMPLING is of no setting"},
		{"a bad value", []string{"SOFA_TRACER_QUEUE_SIZE=x"}, nil, `variable SOFA_TRACER_QUEUE_SIZE: tracer configuration: queue_size is "x"`},
		{"an unknown sampler", []string{"OTEL_TRACES_SAMPLER=jaeger_remote"}, nil, "always_on"},
		{"a bad ratio", []string{"OTEL_TRACES_SAMPLER=traceidratio", "OTEL_TRACES_SAMPLER_ARG=2"}, nil, "between 0 and 1"},
		{"an unknown propagator", []string{"OTEL_PROPAGATORS=xray"}, nil, "tracecontext"},
	}
	for _, tt := range tests {
		c := DefaultConfig("pay")
		err := c.ReadEnv(tt.env)
		if tt.err != "" {
			if err == nil || !strings.Contains(err.Error(), tt.err) {
				t.Errorf("%s: %v, want %q", tt.name, err, tt.err)
			}
			continue
		}
		want := DefaultConfig("pay")
		tt.want(&want)
		if err != nil || !reflect.DeepEqual(c, want) {
			t.Errorf("%s: %v\n%+v, want\n%+v", tt.name, err, c, want)
		}
	}
}

func TestConfigFromEnvironment(t *testing.T) {
	path := filepath.Join(t.TempDir(), "tracer.properties")
	if err := os.WriteFile(path, []byte("queue_size=10\nformat=text\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("SOFA_TRACER_CONFIG_FILE", path)
	t.Setenv("SOFA_TRACER_QUEUE_SIZE", "20")
	c, err := ConfigFromEnvironment("pay")
	if err != nil || c.QueueSize != 20 || c.Format != Text || c.App != "pay" {
		t.Errorf("%v: %+v", err, c)
	}
}

// TestEverySettingHasText: a field of Config that cannot be set from a file has to be left out of them.
func TestEverySettingHasText(t *testing.T) {
	samples := map[reflect.Kind]string{reflect.String: "x", reflect.Bool: "true", reflect.Int: "3", reflect.Int64: "3", reflect.Float64: "1.5", reflect.Slice: "w3c"}
	names := SettingNames()
	for _, name := range names {
		var c Config
		field, ok := findSetting(reflect.ValueOf(&c).Elem(), name)
		if !ok {
			t.Errorf("%s is not found", name)
			continue
		}
		text := samples[field.Kind()]
		if field.Type() == reflect.TypeFor[time.Duration]() {
			text = "3s"
		}
		if err := c.Set(name, text); err != nil || field.IsZero() {
			t.Errorf("%s: %v", name, err)
		}
	}
	if !slices.Contains(names, "limits.tags") || !slices.Contains(names, "app") {
		t.Errorf("settings %v", names)
	}
}
