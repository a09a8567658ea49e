// Package digest tests that the agent's reader reads what the SDK writes. It has no code of its own.
package digest
