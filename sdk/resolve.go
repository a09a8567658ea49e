package twinspan

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

// resolved says where the values of a span's standard fields are.
type resolved struct {
	std   [maxFields]uint16 // the tag, plus one, that fills each field
	route string            // of HTTP, where the operation does not have it
	url   urlParts          // of HTTP, where no tag has it
	port  int64             // of Span.remote, where that is the host only
	kept  string            // why it is logged although its trace is sampled out
	own   []byte            // the line, of a component with an Encoder
}

// resolve finds the tags that fill standard fields. The span has ended.
func (s *Span) resolve(r *resolved) {
	if s.component >= componentCount {
		if s.component == Inferred {
			s.infer(r)
		} else {
			s.component = Biz
		}
	}
	spec := s.component.spec()
	for i := range s.tags {
		t := &s.tags[i]
		if !spec.lengths.has(t.Key) {
			continue // most attributes of other APIs are none
		}
		if n := spec.standard(t); n >= 0 {
			r.std[n] = uint16(i + 1)
			t.standard = true
		}
	}
}

func (f *field) takes(t *Tag) bool {
	switch f.typ {
	case errorField, remoteAppField:
		return false // the span's own, by Fail and SetRemoteApp
	case numberField, sizeField, maybeField:
		return t.kind == tagInt
	case jsonField:
		return t.kind == tagString || t.kind == tagJSON
	}
	return t.kind == tagString
}

// fieldText gives the text of the standard field n, which is no number.
func (s *Span) fieldText(f *field, n int, r *resolved) string {
	switch f.typ {
	case errorField:
		return s.extra().message
	case remoteAppField:
		return s.remoteApp
	}
	if at := r.std[n]; at != 0 {
		return s.tags[at-1].str
	}
	if f.key == TagURL && r.url.scheme != "" {
		return string(r.url.append(nil))
	}
	if f.typ == costField {
		return "0ms"
	}
	return ""
}

// fieldNumber gives the value of the standard field n, which is a number.
func (s *Span) fieldNumber(f *field, n int, r *resolved) int64 {
	if at := r.std[n]; at != 0 {
		return int64(s.tags[at-1].num)
	}
	if f.typ == sizeField {
		return -1
	}
	return 0
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
