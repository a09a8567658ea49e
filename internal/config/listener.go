package config

import "github.com/twinspan/twinspan/internal/certificate"

// Listener is a port of a process.
type Listener struct {
	// Setting is the group of the listener's settings, AddressSetting the one with Address.
	Setting, AddressSetting, Address string
	// Own is its own TLS, behind which that of Config stands.
	Own certificate.Server
}

// Listeners gives all ports, those that are off with an empty Address.
func (c *Config) Listeners() []Listener {
	r := &c.Receivers
	return []Listener{
		{"http", "http.address", c.HTTP.Address, c.HTTP.TLS},
		{"receivers.otlp", "receivers.otlp.grpc_address", r.OTLP.GRPCAddress, r.OTLP.TLS},
		{"receivers.otlp", "receivers.otlp.http_address", r.OTLP.HTTPAddress, r.OTLP.TLS},
		{"receivers.zipkin", "receivers.zipkin.address", r.Zipkin.Address, r.Zipkin.TLS},
		{"receivers.jaeger", "receivers.jaeger.grpc_address", r.Jaeger.GRPCAddress, r.Jaeger.TLS},
		{"receivers.jaeger", "receivers.jaeger.http_address", r.Jaeger.HTTPAddress, r.Jaeger.TLS},
		{"receivers.skywalking", "receivers.skywalking.grpc_address", r.SkyWalking.GRPCAddress, r.SkyWalking.TLS},
		{"receivers.skywalking", "receivers.skywalking.http_address", r.SkyWalking.HTTPAddress, r.SkyWalking.TLS},
		{"receivers.agent", "receivers.agent.address", r.Agent.Listen, r.Agent.TLS},
	}
}
