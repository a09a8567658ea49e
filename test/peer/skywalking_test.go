package peer

import (
	"context"
	"testing"
	"time"

	"github.com/SkyAPM/go2sky"
	"github.com/SkyAPM/go2sky/reporter"
	agentv3 "skywalking.apache.org/repo/goapi/collect/language/agent/v3"
)

// TestSkyWalkingGo2sky sends with SkyWalking's Go agent, which streams segments over gRPC: "shop" calls "stock", which
// asks a database and sends a message that "mail" consumes.
func TestSkyWalkingGo2sky(t *testing.T) {
	s := start(t)
	tracer := func(service string) *go2sky.Tracer {
		r, err := reporter.NewGRPCReporter(s.Address("skywalking_grpc"))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(r.Close)
		tr, err := go2sky.NewTracer(service, go2sky.WithReporter(r), go2sky.WithInstance(service+"-1"))
		if err != nil {
			t.Fatal(err)
		}
		return tr
	}
	shop, stock, mail := tracer("shop"), tracer("stock"), tracer("mail")

	fail := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	entry, ctx, err := shop.CreateEntrySpan(context.Background(), "GET:/order", func(string) (string, error) { return "", nil })
	fail(err)
	entry.SetSpanLayer(agentv3.SpanLayer_Http)
	id := go2sky.TraceID(ctx)

	headers := make(map[string]string)
	set := func(key, value string) error { headers[key] = value; return nil }
	get := func(key string) (string, error) { return headers[key], nil }
	exit, err := shop.CreateExitSpan(ctx, "GET:/stock", "stock.local:8080", set)
	fail(err)
	exit.SetSpanLayer(agentv3.SpanLayer_Http)
	exit.SetComponent(5005)
	exit.Tag(go2sky.TagHTTPMethod, "GET")

	served, ctxStock, err := stock.CreateEntrySpan(context.Background(), "GET:/stock", get)
	fail(err)
	served.SetSpanLayer(agentv3.SpanLayer_Http)
	served.Tag(go2sky.TagStatusCode, "500")
	served.Error(time.Now(), "event", "error", "message", "no stock")
	db, err := stock.CreateExitSpan(ctxStock, "Mysql/query", "db:3306", func(_, _ string) error { return nil })
	fail(err)
	db.SetSpanLayer(agentv3.SpanLayer_Database)
	db.SetComponent(5012)
	db.Tag("db.instance", "goods")
	db.End()
	sent, err := stock.CreateExitSpan(ctxStock, "Kafka/mails/Producer", "kafka:9092", set)
	fail(err)
	sent.SetSpanLayer(agentv3.SpanLayer_MQ)
	sent.SetComponent(40)
	sent.Tag("mq.topic", "mails")
	sent.End()
	served.End()
	exit.End()
	entry.End()

	got, _, err := mail.CreateEntrySpan(context.Background(), "Kafka/mails/Consumer", get)
	fail(err)
	got.SetSpanLayer(agentv3.SpanLayer_MQ)
	got.End()

	tr := s.wait(t, id, 6)
	if tr.TraceID != id {
		t.Errorf("the trace is shown as %s, it was sent as %s", tr.TraceID, id)
	}
	c := tr.joined(t, "shop", "stock", "skywalking")
	if c.Type != "http" || c.Client.PeerAddr != "stock.local:8080" || !c.Error || len(c.Server.Events) != 1 {
		t.Errorf("got %+v", c)
	}
	if c := tr.joined(t, "stock", "mail", "skywalking"); c.Type != "mq" || c.Server.Kind != "consumer" {
		t.Errorf("got %+v", c)
	}
	found := false
	for _, c := range tr.Calls {
		found = found || c.Type == "db" && c.Callee == "mysql:goods" && c.Caller == "stock"
	}
	if !found {
		t.Errorf("no call of the database in %+v", tr.Calls)
	}
}
