package span

import (
	"net"
	"strconv"
	"strings"
)

// described collects what one pass over the attributes finds.
type described struct {
	httpMethod, httpRoute, httpPath, httpStatus string
	rpcSystem, rpcService, rpcMethod, rpcStatus string
	dbSystem, dbName, dbOperation, dbTable      string
	mqSystem, mqDestination                     string
	peerService                                 string
	serverHost, serverPort                      string
	peerHost, peerPort                          string
	localHost, localPort                        string
	clientHost, clientPort                      string
}

// Describe fills those of Type, Operation, ResultCode, Peer, LocalAddr, PeerAddr and LoadTest that are still empty from
// the attributes, by OpenTelemetry's semantic conventions, the present names and those before 1.23. Receivers call it
// once for each half.
func (h *Half) Describe() {
	var d described
	h.Payload.Attrs(func(key string, v Value) bool {
		d.note(h, key, v)
		return true
	})
	if h.Type == TypeInternal {
		h.Type = d.callType(h.Kind)
	}
	if h.ResultCode == "" {
		h.ResultCode = first(d.httpStatus, d.rpcStatus)
	}
	if h.Peer == "" && h.Kind != KindInternal {
		h.Peer = d.peer(h)
	}
	if h.Operation == "" {
		h.Operation = d.operation()
	}
	d.addresses(h)
}

func (d *described) note(h *Half, key string, v Value) {
	switch key {
	case "http.request.method", "http.method":
		d.httpMethod = v.Text()
	case "http.route":
		d.httpRoute = v.Text()
	case "url.path", "http.target":
		d.httpPath = v.Text()
	case "http.response.status_code", "http.status_code":
		d.httpStatus = v.Text()
	case "rpc.system", "rpc.system.name":
		d.rpcSystem = v.Text()
	case "rpc.service":
		d.rpcService = v.Text()
	case "rpc.method":
		d.rpcMethod = v.Text()
	case "rpc.grpc.status_code", "rpc.response.status_code":
		d.rpcStatus = v.Text()
	case "db.system", "db.system.name":
		d.dbSystem = v.Text()
	case "db.name", "db.namespace":
		d.dbName = v.Text()
	case "db.operation", "db.operation.name":
		d.dbOperation = v.Text()
	case "db.sql.table", "db.collection.name":
		d.dbTable = v.Text()
	case "messaging.system":
		d.mqSystem = v.Text()
	case "messaging.destination.name", "messaging.destination":
		d.mqDestination = v.Text()
	case "peer.service", "service.peer.name":
		d.peerService = v.Text()
	case "server.address", "net.host.name":
		d.serverHost = v.Text()
	case "server.port", "net.host.port":
		d.serverPort = v.Text()
	case "client.address":
		d.clientHost = v.Text()
	case "client.port":
		d.clientPort = v.Text()
	case "network.peer.address", "net.sock.peer.addr", "net.peer.ip":
		d.peerHost = v.Text()
	case "net.peer.name":
		d.peerHost = first(d.peerHost, v.Text())
	case "network.peer.port", "net.peer.port", "net.sock.peer.port":
		d.peerPort = v.Text()
	case "network.local.address", "net.sock.host.addr":
		d.localHost = v.Text()
	case "network.local.port", "net.sock.host.port":
		d.localPort = v.Text()
	case "twinspan.load_test":
		h.LoadTest = h.LoadTest || v.Text() == "true"
	}
}

func (d *described) callType(kind Kind) Type {
	switch {
	case d.mqSystem != "" || kind == KindProducer || kind == KindConsumer:
		return TypeMQ
	case cacheSystem(d.dbSystem):
		return TypeCache
	case d.dbSystem != "":
		return TypeDB
	case d.rpcSystem != "":
		return TypeRPC
	case d.httpMethod != "":
		return TypeHTTP
	case kind == KindClient || kind == KindServer:
		return TypeRPC
	}
	return TypeInternal
}

func cacheSystem(system string) bool {
	return system == "redis" || system == "memcached" || system == "valkey"
}

// peer names the other side. A server half knows no name of its caller.
func (d *described) peer(h *Half) string {
	switch {
	case d.peerService != "":
		return d.peerService
	case h.Kind.CalleeSide():
		return ""
	case d.mqSystem != "":
		return joinName(d.mqSystem, d.mqDestination)
	case d.dbSystem != "":
		return joinName(d.dbSystem, d.dbName)
	}
	return ""
}

func joinName(system, name string) string {
	if name == "" {
		return system
	}
	return system + ":" + name
}

func (d *described) operation() string {
	switch {
	case d.rpcService != "":
		return d.rpcService + "/" + d.rpcMethod
	case d.httpMethod != "":
		return strings.TrimSpace(d.httpMethod + " " + first(d.httpRoute, d.httpPath))
	case d.dbOperation != "":
		return strings.TrimSpace(d.dbOperation + " " + d.dbTable)
	case d.mqDestination != "":
		return d.mqDestination
	}
	return ""
}

func (d *described) addresses(h *Half) {
	local, peer := HostPort(d.localHost, d.localPort), ""
	switch {
	case d.peerHost != "":
		peer = HostPort(d.peerHost, d.peerPort)
	case h.Kind.CallerSide():
		peer = HostPort(d.serverHost, d.serverPort)
	case h.Kind.CalleeSide():
		peer = HostPort(d.clientHost, d.clientPort)
	}
	if local == "" && h.Kind.CalleeSide() {
		local = HostPort(d.serverHost, d.serverPort)
	}
	h.LocalAddr, h.PeerAddr = first(h.LocalAddr, local), first(h.PeerAddr, peer)
}

// HostPort joins a host and a port; either may be empty, a port of 0 is none.
func HostPort(host, port string) string {
	switch {
	case host == "":
		return ""
	case port == "" || port == "0":
		return host
	}
	if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
		return host
	}
	return net.JoinHostPort(host, port)
}

func first(a, b string) string {
	if a != "" {
		return a
	}
	return b
}
