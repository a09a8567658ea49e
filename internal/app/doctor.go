package app

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"time"

	"github.com/twinspan/twinspan/internal/config"
	"github.com/twinspan/twinspan/internal/doctor"
)

const aboutDoctor = `
Usage: twinspan doctor [flags]

Checks how a service is set up for tracing, and says what to do about what is wrong: the tracer's settings (-config FILE, SOFA_TRACER_*,
OTEL_*), its log directory, the agent (-agent, -agent-config), where it exports to (OTEL_EXPORTER_*, -otlp, -otlp-grpc, -zipkin), the
collector (-collector), and whether the service continues the traces of its callers (-url). Run it as the service's user, with the service's
environment. What is not named is not checked; settings and log directory always are. Exit status 1 where there is a problem.

Examples:
  twinspan doctor -config /etc/pay/sofa.tracer.properties
  twinspan doctor -app pay -agent http://localhost:8680 -collector http://collector.internal:8680
  twinspan doctor -app pay -url http://localhost:8080/pay/1
  twinspan doctor -app pay -otlp-grpc https://collector.internal:4317 -token-file token -ca-file ca.pem
`

// errProblems says that the report has problems, which the report itself has told.
var errProblems = errors.New("there are problems")

// exporterFlag is a flag for an exporter that is named in code only.
type exporterFlag struct {
	flag, url, path, about string
	protocol               doctor.Protocol
}

// agentPort is where an agent of a configuration sends to, and with what.
func agentPort(cfg *config.Config) doctor.Port {
	a := &cfg.Agent
	p := doctor.Port{Named: "agent.collector", Protocol: doctor.AgentPush, URL: "http://" + a.Collector + "/v1/push", TokenFile: a.TokenFile}
	if a.TLS.Enabled {
		p.URL, p.TLS = "https://"+a.Collector+"/v1/push", a.TLS.Client
	}
	if a.Tenant != "" {
		p.Header = http.Header{}
		p.Header.Set(cfg.Tenancy.Header, a.Tenant)
	}
	return p
}

func runDoctor(t *toolRun) error {
	o := doctor.Options{Environ: t.environ, Zone: time.Local}
	r := t.remoteFlags()
	t.flags.StringVar(&r.tenant, "tenant", "", "`NAME` of the tenant at the collector")
	t.flags.StringVar(&o.App, "app", "", "`NAME` of the service, where no setting has it")
	t.flags.StringVar(&o.ConfigFile, "config", "", "properties `FILE` of the tracer; default $SOFA_TRACER_CONFIG_FILE")
	t.flags.StringVar(&o.LogDir, "log-dir", "", "log `DIR`, in place of the setting log_dir")
	t.flags.StringVar(&o.AgentURL, "agent", "", "`URL` of the HTTP port of this host's agent, such as http://localhost:8680")
	agentFile := t.flags.String("agent-config", "", "configuration `FILE` of the agent (YAML): does it follow the log directory, does its collector take requests")
	t.flags.StringVar(&o.AgentTokenFile, "agent-token-file", "", "`FILE` with the bearer token for it (role operate)")
	t.flags.StringVar(&o.AgentTLS.CAFile, "agent-ca-file", "", "`FILE` with the certificates that vouch for it; without it those of the system")
	t.flags.StringVar(&o.AgentTLS.CertFile, "agent-cert-file", "", "`FILE` with the certificate to show to it")
	t.flags.StringVar(&o.AgentTLS.KeyFile, "agent-key-file", "", "`FILE` with that certificate's key")
	exporters := []*exporterFlag{
		{flag: "otlp", protocol: doctor.OTLPHTTP, path: "/v1/traces", about: "`URL` that the service exports to by OTLP over HTTP, such as http://collector:4318"},
		{flag: "otlp-grpc", protocol: doctor.OTLPGRPC, about: "`URL` that it exports to by OTLP over gRPC, such as http://collector:4317"},
		{flag: "zipkin", protocol: doctor.ZipkinV2, path: "/api/v2/spans", about: "`URL` that it exports to as Zipkin, such as http://collector:9411"},
	}
	for _, e := range exporters {
		t.flags.StringVar(&e.url, e.flag, "", e.about+"; with -token-file, -tenant and the TLS files")
	}
	zone := t.flags.String("zone", "", "time `ZONE` of logs that name none, such as Asia/Shanghai (default the host's)")
	t.flags.StringVar(&o.URL, "url", "", "page of the service: GET this `URL` once with each propagation format, and look where the traces go on")
	t.flags.DurationVar(&o.Wait, "wait", 10*time.Second, "how long to look for these traces, and to watch an agent that is behind")
	t.flags.DurationVar(&o.Back, "back", 15*time.Minute, "how far to look back in the collector")
	asJSON := t.flags.Bool("json", false, "write JSON")
	if err := t.parse(); err != nil {
		return err
	}
	switch {
	case t.flags.NArg() > 0:
		return usage1("argument %q is not understood", t.flags.Arg(0))
	case o.Wait <= 0 || o.Back < time.Second:
		return usage1("-wait and -back have to be above 0")
	}
	if *zone != "" {
		var err error
		if o.Zone, err = time.LoadLocation(*zone); err != nil {
			return usage1("-zone: %w", err)
		}
	}
	if *agentFile != "" {
		cfg, _, err := config.Load(*agentFile, t.environ)
		if err != nil {
			return usage1("-agent-config: %w", err)
		}
		o.AgentPaths, o.Follows = cfg.Agent.Paths, cfg.Agent.Follows
		o.Ports = append(o.Ports, agentPort(&cfg))
	}
	for _, e := range exporters {
		if e.url != "" {
			p := doctor.Port{Named: "-" + e.flag, Protocol: e.protocol, URL: doctor.WithPath(e.url, e.path), TokenFile: r.tokenFile, TLS: r.tls}
			if r.tenant != "" {
				p.Header = http.Header{"X-Scope-Orgid": {r.tenant}}
			}
			o.Ports = append(o.Ports, p)
		}
	}
	if r.url != "" {
		if err := r.check(); err != nil {
			return err
		}
		o.Collector = func(ctx context.Context, path string, query url.Values) (*http.Response, error) {
			return r.ask(ctx, path, query)
		}
	}
	report := doctor.Run(t.ctx, o)
	write := report.WriteText
	if *asJSON {
		write = report.WriteJSON
	}
	if err := write(t.stdout); err != nil {
		return err
	}
	if report.Problems > 0 {
		return errProblems
	}
	return nil
}
