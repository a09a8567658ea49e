package jaeger

import (
	"github.com/cespare/xxhash/v2"

	"github.com/twinspan/twinspan/internal/ingest/thrift"
	"github.com/twinspan/twinspan/internal/span"
	"github.com/twinspan/twinspan/sdk/id"
)

// The structs and field numbers are those of jaeger.thrift in https://github.com/jaegertracing/jaeger-idl.

// batchThrift reads a Batch. The process may stand behind the spans.
func (d *decoder) batchThrift(r *thrift.Reader) error {
	p := newProcess("", nil)
	var records []record
	var failed error
	r.Struct(func(n int16, t thrift.Type) bool {
		switch {
		case n == 1 && t == thrift.Struct:
			p = processThrift(r)
		case n == 2 && (t == thrift.List || t == thrift.Set):
			r.List(func(t thrift.Type) bool {
				if failed != nil || t != thrift.Struct {
					return false
				}
				if failed = d.count(); failed != nil {
					return false
				}
				rec, size := spanThrift(r)
				if failed = d.size(size); failed == nil {
					records = append(records, rec)
				}
				return true
			})
		default:
			return false
		}
		return true
	})
	switch {
	case failed != nil:
		return failed
	case r.Err() != nil:
		return r.Err()
	}
	d.halves = make([]span.Half, 0, len(records))
	for i := range records {
		d.add(&records[i], &p)
	}
	return nil
}

func processThrift(r *thrift.Reader) process {
	var service string
	var tags span.Payload
	r.Struct(func(n int16, t thrift.Type) bool {
		switch {
		case n == 1 && t == thrift.String:
			service = r.String()
		case n == 2 && t == thrift.List:
			tagsThrift(r, func(key string, v span.Value) { tags = tags.AppendAttr(key, v) })
		default:
			return false
		}
		return true
	})
	return newProcess(service, tags)
}

// spanThrift reads a Span and gives its size.
func spanThrift(r *thrift.Reader) (rec record, size int) {
	from := r.Offset()
	var high, low int64
	r.Struct(func(n int16, t thrift.Type) bool {
		switch {
		case n == 1 && t == thrift.I64:
			low = r.I64()
		case n == 2 && t == thrift.I64:
			high = r.I64()
		case n == 3 && t == thrift.I64:
			rec.span = id.Span(r.I64())
		case n == 4 && t == thrift.I64:
			rec.parent = id.Span(r.I64())
		case n == 5 && t == thrift.String:
			rec.name = r.String()
		case n == 6 && t == thrift.List:
			r.List(func(t thrift.Type) bool {
				if t != thrift.Struct {
					return false
				}
				rec.refs = append(rec.refs, refThrift(r))
				return true
			})
		case n == 8 && t == thrift.I64:
			rec.start = micros(r.I64())
		case n == 9 && t == thrift.I64:
			rec.duration = micros(r.I64())
		case n == 10 && t == thrift.List:
			tagsThrift(r, rec.tag)
		case n == 11 && t == thrift.List:
			r.List(func(t thrift.Type) bool {
				if t != thrift.Struct {
					return false
				}
				logThrift(r, &rec)
				return true
			})
		default:
			return false
		}
		return true
	})
	rec.trace = traceOf(high, low)
	rec.origin = xxhash.Sum64(r.Since(from))
	return rec, r.Offset() - from
}

// tag keeps a span's tag.
func (r *record) tag(key string, v span.Value) {
	if !r.notes.tag(key, v) {
		r.payload = r.payload.AppendAttr(key, v)
	}
}

func refThrift(r *thrift.Reader) (to ref) {
	var high, low int64
	r.Struct(func(n int16, t thrift.Type) bool {
		switch {
		case n == 1 && t == thrift.I32:
			to.follows = r.I32() == 1
		case n == 2 && t == thrift.I64:
			low = r.I64()
		case n == 3 && t == thrift.I64:
			high = r.I64()
		case n == 4 && t == thrift.I64:
			to.span = id.Span(r.I64())
		default:
			return false
		}
		return true
	})
	to.trace = traceOf(high, low)
	return to
}

func logThrift(r *thrift.Reader, rec *record) {
	var at int64
	var fields logFields
	r.Struct(func(n int16, t thrift.Type) bool {
		switch {
		case n == 1 && t == thrift.I64:
			at = micros(r.I64())
		case n == 2 && t == thrift.List:
			tagsThrift(r, fields.add)
		default:
			return false
		}
		return true
	})
	rec.log(at, fields.name, fields.attrs)
}

// logFields are those of a log; the one that names the event is taken out.
type logFields struct {
	name  string
	attrs span.Payload
}

func (f *logFields) add(key string, v span.Value) {
	if key == "event" && f.name == "" {
		f.name = v.Text()
		return
	}
	f.attrs = f.attrs.AppendAttr(key, v)
}

// tagsThrift reads a list of Tags.
func tagsThrift(r *thrift.Reader, use func(key string, v span.Value)) {
	r.List(func(t thrift.Type) bool {
		if t != thrift.Struct {
			return false
		}
		key, v := tagThrift(r)
		use(key, v)
		return true
	})
}

func tagThrift(r *thrift.Reader) (key string, v span.Value) {
	var kind int32
	var values [5]span.Value // by the numbers of TagType
	r.Struct(func(n int16, t thrift.Type) bool {
		switch {
		case n == 1 && t == thrift.String:
			key = r.String()
		case n == 2 && t == thrift.I32:
			kind = r.I32()
		case n == 3 && t == thrift.String:
			values[0] = span.String(r.String())
		case n == 4 && t == thrift.Double:
			values[1] = span.Float(r.Double())
		case n == 5 && t == thrift.Bool:
			values[2] = span.Bool(r.Bool())
		case n == 6 && t == thrift.I64:
			values[3] = span.Int(r.I64())
		case n == 7 && t == thrift.String:
			values[4] = span.Bytes(r.Bytes())
		default:
			return false
		}
		return true
	})
	if kind >= 0 && int(kind) < len(values) {
		v = values[kind]
	}
	return key, v
}
