package peer

import (
	"context"
	"testing"

	"github.com/jaegertracing/jaeger-idl/model/v1"
	"github.com/jaegertracing/jaeger-idl/proto-gen/api_v2"
	"github.com/opentracing/opentracing-go"
	"github.com/opentracing/opentracing-go/ext"
	otlog "github.com/opentracing/opentracing-go/log"
	"github.com/uber/jaeger-client-go"
	"github.com/uber/jaeger-client-go/transport"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/encoding/gzip"
)

// spanReporter keeps the finished spans.
type spanReporter struct{ spans []*jaeger.Span }

func (r *spanReporter) Report(s *jaeger.Span) { r.spans = append(r.spans, s.Retain()) }
func (r *spanReporter) Close()                {}

// jaegerTrace makes a trace with Jaeger's client: "shop" calls "stock", which asks a database. done is called with each
// service's tracer once its spans are finished.
func jaegerTrace(t *testing.T, reporter func(service string) jaeger.Reporter) (id string) {
	t.Helper()
	shop, closeShop := jaeger.NewTracer("shop", jaeger.NewConstSampler(true), reporter("shop"), jaeger.TracerOptions.Gen128Bit(true))
	stock, closeStock := jaeger.NewTracer("stock", jaeger.NewConstSampler(true), reporter("stock"), jaeger.TracerOptions.Gen128Bit(true))
	client := shop.StartSpan("GET /stock", ext.SpanKindRPCClient)
	ext.HTTPMethod.Set(client, "GET")
	ext.PeerHostname.Set(client, "stock.local")
	ext.PeerPort.Set(client, 8080)
	carrier := opentracing.TextMapCarrier{}
	if err := shop.Inject(client.Context(), opentracing.TextMap, carrier); err != nil {
		t.Fatal(err)
	}
	from, err := stock.Extract(opentracing.TextMap, carrier)
	if err != nil {
		t.Fatal(err)
	}
	server := stock.StartSpan("GET /stock", ext.RPCServerOption(from))
	ext.HTTPMethod.Set(server, "GET")
	ext.HTTPStatusCode.Set(server, 500)
	ext.Error.Set(server, true)
	server.LogFields(otlog.String("event", "error"), otlog.String("message", "no stock"), otlog.Int("left", 0))
	db := stock.StartSpan("SELECT", opentracing.ChildOf(server.Context()), ext.SpanKindRPCClient)
	ext.DBType.Set(db, "mysql")
	ext.DBInstance.Set(db, "goods")
	db.Finish()
	server.Finish()
	client.Finish()
	id = client.Context().(jaeger.SpanContext).TraceID().String()
	closeShop.Close()
	closeStock.Close()
	return id
}

// checkJaeger checks what jaegerTrace made.
func checkJaeger(t *testing.T, tr trace) {
	t.Helper()
	c := tr.joined(t, "shop", "stock", "jaeger")
	if c.Type != "http" || !c.Error || c.Operation != "GET /stock" || c.Client.PeerAddr != "stock.local:8080" {
		t.Errorf("got %+v, client %+v", c, c.Client)
	}
	if len(c.Server.Events) != 1 {
		t.Errorf("events %s", c.Server.Events)
	}
	for _, c := range tr.Calls {
		if c.Callee == "mysql:goods" && c.Type == "db" && c.Caller == "stock" {
			return
		}
	}
	t.Errorf("no call of the database in %+v", tr.Calls)
}

// TestJaegerThriftHTTP sends with Jaeger's Go client.
func TestJaegerThriftHTTP(t *testing.T) {
	s := start(t)
	id := jaegerTrace(t, func(string) jaeger.Reporter {
		return jaeger.NewRemoteReporter(transport.NewHTTPTransport("http://" + s.Address("jaeger_http") + "/api/traces?format=jaeger.thrift"))
	})
	checkJaeger(t, s.wait(t, id, 3))
}

// TestJaegerGRPC sends the client's spans, as Jaeger's agent does, with Jaeger's own gRPC client.
func TestJaegerGRPC(t *testing.T) {
	s := start(t)
	reporters := make(map[string]*spanReporter)
	id := jaegerTrace(t, func(service string) jaeger.Reporter {
		reporters[service] = new(spanReporter)
		return reporters[service]
	})
	conn, err := grpc.NewClient(s.Address("jaeger_grpc"), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	collector := api_v2.NewCollectorServiceClient(conn)
	options := map[string][]grpc.CallOption{"shop": nil, "stock": {grpc.UseCompressor(gzip.Name)}}
	for service, r := range reporters {
		batch := model.Batch{Process: model.NewProcess(service, []model.KeyValue{model.String("hostname", "host-1")})}
		for _, span := range r.spans {
			batch.Spans = append(batch.Spans, jaegerModel(span))
		}
		if _, err := collector.PostSpans(context.Background(), &api_v2.PostSpansRequest{Batch: batch}, options[service]...); err != nil {
			t.Fatal(err)
		}
	}
	checkJaeger(t, s.wait(t, id, 3))
}

// jaegerModel is the translation that Jaeger's agent does.
func jaegerModel(s *jaeger.Span) *model.Span {
	thrift := jaeger.BuildJaegerThrift(s)
	trace := model.NewTraceID(uint64(thrift.TraceIdHigh), uint64(thrift.TraceIdLow))
	m := &model.Span{
		TraceID: trace, SpanID: model.NewSpanID(uint64(thrift.SpanId)), OperationName: thrift.OperationName,
		StartTime: model.EpochMicrosecondsAsTime(uint64(thrift.StartTime)), Duration: model.MicrosecondsAsDuration(uint64(thrift.Duration)),
	}
	if thrift.ParentSpanId != 0 {
		m.References = []model.SpanRef{model.NewChildOfRef(trace, model.NewSpanID(uint64(thrift.ParentSpanId)))}
	}
	for _, tag := range thrift.Tags {
		switch {
		case tag.VStr != nil:
			m.Tags = append(m.Tags, model.String(tag.Key, *tag.VStr))
		case tag.VLong != nil:
			m.Tags = append(m.Tags, model.Int64(tag.Key, *tag.VLong))
		case tag.VBool != nil:
			m.Tags = append(m.Tags, model.Bool(tag.Key, *tag.VBool))
		}
	}
	for _, log := range thrift.Logs {
		l := model.Log{Timestamp: model.EpochMicrosecondsAsTime(uint64(log.Timestamp))}
		for _, f := range log.Fields {
			if f.VStr != nil {
				l.Fields = append(l.Fields, model.String(f.Key, *f.VStr))
			}
		}
		m.Logs = append(m.Logs, l)
	}
	return m
}
