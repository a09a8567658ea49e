package twinspan

import "strconv"

// textLine writes SOFATracer's columns and the extra fields as one column more.
func (e *encoder) textLine(b []byte, s *Span, r *resolved) []byte {
	spec := s.component.spec()
	b = e.times.appendNano(b, s.start+int64(s.duration))
	b = appendColumn(b, e.app)
	b = appendColumn(b, s.traceID)
	b = appendColumn(b, s.spanID)
	b = appendColumn(b, s.kind.String())
	b = appendColumn(b, s.code(spec))
	b = append(b, ',', ',') // current.thread.name is empty
	b = strconv.AppendInt(b, s.duration.Milliseconds(), 10)
	b = append(b, "ms"...)
	b = s.appendTextFields(b, spec, r)
	if s.component == Biz {
		b = append(b, ',') // SOFATracer's column of all other tags: they are in the last one, with their types
	}
	bag := s.baggage()
	e.scratch = appendPairs(e.scratch[:0], bag.sys)
	b = appendColumn(b, string(e.scratch))
	e.scratch = appendPairs(e.scratch[:0], bag.biz)
	b = appendColumn(b, string(e.scratch))
	e.scratch = append(e.extras(append(e.scratch[:0], '{'), s, spec, r), '}')
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

// appendTextFields writes a component's text columns.
func (s *Span) appendTextFields(b []byte, spec *componentSpec, r *resolved) []byte {
	for _, at := range spec.textAt {
		switch at {
		case emptyAt:
			b = append(b, ',')
			continue
		case nullAt:
			b = append(b, ",null"...)
			continue
		case remoteHostAt:
			b = appendColumn(b, s.remoteHost())
			continue
		}
		f := &spec.fields[at]
		switch {
		case f.optional && s.absent(f, at, r):
		case f.typ == maybeField && r.std[at] == 0:
			b = append(b, ",null"...)
		case f.number():
			b = strconv.AppendInt(append(b, ','), s.fieldNumber(f, at, r), 10)
			b = append(b, f.textUnit...)
		default:
			b = appendColumn(b, s.fieldText(f, at, r))
		}
	}
	return b
}
