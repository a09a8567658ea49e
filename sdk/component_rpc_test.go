package twinspan

import (
	"encoding/json"
	"strings"
	"testing"
	"time"
)

// rpcSpans are spans of SOFARPC's components and of the receiver of Spring-like messages, with fixed times.
func rpcSpans(make1 func(Kind, Component, string, ...Tag) *Span) []*Span {
	call := make1(Client, SOFARPCClient, "pay.Ledger:1.0#book", String(TagProtocol, "bolt"), String(TagService, "pay.Ledger:1.0"), String(TagMethod, "book"),
		String(TagInvokeType, "sync"), String(TagRouterRecord, "DIRECT"), Int(TagRequestSerialize, 33), Int(TagResponseDeserialize, 39),
		Int(TagRPCResponseSize, 170), Int(TagRPCRequestSize, 582), Int(TagConnectTime, 0), String("phase", "2"))
	call.local, call.remote, call.remoteApp = "10.0.0.1:59774", "10.0.0.2:12200", "ledger"
	call.bag.Store(&bag{[]Pair{{"user", "u=1"}}, []Pair{{"zone", "z1"}}})
	serve := make1(Server, SOFARPCServer, "pay.Ledger:1.0#book", String(TagService, "pay.Ledger:1.0"), String(TagMethod, "book"), String(TagProtocol, "bolt"),
		Int(TagPoolWaitTime, 3), Int(TagBusinessTime, 1), Int(TagResponseSerialize, 4), Int(TagRequestDeserialize, 38),
		Int(TagRPCResponseSize, 170), Int(TagRPCRequestSize, 582))
	serve.remote, serve.remoteApp = "10.0.0.1:59774", "pay"
	failed := make1(Client, SOFARPCClient, "pay.Ledger:1.0#book", String(TagService, "pay.Ledger:1.0"), String(TagMethod, "book"))
	failed.failed, failed.own().message, failed.resultCode = true, "no \"route\"", "04"
	broken := make1(Server, SOFARPCServer, "pay.Ledger:1.0#book", String(TagService, "pay.Ledger:1.0"), String(TagMethod, "book"))
	broken.failed, broken.remote = true, "fd00::1"
	message := make1(Consumer, MessageReceive, "mq-message-receive", String(TagTopic, "pay-topic"), String(TagChannel, "pay-in"), String(TagMessageID, "m-2"))
	message.remoteApp, message.failed, message.own().message = "broker", true, "no, luck"
	return []*Span{call, serve, failed, broken, message}
}

// TestSOFARPCLines has the lines of SOFARPC's components and of a receiver of Spring messages. Those of SOFARPC have the keys of real
// lines (TestSOFARPCKeys of ../test/digest holds them against these) in the order of its documentation. Those of message-sub are derived
// from MessageSubDigestJsonEncoder, MessageSubDigestEncoder and MessageSub*StatReporter: no Java process wrote them. What is ours
// stands behind: load.test in rpc-*-stat.log, and what begins with start.ns.
func TestSOFARPCLines(t *testing.T) {
	const client = `{"timestamp":"2026-11-23 08:36:43.963","tracerId":"c00002021795423003557100228074","spanId":"0.1","span.kind":"client","local.app":"pay",` +
		`"protocol":"bolt","service":"pay.Ledger:1.0","method":"book","invoke.type":"sync","router.record":"DIRECT","remote.app":"ledger",` +
		`"remote.ip":"10.0.0.2:12200","local.client.ip":"10.0.0.1","result.code":"00","req.serialize.time":"33","resp.deserialize.time":"39",` +
		`"resp.size":"170","req.size":"582","client.conn.time":"0","client.elapse.time":"12","local.client.port":"59774","baggage":"user=u%3D1&","sys.baggage":"zone=z1&"`
	const server = `{"timestamp":"2026-11-23 08:36:43.963","tracerId":"c00002021795423003557100228074","spanId":"0.1","span.kind":"server",` +
		`"service":"pay.Ledger:1.0","method":"book","remote.ip":"10.0.0.1","remote.app":"pay","protocol":"bolt","local.app":"pay","result.code":"00",` +
		`"server.pool.wait.time":"3","biz.impl.time":"1","resp.serialize.time":"4","req.deserialize.time":"38","resp.size":"170","req.size":"582","baggage":""`
	const unrouted = `{"timestamp":"2026-11-23 08:36:43.963","tracerId":"c00002021795423003557100228074","spanId":"0.1","span.kind":"client","local.app":"pay",` +
		`"service":"pay.Ledger:1.0","method":"book","result.code":"04","client.elapse.time":"12","baggage":""`
	const broken = `{"timestamp":"2026-11-23 08:36:43.963","tracerId":"c00002021795423003557100228074","spanId":"0.1","span.kind":"server",` +
		`"service":"pay.Ledger:1.0","method":"book","remote.ip":"fd00::1","local.app":"pay","result.code":"02","biz.impl.time":"12","baggage":""`
	const head = `"traceId":"c00002021795423003557100228074","spanId":"0.1","span.kind":"consumer","result.code":"99","current.thread.name":"","time.cost.milliseconds":"12ms",`
	const message = `{"time":"2026-11-23 08:36:43.963","local.app":"pay",` + head +
		`"error":"no, luck","msg.topic":"pay-topic","msg.channel":"pay-in","msg.id":"m-2","remote.app":"broker","sys.baggage":"","biz.baggage":""`
	const messageText = `2026-11-23 08:36:43.963,pay,c00002021795423003557100228074,0.1,consumer,99,,12ms,no%2C luck,pay-topic,pay-in,m-2,broker,,`
	const statHead = `{"time":"2026-11-23 08:36:48.951","stat.key":{`
	const stat = statHead + `"method":"book","local.app":"pay","remote.app":"ledger","service":"pay.Ledger:1.0"},"count":2,"total.cost.milliseconds":24,"success":"Y","load.test":"F"`
	want := map[Format][]string{
		JSON: {client, server, unrouted, broken, message,
			stat, strings.Replace(stat, `"ledger"`, `"pay"`, 1), strings.Replace(strings.Replace(stat, `"remote.app":"ledger",`, "", 1), `"Y"`, `"N"`, 1),
			strings.Replace(strings.Replace(stat, `"remote.app":"ledger",`, "", 1), `"Y"`, `"N"`, 1),
			statHead + `"msg.topic":"pay-topic","local.app":"pay","operationName":"mq-message-receive","msg.channel":"pay-in"},"count":2,"total.cost.milliseconds":24,"success":"N","load.test":"F"`},
		Text: {client, server, unrouted, broken, messageText,
			stat, strings.Replace(stat, `"ledger"`, `"pay"`, 1), strings.Replace(strings.Replace(stat, `"remote.app":"ledger",`, "", 1), `"Y"`, `"N"`, 1),
			strings.Replace(strings.Replace(stat, `"remote.app":"ledger",`, "", 1), `"Y"`, `"N"`, 1),
			`2026-11-23 08:36:48.951,pay,mq-message-receive,pay-in,pay-topic,2,24,N,F`},
	}
	for format, lines := range want {
		e := encoder{lineText: newLineText(&Config{App: "pay", Instance: "pay-1", Format: format})}
		var got []string
		for _, stats := range []bool{false, true} {
			for _, s := range rpcSpans(lineSpan) {
				var r resolved
				s.resolve(&r)
				if stats {
					var key statKey
					s.statKey(&key, &r)
					got = append(got, string(e.statLine(nil, &key, &statValue{count: 2, millis: 24}, lineStart, lineStart.Add(5*time.Second))))
				} else {
					got = append(got, string(e.line(nil, s, &r)))
				}
			}
		}
		for i, line := range got {
			if line[0] == '{' && !json.Valid([]byte(line)) {
				t.Errorf("no JSON: %s", line)
			}
			for _, mark := range []string{`,"start.ns"`, `,"begin.ns"`, `,{"start.ns"`, `,{"begin.ns"`} {
				line, _, _ = strings.Cut(line, mark)
			}
			if line != lines[i] {
				t.Errorf("%s\n%s\nwant\n%s", format, line, lines[i])
			}
		}
	}
}

// TestSOFARPCIsInferred: OpenTelemetry's names of SOFARPC give its components.
func TestSOFARPCIsInferred(t *testing.T) {
	for _, system := range []Tag{String("rpc.system", "sofa_rpc"), String("rpc.system.name", "sofarpc"), String("rpc.system", "bolt")} {
		for kind, want := range map[Kind]Component{Client: SOFARPCClient, Server: SOFARPCServer} {
			s := lineSpan(kind, Inferred, "pay.Ledger:1.0/book", system, String("rpc.service", "pay.Ledger:1.0"), String("rpc.method", "book"),
				String("network.peer.address", "10.0.0.2"), Int("network.peer.port", 12200), String("peer.service", "ledger"))
			e := encoder{lineText: newLineText(&Config{App: "pay", Instance: "pay-1", Format: JSON})}
			var r resolved
			s.resolve(&r)
			line := string(e.line(nil, s, &r))
			remote := `"remote.ip":"10.0.0.2:12200"`
			if kind == Server {
				remote = `"remote.ip":"10.0.0.2"`
			}
			for _, part := range []string{`"service":"pay.Ledger:1.0"`, `"method":"book"`, `"remote.app":"ledger"`, remote, `"remote.address":"10.0.0.2:12200"`} {
				if s.component != want || !strings.Contains(line, part) {
					t.Errorf("%v %v gives %v, without %s: %s", system, kind, s.component, part, line)
				}
			}
		}
	}
}
