package main

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"time"
)

// The load is of a chain of shops: requests of traces as an OpenTelemetry collector sends them, all services together.
// Requests are encoded once; before each is sent, fresh ids, times and numbers are stamped into a copy.

// service is one application of the load.
type service struct {
	name  string
	kind  string // http, grpc, sql, cache or queue: how it is called
	calls []int  // of other services, by number
}

// shop is a tree of calls with a few ways through it.
var shop = []service{
	{"storefront", "http", []int{1, 2, 3, 4}},
	{"session", "grpc", []int{12}},
	{"catalogue", "http", []int{5, 13}},
	{"basket", "grpc", []int{6, 12}},
	{"checkout", "http", []int{7, 8, 9, 10}},
	{"search", "grpc", []int{13}},
	{"pricing", "grpc", []int{12, 11}},
	{"payment", "http", []int{11, 13}},
	{"shipping", "http", []int{14}},
	{"stock", "grpc", []int{13, 12}},
	{"mailer", "queue", []int{14}},
	{"tax", "grpc", nil},
	{"cache", "cache", nil},
	{"orders-db", "sql", nil},
	{"partner", "http", nil},
}

const instances = 3

// template is an encoded request and the places that are stamped.
type template struct {
	body   []byte
	spans  int
	traces [][16]byte
	sizes  []int // spans of each trace
	// traceAt and spanAt are places of ids, timeAt of fixed64 times, digitAt of six digits.
	traceAt, spanAt, timeAt, digitAt []int
}

type generator struct {
	rng *rand.Rand
	t   *template
	// base is the start of the first span, in ns; times are stamped as distances from it.
	base int64
}

// newTemplates makes n requests of about so many spans each.
func newTemplates(seed uint64, n, spans int) []*template {
	rng := rand.New(rand.NewPCG(seed, 1))
	out := make([]*template, n)
	for i := range out {
		g := &generator{rng: rng, t: new(template), base: 1 << 60}
		byService := make([][]encoded, len(shop)*instances)
		for g.t.spans < spans {
			g.trace(byService)
		}
		g.request(byService)
		out[i] = g.t
	}
	return out
}

// encoded is a span message with its places, which move when it is put into the request.
type encoded struct {
	body                             []byte
	traceAt, spanAt, timeAt, digitAt []int
}

func (g *generator) bytes(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(g.rng.Uint32())
	}
	return b
}

func (g *generator) trace(out [][]encoded) {
	before := g.t.spans
	id := g.bytes(16)
	g.call(out, id, nil, 0, 0, int64(g.rng.IntN(1e6)), int64(20e6+g.rng.IntN(300e6)), 0)
	g.t.traces = append(g.t.traces, [16]byte(id))
	g.t.sizes = append(g.t.sizes, g.t.spans-before)
}

// call writes the client's span in service from (none for the root) and the server's in service to, and what that calls.
func (g *generator) call(out [][]encoded, trace, parent []byte, from, to int, start, duration int64, depth int) {
	s := &shop[to]
	failed := g.rng.IntN(100) == 0
	number := g.rng.IntN(3)
	if parent != nil {
		client := g.bytes(8)
		kind := 3
		if s.kind == "queue" {
			kind = 4
		}
		g.put(out, from, trace, client, parent, kind, s, start, duration, failed)
		parent = client
		start, duration = start+int64(g.rng.IntN(500e3)), duration*9/10
	}
	if s.kind == "sql" || s.kind == "cache" {
		return
	}
	server := g.bytes(8)
	kind := 2
	if s.kind == "queue" {
		kind = 5
	}
	g.put(out, to, trace, server, parent, kind, s, start, duration, failed)
	if number == 0 {
		g.put(out, to, trace, g.bytes(8), server, 1, s, start, duration/3, false)
	}
	for i, next := range s.calls {
		if depth < 4 && g.rng.IntN(5) > 0 {
			step := duration / int64(len(s.calls)+1)
			g.call(out, trace, server, to, next, start+step*int64(i)+int64(g.rng.IntN(1e5)), step, depth+1)
		}
	}
}

func (g *generator) put(out [][]encoded, service int, trace, id, parent []byte, kind int, callee *service, start, duration int64, failed bool) {
	at := service*instances + g.rng.IntN(instances)
	out[at] = append(out[at], g.span(trace, id, parent, kind, callee, start, duration, failed))
	g.t.spans++
}

// Protobuf, as much as is needed.

func field(b []byte, number int, data []byte) []byte {
	b = binary.AppendUvarint(b, uint64(number)<<3|2)
	b = binary.AppendUvarint(b, uint64(len(data)))
	return append(b, data...)
}

func number(b []byte, n int, v uint64) []byte {
	return binary.AppendUvarint(binary.AppendUvarint(b, uint64(n)<<3), v)
}

func text(key, value string) []byte {
	return field(field(nil, 1, []byte(key)), 2, field(nil, 1, []byte(value)))
}

func count(key string, v uint64) []byte {
	return field(field(nil, 1, []byte(key)), 2, number(nil, 3, v))
}

const digits = "000000"

func (g *generator) span(trace, id, parent []byte, kind int, callee *service, start, duration int64, failed bool) encoded {
	var e encoded
	// The places of what a field with a head of two bytes holds.
	e.body = field(e.body, 1, trace)
	e.traceAt = append(e.traceAt, len(e.body)-16)
	e.body = field(e.body, 2, id)
	e.spanAt = append(e.spanAt, len(e.body)-8)
	if parent != nil {
		e.body = field(e.body, 4, parent)
		e.spanAt = append(e.spanAt, len(e.body)-8)
	}
	action := g.rng.IntN(4)
	name, attributes := g.describe(kind, callee, action, failed)
	e.body = field(e.body, 5, []byte(name))
	e.body = number(e.body, 6, uint64(kind))
	for i, at := range []int64{start, start + duration} {
		e.body = binary.AppendUvarint(e.body, uint64(7+i)<<3|1)
		e.timeAt = append(e.timeAt, len(e.body))
		e.body = binary.LittleEndian.AppendUint64(e.body, uint64(g.base+at))
	}
	for _, a := range attributes {
		e.body = field(e.body, 9, a)
		if n := len(digits); len(a) > n && string(a[len(a)-n:]) == digits {
			e.digitAt = append(e.digitAt, len(e.body)-n)
		}
	}
	if failed {
		e.body = field(e.body, 15, number(field(nil, 2, []byte("deadline exceeded")), 3, 2))
	}
	return e
}

// describe gives a span's name and attributes, by OpenTelemetry's semantic conventions.
func (g *generator) describe(kind int, callee *service, action int, failed bool) (name string, attributes [][]byte) {
	verb := []string{"list", "get", "put", "check"}[action]
	host := callee.name + ".shop.svc.cluster.local"
	peer := fmt.Sprintf("10.20.%d.%d", g.rng.IntN(4), g.rng.IntN(250))
	status := uint64(200)
	if failed {
		status = 503
	}
	switch {
	case kind == 1:
		name = "compute " + verb
		attributes = [][]byte{text("code.function.name", callee.name+"."+verb), count("thread.id", uint64(g.rng.IntN(64)))}
	case callee.kind == "sql":
		name = verb + " orders"
		attributes = [][]byte{
			text("db.system.name", "postgresql"), text("db.namespace", "orders"), text("db.operation.name", verb),
			text("db.collection.name", "orders"), text("db.query.text", "select id, state, total from orders where customer = $1 and id > "+digits),
			text("server.address", host), count("server.port", 5432),
		}
	case callee.kind == "cache":
		name = verb
		attributes = [][]byte{
			text("db.system.name", "redis"), text("db.operation.name", verb), text("db.query.text", verb+" customer:"+digits),
			text("server.address", host), count("server.port", 6379),
		}
	case callee.kind == "queue":
		name = "publish mails"
		attributes = [][]byte{
			text("messaging.system", "kafka"), text("messaging.destination.name", "mails"), text("messaging.message.id", "m-"+digits),
			count("messaging.destination.partition.id", uint64(g.rng.IntN(12))),
		}
	case callee.kind == "grpc":
		name = "shop." + callee.name + "/" + verb
		attributes = [][]byte{
			text("rpc.system", "grpc"), text("rpc.service", "shop."+callee.name), text("rpc.method", verb),
			count("rpc.grpc.status_code", status/503*14), text("server.address", host), count("server.port", 9090),
		}
	default:
		name = "GET /" + callee.name + "/{id}"
		attributes = [][]byte{
			text("http.request.method", "GET"), text("http.route", "/"+callee.name+"/{id}"), text("url.scheme", "https"),
			count("http.response.status_code", status), text("url.path", "/"+callee.name+"/"+digits),
			text("server.address", host), count("server.port", 8080), text("user_agent.original", "shop/4.2"),
		}
	}
	return name, append(attributes,
		text("network.peer.address", peer), count("network.peer.port", uint64(30000+g.rng.IntN(2000))),
		text("network.protocol.version", "1.1"), text("deployment.cell", fmt.Sprintf("cell-%d", g.rng.IntN(8))),
		text("customer.id", "c-"+digits))
}

// request puts the spans of each process behind its resource, and notes where they are.
func (g *generator) request(byService [][]encoded) {
	for at, spans := range byService {
		if len(spans) == 0 {
			continue
		}
		s := shop[at/instances]
		var resource []byte
		for _, a := range [][]byte{
			text("service.name", s.name), text("service.instance.id", fmt.Sprintf("%s-%d", s.name, at%instances)),
			text("service.namespace", "shop"), text("service.version", "4.2.1"), text("telemetry.sdk.language", "go"),
			text("telemetry.sdk.name", "opentelemetry"), text("deployment.environment.name", "bench"),
			text("host.name", fmt.Sprintf("node-%02d", at)), text("k8s.pod.name", fmt.Sprintf("%s-6c5f-%d", s.name, at%instances)),
		} {
			resource = field(resource, 1, a)
		}
		scope := field(field(nil, 1, []byte("io.opentelemetry.contrib")), 2, []byte("2.1.0"))
		scopeSpans := field(nil, 1, scope)
		var places []int // of the spans' bodies
		for i := range spans {
			scopeSpans = field(scopeSpans, 2, spans[i].body)
			places = append(places, len(scopeSpans)-len(spans[i].body))
		}
		whole := field(field(nil, 1, resource), 2, scopeSpans)
		from := len(whole) - len(scopeSpans)
		g.t.body = field(g.t.body, 1, whole)
		from += len(g.t.body) - len(whole)
		for i := range spans {
			move := func(to *[]int, list []int) {
				for _, p := range list {
					*to = append(*to, from+places[i]+p)
				}
			}
			move(&g.t.traceAt, spans[i].traceAt)
			move(&g.t.spanAt, spans[i].spanAt)
			move(&g.t.timeAt, spans[i].timeAt)
			move(&g.t.digitAt, spans[i].digitAt)
		}
	}
}

// stamp gives the request with ids, times and digits that follow from nonce, in the memory of dst.
func (t *template) stamp(dst []byte, nonce uint64, now time.Time) []byte {
	dst = append(dst[:0], t.body...)
	mixed := mix(nonce)
	xor := func(at int, v uint64) {
		binary.LittleEndian.PutUint64(dst[at:], binary.LittleEndian.Uint64(dst[at:])^v)
	}
	for _, at := range t.traceAt {
		xor(at, mixed)
		xor(at+8, mix(mixed))
	}
	for _, at := range t.spanAt {
		xor(at, mix(mixed+1))
	}
	const base = 1 << 60
	for _, at := range t.timeAt {
		binary.LittleEndian.PutUint64(dst[at:], binary.LittleEndian.Uint64(dst[at:])-base+uint64(now.UnixNano()))
	}
	for i, at := range t.digitAt {
		v := mix(mixed + uint64(i))
		for d := range digits {
			dst[at+d] = '0' + byte(v%10)
			v /= 10
		}
	}
	return dst
}

// trace gives the id that a trace of the request has after stamp.
func (t *template) trace(i int, nonce uint64) string {
	id := t.traces[i]
	mixed := mix(nonce)
	binary.LittleEndian.PutUint64(id[:], binary.LittleEndian.Uint64(id[:])^mixed)
	binary.LittleEndian.PutUint64(id[8:], binary.LittleEndian.Uint64(id[8:])^mix(mixed))
	return fmt.Sprintf("%x", id)
}

// mix is SplitMix64's finisher.
func mix(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}
