// Package opentelemetry compares what instrumentations of OpenTelemetry's contrib leave on OpenTelemetry's SDK with what they
// leave on sdk/contrib/opentelemetry: the same spans, in the same trees, with the same attributes, events, links and status.
package opentelemetry
