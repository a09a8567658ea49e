package skywalking

import (
	"fmt"

	"github.com/twinspan/twinspan/internal/ingest"
	"github.com/twinspan/twinspan/internal/span"
)

// The messages and field numbers are those of language-agent/Tracing.proto and common/Common.proto in
// https://github.com/apache/skywalking-data-collect-protocol.

// The protobuf wire types that the messages use.

// collection reads a SegmentCollection.
func (d *decoder) collection(m []byte) error {
	var err error
	ok := span.EachField(m, func(f span.Field) {
		if f.Number == 1 && f.Wire == span.WireBytes && err == nil {
			err = d.segment(f.Data)
		}
	})
	if err == nil && !ok {
		err = fmt.Errorf("%w: malformed protobuf in a SegmentCollection", ingest.ErrInvalid)
	}
	return err
}

// streamed reads a SegmentObject of a stream. One that cannot be read is left out and counted: there is no answer to a
// single one, and it is no reason to lose those behind it.
func (d *decoder) streamed(m []byte) {
	d.spans = 0
	if err := d.segment(m); err != nil {
		reason := "malformed"
		if ingest.Outcome(err) == "too_large" {
			reason = "too_large"
		}
		d.left.Reject(reason, err.Error)
	}
}

// segment reads a SegmentObject.
func (d *decoder) segment(m []byte) error {
	n := 0
	ok := span.EachField(m, func(f span.Field) {
		if f.Number == 3 && f.Wire == span.WireBytes {
			n++
		}
	})
	if !ok {
		return fmt.Errorf("%w: malformed protobuf in a SegmentObject", ingest.ErrInvalid)
	}
	if d.spans+n > d.limits.MaxSpans {
		return fmt.Errorf("%w: it has more than %d spans", ingest.ErrTooLarge, d.limits.MaxSpans)
	}
	s := segment{spans: make([]object, 0, n)}
	span.EachField(m, func(f span.Field) {
		if f.Wire != span.WireBytes {
			return
		}
		switch f.Number {
		case 1:
			s.trace = string(f.Data)
		case 2:
			s.id = string(f.Data)
		case 3:
			o := object{hash: hash(f.Data), size: len(f.Data)}
			if !o.read(f.Data) {
				ok = false
			}
			s.spans = append(s.spans, o)
		case 4:
			s.service = string(f.Data)
		case 5:
			s.instance = string(f.Data)
		}
	})
	if !ok {
		return fmt.Errorf("%w: malformed protobuf in a SpanObject of service %.100q", ingest.ErrInvalid, s.service)
	}
	return d.add(&s)
}

// read reads a SpanObject; it is false when that is malformed.
func (o *object) read(m []byte) bool {
	good := true
	ok := span.EachField(m, func(f span.Field) {
		switch f.Wire {
		case span.WireVarint:
			o.number(f.Number, f.Num)
		case span.WireBytes:
			switch f.Number {
			case 5:
				r, ok := readReference(f.Data)
				o.refs = append(o.refs, r)
				good = good && ok
			case 6:
				o.operation = string(f.Data)
			case 7:
				o.peer = string(f.Data)
			case 12:
				t, ok := readPair(f.Data)
				o.tags = append(o.tags, t)
				good = good && ok
			case 13:
				e, ok := readEvent(f.Data)
				o.logs = append(o.logs, e)
				good = good && ok
			}
		}
	})
	return ok && good
}

func (o *object) number(field int, n uint64) {
	switch field {
	case 1:
		o.id = int32(n)
	case 2:
		o.parent = int32(n)
	case 3:
		o.start = int64(n)
	case 4:
		o.end = int64(n)
	case 8:
		o.kind = spanType(int32(n))
	case 9:
		o.layer = layer(int32(n))
	case 10:
		o.component = int32(n)
	case 11:
		o.failed = n != 0
	}
}

func readReference(m []byte) (r reference, ok bool) {
	ok = span.EachField(m, func(f span.Field) {
		switch {
		case f.Number == 1 && f.Wire == span.WireVarint:
			r.thread = f.Num == 1
		case f.Number == 4 && f.Wire == span.WireVarint:
			r.span = int32(f.Num)
		case f.Wire != span.WireBytes:
		case f.Number == 2:
			r.trace = string(f.Data)
		case f.Number == 3:
			r.segment = string(f.Data)
		case f.Number == 5:
			r.service = string(f.Data)
		case f.Number == 7:
			r.from = string(f.Data)
		case f.Number == 8:
			r.address = string(f.Data)
		}
	})
	return r, ok
}

// readPair reads a KeyStringValuePair.
func readPair(m []byte) (p pair, ok bool) {
	ok = span.EachField(m, func(f span.Field) {
		switch {
		case f.Wire != span.WireBytes:
		case f.Number == 1:
			p.key = string(f.Data)
		case f.Number == 2:
			p.value = string(f.Data)
		}
	})
	return p, ok
}

// readEvent reads a Log.
func readEvent(m []byte) (e event, ok bool) {
	good := true
	ok = span.EachField(m, func(f span.Field) {
		switch {
		case f.Number == 1 && f.Wire == span.WireVarint:
			e.time = int64(f.Num)
		case f.Number == 2 && f.Wire == span.WireBytes:
			p, ok := readPair(f.Data)
			e.data = append(e.data, p)
			good = good && ok
		}
	})
	return e, ok && good
}
