package zipkin

import (
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/twinspan/twinspan/internal/ingest"
	"github.com/twinspan/twinspan/internal/ingest/ingesttest"
	"github.com/twinspan/twinspan/internal/span"
	"github.com/twinspan/twinspan/sdk/id"
)

// protoSpan is a ListOfSpans with a server span that shares its client's id.
func protoSpan() []byte {
	endpoint := span.AppendStringField(nil, 1, "stock")
	endpoint = span.AppendBytesField(endpoint, 2, []byte{10, 0, 0, 1})
	endpoint = span.AppendVarintField(endpoint, 4, 8080)
	m := span.AppendBytesField(nil, 1, []byte{0, 0, 0, 0, 0, 0, 0, 7})
	m = span.AppendBytesField(m, 2, []byte{0, 0, 0, 0, 0, 0, 0, 1})
	m = span.AppendBytesField(m, 3, []byte{0, 0, 0, 0, 0, 0, 0, 9})
	m = span.AppendVarintField(m, 4, 2)
	m = span.AppendStringField(m, 5, "get /stock")
	m = span.AppendFixed64Field(m, 6, 1556604172355737)
	m = span.AppendVarintField(m, 7, 1431)
	m = span.AppendBytesField(m, 8, endpoint)
	m = span.AppendBytesField(m, 10, span.AppendStringField(span.AppendFixed64Field(nil, 1, 1556604172355738), 2, "wait"))
	m = span.AppendBytesField(m, 11, span.AppendStringField(span.AppendStringField(nil, 1, "http.path"), 2, "/stock"))
	m = span.AppendVarintField(m, 13, 1)
	return span.AppendBytesField(nil, 1, m)
}

func TestDecodeProto(t *testing.T) {
	d, err := decode(protoSpan(), formatProto, ingesttest.Limits())
	if err != nil || len(d.halves) != 1 {
		t.Fatal(err, len(d.halves))
	}
	h := d.halves[0]
	want := fmt.Sprint(h.Trace.Hex()[16:], h.Span, h.Twin, h.Kind, h.App, h.Operation, h.LocalAddr, h.Start, h.Duration)
	got := fmt.Sprint("0000000000000007", id.ServerSpanOf("0000000000000009"), id.Span(9), span.KindServer, "stock", "get /stock", "10.0.0.1:8080",
		int64(1556604172355737000), int64(1431000))
	if got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if v, _ := h.Payload.Attr("http.path"); v.Text() != "/stock" {
		t.Errorf("attribute %q", v.Text())
	}
	events := 0
	h.Payload.Events(func(e span.Event) bool { events++; return e.Name == "wait" })
	if events != 1 {
		t.Errorf("%d events", events)
	}
	cut := protoSpan()
	if _, err := decode(cut[:len(cut)-1], formatProto, ingesttest.Limits()); !errors.Is(err, ingest.ErrInvalid) {
		t.Errorf("cut: %v", err)
	}
}

// v1Both is a span of the first model that both sides wrote.
const v1Both = `{"traceId":"7","id":"9","parentId":"1","name":"get","timestamp":1000,"duration":500,"annotations":[
	{"timestamp":1000,"value":"cs","endpoint":{"serviceName":"shop","ipv4":"10.0.0.1"}},
	{"timestamp":1100,"value":"sr","endpoint":{"serviceName":"stock","ipv4":"10.0.0.2","port":80}},
	{"timestamp":1150,"value":"look up","endpoint":{"serviceName":"stock"}},
	{"timestamp":1400,"value":"ss","endpoint":{"serviceName":"stock"}},
	{"timestamp":1500,"value":"cr","endpoint":{"serviceName":"shop"}}],
	"binaryAnnotations":[{"key":"http.path","value":"/stock","endpoint":{"serviceName":"shop"}},
	{"key":"left","value":7,"endpoint":{"serviceName":"stock"}},
	{"key":"sa","value":true,"endpoint":{"serviceName":"stock","ipv4":"10.0.0.2","port":80}}]}`

// shown is a half as the tests of v1 compare it; the trace id is 7.
func shown(h *span.Half) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s id=%s parent=%s twin=%s %s/%s peer=%s/%s %d+%d", h.Kind, h.Operation, h.Span, h.Parent, h.Twin, h.App, h.LocalAddr,
		h.Peer, h.PeerAddr, h.Start, h.Duration)
	h.Payload.Attrs(func(key string, v span.Value) bool { fmt.Fprintf(&b, " %s=%s", key, v.Text()); return true })
	h.Payload.Events(func(e span.Event) bool { fmt.Fprintf(&b, " @%d:%s", e.Time, e.Name); return true })
	return strings.ReplaceAll(b.String(), "00000000000000", "")
}

func TestDecodeV1(t *testing.T) {
	server := id.ServerSpanOf("0000000000000009").String()
	at := func(value string, time int, service string) string {
		return fmt.Sprintf(`{"timestamp":%d,"value":"%s","endpoint":{"serviceName":"%s","ipv4":"1.2.3.4"}}`, time, value, service)
	}
	one := func(more string, annotations ...string) string {
		return `{"traceId":"7","id":"9","name":"x",` + more + `"annotations":[` + strings.Join(annotations, ",") + `]}`
	}
	tests := []struct {
		name, text string
		want       []string
	}{
		{"both sides", v1Both, []string{
			"client get id=09 parent=01 twin=00 shop/10.0.0.1 peer=stock/10.0.0.2:80 1000000+500000 http.path=/stock",
			"server get id=" + server + " parent=09 twin=09 stock/10.0.0.2:80 peer=shop/10.0.0.1 1100000+300000 left=7 @1150000:look up"}},
		{"client", one("", at("cs", 1, "a"), at("cr", 5, "a")), []string{"client x id=09 parent=00 twin=00 a/1.2.3.4 peer=/ 1000+4000"}},
		{"root server", one(`"timestamp":1,"duration":4,`, at("sr", 1, "a"), at("ss", 5, "a")),
			[]string{"server x id=09 parent=00 twin=00 a/1.2.3.4 peer=/ 1000+4000"}},
		{"server that joined", one(`"parentId":"1",`, at("sr", 1, "a"), at("ss", 5, "a")),
			[]string{"server x id=" + server + " parent=09 twin=09 a/1.2.3.4 peer=/ 1000+4000"}},
		{"server with its own id", one(`"parentId":"1","timestamp":1,"duration":4,`, at("sr", 1, "a"), at("ss", 5, "a")),
			[]string{"server x id=09 parent=01 twin=01 a/1.2.3.4 peer=/ 1000+4000"}},
		{"producer", one("", at("ms", 1, "a"), at("ws", 3, "a")), []string{"producer x id=09 parent=00 twin=00 a/1.2.3.4 peer=/ 1000+2000"}},
		{"local", one(`"timestamp":1,"duration":4,"binaryAnnotations":[{"key":"lc","value":"","endpoint":{"serviceName":"a"}}],`),
			[]string{"internal x id=09 parent=00 twin=00 a/ peer=/ 1000+4000"}},
		{"one that only names the other side", one(`"timestamp":1,"binaryAnnotations":[{"key":"sa","value":true,"endpoint":{"serviceName":"db"}},
			{"key":"q","value":"1","endpoint":{"serviceName":"a"}}],`), []string{"client x id=09 parent=00 twin=00 a/ peer=db/ 1000+0 q=1"}},
		{"no address but a tag", one(`"timestamp":1,"binaryAnnotations":[{"key":"sa","value":"east","endpoint":{"serviceName":"a"}}],`),
			[]string{"internal x id=09 parent=00 twin=00 a/ peer=/ 1000+0 sa=east"}},
	}
	for _, tt := range tests {
		d, err := decode([]byte("["+tt.text+"]"), formatV1JSON, ingesttest.Limits())
		if err != nil {
			t.Errorf("%s: %v", tt.name, err)
			continue
		}
		var got []string
		origins := make(map[uint64]bool)
		for i := range d.halves {
			got = append(got, shown(&d.halves[i]))
			origins[d.halves[i].Origin] = true
		}
		if strings.Join(got, "\n") != strings.Join(tt.want, "\n") || len(origins) != len(got) {
			t.Errorf("%s:\n got %q\nwant %q", tt.name, got, tt.want)
		}
	}
	if _, err := decode([]byte(`[{"traceId":"7","id":"9","binaryAnnotations":[{"key":"a","value":{}}]}]`), formatV1JSON, ingesttest.Limits()); !errors.Is(err, ingest.ErrInvalid) {
		t.Errorf("a value that is an object: %v", err)
	}
}

// thriftWriter writes the binary protocol.
type thriftWriter []byte

func (w *thriftWriter) field(number int16, typ byte) *thriftWriter {
	*w = binary.BigEndian.AppendUint16(append(*w, typ), uint16(number))
	return w
}

func (w *thriftWriter) i64(number int16, v int64) *thriftWriter {
	w.field(number, 10)
	*w = binary.BigEndian.AppendUint64(*w, uint64(v))
	return w
}

func (w *thriftWriter) text(number int16, s string) *thriftWriter {
	w.field(number, 11)
	*w = append(binary.BigEndian.AppendUint32(*w, uint32(len(s))), s...)
	return w
}

func (w *thriftWriter) i32(number int16, v int32) *thriftWriter {
	w.field(number, 8)
	*w = binary.BigEndian.AppendUint32(*w, uint32(v))
	return w
}

func (w *thriftWriter) list(number int16, n int) *thriftWriter {
	w.field(number, 15)
	*w = binary.BigEndian.AppendUint32(append(*w, 12), uint32(n))
	return w
}

func (w *thriftWriter) end() *thriftWriter { *w = append(*w, 0); return w }

// thriftSpan is v1Both, but without the callee's annotations, as a list in Thrift.
func thriftSpan() []byte {
	w := &thriftWriter{12, 0, 0, 0, 1}
	endpoint := func(number int16, ip int32, service string) {
		w.field(number, 12).i32(1, ip).field(2, 6)
		*w = append(*w, 0, 80)
		w.text(3, service).end()
	}
	w.i64(1, 7).text(3, "get").i64(4, 9).i64(5, 1).list(6, 2)
	for _, a := range []struct {
		at    int64
		value string
	}{{1000, "cs"}, {1500, "cr"}} {
		w.i64(1, a.at).text(2, a.value)
		endpoint(3, 0x0a000001, "shop")
		w.end()
	}
	w.list(8, 3)
	w.text(1, "sa").text(2, "\x01").i32(3, annotationBool)
	endpoint(4, 0x0a000002, "stock")
	w.end()
	w.text(1, "left").text(2, "\x00\x07").i32(3, annotationI16).end()
	w.text(1, "http.path").text(2, "/stock").i32(3, annotationString).end()
	w.i64(10, 1000).i64(11, 500).field(13, 13) // a map that nobody knows
	*w = append(*w, 11, 8, 0, 0, 0, 0)
	return *w.end()
}

func TestDecodeV1Thrift(t *testing.T) {
	d, err := decode(thriftSpan(), formatV1Thrift, ingesttest.Limits())
	if err != nil || len(d.halves) != 1 {
		t.Fatal(err, len(d.halves))
	}
	const want = "client get id=09 parent=01 twin=00 shop/10.0.0.1:80 peer=stock/10.0.0.2:80 1000000+500000 left=7 http.path=/stock"
	if got := shown(&d.halves[0]); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	body := thriftSpan()
	if _, err := decode(body[:len(body)-9], formatV1Thrift, ingesttest.Limits()); !errors.Is(err, ingest.ErrInvalid) {
		t.Errorf("cut: %v", err)
	}
	if _, err := decode([]byte{12, 0x7f, 0xff, 0xff, 0xff}, formatV1Thrift, ingesttest.Limits()); !errors.Is(err, ingest.ErrInvalid) {
		t.Errorf("a long list of nothing: %v", err)
	}
	small := Config{MaxSpans: 1, MaxSpanBytes: 50, RetryAfter: 1}
	if _, err := decode(body, formatV1Thrift, &small); !errors.Is(err, ingest.ErrTooLarge) {
		t.Errorf("too large: %v", err)
	}
	for _, tt := range []struct {
		kind int32
		b    string
		want string
	}{{annotationBool, "\x00", "false"}, {annotationI32, "\xff\xff\xff\xff", "-1"}, {annotationI64, "\x00\x00\x00\x00\x00\x00\x00\x05", "5"},
		{annotationDouble, "\x3f\xf8\x00\x00\x00\x00\x00\x00", "1.5"}, {annotationBytes, "ab", "YWI="}, {annotationI64, "ab", "YWI="}} {
		if got := valueText(tt.kind, []byte(tt.b)); got != tt.want {
			t.Errorf("value %q of type %d: %q, want %q", tt.b, tt.kind, got, tt.want)
		}
	}
}
