package digestlog

import (
	"bytes"
	"testing"
	"time"
)

// The lines of the benchmarks: a clean one of Java's, one of Twinspan's, a text line.
const (
	benchJava = `{"time":"2026-11-23 16:49:33.070","local.app":"ledger-b","traceId":"c00002021795423773026100220451","spanId":"0.1.1","span.kind":"server","result.code":"200","current.thread.name":"http-nio-127.0.0.1-8082-exec-1","time.cost.milliseconds":"44ms","request.url":"http://127.0.0.1:8082/ctx","method":"GET","req.size.bytes":-1,"resp.size.bytes":0,"error":"","sys.baggage":"","biz.baggage":"user=u1&"}` + "\r\n"
	benchOwn  = `{"time":"2026-11-23 11:42:39.779","local.app":"payment","traceId":"c00002021795434159775515420791","spanId":"0.1.1.1","span.kind":"client","result.code":"00","current.thread.name":"","time.cost.milliseconds":"2ms","protocol":"grpc","service":"grpc.health.v1.Health","method":"Check","invoke.type":"unary","remote.host":"127.0.0.1","remote.port":"37041","local.host":"127.0.0.1","req.size.bytes":0,"resp.size.bytes":2,"error":"","sys.baggage":"zone=z1&","biz.baggage":"user=u1&","start.ns":"1795434159776728411","duration.ns":2553724,"span.id8":"e543922d145306ca","parent.id8":"b1ecc5b0e1cf206b","local.address":"127.0.0.1:38336","remote.address":"127.0.0.1:37041","instance":"payment-1","operation":"grpc.health.v1.Health/Check","status":"ok","type":"rpc","remote.app":"ledger"}` + "\r\n"
	benchText = `2026-11-23 16:52:23.272,ledger-b,c00002021795423943187104924729,0.1.1,server,200,http-nio-127.0.0.1-8082-exec-6,8ms,http://127.0.0.1:8082/ctx,GET,-1B,0B,,,user=u1&` + "\r\n"
)

func BenchmarkReader(b *testing.B) {
	for _, bb := range []struct{ name, file, line string }{
		{"java-json", "spring-mvc-digest.log", benchJava},
		{"own-json", "grpc-client-digest.log", benchOwn},
		{"java-text", "spring-mvc-digest.log", benchText},
	} {
		b.Run(bb.name, func(b *testing.B) {
			chunk := bytes.Repeat([]byte(bb.line), 100)
			r, err := NewReader(Source{Name: bb.file, Zone: time.UTC}, 0)
			if err != nil {
				b.Fatal(err)
			}
			b.SetBytes(int64(len(bb.line)))
			b.ReportAllocs()
			for range b.N/100 + 1 {
				r.Feed(chunk)
				for rec, ok := r.Next(); ok; rec, ok = r.Next() {
					if rec.Err != nil {
						b.Fatal(rec.Err)
					}
				}
			}
		})
	}
}
