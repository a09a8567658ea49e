package jaeger

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/twinspan/twinspan/internal/api/compat"
	"github.com/twinspan/twinspan/internal/query"
	"github.com/twinspan/twinspan/internal/span"
)

// The JSON is written by hand: an answer is mostly tags, which go from the encoded payload to the answer without an object
// in between.

// sizeOfNode is about the bytes that a call takes in an answer.
const sizeOfNode = 4 << 10

// Names of tags that are no attributes.
const (
	tagScope       = "otel.scope.name"
	scopePrefix    = "otel.scope."
	tagComponent   = "component"
	tagSOFATrace   = "sofa.trace_id"
	tagSOFASpan    = "sofa.span_id"
	tagResultCode  = "result.code"
	tagPeerService = "peer.service"
	tagPeerAddr    = "peer.address"
	tagLocalAddr   = "local.address"
	tagLoadTest    = "load_test"
)

// encoder writes one trace.
type encoder struct {
	trace *query.Trace
	b     []byte
	// id is the trace's id as Jaeger writes it.
	id string
	// processes are in the order of their keys p1, p2, ….
	processes []string
	byText    map[string]int
	bySource  map[processKey]int
	tags      []tag
}

type tag struct {
	key   string
	value span.Value
}

// processKey is what a process is known by before it is written.
type processKey struct{ app, resource string }

// appendTrace appends the trace's JSON.
func appendTrace(b []byte, t *query.Trace) []byte {
	e := &encoder{trace: t, b: b, id: compat.TraceID(t.ID[:]), byText: make(map[string]int), bySource: make(map[processKey]int)}
	e.add(`{"traceID":"`, e.id, `","spans":[`)
	first := true
	for i := range t.Nodes {
		n := &t.Nodes[i]
		for h := range n.Call.Halves() {
			if !first {
				e.add(",")
			}
			first = false
			e.span(n, h)
		}
	}
	e.add(`],"processes":{`)
	for i, text := range e.processes {
		if i > 0 {
			e.add(",")
		}
		e.add(`"p`, strconv.Itoa(i+1), `":`, text)
	}
	e.add(`},"warnings":`)
	if t.Truncated {
		e.add(`["the trace has more spans than are shown"]}`)
	} else {
		e.add("null}")
	}
	return e.b
}

func (e *encoder) add(parts ...string) {
	for _, p := range parts {
		e.b = append(e.b, p...)
	}
}

func (e *encoder) span(n *query.Node, h *span.Half) {
	lead := n.Call.Lead() == h
	e.add(`{"traceID":"`, e.id, `","spanID":"`)
	e.b = compat.SpanID(n, h).AppendHex(e.b)
	e.add(`"`)
	if compat.Flags(h.Payload)&1 != 0 {
		e.add(`,"flags":1`)
	}
	e.add(`,"operationName":`)
	e.b = compat.AppendString(e.b, h.Operation)
	e.add(`,"references":[`)
	e.references(n, h)
	e.add(`],"startTime":`)
	e.b = compat.AppendInt(e.b, h.Start/1000)
	e.add(`,"duration":`)
	e.b = compat.AppendInt(e.b, h.Duration/1000)
	process := e.process(h)
	e.add(`,"tags":[`)
	e.spanTags(h)
	e.add(`],"logs":[`)
	e.logs(h)
	e.add(`],"processID":"p`, strconv.Itoa(process), `","warnings":`)
	e.warnings(n, h, lead)
	e.add("}")
}

func (e *encoder) references(n *query.Node, h *span.Half) {
	parent := compat.ParentID(e.trace, n, h)
	type link struct {
		trace string
		span  []byte
		child bool
	}
	var links []link
	childOf := true
	h.Payload.Links(func(l span.Link) bool {
		if len(l.TraceID) != 16 || len(l.SpanID) != 8 || [16]byte(l.TraceID) == [16]byte{} {
			return true
		}
		v, _ := l.Attrs.Attr("opentracing.ref_type")
		k := link{compat.TraceID(l.TraceID), l.SpanID, v.Text() == "child_of"}
		if k.trace == e.id && parent != 0 && string(k.span) == string(compat.SpanBytes(parent)) {
			childOf = k.child // the same span again, perhaps with another type
		} else {
			links = append(links, k)
		}
		return true
	})
	if parent != 0 {
		e.reference(childOf, e.id, compat.SpanBytes(parent))
	}
	for i, k := range links {
		if i > 0 || parent != 0 {
			e.add(",")
		}
		e.reference(k.child, k.trace, k.span)
	}
}

func (e *encoder) reference(childOf bool, trace string, spanID []byte) {
	kind := "FOLLOWS_FROM"
	if childOf {
		kind = "CHILD_OF"
	}
	e.add(`{"refType":"`, kind, `","traceID":"`, trace, `","spanID":"`, fmt.Sprintf("%x", spanID), `"}`)
}

// process gives the number of the half's process, from 1.
func (e *encoder) process(h *span.Half) int {
	if at, ok := e.bySource[processKey{h.App, string(h.Resource)}]; ok {
		return at
	}
	e.tags = e.tags[:0]
	h.Resource.Attrs(func(key string, v span.Value) bool {
		if key != "service.name" && !strings.HasPrefix(key, scopePrefix) {
			e.tags = append(e.tags, tag{key, v})
		}
		return true
	})
	sortTags(e.tags)
	b := compat.AppendString([]byte(`{"serviceName":`), h.App)
	b = append(b, `,"tags":[`...)
	for i, t := range e.tags {
		b = appendTag(b, i == 0, t.key, t.value)
	}
	text := string(append(b, "]}"...))
	// Resources may differ in what is not the process's.
	at, ok := e.byText[text]
	if !ok {
		e.processes = append(e.processes, text)
		at = len(e.processes)
		e.byText[text] = at
	}
	e.bySource[processKey{h.App, string(h.Resource)}] = at
	return at
}

func sortTags(tags []tag) {
	slices.SortStableFunc(tags, func(a, b tag) int { return strings.Compare(a.key, b.key) })
}

func (e *encoder) spanTags(h *span.Half) {
	from := len(e.b)
	text := func(key, value string) {
		if value != "" {
			e.b = appendTag(e.b, len(e.b) == from, key, span.String(value))
		}
	}
	if h.Component != "" && h.Route == span.RouteOTLP {
		text(tagScope, h.Component)
	}
	h.Resource.Attrs(func(key string, v span.Value) bool {
		if strings.HasPrefix(key, scopePrefix) {
			e.b = appendTag(e.b, len(e.b) == from, key, v)
		}
		return true
	})
	e.tags = e.tags[:0]
	h.Payload.Attrs(func(key string, v span.Value) bool {
		if key != "error" || h.Status != span.StatusError {
			e.tags = append(e.tags, tag{key, v})
		}
		return true
	})
	sortTags(e.tags)
	for _, t := range e.tags {
		e.b = appendTag(e.b, len(e.b) == from, t.key, t.value)
	}
	if h.Kind != span.KindUnspecified {
		text("span.kind", h.Kind.String())
	}
	switch h.Status {
	case span.StatusOK:
		text("otel.status_code", "OK")
	case span.StatusError:
		text("otel.status_code", "ERROR")
		e.b = appendTag(e.b, false, "error", span.Bool(true))
	}
	text("otel.status_description", h.Payload.StatusMessage())
	text("w3c.tracestate", compat.TraceState(h.Payload))
	e.sofaTags(h, text)
}

// sofaTags adds what other sources than OTLP say outside of attributes. e.tags are the attributes, sorted.
func (e *encoder) sofaTags(h *span.Half, text func(key, value string)) {
	if h.Dotted != "" {
		text(tagSOFATrace, h.TraceString())
		text(tagSOFASpan, h.Dotted)
	}
	if h.Route == span.RouteOTLP {
		return
	}
	for _, t := range [...]tag{
		{tagComponent, span.String(h.Component)}, {tagResultCode, span.String(h.ResultCode)}, {tagPeerService, span.String(h.Peer)},
		{tagPeerAddr, span.String(h.PeerAddr)}, {tagLocalAddr, span.String(h.LocalAddr)},
	} {
		if !slices.ContainsFunc(e.tags, func(o tag) bool { return o.key == t.key }) {
			text(t.key, t.value.Text())
		}
	}
	if h.LoadTest {
		e.b = appendTag(e.b, e.b[len(e.b)-1] == '[', tagLoadTest, span.Bool(true))
	}
}

func (e *encoder) logs(h *span.Half) {
	first := true
	h.Payload.Events(func(v span.Event) bool {
		if !first {
			e.add(",")
		}
		first = false
		e.add(`{"timestamp":`)
		e.b = compat.AppendInt(e.b, v.Time/1000)
		e.add(`,"fields":[`)
		from := len(e.b)
		if _, named := v.Attrs.Attr("event"); !named && v.Name != "" {
			e.b = appendTag(e.b, true, "event", span.String(v.Name))
		}
		v.Attrs.Attrs(func(key string, value span.Value) bool {
			e.b = appendTag(e.b, len(e.b) == from, key, value)
			return true
		})
		e.add("]}")
		return true
	})
}

// warnings tells what is special about a span. What concerns the place in the tree is said of the span that has it.
func (e *encoder) warnings(n *query.Node, h *span.Half, lead bool) {
	var list []string
	if lead && n.Notes&(query.NoteOrphan|query.NoteAttached) != 0 {
		list = append(list, "the parent span is not stored")
	}
	if lead && n.Notes&query.NoteCycle != 0 {
		list = append(list, "the parent spans lead back to this one")
	}
	if lead && n.Notes&query.NoteRepeated != 0 {
		list = append(list, "other spans of the trace have the same id, as retries and redeliveries do")
	}
	if n.Notes&query.NoteMerged != 0 {
		list = append(list, "this call came on several routes: the attributes are merged")
	}
	if h.Coarse && h.Duration < 1e6 {
		list = append(list, "times are known to the millisecond only")
	}
	if list == nil {
		e.add("null")
		return
	}
	for i, text := range list {
		if i == 0 {
			e.add("[")
		} else {
			e.add(",")
		}
		e.b = compat.AppendString(e.b, text)
	}
	e.add("]")
}

// appendTag appends a typed tag.
func appendTag(b []byte, first bool, key string, v span.Value) []byte {
	if !first {
		b = append(b, ',')
	}
	b = append(b, `{"key":`...)
	b = compat.AppendString(b, key)
	switch v.Kind {
	case span.ValueBool:
		b = append(b, `,"type":"bool","value":`...)
		b = strconv.AppendBool(b, v.Bool())
	case span.ValueInt:
		b = append(b, `,"type":"int64","value":`...)
		if n := v.Int(); n > compat.MaxSafe || n < -compat.MaxSafe {
			b = append(compat.AppendInt(append(b, '"'), n), '"')
		} else {
			b = compat.AppendInt(b, n)
		}
	case span.ValueFloat:
		b = append(b, `,"type":"float64","value":`...)
		b = compat.AppendFloat(b, v.Float())
	case span.ValueBytes:
		// Text of bytes is their base64.
		b = append(b, `,"type":"binary","value":`...)
		b = compat.AppendString(b, v.Text())
	default: // arrays and maps as JSON
		b = append(b, `,"type":"string","value":`...)
		b = compat.AppendString(b, v.Text())
	}
	return append(b, '}')
}
