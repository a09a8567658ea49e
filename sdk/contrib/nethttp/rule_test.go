package nethttp

import (
	"net/http"
	"testing"

	twinspan "github.com/twinspan/twinspan/sdk"
)

// TestRules: sampling rules see method and path of a request, on both sides.
func TestRules(t *testing.T) {
	p := newPeer(t, "pay")
	rules := []twinspan.SampleRule{"http-server:server:GET /health*=0%", "httpclient:client:GET /health*=0%"}
	if err := p.SetSampling(twinspan.Sampling{Percentage: 100, Rules: rules}); err != nil {
		t.Fatal(err)
	}
	server := p.start(t, http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	traced := &http.Client{Transport: NewTransport(p.Tracer, http.DefaultTransport)}
	for _, client := range []*http.Client{http.DefaultClient, traced} {
		for _, path := range []string{"/health/live", "/pay"} {
			get(t, client, server.URL+path)
		}
	}
	if servers, clients := p.lines(t, "http-server"), p.lines(t, "httpclient"); len(servers) != 2 || len(clients) != 1 ||
		servers[0]["operation"] != "GET /pay" || servers[1]["operation"] != "GET /pay" || clients[0]["operation"] != "GET /pay" {
		t.Errorf("servers %v\nclients %v", servers, clients)
	}
}
