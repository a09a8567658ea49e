// Package agent is the role agent: it finds the digest and stat logs of the services on its host, follows them through
// every way of rolling, and sends what internal/digestlog reads from them to a collector, each record exactly once.
//
// The disk is the only buffer. The agent holds one request in memory; it reads on when the collector has acknowledged
// that request, so a slow or absent collector makes it wait, and nothing is skipped. How far a file is taken is decided by
// the collector, which keeps that offset in the same log entry as the records; the agent's own state file only spares it
// from asking. docs/agent.md describes it for users, docs/formats/agent-protocol.md the protocol.
//
// It does not parse lines (internal/digestlog) and does not aggregate.
package agent
