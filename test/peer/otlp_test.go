package peer

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracegrpc"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	oteltrace "go.opentelemetry.io/otel/trace"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
)

// otelTrace makes a trace with OpenTelemetry's SDK: "shop" calls "stock".
func otelTrace(t *testing.T, exporter func() (*otlptrace.Exporter, error)) (id string) {
	t.Helper()
	provider := func(service string) *sdktrace.TracerProvider {
		e, err := exporter()
		if err != nil {
			t.Fatal(err)
		}
		return sdktrace.NewTracerProvider(sdktrace.WithBatcher(e),
			sdktrace.WithResource(resource.NewSchemaless(attribute.String("service.name", service))))
	}
	shop, stock := provider("shop"), provider("stock")
	ctx, client := shop.Tracer("client").Start(context.Background(), "GET", oteltrace.WithSpanKind(oteltrace.SpanKindClient),
		oteltrace.WithAttributes(attribute.String("http.request.method", "GET"), attribute.String("server.address", "stock.local")))
	_, server := stock.Tracer("server").Start(ctx, "GET /stock", oteltrace.WithSpanKind(oteltrace.SpanKindServer),
		oteltrace.WithAttributes(attribute.String("http.request.method", "GET"), attribute.Int("http.response.status_code", 500)))
	server.SetStatus(codes.Error, "no stock")
	server.AddEvent("looked up", oteltrace.WithAttributes(attribute.StringSlice("shelves", []string{"a", "b"})))
	server.End()
	client.End()
	for _, p := range []*sdktrace.TracerProvider{shop, stock} {
		if err := p.Shutdown(context.Background()); err != nil {
			t.Fatal(err)
		}
	}
	return client.SpanContext().TraceID().String()
}

// TestOTLPExporters sends with OpenTelemetry's own exporters.
func TestOTLPExporters(t *testing.T) {
	s := start(t)
	ctx := context.Background()
	for name, exporter := range map[string]func() (*otlptrace.Exporter, error){
		"grpc": func() (*otlptrace.Exporter, error) {
			return otlptracegrpc.New(ctx, otlptracegrpc.WithEndpoint(s.Address("otlp_grpc")), otlptracegrpc.WithInsecure())
		},
		"grpc, gzip": func() (*otlptrace.Exporter, error) {
			return otlptracegrpc.New(ctx, otlptracegrpc.WithEndpoint(s.Address("otlp_grpc")), otlptracegrpc.WithInsecure(), otlptracegrpc.WithCompressor("gzip"))
		},
		"http": func() (*otlptrace.Exporter, error) {
			return otlptracehttp.New(ctx, otlptracehttp.WithEndpoint(s.Address("otlp_http")), otlptracehttp.WithInsecure())
		},
		"http, gzip": func() (*otlptrace.Exporter, error) {
			return otlptracehttp.New(ctx, otlptracehttp.WithEndpoint(s.Address("otlp_http")), otlptracehttp.WithInsecure(),
				otlptracehttp.WithCompression(otlptracehttp.GzipCompression))
		},
	} {
		c := s.wait(t, otelTrace(t, exporter), 2).joined(t, "shop", "stock", "otlp")
		if c.Type != "http" || !c.Error || len(c.Server.Events) != 1 {
			t.Errorf("%s: got %+v", name, c)
		}
	}
}

// spans makes a request of a good span and as many without a trace id.
func spans(trace byte, bad int) ptraceotlp.ExportRequest {
	data := ptrace.NewTraces()
	rs := data.ResourceSpans().AppendEmpty()
	rs.Resource().Attributes().PutStr("service.name", "shop")
	list := rs.ScopeSpans().AppendEmpty().Spans()
	for n := range bad + 1 {
		span := list.AppendEmpty()
		span.SetName("x")
		span.SetSpanID(pcommon.SpanID{byte(n + 1)})
		span.SetStartTimestamp(1_790_000_000_000_000_000)
		span.SetEndTimestamp(1_790_000_000_000_000_001)
		if n == 0 {
			span.SetTraceID(pcommon.TraceID{trace})
		}
	}
	return ptraceotlp.NewExportRequestFromTraces(data)
}

// TestOTLPCollector sends as the OpenTelemetry Collector does, whose exporters also pack with zstd, and reads its answers
// with the Collector's own messages.
func TestOTLPCollector(t *testing.T) {
	s := start(t)
	check := func(name string, answer ptraceotlp.ExportResponse, trace string) {
		t.Helper()
		p := answer.PartialSuccess()
		if p.RejectedSpans() != 2 || !strings.Contains(p.ErrorMessage(), "trace_id") {
			t.Errorf("%s: %d rejected: %s", name, p.RejectedSpans(), p.ErrorMessage())
		}
		s.wait(t, trace+strings.Repeat("0", 30), 1)
	}
	conn, err := grpc.NewClient(s.Address("otlp_grpc"), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	answer, err := ptraceotlp.NewGRPCClient(conn).Export(context.Background(), spans(1, 2))
	if err != nil {
		t.Fatal(err)
	}
	check("grpc", answer, "01")

	packer, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		trace       byte
		shown       string
		contentType string
		packed      bool
	}{{2, "02", "application/x-protobuf", false}, {3, "03", "application/x-protobuf", true}, {4, "04", "application/json", false}, {5, "05", "application/json", true}} {
		req, answer := spans(tt.trace, 2), ptraceotlp.NewExportResponse()
		marshal, unmarshal := req.MarshalProto, answer.UnmarshalProto
		if tt.contentType == "application/json" {
			marshal, unmarshal = req.MarshalJSON, answer.UnmarshalJSON
		}
		body, err := marshal()
		if err != nil {
			t.Fatal(err)
		}
		if tt.packed {
			body = packer.EncodeAll(body, nil)
		}
		r, err := http.NewRequest(http.MethodPost, "http://"+s.Address("otlp_http")+"/v1/traces", bytes.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", tt.contentType)
		if tt.packed {
			r.Header.Set("Content-Encoding", "zstd")
		}
		got, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(got.Body)
		got.Body.Close()
		if err != nil || got.StatusCode != http.StatusOK {
			t.Fatalf("%s: %s: %s", tt.contentType, got.Status, text)
		}
		if err := unmarshal(text); err != nil {
			t.Fatal(err)
		}
		check(tt.contentType, answer, tt.shown)
	}
}
