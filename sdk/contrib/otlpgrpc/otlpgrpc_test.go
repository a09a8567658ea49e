package twinotlpgrpc

import (
	"context"
	"net"
	"testing"
	"time"

	collector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	common "go.opentelemetry.io/proto/otlp/common/v1"
	trace "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/durationpb"

	twinspan "github.com/twinspan/twinspan/sdk"
	"github.com/twinspan/twinspan/sdk/export"
)

// receiver is a collector as OpenTelemetry's generated code has it.
type receiver struct {
	collector.UnimplementedTraceServiceServer
	errs     []error
	requests []*collector.ExportTraceServiceRequest
	headers  metadata.MD
	reject   int64
}

func (r *receiver) Export(ctx context.Context, q *collector.ExportTraceServiceRequest) (*collector.ExportTraceServiceResponse, error) {
	r.headers, _ = metadata.FromIncomingContext(ctx)
	if len(r.errs) > 0 {
		err := r.errs[0]
		r.errs = r.errs[1:]
		return nil, err
	}
	r.requests = append(r.requests, q)
	return &collector.ExportTraceServiceResponse{PartialSuccess: &collector.ExportTracePartialSuccess{RejectedSpans: r.reject, ErrorMessage: "no"}}, nil
}

func run(t *testing.T, r *receiver) (*twinspan.Tracer, *export.Exporter) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := grpc.NewServer()
	collector.RegisterTraceServiceServer(server, r)
	go func() { _ = server.Serve(l) }()
	t.Cleanup(server.Stop)
	e, err := New(export.Config{Delay: time.Hour}, Target{Endpoint: l.Addr().String(), Credentials: insecure.NewCredentials(),
		Header: metadata.Pairs("authorization", "Bearer t")}, "pay", "one")
	if err != nil {
		t.Fatal(err)
	}
	c := twinspan.DefaultConfig("pay")
	c.LogDir, c.Exporters, c.Resource = t.TempDir(), []twinspan.Exporter{e}, []twinspan.ResourceAttribute{"deployment.environment.name=prod", "host.name=h%2C1"}
	tracer, err := twinspan.New(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = tracer.Close() })
	return tracer, e
}

func attributes(list []*common.KeyValue) map[string]any {
	m := make(map[string]any)
	for _, kv := range list {
		switch v := kv.GetValue().GetValue().(type) {
		case *common.AnyValue_StringValue:
			m[kv.Key] = v.StringValue
		case *common.AnyValue_IntValue:
			m[kv.Key] = v.IntValue
		case *common.AnyValue_BoolValue:
			m[kv.Key] = v.BoolValue
		case *common.AnyValue_DoubleValue:
			m[kv.Key] = v.DoubleValue
		case *common.AnyValue_ArrayValue:
			m[kv.Key] = len(v.ArrayValue.Values)
		}
	}
	return m
}

// TestWhatIsSent decodes with OpenTelemetry's own code.
func TestWhatIsSent(t *testing.T) {
	r := &receiver{}
	tracer, e := run(t, r)
	ctx, server := tracer.StartFrom(t.Context(), twinspan.MapCarrier{"traceparent": "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-03", "tracestate": "a=1"},
		twinspan.Server, twinspan.HTTPServer, "GET /pay/{id}")
	server.SetBaggage("mark", "T")
	server.SetTags(twinspan.String(twinspan.TagMethod, "GET"), twinspan.Float("f", 1.5), twinspan.Bool("b", true), twinspan.Ints("list", []int64{1, 2}), twinspan.String("bad", "\xff"))
	server.SetLocal("10.0.0.1:80")
	server.SetRemote("[::1]:4000")
	server.SetResultCode("503")
	_, client := tracer.Start(ctx, twinspan.Client, twinspan.GRPCClient, "pay.Ledger/Book")
	client.SetRemoteApp("ledger")
	client.AddEvent("sent", twinspan.Int("n", 1))
	client.AddLink(server.Context(), twinspan.String("why", "x"))
	client.Fail("no money")
	client.End()
	server.Fail("503")
	server.End()
	tracer.Flush()
	if c := e.Counters(); c != (export.Counters{Sent: 2}) {
		t.Fatalf("%+v", c)
	}
	if got := r.headers.Get("authorization"); len(got) != 1 || got[0] != "Bearer t" {
		t.Errorf("authorization %q", got)
	}
	resource := r.requests[0].ResourceSpans[0]
	if a := attributes(resource.Resource.Attributes); a["service.name"] != "pay" || a["service.instance.id"] != "one" ||
		a["deployment.environment.name"] != "prod" || a["host.name"] != "h,1" {
		t.Errorf("resource %v", a)
	}
	spans := resource.ScopeSpans[0].Spans
	if len(spans) != 2 {
		t.Fatalf("%d spans", len(spans))
	}
	c, s := spans[0], spans[1]
	if c.Kind != trace.Span_SPAN_KIND_CLIENT || s.Kind != trace.Span_SPAN_KIND_SERVER || string(c.ParentSpanId) != string(s.SpanId) ||
		string(c.TraceId) != string(s.TraceId) || c.Name != "pay.Ledger/Book" || c.EndTimeUnixNano < c.StartTimeUnixNano || s.Flags != 3 {
		t.Errorf("%v\n%v", c, s)
	}
	if c.Status.GetCode() != trace.Status_STATUS_CODE_ERROR || c.Status.GetMessage() != "no money" || len(c.Events) != 1 || len(c.Links) != 1 ||
		attributes(c.Events[0].Attributes)["n"] != int64(1) || string(c.Links[0].SpanId) != string(s.SpanId) {
		t.Errorf("%v", c)
	}
	want := map[string]any{"http.request.method": "GET", "http.response.status_code": int64(503), "f": 1.5, "b": true, "list": 2, "bad": "\uFFFD",
		"network.local.address": "10.0.0.1", "network.local.port": int64(80), "network.peer.address": "::1", "twinspan.load_test": true, "baggage.mark": "T"}
	got := attributes(s.Attributes)
	for key, value := range want {
		if got[key] != value {
			t.Errorf("%s is %v, want %v", key, got[key], value)
		}
	}
	if attributes(c.Attributes)["peer.service"] != "ledger" {
		t.Errorf("%v", c.Attributes)
	}
}

// TestRPCNames: RPC of all kinds goes by OpenTelemetry's names; only gRPC has its status codes.
func TestRPCNames(t *testing.T) {
	for component, code := range map[twinspan.Component]string{twinspan.GRPCClient: "rpc.grpc.status_code", twinspan.DubboClient: "result.code", twinspan.SOFARPCClient: "result.code"} {
		r := &receiver{}
		tracer, _ := run(t, r)
		_, span := tracer.Start(t.Context(), twinspan.Client, component, "pay.Ledger/Book")
		span.SetTags(twinspan.String(twinspan.TagService, "pay.Ledger"), twinspan.String(twinspan.TagMethod, "Book"))
		span.SetResultCode("03")
		span.End()
		tracer.Flush()
		a := attributes(r.requests[0].ResourceSpans[0].ScopeSpans[0].Spans[0].Attributes)
		if a["rpc.service"] != "pay.Ledger" || a["rpc.method"] != "Book" || a[code] == nil {
			t.Errorf("%s: %v", component, a)
		}
	}
}

// TestAnswers: which errors are worth another attempt.
func TestAnswers(t *testing.T) {
	busy, err := status.New(codes.ResourceExhausted, "busy").WithDetails(&errdetails.RetryInfo{RetryDelay: durationpb.New(time.Millisecond)})
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name   string
		errs   []error
		reject int64
		want   export.Counters
	}{
		{"unavailable", []error{status.Error(codes.Unavailable, "later")}, 0, export.Counters{Sent: 1}},
		{"busy, with a time", []error{busy.Err()}, 0, export.Counters{Sent: 1}},
		{"busy for ever", []error{status.Error(codes.ResourceExhausted, "full")}, 0, export.Counters{Failed: 1}},
		{"bad", []error{status.Error(codes.InvalidArgument, "bad")}, 0, export.Counters{Failed: 1}},
		{"refused", nil, 1, export.Counters{Refused: 1}},
	}
	for _, tt := range tests {
		tracer, e := run(t, &receiver{errs: tt.errs, reject: tt.reject})
		_, span := tracer.Start(t.Context(), twinspan.Internal, twinspan.Biz, "x")
		span.End()
		tracer.Flush()
		if got := e.Counters(); got != tt.want {
			t.Errorf("%s: %+v, want %+v", tt.name, got, tt.want)
		}
	}
	if _, err := New(export.Config{}, Target{}, "pay", ""); err == nil {
		t.Error("no endpoint is taken")
	}
}
