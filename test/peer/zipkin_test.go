package peer

import (
	"bytes"
	"net/http"
	"testing"

	"github.com/openzipkin/zipkin-go"
	"github.com/openzipkin/zipkin-go/model"
	"github.com/openzipkin/zipkin-go/propagation/b3"
	"github.com/openzipkin/zipkin-go/proto/zipkin_proto3"
	"github.com/openzipkin/zipkin-go/reporter"
	zipkinhttp "github.com/openzipkin/zipkin-go/reporter/http"
	"github.com/uber/jaeger-client-go/thrift"
	"github.com/uber/jaeger-client-go/thrift-gen/zipkincore"
)

// zipkinTrace makes a trace with Zipkin's client: "shop" calls "stock", whose span has the same id where shared says so.
func zipkinTrace(t *testing.T, shared bool, to reporter.Reporter) (id string) {
	t.Helper()
	tracer := func(service, address string) *zipkin.Tracer {
		local, err := zipkin.NewEndpoint(service, address)
		if err != nil {
			t.Fatal(err)
		}
		tr, err := zipkin.NewTracer(to, zipkin.WithLocalEndpoint(local), zipkin.WithSharedSpans(shared), zipkin.WithTraceID128Bit(true))
		if err != nil {
			t.Fatal(err)
		}
		return tr
	}
	shop, stock := tracer("shop", "127.0.0.1:0"), tracer("stock", "127.0.0.1:8080")
	client := shop.StartSpan("get /stock", zipkin.Kind(model.Client))
	client.Tag("http.method", "GET")
	var headers b3.Map = make(map[string]string)
	if err := headers.Inject()(client.Context()); err != nil {
		t.Fatal(err)
	}
	server := stock.StartSpan("get /stock", zipkin.Kind(model.Server), zipkin.Parent(stock.Extract(headers.Extract)))
	server.Tag("http.method", "GET")
	server.Tag("error", "no stock")
	server.Finish()
	client.Finish()
	return client.Context().TraceID.String()
}

func TestZipkinV2(t *testing.T) {
	s := start(t)
	for _, shared := range []bool{true, false} {
		for name, serializer := range map[string]reporter.SpanSerializer{"json": reporter.JSONSerializer{}, "protobuf": zipkin_proto3.SpanSerializer{}} {
			r := zipkinhttp.NewReporter("http://"+s.Address("zipkin")+"/api/v2/spans", zipkinhttp.Serializer(serializer))
			id := zipkinTrace(t, shared, r)
			if err := r.Close(); err != nil {
				t.Fatal(err)
			}
			c := s.wait(t, id, 2).joined(t, "shop", "stock", "zipkin")
			if c.Type != "http" || !c.Error {
				t.Errorf("%s, shared %v: got %+v", name, shared, c)
			}
		}
	}
}

// TestZipkinV1Thrift sends what clients of Zipkin's first model did, encoded by Apache Thrift's own library.
func TestZipkinV1Thrift(t *testing.T) {
	s := start(t)
	number := func(n int64) *int64 { return &n }
	endpoint := func(service string) *zipkincore.Endpoint {
		return &zipkincore.Endpoint{ServiceName: service, Ipv4: 0x7f000001, Port: 80}
	}
	now := int64(1_790_000_000_000_000)
	note := func(at int64, value, service string) *zipkincore.Annotation {
		return &zipkincore.Annotation{Timestamp: now + at, Value: value, Host: endpoint(service)}
	}
	spans := []*zipkincore.Span{
		{TraceID: 7, TraceIDHigh: number(5), ID: 9, Name: "get", Timestamp: number(now), Duration: number(500), Annotations: []*zipkincore.Annotation{
			note(0, zipkincore.CLIENT_SEND, "shop"), note(500, zipkincore.CLIENT_RECV, "shop")}},
		{TraceID: 7, TraceIDHigh: number(5), ID: 9, Name: "get", Annotations: []*zipkincore.Annotation{
			note(100, zipkincore.SERVER_RECV, "stock"), note(400, zipkincore.SERVER_SEND, "stock")},
			BinaryAnnotations: []*zipkincore.BinaryAnnotation{{Key: "http.path", Value: []byte("/stock"), AnnotationType: zipkincore.AnnotationType_STRING,
				Host: endpoint("stock")}}},
	}
	buffer := thrift.NewTMemoryBuffer()
	p := thrift.NewTBinaryProtocolConf(buffer, nil)
	fail := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	fail(p.WriteListBegin(t.Context(), thrift.STRUCT, len(spans)))
	for _, span := range spans {
		fail(span.Write(t.Context(), p))
	}
	fail(p.WriteListEnd(t.Context()))
	r, err := http.Post("http://"+s.Address("zipkin")+"/api/v1/spans", "application/x-thrift", bytes.NewReader(buffer.Bytes()))
	fail(err)
	r.Body.Close()
	if r.StatusCode != http.StatusAccepted {
		t.Fatal(r.Status)
	}
	c := s.wait(t, "00000000000000050000000000000007", 2).joined(t, "shop", "stock", "zipkin")
	if c.Operation != "get" || c.Server.Attributes["http.path"] != "/stock" {
		t.Errorf("got %+v", c)
	}
}
