package main

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/DataDog/dd-trace-go/v2/ddtrace/tracer"
	"github.com/openzipkin/zipkin-go"
	"github.com/openzipkin/zipkin-go/model"
	"github.com/openzipkin/zipkin-go/propagation/b3"
	"github.com/openzipkin/zipkin-go/reporter"
	zipkinhttp "github.com/openzipkin/zipkin-go/reporter/http"
	"github.com/rs/zerolog"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	otlp "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	trace "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"
)

// nothing is an exporter that does nothing.
type nothing struct{}

func (nothing) ExportSpans(context.Context, []sdktrace.ReadOnlySpan) error { return nil }
func (nothing) Shutdown(context.Context) error                             { return nil }

// encoder is OTLP's exporter without a network: it encodes as the HTTP exporter does and throws the bytes away.
type encoder struct{ bytes int }

func newEncodingExporter() sdktrace.SpanExporter { return otlptrace.NewUnstarted(&encoder{}) }

func (*encoder) Start(context.Context) error { return nil }
func (*encoder) Stop(context.Context) error  { return nil }

func (e *encoder) UploadTraces(_ context.Context, spans []*trace.ResourceSpans) error {
	b, err := proto.Marshal(&otlp.ExportTraceServiceRequest{ResourceSpans: spans})
	e.bytes += len(b)
	return err
}

// answers gives every request an empty answer, without a network.
type answers struct{}

func (*answers) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Body != nil {
		_, _ = io.Copy(io.Discard, r.Body)
		r.Body.Close()
	}
	return &http.Response{StatusCode: http.StatusOK, Status: "200 OK", Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: http.Header{"Content-Type": {"application/json"}}, Body: io.NopCloser(bytes.NewReader([]byte("{}"))), Request: r}, nil
}

func startDatadog(string) (running, error) {
	if err := tracer.Start(tracer.WithService("payment"), tracer.WithHTTPClient(&http.Client{Transport: &answers{}}), tracer.WithLogStartup(false),
		tracer.WithLogger(silent{}), tracer.WithRuntimeMetrics()); err != nil {
		return running{}, err
	}
	unit := func(in, out http.Header) {
		parent, _ := tracer.Extract(tracer.HTTPHeadersCarrier(in))
		//nolint:staticcheck // there is no other way below an extracted context
		server := tracer.StartSpan("http.request", tracer.ChildOf(parent), tracer.ResourceName("GET /pay/{id}"), tracer.SpanType("web"),
			tracer.Tag("span.kind", "server"), tracer.Tag("http.method", "GET"), tracer.Tag("http.url", "/pay/17"), tracer.Tag("user.tier", "gold"))
		client := server.StartChild("http.request", tracer.ResourceName("GET /book/{id}"), tracer.SpanType("http"),
			tracer.Tag("span.kind", "client"), tracer.Tag("http.method", "GET"), tracer.Tag("http.url", "http://10.0.0.7:8080/book/17"),
			tracer.Tag("out.host", "10.0.0.7"))
		must(tracer.Inject(client.Context(), tracer.HTTPHeadersCarrier(out)))
		client.SetTag("http.status_code", 200)
		client.Finish()
		server.SetTag("http.status_code", 200)
		server.Finish()
	}
	return running{unit, tracer.Flush, func() float64 { tracer.Stop(); return 0 }}, nil
}

// silent is a logger of nothing: the tracer reports what it drops there.
type silent struct{}

func (silent) Log(string) {}

func zipkinHeaders() http.Header {
	h := headers()
	h.Set("X-B3-TraceId", "0a0fe8ec1700000000123100112345ff")
	h.Set("X-B3-SpanId", "4e18dd181d0a2066")
	h.Del("X-B3-ParentSpanId")
	h.Set("X-B3-Sampled", "1")
	return h
}

func startZipkin(string) (running, error) {
	encoded := &counting{}
	r := zipkinhttp.NewReporter("http://collector/api/v2/spans", zipkinhttp.Client(&http.Client{Transport: &answers{}}), zipkinhttp.Serializer(encoded),
		zipkinhttp.MaxBacklog(1<<30), zipkinhttp.BatchSize(512), zipkinhttp.BatchInterval(100*time.Millisecond))
	endpoint, err := zipkin.NewEndpoint("payment", "127.0.0.1:8080")
	if err != nil {
		return running{}, err
	}
	t, err := zipkin.NewTracer(r, zipkin.WithLocalEndpoint(endpoint))
	if err != nil {
		return running{}, err
	}
	var sent atomic.Int64
	unit := func(in, out http.Header) {
		server := t.StartSpan("GET /pay/{id}", zipkin.Kind(model.Server), zipkin.Parent(t.Extract(b3.ExtractHTTP(&http.Request{Header: in}))))
		server.Tag("http.method", "GET")
		server.Tag("http.path", "/pay/17")
		server.Tag("http.route", "/pay/{id}")
		server.Tag("user.tier", "gold")
		client := t.StartSpan("GET /book/{id}", zipkin.Kind(model.Client), zipkin.Parent(server.Context()))
		client.Tag("http.method", "GET")
		client.Tag("http.url", "http://10.0.0.7:8080/book/17")
		client.Tag("server.address", "10.0.0.7")
		client.Tag("server.port", "8080")
		must(b3.InjectHTTP(&http.Request{Header: out})(client.Context()))
		client.Tag("http.status_code", "200")
		client.Finish()
		server.Tag("http.status_code", "200")
		server.Finish()
		sent.Add(2)
	}
	wait := func() {
		for encoded.spans.Load() < sent.Load() { // the reporter has no other way to ask it
			time.Sleep(time.Millisecond)
		}
	}
	return running{unit, wait, func() float64 { must(r.Close()); return 0 }}, nil
}

// counting is zipkin-go's encoder, which counts.
type counting struct {
	reporter.JSONSerializer
	spans atomic.Int64
}

func (c *counting) Serialize(spans []*model.SpanModel) ([]byte, error) {
	b, err := c.JSONSerializer.Serialize(spans)
	c.spans.Add(int64(len(spans)))
	return b, err
}

func startZerolog(dir string) (running, error) {
	f, err := os.Create(filepath.Join(dir, "zerolog.log"))
	if err != nil {
		return running{}, err
	}
	var mu sync.Mutex
	w := bufio.NewWriterSize(f, 64<<10)
	logger := zerolog.New(writerFunc(func(p []byte) (int, error) {
		mu.Lock()
		defer mu.Unlock()
		return w.Write(p)
	}))
	unit := func(in, _ http.Header) {
		logger.Info().Str("time", "2026-11-23 08:36:43.963").Str("local.app", "payment").Str("traceId", "0a0fe8ec1700000000123100112345").
			Str("spanId", "0.1").Str("span.kind", "client").Str("result.code", "200").Str("time.cost.milliseconds", "12ms").
			Str("request.url", "http://10.0.0.7:8080/book/17").Str("method", "GET").Int("req.size.bytes", 0).Int("resp.size.bytes", 64).
			Str("remote.app", "ledger").Str("sys.baggage", "").Str("biz.baggage", "").Str("start.ns", "1795423003951234567").
			Int64("duration.ns", 12345678).Str("operation", "GET /book/{id}").Str("status", "ok").Str("type", "http").Send()
	}
	return running{unit, func() { mu.Lock(); must(w.Flush()); mu.Unlock() }, func() float64 { must(f.Close()); return 0 }}, nil
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }
