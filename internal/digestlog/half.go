package digestlog

import (
	"cmp"
	"strconv"
	"strings"

	"github.com/twinspan/twinspan/internal/span"
	"github.com/twinspan/twinspan/sdk/id"
)

// notes are the fields of a digest line that other fields of the half are made of.
type notes struct {
	kind, trace                        string
	time, cost                         string
	url, method, service               string
	dbName, dbType, sql, endpoint      string
	remoteHost, remotePort             string
	localHost, localPort               string
	dbInstance, peerHostname, peerPort string
	broker, dest, remoteApp            string
	errorText, statement               string
	sysBaggage, bizBaggage             string
	start, duration                    string
	span8, parent8, twin8              string
	status, typeName                   string
	rpc                                rpcTimes
	failed                             bool // SOFARPC's error, which is no text
}

// half makes a half of the fields of a digest line. own says that the line is Twinspan's: its extra fields count.
func (d *lineDecoder) half(fields []field, own bool, repairs Repairs) (Record, state) {
	h := &span.Half{Route: span.RouteAgent, Component: d.file.Component, Coarse: true, Type: d.comp.typ, LoadTest: d.src.Shadow}
	var n notes
	size := 64
	for i := range fields {
		size += len(fields[i].key) + len(fields[i].val) + 12
	}
	p := make(span.Payload, 0, size)
	for i := range fields {
		f := &fields[i]
		if own && (f.val == "" || d.ownField(h, &n, &p, f)) {
			continue
		}
		key := f.key
		attribute := d.comp.foreign && !own && n.foreign(f)
		if to := n.once(h, key); !attribute && to != nil && *to == "" {
			*to = f.val
			if key != "remote.app" || f.val == "" || d.comp.shape != shapeQueue {
				continue
			}
		}
		switch key {
		case "sys.baggage", "biz.baggage", "baggage":
			if f.val == "" {
				continue
			}
		case "sql":
			if !own {
				f.val = unescapeComma(f.val)
			}
			n.sql = f.val
		case "resp.size.bytes":
			if d.comp.name == "resttemplate" && i+1 < len(fields) && fields[i+1].key == key {
				key = "req.size.bytes"
				f.key = key
			}
		default:
			n.note(key, f.val)
			if key == d.comp.dest {
				n.dest = f.val
			}
			if f.val == "" && serializeTime(key) {
				continue
			}
		}
		if i >= len(headKeys) && key == f.key {
			var again bool
			if key, again = repeated(fields[:i], *f); again {
				continue
			}
		}
		p = p.AppendAttr(key, f.value())
		switch key {
		case "sys.baggage":
			n.sysBaggage = f.val
		case "biz.baggage":
			n.bizBaggage = f.val
		case "baggage":
			if d.comp.foreign {
				n.bizBaggage = f.val
			}
		}
	}
	p = appendBaggage(p, &n)
	h.LoadTest = h.LoadTest || baggageItem(n.bizBaggage, "mark") == "T"
	if n.errorText != "" {
		p = p.AppendStatusMessage(n.errorText)
	}
	h.Payload = p
	if err := d.finish(h, &n, own); err != nil {
		return Record{Err: err}, broken
	}
	return Record{Half: h, Repairs: repairs}, complete
}

// once gives the place of a field that is no attribute when it comes first; a further one of its name is. It is nil for all others.
func (n *notes) once(h *span.Half, key string) *string {
	switch key {
	case "time", "timestamp":
		return &n.time
	case "local.app":
		return &h.App
	case "traceId", "tracerId":
		return &n.trace
	case "spanId":
		return &h.Dotted
	case "span.kind":
		return &n.kind
	case "result.code":
		return &h.ResultCode
	case "time.cost.milliseconds", "client.elapse.time", "biz.impl.time":
		return &n.cost
	case "error":
		return &n.errorText
	case "remote.app":
		return &n.remoteApp
	}
	return nil
}

// note keeps what a field may be needed for.
func (n *notes) note(key, val string) {
	switch key {
	case "request.url":
		n.url = val
	case "method":
		n.method = val
	case "service":
		n.service = val
	case "database.name":
		n.dbName = val
	case "database.type", "db.type":
		n.dbType = val
	case "database.endpoint":
		n.endpoint = val
	case "remote.host", "remote.ip":
		n.remoteHost = val
	case "remote.port":
		n.remotePort = val
	case "local.host", "local.client.ip":
		n.localHost = val
	case "local.port", "local.client.port":
		n.localPort = val
	case "db.statement":
		n.statement = val
	case "db.instance":
		n.dbInstance = val
	case "peer.hostname":
		n.peerHostname = val
	case "peer.port":
		n.peerPort = val
	case "brokerAddr":
		n.broker = val
	}
}

// appendBaggage appends each item of baggage as baggage.<key>. Of a key that both kinds have, it is the business one.
func appendBaggage(p span.Payload, n *notes) span.Payload {
	eachItem(n.sysBaggage, func(k, v string) {
		if baggageItem(n.bizBaggage, k) == "" {
			p = p.AppendAttr("baggage."+k, span.String(v))
		}
	})
	eachItem(n.bizBaggage, func(k, v string) { p = p.AppendAttr("baggage."+k, span.String(v)) })
	return p
}

// serializeTime says that a key is empty where its value is not known.
func serializeTime(key string) bool {
	return strings.HasSuffix(key, ".serialize.time") || strings.HasSuffix(key, ".deserialize.time")
}

// repeated gives the name under which a field is kept whose key may have come before: the second of a name is name#2.
// again says that an equal one came: it says nothing new.
func repeated(before []field, f field) (key string, again bool) {
	count := 1
	for i := range before {
		if before[i].key == f.key {
			if before[i].val == f.val {
				return f.key, true
			}
			count++
		}
	}
	if count == 1 {
		return f.key, false
	}
	return f.key + "#" + strconv.Itoa(count), false
}

// unescapeComma undoes the only escape of SOFATracer's SQL.
func unescapeComma(sql string) string {
	if strings.IndexByte(sql, '%') < 0 {
		return sql
	}
	return strings.ReplaceAll(sql, "%2C", ",")
}

// finish sets what is made of several fields.
func (d *lineDecoder) finish(h *span.Half, n *notes, own bool) *Rejection {
	if err := d.times(h, n); err != nil {
		return err
	}
	if n.trace == "" {
		return &Rejection{Reason: ReasonTraceID, Detail: "traceId is missing or empty, so that the span belongs to no trace"}
	}
	var exact bool
	if h.Trace, exact = id.ParseTrace(n.trace); !exact {
		h.TraceText = n.trace
	}
	if h.Dotted == "" && n.span8 == "" {
		return &Rejection{Reason: ReasonSpanID, Detail: "spanId is missing or empty"}
	}
	h.Kind = d.kind(n.kind, own)
	d.identify(h, n)
	if own && n.typeName != "" {
		if t, err := span.ParseType(n.typeName); err == nil {
			h.Type = t
		}
	} else if d.comp.shape == shapeAny {
		h.Type = guessType(n, h.Kind)
	}
	h.Status = d.status(h, n)
	d.sides(h, n)
	if h.Operation == "" {
		h.Operation = d.operation(h.Type, n)
	}
	if h.Instance == "" {
		h.Instance = d.src.Instance
	}
	return nil
}

func (d *lineDecoder) times(h *span.Half, n *notes) *Rejection {
	if n.start != "" {
		start, ok := parseInt(n.start)
		duration, ok2 := parseInt(n.duration)
		if !ok || !ok2 || duration < 0 {
			return &Rejection{Reason: ReasonNumber, Detail: "start.ns or duration.ns is not a number: " + n.start + ", " + n.duration}
		}
		h.Start, h.Duration, h.Coarse = start, duration, false
		return nil
	}
	end, ok := d.clock.read(n.time)
	if !ok {
		return &Rejection{Reason: ReasonTime, Detail: "time is not yyyy-MM-dd HH:mm:ss.SSS: " + quote(n.time)}
	}
	if d.comp.foreign {
		var err *Rejection
		if h.Duration, err = d.rpcDuration(h, n, end); err == nil {
			h.Start = end - h.Duration
		}
		return err
	}
	cost, ok := parseInt(strings.TrimSuffix(n.cost, "ms"))
	if !ok || cost > maxMillis {
		return &Rejection{Reason: ReasonNumber, Detail: "time.cost.milliseconds is not a number: " + quote(n.cost)}
	}
	h.Duration = max(cost, 0) * 1e6 // the clock may step back
	h.Start = end - h.Duration
	return nil
}

// maxMillis bounds durations: a hundred years.
const maxMillis = 100 * 366 * 24 * 3600 * 1000

// quote shortens what is quoted in a detail.
func quote(s string) string { return strconv.Quote(s[:min(len(s), 64)]) }

func (d *lineDecoder) kind(text string, own bool) span.Kind {
	if own {
		if kind, err := span.ParseKind(text); err == nil && kind != span.KindUnspecified {
			return kind // Twinspan writes spans of any kind into biz
		}
	}
	if d.comp.kind != span.KindUnspecified {
		return d.comp.kind
	}
	if kind, err := span.ParseKind(text); err == nil && kind != span.KindUnspecified {
		return kind
	}
	if kind := d.statKind(); kind != span.KindUnspecified {
		return kind
	}
	return span.KindInternal
}

// identify sets Span, Parent and Twin by the form that the component has.
func (d *lineDecoder) identify(h *span.Half, n *notes) {
	if s, ok := id.ParseSpan(n.span8); ok {
		h.Span = s
		h.Twin, _ = id.ParseSpan(n.twin8)
		if h.Parent, ok = id.ParseSpan(n.parent8); !ok {
			h.Parent = h.Twin
		}
		return
	}
	h.Span = id.SpanOf(h.Dotted)
	h.Parent = id.SpanOf(id.ParentOf(h.Dotted))
	if !h.Kind.CalleeSide() {
		return
	}
	switch d.comp.twin {
	case twinShared:
		h.Twin = h.Span
		h.Parent = h.Span
		h.Span = id.ServerSpanOf(h.Dotted)
	case twinChild:
		h.Twin = 0
		if i := strings.LastIndexByte(h.Dotted, '.'); i > 0 {
			h.Twin = id.SpanOf(h.Dotted[:i])
		}
		h.Parent = h.Twin
	default:
		h.Twin, h.Shared = h.Span, true
	}
}

// status says by the component's rule whether the half failed.
func (d *lineDecoder) status(h *span.Half, n *notes) span.Status {
	if n.status != "" {
		if s, err := span.ParseStatus(n.status); err == nil {
			return s
		}
	}
	ok := false
	code := h.ResultCode
	switch d.comp.rule {
	case ruleCode:
		ok = code == "00"
	case ruleRPC:
		ok = code == "00" || code == "0" || code == "" && !n.failed
	case ruleHTTP:
		ok = span.SOFAHTTPSuccess(code)
	case ruleSQL:
		ok = code == "success"
	case ruleError:
		ok = strings.TrimSpace(n.errorText) == ""
	case ruleAny:
		if code == "" && n.errorText == "" {
			return span.StatusUnset
		}
		ok = code == "success" || span.SOFAHTTPSuccess(code) || code == "" && strings.TrimSpace(n.errorText) == ""
	}
	if ok {
		return span.StatusOK
	}
	return span.StatusError
}

// guessType tells the type of a component without a table by the fields that it has.
func guessType(n *notes, kind span.Kind) span.Type {
	switch {
	case n.url != "":
		return span.TypeHTTP
	case n.service != "":
		return span.TypeRPC
	case n.sql != "":
		return span.TypeDB
	case n.dbType == "redis":
		return span.TypeCache
	case n.dbType != "":
		return span.TypeDB
	case kind == span.KindProducer, kind == span.KindConsumer:
		return span.TypeMQ
	case kind == span.KindClient, kind == span.KindServer:
		return span.TypeRPC
	}
	return span.TypeInternal
}

// sides sets the addresses and the other side's name.
func (d *lineDecoder) sides(h *span.Half, n *notes) {
	local := span.HostPort(n.localHost, n.localPort)
	peer := span.HostPort(n.remoteHost, n.remotePort)
	if n.url != "" {
		host, _ := span.SplitURL(n.url)
		if h.Kind.CalleeSide() {
			local = cmp.Or(local, host)
		} else {
			peer = cmp.Or(peer, host)
		}
	}
	switch {
	case peer != "":
	case n.peerHostname != "":
		peer = span.HostPort(n.peerHostname, n.peerPort)
	case n.broker != "":
		peer = n.broker
	case n.endpoint != "":
		peer = span.SOFAEndpoint(n.endpoint)
	}
	h.LocalAddr = cmp.Or(h.LocalAddr, local, d.src.Host)
	h.PeerAddr = cmp.Or(h.PeerAddr, peer)
	if h.Peer == "" {
		h.Peer = d.peer(n)
	}
}

// peer names the other side: a store by type and database, a queue by system and destination, else the application.
func (d *lineDecoder) peer(n *notes) string {
	switch d.comp.shape {
	case shapeSQL:
		return span.StoreName(n.dbType, n.dbName)
	case shapeStore:
		return span.StoreName(n.dbType, n.dbInstance)
	case shapeQueue:
		return span.StoreName(d.comp.system, n.dest)
	}
	return n.remoteApp
}

// operation names what is done, with few different names.
func (d *lineDecoder) operation(t span.Type, n *notes) string {
	switch {
	case n.url != "" && (d.comp.shape == shapeHTTP || d.comp.shape == shapeAny):
		_, path := span.SplitURL(n.url)
		return span.HTTPOperation(n.method, path)
	case n.sql != "" || d.comp.shape == shapeSQL:
		return span.SQLOperation(n.sql)
	case n.dest != "":
		return n.dest
	case n.service != "":
		return n.service + "#" + n.method
	case n.method != "":
		return n.method
	case n.statement != "":
		if command := keyAt(strings.TrimPrefix(n.statement, "{")); command != "" {
			return command // MongoDB's text lines leave the method out
		}
	}
	return d.comp.name
}
