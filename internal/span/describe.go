package span

import (
	"cmp"
	"encoding/binary"
	"strconv"
	"strings"
	"unicode/utf8"
	"unsafe"
)

// MaxName is the length in bytes to which a Describer cuts the names of a half: app, instance, operation, component,
// result code, addresses and peer. They are dictionary entries and labels; the attributes keep the whole text.
const MaxName = 1024

// Describer fills in what a half's attributes tell. It is used for many halves one after the other; the strings that it
// makes lie in chunks that the halves share, so that it allocates next to nothing for each. The zero value is ready. It
// is for one goroutine at a time.
type Describer struct {
	// MarkAttr says that the source sends baggage as attributes: "mark" or "baggage.mark" of "T" is load-test traffic.
	MarkAttr bool
	// Room is where the next strings go; what is in it stays. Where it is full, or nil, the Describer takes chunks of its own.
	Room []byte
}

// chunkSize is a compromise: a chunk lives as long as the last half that has a string in it.
const chunkSize = 4096

// Describe fills those of Type, Operation, ResultCode, Peer, LocalAddr, PeerAddr and LoadTest that are still empty from
// the attributes, by OpenTelemetry's semantic conventions, the present names and those before 1.23, and makes all names
// of the half valid UTF-8 of at most MaxName bytes. ok is false when the attributes are malformed; what stood before the
// malformed byte was used.
func (d *Describer) Describe(h *Half) (ok bool) {
	var a described
	ok = a.read(h, d.MarkAttr)
	if h.Type == TypeInternal {
		h.Type = a.callType(h.Kind)
	}
	if h.ResultCode == "" {
		h.ResultCode = d.text(a.result())
	}
	if h.Peer == "" && h.Kind != KindInternal {
		h.Peer = d.peer(&a, h.Kind)
	}
	if h.Operation == "" {
		h.Operation = a.operation()
	}
	d.addresses(&a, h)
	for _, name := range [...]*string{&h.App, &h.Instance, &h.Operation, &h.Component, &h.ResultCode, &h.LocalAddr, &h.PeerAddr, &h.Peer} {
		if len(*name) > MaxName || !utf8.ValidString(*name) {
			*name = cleanName(*name)
		}
	}
	return ok
}

// Describe is Describer.Describe for a half that comes alone.
func (h *Half) Describe() (ok bool) {
	var d Describer
	return d.Describe(h)
}

func cleanName(s string) string {
	s = strings.ToValidUTF8(cutName(s), "\ufffd") // which may make it longer
	return cutName(s)
}

func cutName(s string) string {
	if len(s) <= MaxName {
		return s
	}
	end := MaxName
	for end > MaxName-utf8.UTFMax && !utf8.RuneStart(s[end]) {
		end--
	}
	return s[:end]
}

// described collects what one pass over the attributes finds.
type described struct {
	httpMethod, httpRoute, httpPath        string
	rpcSystem, rpcService, rpcMethod       string
	dbSystem, dbName, dbOperation, dbTable string
	mqSystem, mqDestination                string
	peerService                            string
	server, client, local, peerAt          endpoint
	httpStatus, rpcStatus                  Value
}

type endpoint struct {
	host string
	port Value
}

// read makes one pass over the attributes; it is false when they are malformed.
func (a *described) read(h *Half, mark bool) bool {
	rest := []byte(h.Payload)
	for len(rest) > 0 {
		var attr []byte
		if rest[0] == fieldAttribute<<3|WireBytes && len(rest) > 1 && rest[1] < 0x80 && 2+int(rest[1]) <= len(rest) {
			attr, rest = rest[2:2+rest[1]], rest[2+rest[1]:] // the usual case
		} else {
			var f Field
			var ok bool
			if f, rest, ok = NextField(rest); !ok {
				return false
			}
			if f.Number != fieldAttribute || f.Wire != WireBytes {
				continue
			}
			attr = f.Data
		}
		key, v, ok := attribute(attr)
		if !ok {
			return false
		}
		a.note(h, key, v)
		if mark && (key == "mark" || key == "baggage.mark") && v.Text() == "T" {
			h.LoadTest = true
		}
	}
	return true
}

// attribute reads an OTLP KeyValue message; ok is false when it is malformed. The usual layout, a key and a text or a
// number with lengths of one byte, is read without the loops.
func attribute(m []byte) (key string, v Value, ok bool) {
	if len(m) > 4 && m[0] == 1<<3|WireBytes && m[1] < 0x80 {
		n := 2 + int(m[1])
		if n+2 <= len(m) && m[n] == 2<<3|WireBytes && m[n+1] < 0x80 && n+2+int(m[n+1]) == len(m) {
			v, ok = attributeValue(m[n+2:])
			return text(m[2:n]), v, ok
		}
	}
	for len(m) > 0 {
		var f Field
		if f, m, ok = NextField(m); !ok {
			return "", Value{}, false
		}
		switch {
		case f.Number == 1 && f.Wire == WireBytes:
			key = text(f.Data)
		case f.Number == 2 && f.Wire == WireBytes:
			if v, ok = attributeValue(f.Data); !ok {
				return "", Value{}, false
			}
		}
	}
	return key, v, true
}

// attributeValue reads an OTLP AnyValue message; what is inside arrays and maps is not looked at.
func attributeValue(m []byte) (v Value, ok bool) {
	if len(m) > 1 && m[0] == 1<<3|WireBytes && m[1] < 0x80 && 2+int(m[1]) == len(m) {
		return String(text(m[2:])), true
	}
	if len(m) > 1 && m[0] == 3<<3 {
		if num, n := binary.Uvarint(m[1:]); n == len(m)-1 {
			return Int(int64(num)), true
		}
	}
	for rest := m; len(rest) > 0; {
		if _, rest, ok = NextField(rest); !ok {
			return Value{}, false
		}
	}
	return anyValue(m), true
}

func (a *described) note(h *Half, key string, v Value) {
	switch key {
	case "http.request.method", "http.method":
		a.httpMethod = v.Text()
	case "http.route":
		a.httpRoute = v.Text()
	case "url.path", "http.target":
		a.httpPath = v.Text()
	case "http.response.status_code", "http.status_code":
		a.httpStatus = v
	case "rpc.system", "rpc.system.name":
		a.rpcSystem = v.Text()
	case "rpc.service":
		a.rpcService = v.Text()
	case "rpc.method":
		a.rpcMethod = v.Text()
	case "rpc.grpc.status_code", "rpc.response.status_code":
		a.rpcStatus = v
	case "db.system", "db.system.name":
		a.dbSystem = v.Text()
	case "db.name", "db.namespace":
		a.dbName = v.Text()
	case "db.operation", "db.operation.name":
		a.dbOperation = v.Text()
	case "db.sql.table", "db.collection.name":
		a.dbTable = v.Text()
	case "messaging.system":
		a.mqSystem = v.Text()
	case "messaging.destination.name", "messaging.destination":
		a.mqDestination = v.Text()
	case "peer.service", "service.peer.name":
		a.peerService = v.Text()
	case "server.address", "net.host.name":
		a.server.host = v.Text()
	case "server.port", "net.host.port":
		a.server.port = v
	case "client.address":
		a.client.host = v.Text()
	case "client.port":
		a.client.port = v
	case "network.peer.address", "net.sock.peer.addr", "net.peer.ip":
		a.peerAt.host = v.Text()
	case "net.peer.name":
		a.peerAt.host = cmp.Or(a.peerAt.host, v.Text())
	case "network.peer.port", "net.peer.port", "net.sock.peer.port":
		a.peerAt.port = v
	case "network.local.address", "net.sock.host.addr":
		a.local.host = v.Text()
	case "network.local.port", "net.sock.host.port":
		a.local.port = v
	case "twinspan.load_test":
		h.LoadTest = h.LoadTest || v.Text() == "true"
	}
}

func (a *described) callType(kind Kind) Type {
	switch {
	case a.mqSystem != "" || kind == KindProducer || kind == KindConsumer:
		return TypeMQ
	case cacheSystem(a.dbSystem):
		return TypeCache
	case a.dbSystem != "":
		return TypeDB
	case a.rpcSystem != "":
		return TypeRPC
	case a.httpMethod != "":
		return TypeHTTP
	case kind == KindClient || kind == KindServer:
		return TypeRPC
	}
	return TypeInternal
}

func cacheSystem(system string) bool {
	return system == "redis" || system == "memcached" || system == "valkey"
}

// result is the protocol's own code.
func (a *described) result() Value {
	if a.httpStatus.Kind != ValueEmpty {
		return a.httpStatus
	}
	return a.rpcStatus
}

func (a *described) operation() string {
	switch {
	case a.rpcService != "":
		return a.rpcService + "/" + a.rpcMethod
	case a.httpMethod != "":
		return strings.TrimSpace(a.httpMethod + " " + cmp.Or(a.httpRoute, a.httpPath))
	case a.dbOperation != "":
		return strings.TrimSpace(a.dbOperation + " " + a.dbTable)
	case a.mqDestination != "":
		return a.mqDestination
	}
	return ""
}

// peer names the other side. A server half knows no name of its caller.
func (d *Describer) peer(a *described, kind Kind) string {
	switch {
	case a.peerService != "":
		return a.peerService
	case kind.CalleeSide():
		return ""
	case a.mqSystem != "":
		return d.joinName(a.mqSystem, a.mqDestination)
	case a.dbSystem != "":
		return d.joinName(a.dbSystem, a.dbName)
	}
	return ""
}

func (d *Describer) joinName(system, name string) string {
	if name == "" {
		return system
	}
	b := d.room(len(system) + 1 + len(name))
	b = append(append(append(b, system...), ':'), name...)
	return d.keep(b)
}

func (d *Describer) addresses(a *described, h *Half) {
	if h.LocalAddr == "" {
		h.LocalAddr = d.hostPort(a.local)
		if h.LocalAddr == "" && h.Kind.CalleeSide() {
			h.LocalAddr = d.hostPort(a.server)
		}
	}
	if h.PeerAddr != "" {
		return
	}
	switch {
	case a.peerAt.host != "":
		h.PeerAddr = d.hostPort(a.peerAt)
	case h.Kind.CallerSide():
		h.PeerAddr = d.hostPort(a.server)
	case h.Kind.CalleeSide():
		h.PeerAddr = d.hostPort(a.client)
	}
}

// hostPort is HostPort for an endpoint.
func (d *Describer) hostPort(e endpoint) string {
	port := e.port.Int()
	if e.port.Kind != ValueInt {
		return HostPort(e.host, e.port.Text())
	}
	if e.host == "" || port <= 0 || port > 65535 {
		return e.host
	}
	b := d.room(len(e.host) + len("[]:65535"))
	if strings.IndexByte(e.host, ':') >= 0 {
		b = append(append(append(b, '['), e.host...), ']')
	} else {
		b = append(b, e.host...)
	}
	return d.keep(strconv.AppendInt(append(b, ':'), port, 10))
}

// text is Value.Text without an allocation for integers.
func (d *Describer) text(v Value) string {
	if v.Kind != ValueInt {
		return v.Text()
	}
	return d.keep(strconv.AppendInt(d.room(20), v.Int(), 10))
}

// room gives an empty slice of the chunk for a string of up to n bytes, which keep makes permanent.
func (d *Describer) room(n int) []byte {
	if cap(d.Room)-len(d.Room) < n {
		d.Room = make([]byte, 0, max(chunkSize, n))
	}
	return d.Room[len(d.Room):]
}

func (d *Describer) keep(b []byte) string {
	d.Room = d.Room[:len(d.Room)+len(b)]
	return unsafe.String(unsafe.SliceData(b), len(b))
}
