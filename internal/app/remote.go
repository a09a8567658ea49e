package app

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"time"

	"github.com/twinspan/twinspan/internal/api"
	"github.com/twinspan/twinspan/internal/reload"
	"github.com/twinspan/twinspan/internal/tenant"
)

// startRemote lets a lone query answer through a collector.
func (p *process) startRemote() error {
	cfg := &p.cfg.Query
	if cfg.Collector == "" {
		return errors.New("the role query has no store of its own: set query.collector to the HTTP address of a collector, such as http://collector:8680")
	}
	target, err := url.Parse(cfg.Collector)
	if err != nil || target.Host == "" || target.Scheme != "http" && target.Scheme != "https" {
		return fmt.Errorf("query.collector is %q: want a URL such as http://collector:8680", cfg.Collector)
	}
	transport := &http.Transport{
		DialContext:         (&net.Dialer{Timeout: 5 * time.Second, KeepAlive: 15 * time.Second}).DialContext,
		MaxIdleConnsPerHost: 16, IdleConnTimeout: 90 * time.Second,
	}
	if target.Scheme == "https" {
		dialer, err := cfg.TLS.Dialer("query.tls", p.log)
		if err != nil {
			return err
		}
		transport.DialTLSContext = dialer.DialTLS
	}
	p.closers = append(p.closers, transport.CloseIdleConnections)
	token := func() string { return "" }
	if cfg.TokenFile != "" {
		file, err := reload.Token("query.token_file", cfg.TokenFile, p.log)
		if err != nil {
			return err
		}
		token = file.Get
	}
	proxy := &httputil.ReverseProxy{
		Transport: transport,
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(target)
			p.introduce(r, token())
		},
		ErrorHandler: func(w http.ResponseWriter, _ *http.Request, err error) {
			p.log.Warn("the collector does not answer", "collector", target.String(), "error", err)
			unavailable(w, "the collector at "+target.String()+" does not answer")
		},
	}
	var h http.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		// Whom a token of this process may name is decided here; the collector would tell of this process's own token.
		if c := tenant.ChoiceOf(r.Context()); r.URL.Path == api.TenantsPath && p.guard.On() && len(c.Others) > 0 {
			answerJSON(w, http.StatusOK, api.TenantsOf(r.Context()))
			return
		}
		proxy.ServeHTTP(w, r)
	})
	p.api.Store(&h)
	return nil
}

// introduce says to the collector who asks. Where this process asks for tokens itself, the collector hears which tenant it
// decided on; without that, a token of this process would open every tenant to everyone.
func (p *process) introduce(r *httputil.ProxyRequest, token string) {
	if p.guard.On() {
		r.Out.Header.Set(p.cfg.Tenancy.Header, tenant.Of(r.In.Context()))
	}
	if token != "" {
		r.Out.Header.Set("Authorization", "Bearer "+token)
	}
}
