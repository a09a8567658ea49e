package twinspan

import (
	"strconv"
	"strings"
)

// encoder writes spans as digest lines. It belongs to a shard; spans that reach it have ended, so that it reads them without
// their lock.
type encoder struct {
	*lineText
	times   timeCache
	starts  secondCache
	keys    keyCache
	scratch []byte
}

// lineText is what all lines have in common, written beforehand. It is read only.
type lineText struct {
	app, instance string
	format        Format
	head          string // behind the time, up to the trace id
	inst          string // ,"instance":"...","operation":
	resource      string // ,"resource":{...}, or nothing
	fieldKeys     [componentCount][maxFields]string
	types         [componentCount]string
}

func newLineText(c *Config) *lineText {
	t := &lineText{app: c.App, instance: c.Instance, format: c.Format}
	t.head = string(appendKey(appendField([]byte{'"'}, "local.app", c.App), "traceId")) + `"`
	t.inst = string(appendKey(appendField(nil, "instance", c.Instance), "operation"))
	if resource, err := c.resource(); err == nil && len(resource) > 0 {
		t.resource = string(appendTags(appendKey(nil, keyResource), resource))
	}
	for i := range componentSpecs {
		spec := &componentSpecs[i]
		for n := range spec.fields {
			t.fieldKeys[i][n] = string(appendKey(nil, spec.fields[n].key))
		}
		t.types[i] = string(appendField(nil, "type", spec.typ))
	}
	return t
}

// kindText is the text between a span's id and its result code.
func kindText(k Kind) string {
	switch k {
	case Client:
		return `","span.kind":"client","result.code":"`
	case Server:
		return `","span.kind":"server","result.code":"`
	case Producer:
		return `","span.kind":"producer","result.code":"`
	case Consumer:
		return `","span.kind":"consumer","result.code":"`
	}
	return `","span.kind":"internal","result.code":"`
}

// line writes one digest line, with its newline.
func (e *encoder) line(b []byte, s *Span, r *resolved) []byte {
	spec := s.component.spec()
	if spec.rpc != nil {
		return e.rpcLine(b, s, spec, r)
	}
	if e.format == Text {
		return e.textLine(b, s, r)
	}
	b = append(b, `{"time":"`...)
	b = e.times.appendNano(b, s.start+int64(s.duration))
	b = append(b, e.head...)
	b = appendText(b, s.traceID)
	b = append(b, `","spanId":"`...)
	b = appendText(b, s.spanID)
	b = append(b, kindText(s.kind)...)
	b = appendText(b, s.code(spec))
	b = append(b, `","current.thread.name":"","time.cost.milliseconds":"`...)
	b = appendInt(b, s.duration.Milliseconds())
	b = append(b, `ms"`...)
	keys := &e.fieldKeys[s.component]
	for i := range spec.fields {
		if f := &spec.fields[i]; !f.optional || !s.absent(f, i, r) {
			b = s.appendJSONField(append(b, keys[i]...), f, i, r)
		}
	}
	if bag := s.bag.Load(); bag == nil {
		b = append(b, `,"sys.baggage":"","biz.baggage":"",`...)
	} else {
		b = append(b, `,"sys.baggage":`...)
		b = e.appendBaggage(b, bag.sys)
		b = append(b, `,"biz.baggage":`...)
		b = e.appendBaggage(b, bag.biz)
		b = append(b, ',')
	}
	b = e.extras(b, s, spec, r)
	return append(b, '}', '\n')
}

// extras writes the fields that SOFATracer does not have, without braces.
func (e *encoder) extras(b []byte, s *Span, spec *componentSpec, r *resolved) []byte {
	b = append(b, `"start.ns":"`...)
	b = e.starts.append(b, s.start)
	b = append(b, `","duration.ns":`...)
	b = strconv.AppendInt(b, s.duration.Nanoseconds(), 10)
	b = append(b, `,"span.id8":"`...)
	b = s.id8.AppendHex(b)
	b = append(b, '"')
	if s.parent8 != 0 {
		if s.paired {
			b = append(b, `,"twin.id8":"`...)
		} else {
			b = append(b, `,"parent.id8":"`...)
		}
		b = s.parent8.AppendHex(b)
		b = append(b, '"')
	}
	if s.local != "" {
		b = appendField(b, "local.address", s.local)
	}
	if s.remote != "" {
		b = e.appendRemote(b, s.remote, r.port)
	}
	b = append(b, e.inst...)
	b = appendString(b, s.operation)
	more := s.extra()
	switch {
	case s.failed:
		b = append(b, `,"status":"error"`...)
		if (!spec.hasError || e.format == Text && spec.errorNotText()) && more.message != "" {
			b = appendField(b, tagError, more.message)
		}
	case s.unset && !s.succeeded:
		b = append(b, `,"status":"unset"`...)
	default:
		b = append(b, `,"status":"ok"`...)
	}
	b = append(b, s.typ(e)...)
	b = append(b, e.resource...)
	if r.kept != "" {
		b = appendField(b, keySampledOut, r.kept)
	}
	if s.remoteApp != "" && !spec.hasRemoteApp {
		b = appendField(b, TagRemoteApp, s.remoteApp)
	}
	if s.scope != nil {
		b = append(append(b, `,"scope":`...), s.scope.json...)
	}
	if e.format == Text {
		b = e.appendAttributes(b, s, more, spec.notText, r)
	} else {
		b = e.appendAttributes(b, s, more, nil, r)
	}
	if len(more.events) > 0 {
		b = append(b, `,"events":[`...)
		for i := range more.events {
			v := &more.events[i]
			if i > 0 {
				b = append(b, ',')
			}
			b = append(b, `{"name":`...)
			b = appendString(b, v.Name)
			b = append(b, `,"time.ns":"`...)
			b = strconv.AppendInt(b, v.Time.UnixNano(), 10)
			b = append(b, `","attributes":`...)
			b = appendTags(b, v.Tags)
			b = append(b, '}')
		}
		b = append(b, ']')
	}
	if len(more.links) > 0 {
		b = s.appendLinks(b)
	}
	return b
}

// appendRemote writes the other side's address; port is 0 where host has it.
func (e *encoder) appendRemote(b []byte, host string, port int64) []byte {
	b = append(b, `,"remote.address":"`...)
	if port <= 0 {
		return append(appendText(b, host), '"')
	}
	if strings.IndexByte(host, ':') >= 0 {
		b = append(appendText(append(b, '['), host), ']')
	} else {
		b = appendText(b, host)
	}
	b = strconv.AppendInt(append(b, ':'), port, 10)
	return append(b, '"')
}

func (s *Span) appendLinks(b []byte) []byte {
	b = append(b, `,"links":[`...)
	for i := range s.more.links {
		l := &s.more.links[i]
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, `{"trace.id16":"`...)
		b = l.Trace.AppendHex(b)
		b = append(b, `","span.id8":"`...)
		b = l.Span.AppendHex(b)
		b = append(b, '"')
		if l.State != "" {
			b = appendField(b, "tracestate", l.State)
		}
		b = append(b, `,"attributes":`...)
		b = append(appendTags(b, l.Tags), '}')
	}
	return append(b, ']')
}

// typ gives the extra field "type". A call of no known protocol is told by its kind.
func (s *Span) typ(e *encoder) string {
	if s.component == Biz {
		switch s.kind {
		case Client, Server:
			return `,"type":"rpc"`
		case Producer, Consumer:
			return `,"type":"mq"`
		}
	}
	return e.types[s.component]
}

// appendAttributes writes the tags that are no standard fields, if there are any, and those of the given fields.
func (e *encoder) appendAttributes(b []byte, s *Span, more *spanExtra, fields []int, r *resolved) []byte {
	begin := len(b)
	b = append(b, `,"attributes":`...)
	first := len(b) // of the comma in front of each
	for i := range s.tags {
		if t := &s.tags[i]; !t.standard {
			b = appendTag(e.keys.append(b, t.Key), t)
		}
	}
	for _, n := range fields {
		if at := r.std[n]; at != 0 && s.tags[at-1].standard {
			b = appendTag(e.keys.append(b, s.tags[at-1].Key), &s.tags[at-1])
		}
	}
	if more.droppedTags > 0 {
		b = strconv.AppendInt(e.keys.append(b, "dropped.tags"), int64(more.droppedTags), 10)
	}
	if more.droppedEvents > 0 {
		b = strconv.AppendInt(e.keys.append(b, "dropped.events"), int64(more.droppedEvents), 10)
	}
	if more.droppedLinks > 0 {
		b = strconv.AppendInt(e.keys.append(b, "dropped.links"), int64(more.droppedLinks), 10)
	}
	if len(b) == first {
		return b[:begin]
	}
	b[first] = '{'
	return append(b, '}')
}

func (s *Span) appendJSONField(b []byte, f *field, n int, r *resolved) []byte {
	switch {
	case f.typ == numberField || f.typ == sizeField:
		return appendInt(b, s.fieldNumber(f, n, r))
	case f.typ == maybeField:
		if r.std[n] == 0 {
			return append(b, '"', '"')
		}
		return appendInt(b, s.fieldNumber(f, n, r))
	case f.typ == jsonField:
		return appendObject(b, s.fieldText(f, n, r))
	case n == 0 && r.url.scheme != "" && f.key == TagURL && r.std[n] == 0:
		if u := &r.url; !plainJSON(u.scheme) || !plainJSON(u.host) || !plainJSON(u.path) {
			return appendString(b, string(u.append(nil)))
		}
		return append(r.url.append(append(b, '"')), '"')
	}
	return appendString(b, s.fieldText(f, n, r))
}

// appendBaggage writes "k=v&k=v&" as a JSON string.
func (e *encoder) appendBaggage(b []byte, pairs []Pair) []byte {
	if len(pairs) == 0 {
		return append(b, '"', '"')
	}
	e.scratch = appendPairs(e.scratch[:0], pairs)
	return appendString(b, string(e.scratch))
}

func appendPairs(b []byte, pairs []Pair) []byte {
	for _, p := range pairs {
		b = append(appendPair(b, p.Key), '=')
		b = append(appendPair(b, p.Value), '&')
	}
	return b
}
