// Package peer tests the receivers with other projects' clients: real processes, real ports, and the calls read back by the
// HTTP API; and the decoders against other projects' decoders. It is a module, and a workspace, of its own, so that what
// the clients bring along changes neither the server's nor the SDK's dependencies.
package peer
