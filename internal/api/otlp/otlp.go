// Package otlp writes traces as OpenTelemetry's messages (opentelemetry.proto.trace.v1, TracesData), in protobuf and in
// JSON, for the APIs that answer so: Jaeger's v3 and Tempo's. Payloads are OTLP already and are copied field by field
// without objects in between. It does not receive spans.
package otlp

import (
	"strings"

	"github.com/twinspan/twinspan/internal/api/compat"
	"github.com/twinspan/twinspan/internal/query"
	"github.com/twinspan/twinspan/internal/span"
	"github.com/twinspan/twinspan/sdk/id"
)

// SizeOfNode is about the bytes that a call takes in an answer.
const SizeOfNode = 3 << 10

// scopePrefix begins the names of resource attributes that are the instrumentation scope's.
const scopePrefix = "otel.scope."

// Names of attributes that tell what is no attribute here.
const (
	attrSOFATrace   = "sofa.trace_id"
	attrSOFASpan    = "sofa.span_id"
	attrComponent   = "component"
	attrResultCode  = "result.code"
	attrPeerService = "peer.service"
	attrPeerAddr    = "peer.address"
	attrLocalAddr   = "local.address"
	attrLoadTest    = "load_test"
	attrService     = "service.name"
)

// member is a span of a trace: one half of a node.
type member struct {
	node *query.Node
	half *span.Half
}

// group is spans of one resource and scope.
type group struct {
	resource span.Payload
	app      string
	scope    string
	members  []member
}

type groupKey struct{ app, resource, scope string }

// groups orders a trace's spans by where they come from, in the order of display.
func groups(t *query.Trace) []*group {
	var list []*group
	at := make(map[groupKey]*group)
	for i := range t.Nodes {
		n := &t.Nodes[i]
		for h := range n.Call.Halves() {
			k := groupKey{app: h.App, resource: string(h.Resource)}
			if h.Route == span.RouteOTLP {
				k.scope = h.Component
			}
			g := at[k]
			if g == nil {
				g = &group{resource: h.Resource, app: h.App, scope: k.scope}
				at[k] = g
				list = append(list, g)
			}
			g.members = append(g.members, member{n, h})
		}
	}
	return list
}

// resourceAttrs gives the attributes of the group's resource, with service.name, but without those of the scope.
func (g *group) resourceAttrs(yield func(key string, v span.Value)) {
	named := false
	g.resource.Attrs(func(key string, v span.Value) bool {
		if !strings.HasPrefix(key, scopePrefix) {
			named = named || key == attrService
			yield(key, v)
		}
		return true
	})
	if !named && g.app != "" {
		yield(attrService, span.String(g.app))
	}
}

// scopeVersion is that of the instrumentation scope.
func (g *group) scopeVersion() string {
	v, _ := g.resource.Attr(scopePrefix + "version")
	return v.Text()
}

// scopeAttrs gives the attributes of the scope.
func (g *group) scopeAttrs(yield func(key string, v span.Value)) {
	g.resource.Attrs(func(key string, v span.Value) bool {
		if rest, ok := strings.CutPrefix(key, scopePrefix); ok && rest != "version" && rest != "name" {
			yield(rest, v)
		}
		return true
	})
}

// ids gives the ids of a member: every span has one of its own, so that parents and children are told apart.
func (m member) ids(t *query.Trace) (own, parent id.Span) {
	return compat.SpanID(m.node, m.half), compat.ParentID(t, m.node, m.half)
}

// name is the operation, which OTLP wants not to be empty.
func (m member) name() string {
	if m.half.Operation != "" {
		return m.half.Operation
	}
	return m.node.Call.Operation()
}

// extras gives what other sources than OTLP say outside of attributes.
func extras(h *span.Half, yield func(key string, v span.Value)) {
	text := func(key, value string) {
		if value == "" {
			return
		}
		if _, said := h.Payload.Attr(key); !said {
			yield(key, span.String(value))
		}
	}
	if h.Dotted != "" {
		text(attrSOFATrace, h.TraceString())
		text(attrSOFASpan, h.Dotted)
	}
	if h.Route == span.RouteOTLP {
		return
	}
	text(attrComponent, h.Component)
	text(attrResultCode, h.ResultCode)
	text(attrPeerService, h.Peer)
	text(attrPeerAddr, h.PeerAddr)
	text(attrLocalAddr, h.LocalAddr)
	if h.LoadTest {
		if _, said := h.Payload.Attr(attrLoadTest); !said {
			yield(attrLoadTest, span.Bool(true))
		}
	}
}
