package span

import (
	"strings"
	"testing"
)

func TestDescribeNumbers(t *testing.T) {
	h := Half{Kind: KindServer}
	h.Payload = h.Payload.AppendAttr("http.method", String("GET")).AppendAttr("http.status_code", Int(503)).
		AppendAttr("server.address", String("fe80::1")).AppendAttr("server.port", Int(8080)).
		AppendAttr("client.address", String("10.0.0.1")).AppendAttr("client.port", Int(0))
	if !h.Describe() {
		t.Fatal("not readable")
	}
	if h.ResultCode != "503" || h.LocalAddr != "[fe80::1]:8080" || h.PeerAddr != "10.0.0.1" {
		t.Errorf("got %+v", h)
	}
}

func TestDescribeLoadTest(t *testing.T) {
	tests := []struct {
		key   string
		value Value
		mark  bool
		want  bool
	}{
		{"twinspan.load_test", Bool(true), false, true},
		{"twinspan.load_test", String("true"), false, true},
		{"twinspan.load_test", Bool(false), true, false},
		{"mark", String("T"), true, true},
		{"baggage.mark", String("T"), true, true},
		{"mark", String("t"), true, false},
		{"mark", String("T"), false, false},
	}
	for _, tt := range tests {
		d := Describer{MarkAttr: tt.mark}
		h := Half{Payload: Payload(nil).AppendAttr(tt.key, tt.value)}
		d.Describe(&h)
		if h.LoadTest != tt.want {
			t.Errorf("%s=%s, mark %v: got %v", tt.key, tt.value.Text(), tt.mark, h.LoadTest)
		}
	}
}

func TestDescribeNames(t *testing.T) {
	h := Half{App: "a\xffb", Operation: strings.Repeat("ü", MaxName)}
	h.Describe()
	if h.App != "a\ufffdb" || len(h.Operation) != MaxName || !strings.HasPrefix(h.Operation, "üü") {
		t.Errorf("app %q, operation of %d bytes", h.App, len(h.Operation))
	}
	h = Half{Operation: "x" + strings.Repeat("ü", MaxName)}
	h.Describe()
	if len(h.Operation) > MaxName || strings.Trim(h.Operation, "xü") != "" {
		t.Errorf("operation %q of %d bytes", h.Operation, len(h.Operation))
	}
}

func TestDescribeMalformed(t *testing.T) {
	good := Payload(nil).AppendAttr("db.system", String("mysql"))
	for _, bad := range []string{
		"\x4a", "\x4a\x05", // the attribute breaks off
		"\x4a\x03\x0a\x05a",                 // its key does
		"\x4a\x07\x0a\x01a\x12\x05\x0ax",    // its value does
		"\x4a\x07\x0a\x01a\x12\x02\x0a\x05", // the text in its value does
	} {
		h := Half{Kind: KindClient, Payload: append(good[:len(good):len(good)], bad...)}
		if h.Describe() {
			t.Errorf("%q: taken for well-formed", bad)
		}
		if h.Type != TypeDB {
			t.Errorf("%q: what stood before was not used", bad)
		}
	}
}

func BenchmarkDescribe(b *testing.B) {
	p := Payload(nil).AppendAttr("http.request.method", String("GET")).AppendAttr("url.full", String("http://cart.shop.svc:8080/cart/41234567")).
		AppendAttr("server.address", String("cart.shop.svc")).AppendAttr("server.port", Int(8080)).
		AppendAttr("network.peer.address", String("10.32.1.2")).AppendAttr("network.peer.port", Int(8080)).
		AppendAttr("network.protocol.version", String("1.1")).AppendAttr("peer.service", String("cart")).
		AppendAttr("http.response.status_code", Int(200)).AppendAttr("http.response.body.size", Int(1234)).
		AppendAttr("thread.name", String("exec-17")).AppendAttr("thread.id", Int(17))
	var d Describer
	b.ReportAllocs()
	for range b.N {
		h := Half{Kind: KindClient, App: "shop", Operation: "GET", Payload: p}
		if !d.Describe(&h) {
			b.Fatal("malformed")
		}
	}
}
