package digest

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twinspan/twinspan/internal/digestlog"
	"github.com/twinspan/twinspan/internal/span"
	twinspan "github.com/twinspan/twinspan/sdk"
)

// spans starts and ends a span of every component.
func spans(t *testing.T, tracer *twinspan.Tracer, at time.Time) {
	t.Helper()
	s, n := twinspan.String, twinspan.Int
	for _, c := range []struct {
		kind      twinspan.Kind
		component twinspan.Component
		operation string
		peer      string
		err       error
		tags      []twinspan.Tag
	}{
		{twinspan.Internal, twinspan.Biz, "charge", "", nil, []twinspan.Tag{s(twinspan.TagMethod, "charge"), s("note", "a, b")}},
		{twinspan.Client, twinspan.HTTPClient, "GET /pay/{id}", "ledger", nil, []twinspan.Tag{s(twinspan.TagURL, "http://h/pay/1,2"), s(twinspan.TagMethod, "GET"),
			n(twinspan.TagRequestSize, 1), n(twinspan.TagResponseSize, 2)}},
		{twinspan.Server, twinspan.HTTPServer, "GET /pay/{id}", "", errors.New("no, luck"), []twinspan.Tag{s(twinspan.TagURL, "http://h/pay/1,2"), s(twinspan.TagMethod, "GET")}},
		{twinspan.Client, twinspan.GRPCClient, "pay.Ledger/Book", "ledger", nil, []twinspan.Tag{s(twinspan.TagService, "pay.Ledger"), s(twinspan.TagMethod, "Book")}},
		{twinspan.Server, twinspan.GRPCServer, "pay.Ledger/Book", "", nil, []twinspan.Tag{s(twinspan.TagService, "pay.Ledger"), s(twinspan.TagMethod, "Book")}},
		{twinspan.Client, twinspan.SQLClient, "SELECT account", "mysql:pay", nil, []twinspan.Tag{s(twinspan.TagSQL, "SELECT a, b FROM account"), s(twinspan.TagDatabase, "pay")}},
		{twinspan.Client, twinspan.RedisClient, "GET", "redis", nil, []twinspan.Tag{s(twinspan.TagDBType, "redis"), s(twinspan.TagMethod, "GET")}},
		{twinspan.Producer, twinspan.MQSend, "send pay", "memq:pay", nil, []twinspan.Tag{s(twinspan.TagTopic, "pay")}},
		{twinspan.Consumer, twinspan.MQConsume, "receive pay", "memq:pay", nil, []twinspan.Tag{s(twinspan.TagTopic, "pay"), s(twinspan.TagConsumerGroup, "g")}},
		{twinspan.Client, twinspan.DubboClient, "pay.Pay/hello", "ledger", nil, []twinspan.Tag{s(twinspan.TagProtocol, "dubbo"), s(twinspan.TagService, "pay.Pay"),
			s(twinspan.TagMethod, "hello"), s(twinspan.TagInvokeType, "sync"), s(twinspan.TagRemoteHost, "10.0.0.2"), s(twinspan.TagRemotePort, "20880"),
			s(twinspan.TagLocalHost, "10.0.0.1"), n(twinspan.TagClientSerialize, 3)}},
		{twinspan.Server, twinspan.DubboServer, "pay.Pay/hello", "", errors.New("no, luck"), []twinspan.Tag{s(twinspan.TagProtocol, "dubbo"), s(twinspan.TagService, "pay.Pay"),
			s(twinspan.TagMethod, "hello"), s(twinspan.TagLocalHost, "10.0.0.2"), s(twinspan.TagLocalPort, "20880"), n(twinspan.TagServerDeserialize, 20)}},
		{twinspan.Client, twinspan.MongoClient, "insert orders", "mongodb:pay", nil, []twinspan.Tag{s(twinspan.TagMethod, "insert"),
			s(twinspan.TagStatement, `{"insert": "orders", "n": [1, 2], "note": "100%"}`), s(twinspan.TagInstance, "pay"), s(twinspan.TagPeerHostname, "10.0.0.7"),
			n(twinspan.TagPeerPort, 27017), s(twinspan.TagDBType, "mongodb")}},
		{twinspan.Client, twinspan.MongoClient, "find orders", "mongodb:pay", errors.New("no, luck"), []twinspan.Tag{s(twinspan.TagMethod, "find"),
			s(twinspan.TagStatement, `{"find": "orders"}`), s(twinspan.TagInstance, "pay"), s(twinspan.TagPeerHostname, "10.0.0.7"), s(twinspan.TagPeerHost, "/10.0.0.7:27017"),
			n(twinspan.TagPeerPort, 27017), s(twinspan.TagDBType, "mongodb")}},
		{twinspan.Producer, twinspan.KafkaSend, "send pay", "kafka:pay", errors.New("no, luck"), []twinspan.Tag{s(twinspan.TagKafkaTopic, "pay")}},
		{twinspan.Consumer, twinspan.KafkaConsume, "receive pay", "kafka:pay", nil, []twinspan.Tag{s(twinspan.TagKafkaTopic, "pay"), n(twinspan.TagKafkaPartition, 3),
			n(twinspan.TagKafkaOffset, 17)}},
		{twinspan.Producer, twinspan.RabbitSend, "send pay", "rabbitmq:pay", nil, []twinspan.Tag{s(twinspan.TagExchange, "pay"), s(twinspan.TagRoutingKey, "k"),
			n(twinspan.TagReplyTimeout, 5000)}},
		{twinspan.Consumer, twinspan.RabbitConsume, "receive pay", "rabbitmq:pay", nil, []twinspan.Tag{s(twinspan.TagExchange, "pay"), s(twinspan.TagRoutingKey, "k"),
			s(twinspan.TagQueue, "q")}},
		{twinspan.Producer, twinspan.RocketSend, "send pay", "rocketmq:pay", nil, []twinspan.Tag{s(twinspan.TagTopic, "pay"), s(twinspan.TagMessageID, "m"),
			s(twinspan.TagSendStatus, "SEND_OK"), s(twinspan.TagBrokerAddress, "10.0.0.9:10911")}},
		{twinspan.Consumer, twinspan.RocketConsume, "receive pay", "rocketmq:pay", nil, []twinspan.Tag{s(twinspan.TagTopic, "pay"), s(twinspan.TagMessageID, "m"),
			s(twinspan.TagConsumerGroup, "g"), s(twinspan.TagSendStatus, "CONSUME_SUCCESS")}},
		{twinspan.Producer, twinspan.MessageSend, "send pay", "broker", nil, []twinspan.Tag{s(twinspan.TagChannel, "pay"), s(twinspan.TagMessageID, "m")}},
		{twinspan.Consumer, twinspan.MessageReceive, "receive pay", "broker", errors.New("no, luck"), []twinspan.Tag{s(twinspan.TagChannel, "pay"), s(twinspan.TagTopic, "t")}},
		{twinspan.Client, twinspan.SOFARPCClient, "pay.Pay:1.0#hello", "ledger", nil, []twinspan.Tag{s(twinspan.TagService, "pay.Pay:1.0"), s(twinspan.TagMethod, "hello"),
			s(twinspan.TagProtocol, "bolt"), n(twinspan.TagRPCRequestSize, 582)}},
		{twinspan.Server, twinspan.SOFARPCServer, "pay.Pay:1.0#hello", "shop", errors.New("no, luck"), []twinspan.Tag{s(twinspan.TagService, "pay.Pay:1.0"),
			s(twinspan.TagMethod, "hello")}},
	} {
		_, one := tracer.StartSpan(t.Context(), &twinspan.StartOptions{Kind: c.kind, Component: c.component, Operation: c.operation, Time: at})
		one.SetTags(c.tags...)
		one.SetRemote("10.0.0.2:20880")
		one.SetRemoteApp(c.peer)
		one.SetError(c.err)
		one.EndAt(at.Add(12345678 * time.Nanosecond))
	}
}

// read gives what the reader makes of all files of a kind in a directory.
func read(t *testing.T, dir, kind string) (records []digestlog.Record, files []string) {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(dir, "*-"+kind+".log"))
	if err != nil || len(names) == 0 {
		t.Fatal(names, err)
	}
	for _, name := range names {
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		r, err := digestlog.NewReader(digestlog.Source{Name: filepath.Base(name), Zone: time.Local}, 0)
		if err != nil {
			t.Fatal(err)
		}
		r.Feed(data)
		r.Flush()
		for rec, ok := r.Next(); ok; rec, ok = r.Next() {
			if rec.Err != nil {
				t.Errorf("%s: %v", filepath.Base(name), rec.Err)
				continue
			}
			records = append(records, rec)
			files = append(files, filepath.Base(name))
		}
	}
	return records, files
}

// essence is what a half says, but for its ids, with every attribute.
func essence(h *span.Half) string {
	var attrs []string
	for key, v := range h.Payload.Attrs {
		if key == "current.thread.name" || key == "error" || strings.HasSuffix(key, "serialize.time") && v.Text() == "" {
			continue
		}
		if h.Component == "dubbo-server" && key == "remote.host" {
			continue // SOFATracer has it in text only
		}
		attrs = append(attrs, fmt.Sprintf("%s=%s", key, v.Text()))
	}
	slices.Sort(attrs)
	return fmt.Sprintf("%s kind %v type %v status %v %q code %s op %q peer %s %s app %s %s start %d took %d %q %s", h.Component, h.Kind, h.Type, h.Status,
		h.Payload.StatusMessage(), h.ResultCode, h.Operation, h.Peer, h.PeerAddr, h.App, h.Instance, h.Start, h.Duration, h.Dotted, strings.Join(attrs, " "))
}

// TestReaderReadsEveryComponent writes spans of every component with the SDK, as JSON and as text: the agent's reader makes the
// same of both, and loses nothing.
func TestReaderReadsEveryComponent(t *testing.T) {
	at := time.Date(2026, 11, 23, 8, 36, 43, 951234567, time.UTC)
	halves := make(map[twinspan.Format][]string)
	for _, format := range []twinspan.Format{twinspan.JSON, twinspan.Text} {
		c := twinspan.DefaultConfig("pay")
		c.LogDir, c.Format, c.Instance = t.TempDir(), format, "pay-1"
		tracer, err := twinspan.New(c)
		if err != nil {
			t.Fatal(err)
		}
		spans(t, tracer, at)
		if err := tracer.Close(); err != nil {
			t.Fatal(err)
		}
		records, files := read(t, c.LogDir, "digest")
		for i, rec := range records {
			h := rec.Half
			if h.Start != at.UnixNano() || h.Duration != 12345678 || h.Operation == "" || h.Coarse {
				t.Errorf("%s: %+v", files[i], h)
			}
			halves[format] = append(halves[format], files[i]+" "+essence(h))
		}
		slices.Sort(halves[format])
		stats, _ := read(t, c.LogDir, "stat")
		total := uint64(0)
		for _, rec := range stats {
			total += rec.Stat.Count
		}
		if len(records) != 23 || total != 23 {
			t.Errorf("%s: %d halves, %d counted", format, len(records), total)
		}
	}
	for i := range min(len(halves[twinspan.JSON]), len(halves[twinspan.Text])) {
		if json, text := halves[twinspan.JSON][i], halves[twinspan.Text][i]; json != text {
			t.Errorf("JSON %s\ntext %s", json, text)
		}
	}
}

// TestReaderReadsTheResource: what the service's resource has is the resource of every half, of each component and in both formats.
func TestReaderReadsTheResource(t *testing.T) {
	for _, format := range []twinspan.Format{twinspan.JSON, twinspan.Text} {
		c := twinspan.DefaultConfig("pay")
		c.LogDir, c.Format, c.Resource = t.TempDir(), format, []twinspan.ResourceAttribute{"deployment.environment.name=prod", "note=a%2C \"b\" 100%25"}
		tracer, err := twinspan.New(c)
		if err != nil {
			t.Fatal(err)
		}
		spans(t, tracer, time.Now())
		if err := tracer.Close(); err != nil {
			t.Fatal(err)
		}
		records, files := read(t, c.LogDir, "digest")
		for i, rec := range records {
			got := make(map[string]string)
			for key, v := range rec.Half.Resource.Attrs {
				got[key] = v.Text()
			}
			if _, is := rec.Half.Payload.Attr("resource"); is || len(got) != 2 || got["deployment.environment.name"] != "prod" || got["note"] != `a, "b" 100%` {
				t.Errorf("%s: %v", files[i], got)
			}
		}
		if len(records) != 23 {
			t.Errorf("%d records", len(records))
		}
	}
}

// TestReaderSaysWhatIsSampledOut: a half that was kept for its error is told from those of sampled traces.
func TestReaderSaysWhatIsSampledOut(t *testing.T) {
	for _, format := range []twinspan.Format{twinspan.JSON, twinspan.Text} {
		c := twinspan.DefaultConfig("pay")
		c.LogDir, c.Format, c.SamplePercentage, c.KeepErrors = t.TempDir(), format, 0, true
		tracer, err := twinspan.New(c)
		if err != nil {
			t.Fatal(err)
		}
		_, s := tracer.Start(t.Context(), twinspan.Client, twinspan.HTTPClient, "GET /")
		s.Fail("no luck")
		s.End()
		if err := tracer.Close(); err != nil {
			t.Fatal(err)
		}
		records, _ := read(t, c.LogDir, "digest")
		if len(records) != 1 {
			t.Fatalf("%s: %d records", format, len(records))
		}
		if v, ok := records[0].Half.Payload.Attr("sampled.out"); !ok || v.Text() != "error" {
			t.Errorf("%s: %v", format, v)
		}
	}
}
