package digest

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twinspan/twinspan/internal/digestlog"
	"github.com/twinspan/twinspan/internal/pair"
	"github.com/twinspan/twinspan/internal/span"
	twinspan "github.com/twinspan/twinspan/sdk"
)

// TestSOFARPCPairs calls from Go to Go, from Java to Go and from Go to Java by SOFARPC. The Java lines have the keys of real
// ones; the halves of each call join, with names, addresses and result codes.
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

// TestSOFARPCKeys holds the keys of our lines against those of Java's (internal/digestlog/testdata/sofarpc): digest lines up to what is
// ours, and the keys of stat lines.
func TestSOFARPCKeys(t *testing.T) {
	c := twinspan.DefaultConfig("shop")
	c.LogDir = t.TempDir()
	tracer, err := twinspan.New(c)
	if err != nil {
		t.Fatal(err)
	}
	n := twinspan.Int
	tags := []twinspan.Tag{twinspan.String(twinspan.TagProtocol, "bolt"), twinspan.String(twinspan.TagService, "pay.Ledger:1.0"),
		twinspan.String(twinspan.TagMethod, "book"), twinspan.String(twinspan.TagInvokeType, "sync"), n(twinspan.TagRPCRequestSize, 1), n(twinspan.TagRPCResponseSize, 2)}
	_, client := tracer.Start(t.Context(), twinspan.Client, twinspan.SOFARPCClient, "pay.Ledger:1.0#book")
	client.SetTags(append(tags, twinspan.String(twinspan.TagRouterRecord, "DIRECT"), n(twinspan.TagRequestSerialize, 3), n(twinspan.TagResponseDeserialize, 4),
		n(twinspan.TagConnectTime, 5))...)
	client.SetLocal("10.0.0.1:50000")
	_, server := tracer.Start(t.Context(), twinspan.Server, twinspan.SOFARPCServer, "pay.Ledger:1.0#book")
	server.SetTags(append(tags, n(twinspan.TagPoolWaitTime, 3), n(twinspan.TagResponseSerialize, 4), n(twinspan.TagRequestDeserialize, 5))...)
	for _, s := range []*twinspan.Span{client, server} {
		s.SetRemote("10.0.0.2:12200")
		s.SetRemoteApp("ledger")
		s.End()
	}
	if err := tracer.Close(); err != nil {
		t.Fatal(err)
	}
	// What only Java has.
	missing := map[string]bool{"current.thread.name": true, "phase.time.cost": true, "special.time.mark": true, "server.phase.time.cost": true,
		"server.special.time.mark": true, "error": true}
	for file, dir := range map[string]string{"rpc-client-digest.log": "shop", "rpc-server-digest.log": "ledger", "rpc-client-stat.log": "shop", "rpc-server-stat.log": "ledger"} {
		stat := strings.Contains(file, "stat")
		ours := keysOf(t, filepath.Join(c.LogDir, file), stat)
		javas := keysOf(t, filepath.Join("../../internal/digestlog/testdata/sofarpc", dir, file), stat)
		maps.DeleteFunc(javas, func(key string, _ bool) bool { return missing[key] })
		if !maps.Equal(ours, javas) {
			t.Errorf("%s: our keys are %v, Java's %v", file, slices.Sorted(maps.Keys(ours)), slices.Sorted(maps.Keys(javas)))
		}
	}
}

// keysOf gives the keys in a file's lines, of which those of an object are object.key. What is ours in them is left out.
func keysOf(t *testing.T, file string, stat bool) map[string]bool {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	keys := make(map[string]bool)
	for line := range strings.Lines(string(data)) {
		for _, own := range []string{`,"start.ns":`, `,"load.test":`} {
			if before, _, ok := strings.Cut(line, own); ok {
				line = before + "}"
			}
		}
		var m map[string]any
		if err := json.Unmarshal([]byte(strings.ReplaceAll(line, `q=a"b`, "q=")), &m); err != nil {
			t.Fatalf("%s: %v in %s", file, err, line)
		}
		for key, value := range m {
			keys[key] = true
			object, _ := value.(map[string]any)
			for k := range object {
				keys[key+"."+k] = true
			}
			if _, text := value.(string); !text && !stat && key != "error" {
				t.Errorf("%s: %s is no text in %s", file, key, line)
			}
		}
	}
	return keys
}
