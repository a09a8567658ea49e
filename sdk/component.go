package twinspan

import "slices"

// Component names the library or protocol that a span is of. It decides in which log files the span is written and which
// standard fields its lines have; docs/formats/digest-log.md lists them.
type Component uint8

// The components, by the base name of their files: SOFATracer's own name where it has the same kind of component.
const (
	Biz            Component = iota // "biz": the application's own spans
	HTTPClient                      // "httpclient": net/http client
	HTTPServer                      // "http-server": net/http server, with the fields of SOFATracer's spring-mvc
	GRPCClient                      // "grpc-client", with fields like those of Dubbo
	GRPCServer                      // "grpc-server"
	SQLClient                       // "datasource-client": database/sql
	RedisClient                     // "redis"
	MQSend                          // "mq-send": message producers
	MQConsume                       // "mq-consume": message consumers
	DubboClient                     // "dubbo-client"
	DubboServer                     // "dubbo-server"
	MongoClient                     // "mongodb"
	KafkaSend                       // "kafkamq-send"
	KafkaConsume                    // "kafkamq-consume"
	RabbitSend                      // "rabbitmq-send"
	RabbitConsume                   // "rabbitmq-consume"
	RocketSend                      // "rocketmq-send"
	RocketConsume                   // "rocketmq-consume"
	MessageSend                     // "message-pub": messages by Spring's abstraction and the like
	MessageReceive                  // "message-sub": their receivers
	SOFARPCClient                   // "rpc-client": SOFARPC (Bolt)
	SOFARPCServer                   // "rpc-server"
	componentCount
)

// String gives the base name of the component's files.
func (c Component) String() string { return c.spec().name }

// The keys of tags that components have as standard fields. Other tags are written under "attributes".
const (
	TagURL            = "request.url"               // string, HTTP: full URL without its query
	TagMethod         = "method"                    // string: HTTP, RPC or Go method
	TagRequestSize    = "req.size.bytes"            // int, -1 when unknown
	TagResponseSize   = "resp.size.bytes"           // int, -1 when unknown
	TagRemoteApp      = "remote.app"                // string: the app that is called; set it by Span.SetRemoteApp
	TagProtocol       = "protocol"                  // string, RPC
	TagService        = "service"                   // string, RPC
	TagInvokeType     = "invoke.type"               // string, RPC: "unary" or "stream"
	TagRemoteHost     = "remote.host"               // string, RPC client
	TagRemotePort     = "remote.port"               // string, RPC client
	TagLocalHost      = "local.host"                // string, RPC
	TagLocalPort      = "local.port"                // string, RPC server
	TagDatabase       = "database.name"             // string
	TagSQL            = "sql"                       // string
	TagEstablishCost  = "connection.establish.span" // string, such as "3ms"
	TagExecuteCost    = "db.execute.cost"           // string, such as "3ms"
	TagDatabaseType   = "database.type"             // string, such as "mysql"
	TagEndpoint       = "database.endpoint"         // string, such as "10.0.0.7:3306"
	TagDBType         = "db.type"                   // string, redis
	TagMessageID      = "msg.id"                    // string, messages
	TagTopic          = "msg.topic"                 // string, messages
	TagBroker         = "broker"                    // string, messages
	TagConsumerGroup  = "consumerGroup"             // string, messages
	tagError          = "error"                     // Span.SetError
	keyLocalApp       = "local.app"
	keyOperationRoute = "request.url"
)

// fieldType says how a standard field is written.
type fieldType uint8

const (
	textField      fieldType = iota // string, "" when unset
	numberField                     // int, 0 when unset
	sizeField                       // int, -1 when unset; in text a "B" behind it where SOFATracer has one
	costField                       // string, "0ms" when unset
	errorField                      // Span.Fail's message
	remoteAppField                  // Span.SetRemoteApp's
	maybeField                      // int; when unset "" in JSON and null in text
	jsonField                       // string or JSON, an object as it is
)

// maxFields is the greatest number of standard fields that a component has.
const maxFields = 12

type field struct {
	key      string
	typ      fieldType
	textUnit string
	optional bool // left out when it is unset
	fact     fact // what fills it in spans whose component is inferred; withStatFields looks it up
}

// componentSpec is what sets one component apart from another.
type componentSpec struct {
	name    string
	typ     string // the extra field "type"
	fields  []field
	lengths keyLengths // of fields
	// statKey are the fields of stat.key in the order written; statText their order in text. keyLocalApp is the app.
	statKey, statText []string
	// statFields says for each of statKey but the app which standard field it is, or routeField; withStatFields fills it in.
	statFields []int
	// counted are the keys of the tags that statFields come from.
	counted        []string
	countedLengths keyLengths
	// text are the columns of text lines where they are not those of fields; withText fills in which fields textAt and
	// what fields have none.
	text            []string
	textAt, notText []int
	rpc             []int // of SOFARPC's components: what stands where in their lines, which are JSON in either format
	// hasError and hasRemoteApp say that "error" and "remote.app" are standard fields and no extra ones.
	hasError, hasRemoteApp bool
	ok, failed             string // result.code when the instrumentation sets none
	httpCodes              bool   // success goes by the HTTP status, as SOFATracer has it
}

// keyLengths says of a key at one look that it is none of a few: a bit for the length of each, modulo 64.
type keyLengths uint64

func (l *keyLengths) add(key string) { *l |= 1 << (len(key) & 63) }

func (l keyLengths) has(key string) bool { return l>>(len(key)&63)&1 != 0 }

func (c Component) spec() *componentSpec {
	if c >= componentCount {
		c = Biz
	}
	return &componentSpecs[c]
}

var (
	httpStatKey  = []string{TagMethod, keyLocalApp, keyOperationRoute}
	httpStatText = []string{keyLocalApp, keyOperationRoute, TagMethod}
	rpcStatKey   = []string{TagMethod, keyLocalApp, TagService}
	rpcStatText  = []string{keyLocalApp, TagService, TagMethod}
)

// What stands in componentSpec.statFields for what is no standard field.
const (
	unknownField   = -1 // not counted by: SOFATracer's stat lines by Kafka's offset are one for each message
	routeField     = -2
	operationField = -3
)

// componentSpecs is read only.
var componentSpecs = withText(withStatFields(addRPC(addSOFA([componentCount]componentSpec{
	Biz: {name: "biz", typ: "internal", ok: "00", failed: "99",
		fields:   []field{{key: TagMethod}},
		statKey:  []string{TagMethod, keyLocalApp},
		statText: []string{keyLocalApp, TagMethod}},
	HTTPClient: {name: "httpclient", typ: "http", ok: "00", failed: "99", httpCodes: true, hasRemoteApp: true,
		fields: []field{{key: TagURL}, {key: TagMethod}, {key: TagRequestSize, typ: sizeField},
			{key: TagResponseSize, typ: sizeField}, {key: TagRemoteApp, typ: remoteAppField}},
		statKey: httpStatKey, statText: httpStatText},
	HTTPServer: {name: "http-server", typ: "http", ok: "200", failed: "500", httpCodes: true, hasError: true,
		fields: []field{{key: TagURL}, {key: TagMethod}, {key: TagRequestSize, typ: sizeField, textUnit: "B"},
			{key: TagResponseSize, typ: sizeField, textUnit: "B"}, {key: tagError, typ: errorField}},
		statKey: httpStatKey, statText: httpStatText},
	GRPCClient: {name: "grpc-client", typ: "rpc", ok: "00", failed: "99", hasError: true,
		fields: []field{{key: TagProtocol}, {key: TagService}, {key: TagMethod}, {key: TagInvokeType},
			{key: TagRemoteHost}, {key: TagRemotePort}, {key: TagLocalHost},
			{key: TagRequestSize, typ: numberField}, {key: TagResponseSize, typ: numberField}, {key: tagError, typ: errorField}},
		statKey: rpcStatKey, statText: rpcStatText},
	GRPCServer: {name: "grpc-server", typ: "rpc", ok: "00", failed: "99", hasError: true,
		fields: []field{{key: TagProtocol}, {key: TagService}, {key: TagMethod}, {key: TagInvokeType},
			{key: TagLocalHost}, {key: TagLocalPort},
			{key: TagRequestSize, typ: numberField}, {key: TagResponseSize, typ: numberField}, {key: tagError, typ: errorField}},
		statKey: rpcStatKey, statText: rpcStatText},
	SQLClient: {name: "datasource-client", typ: "db", ok: "success", failed: "failed",
		fields: []field{{key: TagDatabase}, {key: TagSQL}, {key: TagEstablishCost, typ: costField},
			{key: TagExecuteCost, typ: costField}, {key: TagDatabaseType}, {key: TagEndpoint}},
		statKey:  []string{keyLocalApp, TagDatabase, TagSQL},
		statText: []string{keyLocalApp, TagDatabase, TagSQL}},
	RedisClient: {name: "redis", typ: "cache", ok: "00", failed: "99",
		fields:   []field{{key: TagDBType}, {key: TagMethod}},
		statKey:  []string{TagDBType, keyLocalApp},
		statText: []string{keyLocalApp, TagDBType}},
	MQSend: {name: "mq-send", typ: "mq", ok: "00", failed: "99", hasError: true,
		fields:   []field{{key: TagMessageID}, {key: TagTopic}, {key: TagBroker}, {key: tagError, typ: errorField}},
		statKey:  []string{TagTopic, keyLocalApp},
		statText: []string{keyLocalApp, TagTopic}},
	MQConsume: {name: "mq-consume", typ: "mq", ok: "00", failed: "99", hasError: true,
		fields: []field{{key: TagMessageID}, {key: TagTopic}, {key: TagBroker}, {key: TagConsumerGroup},
			{key: tagError, typ: errorField}},
		statKey:  []string{TagTopic, keyLocalApp, TagConsumerGroup},
		statText: []string{keyLocalApp, TagConsumerGroup, TagTopic}},
}))))

// withStatFields finds the fields of the stat keys, and what is to be known of the fields.
func withStatFields(specs [componentCount]componentSpec) [componentCount]componentSpec {
	for i := range specs {
		c := &specs[i]
		c.fields = slices.Clone(c.fields) // some components share them
		for n := range c.fields {
			c.fields[n].fact = standardFact(c.fields[n].key)
			c.lengths.add(c.fields[n].key)
		}
		for _, key := range c.statKey {
			switch key {
			case keyLocalApp, TagRemoteApp:
				continue
			case keyOperationRoute:
				c.statFields = append(c.statFields, routeField)
				continue
			case keyOperationName:
				c.statFields = append(c.statFields, operationField)
				continue
			case TagKafkaOffset:
				c.statFields = append(c.statFields, unknownField)
				continue
			}
			c.statFields = append(c.statFields, c.index(key))
			c.counted = append(c.counted, key)
			c.countedLengths.add(key)
		}
	}
	return specs
}

// counts says that stat lines of the component go by a tag.
func (c Component) counts(key string) bool {
	spec := c.spec()
	return spec.countedLengths.has(key) && slices.Contains(spec.counted, key)
}

// success is SOFATracer's rule for "success" in stat lines.
func (c *componentSpec) success(code string, failed bool) bool {
	if !c.httpCodes || code == "" {
		return !failed
	}
	if len(code) == 3 && (code[0] == '1' || code[0] == '2') {
		return true
	}
	return code == "301" || code == "302" || code == "00"
}
