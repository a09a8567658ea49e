package e2e

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	sdk "github.com/twinspan/twinspan/sdk"
)

// ledger is the Java service's name in SOFARPC.
const ledger = "peer.Ledger:1.0"

// gate passes Bolt requests on to a server, between a server's and a client's span of our SDK. It keeps the headers that it got.
type gate struct {
	t        *testing.T
	tracer   *sdk.Tracer
	next     string
	mu       sync.Mutex
	received []map[string]string
}

// startGate starts one on a port of this machine and gives its address.
func startGate(t *testing.T, tracer *sdk.Tracer, next string) (*gate, string) {
	t.Helper()
	l, err := net.Listen("tcp", freePort(t))
	if err != nil {
		t.Fatal(err)
	}
	g := &gate{t: t, tracer: tracer, next: next}
	var open sync.WaitGroup
	done := make(chan struct{})
	open.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			open.Go(func() { g.serve(c, done) })
		}
	})
	t.Cleanup(func() {
		close(done)
		l.Close()
		open.Wait()
	})
	return g, l.Addr().String()
}

func (g *gate) serve(down net.Conn, done <-chan struct{}) {
	defer down.Close()
	up, err := net.Dial("tcp", g.next)
	if err != nil {
		g.t.Error(err)
		return
	}
	defer up.Close()
	ended := make(chan struct{})
	defer close(ended)
	go func() {
		select {
		case <-done:
			down.Close()
			up.Close()
		case <-ended:
		}
	}()
	requests, answers := bufio.NewReader(down), bufio.NewReader(up)
	for {
		f, err := readBolt(requests)
		if err != nil {
			return // the client has closed, or the test is over
		}
		if err := g.pass(f, down, up, answers); err != nil {
			return
		}
	}
}

// pass passes one frame on, and its answer back.
func (g *gate) pass(f *boltFrame, down, up net.Conn, answers *bufio.Reader) error {
	var server, client *sdk.Span
	if f.call() {
		g.mu.Lock()
		g.received = append(g.received, f.header)
		g.mu.Unlock()
		var ctx context.Context
		method := f.header["sofa_head_method_name"]
		tags := []sdk.Tag{sdk.String(sdk.TagProtocol, "bolt"), sdk.String(sdk.TagService, f.header["service"]), sdk.String(sdk.TagMethod, method),
			sdk.String(sdk.TagInvokeType, f.header["type"])}
		ctx, server = g.tracer.StartFrom(context.Background(), sdk.MapCarrier(f.header), sdk.Server, sdk.SOFARPCServer, ledger+"#"+method, sdk.SOFARPC)
		server.SetTags(tags...)
		server.SetRemote(down.RemoteAddr().String())
		defer server.End()
		_, client = g.tracer.Start(ctx, sdk.Client, sdk.SOFARPCClient, ledger+"#"+method)
		client.SetTags(tags...)
		client.SetRemote(g.next)
		client.SetLocal(up.LocalAddr().String())
		client.SetRemoteApp("ledger")
		defer client.End()
		f.header = withContext(f.header, client)
	}
	if err := f.write(up); err != nil || f.kind() == boltOneway {
		return err
	}
	a, err := readBolt(answers)
	if err != nil {
		return err
	}
	if f.call() && (binary.BigEndian.Uint16(a.middle) != 0 || a.header["sofa_head_response_error"] == "true") {
		for _, s := range []*sdk.Span{client, server} {
			s.SetResultCode("01")
			s.Fail("the service failed")
		}
	}
	return a.write(down)
}

// withContext gives a request's header with a span's context in place of that in it. As in any request of SOFARPC, app is the caller's.
func withContext(header map[string]string, s *sdk.Span) map[string]string {
	out := sdk.MapCarrier{}
	for k, v := range header {
		if k != "app" && k != "new_rpc_trace_context" && !strings.HasPrefix(k, "rpc_trace_context.") {
			out[k] = v
		}
	}
	s.Inject(out, sdk.SOFARPC)
	return out
}

// rpcClient is the Java client.
type rpcClient struct {
	*javaProcess
	asked int
}

// call has it call, and gives the trace that it did it in, and what came of it.
func (c *rpcClient) call(what string) (traceID, result string) {
	c.t.Helper()
	if _, err := fmt.Fprintln(c.in, what); err != nil {
		c.t.Fatal(err)
	}
	c.asked++
	c.until(what, func() error {
		n := 0
		for line := range strings.Lines(c.output.String()) {
			if rest, ok := strings.CutPrefix(line, "> "); ok && strings.HasSuffix(line, "\n") {
				if n++; n == c.asked {
					traceID, result, _ = strings.Cut(strings.TrimSpace(rest), " ")
					return nil
				}
			}
		}
		return errors.New("no answer yet")
	})
	return traceID, result
}

// TestSOFARPC calls by Bolt from Java to Java, from Java through Go to Java, and from Go to Java. Each call has both sides, under the ids
// that each side wrote; the services understood each other's context; every line that Java wrote is read, field for field.
func TestSOFARPC(t *testing.T) {
	dir := t.TempDir()
	logs := func(app string) string { return filepath.Join(dir, app, "tracelog") }
	s := newServer(t, "all", filepath.Join(dir, "twinspan"), map[string]string{
		"TWINSPAN_AGENT_PATHS": fmt.Sprintf("[%s, %s, %s]", logs("shop"), logs("gate"), logs("ledger")),
		"TWINSPAN_AGENT_ZONE":  "UTC",
	})
	s.start()
	s.ready()
	jar := javaJar(t, "sofarpc")
	options := []string{"-Dstat_log_interval=1"}
	address := freePort(t)
	_, port, _ := net.SplitHostPort(address)
	server := startJava(t, jar, "ledger", filepath.Join(dir, "ledger"), options, "server", "ledger", port)
	server.until("the Java server is there", func() error {
		if !strings.Contains(server.output.String(), "serving\n") {
			return errors.New("it is not yet")
		}
		return nil
	})
	config := sdk.DefaultConfig("gate")
	config.LogDir = logs("gate")
	tracer, err := sdk.New(config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = tracer.Close() })
	g, through := startGate(t, tracer, address)
	client := &rpcClient{javaProcess: startJava(t, jar, "shop", filepath.Join(dir, "shop"), options, "client", "shop")}

	calls := 0
	// The header of servers whose version the client does not know, as by an address alone, is the older one.
	for _, header := range []string{"older", "newer"} {
		for _, way := range []struct{ name, url, query string }{{"direct", "bolt://" + address, "ledger"}, {"through Go", "bolt://" + through, "gate"}} {
			url := way.url + "?appName=" + way.query
			if header == "newer" {
				url += "&rpcVer=51302"
			}
			for _, call := range rpcCalls {
				calls++
				t.Run(header+" header "+way.name+" "+call.what, func(t *testing.T) { checkRPC(t, s, client, url, way.name != "direct", call) })
			}
		}
	}
	t.Run("no server", func(t *testing.T) {
		calls++
		traceID, result := client.call("sync bolt://" + freePort(t) + " book user=u1")
		if result != "rpc 210" {
			t.Errorf("it came to %q", result)
		}
		eventually(t, "the call is there", func() error {
			tr, err := s.trace(traceID)
			if err == nil && (len(tr.Calls) != 1 || tr.Calls[0].Sides != "client" || tr.Calls[0].Client.ResultCode != "04" || !tr.Calls[0].Error) {
				err = fmt.Errorf("%+v", tr.Calls)
			}
			return err
		})
	})
	own := checkGoCalls(t, s, tracer, address)
	checkHeaders(t, tracer, g.received)
	checkRPCLines(t, logs("shop"), "rpc-client", calls)
	checkRPCLines(t, logs("ledger"), "rpc-server", calls-1+own)
}

// rpcCall is a call of the Java client, with what comes of it.
type rpcCall struct {
	what           string // the type, the method, and the baggage
	result         string // as the client prints it; of a call that returned, what the server understood
	client, server string // result codes
	gate           string // what the gate sees, if it is between them
	loadTest       bool
}

var rpcCalls = []rpcCall{
	{"sync book", "ok true {} {}", "00", "00", "00", false}, // the first span of its trace
	{"sync book user=张三&co !zone=z=1", "ok true {user=张三&co} {zone=z=1}", "00", "00", "00", false},
	{`sync book q=a"b`, `ok true {q=a"b} {}`, "00", "00", "00", false}, // which Java writes as it is
	{"sync book mark=T", "ok true {mark=T} {}", "00", "00", "00", true},
	{"oneway book user=u1", "ok null", "00", "00", "00", false},
	{"future book user=u1", "ok true {user=u1} {}", "00", "00", "00", false},
	{"callback book user=u1", "ok true {user=u1} {}", "00", "00", "00", false},
	{"sync refuse user=u1", `exception peer.Ledger$NoFunds: no funds on "acc-1"`, "01", "01", "01", false},
	{"callback fail user=u1", "exception java.lang.IllegalStateException: broken: acc-1", "01", "01", "01", false},
	// The client has waited long enough, which the server sees, and does not say in its answer's header.
	{"sync slow user=u1", "rpc 200", "03", "02", "00", false},
}

func checkRPC(t *testing.T, s *server, client *rpcClient, url string, through bool, call rpcCall) {
	t.Helper()
	words := strings.SplitN(call.what, " ", 3)
	traceID, result := client.call(strings.Join(append([]string{words[0], url}, words[1:]...), " "))
	first, last := "0.1", "0.1"
	if len(words) == 2 {
		first, last = "0", "0"
	}
	if through {
		last += ".1"
	}
	if fields := strings.SplitN(result, " ", 4); len(fields) == 4 && fields[0] == "ok" {
		if traceID == "-" {
			traceID = fields[1]
		}
		if fields[1] != traceID || fields[2] != last {
			t.Errorf("the server has span %s of trace %s, want %s of %s", fields[2], fields[1], last, traceID)
		}
		result = "ok " + fields[3]
	}
	if result != call.result {
		t.Errorf("it came to %q, want %q", result, call.result)
	}
	want := map[string]string{"shop→ledger": first + " " + call.client + ", " + last + " " + call.server}
	if through {
		want = map[string]string{"shop→gate": first + " " + call.client + ", " + first + " " + call.gate,
			"gate→ledger": last + " " + call.gate + ", " + last + " " + call.server}
	}
	eventually(t, "the trace is whole", func() error {
		tr, err := s.trace(traceID)
		if err != nil {
			return err
		}
		got := make(map[string]string)
		for _, c := range tr.Calls {
			if c.Sides != "both" || c.Type != "rpc" || c.Operation != ledger+"#"+words[1] || c.LoadTest != call.loadTest {
				return fmt.Errorf("a call is %+v", c)
			}
			got[c.Caller+"→"+c.Callee] = c.Client.SofaSpanID + " " + c.Client.ResultCode + ", " + c.Server.SofaSpanID + " " + c.Server.ResultCode
			if failed := call.client != "00"; c.Error != failed {
				return fmt.Errorf("a call's error is %t: %+v", c.Error, c)
			}
		}
		if fmt.Sprint(got) != fmt.Sprint(want) {
			return fmt.Errorf("the calls are %v, want %v", got, want)
		}
		return nil
	})
}

// bookRequest is the content of a request of a client that has nothing but the method and its argument: SOFARPC's SofaRequest in Hessian,
// without the properties in which Java's clients repeat the header's context.
const bookRequest = "O\xbccom.alipay.sofa.rpc.core.request.SofaRequest\x95\rtargetAppName\nmethodName\x17targetServiceUniqueName\frequestProps" +
	"\rmethodArgSigso\x90N\x04book\x0f" + ledger + "NVt\x00\x07[stringn\x01\x10java.lang.Stringz\x05acc-1"

// checkGoCalls calls the Java server from Go, with each generation of the header alone and with both, and gives the number of lines that
// the server writes.
func checkGoCalls(t *testing.T, s *server, tracer *sdk.Tracer, address string) (lines int) {
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	answers := bufio.NewReader(conn)
	for i, keep := range []func(key string) bool{
		func(string) bool { return true },
		func(key string) bool { return key != "new_rpc_trace_context" },
		func(key string) bool { return !strings.HasPrefix(key, "rpc_trace_context.") },
	} {
		ctx, root := tracer.Start(context.Background(), sdk.Internal, sdk.Biz, "pay")
		root.SetBaggage("user", "张三 & co=1%")
		root.SetBaggage("q", `a"b`)
		root.SetSystemBaggage("zone", "z=1")
		_, span := tracer.Start(ctx, sdk.Client, sdk.SOFARPCClient, ledger+"#book")
		span.SetTags(sdk.String(sdk.TagService, ledger), sdk.String(sdk.TagMethod, "book"))
		span.SetRemote(address)
		span.SetRemoteApp("ledger")
		f := &boltFrame{head: [boltHead]byte{boltProtocol, boltRequest, 0, boltCall, 1, 0, 0, 0, byte(i), 1}, middle: []byte{0, 0, 0x27, 0x10},
			class: []byte("com.alipay.sofa.rpc.core.request.SofaRequest"), content: []byte(bookRequest),
			header: map[string]string{"service": ledger, "sofa_head_target_service": ledger, "sofa_head_method_name": "book", "type": "sync", "protocol": "bolt"}}
		for key, value := range withContext(nil, span) {
			if keep(key) {
				f.header[key] = value
			}
		}
		if err := f.write(conn); err != nil {
			t.Fatal(err)
		}
		a, err := readBolt(answers)
		if err != nil {
			t.Fatal(err)
		}
		span.End()
		root.End()
		lines++
		want := fmt.Sprintf(`%s %s true {q=a"b, user=张三 & co=1%%} {zone=z=1}`, span.TraceID(), span.SpanID())
		if !bytes.Contains(a.content, []byte(want)) {
			t.Errorf("the server answers %q, want %q", a.content, want)
		}
		eventually(t, "the call from Go is whole", func() error {
			tr, err := s.trace(span.TraceID())
			if err != nil {
				return err
			}
			for _, c := range tr.Calls {
				if c.Sides == "both" && c.Caller == "gate" && c.Callee == "ledger" && c.Server.SofaSpanID == span.SpanID() && !c.Error {
					return nil
				}
			}
			return fmt.Errorf("it is not in %+v", tr.Calls)
		})
	}
	return lines
}

// checkHeaders reads each context that Java sent and writes it again: the bytes are the same.
func checkHeaders(t *testing.T, tracer *sdk.Tracer, headers []map[string]string) {
	t.Helper()
	texts, keys := 0, 0
	for _, header := range headers {
		out := sdk.MapCarrier{}
		tracer.Inject(tracer.Extract(sdk.MapCarrier(header), sdk.SOFARPC), out, sdk.SOFARPC)
		for key, value := range header {
			switch {
			case key == "new_rpc_trace_context":
				texts++
			case strings.HasPrefix(key, "rpc_trace_context."):
				keys++
			default:
				continue
			}
			if out[key] != value {
				t.Errorf("%s: %q of %q", key, out[key], value)
			}
		}
	}
	if texts == 0 || keys == 0 {
		t.Errorf("%d headers have %d contexts as text and %d single keys", len(headers), texts, keys)
	}
}

// checkRPCLines waits until Java has written its lines of a component, and holds what `twinspan parse` makes of each against it.
func checkRPCLines(t *testing.T, dir, component string, calls int) {
	t.Helper()
	files := []string{filepath.Join(dir, component+"-digest.log"), filepath.Join(dir, "shadow", component+"-digest.log")}
	var lines []string
	eventually(t, "the lines of "+component, func() error {
		lines = lines[:0]
		for _, file := range files {
			data, err := os.ReadFile(file)
			if err != nil {
				return err
			}
			lines = append(lines, strings.Split(strings.TrimSpace(string(data)), "\r\n")...)
		}
		if len(lines) != calls {
			return fmt.Errorf("there are %d, want %d", len(lines), calls)
		}
		return nil
	})
	for i, got := range parseRPC(t, files) {
		var line map[string]any
		if err := json.Unmarshal([]byte(strings.ReplaceAll(lines[i], `q=a"b`, `q=a\"b`)), &line); err != nil {
			t.Errorf("%v in %s", err, lines[i])
			continue
		}
		attributes, _ := got["attributes"].(map[string]any)
		start, duration := got["start"].(string), got["durationNano"].(float64)
		at, err := time.Parse(time.RFC3339Nano, start)
		if err != nil {
			t.Fatal(err)
		}
		end := at.Add(time.Duration(duration)).Format("2006-01-02 15:04:05.000")
		for key, value := range line {
			var read any
			switch key {
			case "timestamp":
				read = end
			case "tracerId":
				read = got["traceId"]
			case "spanId":
				read = got["sofaSpanId"]
			case "span.kind":
				read = got["kind"]
			case "local.app":
				read = got["app"]
			case "remote.app":
				read = got["peer"]
			case "result.code":
				read = got["resultCode"]
			default:
				read = attributes[key]
			}
			if read != value && (value != "" || key != "baggage") {
				t.Errorf("%s is read as %v in %s", key, read, lines[i])
			}
		}
		for key := range attributes {
			if _, ok := line[key]; !ok && !strings.HasPrefix(key, "baggage.") {
				t.Errorf("attribute %s is not in %s", key, lines[i])
			}
		}
		if _, ok := got["statusMessage"]; ok {
			t.Errorf("a message is read in %s", lines[i])
		}
	}
	// The calls are counted in the next interval after the last.
	eventually(t, "the counts of "+component, func() error {
		counted := 0
		for _, got := range parseRPC(t, []string{filepath.Join(dir, component+"-stat.log"), filepath.Join(dir, "shadow", component+"-stat.log")}) {
			if got["operation"] == "" || !strings.HasPrefix(got["operation"].(string), ledger+"#") || got["kind"] != component[len("rpc-"):] {
				t.Fatalf("a stat line is %v", got)
			}
			counted += int(got["count"].(float64))
		}
		if counted != calls {
			return fmt.Errorf("%d, want %d", counted, calls)
		}
		return nil
	})
}

// parseRPC is what `twinspan parse` prints of files that it reads whole.
func parseRPC(t *testing.T, files []string) (all []map[string]any) {
	t.Helper()
	command := exec.Command(twinspan, append([]string{"parse", "-zone", "UTC"}, files...)...)
	var complaints bytes.Buffer
	command.Stderr = &complaints
	out, err := command.Output()
	if err != nil {
		t.Fatalf("twinspan parse: %v\n%s", err, complaints.String())
	}
	for line := range bytes.Lines(out) {
		var m map[string]any
		if err := json.Unmarshal(line, &m); err != nil {
			t.Fatal(err)
		}
		all = append(all, m)
	}
	return all
}
