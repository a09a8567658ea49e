package digestlog

import "github.com/twinspan/twinspan/internal/span"

// key is one key of a JSON line.
type key struct {
	name     string
	number   bool // always a number, or "" or null
	optional bool
	baggage  bool
}

// column is one column of a text line; name is the key that the same field has in JSON.
type column struct {
	name     string
	kind     columnKind
	optional bool
}

// columnKind is what a column of a text line may hold.
type columnKind uint8

const (
	colFree   columnKind = iota // anything, with commas
	colWord                     // no comma
	colMethod                   // an HTTP method
	colInt
	colBytes  // a number with or without a final B
	colMillis // such as 3ms
	colMaybe  // a number, or null or nothing when it is not known
	colIgnore // always empty or null
	colJSON   // an object, with commas
	colTags   // k=v&k=v&
	colPath   // begins with / and has a port: 3.1's peer.host
)

// rule says which result codes are successes.
type rule uint8

const (
	ruleCode  rule = iota // 00
	ruleRPC               // 00, 0 and none: SOFARPC
	ruleHTTP              // 1xx, 2xx, 301, 302 and 00
	ruleSQL               // success
	ruleError             // no error text
	ruleAny               // any of these: components without a table
)

// shape groups the components that have the same fields.
type shape uint8

const (
	shapeAny shape = iota
	shapeHTTP
	shapeRPC
	shapeSQL
	shapeStore
	shapeQueue
	shapeMethod
)

// twin is how a server half finds its client half.
type twin uint8

const (
	twinNone   twin = iota
	twinChild       // the client's id is this one without its last part
	twinShared      // the client has the same id
)

// component is what is known of the logs of one SOFATracer component.
type component struct {
	name    string
	callee  bool // writes server and consumer halves
	typ     span.Type
	kind    span.Kind // in place of span.kind, where that says less
	shape   shape
	rule    rule
	twin    twin
	system  string // of a queue
	dest    string // the key of a queue's destination
	foreign bool   // its JSON has other keys than SOFATracer's, in any order
	keys    []key  // of the JSON digest, between the first and the last ones; nil: not known
	columns []column
	stat    []column // key columns of the text stat line behind the app
}

// The keys and columns that every line begins and ends with.
var (
	headKeys = []key{
		{name: "time"}, {name: "local.app"}, {name: "traceId"}, {name: "spanId"}, {name: "span.kind"}, {name: "result.code"},
		{name: "current.thread.name"}, {name: "time.cost.milliseconds"},
	}
	tailKeys = []key{{name: "sys.baggage", baggage: true}, {name: "biz.baggage", baggage: true}}
	statKeys = []key{
		{name: "time"}, {name: "stat.key"}, {name: "count", number: true}, {name: "total.cost.milliseconds", number: true},
		{name: "success"}, {name: "load.test"},
	}
	// SOFARPC's: between the first and the last key of a digest line are tags in any order; stat lines have no load.test.
	foreignHeadKeys = []key{{name: "timestamp"}, {name: "tracerId"}, {name: "spanId"}}
	foreignTailKeys = []key{{name: "baggage", baggage: true}}
	foreignStatKeys = statKeys[:len(statKeys)-1]
)

// k makes keys: a final # is a number, a first ? is optional.
func k(names ...string) []key {
	keys := make([]key, len(names))
	for i, n := range names {
		if n[0] == '?' {
			keys[i].optional, n = true, n[1:]
		}
		if n[len(n)-1] == '#' {
			keys[i].number, n = true, n[:len(n)-1]
		}
		keys[i].name = n
	}
	return keys
}

var statURL = []column{{name: "request.url"}, {name: "method", kind: colMethod}}

// components is the table of SOFATracer's components, from the lines that 3.1.0, 3.1.9 and 4.0.1 write.
func components() map[string]*component {
	list := []*component{
		{
			name: "spring-mvc", callee: true, typ: span.TypeHTTP, shape: shapeHTTP, rule: ruleHTTP, twin: twinChild,
			keys: k("request.url", "method", "req.size.bytes#", "resp.size.bytes#", "error"),
			columns: []column{{name: "request.url"}, {name: "method", kind: colMethod}, {name: "req.size.bytes", kind: colBytes},
				{name: "resp.size.bytes", kind: colBytes}, {name: "error"}},
			stat: statURL,
		},
		{
			name: "httpclient", typ: span.TypeHTTP, shape: shapeHTTP, rule: ruleHTTP,
			keys: k("request.url", "method", "req.size.bytes#", "resp.size.bytes#", "remote.app"),
			columns: []column{{name: "request.url"}, {name: "method", kind: colMethod}, {name: "req.size.bytes", kind: colBytes},
				{name: "resp.size.bytes", kind: colBytes}, {name: "remote.app"}},
			stat: statURL,
		},
		{
			name: "okhttp", typ: span.TypeHTTP, shape: shapeHTTP, rule: ruleHTTP,
			keys: k("request.url", "method", "result.code", "req.size.bytes#", "resp.size.bytes#", "remote.app"),
			columns: []column{{name: "request.url"}, {name: "method", kind: colMethod}, {name: "result.code", kind: colWord},
				{name: "req.size.bytes", kind: colBytes}, {name: "resp.size.bytes", kind: colBytes}, {name: "remote.app"}},
			stat: statURL,
		},
		{
			name: "resttemplate", typ: span.TypeHTTP, shape: shapeHTTP, rule: ruleHTTP,
			keys: k("request.url", "method", "resp.size.bytes#", "resp.size.bytes#", "error"),
			columns: []column{{name: "request.url"}, {name: "method", kind: colMethod}, {name: "resp.size.bytes", kind: colBytes},
				{name: "error"}},
			stat: statURL,
		},
		{
			name: "feign", typ: span.TypeHTTP, shape: shapeHTTP, rule: ruleHTTP,
			keys: k("request.url", "method", "error", "req.size.bytes#", "resp.size.bytes#", "remote.host", "remote.port"),
			columns: []column{{name: "request.url"}, {name: "method", kind: colMethod}, {name: "error"},
				{name: "req.size.bytes", kind: colBytes}, {name: "resp.size.bytes", kind: colBytes},
				{name: "remote.host", kind: colWord}, {name: "remote.port", kind: colWord}},
			stat: statURL,
		},
		{
			name: "datasource-client", typ: span.TypeDB, shape: shapeSQL, rule: ruleSQL,
			keys: k("database.name", "?sql", "connection.establish.span", "db.execute.cost", "database.type", "database.endpoint"),
			columns: []column{{name: "database.name", kind: colWord}, {name: "sql"},
				{name: "connection.establish.span", kind: colMillis}, {name: "db.execute.cost", kind: colMillis},
				{name: "database.type", kind: colWord}, {name: "database.endpoint"}},
			stat: []column{{name: "database.name", kind: colWord}, {name: "sql"}},
		},
		{
			name: "biz", typ: span.TypeInternal, kind: span.KindInternal, shape: shapeMethod, rule: ruleError,
			columns: []column{{name: "method", kind: colWord}, {name: "tags", kind: colTags}},
			stat:    []column{{name: "method"}},
		},
		{
			name: "dubbo-client", typ: span.TypeRPC, shape: shapeRPC, rule: ruleCode,
			keys: k("protocol", "service", "method", "invoke.type", "remote.host", "remote.port", "local.host",
				"client.serialize.time#", "client.deserialize.time#", "req.size.bytes#", "resp.size.bytes#", "error"),
			columns: []column{{name: "protocol", kind: colWord}, {name: "service", kind: colWord}, {name: "method", kind: colWord},
				{name: "invoke.type", kind: colWord}, {name: "remote.host", kind: colWord}, {name: "remote.port", kind: colWord},
				{name: "local.host", kind: colWord}, {name: "client.serialize.time", kind: colMaybe},
				{name: "client.deserialize.time", kind: colMaybe}, {name: "req.size.bytes", kind: colMaybe},
				{name: "resp.size.bytes", kind: colMaybe}, {name: "error"}},
			stat: []column{{name: "service", kind: colWord}, {name: "method", kind: colWord}},
		},
		{
			name: "dubbo-server", callee: true, typ: span.TypeRPC, shape: shapeRPC, rule: ruleCode, twin: twinShared,
			keys: k("protocol", "service", "method", "local.host", "local.port", "server.serialize.time#",
				"server.deserialize.time#", "req.size.bytes#", "resp.size.bytes#", "error"),
			columns: []column{{name: "protocol", kind: colWord}, {name: "service", kind: colWord}, {name: "method", kind: colWord},
				{name: "invoke.type", kind: colIgnore}, {name: "remote.host", kind: colWord}, {name: "remote.port", kind: colIgnore},
				{name: "local.host", kind: colWord}, {name: "client.serialize.time", kind: colIgnore},
				{name: "client.deserialize.time", kind: colIgnore}, {name: "server.serialize.time", kind: colMaybe},
				{name: "server.deserialize.time", kind: colMaybe}, {name: "req.size.bytes", kind: colMaybe},
				{name: "resp.size.bytes", kind: colMaybe}, {name: "error"}},
			stat: []column{{name: "service", kind: colWord}, {name: "method", kind: colWord}},
		},
		{
			name: "redis", typ: span.TypeCache, shape: shapeStore, rule: ruleCode,
			keys:    k("db.type", "method"),
			columns: []column{{name: "db.type", kind: colWord}, {name: "method", kind: colWord}},
			stat:    []column{{name: "db.type", kind: colWord}},
		},
		{
			name: "mongodb", typ: span.TypeDB, shape: shapeStore, rule: ruleCode,
			keys: k("method", "db.statement", "db.instance", "peer.hostname", "?peer.host", "?error", "peer.port#", "db.type"),
			columns: []column{{name: "db.statement", kind: colJSON}, {name: "db.instance", kind: colWord},
				{name: "peer.hostname", kind: colWord}, {name: "peer.host", kind: colPath, optional: true},
				{name: "error", optional: true}, {name: "peer.port", kind: colInt}, {name: "db.type", kind: colWord}},
			stat: []column{{name: "method", kind: colWord}, {name: "db.type", kind: colWord}},
		},
		{
			name: "kafkamq-send", typ: span.TypeMQ, kind: span.KindProducer, shape: shapeQueue, rule: ruleCode,
			system: "kafka", dest: "kafka.topic",
			keys:    k("kafka.topic", "kafka.partition#", "error"),
			columns: []column{{name: "kafka.topic", kind: colWord}, {name: "kafka.partition", kind: colInt}},
			stat:    []column{{name: "kafka.topic", kind: colWord}, {name: "kafka.partition", kind: colWord}},
		},
		{
			name: "kafkamq-consume", callee: true, typ: span.TypeMQ, kind: span.KindConsumer, shape: shapeQueue, rule: ruleCode,
			twin: twinChild, system: "kafka", dest: "kafka.topic",
			keys: k("kafka.topic", "kafka.partition#", "kafka.offset#"),
			columns: []column{{name: "kafka.topic", kind: colWord}, {name: "kafka.partition", kind: colInt},
				{name: "kafka.offset", kind: colInt}},
			stat: []column{{name: "kafka.topic", kind: colWord}, {name: "kafka.partition", kind: colWord},
				{name: "kafka.offset", kind: colWord}},
		},
		{
			name: "rabbitmq-send", typ: span.TypeMQ, kind: span.KindProducer, shape: shapeQueue, rule: ruleCode,
			system: "rabbitmq", dest: "exchange",
			keys: k("exchange", "rountingKey", "?replyTimeout", "error"),
			columns: []column{{name: "exchange", kind: colWord}, {name: "rountingKey", kind: colWord},
				{name: "replyTimeout", kind: colInt, optional: true}, {name: "error"}},
			stat: []column{{name: "exchange", kind: colWord}, {name: "rountingKey", kind: colWord}},
		},
		{
			name: "rabbitmq-consume", callee: true, typ: span.TypeMQ, kind: span.KindConsumer, shape: shapeQueue, rule: ruleCode,
			twin: twinChild, system: "rabbitmq", dest: "exchange",
			keys: k("exchange", "rountingKey", "queueName", "error"),
			columns: []column{{name: "exchange", kind: colWord}, {name: "rountingKey", kind: colWord},
				{name: "queueName", kind: colWord}, {name: "error"}},
			stat: []column{{name: "exchange", kind: colWord}, {name: "rountingKey", kind: colWord}, {name: "queueName", kind: colWord}},
		},
		{
			name: "rocketmq-send", typ: span.TypeMQ, kind: span.KindProducer, shape: shapeQueue, rule: ruleCode,
			system: "rocketmq", dest: "msg.topic",
			keys: k("msg.id", "msg.topic", "broker", "status", "msgType", "bornHost", "brokerAddr", "producerGroup", "error"),
			columns: []column{{name: "msg.id", kind: colWord}, {name: "msg.topic", kind: colWord}, {name: "broker", kind: colWord},
				{name: "status", kind: colWord}, {name: "msgType", kind: colWord}, {name: "bornHost", kind: colWord},
				{name: "brokerAddr", kind: colWord}, {name: "producerGroup", kind: colWord}, {name: "error"}},
			stat: []column{{name: "operationName", kind: colWord}, {name: "msg.topic", kind: colWord}},
		},
		{
			name: "rocketmq-consume", callee: true, typ: span.TypeMQ, kind: span.KindConsumer, shape: shapeQueue, rule: ruleCode,
			twin: twinChild, system: "rocketmq", dest: "msg.topic",
			keys: k("msg.id", "msg.topic", "broker", "consumerGroup", "status", "error"),
			columns: []column{{name: "msg.id", kind: colWord}, {name: "msg.topic", kind: colWord}, {name: "broker", kind: colWord},
				{name: "consumerGroup", kind: colWord}, {name: "status", kind: colWord}, {name: "error"}},
			stat: []column{{name: "operationName", kind: colWord}, {name: "consumerGroup", kind: colWord},
				{name: "msg.topic", kind: colWord}},
		},
		{
			name: "message-pub", typ: span.TypeMQ, kind: span.KindProducer, shape: shapeQueue, rule: ruleCode,
			system: "message", dest: "msg.channel",
			keys: k("error", "msg.channel", "msg.id", "remote.app"),
			columns: []column{{name: "error"}, {name: "msg.channel", kind: colWord}, {name: "msg.id", kind: colWord},
				{name: "remote.app", kind: colWord}},
			stat: []column{{name: "operationName", kind: colWord}, {name: "msg.channel", kind: colWord}},
		},
		{
			// The receiving side was not captured: it is read by its encoders (MessageSubDigestEncoder and others), its id is its
			// producer's child as in the other queues.
			name: "message-sub", callee: true, typ: span.TypeMQ, kind: span.KindConsumer, shape: shapeQueue, rule: ruleCode,
			twin: twinChild, system: "message", dest: "msg.channel",
			keys: k("error", "msg.topic", "msg.channel", "msg.id", "remote.app"),
			columns: []column{{name: "error"}, {name: "msg.topic", kind: colWord}, {name: "msg.channel", kind: colWord},
				{name: "msg.id", kind: colWord}, {name: "remote.app", kind: colWord}},
			stat: []column{{name: "operationName", kind: colWord}, {name: "msg.channel", kind: colWord}, {name: "msg.topic", kind: colWord}},
		},
	}
	// SOFARPC, from the lines of 5.13.2.
	list = append(list,
		&component{name: "rpc-client", typ: span.TypeRPC, shape: shapeRPC, rule: ruleRPC, foreign: true},
		&component{name: "rpc-server", callee: true, typ: span.TypeRPC, shape: shapeRPC, rule: ruleRPC, twin: twinShared, foreign: true})
	list = append(list, ownComponents()...)
	table := make(map[string]*component, len(list))
	for _, c := range list {
		table[c.name] = c
	}
	return table
}

// ownComponents are those that only Twinspan's tracer writes; docs/formats/digest-log.md has them all.
func ownComponents() []*component {
	rpc := []column{{name: "protocol"}, {name: "service"}, {name: "method"}, {name: "invoke.type"}}
	message := []column{{name: "msg.id"}, {name: "msg.topic"}, {name: "broker"}}
	sizes := []column{{name: "req.size.bytes", kind: colBytes}, {name: "resp.size.bytes", kind: colBytes}, {name: "error"}}
	join := func(parts ...[]column) (all []column) {
		for _, p := range parts {
			all = append(all, p...)
		}
		return all
	}
	statRPC := []column{{name: "service"}, {name: "method"}}
	return []*component{
		{
			name: "http-server", callee: true, typ: span.TypeHTTP, shape: shapeHTTP, rule: ruleHTTP, twin: twinShared,
			columns: join([]column{{name: "request.url"}, {name: "method"}}, sizes), stat: statURL,
		},
		{
			name: "grpc-client", typ: span.TypeRPC, shape: shapeRPC, rule: ruleCode,
			columns: join(rpc, []column{{name: "remote.host"}, {name: "remote.port"}, {name: "local.host"}}, sizes), stat: statRPC,
		},
		{
			name: "grpc-server", callee: true, typ: span.TypeRPC, shape: shapeRPC, rule: ruleCode, twin: twinShared,
			columns: join(rpc, []column{{name: "local.host"}, {name: "local.port"}}, sizes), stat: statRPC,
		},
		{
			name: "mq-send", typ: span.TypeMQ, kind: span.KindProducer, shape: shapeQueue, rule: ruleCode,
			system: "mq", dest: "msg.topic", columns: join(message, []column{{name: "error"}}), stat: []column{{name: "msg.topic"}},
		},
		{
			name: "mq-consume", callee: true, typ: span.TypeMQ, kind: span.KindConsumer, shape: shapeQueue, rule: ruleCode,
			twin: twinChild, system: "mq", dest: "msg.topic",
			columns: join(message, []column{{name: "consumerGroup"}, {name: "error"}}),
			stat:    []column{{name: "consumerGroup"}, {name: "msg.topic"}},
		},
	}
}

// componentOf gives the table's entry, or one for a component that the table does not have.
func componentOf(name string) *component {
	if c := components()[name]; c != nil {
		return c
	}
	return &component{name: name, shape: shapeAny, rule: ruleAny}
}
