package zipkin

import (
	"cmp"
	"strconv"
	"strings"

	"github.com/twinspan/twinspan/internal/span"
	"github.com/twinspan/twinspan/sdk/id"
)

// The tags that Java SOFATracer's reporter adds.
const (
	tagOriginSpan   = "origin.span.id"
	tagOriginParent = "origin.parent.span.id"
	tagOperation    = "operation" // our SDK's, with the route and the letters' case that Zipkin's name does not have
)

// rule says which result codes are successes in SOFATracer.
type rule uint8

const (
	ruleCode  rule = iota // 00
	ruleHTTP              // 1xx, 2xx, 301, 302 and 00
	ruleSQL               // success
	ruleError             // no error text
	ruleNone              // not known
)

// form is how a server half finds its client half.
type form uint8

const (
	formUnknown form = iota
	formChild        // the client's dotted id is this one without its last part
	formShared       // the client has the same dotted id
)

// component is what the tags tell of the SOFATracer component that made a span, and of what it called.
type component struct {
	typ             span.Type
	rule            rule
	form            form
	operation, peer string
	local, peerAddr string
	queue, internal bool
}

// sofa makes h what the agent makes of the digest line of the same span, so that a span that comes on both routes is
// one: the reporter's tags are the line's fields, its ids are hashes and paddings of the line's.
func sofa(h *span.Half, m *message, dotted string) {
	t := m.Tags
	h.Coarse = true
	h.Dotted = dotted
	h.App = cmp.Or(t.get("local.app"), h.App) // Zipkin's clients write service names in lower case
	h.ResultCode = t.get("result.code")
	if trace, ok := sofaTrace(m.TraceID, h.Start/1e6); ok {
		h.Trace, h.TraceText = trace, ""
	}
	c := componentOf(t, h.Kind)
	h.Type = c.typ
	switch {
	case c.internal:
		h.Kind = span.KindInternal
	case c.queue && h.Kind == span.KindClient:
		h.Kind = span.KindProducer
	case c.queue && h.Kind == span.KindServer:
		h.Kind = span.KindConsumer
	}
	h.Operation = cmp.Or(t.get(tagOperation), c.operation, h.Operation)
	h.Peer = cmp.Or(c.peer, h.Peer)
	h.LocalAddr = cmp.Or(c.local, h.LocalAddr)
	h.PeerAddr = cmp.Or(c.peerAddr, h.PeerAddr)
	h.Status = c.rule.status(h.ResultCode, t)
	if h.Kind.CalleeSide() && h.Span == id.ServerSpanOf(dotted) {
		c.form = formShared // our own SDK's exporter, whose servers say so by their 8-byte id
	}
	c.form.identify(h)
	for _, t := range t {
		if said(h, t) {
			continue
		}
		if t.key == "sql" {
			t.value = strings.ReplaceAll(t.value, "%2C", ",") // SOFATracer's only escape
		}
		h.Payload = h.Payload.AppendAttr(t.key, span.String(t.value))
	}
}

// said says that another field of h has what a tag tells.
func said(h *span.Half, t tag) bool {
	switch t.key {
	case tagOriginSpan, tagOperation, "span.kind", "local.app", "result.code", "error":
		return true
	case tagOriginParent:
		return t.value == withoutLast(h.Dotted)
	}
	return false
}

// identify sets the ids as they are in SOFATracer.
func (f form) identify(h *span.Half) {
	h.Span, h.Twin = id.SpanOf(h.Dotted), 0
	h.Parent = id.SpanOf(id.ParentOf(h.Dotted))
	if !h.Kind.CalleeSide() {
		return
	}
	switch f {
	case formShared:
		h.Twin, h.Parent = h.Span, h.Span
		h.Span = id.ServerSpanOf(h.Dotted)
	case formChild:
		h.Twin = id.SpanOf(withoutLast(h.Dotted))
		h.Parent = h.Twin
	default:
		h.Twin, h.Shared = h.Span, true
	}
}

func withoutLast(dotted string) string {
	return dotted[:max(0, strings.LastIndexByte(dotted, '.'))]
}

// componentOf tells the component by the tags that only it has.
func componentOf(t tags, kind span.Kind) (c component) {
	switch {
	case t.has("request.url"):
		host, path := span.SplitURL(t.get("request.url"))
		c = component{typ: span.TypeHTTP, rule: ruleHTTP, form: formChild, operation: span.HTTPOperation(t.get("method"), path),
			peer: t.get("remote.app")}
		if kind.CalleeSide() {
			c.local = host
		} else {
			c.peerAddr = cmp.Or(span.HostPort(t.get("remote.host"), t.get("remote.port")), host)
		}
	case t.has("sql"), t.has("database.name"):
		sql := strings.ReplaceAll(t.get("sql"), "%2C", ",")
		c = component{typ: span.TypeDB, rule: ruleSQL, operation: span.SQLOperation(sql),
			peer: span.StoreName(t.get("database.type"), t.get("database.name")), peerAddr: span.SOFAEndpoint(t.get("database.endpoint"))}
	case t.has("service"):
		c = component{typ: span.TypeRPC, rule: ruleCode, form: formShared, operation: t.get("service") + "#" + t.get("method"),
			peer: t.get("remote.app"), local: span.HostPort(t.get("local.host"), t.get("local.port")),
			peerAddr: span.HostPort(t.get("remote.host"), t.get("remote.port"))}
	case t.has("kafka.topic"):
		c = queue("kafka", t.get("kafka.topic"))
	case t.has("exchange"):
		c = queue("rabbitmq", t.get("exchange"))
	case t.has("msg.topic"):
		c = queue("rocketmq", t.get("msg.topic"))
		c.peerAddr = t.get("brokerAddr")
	case t.has("msg.channel"):
		c = queue("message", t.get("msg.channel"))
	case t.has("db.type"):
		c = component{typ: span.TypeDB, rule: ruleCode, operation: t.get("method"),
			peer: span.StoreName(t.get("db.type"), t.get("db.instance")), peerAddr: span.HostPort(t.get("peer.hostname"), t.get("peer.port"))}
		if t.get("db.type") == "redis" {
			c.typ = span.TypeCache
		}
	case t.has("method"): // @Tracer, which calls its spans client spans
		c = component{rule: ruleError, operation: t.get("method"), internal: true}
	default:
		c = component{rule: ruleNone}
	}
	return c
}

func queue(system, destination string) component {
	return component{typ: span.TypeMQ, rule: ruleCode, form: formChild, operation: destination, peer: span.StoreName(system, destination), queue: true}
}

func (r rule) status(code string, t tags) span.Status {
	ok := false
	switch r {
	case ruleCode:
		ok = code == "00"
	case ruleHTTP:
		ok = span.SOFAHTTPSuccess(code)
	case ruleSQL:
		ok = code == "success"
	case ruleError:
		ok = strings.TrimSpace(t.get("error")) == ""
	case ruleNone:
		if !t.has("error") {
			return span.StatusUnset
		}
	}
	if ok {
		return span.StatusOK
	}
	return span.StatusError
}

// sofaTrace takes off the zeros that the reporter puts before a trace id. A SOFA id may begin with zeros itself (those of
// 10.x.x.x begin with 0a): of the lengths that give an id of SOFA's shape, the one counts whose time is nearest to the
// span's start, in ms of the Unix epoch.
func sofaTrace(text string, startMillis int64) (best id.Trace, ok bool) {
	var distance int64
	for rest := text; len(rest) > 25; rest = rest[1:] {
		if t, exact := id.ParseTrace(rest); exact && t.IsSOFA() {
			ms, _ := strconv.ParseInt(rest[8:21], 10, 64) // digits, by the shape
			if d := max(ms-startMillis, startMillis-ms); !ok || d < distance {
				best, distance, ok = t, d, true
			}
		}
		if rest[0] != '0' {
			break
		}
	}
	return best, ok
}
