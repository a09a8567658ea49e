// Package span is the domain of Twinspan: halves (spans as received), calls (a client half and a server half joined) and
// stat lines. Every other part may import it; it imports only the standard library, sdk/id and sdk/histogram. It does no
// input or output and knows no protocol but one thing: a Payload is laid out as an OTLP Span message, so that what is
// only displayed stays encoded until it is displayed.
package span

import (
	"time"

	"github.com/twinspan/twinspan/sdk/id"
)

// Kind is the role of a half, with the numbers of OTLP's SpanKind.
type Kind uint8

// The kinds of OpenTelemetry.
const (
	KindUnspecified Kind = iota
	KindInternal
	KindServer
	KindClient
	KindProducer
	KindConsumer
)

// CallerSide says that the half is the one that starts a call: client or producer.
func (k Kind) CallerSide() bool { return k == KindClient || k == KindProducer }

// CalleeSide says that the half is the one that answers a call: server or consumer.
func (k Kind) CalleeSide() bool { return k == KindServer || k == KindConsumer }

// Type says what is called.
type Type uint8

// The types of calls of the call model.
const (
	TypeInternal Type = iota
	TypeRPC
	TypeHTTP
	TypeDB
	TypeCache
	TypeMQ
)

// Store says that the callee is a database, cache or queue: it writes no half of its own.
func (t Type) Store() bool { return t == TypeDB || t == TypeCache }

// Status is the outcome of a half.
type Status uint8

// The statuses of OpenTelemetry.
const (
	StatusUnset Status = iota
	StatusOK
	StatusError
)

// Route is the way on which a half came. The same half may come on two routes (a Java service reports to Zipkin what an
// agent tails too).
type Route uint8

// The routes.
const (
	RouteUnknown Route = iota
	RouteAgent
	RouteOTLP
	RouteZipkin
	RouteJaeger
	RouteSkyWalking
)

// Half is one span as received. Its strings and bytes may alias the memory of the request that brought it: whoever keeps
// a few halves of a batch for long should Clone them. A Half is not changed once it left its receiver, but for Received.
type Half struct {
	Trace id.Trace
	// Span is the 8-byte id of this half. A server half that shares its client's id has one of its own
	// (id.ServerSpanOf), except where Shared says that the source's form is not known.
	Span id.Span
	// Parent is the half's parent span, 0 for a root. For a server half that shares its client's id it is the client half.
	Parent id.Span
	// Twin is, for a server or consumer half, the Span of the client or producer half that it answers; 0 when none is
	// known. It is set by the form that the source is known to have, never by trying.
	Twin id.Span
	// Shared says that the source does not tell whether this server half has its client's id or an id of its own: Twin
	// is then Span, and a reader may try Parent.
	Shared bool
	Kind   Kind
	Type   Type
	Status Status
	Route  Route
	// LoadTest marks load-test (shadow) traffic.
	LoadTest bool
	// Coarse says that Start and Duration are known to the millisecond only.
	Coarse bool

	// TraceText is the trace id as received where Trace.String does not give it back, else "".
	TraceText string
	// Dotted is the SOFATracer span id, "" when the source has none.
	Dotted string
	// App is the application (service.name, local.app) that wrote the half.
	App string
	// Instance tells processes of an application apart (service.instance.id, host name).
	Instance string
	// Operation is a low-cardinality name of what is done.
	Operation string
	// Component is what made the half: the SOFATracer component ("dubbo-client") or the instrumentation scope.
	Component string
	// ResultCode is the protocol's own code as text: HTTP status, gRPC code, SOFATracer's result.code.
	ResultCode string
	// LocalAddr and PeerAddr are host, host:port or [ip6]:port of this side and the other.
	LocalAddr, PeerAddr string
	// Peer is the other side's name as this half knows it: application, or for stores and queues "system:name".
	Peer string

	// Start is in nanoseconds of the Unix epoch, Duration in nanoseconds, 0 or more.
	Start, Duration int64
	// Received is when the collector took the half, in nanoseconds of the Unix epoch.
	Received int64
	// Origin identifies the half within its trace: two halves of a trace with the same Origin are one half, sent twice.
	// It is a hash of agent file and offset, or of the half's content.
	Origin uint64

	// Payload holds attributes, events and links, encoded.
	Payload Payload
	// Resource holds the attributes of the process, encoded as the attributes of a Payload. Halves of one process share
	// the bytes.
	Resource Payload
}

// End is Start plus Duration.
func (h *Half) End() int64 { return h.Start + h.Duration }

// TraceString is the trace id as the source spells it.
func (h *Half) TraceString() string {
	if h.TraceText != "" {
		return h.TraceText
	}
	return h.Trace.String()
}

// StartTime is Start as a time in UTC.
func (h *Half) StartTime() time.Time { return time.Unix(0, h.Start).UTC() }

// Size is about the bytes that the half holds in memory.
func (h *Half) Size() int {
	return 384 + len(h.Payload) + len(h.TraceText) + len(h.Dotted) + len(h.Operation) + len(h.LocalAddr) + len(h.PeerAddr)
}

// Same says that two halves of one trace are one half that came twice: the same Origin, or, on two routes, the same
// span, kind, app and start to the millisecond. Where both know a dotted id, it takes the place of the 8-byte id, since a
// route may not tell whether the id is shared.
func (h *Half) Same(o *Half) bool {
	if h.Origin == o.Origin {
		return true
	}
	if h.Route == o.Route || h.Kind != o.Kind || h.App != o.App || h.Start/1e6 != o.Start/1e6 {
		return false
	}
	if h.Dotted != "" && o.Dotted != "" {
		return h.Dotted == o.Dotted
	}
	return h.Span == o.Span
}

// Batch is what moves between stages: halves and stat lines that came together.
type Batch struct {
	Halves []Half
	Stats  []Stat
}
