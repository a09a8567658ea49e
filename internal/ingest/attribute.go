package ingest

import "github.com/twinspan/twinspan/internal/span"

// Fields of a Payload, which is an OTLP Span message.
const (
	fieldAttribute = 9
	fieldDropped   = 10
)

// leastAttribute is the size of an attribute field that says nothing: its head.
const leastAttribute = 2

// trim leaves out of a payload the attributes beyond the first most, and those of more than bytes; it counts them in the
// payload's dropped_attributes_count, too. A payload that is within the limits is given back as it is.
func trim(p span.Payload, most int, bytes int64) (trimmed span.Payload, beyond, large int) {
	// Most payloads are too short to break a limit.
	if len(p) <= leastAttribute*most && int64(len(p)) <= bytes {
		return p, 0, 0
	}
	count := 0
	each := func(drop func(field []byte, reason *int), keep func(field []byte)) {
		for rest := []byte(p); len(rest) > 0; {
			f, behind, ok := span.NextField(rest)
			if !ok {
				return
			}
			field := rest[:len(rest)-len(behind)]
			rest = behind
			if f.Number != fieldAttribute || f.Wire != span.WireBytes {
				keep(field)
				continue
			}
			switch count++; {
			case int64(len(field)) > bytes:
				drop(field, &large)
			case count > most:
				drop(field, &beyond)
			default:
				keep(field)
			}
		}
	}
	each(func(_ []byte, reason *int) { *reason++ }, func([]byte) {})
	if beyond+large == 0 {
		return p, 0, 0
	}
	dropped := uint64(beyond + large)
	count, beyond, large = 0, 0, 0
	out := make(span.Payload, 0, len(p))
	each(func(_ []byte, reason *int) { *reason++ }, func(field []byte) {
		if f, _, _ := span.NextField(field); f.Number == fieldDropped && f.Wire == span.WireVarint {
			dropped += f.Num
			return
		}
		out = append(out, field...)
	})
	return span.AppendVarintField(out, fieldDropped, dropped), beyond, large
}

// trimAll applies the limits of attributes to a request's batch.
func (w *Writer) trimAll(req *Request) {
	beyond, large := 0, 0
	for i := range req.Batch.Halves {
		h := &req.Batch.Halves[i]
		var n, m int
		h.Payload, n, m = trim(h.Payload, w.cfg.MaxAttributes, w.cfg.MaxAttributeBytes)
		beyond, large = beyond+n, large+m
		if n+m > 0 && req.Left != nil {
			req.Left.Shortened++
		}
	}
	if beyond > 0 {
		w.metrics.Dropped.WithLabelValues("count").Add(float64(beyond))
	}
	if large > 0 {
		w.metrics.Dropped.WithLabelValues("size").Add(float64(large))
	}
}
