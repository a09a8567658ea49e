package peer

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/jaegertracing/jaeger-idl/model/v1"
	"github.com/jaegertracing/jaeger-idl/proto-gen/api_v2"
	"github.com/uber/jaeger-client-go/thrift"
	"github.com/uber/jaeger-client-go/thrift-gen/jaeger"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	commonv3 "skywalking.apache.org/repo/goapi/collect/common/v3"
	agentv3 "skywalking.apache.org/repo/goapi/collect/language/agent/v3"
)

var update = flag.Bool("update", false, "write the golden inputs of the receivers' tests")

// golden compares one golden input of a receiver's tests with what the protocol's own library encodes.
func golden(t *testing.T, receiver, name string, encoded []byte, err error) {
	t.Helper()
	path := filepath.Join("..", "..", "internal", "ingest", receiver, "testdata", name)
	if err != nil {
		t.Fatal(err)
	}
	if *update {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, encoded, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	have, err := os.ReadFile(path)
	if err != nil || !bytes.Equal(have, encoded) {
		t.Errorf("%s is not what its library encodes (%v): run with -update", path, err)
	}
}

const goldenStart = 1_790_000_000_000_000 // µs

func ptr[T any](v T) *T { return &v }

// TestGoldenJaegerThrift writes a Batch in both protocols.
func TestGoldenJaegerThrift(t *testing.T) {
	batch := &jaeger.Batch{
		Process: &jaeger.Process{ServiceName: "stock", Tags: []*jaeger.Tag{
			{Key: "hostname", VType: jaeger.TagType_STRING, VStr: ptr("host-1")}, {Key: "ip", VType: jaeger.TagType_STRING, VStr: ptr("10.0.0.1")}}},
		Spans: []*jaeger.Span{{
			TraceIdLow: 2, TraceIdHigh: 1, SpanId: 3, ParentSpanId: 4, OperationName: "GET /stock", Flags: 1, StartTime: goldenStart, Duration: 1500,
			References: []*jaeger.SpanRef{{RefType: jaeger.SpanRefType_FOLLOWS_FROM, TraceIdLow: 6, TraceIdHigh: 5, SpanId: 7}},
			Tags: []*jaeger.Tag{
				{Key: "span.kind", VType: jaeger.TagType_STRING, VStr: ptr("server")},
				{Key: "error", VType: jaeger.TagType_BOOL, VBool: ptr(true)},
				{Key: "http.method", VType: jaeger.TagType_STRING, VStr: ptr("GET")},
				{Key: "http.status_code", VType: jaeger.TagType_LONG, VLong: ptr(int64(500))},
				{Key: "load", VType: jaeger.TagType_DOUBLE, VDouble: ptr(1.5)},
				{Key: "cached", VType: jaeger.TagType_BOOL, VBool: ptr(false)},
				{Key: "raw", VType: jaeger.TagType_BINARY, VBinary: []byte{1, 2}}},
			Logs: []*jaeger.Log{{Timestamp: goldenStart + 5, Fields: []*jaeger.Tag{
				{Key: "event", VType: jaeger.TagType_STRING, VStr: ptr("error")}, {Key: "message", VType: jaeger.TagType_STRING, VStr: ptr("no stock")}}}},
		}},
	}
	for name, protocol := range map[string]func(thrift.TTransport) thrift.TProtocol{
		"batch.binary":  func(b thrift.TTransport) thrift.TProtocol { return thrift.NewTBinaryProtocolConf(b, nil) },
		"batch.compact": func(b thrift.TTransport) thrift.TProtocol { return thrift.NewTCompactProtocolConf(b, nil) },
	} {
		buffer := thrift.NewTMemoryBuffer()
		err := batch.Write(t.Context(), protocol(buffer))
		golden(t, "jaeger", name, buffer.Bytes(), err)
	}
}

// TestGoldenJaegerProto writes the same as a PostSpansRequest.
func TestGoldenJaegerProto(t *testing.T) {
	start := model.EpochMicrosecondsAsTime(goldenStart)
	req := &api_v2.PostSpansRequest{Batch: model.Batch{
		Process: model.NewProcess("stock", []model.KeyValue{model.String("hostname", "host-1"), model.String("ip", "10.0.0.1")}),
		Spans: []*model.Span{{
			TraceID: model.NewTraceID(1, 2), SpanID: model.NewSpanID(3), OperationName: "GET /stock", Flags: 1, StartTime: start,
			Duration: 1500 * time.Microsecond,
			References: []model.SpanRef{
				model.NewFollowsFromRef(model.NewTraceID(5, 6), model.NewSpanID(7)), model.NewChildOfRef(model.NewTraceID(1, 2), model.NewSpanID(4))},
			Tags: []model.KeyValue{model.String("span.kind", "server"), model.Bool("error", true), model.String("http.method", "GET"),
				model.Int64("http.status_code", 500), model.Float64("load", 1.5), model.Bool("cached", false), model.Binary("raw", []byte{1, 2})},
			Logs: []model.Log{{Timestamp: start.Add(5 * time.Microsecond), Fields: []model.KeyValue{
				model.String("event", "error"), model.String("message", "no stock")}}},
		}},
	}}
	body, err := req.Marshal()
	golden(t, "jaeger", "batch.proto", body, err)
}

// TestGoldenSkyWalking writes segments of a call and of a message, as protobuf and as JSON.
func TestGoldenSkyWalking(t *testing.T) {
	const ms = goldenStart / 1000
	pair := func(key, value string) *commonv3.KeyStringValuePair {
		return &commonv3.KeyStringValuePair{Key: key, Value: value}
	}
	collection := &agentv3.SegmentCollection{Segments: []*agentv3.SegmentObject{
		{TraceId: "trace.1.2", TraceSegmentId: "shop.1", Service: "shop", ServiceInstance: "shop-1", Spans: []*agentv3.SpanObject{
			{SpanId: 1, ParentSpanId: 0, StartTime: ms + 1, EndTime: ms + 90, OperationName: "GET:/stock", Peer: "stock.local:8080",
				SpanType: agentv3.SpanType_Exit, SpanLayer: agentv3.SpanLayer_Http, ComponentId: 2, Tags: []*commonv3.KeyStringValuePair{pair("url", "http://stock.local:8080/stock")}},
			{SpanId: 2, ParentSpanId: 0, StartTime: ms + 91, EndTime: ms + 95, OperationName: "Kafka/mails/Producer", Peer: "k1:9092;k2:9092",
				SpanType: agentv3.SpanType_Exit, SpanLayer: agentv3.SpanLayer_MQ, ComponentId: 40, Tags: []*commonv3.KeyStringValuePair{pair("mq.topic", "mails")}},
			{SpanId: 0, ParentSpanId: -1, StartTime: ms, EndTime: ms + 100, OperationName: "GET:/order", SpanType: agentv3.SpanType_Entry,
				SpanLayer: agentv3.SpanLayer_Http, ComponentId: 1}}},
		{TraceId: "trace.1.2", TraceSegmentId: "stock.1", Service: "stock", ServiceInstance: "stock-1", Spans: []*agentv3.SpanObject{
			{SpanId: 1, ParentSpanId: 0, StartTime: ms + 10, EndTime: ms + 20, OperationName: "Mysql/JDBC/query", Peer: "db:3306",
				SpanType: agentv3.SpanType_Exit, SpanLayer: agentv3.SpanLayer_Database, ComponentId: 33,
				Tags: []*commonv3.KeyStringValuePair{pair("db.type", "sql"), pair("db.instance", "goods"), pair("db.statement", "select 1")}},
			{SpanId: 0, ParentSpanId: -1, StartTime: ms + 5, EndTime: ms + 80, OperationName: "GET:/stock", SpanType: agentv3.SpanType_Entry,
				SpanLayer: agentv3.SpanLayer_Http, ComponentId: 1, IsError: true, Peer: "10.0.0.9:51000",
				Tags: []*commonv3.KeyStringValuePair{pair("http.status_code", "500")},
				Logs: []*agentv3.Log{{Time: ms + 7, Data: []*commonv3.KeyStringValuePair{
					pair("event", "error"), pair("error.kind", "java.lang.IllegalStateException"), pair("message", "no stock"), pair("stack", "at a.b")}}},
				Refs: []*agentv3.SegmentReference{{TraceId: "trace.1.2", ParentTraceSegmentId: "shop.1", ParentSpanId: 1, ParentService: "shop",
					ParentServiceInstance: "shop-1", ParentEndpoint: "GET:/order", NetworkAddressUsedAtPeer: "stock.local:8080"}}}}},
		{TraceId: "trace.1.2", TraceSegmentId: "stock.2", Service: "stock", ServiceInstance: "stock-1", Spans: []*agentv3.SpanObject{
			{SpanId: 0, ParentSpanId: -1, StartTime: ms + 12, EndTime: ms + 15, OperationName: "async", SpanType: agentv3.SpanType_Local,
				Refs: []*agentv3.SegmentReference{{RefType: agentv3.RefType_CrossThread, TraceId: "trace.1.2", ParentTraceSegmentId: "stock.1", ParentSpanId: 0}}}}},
		{TraceId: "trace.1.2", TraceSegmentId: "mail.1", Service: "mail", Spans: []*agentv3.SpanObject{
			{SpanId: 0, ParentSpanId: -1, StartTime: ms + 120, EndTime: ms + 125, OperationName: "Kafka/mails/Consumer", SpanType: agentv3.SpanType_Entry,
				SpanLayer: agentv3.SpanLayer_MQ, ComponentId: 41, Refs: []*agentv3.SegmentReference{
					{TraceId: "other.trace", ParentTraceSegmentId: "shop.9", ParentSpanId: 3},
					{TraceId: "trace.1.2", ParentTraceSegmentId: "shop.1", ParentSpanId: 2, ParentService: "shop"}}}}},
	}}
	body, err := proto.MarshalOptions{Deterministic: true}.Marshal(collection)
	golden(t, "skywalking", "segments.proto", body, err)
	// protojson's spaces differ from build to build, on purpose.
	var list [][]byte
	for _, s := range collection.Segments {
		text, err := protojson.MarshalOptions{EmitUnpopulated: true}.Marshal(s)
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, compactJSON(t, text))
	}
	golden(t, "skywalking", "segments.json", append(append([]byte("["), bytes.Join(list, []byte(",\n"))...), "]\n"...), nil)
}

func compactJSON(t *testing.T, text []byte) []byte {
	t.Helper()
	var out bytes.Buffer
	if err := json.Compact(&out, text); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}
