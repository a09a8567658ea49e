package jaeger

import (
	"cmp"
	"fmt"
	"math"
	"net/netip"

	"github.com/cespare/xxhash/v2"

	"github.com/twinspan/twinspan/internal/ingest"
	"github.com/twinspan/twinspan/internal/span"
	"github.com/twinspan/twinspan/sdk/id"
)

// decoder turns one request into halves. Strings and payloads of the halves are copies or alias the request, which is the
// decoder's.
type decoder struct {
	limits *Config
	halves []span.Half
	spans  int // seen so far, usable or not
	left   ingest.Left
	names  span.Describer
}

func newDecoder(limits *Config) *decoder {
	return &decoder{limits: limits, names: span.Describer{MarkAttr: true}}
}

// process is what the spans of a process share.
type process struct {
	app, instance string
	resource      span.Payload
}

// record is one span as both encodings have it.
type record struct {
	trace        id.Trace
	span, parent id.Span
	name         string
	refs         []ref
	start        int64 // ns of the Unix epoch
	duration     int64 // ns, below 0 where it ended before it began
	payload      span.Payload
	notes        notes
	origin       uint64
}

// ref is a reference to another span.
type ref struct {
	trace   id.Trace
	span    id.Span
	follows bool
}

// notes is what tags tell beside being attributes: Jaeger has no fields for it.
type notes struct {
	kind      span.Kind
	status    span.Status
	message   string
	scope     string
	peerHost  string
	peerPort  string
	dbType    string
	dbName    string
	queue     string
	url       string
	component string
}

// tag notes what a span's tag tells, and says whether that is all of it: then it is no attribute.
func (n *notes) tag(key string, v span.Value) (said bool) {
	switch key {
	case "span.kind":
		kind, err := span.ParseKind(v.Text())
		if err == nil {
			n.kind = kind
		}
		return err == nil
	case "error":
		switch text := v.Text(); text {
		case "true", "":
			n.status = span.StatusError
			return true
		case "false":
			return true
		default:
			n.status = span.StatusError
			n.message = cmp.Or(n.message, text)
		}
	case "otel.status_code":
		switch v.Text() {
		case "OK":
			n.status = span.StatusOK
		case "ERROR":
			n.status = span.StatusError
		}
		return true
	case "otel.status_description":
		n.message = v.Text()
		return true
	case "otel.scope.name", "otel.library.name":
		n.scope = v.Text()
		return true
	case "component":
		n.component = v.Text()
	case "peer.hostname":
		n.peerHost = v.Text()
	case "peer.ipv4":
		n.peerHost = cmp.Or(n.peerHost, ipv4(v))
	case "peer.ipv6":
		n.peerHost = cmp.Or(n.peerHost, v.Text())
	case "peer.address":
		n.peerHost = cmp.Or(n.peerHost, v.Text())
	case "peer.port":
		n.peerPort = v.Text()
	case "db.type":
		n.dbType = v.Text()
	case "db.instance":
		n.dbName = v.Text()
	case "message_bus.destination":
		n.queue = v.Text()
	case "http.url":
		n.url = v.Text()
	}
	return false
}

// ipv4 gives an address that is text or, as clients of old wrote it, a number.
func ipv4(v span.Value) string {
	if v.Kind != span.ValueInt {
		return v.Text()
	}
	n := uint32(v.Int())
	return netip.AddrFrom4([4]byte{byte(n >> 24), byte(n >> 16), byte(n >> 8), byte(n)}).String()
}

// newProcess takes app and instance out of a process.
func newProcess(service string, tags span.Payload) process {
	p := process{app: cmp.Or(service, "unknown_service"), resource: tags}
	// In the order in which they count.
	names := [...]string{"service.instance.id", "host.name", "hostname", "k8s.pod.name", "ip", "client-uuid"}
	var values [len(names)]string
	tags.Attrs(func(key string, v span.Value) bool {
		for i, name := range names {
			if key == name && values[i] == "" {
				values[i] = v.Text()
			}
		}
		return true
	})
	for _, v := range values {
		p.instance = cmp.Or(p.instance, v)
	}
	return p
}

// count counts one more span.
func (d *decoder) count() error {
	if d.spans++; d.spans > d.limits.MaxSpans {
		return fmt.Errorf("%w: it has more than %d spans", ingest.ErrTooLarge, d.limits.MaxSpans)
	}
	return nil
}

// size checks the size of a span in bytes.
func (d *decoder) size(size int) error {
	if size > d.limits.MaxSpanBytes {
		return fmt.Errorf("%w: a span has %d bytes, the limit is %d", ingest.ErrTooLarge, size, d.limits.MaxSpanBytes)
	}
	return nil
}

// add makes a half of a record, or counts it as one that cannot be used.
func (d *decoder) add(r *record, p *process) {
	reject := func(reason, why string) {
		d.left.Reject(reason, func() string { return fmt.Sprintf("a span of service %q: %s", p.app, why) })
	}
	switch {
	case r.trace.IsZero():
		reject("trace_id", "its trace id is missing or zero")
		return
	case r.span == 0:
		reject("span_id", "its span id is missing or zero")
		return
	case r.start <= 0:
		reject("start_time", "its start time is missing, before 1970 or after 2262")
		return
	}
	h := span.Half{Route: span.RouteJaeger, Trace: r.trace, Span: r.span, App: p.app, Instance: p.instance,
		Resource: p.resource, Operation: r.name, Kind: r.notes.kind, Status: r.notes.status, Start: r.start, Duration: r.duration}
	if h.Kind == span.KindUnspecified {
		h.Kind = span.KindInternal
	}
	if h.Duration < 0 {
		h.Duration = 0
		d.left.Clamped++
	}
	h.Payload = r.link(&h)
	if h.Kind.CalleeSide() {
		h.Twin = h.Parent
	}
	r.notes.describe(&h)
	d.names.Describe(&h)
	d.left.Trim(&h, d.limits)
	h.Origin = ingest.MixHash(r.origin, xxhash.Sum64String(p.app))
	d.halves = append(d.halves, h)
}

// link sets the parent and gives the payload with all other references as links. A parent is, as for Jaeger itself, the
// field of that name, else the first span of the same trace that this one is a child of, else the first that it follows.
func (r *record) link(h *span.Half) span.Payload {
	h.Parent = r.parent
	chosen := -1
	for _, follows := range []bool{false, true} {
		for i, ref := range r.refs {
			if h.Parent == 0 && ref.follows == follows && ref.trace == r.trace && ref.span != 0 && ref.span != r.span {
				h.Parent, chosen = ref.span, i
			}
		}
	}
	if h.Parent == h.Span {
		h.Parent = 0
	}
	p := r.payload
	for i, ref := range r.refs {
		if i == chosen || ref.trace == r.trace && ref.span == h.Parent || ref.trace.IsZero() || ref.span == 0 {
			continue
		}
		var attrs span.Payload
		if ref.follows {
			attrs = attrs.AppendAttr("opentracing.ref_type", span.String("follows_from"))
		}
		p = p.AppendLink(ref.trace, ref.span, attrs)
	}
	if r.notes.message != "" {
		p = p.AppendStatusMessage(r.notes.message)
	}
	return p
}

// describe fills in what OpenTracing's tags tell; those of OpenTelemetry are read for all protocols alike.
func (n *notes) describe(h *span.Half) {
	h.Component = cmp.Or(n.scope, n.component)
	switch {
	case h.Kind == span.KindInternal:
		return
	case n.queue != "":
		h.Type = span.TypeMQ
		if h.Kind.CallerSide() {
			h.Peer = n.queue
		}
	case n.dbType == "redis" || n.dbType == "memcached":
		h.Type, h.Peer = span.TypeCache, span.StoreName(n.dbType, n.dbName)
	case n.dbType != "" && h.Kind.CallerSide():
		h.Type, h.Peer = span.TypeDB, span.StoreName(n.dbType, n.dbName)
	}
	h.PeerAddr = span.HostPort(n.peerHost, n.peerPort)
	if h.PeerAddr == "" && n.url != "" && h.Kind.CallerSide() {
		h.PeerAddr, _ = span.SplitURL(n.url)
	}
	if h.Type == span.TypeInternal && n.url != "" {
		h.Type = span.TypeHTTP
	}
}

// micros gives a time or duration in ns, or below 0 where it has no place there.
func micros(n int64) int64 {
	if n < 0 || n > math.MaxInt64/1000 {
		return -1
	}
	return n * 1000
}

// log appends a Jaeger log as an event. Its name is its field "event", else "log".
func (r *record) log(at int64, name string, fields span.Payload) {
	r.payload = r.payload.AppendEvent(max(at, 0), cmp.Or(name, "log"), fields)
}

// traceOf makes a trace id of its two halves.
func traceOf(high, low int64) (t id.Trace) {
	for i := range 8 {
		t[i], t[8+i] = byte(uint64(high)>>(56-8*i)), byte(uint64(low)>>(56-8*i))
	}
	return t
}
