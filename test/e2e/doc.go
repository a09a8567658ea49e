// Package e2e tests the binary from outside, as its users meet it: real processes, real ports, logs on disk and the HTTP
// API. It drives the payment system under examples/ and holds Twinspan's answers against what the services themselves
// wrote and counted. It imports nothing of the server.
package e2e
