package span

import (
	"encoding/json"
	"reflect"
	"testing"

	"github.com/twinspan/twinspan/sdk/id"
)

func TestPayloadKeepsEverything(t *testing.T) {
	var p Payload
	p = p.AppendAttr("text", String("a\x00ü"))
	p = p.AppendAttr("int", Int(-7))
	p = p.AppendAttr("float", Float(1.5))
	p = p.AppendAttr("yes", Bool(true))
	p = p.AppendAttr("empty", Value{})
	p = p.AppendEvent(42, "exception", Payload(nil).AppendAttr("exception.type", String("E")))
	p = p.AppendStatusMessage("broken")
	if !p.Valid() {
		t.Fatal("not valid")
	}
	h := Half{Payload: p}
	b, err := json.Marshal(&h)
	if err != nil {
		t.Fatal(err)
	}
	var got struct {
		Attributes    map[string]any
		StatusMessage string
		Events        []struct {
			Name, TimeUnixNano string
			Attributes         map[string]any
		}
	}
	if err := json.Unmarshal(b, &got); err != nil {
		t.Fatalf("%v in %s", err, b)
	}
	want := map[string]any{"text": "a\x00ü", "int": -7.0, "float": 1.5, "yes": true, "empty": nil}
	if !reflect.DeepEqual(got.Attributes, want) || got.StatusMessage != "broken" {
		t.Errorf("got %v %q", got.Attributes, got.StatusMessage)
	}
	if len(got.Events) != 1 || got.Events[0].Attributes["exception.type"] != "E" || got.Events[0].TimeUnixNano != "42" {
		t.Errorf("events %+v", got.Events)
	}
}

func TestDescribe(t *testing.T) {
	tests := []struct {
		name string
		kind Kind
		tags []string
		want Half
	}{
		{"http client, stable names", KindClient, []string{"http.request.method", "GET", "server.address", "pay", "server.port", "80", "http.response.status_code", "404"},
			Half{Type: TypeHTTP, Operation: "GET", ResultCode: "404", PeerAddr: "pay:80"}},
		{"http server, old names", KindServer, []string{"http.method", "POST", "http.route", "/pay/{id}", "net.host.name", "10.0.0.1", "net.host.port", "8080", "net.sock.peer.addr", "10.0.0.9"},
			Half{Type: TypeHTTP, Operation: "POST /pay/{id}", LocalAddr: "10.0.0.1:8080", PeerAddr: "10.0.0.9"}},
		{"sql", KindClient, []string{"db.system", "mysql", "db.name", "ledger", "db.operation", "SELECT"},
			Half{Type: TypeDB, Operation: "SELECT", Peer: "mysql:ledger"}},
		{"redis", KindClient, []string{"db.system", "redis"}, Half{Type: TypeCache, Peer: "redis"}},
		{"kafka", KindProducer, []string{"messaging.system", "kafka", "messaging.destination.name", "orders"},
			Half{Type: TypeMQ, Operation: "orders", Peer: "kafka:orders"}},
		{"grpc", KindServer, []string{"rpc.system", "grpc", "rpc.service", "pay.v1.Pay", "rpc.method", "Do", "rpc.grpc.status_code", "14"},
			Half{Type: TypeRPC, Operation: "pay.v1.Pay/Do", ResultCode: "14"}},
		{"internal", KindInternal, nil, Half{Type: TypeInternal}},
	}
	for _, tt := range tests {
		h := Half{Kind: tt.kind}
		for i := 0; i < len(tt.tags); i += 2 {
			h.Payload = h.Payload.AppendAttr(tt.tags[i], String(tt.tags[i+1]))
		}
		h.Describe()
		h.Payload, tt.want.Kind = nil, tt.kind
		if !reflect.DeepEqual(h, tt.want) {
			t.Errorf("%s:\n got %+v\nwant %+v", tt.name, h, tt.want)
		}
	}
}

func TestSameHalf(t *testing.T) {
	base := Half{Span: 7, Kind: KindServer, App: "a", Start: 5e6, Origin: 1, Route: RouteAgent}
	zipkin := base
	zipkin.Origin, zipkin.Route, zipkin.Start = 2, RouteZipkin, 5e6+999
	retry := base
	retry.Origin = 3
	if !base.Same(&zipkin) {
		t.Error("the same half on two routes is one")
	}
	if base.Same(&retry) {
		t.Error("an equal half from another place of the same route is another")
	}
	shared := zipkin
	base.Dotted, shared.Dotted, shared.Span = "0.1", "0.1", id.SpanOf("0.1")
	if !base.Same(&shared) {
		t.Error("the dotted id decides where both have one")
	}
}

func FuzzPayload(f *testing.F) {
	f.Add([]byte(Payload(nil).AppendAttr("a", String("b")).AppendEvent(1, "e", nil)))
	f.Fuzz(func(t *testing.T, b []byte) {
		h := Half{Payload: b}
		h.Describe()
		if _, err := json.Marshal(&h); err != nil {
			t.Fatal(err)
		}
	})
}

func TestPayloadLimit(t *testing.T) {
	var p Payload
	for range 3 {
		p = p.AppendAttr("a", Int(1)).AppendEvent(1, "e", nil)
	}
	p = p.AppendLink(id.Trace{1}, 2, nil)
	p = AppendVarintField(p, 12, 5) // events that the source dropped
	p = p.AppendStatusMessage("text")
	if same, dropped := p.Limit(3); dropped != 0 || len(same) != len(p) {
		t.Errorf("within the limit: %d dropped", dropped)
	}
	kept, dropped := p.Limit(2)
	var attrs, events, links int
	kept.Attrs(func(string, Value) bool { attrs++; return true })
	kept.Events(func(Event) bool { events++; return true })
	kept.Links(func(Link) bool { links++; return true })
	counts := make(map[int]uint64)
	for f, rest, ok := NextField(kept); ok; f, rest, ok = NextField(rest) {
		if f.Wire == WireVarint {
			counts[f.Number] = f.Num
		}
	}
	if dropped != 2 || attrs != 2 || events != 2 || links != 1 || counts[10] != 1 || counts[12] != 6 || len(counts) != 2 ||
		kept.StatusMessage() != "text" || !kept.Valid() {
		t.Errorf("%d dropped, %d attributes, %d events, %d links, counts %v", dropped, attrs, events, links, counts)
	}
}
