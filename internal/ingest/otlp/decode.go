package otlp

import (
	"cmp"
	"fmt"

	"github.com/cespare/xxhash/v2"

	"github.com/twinspan/twinspan/internal/ingest"
	"github.com/twinspan/twinspan/internal/span"
)

// decoder turns the bytes of one ExportTraceServiceRequest into halves. It builds no messages in between: strings and
// payloads of the halves alias the request, whose bytes it may move within a span. Reading is lenient where protobuf is:
// fields may stand in any order, repeated ones count as the last, unknown ones are skipped.
type decoder struct {
	limits *Config
	halves []span.Half
	left   ingest.Left

	describer span.Describer
	arena     []byte
	extra     span.Payload
	runs      []run
	noted     int // fields of the span's payload

	// process holds what all spans of a resource have in common, scope what those of a scope have.
	process, scope span.Half
	appHash        uint64
}

// Why a span is not taken, as a label of the metrics.
const (
	reasonMalformed = "malformed"
	reasonTraceID   = "trace_id"
	reasonSpanID    = "span_id"
	reasonParentID  = "parent_span_id"
	reasonStart     = "start_time"
	reasonTooLarge  = "too_large"
)

// describerRoom is how much of a request's room for texts is the describer's.
const describerRoom = 64 << 10

// decode reads m.Body, which must not be used by others from then on, into the rest of m. It fails with ingest.ErrInvalid
// or ingest.ErrTooLarge (wrapped) when the request as a whole cannot be taken.
func decode(m *ingest.Memory, limits *Config) (*decoder, error) {
	spans, err := count(m.Body)
	if err != nil {
		return nil, err
	}
	if spans > limits.MaxSpans {
		return nil, fmt.Errorf("%w: it has %d spans, the limit is %d", ingest.ErrTooLarge, spans, limits.MaxSpans)
	}
	if cap(m.Halves) < spans {
		m.Halves = make([]span.Half, 0, spans)
	}
	room := min(cap(m.Text), describerRoom)
	d := &decoder{
		limits: limits, halves: m.Halves[:0], arena: m.Text[room:room],
		describer: span.Describer{MarkAttr: true, Room: m.Text[:0:room]},
	}
	err = each(m.Body, 1, d.resourceSpans)
	return d, err
}

// count gives the number of spans, so that the halves are allocated once and not beyond the limit.
func count(body []byte) (n int, err error) {
	spans := func([]byte) error {
		n++
		return nil
	}
	scopes := func(m []byte) error { return each(m, 2, spans) }
	err = each(body, 1, func(m []byte) error { return each(m, 2, scopes) })
	return n, err
}

// each calls fn for the messages in a field of m, and checks m's other fields.
func each(m []byte, number int, fn func([]byte) error) error {
	for rest := m; len(rest) > 0; {
		f, behind, ok := span.NextField(rest)
		if !ok {
			return fmt.Errorf("%w: malformed protobuf %d bytes before the end of a message of %d bytes",
				ingest.ErrInvalid, len(rest), len(m))
		}
		if f.Number == number && f.Wire == span.WireBytes {
			if err := fn(f.Data); err != nil {
				return err
			}
		}
		rest = behind
	}
	return nil
}

func (d *decoder) resourceSpans(m []byte) error {
	var resource span.Payload
	// The resource may stand behind its spans.
	err := each(m, 1, func(r []byte) error {
		if len(resource)+len(r) > d.limits.MaxSpanBytes {
			return fmt.Errorf("%w: a resource has more than %d bytes", ingest.ErrTooLarge, d.limits.MaxSpanBytes)
		}
		if resource == nil {
			// The attributes are fields of the resource already; only the number differs, and not in length.
			resource = d.room(len(r))
		}
		return each(r, 1, func(attr []byte) error {
			resource = span.AppendBytesField(resource, 9, attr)
			return nil
		})
	})
	if err != nil {
		return err
	}
	if err := d.setProcess(resource); err != nil {
		return err
	}
	return each(m, 2, d.scopeSpans)
}

// setProcess takes app and instance out of the resource's attributes.
func (d *decoder) setProcess(resource span.Payload) error {
	d.process = span.Half{Payload: resource, Route: span.RouteOTLP}
	if !d.describer.Describe(&d.process) {
		return fmt.Errorf("%w: malformed resource attribute", ingest.ErrInvalid)
	}
	// Of what Describe finds only the load-test mark is the process's.
	d.process = span.Half{Resource: resource, Route: span.RouteOTLP, LoadTest: d.process.LoadTest}
	var app, instance, host, pod string
	resource.Attrs(func(key string, v span.Value) bool {
		switch key {
		case "service.name":
			app = firstText(app, v)
		case "service.instance.id":
			instance = firstText(instance, v)
		case "host.name":
			host = firstText(host, v)
		case "k8s.pod.name":
			pod = firstText(pod, v)
		}
		return true
	})
	d.process.App = cmp.Or(app, "unknown_service")
	d.process.Instance = cmp.Or(instance, host, pod)
	d.appHash = xxhash.Sum64String(d.process.App)
	return nil
}

func firstText(have string, v span.Value) string {
	if have != "" {
		return have
	}
	return v.Text()
}

func (d *decoder) scopeSpans(m []byte) error {
	d.scope = d.process
	extra := d.extra[:0]
	err := each(m, 1, func(scope []byte) error {
		if len(scope) > d.limits.MaxSpanBytes {
			return fmt.Errorf("%w: an instrumentation scope has more than %d bytes", ingest.ErrTooLarge, d.limits.MaxSpanBytes)
		}
		for rest := scope; len(rest) > 0; {
			f, behind, ok := span.NextField(rest)
			if !ok {
				return fmt.Errorf("%w: malformed instrumentation scope", ingest.ErrInvalid)
			}
			rest = behind
			switch {
			case f.Wire != span.WireBytes:
			case f.Number == 1:
				d.scope.Component = text(f.Data)
			case f.Number == 2 && len(f.Data) > 0:
				extra = extra.AppendAttr("otel.scope.version", span.String(text(f.Data)))
			case f.Number == 3:
				span.Payload(span.AppendBytesField(nil, 9, f.Data)).Attrs(func(key string, v span.Value) bool {
					extra = extra.AppendAttr("otel.scope."+key, v)
					return true
				})
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	// What the spans of a scope share goes with what those of a process share, so that it is kept once.
	if len(extra) > 0 {
		d.scope.Resource = append(append(d.room(len(d.process.Resource)+len(extra)), d.process.Resource...), extra...)
	}
	d.extra = extra
	return each(m, 2, func(m []byte) error {
		d.span(m)
		return nil
	})
}
