package twinspan

import (
	"strings"

	"github.com/twinspan/twinspan/sdk/id"
)

// Propagation is a format in which the trace context travels. Each is written and read byte for byte as by the one who
// has it; what a format cannot carry (a business baggage key that it would read as something else, say) it leaves out.
type Propagation string

// The formats of propagation. Those of a protocol (Dubbo, RocketMQ, ...) are given to StartFrom and Inject by who speaks
// it; SOFAHTTP, SOFAText and B3 have keys in common, so only one of them can be written at a time.
const (
	// W3C is traceparent, tracestate and baggage.
	W3C Propagation = "w3c"
	// SOFAHTTP is what SOFATracer's HTTP clients and servers use: X-B3-* with dotted span ids, baggage-, baggage-sys-,
	// values URL-encoded.
	SOFAHTTP Propagation = "sofa-http"
	// SOFAText is the same without the URL-encoding, as SOFATracer has it in the headers of Kafka and RabbitMQ messages.
	SOFAText Propagation = "sofa-text"
	// SOFAHead is SOFATracer's format for OpenTracing's TEXT_MAP and BINARY: all in one text under the key "sftc_head". In
	// a BinaryCarrier it is BINARY.
	SOFAHead Propagation = "sftc-head"
	// SOFAHeadHTTP is that for OpenTracing's HTTP_HEADERS: the text URL-encoded.
	SOFAHeadHTTP Propagation = "sftc-head-http"
	// Dubbo is the same text in the attachment "dubbo.rpc.sofa.tracer".
	Dubbo Propagation = "dubbo"
	// RocketMQ is the same text in the user property "SOFA_TRACER_CONTEXT".
	RocketMQ Propagation = "rocketmq"
	// SpringMessage is the same text in the header "STREAM_SPAM_CONTEXT_SOFA" of Spring messages.
	SpringMessage Propagation = "spring-message"
	// SOFARPC is the header of a Bolt request: "new_rpc_trace_context" with the same text, and the "rpc_trace_context.*"
	// that SOFARPC before 5.1 and MOSN read.
	SOFARPC Propagation = "sofarpc"
	// MOSN is "SOFA-TraceId" and "SOFA-RpcId", which MOSN has in HTTP and SOFARPC in REST and Triple.
	MOSN Propagation = "mosn"
	// B3 is Zipkin's X-B3-* with hex ids; when read, also the single header b3.
	B3 Propagation = "b3"
	// B3Single is Zipkin's b3 in one header.
	B3Single Propagation = "b3-single"
)

// The keys of the formats, in their usual spelling.
const (
	keyTraceparent = "traceparent"
	keyTracestate  = "tracestate"
	keyBaggage     = "baggage"
	keyTraceID     = "X-B3-TraceId"
	keySpanID      = "X-B3-SpanId"
	keyParentID    = "X-B3-ParentSpanId"
	keySampled     = "X-B3-Sampled"
	prefixBaggage  = "baggage-"
	prefixSystem   = "baggage-sys-"
	systemKey      = "sys-" // what prefixSystem has beyond prefixBaggage
)

// The canonical names of those that are written otherwise, as http.Header has them.
const (
	headerTraceparent = "Traceparent"
	headerTracestate  = "Tracestate"
	headerBaggage     = "Baggage"
	headerTraceID     = "X-B3-Traceid"
	headerSpanID      = "X-B3-Spanid"
	headerParentID    = "X-B3-Parentspanid"
)

// maxIDText bounds the trace and span ids taken from outside.
const maxIDText = 1024

// extract reads the first valid of the formats, and the baggage of all.
func (r *SpanContext) extract(c Carrier, formats []Propagation) {
	var u usual
	switch asked := asksUsual(formats); {
	case asked == noUsual:
	case asked == allUsual:
		if headers, ok := c.(HeaderCarrier); ok {
			u.scan(headers)
			break
		}
		fallthrough
	default:
		u.ask(c, asked)
	}
	for _, p := range formats {
		switch p {
		case W3C:
			if !r.valid() {
				r.w3c(&u)
			}
			r.w3cBaggage(u.baggage)
		case SOFAHTTP, SOFAText:
			if !r.valid() {
				r.sofaKeys(&u, p)
			}
			if u.prefixed {
				r.sofaBaggage(c, p)
			}
		case B3, B3Single:
			if !r.valid() {
				r.b3(c, &u)
			}
		case SOFARPC:
			extractSOFARPC(c, r)
		case MOSN:
			extractMOSN(c, r)
		default:
			extractText(c, r, p)
		}
	}
}

// asksUsual says what of usual the formats look for.
func asksUsual(formats []Propagation) (asked usualKeys) {
	for _, p := range formats {
		switch p {
		case W3C:
			asked = max(asked, w3cUsual)
		case SOFAHTTP, SOFAText, B3, B3Single:
			return allUsual
		}
	}
	return asked
}

// outgoing is what the formats write.
type outgoing struct {
	*Span
	bag           // the span's and more
	dotted string // the id that the other side continues; "" as long as no format needed it
	room          // of HTTP headers
}

// Inject writes the span's context into a carrier, in the formats given, or without any in those of Config.Inject.
//
// Inject from a Client or Producer span: it is the calling half, and a server may take over its dotted id. From a span of
// another kind, SOFATracer's formats carry a number of its own below the span, so that no two spans get one id.
func (s *Span) Inject(c Carrier, formats ...Propagation) {
	if s != nil {
		s.inject(c, nil, formats)
	}
}

// InjectWith is Inject, in the formats of Config.Inject, with more business baggage than the span has.
func (s *Span) InjectWith(c Carrier, more ...Pair) {
	if s != nil {
		s.inject(c, more, nil)
	}
}

// Inject writes the context of a span of another process into a carrier, as a proxy passes it on, or only its baggage if it
// names no span. Of a span of this process it is Span.Inject. The formats are those given, or those of Config.Inject.
func (t *Tracer) Inject(r SpanContext, c Carrier, formats ...Propagation) {
	if t != nil && len(formats) == 0 {
		formats = t.config.Inject
	}
	switch {
	case t == nil:
	case r.span != nil:
		r.span.Inject(c, formats...)
	case r.valid():
		s := &Span{kind: Client, spanID: r.spanID, id8: r.id8, trunk: &trunk{tracer: t, traceID: r.traceID, trace: r.trace, sampled: r.sampled, random: r.random}}
		s.setState(r.state)
		s.bag.Store(r.bag)
		if s.spanID == "" {
			s.spanID = r.id8.String()
		}
		s.inject(c, nil, formats)
	default:
		o := outgoing{bag: r.baggage()}
		for _, p := range formats {
			switch p {
			case W3C:
				injectW3CBaggage(c, o.biz)
			case SOFAHTTP, SOFAText:
				o.injectSOFABaggage(c, p)
			}
		}
	}
}

// WithBaggage gives a context with more business baggage, within the limits; an item of the same key is replaced.
func (t *Tracer) WithBaggage(r SpanContext, more ...Pair) SpanContext {
	if t == nil || len(more) == 0 {
		return r
	}
	all := r.baggage()
	for _, p := range more {
		all.biz = t.addBaggage(all.biz, p.Key, p.Value, t.config.BizBaggageBytes)
	}
	r.bag = &all
	return r
}

func (s *Span) inject(c Carrier, more []Pair, formats []Propagation) {
	if len(formats) == 0 {
		formats = s.tracer.config.Inject
	}
	o := outgoing{Span: s, bag: s.baggage()}
	for _, p := range more {
		o.biz = s.tracer.addBaggage(o.biz, p.Key, p.Value, s.tracer.config.BizBaggageBytes)
	}
	for _, p := range formats {
		switch p {
		case W3C:
			if _, ok := c.(HeaderCarrier); ok && o.values == nil {
				o.room = newRoom(formats)
			}
			o.injectW3C(c)
		case SOFAHTTP, SOFAText:
			o.injectSOFA(c, p)
		case B3:
			s.injectB3(c)
		case B3Single:
			s.injectB3Single(c)
		case SOFARPC:
			o.injectSOFARPC(c)
		case MOSN:
			o.injectMOSN(c)
		default:
			o.injectText(c, p)
		}
	}
}

// room is memory for HTTP headers: values of lists of one, and the text of W3C's two unless a tracestate is long. All of it is one
// allocation, of w3cRoom or usualRoom.
type room struct {
	values []string
	text   []byte
}

const roomText = 96

type w3cRoom struct {
	text   [roomText]byte
	values [2]string
}

type usualRoom struct {
	text   [roomText]byte
	values [6]string
}

func newRoom(formats []Propagation) room {
	if len(formats) == 1 && formats[0] == W3C {
		r := new(w3cRoom)
		return room{r.values[:0], r.text[:0]}
	}
	r := new(usualRoom)
	return room{r.values[:0], r.text[:0]}
}

// put sets a key of the usual formats. header is its canonical name.
func (o *outgoing) put(c Carrier, key, header, value string) {
	headers, ok := c.(HeaderCarrier)
	if !ok {
		c.Set(key, value)
		return
	}
	n := len(o.values)
	if n == cap(o.values) {
		o.room, n = newRoom(nil), 0
	}
	o.values = o.values[:n+1]
	o.values[n] = value
	headers[header] = o.values[n : n+1 : n+1]
}

// id gives the dotted id that the other side continues.
func (o *outgoing) id() string {
	if o.dotted == "" {
		if o.dotted = o.spanID; !o.kind.calls() {
			o.dotted = o.nextChild(nil)
		}
	}
	return o.dotted
}

// set sets a value that may hold anything, unless it would break the lines of HTTP headers.
func set(c Carrier, key, value string) {
	if _, ok := c.(HeaderCarrier); ok {
		for i := range len(value) {
			if value[i] < ' ' && value[i] != '\t' || value[i] == 0x7f {
				return
			}
		}
	}
	c.Set(key, value)
}

// addBusiness takes a business baggage item, unless another format had it: W3C baggage, which is read first, has the key's
// spelling, and its value is the same or newer.
func (r *SpanContext) addBusiness(key, value string) {
	b := r.ownBag()
	for i := range b.biz {
		if strings.EqualFold(b.biz[i].Key, key) {
			return
		}
	}
	b.biz = append(b.biz, Pair{key, value})
}

func (r *SpanContext) addSystem(key, value string) {
	b := r.ownBag()
	b.sys = append(b.sys, Pair{key, value})
}

func isSpanHex(s string) bool {
	if len(s) != 16 {
		return false
	}
	_, ok := id.ParseSpan(s)
	return ok
}

func isLowerHex(s string) bool {
	for i := range len(s) {
		if c := s[i]; (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}
