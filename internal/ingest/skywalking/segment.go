package skywalking

import (
	"cmp"
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/cespare/xxhash/v2"

	"github.com/twinspan/twinspan/internal/ingest"
	"github.com/twinspan/twinspan/internal/span"
	"github.com/twinspan/twinspan/sdk/id"
)

// segment is a SegmentObject: the spans of one request in one thread of one process.
type segment struct {
	trace, id, service, instance string
	spans                        []object
}

// object is a SpanObject.
type object struct {
	id, parent      int32
	start, end      int64 // ms of the Unix epoch
	refs            []reference
	operation, peer string
	kind            spanType
	layer           layer
	component       int32
	failed          bool
	tags            []pair
	logs            []event
	// hash is that of the span as sent, size its length in bytes.
	hash uint64
	size int
}

// reference is a SegmentReference: where a span was called from.
type reference struct {
	thread                 bool // within the process
	trace, segment         string
	span                   int32
	service, address, from string
}

type pair struct{ key, value string }

// event is a Log.
type event struct {
	time int64 // ms of the Unix epoch
	data []pair
}

// spanType and layer have the numbers of SkyWalking's SpanType and SpanLayer.
type (
	spanType int32
	layer    int32
)

const (
	typeEntry spanType = 0
	typeExit  spanType = 1
)

const (
	layerDatabase layer = 1
	layerRPC      layer = 2
	layerHTTP     layer = 3
	layerMQ       layer = 4
	layerCache    layer = 5
	layerFAAS     layer = 6
)

// decoder turns segments into halves.
type decoder struct {
	limits *ingest.Limits
	halves []span.Half
	spans  int // seen so far, usable or not
	left   ingest.Left
	names  span.Describer
}

func newDecoder(limits *ingest.Limits) *decoder {
	return &decoder{limits: limits, names: span.Describer{MarkAttr: true}}
}

func (d *decoder) batch() span.Batch { return span.Batch{Halves: d.halves} }

func hash(b []byte) uint64 { return xxhash.Sum64(b) }

// spanID derives the 8-byte id of a span from its segment's id and its number there.
func spanID(segment string, number int32) id.Span {
	return id.SpanOf(segment + "/" + strconv.Itoa(int(number)))
}

// add makes halves of a segment's spans. Spans that cannot be used are left out and counted.
func (d *decoder) add(s *segment) error {
	if d.spans += len(s.spans); d.spans > d.limits.MaxSpans {
		return fmt.Errorf("%w: it has more than %d spans", ingest.ErrTooLarge, d.limits.MaxSpans)
	}
	shared := span.Half{Route: span.RouteSkyWalking, Coarse: true, App: cmp.Or(s.service, "unknown_service"), Instance: s.instance}
	var exact bool
	if shared.Trace, exact = id.ParseTrace(s.trace); !exact {
		shared.TraceText = s.trace
	}
	origin := xxhash.Sum64String(s.id)
	for i := range s.spans {
		o := &s.spans[i]
		if reason, why := d.unusable(s, o, shared.Trace); reason != "" {
			d.left.Reject(reason, func() string { return fmt.Sprintf("span %d of a segment of service %q: %s", o.id, s.service, why) })
			continue
		}
		h := shared
		h.Span = spanID(s.id, o.id)
		h.Origin = ingest.MixHash(o.hash, origin)
		h.Start = o.start * 1e6
		if h.Duration = (o.end - o.start) * 1e6; o.end < o.start || o.end > maxMillis {
			h.Duration = 0
			d.left.Clamped++
		}
		o.describe(&h)
		o.relate(&h, s)
		h.Payload = o.payload(&h, s)
		d.names.Describe(&h)
		d.left.Trim(&h, d.limits)
		d.halves = append(d.halves, h)
	}
	return nil
}

// maxMillis is what nanoseconds can say in 63 bits.
const maxMillis = math.MaxInt64 / 1_000_000

// unusable gives the reason for which a span is not taken, "" for none.
func (d *decoder) unusable(s *segment, o *object, trace id.Trace) (reason, why string) {
	switch {
	case trace.IsZero():
		return "trace_id", "traceId is missing or zero"
	case s.id == "":
		return "segment_id", "traceSegmentId is missing"
	case o.start <= 0 || o.start > maxMillis:
		return "start_time", fmt.Sprintf("startTime is %d, want milliseconds since 1970", o.start)
	case o.size > d.limits.MaxSpanBytes:
		return "too_large", fmt.Sprintf("it has %d bytes, the limit is %d", o.size, d.limits.MaxSpanBytes)
	}
	return "", ""
}

// describe sets kind, type, names and addresses.
func (o *object) describe(h *span.Half) {
	h.Operation = o.operation
	h.Component = componentName(o.component)
	if o.failed {
		h.Status = span.StatusError
	}
	h.Kind = span.KindInternal
	switch o.kind {
	case typeEntry:
		h.Kind = span.KindServer
		if o.layer == layerMQ {
			h.Kind = span.KindConsumer
		}
	case typeExit:
		h.Kind = span.KindClient
		if o.layer == layerMQ {
			h.Kind = span.KindProducer
		}
	default:
		return
	}
	h.PeerAddr = firstAddress(o.peer)
	switch o.layer {
	case layerDatabase:
		h.Type = span.TypeDB
	case layerCache:
		h.Type = span.TypeCache
	case layerMQ:
		h.Type = span.TypeMQ
	case layerHTTP:
		h.Type = span.TypeHTTP
	case layerRPC, layerFAAS:
		h.Type = span.TypeRPC
	}
	h.ResultCode = cmp.Or(o.tag("http.status_code"), o.tag("status_code"), o.tag("rpc.status_code"))
	if o.kind == typeExit {
		h.Peer = o.store(h.Type)
	}
}

// store names what an exit span calls where that writes no spans of its own.
func (o *object) store(t span.Type) string {
	system := componentSystem(o.component)
	switch t {
	case span.TypeDB:
		return span.StoreName(cmp.Or(system, strings.ToLower(cmp.Or(o.tag("db.type"), "sql"))), o.tag("db.instance"))
	case span.TypeCache:
		return span.StoreName(cmp.Or(system, strings.ToLower(cmp.Or(o.tag("cache.type"), "cache"))), "")
	case span.TypeMQ:
		return span.StoreName(cmp.Or(system, "mq"), cmp.Or(o.tag("mq.topic"), o.tag("mq.queue")))
	}
	return ""
}

// firstAddress gives the first of the addresses that a peer may list.
func firstAddress(peer string) string {
	if i := strings.IndexAny(peer, ",;"); i >= 0 {
		peer = peer[:i]
	}
	return peer
}

// relate sets parent and twin. An entry span answers the exit span that its first reference across processes names; a
// reference across threads, and a parent in the segment, are parents only. A reference into another trace, as of a message
// consumed in a batch, is a link.
func (o *object) relate(h *span.Half, s *segment) {
	if o.parent >= 0 && o.parent != o.id {
		h.Parent = spanID(s.id, o.parent)
	}
	i := o.origin(s)
	if i < 0 {
		return
	}
	r := &o.refs[i]
	h.Parent = spanID(r.segment, r.span)
	if r.thread || !h.Kind.CalleeSide() {
		return
	}
	h.Twin = h.Parent
	h.Peer = r.service
	h.LocalAddr = firstAddress(r.address)
}

// origin gives the index of the reference that is the span's parent, or -1.
func (o *object) origin(s *segment) int {
	for i := range o.refs {
		if r := &o.refs[i]; r.segment != "" && (r.trace == s.trace || r.trace == "") {
			return i
		}
	}
	return -1
}

// The attributes that keep what is derived into ids, for who searches by SkyWalking's own.
const (
	attrSegment = "sw.segment_id"
	attrSpan    = "sw.span_id"
)

func (o *object) payload(h *span.Half, s *segment) (p span.Payload) {
	p = p.AppendAttr(attrSegment, span.String(s.id)).AppendAttr(attrSpan, span.Int(int64(o.id)))
	if o.component != 0 && h.Component == "" {
		p = p.AppendAttr("sw.component_id", span.Int(int64(o.component)))
	}
	for _, t := range o.tags {
		p = p.AppendAttr(t.key, span.String(t.value))
	}
	from := o.origin(s)
	for i := range o.refs {
		r := &o.refs[i]
		if i == from {
			if r.from != "" && !r.thread {
				p = p.AppendAttr("sw.parent_endpoint", span.String(r.from))
			}
			continue
		}
		if trace, _ := id.ParseTrace(cmp.Or(r.trace, s.trace)); !trace.IsZero() && r.segment != "" {
			p = p.AppendLink(trace, spanID(r.segment, r.span), span.Payload(nil).AppendAttr("sw.trace_id", span.String(cmp.Or(r.trace, s.trace))))
		}
	}
	for _, e := range o.logs {
		p = e.append(p)
	}
	if h.Status == span.StatusError {
		if text := o.message(); text != "" {
			p = p.AppendStatusMessage(text)
		}
	}
	return p
}

// append appends an event. SkyWalking names the kind of a log in its field "event"; errors have error.kind, message and
// stack, which become OpenTelemetry's exception attributes.
func (e *event) append(p span.Payload) span.Payload {
	name := "log"
	var attrs span.Payload
	for _, kv := range e.data {
		switch kv.key {
		case "event":
			name = cmp.Or(kv.value, name)
			if name == "error" {
				name = "exception"
			}
		case "error.kind":
			attrs = attrs.AppendAttr("exception.type", span.String(kv.value))
		case "stack":
			attrs = attrs.AppendAttr("exception.stacktrace", span.String(kv.value))
		case "message":
			attrs = attrs.AppendAttr("exception.message", span.String(kv.value))
		default:
			attrs = attrs.AppendAttr(kv.key, span.String(kv.value))
		}
	}
	at := e.time
	if at < 0 || at > maxMillis {
		at = 0
	}
	return p.AppendEvent(at*1e6, name, attrs)
}

// message is the text of the last error that was logged.
func (o *object) message() (text string) {
	for _, e := range o.logs {
		for _, kv := range e.data {
			if kv.key == "message" {
				text = kv.value
			}
		}
	}
	return text
}

func (o *object) tag(key string) string {
	for _, t := range o.tags {
		if t.key == key {
			return t.value
		}
	}
	return ""
}
