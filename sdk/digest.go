package twinspan

import (
	"strconv"
)

// encoder writes spans as digest lines. It is the writer goroutine's own; spans that reach it have ended, so that it reads
// them without their lock.
type encoder struct {
	app, instance string
	format        Format
	times         timeCache
	scratch       []byte
}

// line writes one digest line, with its newline.
func (e *encoder) line(b []byte, s *Span) []byte {
	if e.format == Text {
		return e.textLine(b, s)
	}
	spec := s.component.spec()
	b = append(b, `{"time":"`...)
	b = e.times.append(b, s.start.Add(s.duration))
	b = append(b, '"')
	b = appendField(b, "local.app", e.app)
	b = appendField(b, "traceId", s.traceID)
	b = appendField(b, "spanId", s.spanID)
	b = appendField(b, "span.kind", s.kind.String())
	b = appendField(b, "result.code", s.code(spec))
	b = append(b, `,"current.thread.name":"","time.cost.milliseconds":"`...)
	b = strconv.AppendInt(b, s.duration.Milliseconds(), 10)
	b = append(b, `ms"`...)
	for i := range spec.fields {
		f := &spec.fields[i]
		b = s.appendJSONField(appendKey(b, f.key), f, i)
	}
	b = append(b, `,"sys.baggage":`...)
	b = e.appendBaggage(b, s.sys)
	b = append(b, `,"biz.baggage":`...)
	b = e.appendBaggage(b, s.biz)
	b = append(b, ',')
	b = e.extras(b, s, spec)
	return append(b, '}', '\n')
}

// extras writes the fields that SOFATracer does not have, without braces.
func (e *encoder) extras(b []byte, s *Span, spec *componentSpec) []byte {
	b = append(b, `"start.ns":"`...)
	b = strconv.AppendInt(b, s.start.UnixNano(), 10)
	b = append(b, `","duration.ns":`...)
	b = strconv.AppendInt(b, s.duration.Nanoseconds(), 10)
	b = append(b, `,"span.id8":"`...)
	b = s.id8.AppendHex(b)
	b = append(b, '"')
	if s.parent8 != 0 {
		b = append(b, `,"parent.id8":"`...)
		b = s.parent8.AppendHex(b)
		b = append(b, '"')
	}
	if s.twin8 != 0 {
		b = append(b, `,"twin.id8":"`...)
		b = s.twin8.AppendHex(b)
		b = append(b, '"')
	}
	if s.local != "" {
		b = appendField(b, "local.address", s.local)
	}
	if s.remote != "" {
		b = appendField(b, "remote.address", s.remote)
	}
	b = appendField(b, "instance", e.instance)
	b = appendField(b, "operation", s.operation)
	switch {
	case s.failed:
		b = append(b, `,"status":"error"`...)
		if !spec.hasError && s.message != "" {
			b = appendField(b, tagError, s.message)
		}
	case s.unset && !s.succeeded:
		b = append(b, `,"status":"unset"`...)
	default:
		b = append(b, `,"status":"ok"`...)
	}
	b = appendField(b, "type", s.typ(spec))
	if s.remoteApp != "" && !spec.hasRemoteApp {
		b = appendField(b, TagRemoteApp, s.remoteApp)
	}
	if s.scope != nil {
		b = append(append(b, `,"scope":`...), s.scope.json...)
	}
	b = s.appendAttributes(b, spec)
	if len(s.events) > 0 {
		b = append(b, `,"events":[`...)
		for i := range s.events {
			v := &s.events[i]
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
	if len(s.links) > 0 {
		b = s.appendLinks(b)
	}
	return b
}

func (s *Span) appendLinks(b []byte) []byte {
	b = append(b, `,"links":[`...)
	for i := range s.links {
		l := &s.links[i]
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
func (s *Span) typ(spec *componentSpec) string {
	if s.component == Biz {
		switch s.kind {
		case Client, Server:
			return "rpc"
		case Producer, Consumer:
			return "mq"
		}
	}
	return spec.typ
}

// appendAttributes writes the tags that are no standard fields, if there are any.
func (s *Span) appendAttributes(b []byte, spec *componentSpec) []byte {
	begin := len(b)
	b = append(b, `,"attributes":{`...)
	empty := len(b)
	for i := range s.tags {
		if t := &s.tags[i]; !t.standard {
			b = appendTag(appendTagKey(b, t.Key), t)
		}
	}
	if s.droppedTags > 0 {
		b = strconv.AppendInt(appendTagKey(b, "dropped.tags"), int64(s.droppedTags), 10)
	}
	if s.droppedEvents > 0 {
		b = strconv.AppendInt(appendTagKey(b, "dropped.events"), int64(s.droppedEvents), 10)
	}
	if s.droppedLinks > 0 {
		b = strconv.AppendInt(appendTagKey(b, "dropped.links"), int64(s.droppedLinks), 10)
	}
	if len(b) == empty {
		return b[:begin]
	}
	return append(b, '}')
}

// standard says that a tag is written as a standard field of the component. One with another type than the field has stays
// an attribute, so that the field keeps its type and nothing is lost.
func (c *componentSpec) standard(t *Tag) int {
	for i := range c.fields {
		if f := &c.fields[i]; f.key == t.Key {
			if f.takes(t) {
				return i
			}
			return -1
		}
	}
	return -1
}

// resolve finds the tags that fill standard fields. The span has ended.
func (s *Span) resolve() {
	if s.component == Inferred {
		s.infer()
	}
	spec := s.component.spec()
	for i := range s.tags {
		if n := spec.standard(&s.tags[i]); n >= 0 {
			s.std[n] = uint16(i + 1)
			s.tags[i].standard = true
		}
	}
}

func (f *field) takes(t *Tag) bool {
	if f.key == tagError || f.key == TagRemoteApp {
		return false // the span's own, by Fail and SetRemoteApp
	}
	if f.typ == numberField || f.typ == sizeField {
		return t.kind == tagInt
	}
	return t.kind == tagString
}

// fieldText gives the text of the standard field n, which is no number.
func (s *Span) fieldText(f *field, n int) string {
	switch f.key {
	case tagError:
		return s.message
	case TagRemoteApp:
		return s.remoteApp
	}
	if at := s.std[n]; at != 0 {
		return s.tags[at-1].str
	}
	if f.typ == costField {
		return "0ms"
	}
	return ""
}

// fieldNumber gives the value of the standard field n, which is a number.
func (s *Span) fieldNumber(f *field, n int) int64 {
	if at := s.std[n]; at != 0 {
		return int64(s.tags[at-1].num)
	}
	if f.typ == sizeField {
		return -1
	}
	return 0
}

func (s *Span) appendJSONField(b []byte, f *field, n int) []byte {
	if f.typ == numberField || f.typ == sizeField {
		return strconv.AppendInt(b, s.fieldNumber(f, n), 10)
	}
	return appendString(b, s.fieldText(f, n))
}

// code gives result.code.
func (s *Span) code(spec *componentSpec) string {
	switch {
	case s.resultCode != "":
		return s.resultCode
	case s.failed:
		return spec.failed
	}
	return spec.ok
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

// textLine writes SOFATracer's columns and the extra fields as one column more.
func (e *encoder) textLine(b []byte, s *Span) []byte {
	spec := s.component.spec()
	b = e.times.append(b, s.start.Add(s.duration))
	b = appendColumn(b, e.app)
	b = appendColumn(b, s.traceID)
	b = appendColumn(b, s.spanID)
	b = appendColumn(b, s.kind.String())
	b = appendColumn(b, s.code(spec))
	b = append(b, ',', ',') // current.thread.name is empty
	b = strconv.AppendInt(b, s.duration.Milliseconds(), 10)
	b = append(b, "ms"...)
	for i := range spec.fields {
		f := &spec.fields[i]
		if f.typ == numberField || f.typ == sizeField {
			b = strconv.AppendInt(append(b, ','), s.fieldNumber(f, i), 10)
			b = append(b, f.textUnit...)
		} else {
			b = appendColumn(b, s.fieldText(f, i))
		}
	}
	if s.component == Biz {
		b = append(b, ',') // SOFATracer's column of all other tags: they are in the last one, with their types
	}
	e.scratch = appendPairs(e.scratch[:0], s.sys)
	b = appendColumn(b, string(e.scratch))
	e.scratch = appendPairs(e.scratch[:0], s.biz)
	b = appendColumn(b, string(e.scratch))
	e.scratch = append(e.extras(append(e.scratch[:0], '{'), s, spec), '}')
	b = appendJSONColumn(b, e.scratch)
	return append(b, '\n')
}

// appendColumn writes a comma and a text in which nothing can be taken for the next column or line.
func appendColumn(b []byte, s string) []byte {
	b = append(b, ',')
	for i := range len(s) {
		switch c := s[i]; c {
		case ',':
			b = append(b, "%2C"...)
		case '\n':
			b = append(b, "%0A"...)
		case '\r':
			b = append(b, "%0D"...)
		default:
			b = append(b, c)
		}
	}
	return b
}

// appendJSONColumn writes a comma and JSON whose commas are "%2C" and whose '%' are "%25".
func appendJSONColumn(b, json []byte) []byte {
	b = append(b, ',')
	for _, c := range json {
		switch c {
		case ',':
			b = append(b, "%2C"...)
		case '%':
			b = append(b, "%25"...)
		default:
			b = append(b, c)
		}
	}
	return b
}
