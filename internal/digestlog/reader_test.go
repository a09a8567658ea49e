package digestlog

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/twinspan/twinspan/internal/span"
	"github.com/twinspan/twinspan/sdk/id"
)

// TestChunksDoNotMatter feeds logs with odd values in pieces of several sizes.
func TestChunksDoNotMatter(t *testing.T) {
	files := archive(t, "java-logs")
	for _, name := range sortedNames(files) {
		if !strings.HasPrefix(name, "edge-") || strings.HasSuffix(name, ".tsv") {
			continue
		}
		want := readRecords(t, sourceOf(name), files[name])
		for _, size := range []int{1, 7, 333, 4096} {
			if got := readChunks(t, sourceOf(name), files[name], size); !reflect.DeepEqual(got, want) {
				t.Errorf("%s in pieces of %d bytes: %d records, else %d", name, size, len(got), len(want))
			}
		}
	}
}

// readChunks reads data in pieces; after each it takes the records that are there.
func readChunks(t testing.TB, src Source, data []byte, size int) (records []Record) {
	t.Helper()
	r, err := NewReader(src, 0)
	if err != nil {
		t.Fatal(err)
	}
	take := func() {
		for rec, ok := r.Next(); ok; rec, ok = r.Next() {
			records = append(records, rec)
		}
	}
	maxRecord := src.MaxRecord
	if maxRecord == 0 {
		maxRecord = DefaultMaxRecord
	}
	for at := 0; at < len(data); at += size {
		piece := data[at:min(at+size, len(data))]
		if r.Fed() != int64(at) {
			t.Fatalf("fed %d at %d", r.Fed(), at)
		}
		r.Feed(piece)
		take()
		if kept := len(r.buf) - r.head; kept > 2*maxRecord+size {
			t.Fatalf("%d bytes are kept", kept)
		}
		if r.Offset() > r.Fed() {
			t.Fatalf("offset %d beyond %d", r.Offset(), r.Fed())
		}
	}
	r.Flush()
	take()
	return records
}

// outcome is a short text of what became of a record.
func outcome(rec Record) string {
	var s string
	switch {
	case rec.Err != nil:
		s = "!" + string(rec.Err.Reason)
	case rec.Other:
		s = "other"
	case rec.Half != nil:
		s = rec.Half.Dotted + " " + rec.Half.Payload.StatusMessage()
	default:
		s = "stat " + rec.Stat.Operation
	}
	if names := rec.Repairs.names(); names != nil {
		s += " (" + strings.Join(names, " ") + ")"
	}
	return s
}

func jsonLine(spanID, message string) string {
	return `{"time":"2026-11-23 16:49:33.070","local.app":"b","traceId":"c00002021795423773026100220451","spanId":"` + spanID +
		`","span.kind":"server","result.code":"500","current.thread.name":"t","time.cost.milliseconds":"44ms","request.url":"http://h:1/boom",` +
		`"method":"GET","req.size.bytes":-1,"resp.size.bytes":-1,"error":"` + message + `","sys.baggage":"","biz.baggage":""}` + "\r\n"
}

func textLine(spanID, message string) string {
	return "2026-11-23 16:51:52.101,b,c00002021795423911997100224859," + spanID +
		",server,500,t,104ms,http://h:1/boom,GET,-1B,-1B," + message + ",,\r\n"
}

func TestFraming(t *testing.T) {
	torn := jsonLine("0.1", "")[:150]
	long := strings.Repeat("x", 5000)
	tests := []struct {
		name, data string
		want       []string
	}{
		{"nothing", "", nil},
		{"blank lines", "\r\n\n\r\n", nil},
		{"one", jsonLine("0", ""), []string{"0 "}},
		{"without a line end", strings.TrimSpace(jsonLine("0", "e")), []string{"0 e"}},
		{"LF", strings.ReplaceAll(jsonLine("0", "")+jsonLine("0.1", ""), "\r", ""), []string{"0 ", "0.1 "}},
		{"blank between", jsonLine("0", "") + "\r\n\r\n" + jsonLine("0.1", ""), []string{"0 ", "0.1 "}},
		{"both formats", jsonLine("0", "") + textLine("0.1", "e"), []string{"0 ", "0.1 e"}},
		{"no start", "hello\n" + jsonLine("0", ""), []string{"!no-start", "0 "}},
		{"breaks in a value", jsonLine("0", "a\r\n\r\nb\nc") + jsonLine("0.1", ""), []string{"0 a\r\n\r\nb\nc (lines)", "0.1 "}},
		{"breaks in text", textLine("0", "a\r\n\nb") + textLine("0.1", ""), []string{"0 a\r\n\nb (lines)", "0.1 "}},
		{"commas and a break that look like the end", textLine("0", "a,,\r\nb,c") + textLine("0.1", ""),
			[]string{"0 a,,\r\nb,c (lines columns)", "0.1 "}},
		{"a line of JSON in a value", jsonLine("0", `{"a":"b"}`+"\nx"), []string{"0 {\"a\":\"b\"}\nx (unescaped lines)"}},
		{"broken off, then another", torn + "\r\n" + jsonLine("0.2", ""), []string{"!incomplete", "0.2 "}},
		{"broken off, then another on the same line", torn + jsonLine("0.2", ""), []string{"!incomplete", "0.2  (torn)"}},
		{"text broken off, then another on the same line", textLine("0.1", "")[:60] + textLine("0.2", ""), []string{"!incomplete", "0.2  (torn)"}},
		{"a whole line in a message", jsonLine("0", strings.TrimSpace(jsonLine("0.5", "x"))), []string{"0 " + strings.TrimSpace(jsonLine("0.5", "x")) + " (unescaped)"}},
		{"zeros of a crash", "\x00\x00\x00" + jsonLine("0.2", ""), []string{"!incomplete", "0.2  (torn)"}},
		{"broken off at the end", jsonLine("0", "") + torn, []string{"0 ", "!incomplete"}},
		{"too long", jsonLine("0", long) + jsonLine("0.1", ""), []string{"!too-long", "0.1 "}},
		{"too long over lines", jsonLine("0", strings.Repeat("xxxxx\r\n", 1000)) + "y\n" + jsonLine("0.1", ""), []string{"!too-long", "0.1 "}},
		{"too long without end", jsonLine("0", "") + long + long, []string{"0 ", "!too-long"}},
		{"bad time", strings.Replace(jsonLine("0", ""), "-23 16", "-23T16", 1), []string{"!bad-time"}},
		{"no trace id", strings.Replace(jsonLine("0", ""), "c00002021795423773026100220451", "", 1), []string{"!no-trace-id"}},
		{"no span id", jsonLine("", ""), []string{"!no-span-id"}},
		{"bad cost", strings.Replace(jsonLine("0", ""), "44ms", "fast", 1), []string{"!bad-number"}},
		{"not UTF-8", jsonLine("0", "\xff"), []string{"0 \uFFFD (charset)"}},
		{"keys of another version", strings.Replace(jsonLine("0", "e"), `"req.size.bytes":-1`, `"new.key":"say "hi""`, 1), []string{"0 e (unescaped keys)"}},
	}
	src := Source{Name: "spring-mvc-digest.log", Zone: time.UTC, MaxRecord: 4000}
	for _, tt := range tests {
		for _, size := range []int{1 << 20, 1, 100} {
			var got []string
			records := readChunks(t, src, []byte(tt.data), size)
			checkCover(t, []byte(tt.data), records)
			for _, rec := range records {
				got = append(got, outcome(rec))
			}
			if !reflect.DeepEqual(got, tt.want) {
				t.Errorf("%s, in pieces of %d:\n got %q\nwant %q", tt.name, size, got, tt.want)
			}
		}
	}
}

func TestSettle(t *testing.T) {
	r, err := NewReader(Source{Name: "spring-mvc-digest.log"}, 700)
	if err != nil {
		t.Fatal(err)
	}
	one, two := textLine("0", "a"), textLine("0.1", "")
	r.Feed([]byte(one))
	if _, ok := r.Next(); ok {
		t.Fatal("a text line that ends in free text has to be held: its value may go on")
	}
	if r.Offset() != 700 {
		t.Errorf("offset %d", r.Offset())
	}
	r.Settle()
	if rec, ok := r.Next(); !ok || outcome(rec) != "0 a" || rec.From != 700 || rec.To != 700+int64(len(one)) {
		t.Errorf("settled: %+v", rec)
	}
	r.Feed([]byte(two[:20]))
	r.Settle()
	if _, ok := r.Next(); ok {
		t.Error("an unfinished line is no record")
	}
	r.Feed([]byte(two[20:]))
	if rec, ok := r.Next(); !ok || outcome(rec) != "0.1 " {
		t.Errorf("a text line that ends in nothing free needs no settling: %+v", rec)
	}
	if r.Offset() != 700+int64(len(one)+len(two)) || r.Offset() != r.Fed() {
		t.Errorf("offset %d, fed %d", r.Offset(), r.Fed())
	}
}

// TestSOFARPC reads lines with the keys of SOFARPC's documentation: another name of time and trace id, another order.
func TestSOFARPC(t *testing.T) {
	const client = `{"timestamp":"2018-05-20 17:03:20.708","tracerId":"1e27326d1526807000498100185597","spanId":"0.1","span.kind":"client","local.app":"shop","protocol":"bolt","service":"pay.Pay:1.0","method":"charge","current.thread.name":"main","invoke.type":"sync","router.record":"DIRECT","remote.app":"pay","remote.ip":"10.0.0.7:12200","local.client.ip":"10.0.0.1","result.code":"00","client.elapse.time":"155","local.client.port":"59774","baggage":"mark=T&"}` + "\n"
	const server = `{"timestamp":"2018-05-20 17:03:20.708","tracerId":"1e27326d1526807000498100185597","spanId":"0.1","span.kind":"server","service":"pay.Pay:1.0","method":"charge","remote.ip":"10.0.0.1","remote.app":"shop","protocol":"bolt","local.app":"pay","current.thread.name":"t","result.code":"02","server.pool.wait.time":"3","biz.impl.time":"7","baggage":""}` + "\n"
	c := readRecords(t, Source{Name: "rpc-client-digest.log", Zone: time.UTC}, []byte(client))[0]
	s := readRecords(t, Source{Name: "rpc-server-digest.log", Zone: time.UTC}, []byte(server))[0]
	if c.Err != nil || s.Err != nil || c.Repairs != 0 || s.Repairs != 0 {
		t.Fatalf("%+v\n%+v", c, s)
	}
	h := c.Half
	if h.App != "shop" || h.Peer != "pay" || h.PeerAddr != "10.0.0.7:12200" || h.LocalAddr != "10.0.0.1:59774" || h.Duration != 155e6 ||
		h.Operation != "pay.Pay:1.0#charge" || h.Status != span.StatusOK || !h.LoadTest || text(h, "router.record") != "DIRECT" {
		t.Errorf("client %+v", h)
	}
	if g := s.Half; g.Twin != h.Span || g.Parent != h.Span || g.Span == h.Span || g.Duration != 7e6 || g.Peer != "shop" || g.Status != span.StatusError {
		t.Errorf("server %+v", g)
	}
}

// TestSOFARPCRest reads lines that other versions may write: stat lines, which have no load.test and the other side in their key;
// lines of calls that came to nothing, which have no result code or no time; a record that was torn. Both sides' agents may be set to
// text, which SOFARPC does not know.
func TestSOFARPCRest(t *testing.T) {
	const stat = `{"time":"2026-11-23 21:38:33.977","stat.key":{"method":"charge","local.app":"shop","remote.app":"pay","service":"pay.Pay:1.0"},"count":3,"total.cost.milliseconds":259,"success":"N"}` + "\n"
	for name, want := range map[string]struct {
		kind     span.Kind
		peer     string
		loadTest bool
	}{"rpc-client-stat.log": {span.KindClient, "pay", false}, "rpc-server-stat.log": {span.KindServer, "pay", true}} {
		s := readRecords(t, Source{Name: name, Zone: time.UTC, Format: FormatText, Shadow: want.loadTest}, []byte(stat))[0].Stat
		if s == nil || s.Kind != want.kind || s.Peer != want.peer || s.App != "shop" || s.Operation != "pay.Pay:1.0#charge" || s.Count != 3 || s.Errors != 3 ||
			s.TotalNanos != 259e6 || s.LoadTest != want.loadTest || s.Type != span.TypeRPC {
			t.Errorf("%s: %+v", name, s)
		}
	}
	const head = `{"timestamp":"2026-11-23 17:03:20.708","tracerId":"1e27326d1526807000498100185597","spanId":"0.1","span.kind":"client","local.app":"shop","service":"pay.Pay:1.0","method":"charge",`
	const oneway, unrouted = head + `"invoke.type":"oneway","client.elapse.time":"2","baggage":""}` + "\n", head + `"result.code":"04","baggage":""}` + "\n"
	records := readRecords(t, Source{Name: "rpc-client-digest.log", Zone: time.UTC}, []byte(oneway+unrouted))
	if h := records[0].Half; h == nil || h.Status != span.StatusOK || h.Duration != 2e6 {
		t.Errorf("one way: %+v", records[0])
	}
	if h := records[1].Half; h == nil || h.Status != span.StatusError || h.ResultCode != "04" || h.Duration != 0 {
		t.Errorf("not routed: %+v", records[1])
	}
	records = readRecords(t, Source{Name: "rpc-client-digest.log", Zone: time.UTC}, []byte(head[:80]+oneway))
	if len(records) != 2 || records[0].Err == nil || records[1].Half == nil {
		t.Errorf("torn: %+v", records)
	}
}

// TestMessageSub reads lines as MessageSubDigestEncoder, MessageSubDigestJsonEncoder and the stat reporters beside them write them.
func TestMessageSub(t *testing.T) {
	const object = `{"time":"2026-11-23 16:49:33.070","local.app":"b","traceId":"c00002021795423773026100220451","spanId":"0.1.1","span.kind":"server","result.code":"99","current.thread.name":"t",` +
		`"time.cost.milliseconds":"44ms","error":"no, luck","msg.topic":"pay-topic","msg.channel":"pay-in","msg.id":"m-1","remote.app":"broker","sys.baggage":"","biz.baggage":""}` + "\r\n"
	const text = "2026-11-23 16:49:33.070,b,c00002021795423773026100220451,0.1.1,server,99,t,44ms,no, luck,pay-topic,pay-in,m-1,broker,,\r\n"
	var essences []string
	for _, line := range []string{object, text} {
		h := readRecords(t, Source{Name: "message-sub-digest.log", Zone: time.UTC}, []byte(line))[0].Half
		if h == nil || h.Kind != span.KindConsumer || h.Twin != id.SpanOf("0.1") || h.Peer != "message:pay-in" || h.Operation != "pay-in" || h.Payload.StatusMessage() != "no, luck" {
			t.Fatalf("%s: %+v", line, h)
		}
		essences = append(essences, essence(h))
	}
	if essences[0] != essences[1] {
		t.Errorf("JSON %s\ntext %s", essences[0], essences[1])
	}
	for _, line := range []string{
		`{"time":"2026-11-23 16:50:33.070","stat.key":{"msg.topic":"pay-topic","local.app":"b","operationName":"mq-message-receive","msg.channel":"pay-in"},"count":2,"total.cost.milliseconds":88,"success":"Y","load.test":"F"}` + "\n",
		"2026-11-23 16:50:33.070,b,mq-message-receive,pay-in,pay-topic,2,88,Y,F\n",
	} {
		s := readRecords(t, Source{Name: "message-sub-stat.log", Zone: time.UTC}, []byte(line))[0].Stat
		if s == nil || s.Peer != "message:pay-in" || s.Key != "local.app=b,msg.channel=pay-in,msg.topic=pay-topic,operationName=mq-message-receive" {
			t.Errorf("%+v", s)
		}
	}
}

func TestNewReaderErrors(t *testing.T) {
	for _, src := range []Source{{Name: "app.log"}, {Name: "biz-digest.log", Charset: "klingon"}, {Name: "biz-digest.log", Charset: "UTF-16"}} {
		if _, err := NewReader(src, 0); err == nil {
			t.Errorf("%+v was accepted", src)
		}
	}
	if _, err := NewReader(Source{Name: "my.log", File: File{Component: "spring-mvc", Kind: KindDigest}}, 0); err != nil {
		t.Error(err)
	}
}

// FuzzReader feeds any bytes as any kind of file; offsets have to cover them and chunks must not matter.
func FuzzReader(f *testing.F) {
	names := []string{"spring-mvc-digest.log", "biz-digest.log", "mongodb-digest.log", "http-server-digest.log", "foo-digest.log",
		"spring-mvc-stat.log", "datasource-client-stat.log", "http-server-stat.log", "foo-stat.log", "tracer-self.log", "dubbo-server-digest.log",
		"rpc-client-digest.log", "rpc-server-digest.log"}
	seed := func(line string, name, size int) { f.Add([]byte(line), uint8(name), uint16(size)) }
	for _, line := range []string{jsonLine("0", ""), jsonLine("0", `a"b`), jsonLine("0", "a\nb"), textLine("0", "a,b\nc"), benchOwn, benchJava, benchText} {
		for name := range names {
			seed(line+line, name, 50)
		}
	}
	seed(`{"time":"2026-11-23 16:50:38.970","stat.key":{"local.app":"b","database.name":"l","sql":[bad},"count":1,"total.cost.milliseconds":0,"success":"N","load.test":"F"}`+"\r\n", 6, 9)
	seed("2026-11-23 16:53:32.954,pay-a,http://h:1/p?q=,,GET,2,17,Y,F\r\n", 5, 9)
	rpc, _ := filepath.Glob("testdata/sofarpc/*/rpc-*-digest.log")
	for i, file := range rpc {
		if data, err := os.ReadFile(file); err == nil {
			seed(string(data[:min(len(data), 1900)]), 12-i, 100)
		}
	}
	odd, _ := filepath.Glob("testdata/odd/*.log")
	for i, file := range odd {
		if data, err := os.ReadFile(file); err == nil {
			seed(string(data), i, 100)
		}
	}
	f.Fuzz(func(t *testing.T, data []byte, name uint8, size uint16) {
		src := Source{Name: names[int(name)%len(names)], Zone: time.UTC, MaxRecord: 2000}
		whole := readRecords(t, src, data)
		if pieces := readChunks(t, src, data, 1+int(size)%3000); !reflect.DeepEqual(pieces, whole) {
			t.Fatalf("pieces: %+v\nwhole: %+v", pieces, whole)
		}
		for _, rec := range whole {
			if _, err := json.Marshal(rec.Half); err != nil && rec.Half != nil {
				t.Fatal(err)
			}
			if rec.Half != nil && !rec.Half.Payload.Valid() {
				t.Fatal("payload is not valid")
			}
			if rec.Err != nil && (len(rec.Err.Sample) > sampleSize || rec.Err.Reason == "") {
				t.Fatalf("%+v", rec.Err)
			}
		}
		if bytes.Count(data, []byte("\n")) == 0 && len(whole) > 2 {
			t.Fatalf("%d records on one line", len(whole))
		}
	})
}

// TestHostileRecords reads records that are made to be slow: they have to be read or rejected after a bounded search.
func TestHostileRecords(t *testing.T) {
	const size = 900_000
	fill := func(s string) string { return strings.Repeat(s, size/len(s)) }
	for name, data := range map[string]string{
		"spring-mvc-digest.log":        jsonLine("0", fill(`","sys.baggage":"`)),
		"biz-digest.log":               jsonLine("0", fill(`","k":"`)),
		"feign-digest.log":             textLine("0", fill("GET,")),
		"resttemplate-digest.log":      textLine("0", fill("k=v&,")),
		"mongodb-digest.log":           textLine("0", "{"+fill("{,")),
		"httpclient-digest.log":        textLine("0", fill("a,\n")),
		"okhttp-digest.log":            textLine("0", fill("x,,\n")),
		"dubbo-client-digest.log":      fill(`{"time":"`) + "\n" + jsonLine("0", ""),
		"dubbo-server-digest.log":      fill("2026-11-23 16:51:52.101,") + "\n",
		"datasource-client-digest.log": `{"time":"` + fill("}\n"),
		"datasource-client-stat.log":   `{"time":"2026-11-23 16:51:52.101","stat.key":{"sql":"` + fill(`"},"count":1`) + "}\n",
		"spring-mvc-stat.log":          "2026-11-23 16:53:32.954,pay-a," + fill("GET,") + "2,17,Y,F\n",
	} {
		records := readRecords(t, Source{Name: name, Zone: time.UTC}, []byte(data))
		if len(records) == 0 {
			t.Errorf("%s: nothing", name)
		}
	}
}

// TestPercentInSQL: Java escapes the commas of SQL, Twinspan's JSON does not.
func TestPercentInSQL(t *testing.T) {
	const java = `{"time":"2026-11-23 16:48:47.380","local.app":"b","traceId":"c00002021795423726588102019561","spanId":"0.1","span.kind":"client","result.code":"success","current.thread.name":"t","time.cost.milliseconds":"48ms","database.name":"l","sql":"SELECT a%2Cb","connection.establish.span":"7ms","db.execute.cost":"48ms","database.type":"h2","database.endpoint":"h:1","sys.baggage":"","biz.baggage":""}`
	own := strings.TrimSuffix(java, "}") + `,"start.ns":"1795434159776728411","duration.ns":7,"span.id8":"4e18dd181d0a2066"}`
	src := Source{Name: "datasource-client-digest.log", Zone: time.UTC}
	for line, want := range map[string]string{java: "SELECT a,b", own: "SELECT a%2Cb"} {
		if rec := readRecords(t, src, []byte(line))[0]; rec.Err != nil || text(rec.Half, "sql") != want {
			t.Errorf("%+v, want %s", rec, want)
		}
	}
}

// TestParentIsTheTwin: a server half's line says the client half once; older lines said it twice.
func TestParentIsTheTwin(t *testing.T) {
	const head = `{"time":"2026-11-23 08:36:43.963","local.app":"pay","traceId":"c00002021795423003557100228074","spanId":"0.1","span.kind":"server","result.code":"200",` +
		`"current.thread.name":"","time.cost.milliseconds":"12ms","request.url":"http://pay/17","method":"GET","req.size.bytes":-1,"resp.size.bytes":-1,"error":"",` +
		`"sys.baggage":"","biz.baggage":"","start.ns":"1795423003951234567","duration.ns":12345678,"span.id8":"c20d4b7d4e6982a8",`
	const tail = `"instance":"pay-1","operation":"GET /pay/{id}","status":"ok","type":"http"}` + "\n"
	for _, ids := range []string{`"twin.id8":"4e18dd181d0a2066",`, `"parent.id8":"4e18dd181d0a2066","twin.id8":"4e18dd181d0a2066",`} {
		r := readRecords(t, Source{Name: "http-server-digest.log", Zone: time.UTC}, []byte(head+ids+tail))[0]
		if r.Err != nil || r.Half.Parent != id.SpanOf("0.1") || r.Half.Twin != id.SpanOf("0.1") || r.Half.Span != id.ServerSpanOf("0.1") {
			t.Errorf("%s: %+v", ids, r)
		}
	}
	r := readRecords(t, Source{Name: "http-server-digest.log", Zone: time.UTC}, []byte(head+tail))[0]
	if r.Err != nil || r.Half.Parent != 0 || r.Half.Twin != 0 {
		t.Errorf("a root: %+v", r)
	}
}
