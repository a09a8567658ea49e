package twinspan

import (
	"net"
	"strconv"
	"strings"
)

// Inferred leaves the choice of the component to End, which goes by the span's kind and by its tags: OpenTelemetry's
// semantic conventions (https://opentelemetry.io/docs/specs/semconv/, the present and the older names) and OpenTracing's
// (https://github.com/opentracing/specification/blob/master/semantic_conventions.md). The standard fields of the component,
// result.code, the peer's name and the addresses are filled from the same tags, unless they were set. The tags themselves
// stay as they are.
const Inferred Component = 0xff

// infer chooses the component and fills what follows from the tags. The span has ended.
func (s *Span) infer(r *resolved) {
	at := s.facts()
	s.component = s.inferComponent(&at)
	method := factMethod
	switch s.component {
	case HTTPClient, HTTPServer:
		s.inferURL(&at, r)
		s.setResult(s.fact(&at, factStatus))
		s.setRemoteApp(s.fact(&at, factPeerService), "")
		if at[factRoute] != 0 {
			r.route = s.fact(&at, factRoute)
		}
	case GRPCClient, GRPCServer, DubboClient, DubboServer, SOFARPCClient, SOFARPCServer:
		method = factRPCMethod
		s.inferRPC(&at)
	case SQLClient, RedisClient, MongoClient:
		method = factDBOperation
		s.setRemoteApp(s.fact(&at, factPeerService), "")
		s.setRemoteApp(s.fact(&at, factDBSystem), s.fact(&at, factDBName))
		s.endpoint(&at, TagEndpoint)
	case MQSend, MQConsume:
		s.setRemoteApp(s.fact(&at, factPeerService), "")
		s.setRemoteApp(s.fact(&at, factMQSystem), s.fact(&at, factMQDestination))
		s.endpoint(&at, TagBroker)
	case KafkaSend, KafkaConsume, RabbitSend, RabbitConsume, RocketSend, RocketConsume:
		s.setRemoteApp(s.fact(&at, factPeerService), "")
		s.setRemoteApp(s.fact(&at, factMQSystem), s.fact(&at, factMQDestination))
		if n := at[factMQPartition]; n != 0 && s.tags[n-1].kind == tagString && (s.component == KafkaSend || s.component == KafkaConsume) {
			if id, err := strconv.ParseInt(s.tags[n-1].str, 10, 64); err == nil {
				s.deriveTag(Int(TagKafkaPartition, id))
			}
		}
		if s.component == RocketSend {
			s.endpoint(&at, TagBrokerAddress)
		}
	default:
		s.setRemoteApp(s.fact(&at, factPeerService), "")
	}
	if s.remote == "" {
		s.peer(&at, r)
	}
	if s.local == "" && at[factLocalHost] != 0 {
		s.local = hostPort(s.fact(&at, factLocalHost), s.fact(&at, factLocalPort))
	}
	spec := s.component.spec()
	for i := range spec.fields {
		f := &spec.fields[i]
		of := f.fact
		if of == factMethod {
			of = method
		}
		if at[of] != 0 && of != noFact && f.takes(&s.tags[at[of]-1]) {
			r.std[i] = at[of]
		}
	}
}

func (s *Span) inferComponent(at *facts) Component {
	calls := s.kind != Server && s.kind != Consumer
	switch {
	case at[factMQSystem] != 0 || at[factMQDestination] != 0:
		send, consume := mqComponents(s.fact(at, factMQSystem))
		if s.kind == Producer {
			return send
		}
		if s.kind == Consumer {
			return consume
		}
		switch s.fact(at, factMQOperation) {
		case "receive", "process", "settle", "poll", "deliver":
			return consume
		case "send", "publish", "create":
			return send
		}
	case calls && (at[factDBSystem] != 0 || at[factDBText] != 0):
		switch s.fact(at, factDBSystem) {
		case "redis", "valkey", "memcached":
			return RedisClient
		case "mongodb":
			return MongoClient
		}
		return SQLClient
	case at[factRPCSystem] != 0 || at[factRPCService] != 0:
		call, serve := GRPCClient, GRPCServer
		switch s.fact(at, factRPCSystem) {
		case "dubbo", "apache_dubbo":
			call, serve = DubboClient, DubboServer
		case "sofa_rpc", "sofarpc", "sofa-rpc", "bolt":
			call, serve = SOFARPCClient, SOFARPCServer
		}
		if s.kind == Server {
			return serve
		}
		if s.kind == Client {
			return call
		}
	case at[factMethod] != 0 || at[factURL] != 0:
		if s.kind == Server {
			return HTTPServer
		}
		if s.kind == Client {
			return HTTPClient
		}
	}
	return Biz
}

// mqComponents gives the components of a queue, by its name in the conventions.
func mqComponents(system string) (send, consume Component) {
	switch system {
	case "kafka":
		return KafkaSend, KafkaConsume
	case "rabbitmq":
		return RabbitSend, RabbitConsume
	case "rocketmq":
		return RocketSend, RocketConsume
	}
	return MQSend, MQConsume
}

// inferURL puts the URL of a server span together; client spans have it whole.
func (s *Span) inferURL(at *facts, r *resolved) {
	if at[factURL] != 0 || at[factPath] == 0 {
		return
	}
	u := urlParts{scheme: s.fact(at, factScheme), host: s.fact(at, factHost), port: s.number(at, factPort), path: s.fact(at, factPath)}
	if u.scheme == "" {
		u.scheme = "http"
	}
	if i := strings.IndexByte(u.path, '?'); i >= 0 {
		u.path = u.path[:i]
	}
	r.url = u
}

// urlParts is a URL that no tag has whole. It is written in parts.
type urlParts struct {
	scheme, host, path string
	port               int64 // 0: none
}

func (u *urlParts) append(b []byte) []byte {
	b = append(append(b, u.scheme...), "://"...)
	b = append(b, u.host...)
	if u.port > 0 {
		b = strconv.AppendInt(append(b, ':'), u.port, 10)
	}
	return append(b, u.path...)
}

func (s *Span) inferRPC(at *facts) {
	switch code := s.fact(at, factRPCStatus); code {
	case "":
	case "0", "OK":
		s.setResult("00")
	default:
		for i, name := range grpcCodes {
			if name == code {
				code = strconv.Itoa(i)
			}
		}
		s.setResult(code)
	}
	s.setRemoteApp(s.fact(at, factPeerService), "")
	if port := s.fact(at, factPort); port != "" && (s.component == GRPCClient || s.component == DubboClient) {
		s.derive(TagRemotePort, port)
	}
	// The conventions' present rpc.method is "package.Service/Method"; the fields have the two apart.
	if service, method, ok := strings.Cut(s.fact(at, factRPCMethod), "/"); ok {
		s.derive(TagService, service)
		s.derive(TagMethod, method)
	}
}

// grpcCodes are the names of gRPC's status codes, by number.
var grpcCodes = [...]string{"OK", "CANCELLED", "UNKNOWN", "INVALID_ARGUMENT", "DEADLINE_EXCEEDED", "NOT_FOUND", "ALREADY_EXISTS",
	"PERMISSION_DENIED", "RESOURCE_EXHAUSTED", "FAILED_PRECONDITION", "ABORTED", "OUT_OF_RANGE", "UNIMPLEMENTED", "INTERNAL",
	"UNAVAILABLE", "DATA_LOSS", "UNAUTHENTICATED"}

// derive sets a standard field that no single tag has.
func (s *Span) derive(key, value string) { s.deriveTag(Tag{Key: key, str: value}) }

func (s *Span) deriveTag(t Tag) {
	for i := range s.tags {
		if s.tags[i].Key == t.Key {
			return
		}
	}
	s.tags = append(s.tags, t)
}

func (s *Span) setResult(code string) {
	if s.resultCode == "" {
		s.resultCode = code
	}
}

func (s *Span) setRemoteApp(app, name string) {
	switch {
	case s.remoteApp != "" || app == "":
	case name == "":
		s.remoteApp = app
	default:
		s.remoteApp = app + ":" + name
	}
}

// endpoint sets the field that names the store's or broker's address.
func (s *Span) endpoint(at *facts, key string) {
	if s.component == RedisClient {
		return // it has no such field
	}
	if address := hostPort(s.fact(at, factHost), s.fact(at, factPort)); address != "" {
		s.derive(key, address)
	}
}

// peer finds the other side's address.
func (s *Span) peer(at *facts, r *resolved) {
	switch {
	case at[factPeerAddress] != 0:
		s.remote = s.fact(at, factPeerAddress)
	case at[factPeerHost] != 0:
		s.remote, r.port = s.fact(at, factPeerHost), s.number(at, factPeerPort)
	case s.kind == Server || s.kind == Consumer: // server.address is this side
	default:
		s.remote, r.port = s.fact(at, factHost), s.number(at, factPort)
	}
}

func hostPort(host, port string) string {
	if host == "" || port == "" {
		return host
	}
	return net.JoinHostPort(host, port)
}

// numberText is strconv's, without an allocation for the usual status codes and ports.
func numberText(n int64) string {
	switch n {
	case -1:
		return "-1"
	case 200:
		return "200"
	case 201:
		return "201"
	case 204:
		return "204"
	case 301:
		return "301"
	case 302:
		return "302"
	case 304:
		return "304"
	case 400:
		return "400"
	case 401:
		return "401"
	case 403:
		return "403"
	case 404:
		return "404"
	case 500:
		return "500"
	case 502:
		return "502"
	case 503:
		return "503"
	case 504:
		return "504"
	}
	return strconv.FormatInt(n, 10)
}
