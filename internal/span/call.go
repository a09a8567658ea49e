package span

import (
	"iter"

	"github.com/twinspan/twinspan/sdk/id"
)

// Call is the client half and the server half of one invocation joined. At least one half is there.
//
// A half that can have no twin (a database call, an internal span) stands alone, in Client if it is on the caller's side
// or internal, else in Server. A message that is consumed several times gives one Call with producer and first consumer,
// and one Call for each further delivery that has only Server set, but names the producer's app as Caller.
type Call struct {
	// Caller and Callee are applications. For stores and queues without a consumer's half Callee is "system:name". ""
	// means not known: a call from outside, or to something not traced and not named.
	Caller, Callee string
	Type           Type
	// Client and Server are owned by the call and not changed.
	Client, Server *Half
}

// Lead is the half that the call is counted and listed by: the client half, or the server half where there is no other.
func (c *Call) Lead() *Half {
	if c.Client != nil {
		return c.Client
	}
	return c.Server
}

// Last is the callee's half, or the client half where there is no other.
func (c *Call) Last() *Half {
	if c.Server != nil {
		return c.Server
	}
	return c.Client
}

// Halves gives the halves that are there, the client half first.
func (c *Call) Halves() iter.Seq[*Half] {
	return func(yield func(*Half) bool) {
		if c.Client != nil && !yield(c.Client) {
			return
		}
		if c.Server != nil {
			yield(c.Server)
		}
	}
}

// Sides names the halves that are there: both, client or server.
func (c *Call) Sides() string {
	switch {
	case c.Client == nil:
		return "server"
	case c.Server == nil:
		return "client"
	}
	return "both"
}

// Trace is the call's trace id.
func (c *Call) Trace() id.Trace { return c.Lead().Trace }

// Start is the lead's start in nanoseconds of the Unix epoch.
func (c *Call) Start() int64 { return c.Lead().Start }

// Duration is the lead's duration in nanoseconds.
func (c *Call) Duration() int64 { return c.Lead().Duration }

// Operation is what the callee says it did, else what the caller asked for.
func (c *Call) Operation() string {
	if c.Server != nil && c.Server.Operation != "" {
		return c.Server.Operation
	}
	return c.Lead().Operation
}

// Failed says that one of the sides ended in an error.
func (c *Call) Failed() bool {
	return c.Client != nil && c.Client.Status == StatusError || c.Server != nil && c.Server.Status == StatusError
}

// LoadTest says that the call is load-test traffic.
func (c *Call) LoadTest() bool {
	return c.Client != nil && c.Client.LoadTest || c.Server != nil && c.Server.LoadTest
}

// Gap is the time in nanoseconds that the call spent between the two sides: network and queues. It is 0 unless both
// halves are known. For messages it is the time from the start of sending to the start of consuming (a consumer may well
// begin before the producer has its acknowledgement). Below 0, the clocks of the two hosts disagree.
func (c *Call) Gap() int64 {
	if c.Client == nil || c.Server == nil {
		return 0
	}
	if c.Server.Kind == KindConsumer {
		return c.Server.Start - c.Client.Start
	}
	return c.Client.Duration - c.Server.Duration
}

// CallerAddr is the caller's address as known by either side.
func (c *Call) CallerAddr() string {
	if c.Client != nil && c.Client.LocalAddr != "" {
		return c.Client.LocalAddr
	}
	if c.Server != nil {
		return c.Server.PeerAddr
	}
	return ""
}

// CalleeAddr is the callee's address as known by either side.
func (c *Call) CalleeAddr() string {
	if c.Server != nil && c.Server.LocalAddr != "" {
		return c.Server.LocalAddr
	}
	if c.Client != nil {
		return c.Client.PeerAddr
	}
	return ""
}

// Join makes the call of a caller's half and a callee's half; either may be nil, not both. peer names the producer's app
// for a further delivery of a message whose producer half is in another call, else it is "".
func Join(client, server *Half, peer string) Call {
	c := Call{Client: client, Server: server}
	lead := c.Lead()
	c.Type = lead.Type
	switch {
	case client != nil && server != nil:
		c.Caller, c.Callee = client.App, server.App
		if server.Type != TypeInternal && client.Type == TypeInternal {
			c.Type = server.Type
		}
	case client != nil && client.Kind.CallerSide():
		c.Caller, c.Callee = client.App, client.Peer
	case client != nil:
		c.Caller, c.Callee = client.App, client.App
	default:
		c.Caller, c.Callee = peer, server.App
		if peer == "" {
			c.Caller = server.Peer
		}
	}
	return c
}

// Alone makes the call of a half that has no other beside it; peer is as in Join, and counts for a callee's half only.
func Alone(h *Half, peer string) Call {
	if h.Kind.CalleeSide() {
		return Join(nil, h, peer)
	}
	return Join(h, nil, "")
}
