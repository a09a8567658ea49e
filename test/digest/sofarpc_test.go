package digest

import (
	"fmt"
	"testing"
	"time"

	"github.com/twinspan/twinspan/internal/digestlog"
	"github.com/twinspan/twinspan/internal/pair"
	"github.com/twinspan/twinspan/internal/span"
	twinspan "github.com/twinspan/twinspan/sdk"
)

// TestSOFARPCPairs calls from Go to Go, from Java to Go and from Go to Java by SOFARPC. The Java lines are what SOFARPC's encoders give
// (see TestSOFARPCLines of the SDK); the halves of each call join, with names, addresses and result codes.
func TestSOFARPCPairs(t *testing.T) {
	c := twinspan.DefaultConfig("shop")
	c.LogDir, c.Instance = t.TempDir(), "shop-1"
	tracer, err := twinspan.New(c)
	if err != nil {
		t.Fatal(err)
	}
	client := func(carrier twinspan.Carrier) (traceID, spanID string) {
		_, s := tracer.Start(t.Context(), twinspan.Client, twinspan.SOFARPCClient, "pay.Ledger:1.0#book")
		s.SetTags(twinspan.String(twinspan.TagService, "pay.Ledger:1.0"), twinspan.String(twinspan.TagMethod, "book"))
		s.SetRemote("10.0.0.2:12200")
		s.SetLocal("10.0.0.1:50000")
		s.SetRemoteApp("ledger")
		s.SetResultCode("01")
		s.Fail("no luck")
		s.Inject(carrier, twinspan.SOFARPC)
		s.End()
		return s.TraceID(), s.SpanID()
	}
	server := func(carrier twinspan.Carrier) {
		_, s := tracer.StartFrom(t.Context(), carrier, twinspan.Server, twinspan.SOFARPCServer, "pay.Ledger:1.0#book", twinspan.SOFARPC)
		s.SetTags(twinspan.String(twinspan.TagService, "pay.Ledger:1.0"), twinspan.String(twinspan.TagMethod, "book"))
		s.SetRemote("10.0.0.1:50000")
		s.SetRemoteApp("shop")
		s.End()
	}
	java := func(file, line string) digestlog.Record {
		r, err := digestlog.NewReader(digestlog.Source{Name: file, Zone: time.Local, Host: "10.0.0.2"}, 0)
		if err != nil {
			t.Fatal(err)
		}
		r.Feed([]byte(line + "\n"))
		r.Flush()
		rec, _ := r.Next()
		if rec.Half == nil {
			t.Fatal(file, rec.Err)
		}
		return rec
	}
	now := time.Now().Format("2006-01-02 15:04:05.000")

	both := twinspan.MapCarrier{}
	client(both)
	server(both)
	toGo := java("rpc-client-digest.log", fmt.Sprintf(`{"timestamp":"%s","tracerId":"0a0000011795423003557100228074","spanId":"0.2","span.kind":"client","local.app":"shop","protocol":"bolt",`+
		`"service":"pay.Ledger:1.0","method":"book","remote.app":"ledger","remote.ip":"10.0.0.2:12200","local.client.ip":"10.0.0.1","result.code":"01","client.elapse.time":"3","local.client.port":"50000","baggage":""}`, now))
	server(twinspan.MapCarrier{"rpc_trace_context.sofaTraceId": "0a0000011795423003557100228074", "rpc_trace_context.sofaRpcId": "0.2"})
	traceID, spanID := client(twinspan.MapCarrier{})
	toJava := java("rpc-server-digest.log", fmt.Sprintf(`{"timestamp":"%s","tracerId":"%s","spanId":"%s","span.kind":"server","service":"pay.Ledger:1.0","method":"book",`+
		`"remote.ip":"10.0.0.1","remote.app":"shop","protocol":"bolt","local.app":"shop","result.code":"00","biz.impl.time":"1","baggage":""}`, now, traceID, spanID))
	if err := tracer.Close(); err != nil {
		t.Fatal(err)
	}
	records, _ := read(t, c.LogDir, "digest")
	var calls []span.Call
	p := pair.New(int64(time.Hour), func(c span.Call) { calls = append(calls, c) })
	for _, rec := range append(records, toGo, toJava) {
		p.Add(rec.Half, rec.Half.Start)
	}
	p.Flush()
	if len(calls) != 3 {
		t.Fatalf("%d calls of %d halves", len(calls), len(records)+2)
	}
	for _, call := range calls {
		if call.Client == nil || call.Server == nil {
			t.Errorf("one-sided: %+v", call)
			continue
		}
		if c := call.Client; c.Peer != "ledger" || c.PeerAddr != "10.0.0.2:12200" || c.LocalAddr != "10.0.0.1:50000" || c.ResultCode != "01" ||
			c.Status != span.StatusError || c.Type != span.TypeRPC {
			t.Errorf("client %+v", c)
		}
		if s := call.Server; s.Peer != "shop" || s.PeerAddr != "10.0.0.1:50000" && s.PeerAddr != "10.0.0.1" || s.ResultCode != "00" || s.Status != span.StatusOK ||
			s.Operation != "pay.Ledger:1.0#book" {
			t.Errorf("server %+v", s)
		}
	}
}
