// Package query tests the APIs that other projects' tools read by, with those tools: Zipkin's web UI in a browser, Jaeger's
// generated messages, OpenTelemetry's decoder, and the requests that Grafana's data sources make. Real processes, real ports.
package query
