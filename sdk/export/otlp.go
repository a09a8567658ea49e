package export

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"math"
	"net"
	"strconv"
	"strings"

	twinspan "github.com/twinspan/twinspan/sdk"
)

// NewOTLP gives an exporter for OTLP over HTTP with protobuf. URL is the receiver's, such as "http://127.0.0.1:4318/v1/traces";
// app and instance become service.name and service.instance.id.
func NewOTLP(config Config, to HTTP, app, instance string) *Exporter {
	return New(config, &otlpHTTP{poster: newPoster(to, "application/x-protobuf"), encoder: OTLPEncoder{App: app, Instance: instance}})
}

type otlpHTTP struct {
	*poster
	encoder OTLPEncoder
	buffer  []byte
}

func (o *otlpHTTP) Send(ctx context.Context, spans []*twinspan.SpanData) (int, error) {
	o.buffer = o.encoder.Append(o.buffer[:0], spans)
	answer, err := o.post(ctx, o.buffer)
	if err != nil {
		return 0, err
	}
	return RejectedSpans(answer, len(spans)), nil
}

// OTLPEncoder writes ExportTraceServiceRequest of opentelemetry-proto 1.x. The components' standard fields are written under the
// names of OpenTelemetry's semantic conventions, which the collector reads back.
type OTLPEncoder struct {
	App      string // service.name
	Instance string // service.instance.id
}

// Append writes one request behind b.
func (e *OTLPEncoder) Append(b []byte, spans []*twinspan.SpanData) []byte {
	resource := appendAttr(nil, 1, "service.name", e.App)
	if e.Instance != "" {
		resource = appendAttr(resource, 1, "service.instance.id", e.Instance)
	}
	resource = appendAttr(resource, 1, "telemetry.sdk.name", "twinspan")
	resource = appendAttr(resource, 1, "telemetry.sdk.language", "go")
	if len(spans) > 0 { // all are one Tracer's
		for _, t := range spans[0].Resource {
			resource = appendTag(resource, 1, t.Key, t)
		}
	}
	var scope []byte // ScopeSpans
	scope = appendBytes(scope, 1, appendText(nil, 1, "github.com/twinspan/twinspan/sdk"))
	var span []byte
	for i := range spans {
		span = appendSpan(span[:0], spans[i])
		scope = appendBytes(scope, 2, span)
	}
	all := appendBytes(nil, 1, resource) // ResourceSpans
	all = appendBytes(all, 2, scope)
	return appendBytes(b, 1, all)
}

// The values of Span.SpanKind and Status.code.
const (
	kindInternal, kindServer, kindClient, kindProducer, kindConsumer = 1, 2, 3, 4, 5
	statusOK, statusError                                            = 1, 2
)

func appendSpan(b []byte, s *twinspan.SpanData) []byte {
	b = appendBytes(b, 1, s.Trace[:])
	b = appendID(b, 2, uint64(s.ID))
	if state := spanState(s); state != "" {
		b = appendText(b, 3, state)
	}
	if s.Parent != 0 {
		b = appendID(b, 4, uint64(s.Parent))
	}
	b = appendText(b, 5, s.Operation)
	b = appendUint(b, 6, otlpKind(s.Kind))
	b = appendFixed64(b, 7, uint64(s.Start.UnixNano()))
	b = appendFixed64(b, 8, uint64(s.Start.UnixNano()+s.Duration.Nanoseconds()))
	b = appendStandard(b, s)
	b = appendUint(b, 10, uint64(s.DroppedTags))
	for _, e := range s.Events {
		event := appendFixed64(nil, 1, uint64(e.Time.UnixNano()))
		event = appendText(event, 2, e.Name)
		b = appendBytes(b, 11, appendTags(event, 3, e.Tags))
	}
	b = appendUint(b, 12, uint64(s.DroppedEvents))
	for _, l := range s.Links {
		link := appendBytes(nil, 1, l.Trace[:])
		link = appendID(link, 2, uint64(l.Span))
		if l.State != "" {
			link = appendText(link, 3, l.State)
		}
		b = appendBytes(b, 13, appendTags(link, 4, l.Tags))
	}
	b = appendUint(b, 14, uint64(s.DroppedLinks))
	switch {
	case s.Failed:
		b = appendBytes(b, 15, appendUint(appendText(nil, 2, s.Message), 3, statusError))
	case s.Succeeded:
		b = appendBytes(b, 15, appendUint(nil, 3, statusOK))
	}
	flags := uint32(1) // sampled: others are not exported
	if s.Random {
		flags |= 2
	}
	b = append(b, 16<<3&0x7f|5|0x80, 16>>4)
	return binary.LittleEndian.AppendUint32(b, flags)
}

// spanState gives the tracestate with our member in front: the dotted id for who reads it.
func spanState(s *twinspan.SpanData) string {
	own := "twinspan=" + s.SpanID + ":" + s.ID.String()
	if len(own) > 256 || strings.ContainsAny(s.SpanID, ",=") {
		return s.State
	}
	if s.State == "" {
		return own
	}
	return own + "," + s.State
}

func otlpKind(k twinspan.Kind) uint64 {
	switch k {
	case twinspan.Server:
		return kindServer
	case twinspan.Client:
		return kindClient
	case twinspan.Producer:
		return kindProducer
	case twinspan.Consumer:
		return kindConsumer
	}
	return kindInternal
}

// conventions are OpenTelemetry's names for standard fields, where they do not depend on the component.
var conventions = map[string]string{
	twinspan.TagURL:           "url.full",
	twinspan.TagDatabase:      "db.namespace",
	twinspan.TagSQL:           "db.query.text",
	twinspan.TagDatabaseType:  "db.system.name",
	twinspan.TagDBType:        "db.system.name",
	twinspan.TagTopic:         "messaging.destination.name",
	twinspan.TagMessageID:     "messaging.message.id",
	twinspan.TagConsumerGroup: "messaging.consumer.group.name",
	twinspan.TagRequestSize:   "http.request.body.size",
	twinspan.TagResponseSize:  "http.response.body.size",
	twinspan.TagRemoteApp:     "peer.service",
	twinspan.TagService:       "rpc.service",
	twinspan.TagProtocol:      "rpc.system",
}

// appendStandard writes the tags, the fields beside them, and business baggage, which is marked as such.
func appendStandard(b []byte, s *twinspan.SpanData) []byte {
	http := s.Component == twinspan.HTTPClient || s.Component == twinspan.HTTPServer
	grpc, rpc := false, false
	switch s.Component {
	case twinspan.GRPCClient, twinspan.GRPCServer:
		grpc, rpc = true, true
	case twinspan.DubboClient, twinspan.DubboServer, twinspan.SOFARPCClient, twinspan.SOFARPCServer:
		rpc = true
	}
	for _, t := range s.Tags {
		key := t.Key
		switch {
		case key == twinspan.TagMethod && http:
			key = "http.request.method"
		case key == twinspan.TagMethod && rpc:
			key = "rpc.method"
		case (key == twinspan.TagRequestSize || key == twinspan.TagResponseSize) && !http:
		default:
			if name, ok := conventions[key]; ok {
				key = name
			}
		}
		b = appendTag(b, 9, key, t)
	}
	if s.ResultCode != "" {
		key := "result.code"
		switch {
		case http:
			key = "http.response.status_code"
		case grpc:
			key = "rpc.grpc.status_code"
		}
		if n, err := strconv.ParseInt(s.ResultCode, 10, 64); err == nil && key != "result.code" {
			b = appendTag(b, 9, key, twinspan.Int(key, n))
		} else {
			b = appendAttr(b, 9, "result.code", s.ResultCode)
		}
	}
	if s.RemoteApp != "" {
		b = appendAttr(b, 9, "peer.service", s.RemoteApp)
	}
	b = appendAddress(b, "network.local.address", "network.local.port", s.Local)
	b = appendAddress(b, "network.peer.address", "network.peer.port", s.Remote)
	for _, p := range s.Business {
		b = appendAttr(b, 9, "baggage."+p.Key, p.Value)
	}
	if loadTest(s) {
		b = appendTag(b, 9, "twinspan.load_test", twinspan.Bool("", true))
	}
	return b
}

func loadTest(s *twinspan.SpanData) bool {
	for _, p := range s.Business {
		if p.Key == "mark" && p.Value == "T" {
			return true
		}
	}
	return false
}

func appendAddress(b []byte, hostKey, portKey, address string) []byte {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return b
	}
	b = appendAttr(b, 9, hostKey, host)
	if n, err := strconv.ParseUint(port, 10, 16); err == nil {
		b = appendTag(b, 9, portKey, twinspan.Int("", int64(n)))
	}
	return b
}

func appendTags(b []byte, field int, tags []twinspan.Tag) []byte {
	for _, t := range tags {
		b = appendTag(b, field, t.Key, t)
	}
	return b
}

// appendAttr writes a KeyValue with a text.
func appendAttr(b []byte, field int, key, value string) []byte {
	return appendBytes(b, field, appendBytes(appendText(nil, 1, key), 2, appendText(nil, 1, value)))
}

// appendTag writes a KeyValue.
func appendTag(b []byte, field int, key string, t twinspan.Tag) []byte {
	return appendBytes(b, field, appendBytes(appendText(nil, 1, key), 2, anyValue(t.Value())))
}

// anyValue writes an AnyValue.
func anyValue(v any) []byte {
	switch v := v.(type) {
	case string:
		return appendText(nil, 1, v)
	case bool:
		if v {
			return []byte{2 << 3, 1}
		}
		return []byte{2 << 3, 0}
	case int64:
		return binary.AppendUvarint([]byte{3 << 3}, uint64(v))
	case float64:
		return binary.LittleEndian.AppendUint64([]byte{4<<3 | 1}, math.Float64bits(v))
	case json.RawMessage:
		var parsed any
		decoder := json.NewDecoder(strings.NewReader(string(v)))
		decoder.UseNumber()
		if decoder.Decode(&parsed) != nil {
			return appendText(nil, 1, string(v))
		}
		return anyValue(parsed)
	case json.Number:
		if n, err := v.Int64(); err == nil {
			return anyValue(n)
		}
		f, _ := v.Float64()
		return anyValue(f)
	case []any:
		var list []byte
		for _, item := range v {
			list = appendBytes(list, 1, anyValue(item))
		}
		return appendBytes(nil, 5, list)
	case map[string]any:
		var list []byte
		for key, item := range v {
			list = appendBytes(list, 1, appendBytes(appendText(nil, 1, key), 2, anyValue(item)))
		}
		return appendBytes(nil, 6, list)
	}
	return nil // null
}

func appendText(b []byte, field int, s string) []byte {
	s = strings.ToValidUTF8(s, "\uFFFD")
	b = binary.AppendUvarint(b, uint64(field)<<3|2)
	b = binary.AppendUvarint(b, uint64(len(s)))
	return append(b, s...)
}

func appendBytes(b []byte, field int, v []byte) []byte {
	b = binary.AppendUvarint(b, uint64(field)<<3|2)
	b = binary.AppendUvarint(b, uint64(len(v)))
	return append(b, v...)
}

func appendID(b []byte, field int, v uint64) []byte {
	b = append(b, byte(field)<<3|2, 8)
	return binary.BigEndian.AppendUint64(b, v)
}

// appendUint leaves a 0 out, as proto3 does.
func appendUint(b []byte, field int, v uint64) []byte {
	if v == 0 {
		return b
	}
	return binary.AppendUvarint(binary.AppendUvarint(b, uint64(field)<<3), v)
}

func appendFixed64(b []byte, field int, v uint64) []byte {
	return binary.LittleEndian.AppendUint64(append(b, byte(field)<<3|1), v)
}

// RejectedSpans reads rejected_spans of an ExportTraceServiceResponse, at most sent. What is no such answer counts as none.
func RejectedSpans(answer []byte, sent int) int {
	partial := field(answer, 1)
	for rest := partial; len(rest) > 0; {
		tag, n := binary.Uvarint(rest)
		if n <= 0 {
			return 0
		}
		rest = rest[n:]
		if tag == 1<<3 {
			v, n := binary.Uvarint(rest)
			if n <= 0 {
				return 0
			}
			return int(min(v, uint64(sent)))
		}
		if rest = skip(rest, tag); rest == nil {
			return 0
		}
	}
	return 0
}

// field gives the last message of a field.
func field(b []byte, number uint64) (found []byte) {
	for len(b) > 0 {
		tag, n := binary.Uvarint(b)
		if n <= 0 {
			return nil
		}
		b = b[n:]
		if tag == number<<3|2 {
			size, n := binary.Uvarint(b)
			if n <= 0 || size > uint64(len(b)-n) {
				return nil
			}
			found, b = b[n:n+int(size)], b[n+int(size):]
			continue
		}
		if b = skip(b, tag); b == nil {
			return nil
		}
	}
	return found
}

// skip gives what is behind a field's value, nil when it is cut short.
func skip(b []byte, tag uint64) []byte {
	size := 0
	switch tag & 7 {
	case 0:
		_, n := binary.Uvarint(b)
		if n <= 0 {
			return nil
		}
		size = n
	case 1:
		size = 8
	case 2:
		v, n := binary.Uvarint(b)
		if n <= 0 || v > uint64(len(b)-n) {
			return nil
		}
		size = n + int(v)
	case 5:
		size = 4
	default:
		return nil
	}
	if size > len(b) {
		return nil
	}
	return b[size:]
}
