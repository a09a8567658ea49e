// Package query tests the APIs that other projects' tools read by, with those tools: Zipkin's web UI in a browser, clients
// of Jaeger's API and of its version 3, OpenTelemetry's decoder, and the requests that Grafana's data sources make (Grafana
// itself is in no package registry). Real processes, real ports.
package query
