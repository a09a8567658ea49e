package zipkin

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/cespare/xxhash/v2"

	"github.com/twinspan/twinspan/internal/ingest"
	"github.com/twinspan/twinspan/internal/ingest/thrift"
	"github.com/twinspan/twinspan/internal/span"
	"github.com/twinspan/twinspan/sdk/id"
)

// decoder turns one request into halves.
type decoder struct {
	halves []span.Half
	// left has spans without any time: Zipkin's clients send such as an addition to a span that they sent before, and there
	// is no place for them.
	left      ingest.Left
	limits    *Config
	describer span.Describer
}

// format is how a request's spans are encoded.
type format uint8

const (
	formatJSON format = iota
	formatProto
	formatV1JSON
	formatV1Thrift
)

// decode reads a list of spans. Zipkin has no way to take a part of them: one that cannot be read refuses all. Errors are
// ingest.ErrInvalid or ingest.ErrTooLarge, wrapped.
func decode(body []byte, f format, limits *Config) (*decoder, error) {
	d := &decoder{limits: limits, describer: span.Describer{MarkAttr: true}}
	if f == formatV1Thrift {
		return d, d.thrift(body, limits)
	}
	list, err := split(body, f)
	if err != nil {
		return nil, err
	}
	if len(list) > limits.MaxSpans {
		return nil, fmt.Errorf("%w: it has %d spans, the limit is %d", ingest.ErrTooLarge, len(list), limits.MaxSpans)
	}
	d.halves = make([]span.Half, 0, len(list))
	for i, raw := range list {
		err := tooLarge(len(raw), limits)
		if err == nil {
			err = d.span(raw, f)
		}
		if err != nil {
			return nil, at(i, len(list), err)
		}
	}
	return d, nil
}

// at says which span of a list an error is about.
func at(i, of int, err error) error {
	if errors.Is(err, ingest.ErrTooLarge) {
		return fmt.Errorf("span %d of %d (from 0): %w", i, of, err)
	}
	return fmt.Errorf("%w: span %d of %d (from 0): %w", ingest.ErrInvalid, i, of, err)
}

func tooLarge(size int, limits *Config) error {
	if size > limits.MaxSpanBytes {
		return fmt.Errorf("%w: it has %d bytes, the limit is %d", ingest.ErrTooLarge, size, limits.MaxSpanBytes)
	}
	return nil
}

// split gives the spans of a request in their encoded form.
func split(body []byte, f format) ([][]byte, error) {
	if f == formatProto {
		return listProto(body)
	}
	var list []json.RawMessage
	if err := json.Unmarshal(body, &list); err != nil {
		return nil, fmt.Errorf("%w: want a JSON list of spans: %w", ingest.ErrInvalid, err)
	}
	out := make([][]byte, len(list))
	for i, raw := range list {
		out[i] = raw
	}
	return out, nil
}

// thrift reads a list of spans of the first model.
func (d *decoder) thrift(body []byte, limits *Config) (err error) {
	r := thrift.NewReader(body, false)
	n := 0
	r.List(func(t thrift.Type) bool {
		if t != thrift.Struct || err != nil {
			return false
		}
		if n++; n > limits.MaxSpans {
			err = fmt.Errorf("%w: it has more than %d spans", ingest.ErrTooLarge, limits.MaxSpans)
			return false
		}
		from := r.Offset()
		s := v1Thrift(r)
		raw := r.Since(from)
		if r.Err() != nil {
			return true
		}
		if err = tooLarge(len(raw), limits); err == nil {
			err = d.both(&s, xxhash.Sum64(raw))
		}
		if err != nil {
			err = at(n-1, n, err)
		}
		return true
	})
	if err == nil && r.Err() != nil {
		err = fmt.Errorf("%w: want a list of zipkinCore.Span in the binary protocol: %w", ingest.ErrInvalid, r.Err())
	}
	return err
}

func (d *decoder) span(raw []byte, f format) error {
	sum := xxhash.Sum64(raw)
	switch f {
	case formatProto:
		m, err := messageProto(raw)
		if err != nil {
			return err
		}
		return d.add(&m, sum)
	case formatV1JSON:
		var s v1Span
		if err := json.Unmarshal(raw, &s); err != nil {
			return err
		}
		return d.both(&s, sum)
	default:
		var m message
		if err := json.Unmarshal(raw, &m); err != nil {
			return err
		}
		return d.add(&m, sum)
	}
}

// both adds the sides of a span of the first model.
func (d *decoder) both(s *v1Span, sum uint64) error {
	for _, m := range s.messages() {
		if err := d.add(&m, ingest.MixHash(sum, xxhash.Sum64String(m.Kind))); err != nil {
			return err
		}
	}
	return nil
}

// add makes a half of a span; sum is a hash of it as received.
func (d *decoder) add(m *message, sum uint64) error {
	h := span.Half{Route: span.RouteZipkin, Duration: int64(m.Duration) * 1000}
	if err := identify(&h, m); err != nil {
		return err
	}
	if h.Start = start(m); h.Start == 0 {
		d.left.Reject("timestamp", func() string { return fmt.Sprintf("span %s has no time at all", m.ID) })
		return nil
	}
	h.App = cmp.Or(m.LocalEndpoint.ServiceName, "unknown_service")
	h.Instance = m.LocalEndpoint.ip()
	h.Operation = m.Name
	h.LocalAddr = m.LocalEndpoint.addr()
	h.PeerAddr = m.RemoteEndpoint.addr()
	h.Peer = m.RemoteEndpoint.ServiceName
	if m.Tags.has("error") {
		h.Status = span.StatusError
	}
	if dotted := m.Tags.get(tagOriginSpan); dotted != "" {
		sofa(&h, m, dotted)
	} else {
		for _, t := range m.Tags {
			h.Payload = h.Payload.AppendAttr(t.key, span.String(t.value))
		}
	}
	for _, a := range m.Annotations {
		h.Payload = h.Payload.AppendEvent(int64(a.Timestamp)*1000, a.Value, nil)
	}
	// Of old, clients wrote "true" or nothing where they had no text.
	if text := m.Tags.get("error"); text != "" && text != "true" {
		h.Payload = h.Payload.AppendStatusMessage(text)
	}
	d.describer.Describe(&h)
	d.left.Trim(&h, d.limits)
	h.Origin = ingest.MixHash(sum, xxhash.Sum64String(h.App))
	d.halves = append(d.halves, h)
	return nil
}

// identify sets kind and ids by Zipkin's own rules.
func identify(h *span.Half, m *message) error {
	switch m.Kind {
	case "":
		h.Kind = span.KindInternal
	case "CLIENT":
		h.Kind = span.KindClient
	case "SERVER":
		h.Kind = span.KindServer
	case "PRODUCER":
		h.Kind = span.KindProducer
	case "CONSUMER":
		h.Kind = span.KindConsumer
	default:
		return fmt.Errorf("kind is %.40q, want CLIENT, SERVER, PRODUCER, CONSUMER or none", m.Kind)
	}
	if !isHex(m.TraceID) || len(m.TraceID) > 32 {
		return fmt.Errorf("traceId is %.40q, want 16 or 32 hex digits that are not all zero", m.TraceID)
	}
	var exact bool
	if h.Trace, exact = id.ParseTrace(m.TraceID); !exact {
		h.TraceText = m.TraceID
	}
	var ok bool
	if h.Span, ok = id.ParseSpan(m.ID); !ok || h.Span == 0 {
		return fmt.Errorf("id is %.40q, want 16 hex digits that are not all zero", m.ID)
	}
	if m.ParentID != "" {
		if h.Parent, ok = id.ParseSpan(m.ParentID); !ok {
			return fmt.Errorf("parentId is %.40q, want 16 hex digits", m.ParentID)
		}
	}
	if h.Parent == h.Span {
		h.Parent = 0 // some clients write a root so
	}
	switch {
	case !h.Kind.CalleeSide():
	case m.Shared:
		h.Twin, h.Parent = h.Span, h.Span
		h.Span = id.ServerSpanOf(h.Span.String())
	default:
		h.Twin = h.Parent
	}
	return nil
}

// start is the span's start in ns of the Unix epoch, or that of its first annotation where it has none of its own, or 0.
func start(m *message) int64 {
	at := m.Timestamp
	if at == 0 {
		for _, a := range m.Annotations {
			if at == 0 || a.Timestamp > 0 && a.Timestamp < at {
				at = a.Timestamp
			}
		}
	}
	return int64(at) * 1000
}

func (e *endpoint) addr() string {
	if e.Port == 0 {
		return e.ip()
	}
	return span.HostPort(e.ip(), fmt.Sprint(e.Port))
}

// isHex says that text is hex digits, not all zero.
func isHex(text string) bool {
	return strings.Trim(text, "0123456789abcdefABCDEF") == "" && strings.Trim(text, "0") != ""
}
