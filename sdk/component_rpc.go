package twinspan

import (
	"net"
	"strconv"
)

// The keys of the standard fields that SOFARPC's components have beside those of other RPC: numbers as texts, left out where
// they are not known. The addresses (remote.ip, local.client.ip, local.client.port) are those of Span.SetRemote and SetLocal.
const (
	TagRouterRecord        = "router.record"         // string, client: how the provider was chosen, such as "DIRECT"
	TagRequestSerialize    = "req.serialize.time"    // int, ms, client
	TagResponseDeserialize = "resp.deserialize.time" // int, ms, client
	TagConnectTime         = "client.conn.time"      // int, ms, client
	TagPoolWaitTime        = "server.pool.wait.time" // int, ms, server: before a goroutine or thread was free
	TagBusinessTime        = "biz.impl.time"         // int, ms, server: in the service itself; the span's duration when unset
	TagResponseSerialize   = "resp.serialize.time"   // int, ms, server
	TagRequestDeserialize  = "req.deserialize.time"  // int, ms, server
	TagRPCRequestSize      = "req.size"              // int, bytes
	TagRPCResponseSize     = "resp.size"             // int, bytes
)

// The keys of SOFARPC's lines that are no tags.
const (
	keyResultCode  = "result.code"
	keyRemoteIP    = "remote.ip"
	keyLocalIP     = "local.client.ip"
	keyLocalPort   = "local.client.port"
	keyElapsedTime = "client.elapse.time"
)

// What stands in componentSpec.rpc for a key that is no field.
const (
	rpcAppAt = -1 - iota
	rpcResultAt
	rpcRemoteAt
	rpcLocalIPAt
	rpcLocalPortAt
	rpcElapsedAt
)

var rpcSpecialKeys = map[string]int{keyLocalApp: rpcAppAt, keyResultCode: rpcResultAt, keyRemoteIP: rpcRemoteAt, keyLocalIP: rpcLocalIPAt,
	keyLocalPort: rpcLocalPortAt, keyElapsedTime: rpcElapsedAt}

// The order of the keys behind span.kind is that of SOFARPC's documentation; SOFARPC itself writes a map of tags, in no certain order.
var (
	rpcClientKeys = []string{keyLocalApp, TagProtocol, TagService, TagMethod, TagInvokeType, TagRouterRecord, TagRemoteApp, keyRemoteIP,
		keyLocalIP, keyResultCode, TagRequestSerialize, TagResponseDeserialize, TagRPCResponseSize, TagRPCRequestSize, TagConnectTime,
		keyElapsedTime, keyLocalPort}
	rpcServerKeys = []string{TagService, TagMethod, keyRemoteIP, TagRemoteApp, TagProtocol, TagInvokeType, keyLocalApp, keyResultCode,
		TagPoolWaitTime, TagBusinessTime, TagResponseSerialize, TagRequestDeserialize, TagRPCResponseSize, TagRPCRequestSize}
	sofaRPCStatKey = []string{TagMethod, keyLocalApp, TagRemoteApp, TagService}
)

// addRPC adds SOFARPC's components. SOFARPC writes JSON only, so that its lines are JSON whatever the format of the others.
func addRPC(specs [componentCount]componentSpec) [componentCount]componentSpec {
	spec := func(name string, order []string) componentSpec {
		c := componentSpec{name: name, typ: "rpc", ok: "00", failed: "02", hasRemoteApp: true, statKey: sofaRPCStatKey, statText: sofaRPCStatKey}
		for _, key := range order {
			if at, special := rpcSpecialKeys[key]; special {
				c.rpc = append(c.rpc, at)
				continue
			}
			f := field{key: key, optional: true}
			switch key {
			case TagProtocol, TagService, TagMethod, TagInvokeType, TagRouterRecord:
			case TagRemoteApp:
				f.typ = remoteAppField
			default:
				f.typ = maybeField
			}
			c.rpc = append(c.rpc, len(c.fields))
			c.fields = append(c.fields, f)
		}
		return c
	}
	specs[SOFARPCClient] = spec("rpc-client", rpcClientKeys)
	specs[SOFARPCServer] = spec("rpc-server", rpcServerKeys)
	return specs
}

// rpcLine writes the digest line of one of SOFARPC's components, with its newline. What is not known has no key.
func (e *encoder) rpcLine(b []byte, s *Span, spec *componentSpec, r *resolved) []byte {
	b = append(b, `{"timestamp":"`...)
	b = e.times.appendNano(b, s.start+int64(s.duration))
	b = append(b, `","tracerId":"`...)
	b = appendText(b, s.traceID)
	b = append(b, `","spanId":"`...)
	b = appendText(b, s.spanID)
	b = append(b, `","span.kind":"`...)
	b = append(append(b, s.kind.String()...), '"')
	host, port := "", ""
	if s.local != "" && s.component == SOFARPCClient {
		var err error
		if host, port, err = net.SplitHostPort(s.local); err != nil {
			host, port = s.local, ""
		}
	}
	for _, at := range spec.rpc {
		switch at {
		case rpcAppAt:
			b = appendKnown(b, keyLocalApp, e.app)
		case rpcResultAt:
			b = appendKnown(b, keyResultCode, s.code(spec))
		case rpcRemoteAt:
			b = appendKnown(b, keyRemoteIP, s.rpcRemote(r))
		case rpcLocalIPAt:
			b = appendKnown(b, keyLocalIP, host)
		case rpcLocalPortAt:
			b = appendKnown(b, keyLocalPort, port)
		case rpcElapsedAt:
			b = appendMillis(appendKey(b, keyElapsedTime), s.duration.Milliseconds())
		default:
			b = e.rpcField(b, s, &spec.fields[at], at, r)
		}
	}
	b = append(b, `,"baggage":`...)
	bag := s.baggage()
	b = e.appendBaggage(b, bag.biz)
	if len(bag.sys) > 0 { // SOFARPC does not log it
		b = append(b, `,"sys.baggage":`...)
		b = e.appendBaggage(b, bag.sys)
	}
	b = e.extras(append(b, ','), s, spec, r)
	return append(b, '}', '\n')
}

func (e *encoder) rpcField(b []byte, s *Span, f *field, n int, r *resolved) []byte {
	key := e.fieldKeys[s.component][n]
	switch {
	case f.typ != maybeField:
		if text := s.fieldText(f, n, r); text != "" {
			b = appendString(append(b, key...), text)
		}
	case r.std[n] != 0:
		b = appendMillis(append(b, key...), s.fieldNumber(f, n, r))
	case f.key == TagBusinessTime: // the only time that a server's line has
		b = appendMillis(append(b, key...), s.duration.Milliseconds())
	}
	return b
}

// rpcRemote gives remote.ip: the provider's host:port, or the consumer's host.
func (s *Span) rpcRemote(r *resolved) string {
	switch {
	case s.component == SOFARPCServer:
		return s.remoteHost()
	case r.port > 0:
		return hostPort(s.remote, strconv.FormatInt(r.port, 10))
	}
	return s.remote
}

// appendKnown writes `,"key":"value"` unless the value is not known.
func appendKnown(b []byte, key, value string) []byte {
	if value == "" {
		return b
	}
	return appendField(b, key, value)
}

// appendMillis writes a number as SOFARPC does, as a text.
func appendMillis(b []byte, n int64) []byte {
	return append(strconv.AppendInt(append(b, '"'), n, 10), '"')
}
