package twinspan

import (
	"context"
	"testing"
	"time"
)

// unit is what a service does with the tracer for one request: read the caller's headers, one server span, one client
// span, write the callee's headers, end both.
func unit(tracer *Tracer, in, out HeaderCarrier) {
	ctx, server := tracer.StartFrom(context.Background(), in, Server, HTTPServer, "GET /pay/{id}")
	server.SetTags(String(TagURL, "http://127.0.0.1:8080/pay/17"), String(TagMethod, "GET"), Int(TagRequestSize, 120),
		Int(TagResponseSize, 512), String("user.tier", "gold"))
	_, client := tracer.Start(ctx, Client, HTTPClient, "GET /book/{id}")
	client.SetTags(String(TagURL, "http://10.0.0.7:8080/book/17"), String(TagMethod, "GET"), Int(TagRequestSize, 0),
		Int(TagResponseSize, 64), String("http.flavor", "1.1"))
	client.Inject(out)
	client.SetResultCode("200")
	client.End()
	server.SetResultCode("200")
	server.End()
}

func benchHeaders() HeaderCarrier {
	return headerCarrier([]string{
		"traceparent: 00-0a0fe8ec1700000000123100112345ff-4e18dd181d0a2066-01", "tracestate: twinspan=0.1:4e18dd181d0a2066",
		"X-B3-TraceId: 0a0fe8ec1700000000123100112345", "X-B3-SpanId: 0.1", "X-B3-ParentSpanId: 0", "X-B3-Sampled: true",
		"User-Agent: bench", "Accept: */*", "Content-Type: application/json",
	})
}

// BenchmarkUnit has both digest lines of each unit formatted and written to disk: the queue waits, nothing is dropped.
func BenchmarkUnit(b *testing.B) {
	for _, c := range []struct {
		name   string
		change func(*Config)
	}{
		{"logged", func(*Config) {}},
		{"text", func(c *Config) { c.Format = Text }},
		{"sampled-out", func(c *Config) { c.SamplePercentage = 0 }},
	} {
		b.Run(c.name, func(b *testing.B) {
			tracer := newTracer(b, func(config *Config) {
				config.StatInterval = time.Hour
				c.change(config)
			})
			in := benchHeaders()
			if c.name == "sampled-out" {
				clear(in)
			}
			b.ReportAllocs()
			b.ResetTimer()
			b.RunParallel(func(pb *testing.PB) {
				out := HeaderCarrier{}
				for pb.Next() {
					unit(tracer, in, out)
				}
			})
			tracer.Flush()
			b.StopTimer()
			if c := tracer.Counters(); c.QueueDropped+c.WriteLost > 0 {
				b.Errorf("%+v", c)
			}
		})
	}
}

// BenchmarkLine is what a digest line costs to format, of a span with the attributes of OpenTelemetry's conventions.
func BenchmarkLine(b *testing.B) {
	s := lineSpan(Client, Inferred, "GET /book/{id}", String("http.request.method", "GET"), String("url.full", "http://10.0.0.7:8080/book/17"),
		String("server.address", "10.0.0.7"), Int("server.port", 8080), Int("http.response.status_code", 200))
	s.scope = NewScope("bench", "", "")
	var r resolved
	s.resolve(&r)
	c := DefaultConfig("payment")
	e := encoder{lineText: newLineText(&c)}
	line := make([]byte, 0, chunkBytes)
	b.ReportAllocs()
	for b.Loop() {
		line = e.line(line[:0], s, &r)
	}
	b.SetBytes(int64(len(line)))
}

func BenchmarkResolve(b *testing.B) {
	s := lineSpan(Client, Inferred, "GET /book/{id}", String("http.request.method", "GET"), String("url.full", "http://10.0.0.7:8080/book/17"),
		String("server.address", "10.0.0.7"), Int("server.port", 8080), Int("http.response.status_code", 200))
	for b.Loop() {
		s.component, s.remote, s.resultCode = Inferred, "", ""
		var r resolved
		s.resolve(&r)
	}
}

func BenchmarkResolveServer(b *testing.B) {
	s := lineSpan(Server, Inferred, "GET /pay/{id}", String("http.request.method", "GET"), String("url.path", "/pay/17"),
		String("http.route", "/pay/{id}"), String("user.tier", "gold"), Int("http.response.status_code", 200))
	for b.Loop() {
		s.component, s.remote, s.resultCode = Inferred, "", ""
		var r resolved
		s.resolve(&r)
	}
}
