package twinspan

import (
	"bytes"
	"encoding/json"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/twinspan/twinspan/sdk/id"
)

// javaLine is a line that Java SOFATracer wrote.
type javaLine struct {
	component Component
	stat      bool
	format    Format
	text      string
}

// javaLines gives the lines of testdata/sofatracer/lines.tsv.
func javaLines(t *testing.T) (lines []javaLine) {
	t.Helper()
	data, err := os.ReadFile("testdata/sofatracer/lines.tsv")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(data)) {
		parts := strings.SplitN(strings.TrimSuffix(line, "\n"), "\t", 3)
		l := javaLine{component: componentCount, format: Format(parts[1]), text: parts[2]}
		name := strings.TrimSuffix(parts[0], ".log")
		l.stat = strings.HasSuffix(name, "-stat")
		name = strings.TrimSuffix(strings.TrimSuffix(name, "-stat"), "-digest")
		for c := range componentCount {
			if c.String() == name {
				l.component = c
			}
		}
		if l.component == componentCount {
			t.Fatalf("no component writes %s", parts[0])
		}
		lines = append(lines, l)
	}
	return lines
}

// member is one of a JSON object, in its order.
type member struct {
	key   string
	value any // json.Number, or string, or json.RawMessage for an object
}

func members(t *testing.T, object string) (all []member) {
	t.Helper()
	d := json.NewDecoder(strings.NewReader(object))
	if _, err := d.Token(); err != nil {
		t.Fatal(err)
	}
	for d.More() {
		key, err := d.Token()
		if err != nil {
			t.Fatal(err)
		}
		var raw json.RawMessage
		if err := d.Decode(&raw); err != nil {
			t.Fatalf("%v in %s", err, object)
		}
		m := member{key: key.(string), value: raw}
		if raw[0] != '{' {
			values := json.NewDecoder(bytes.NewReader(raw))
			values.UseNumber()
			if err := values.Decode(&m.value); err != nil {
				t.Fatal(err)
			}
		}
		all = append(all, m)
	}
	return all
}

// columnsOf gives the values of a text digest line by the component's text columns, the way its own reader would: what is
// too many commas belongs to the statement and the error.
func columnsOf(t *testing.T, l javaLine) []member {
	t.Helper()
	spec := l.component.spec()
	pieces := strings.Split(l.text, ",")
	all := []member{{"time", pieces[0]}, {"local.app", pieces[1]}, {"traceId", pieces[2]}, {"spanId", pieces[3]}, {"span.kind", pieces[4]},
		{"result.code", pieces[5]}, {"current.thread.name", pieces[6]}, {"time.cost.milliseconds", pieces[7]}}
	middle, tail := pieces[8:len(pieces)-2], pieces[len(pieces)-2:]
	if l.component == MongoClient {
		end := strings.LastIndex(strings.Join(middle[:len(middle)-2], ","), "}")
		text := strings.Join(middle, ",")
		if i := strings.Index(text, "},"); i >= 0 && i < end {
			end = i
		}
		middle = append([]string{text[:end+1]}, strings.Split(text[end+2:], ",")...)
		for len(middle) > 7 { // the error's commas
			middle[4] += "," + middle[5]
			middle = append(middle[:5], middle[6:]...)
		}
	}
	for i, at := range spec.textAt {
		value := middle[0]
		if at >= 0 && spec.fields[at].optional && len(middle) < len(spec.textAt)-i && !strings.HasPrefix(value, "/") {
			continue
		}
		middle = middle[1:]
		switch {
		case at == remoteHostAt:
			all = append(all, member{"remote", value})
		case at < 0:
		case spec.fields[at].number() && value != "null":
			all = append(all, member{spec.fields[at].key, json.Number(strings.TrimSuffix(value, "B"))})
		case value != "null":
			all = append(all, member{spec.fields[at].key, value})
		}
	}
	if len(middle) > 0 {
		t.Fatalf("%s: columns left: %q in %s", l.component, middle, l.text)
	}
	return append(all, member{"sys.baggage", tail[0]}, member{"biz.baggage", tail[1]})
}

// spanOfLine makes the span that has the values of a line.
func spanOfLine(t *testing.T, c Component, values []member) *Span {
	t.Helper()
	s := &Span{trunk: &trunk{}, spanWork: &spanWork{component: c, operation: "call"}}
	for _, m := range values {
		text, _ := m.value.(string)
		switch m.key {
		case "time":
			end, err := time.ParseInLocation("2006-01-02 15:04:05.000", text, time.Local)
			if err != nil {
				t.Fatal(err)
			}
			s.start = end.UnixNano()
		case "local.app", "current.thread.name", "sys.baggage", "biz.baggage":
		case "traceId":
			s.traceID = text
		case "spanId":
			s.spanID = text
		case "span.kind":
			if s.kind = Client; text == "server" {
				s.kind = Server
			}
		case "result.code":
			s.resultCode = text
		case "time.cost.milliseconds":
			d, err := time.ParseDuration(text)
			if err != nil {
				t.Fatal(err)
			}
			s.start, s.duration = s.start-int64(d), d
		case "error":
			if text != "" {
				s.failed, s.own().message = true, text
			}
		case "remote.app":
			s.remoteApp = text
		case "remote":
			s.remote = text
		default:
			switch v := m.value.(type) {
			case json.Number:
				n, err := strconv.ParseInt(v.String(), 10, 64)
				if err != nil {
					t.Fatal(err)
				}
				s.tags = append(s.tags, Int(m.key, n))
			case json.RawMessage:
				s.tags = append(s.tags, RawJSON(m.key, string(v)))
			default:
				if spec := c.spec(); text != "" || spec.index(m.key) < 0 || !spec.fields[spec.index(m.key)].number() {
					s.tags = append(s.tags, String(m.key, text))
				}
			}
		}
	}
	return s
}

// TestDigestLinesAreJavas writes the spans of Java SOFATracer's own lines: what comes out begins with the same line, key by key
// and column by column, but for the thread's name, of which there is none, and the escape of commas.
func TestDigestLinesAreJavas(t *testing.T) {
	for _, l := range javaLines(t) {
		if l.stat {
			continue
		}
		var values []member
		if l.format == JSON {
			values = members(t, l.text)
		} else {
			values = columnsOf(t, l)
		}
		app, thread := "", ""
		for _, m := range values {
			switch m.key {
			case "local.app":
				app = m.value.(string)
			case "current.thread.name":
				thread = m.value.(string)
			}
		}
		s := spanOfLine(t, l.component, values)
		e := encoder{lineText: newLineText(&Config{App: app, Instance: "i", Format: l.format})}
		var r resolved
		s.resolve(&r)
		got := string(e.line(nil, s, &r))
		want := l.text
		if l.format == JSON {
			want = strings.TrimSuffix(strings.Replace(want, `"current.thread.name":"`+thread+`"`, `"current.thread.name":""`, 1), "}")
			got, _, _ = strings.Cut(got, `,"start.ns"`)
		} else {
			want = strings.Replace(want, ","+thread+",", ",,", 1)
			got = got[:strings.LastIndexByte(got, ',')]
			if l.component == MongoClient {
				got = strings.ReplaceAll(got, "%2C", ",")
			}
		}
		if got != want {
			t.Errorf("%s\n%s\nwant\n%s", l.component, got, want)
		}
	}
}

// TestStatLinesAreJavas: the keys of stat.key are SOFATracer's, in its order, and the text columns as many.
func TestStatLinesAreJavas(t *testing.T) {
	for _, l := range javaLines(t) {
		if !l.stat {
			continue
		}
		e := encoder{lineText: newLineText(&Config{App: "pay-a", Instance: "i", Format: l.format})}
		s := &Span{trunk: &trunk{}, spanWork: &spanWork{component: l.component, operation: "call"}}
		var r resolved
		s.resolve(&r)
		var key statKey
		s.statKey(&key, &r)
		line := string(e.statLine(nil, &key, &statValue{count: 1}, time.Unix(0, 0), time.Unix(5, 0)))
		if l.format == Text {
			got, want := strings.Count(line, ","), strings.Count(l.text, ",")+1 // and our own column
			if got != want {
				t.Errorf("%s: %d commas, want %d: %s", l.component, got, want, line)
			}
			continue
		}
		ours, theirs := members(t, line), members(t, l.text)
		for i, m := range theirs {
			if ours[i].key != m.key {
				t.Errorf("%s: %s stands where %s should", l.component, ours[i].key, m.key)
			}
			object, ok := m.value.(json.RawMessage)
			if !ok {
				continue
			}
			fields := members(t, string(ours[i].value.(json.RawMessage)))
			for n, field := range members(t, string(object)) {
				if n >= len(fields) || fields[n].key != field.key {
					t.Errorf("%s: stat.key %v, want %s", l.component, fields, object)
					break
				}
			}
		}
	}
}

// goldenSOFA are the golden spans of SOFATracer's other components.
func goldenSOFA(make1 func(Kind, Component, string, ...Tag) *Span) []*Span {
	dubbo := make1(Client, DubboClient, "pay.rpc.Pay/hello", String(TagProtocol, "dubbo"), String(TagService, "pay.rpc.Pay"), String(TagMethod, "hello"),
		String(TagInvokeType, "sync"), String(TagRemoteHost, "10.0.0.2"), String(TagRemotePort, "20880"), String(TagLocalHost, "10.0.0.1"),
		Int(TagClientSerialize, 3), Int(TagRequestSize, 222))
	dubbo.remoteApp = "ledger"
	served := make1(Server, DubboServer, "pay.rpc.Pay/hello", String(TagProtocol, "dubbo"), String(TagService, "pay.rpc.Pay"), String(TagMethod, "hello"),
		String(TagLocalHost, "10.0.0.2"), String(TagLocalPort, "20880"), Int(TagServerDeserialize, 20))
	served.remote, served.failed, served.own().message = "[fd00::1]:3456", true, "no, luck"
	mongo := make1(Client, MongoClient, "insert orders", String(TagMethod, "insert"), String(TagStatement, "{\"insert\": \"orders\",\n\"n\": [1, 2]}"),
		String(TagInstance, "pay"), String(TagPeerHostname, "10.0.0.7"), Int(TagPeerPort, 27017), String(TagDBType, "mongodb"))
	mongo.remoteApp = "mongodb:pay"
	broken := make1(Client, MongoClient, "find orders", String(TagMethod, "find"), String(TagStatement, "{cut off"), String(TagInstance, "pay"),
		String(TagPeerHostname, "10.0.0.7"), String(TagPeerHost, "/10.0.0.7:27017"), Int(TagPeerPort, 27017), String(TagDBType, "mongodb"))
	broken.failed, broken.own().message = true, "no, luck"
	kafka := make1(Producer, KafkaSend, "send payments", String(TagKafkaTopic, "payments"))
	kafka.failed, kafka.own().message = true, "no, luck"
	kafka.remoteApp = "kafka:payments"
	polled := make1(Consumer, KafkaConsume, "receive payments", String(TagKafkaTopic, "payments"), Int(TagKafkaPartition, 0), Int(TagKafkaOffset, 17))
	polled.spanID, polled.parent8, polled.paired = "0.1.1734", id.SpanOf("0.1"), true
	rabbit := make1(Producer, RabbitSend, "send pay", String(TagExchange, "pay.exchange"), String(TagRoutingKey, "pay.key"), Int(TagReplyTimeout, 5000))
	rabbited := make1(Consumer, RabbitConsume, "receive pay", String(TagExchange, "pay.exchange"), String(TagRoutingKey, "pay.key"), String(TagQueue, "pay.queue"))
	rocket := make1(Producer, RocketSend, "send pay", String(TagMessageID, "m-1"), String(TagTopic, "pay-topic"), String(TagBroker, "broker-1"),
		String(TagSendStatus, "SEND_OK"), String(TagMessageType, "Normal_Msg"), String(TagBornHost, "10.0.0.1"), String(TagBrokerAddress, "10.0.0.9:10911"),
		String(TagProducerGroup, "pay-producer"))
	rocketed := make1(Consumer, RocketConsume, "receive pay", String(TagMessageID, "m-1"), String(TagTopic, "pay-topic"), String(TagBroker, "broker-1"),
		String(TagConsumerGroup, "ledger"), String(TagSendStatus, "CONSUME_SUCCESS"))
	message := make1(Producer, MessageSend, "send pay", String(TagChannel, "pay"), String(TagMessageID, "m-2"))
	message.remoteApp = "broker"
	return []*Span{dubbo, served, mongo, broken, kafka, polled, rabbit, rabbited, rocket, rocketed, message}
}
