package storetest

import (
	"fmt"

	"github.com/twinspan/twinspan/internal/span"
	"github.com/twinspan/twinspan/sdk/id"
)

// Shop makes calls like those of a real system, for measurements: some thirty services that call each other and their
// databases, about eleven attributes a half, most of them the same again and again.
type Shop struct {
	*Gen
	now   int64
	trace id.Trace
}

// NewShop makes one from a seed.
func NewShop(seed uint64) *Shop { return &Shop{Gen: NewGen(seed), now: Day} }

// Calls gives at least n calls, whole traces, a few milliseconds apart.
func (s *Shop) Calls(n int) (calls []span.Call) {
	for len(calls) < n {
		s.now += 2e6
		for i := range s.trace {
			s.trace[i] = byte(s.Uint32())
		}
		calls = s.call(calls, s.now, 0, s.IntN(5), 0)
	}
	return calls
}

func (s *Shop) call(calls []span.Call, start int64, parent id.Span, service, depth int) []span.Call {
	caller, callee := fmt.Sprintf("service-%02d", service), fmt.Sprintf("service-%02d", (service*7+s.IntN(4)+1)%30)
	operation := fmt.Sprintf("GET /api/v1/%s/things/{id}/%d", callee, s.IntN(4))
	took := 1e6 + s.Int64N(40e6)
	client := s.span(caller, parent, span.KindClient, start, took)
	server := s.span(callee, client.Span, span.KindServer, start+3e5+s.Int64N(1e5), took-9e5)
	server.Twin, client.Type, server.Type = client.Span, span.TypeHTTP, span.TypeHTTP
	client.Operation, server.Operation = "GET", operation
	server.LocalAddr, client.PeerAddr = callee+".svc:8080", callee+".svc:8080"
	server.PeerAddr = fmt.Sprintf("10.32.%d.%d:%d", s.IntN(8), s.IntN(40), 32768+s.IntN(28000))
	path := fmt.Sprintf("/api/v1/%s/things/%d/x", callee, s.IntN(1e7))
	for _, h := range []*span.Half{client, server} {
		h.ResultCode = "200"
		h.Payload = h.Payload.AppendAttr("http.request.method", span.String("GET")).AppendAttr("server.address", span.String(callee+".svc")).
			AppendAttr("server.port", span.Int(8080)).AppendAttr("http.response.status_code", span.Int(200)).
			AppendAttr("network.protocol.version", span.String("1.1")).AppendAttr("thread.id", span.Int(20+s.Int64N(64))).
			AppendAttr("http.response.body.size", span.Int(s.Int64N(5000)))
	}
	client.Payload = client.Payload.AppendAttr("url.full", span.String("http://"+callee+".svc:8080"+path)).AppendAttr("peer.service", span.String(callee))
	server.Payload = server.Payload.AppendAttr("http.route", span.String(operation[4:])).AppendAttr("url.path", span.String(path)).
		AppendAttr("tenant.id", span.String(fmt.Sprintf("tenant-%02d", s.IntN(40))))
	if s.one(100) {
		client.Status, server.Status, server.ResultCode = span.StatusError, span.StatusError, "500"
		server.Payload = server.Payload.AppendEvent(server.End(), "exception", span.Payload(nil).
			AppendAttr("exception.type", span.String("Timeout")).AppendAttr("exception.stacktrace", span.String("at a\nat b\nat c\n")))
	}
	calls = append(calls, span.Join(client, server, ""))
	if s.one(2) {
		db := s.span(callee, server.Span, span.KindClient, server.Start+1e5, 1e5+s.Int64N(3e5))
		db.Type, db.Operation, db.Peer, db.PeerAddr = span.TypeDB, "SELECT things", "mysql:"+callee, callee+"-mysql:3306"
		db.Payload = db.Payload.AppendAttr("db.system.name", span.String("mysql")).AppendAttr("db.namespace", span.String(callee)).
			AppendAttr("db.query.text", span.String("select * from things where id = ?")).AppendAttr("thread.id", span.Int(20+s.Int64N(64))).
			AppendAttr("db.response.returned_rows", span.Int(s.Int64N(50)))
		calls = append(calls, span.Join(db, nil, ""))
	}
	for range s.IntN(4 - min(depth, 3)) {
		calls = s.call(calls, server.Start+s.Int64N(1e6), server.Span, (service*7+1)%30, depth+1)
	}
	return calls
}

func (s *Shop) span(app string, parent id.Span, kind span.Kind, start, took int64) *span.Half {
	instance := fmt.Sprintf("%s-%d", app, s.IntN(6))
	return &span.Half{Trace: s.trace, Span: id.Span(s.Uint64()), Parent: parent, Kind: kind, Route: span.RouteOTLP, App: app, Instance: instance,
		Component: "http", Start: start, Duration: took, Received: s.now/500e6*500e6 + 1e9, Origin: s.Uint64(),
		Resource: span.Payload(nil).AppendAttr("service.name", span.String(app)).AppendAttr("service.instance.id", span.String(instance)).
			AppendAttr("telemetry.sdk.language", span.String("go"))}
}
