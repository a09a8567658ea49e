package jaeger

import (
	"encoding/binary"
	"fmt"
	"math"

	"github.com/cespare/xxhash/v2"

	"github.com/twinspan/twinspan/internal/ingest"
	"github.com/twinspan/twinspan/internal/span"
	"github.com/twinspan/twinspan/sdk/id"
)

// The messages and field numbers are those of api_v2/model.proto and collector.proto in
// https://github.com/jaegertracing/jaeger-idl.

// request reads a PostSpansRequest.
func (d *decoder) request(m []byte) error {
	var err error
	ok := span.EachField(m, func(f span.Field) {
		if f.Number == 1 && f.Data != nil && err == nil {
			err = d.batch(f.Data)
		}
	})
	if err == nil && !ok {
		err = malformed("PostSpansRequest")
	}
	return err
}

func malformed(what string) error {
	return fmt.Errorf("%w: malformed protobuf in a %s", ingest.ErrInvalid, what)
}

// batch reads a Batch. The process may stand behind the spans.
func (d *decoder) batch(m []byte) error {
	shared := newProcess("", nil)
	var err error
	ok := span.EachField(m, func(f span.Field) {
		switch {
		case err != nil:
		case f.Number == 1 && f.Wire == span.WireBytes:
			if err = d.count(); err == nil {
				err = d.size(len(f.Data))
			}
		case f.Number == 2 && f.Wire == span.WireBytes:
			shared, err = d.process(f.Data)
		}
	})
	if err == nil && !ok {
		err = malformed("Batch")
	}
	if err != nil {
		return err
	}
	d.halves = make([]span.Half, 0, d.spans)
	span.EachField(m, func(f span.Field) {
		if f.Number == 1 && f.Wire == span.WireBytes && err == nil {
			err = d.span(f.Data, &shared)
		}
	})
	return err
}

func (d *decoder) process(m []byte) (process, error) {
	if len(m) > d.limits.MaxSpanBytes {
		return process{}, fmt.Errorf("%w: a process has %d bytes, the limit is %d", ingest.ErrTooLarge, len(m), d.limits.MaxSpanBytes)
	}
	var service string
	var tags span.Payload
	good := true
	ok := span.EachField(m, func(f span.Field) {
		switch {
		case f.Number == 1 && f.Wire == span.WireBytes:
			service = string(f.Data)
		case f.Number == 2 && f.Wire == span.WireBytes:
			key, v, ok := keyValue(f.Data)
			good = good && ok
			tags = tags.AppendAttr(key, v)
		}
	})
	if !ok || !good {
		return process{}, malformed("Process")
	}
	return newProcess(service, tags), nil
}

func (d *decoder) span(m []byte, shared *process) (err error) {
	r := record{origin: xxhash.Sum64(m)}
	good := true
	note := func(ok bool) { good = good && ok }
	own := shared
	ok := span.EachField(m, func(f span.Field) {
		switch {
		case f.Number == 6 && f.Wire == span.WireBytes:
			var ok bool
			r.start, ok = stamp(f.Data)
			note(ok)
		case f.Number == 7 && f.Wire == span.WireBytes:
			var ok bool
			r.duration, ok = stamp(f.Data)
			note(ok)
		case f.Wire != span.WireBytes:
		case f.Number == 1:
			r.trace = traceID(f.Data)
		case f.Number == 2:
			r.span = spanID(f.Data)
		case f.Number == 3:
			r.name = string(f.Data)
		case f.Number == 4:
			to, ok := reference(f.Data)
			r.refs = append(r.refs, to)
			note(ok)
		case f.Number == 8:
			key, v, ok := keyValue(f.Data)
			r.tag(key, v)
			note(ok)
		case f.Number == 9:
			note(r.logProto(f.Data))
		case f.Number == 10:
			var p process
			if p, err = d.process(f.Data); err == nil && p.app != "unknown_service" {
				own = &p
			}
		}
	})
	if err != nil {
		return err
	}
	if !ok || !good {
		d.left.Reject("malformed", func() string { return fmt.Sprintf("a span of service %q: malformed protobuf", shared.app) })
		return nil
	}
	d.add(&r, own)
	return nil
}

// traceID reads 16 bytes, or 8 of a short id; others are none.
func traceID(b []byte) (t id.Trace) {
	if len(b) == 16 || len(b) == 8 {
		copy(t[16-len(b):], b)
	}
	return t
}

func spanID(b []byte) id.Span {
	if len(b) != 8 {
		return 0
	}
	return id.Span(binary.BigEndian.Uint64(b))
}

func reference(m []byte) (to ref, ok bool) {
	ok = span.EachField(m, func(f span.Field) {
		switch {
		case f.Number == 1 && f.Wire == span.WireBytes:
			to.trace = traceID(f.Data)
		case f.Number == 2 && f.Wire == span.WireBytes:
			to.span = spanID(f.Data)
		case f.Number == 3 && f.Wire == span.WireVarint:
			to.follows = f.Num == 1
		}
	})
	return to, ok
}

// stamp reads a google.protobuf.Timestamp or Duration in ns, below 0 where it has no place there.
func stamp(m []byte) (ns int64, ok bool) {
	var seconds, nanos int64
	ok = span.EachField(m, func(f span.Field) {
		switch {
		case f.Wire != span.WireVarint:
		case f.Number == 1:
			seconds = int64(f.Num)
		case f.Number == 2:
			nanos = int64(int32(f.Num))
		}
	})
	if seconds < 0 || seconds > math.MaxInt64/1_000_000_000-1 || nanos < 0 || nanos >= 1e9 {
		return -1, ok
	}
	return seconds*1e9 + nanos, ok
}

func (r *record) logProto(m []byte) bool {
	var at int64
	var fields logFields
	good := true
	ok := span.EachField(m, func(f span.Field) {
		var ok bool
		switch {
		case f.Number == 1 && f.Wire == span.WireBytes:
			at, ok = stamp(f.Data)
			good = good && ok
		case f.Number == 2 && f.Wire == span.WireBytes:
			key, v, ok := keyValue(f.Data)
			fields.add(key, v)
			good = good && ok
		}
	})
	r.log(at, fields.name, fields.attrs)
	return ok && good
}

// keyValue reads a KeyValue.
func keyValue(m []byte) (key string, v span.Value, ok bool) {
	var kind uint64
	values := [5]span.Value{span.String(""), span.Bool(false), span.Int(0), span.Float(0), span.Bytes(nil)} // by the numbers of ValueType
	ok = span.EachField(m, func(f span.Field) {
		switch {
		case f.Number == 1 && f.Wire == span.WireBytes:
			key = string(f.Data)
		case f.Number == 2 && f.Wire == span.WireVarint:
			kind = f.Num
		case f.Number == 3 && f.Wire == span.WireBytes:
			values[0] = span.String(string(f.Data))
		case f.Number == 4 && f.Wire == span.WireVarint:
			values[1] = span.Bool(f.Num != 0)
		case f.Number == 5 && f.Wire == span.WireVarint:
			values[2] = span.Int(int64(f.Num))
		case f.Number == 6 && f.Wire == span.WireFixed64:
			values[3] = span.Float(math.Float64frombits(f.Num))
		case f.Number == 7 && f.Wire == span.WireBytes:
			values[4] = span.Bytes(f.Data)
		}
	})
	if kind < uint64(len(values)) {
		v = values[kind]
	}
	return key, v, ok
}
