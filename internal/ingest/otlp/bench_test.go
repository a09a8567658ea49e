package otlp

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"os"
	"testing"

	commonpb "go.opentelemetry.io/proto/otlp/common/v1"
	resourcepb "go.opentelemetry.io/proto/otlp/resource/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"

	"github.com/twinspan/twinspan/internal/ingest"
	"github.com/twinspan/twinspan/internal/ingest/ingesttest"
)

// BenchmarkDecode decodes a request of about 500 spans of 33 services with 12 attributes each, or the one in the file
// that TWINSPAN_BENCH_OTLP names. It reports the time and the allocations for a span, the copy of the request into a
// fresh buffer, as a receiver has it, included.
func BenchmarkDecode(b *testing.B) {
	body := marshal1(b, benchData())
	if file := os.Getenv("TWINSPAN_BENCH_OTLP"); file != "" {
		var err error
		if body, err = os.ReadFile(file); err != nil {
			b.Fatal(err)
		}
	}
	buf := make([]byte, len(body))
	spans := 0
	allocs := testing.AllocsPerRun(1, func() {
		copy(buf, body)
		d, err := decode(&ingest.Memory{Body: buf}, ingesttest.Limits())
		if err != nil || d.left.Spans() > 0 {
			b.Fatal(err, d.left.First)
		}
		spans = len(d.halves)
	})
	b.SetBytes(int64(len(body)))
	for b.Loop() {
		copy(buf, body)
		if _, err := decode(&ingest.Memory{Body: buf}, ingesttest.Limits()); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(spans), "ns/span")
	b.ReportMetric(allocs/float64(spans), "allocs/span")
}

// BenchmarkOfficialDecode is what the generated types cost for the same request, before anything is made of them.
func BenchmarkOfficialDecode(b *testing.B) {
	body := marshal1(b, benchData())
	spans := 0
	for b.Loop() {
		var data tracepb.TracesData
		if err := proto.Unmarshal(body, &data); err != nil {
			b.Fatal(err)
		}
		spans = 0
		for _, rs := range data.ResourceSpans {
			spans += len(rs.ScopeSpans[0].Spans)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(spans), "ns/span")
}

func benchData() *tracepb.TracesData {
	rng := rand.New(rand.NewPCG(1, 1))
	raw := func(n int) []byte {
		return binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(nil, rng.Uint64()|1), rng.Uint64())[:n]
	}
	data := &tracepb.TracesData{}
	for service := range 33 {
		rs := &tracepb.ResourceSpans{
			Resource: &resourcepb.Resource{Attributes: []*commonpb.KeyValue{
				attr("service.name", fmt.Sprintf("service-%d", service)), attr("service.namespace", "shop"), attr("service.version", "1.2.3"),
				attr("service.instance.id", fmt.Sprintf("%x", raw(16))), attr("deployment.environment.name", "production"),
				attr("telemetry.sdk.language", "go"), attr("host.name", "node-07"), attr("k8s.pod.name", "service-7-abcdef-12345"),
			}},
			ScopeSpans: []*tracepb.ScopeSpans{{Scope: &commonpb.InstrumentationScope{Name: "io.opentelemetry.go.auto", Version: "2.19.0"}}},
		}
		for range 15 {
			s := &tracepb.Span{TraceId: raw(16), SpanId: raw(8), ParentSpanId: raw(8), Name: "GET /cart/{id}", Flags: 0x101,
				Kind: tracepb.Span_SPAN_KIND_SERVER, StartTimeUnixNano: 1.7e18, EndTimeUnixNano: 1.7e18 + rng.Uint64N(1e9)}
			s.Attributes = []*commonpb.KeyValue{
				attr("http.request.method", "GET"), attr("http.route", "/cart/{id}"), attr("url.path", fmt.Sprintf("/cart/%d", rng.Uint32())),
				attr("server.address", "cart.shop.svc.cluster.local"), number("server.port", 8080), attr("url.scheme", "http"),
				attr("client.address", fmt.Sprintf("10.32.1.%d", rng.IntN(250))), attr("network.peer.address", fmt.Sprintf("10.32.2.%d", rng.IntN(250))),
				number("network.peer.port", int64(32768+rng.IntN(20000))), attr("network.protocol.version", "1.1"),
				number("http.response.status_code", 200), number("thread.id", int64(rng.IntN(64))),
			}
			if rng.IntN(100) == 0 {
				s.Status = &tracepb.Status{Message: "upstream request timeout", Code: tracepb.Status_STATUS_CODE_ERROR}
				s.Events = []*tracepb.Span_Event{{TimeUnixNano: 1.7e18, Name: "exception", Attributes: s.Attributes[:3]}}
			}
			rs.ScopeSpans[0].Spans = append(rs.ScopeSpans[0].Spans, s)
		}
		data.ResourceSpans = append(data.ResourceSpans, rs)
	}
	return data
}
