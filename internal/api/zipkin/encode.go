package zipkin

import (
	"bytes"
	"encoding/json"
	"net"
	"net/netip"
	"strconv"

	"github.com/twinspan/twinspan/internal/api/compat"
	"github.com/twinspan/twinspan/internal/query"
	"github.com/twinspan/twinspan/internal/span"
	"github.com/twinspan/twinspan/sdk/id"
)

// The JSON is written by hand: an answer is mostly tags, which go from the encoded payload to the answer without an object
// in between.

// Names of tags that are no attributes.
const (
	tagError = "error"
	// tagOriginSpan is that of Java SOFATracer's Zipkin reporter: the dotted span id.
	tagOriginSpan  = "origin.span.id"
	tagSOFATrace   = "sofa.trace_id"
	tagStatus      = "otel.status_code"
	tagDescription = "otel.status_description"
	tagScope       = "otel.scope.name"
	tagComponent   = "component"
	tagResultCode  = "result.code"
	tagPeerAddr    = "peer.address"
	tagLocalAddr   = "local.address"
	tagLoadTest    = "load_test"
)

// derived says that a tag may come from other than attributes.
func derived(key string) bool {
	switch key {
	case tagError, tagOriginSpan, tagSOFATrace, tagStatus, tagDescription, tagScope, tagComponent, tagResultCode, tagPeerAddr, tagLocalAddr, tagLoadTest:
		return true
	}
	return false
}

// appendTrace appends the trace's spans as a JSON list.
func appendTrace(b []byte, t *query.Trace) []byte {
	e := encoder{trace: t, id: compat.TraceID(t.ID[:]), b: append(b, '[')}
	first := true
	for i := range t.Nodes {
		n := &t.Nodes[i]
		for h := range n.Call.Halves() {
			if !first {
				e.b = append(e.b, ',')
			}
			first = false
			e.span(n, h)
		}
	}
	return append(e.b, ']')
}

// encoder writes one trace.
type encoder struct {
	trace *query.Trace
	id    string
	b     []byte
	tags  []tag
}

func (e *encoder) add(parts ...string) {
	for _, p := range parts {
		e.b = append(e.b, p...)
	}
}

func (e *encoder) span(n *query.Node, h *span.Half) {
	own, parent, shared := e.identify(n, h)
	e.add(`{"traceId":"`, e.id, `"`)
	if parent != 0 {
		e.add(`,"parentId":"`)
		e.b = append(parent.AppendHex(e.b), '"')
	}
	e.add(`,"id":"`)
	e.b = append(own.AppendHex(e.b), '"')
	switch h.Kind {
	case span.KindClient:
		e.add(`,"kind":"CLIENT"`)
	case span.KindServer:
		e.add(`,"kind":"SERVER"`)
	case span.KindProducer:
		e.add(`,"kind":"PRODUCER"`)
	case span.KindConsumer:
		e.add(`,"kind":"CONSUMER"`)
	}
	if h.Operation != "" {
		e.add(`,"name":`)
		e.b = compat.AppendString(e.b, h.Operation)
	}
	if h.Start >= 1000 {
		e.add(`,"timestamp":`)
		e.b = compat.AppendInt(e.b, h.Start/1000)
	}
	// Zipkin has no duration of 0; of its own spans, those without one came incomplete.
	if h.Duration > 0 || h.Route != span.RouteZipkin {
		e.add(`,"duration":`)
		e.b = compat.AppendInt(e.b, max(1, h.Duration/1000))
	}
	e.endpoint("localEndpoint", h.App, h.LocalAddr)
	e.endpoint("remoteEndpoint", remoteName(&n.Call, h), h.PeerAddr)
	e.annotations(h)
	e.tags = tagsOf(e.tags[:0], h)
	for i, t := range e.tags {
		if i == 0 {
			e.add(`,"tags":{`)
		} else {
			e.add(",")
		}
		e.b = compat.AppendString(e.b, t.key)
		e.b = compat.AppendString(append(e.b, ':'), t.value.Text())
	}
	if len(e.tags) > 0 {
		e.add("}")
	}
	if shared {
		e.add(`,"shared":true`)
	}
	e.add("}")
}

// identify gives a span's ids as Zipkin has them: a server's half that came with its client's id has that id again, and
// what is below it names that id.
func (e *encoder) identify(n *query.Node, h *span.Half) (own, parent id.Span, shared bool) {
	if !h.Kind.CalleeSide() || !compat.SharesID(n, h) {
		return h.Span, e.parent(n, h), false
	}
	own = h.Twin
	if c := n.Call.Client; c != nil {
		return own, e.parent(n, c), true
	}
	if h.Dotted != "" {
		parent = id.SpanOf(id.ParentOf(h.Dotted))
	}
	return own, parent, true
}

func (e *encoder) parent(n *query.Node, h *span.Half) id.Span {
	p := h.Parent
	if p == 0 && h.Kind.CalleeSide() {
		p = h.Twin
	}
	if n.Parent >= 0 && p != 0 {
		above := &e.trace.Nodes[n.Parent]
		if s := above.Call.Server; s != nil && s.Span == p && compat.SharesID(above, s) {
			p = s.Twin
		}
	}
	return p
}

// remoteName is the service on the other side of a half, as far as the call tells.
func remoteName(c *span.Call, h *span.Half) string {
	switch {
	case h.Kind.CallerSide():
		return c.Callee
	case h.Kind.CalleeSide():
		return c.Caller
	}
	return h.Peer
}

// endpoint writes a service and its address, nothing where neither is known.
func (e *encoder) endpoint(name, service, addr string) {
	ip, port := address(addr)
	if service == "" && !ip.IsValid() {
		return
	}
	from := len(e.b)
	e.add(`,"`, name, `":{`)
	inner := len(e.b)
	sep := func() {
		if len(e.b) > inner {
			e.b = append(e.b, ',')
		}
	}
	if service != "" {
		e.add(`"serviceName":`)
		e.b = compat.AppendString(e.b, service)
	}
	if ip.IsValid() {
		sep()
		key := `"ipv4":"`
		if !ip.Is4() {
			key = `"ipv6":"`
		}
		e.add(key, ip.String(), `"`)
	}
	if port > 0 {
		sep()
		e.add(`"port":`, strconv.Itoa(port))
	}
	if len(e.b) == inner {
		e.b = e.b[:from]
		return
	}
	e.add("}")
}

// address reads "10.0.0.1:80", "[::1]:80", "10.0.0.1" and "::1"; names of hosts are no addresses in Zipkin.
func address(text string) (ip netip.Addr, port int) {
	host, number, err := net.SplitHostPort(text)
	if err != nil {
		host = text
	}
	if len(host) > 2 && host[0] == '[' && host[len(host)-1] == ']' {
		host = host[1 : len(host)-1]
	}
	ip, err = netip.ParseAddr(host)
	if err != nil {
		return netip.Addr{}, 0
	}
	if port, err = strconv.Atoi(number); err != nil || port < 0 || port > 65535 {
		port = 0
	}
	return ip.Unmap().WithZone(""), port
}

// annotations writes the events: their names, and their attributes as JSON behind, as OpenTelemetry's exporters to Zipkin do.
func (e *encoder) annotations(h *span.Half) {
	first := true
	h.Payload.Events(func(v span.Event) bool {
		if first {
			e.add(`,"annotations":[`)
		} else {
			e.add(",")
		}
		first = false
		e.add(`{"timestamp":`)
		e.b = compat.AppendInt(e.b, v.Time/1000)
		e.add(`,"value":`)
		e.b = append(compat.AppendString(e.b, annotation(v)), '}')
		return true
	})
	if !first {
		e.add("]")
	}
}

func annotation(v span.Event) string {
	attrs := map[string]span.Value{}
	v.Attrs.Attrs(func(key string, value span.Value) bool {
		attrs[key] = value
		return true
	})
	if len(attrs) == 0 {
		return v.Name
	}
	var text bytes.Buffer
	enc := json.NewEncoder(&text)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(map[string]any{v.Name: attrs}); err != nil {
		return v.Name
	}
	out := bytes.TrimSpace(text.Bytes())
	return string(out[1 : len(out)-1])
}

type tag struct {
	key   string
	value span.Value
}

// manyTags is from where on names of tags are looked up in a map.
const manyTags = 32

// tagsOf appends all tags of a span, each name once: attributes before what the resource and other fields say.
func tagsOf(tags []tag, h *span.Half) []tag {
	from := len(tags)
	var seen map[string]struct{}
	add := func(key string, v span.Value) {
		if seen == nil && len(tags)-from >= manyTags {
			seen = make(map[string]struct{}, 2*manyTags)
			for _, t := range tags[from:] {
				seen[t.key] = struct{}{}
			}
		}
		if seen != nil {
			if _, twice := seen[key]; twice {
				return
			}
			seen[key] = struct{}{}
		} else {
			for i := range tags[from:] {
				if tags[from+i].key == key {
					return
				}
			}
		}
		tags = append(tags, tag{key, v})
	}
	text := func(key, value string) {
		if value != "" {
			add(key, span.String(value))
		}
	}
	h.Payload.Attrs(func(key string, v span.Value) bool {
		add(key, v)
		return true
	})
	message := h.Payload.StatusMessage()
	if h.Status == span.StatusError {
		if message == "" {
			message = "true"
		}
		text(tagError, message)
	} else {
		text(tagDescription, message)
	}
	if h.Route == span.RouteOTLP {
		text(tagScope, h.Component)
		switch h.Status {
		case span.StatusOK:
			text(tagStatus, "OK")
		case span.StatusError:
			text(tagStatus, "ERROR")
		}
	}
	h.Resource.Attrs(func(key string, v span.Value) bool {
		if key != "service.name" {
			add(key, v)
		}
		return true
	})
	if h.Dotted != "" {
		text(tagOriginSpan, h.Dotted)
		text(tagSOFATrace, h.TraceString())
	}
	if h.Route != span.RouteOTLP {
		text(tagComponent, h.Component)
		text(tagResultCode, h.ResultCode)
		if ip, _ := address(h.PeerAddr); !ip.IsValid() {
			text(tagPeerAddr, h.PeerAddr)
		}
		if ip, _ := address(h.LocalAddr); !ip.IsValid() {
			text(tagLocalAddr, h.LocalAddr)
		}
	}
	if h.LoadTest {
		add(tagLoadTest, span.Bool(true))
	}
	return tags
}
