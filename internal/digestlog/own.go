package digestlog

import (
	"cmp"
	"encoding/hex"
	"strings"

	"github.com/twinspan/twinspan/internal/span"
	"github.com/twinspan/twinspan/sdk/id"
)

// ownField takes one of the fields that Twinspan adds to a digest line (docs/formats/digest-log.md); false for others.
func (d *lineDecoder) ownField(h *span.Half, n *notes, p *span.Payload, f *field) bool {
	switch f.key {
	case "start.ns":
		n.start = f.val
	case "duration.ns":
		n.duration = f.val
	case "span.id8":
		n.span8 = f.val
	case "parent.id8":
		n.parent8 = f.val
	case "twin.id8":
		n.twin8 = f.val
	case "local.address":
		h.LocalAddr = f.val
	case "remote.address":
		h.PeerAddr = f.val
	case "remote.app":
		h.Peer = cmp.Or(f.val, h.Peer)
	case "instance":
		h.Instance = f.val
	case "operation":
		h.Operation = f.val
	case "status":
		n.status = f.val
	case "type":
		n.typeName = f.val
	case "attributes":
		if f.form != formRaw {
			return false
		}
		*p = d.attributes(*p, f.val)
	case "events":
		if f.form != formRaw {
			return false
		}
		*p = d.events(*p, f.val)
	case "links":
		if f.form != formRaw {
			return false
		}
		*p = d.links(*p, f.val)
	case "resource":
		if f.form != formRaw {
			return false
		}
		h.Resource = d.resource(f.val)
	case "scope":
		if f.form != formRaw {
			return false
		}
		*p = d.scope(*p, f.val)
	default:
		return false
	}
	return true
}

// attributes appends the members of a JSON object. Arrays and objects among them are kept as JSON text.
func (d *lineDecoder) attributes(p span.Payload, object string) span.Payload {
	fields, ok := scanObject(d.extra[:0], object, true)
	d.extra = fields
	if !ok {
		return p.AppendAttr("attributes", span.String(object))
	}
	for i := range fields {
		p = p.AppendAttr(fields[i].key, fields[i].value())
	}
	return p
}

// events appends the events of a JSON array of {"name","time.ns","attributes"}.
func (d *lineDecoder) events(p span.Payload, array string) span.Payload {
	for i := 1; i < len(array)-1; {
		n := balanced(array[i:])
		if array[i] != '{' || n == 0 {
			return p.AppendAttr("events", span.String(array))
		}
		fields, ok := scanObject(nil, array[i:i+n], true)
		if !ok {
			return p.AppendAttr("events", span.String(array))
		}
		var at int64
		var name string
		var attrs span.Payload
		for _, f := range fields {
			switch f.key {
			case "time.ns":
				at, _ = parseInt(f.val)
			case "name":
				name = f.val
			case "attributes":
				attrs = d.attributes(attrs, f.val)
			}
		}
		p = p.AppendEvent(at, name, attrs)
		if i += n; i < len(array) && array[i] == ',' {
			i++
		}
	}
	return p
}

// links appends the links of a JSON array of {"trace.id16","span.id8","attributes"}.
func (d *lineDecoder) links(p span.Payload, array string) span.Payload {
	for i := 1; i < len(array)-1; {
		n := balanced(array[i:])
		if array[i] != '{' || n == 0 {
			return p.AppendAttr("links", span.String(array))
		}
		fields, ok := scanObject(nil, array[i:i+n], true)
		if !ok {
			return p.AppendAttr("links", span.String(array))
		}
		var trace id.Trace
		var to id.Span
		var attrs span.Payload
		for _, f := range fields {
			switch f.key {
			case "trace.id16":
				if raw, err := hex.DecodeString(f.val); err == nil {
					copy(trace[:], raw)
				}
			case "span.id8":
				to, _ = id.ParseSpan(f.val)
			case "attributes":
				attrs = d.attributes(attrs, f.val)
			}
		}
		p = p.AppendLink(trace, to, attrs)
		if i += n; i < len(array) && array[i] == ',' {
			i++
		}
	}
	return p
}

// resource gives the attributes of the service, which are the same on nearly all lines of a file.
func (d *lineDecoder) resource(object string) span.Payload {
	if d.resourceText != object {
		d.resourceText, d.resourceOf = strings.Clone(object), d.attributes(nil, object)
	}
	return d.resourceOf
}

// scope appends the instrumentation scope, {"name","version",...}, as OTLP's receiver does.
func (d *lineDecoder) scope(p span.Payload, object string) span.Payload {
	fields, ok := scanObject(nil, object, true)
	if !ok {
		return p.AppendAttr("scope", span.String(object))
	}
	for _, f := range fields {
		p = p.AppendAttr("otel.scope."+f.key, f.value())
	}
	return p
}
