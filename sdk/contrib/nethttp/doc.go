// Package nethttp traces net/http: a RoundTripper for clients and a Handler for servers. The client's spans are written
// to httpclient-*.log, the server's to http-server-*.log.
//
// It is not a router and changes no request or answer but for the headers that carry the trace context.
package nethttp
