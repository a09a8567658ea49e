package twinspan

import (
	"bytes"
	"encoding/json"
	"strings"
)

// The keys of the standard fields that only the components of SOFATracer's other plugins have.
const (
	TagClientSerialize   = "client.serialize.time"   // int, ms, Dubbo client
	TagClientDeserialize = "client.deserialize.time" // int, ms, Dubbo client
	TagServerSerialize   = "server.serialize.time"   // int, ms, Dubbo server
	TagServerDeserialize = "server.deserialize.time" // int, ms, Dubbo server
	TagKafkaTopic        = "kafka.topic"             // string
	TagKafkaPartition    = "kafka.partition"         // int, -1 when none was chosen
	TagKafkaOffset       = "kafka.offset"            // int, -1 when unknown
	TagExchange          = "exchange"                // string, RabbitMQ
	TagRoutingKey        = "rountingKey"             // string, RabbitMQ; SOFATracer spells it so
	TagReplyTimeout      = "replyTimeout"            // int, ms, RabbitMQ
	TagQueue             = "queueName"               // string, RabbitMQ
	TagSendStatus        = "status"                  // string, RocketMQ, such as "SEND_OK"
	TagMessageType       = "msgType"                 // string, RocketMQ, such as "Normal_Msg"
	TagBornHost          = "bornHost"                // string, RocketMQ
	TagBrokerAddress     = "brokerAddr"              // string, RocketMQ, ip:port
	TagProducerGroup     = "producerGroup"           // string, RocketMQ
	TagStatement         = "db.statement"            // string or RawJSON, MongoDB: the command as a JSON object
	TagInstance          = "db.instance"             // string, MongoDB: the database
	TagPeerHostname      = "peer.hostname"           // string, MongoDB
	TagPeerHost          = "peer.host"               // string, MongoDB, such as "/127.0.0.1:27017"
	TagPeerPort          = "peer.port"               // int, MongoDB
	TagChannel           = "msg.channel"             // string, Spring-like messages
	keyOperationName     = "operationName"
)

// What stands in componentSpec.text for a column that is no field.
const (
	emptyColumn      = ""
	nullColumn       = "null"
	remoteHostColumn = "<remote host>"
)

// The same in componentSpec.textAt.
const (
	emptyAt = -1 - iota
	nullAt
	remoteHostAt
)

var (
	dubboClientFields = []field{{key: TagProtocol}, {key: TagService}, {key: TagMethod}, {key: TagInvokeType}, {key: TagRemoteHost},
		{key: TagRemotePort}, {key: TagLocalHost}, {key: TagClientSerialize, typ: maybeField},
		{key: TagClientDeserialize, typ: maybeField}, {key: TagRequestSize, typ: numberField},
		{key: TagResponseSize, typ: numberField}, {key: tagError, typ: errorField}}
	dubboServerFields = []field{{key: TagProtocol}, {key: TagService}, {key: TagMethod}, {key: TagLocalHost}, {key: TagLocalPort},
		{key: TagServerSerialize, typ: maybeField}, {key: TagServerDeserialize, typ: maybeField},
		{key: TagRequestSize, typ: numberField}, {key: TagResponseSize, typ: numberField}, {key: tagError, typ: errorField}}
	mongoFields = []field{{key: TagMethod}, {key: TagStatement, typ: jsonField}, {key: TagInstance}, {key: TagPeerHostname},
		{key: TagPeerHost, optional: true}, {key: tagError, typ: errorField, optional: true},
		{key: TagPeerPort, typ: numberField}, {key: TagDBType}}
)

// addSOFA adds the components of SOFATracer's plugins for libraries that Go has clients of; their fields and columns are as
// its encoders write them (sofa-tracer-plugins, *DigestEncoder and *DigestJsonEncoder).
func addSOFA(specs [componentCount]componentSpec) [componentCount]componentSpec {
	specs[DubboClient] = componentSpec{name: "dubbo-client", typ: "rpc", ok: "00", failed: "99", hasError: true,
		fields: dubboClientFields, statKey: rpcStatKey, statText: rpcStatText}
	specs[DubboServer] = componentSpec{name: "dubbo-server", typ: "rpc", ok: "00", failed: "99", hasError: true,
		fields: dubboServerFields, statKey: rpcStatKey, statText: rpcStatText,
		text: []string{TagProtocol, TagService, TagMethod, emptyColumn, remoteHostColumn, emptyColumn, TagLocalHost, nullColumn,
			nullColumn, TagServerSerialize, TagServerDeserialize, TagRequestSize, TagResponseSize, tagError}}
	specs[MongoClient] = componentSpec{name: "mongodb", typ: "db", ok: "00", failed: "99", hasError: true,
		fields: mongoFields,
		text:   []string{TagStatement, TagInstance, TagPeerHostname, TagPeerHost, tagError, TagPeerPort, TagDBType},
		// One line for a command, not for a statement.
		statKey: []string{TagDBType, TagMethod, keyLocalApp}, statText: []string{keyLocalApp, TagMethod, TagDBType}}
	specs[KafkaSend] = componentSpec{name: "kafkamq-send", typ: "mq", ok: "00", failed: "99", hasError: true,
		fields:  []field{{key: TagKafkaTopic}, {key: TagKafkaPartition, typ: sizeField}, {key: tagError, typ: errorField}},
		text:    []string{TagKafkaTopic, TagKafkaPartition},
		statKey: []string{TagKafkaPartition, keyLocalApp, TagKafkaTopic}, statText: []string{keyLocalApp, TagKafkaTopic, TagKafkaPartition}}
	specs[KafkaConsume] = componentSpec{name: "kafkamq-consume", typ: "mq", ok: "00", failed: "99",
		fields:  []field{{key: TagKafkaTopic}, {key: TagKafkaPartition, typ: sizeField}, {key: TagKafkaOffset, typ: sizeField}},
		statKey: []string{TagKafkaPartition, keyLocalApp, TagKafkaOffset, TagKafkaTopic}, statText: []string{keyLocalApp, TagKafkaTopic, TagKafkaPartition, TagKafkaOffset}}
	specs[RabbitSend] = componentSpec{name: "rabbitmq-send", typ: "mq", ok: "00", failed: "99", hasError: true,
		fields: []field{{key: TagExchange}, {key: TagRoutingKey}, {key: TagReplyTimeout, typ: numberField, optional: true},
			{key: tagError, typ: errorField}},
		statKey: []string{keyLocalApp, TagExchange, TagRoutingKey}, statText: []string{keyLocalApp, TagExchange, TagRoutingKey}}
	specs[RabbitConsume] = componentSpec{name: "rabbitmq-consume", typ: "mq", ok: "00", failed: "99", hasError: true,
		fields:  []field{{key: TagExchange}, {key: TagRoutingKey}, {key: TagQueue}, {key: tagError, typ: errorField}},
		statKey: []string{TagQueue, keyLocalApp, TagExchange, TagRoutingKey}, statText: []string{keyLocalApp, TagExchange, TagRoutingKey, TagQueue}}
	specs[RocketSend] = componentSpec{name: "rocketmq-send", typ: "mq", ok: "00", failed: "99", hasError: true,
		fields: []field{{key: TagMessageID}, {key: TagTopic}, {key: TagBroker}, {key: TagSendStatus}, {key: TagMessageType}, {key: TagBornHost},
			{key: TagBrokerAddress}, {key: TagProducerGroup}, {key: tagError, typ: errorField}},
		statKey: []string{TagTopic, keyLocalApp, keyOperationName}, statText: []string{keyLocalApp, keyOperationName, TagTopic}}
	specs[RocketConsume] = componentSpec{name: "rocketmq-consume", typ: "mq", ok: "00", failed: "99", hasError: true,
		fields: []field{{key: TagMessageID}, {key: TagTopic}, {key: TagBroker}, {key: TagConsumerGroup}, {key: TagSendStatus},
			{key: tagError, typ: errorField}},
		statKey: []string{TagTopic, keyLocalApp, keyOperationName, TagConsumerGroup}, statText: []string{keyLocalApp, keyOperationName, TagConsumerGroup, TagTopic}}
	specs[MessageSend] = componentSpec{name: "message-pub", typ: "mq", ok: "00", failed: "99", hasError: true, hasRemoteApp: true,
		fields:  []field{{key: tagError, typ: errorField}, {key: TagChannel}, {key: TagMessageID}, {key: TagRemoteApp, typ: remoteAppField}},
		statKey: []string{keyLocalApp, keyOperationName, TagChannel}, statText: []string{keyLocalApp, keyOperationName, TagChannel}}
	specs[MessageReceive] = componentSpec{name: "message-sub", typ: "mq", ok: "00", failed: "99", hasError: true, hasRemoteApp: true,
		fields:  []field{{key: tagError, typ: errorField}, {key: TagTopic}, {key: TagChannel}, {key: TagMessageID}, {key: TagRemoteApp, typ: remoteAppField}},
		statKey: []string{TagTopic, keyLocalApp, keyOperationName, TagChannel}, statText: []string{keyLocalApp, keyOperationName, TagChannel, TagTopic}}
	return specs
}

// withText finds the fields of the text columns.
func withText(specs [componentCount]componentSpec) [componentCount]componentSpec {
	for i := range specs {
		c := &specs[i]
		if c.text == nil {
			for n := range c.fields {
				c.textAt = append(c.textAt, n)
			}
			continue
		}
		written := make([]bool, len(c.fields))
		for _, key := range c.text {
			switch key {
			case emptyColumn:
				c.textAt = append(c.textAt, emptyAt)
			case nullColumn:
				c.textAt = append(c.textAt, nullAt)
			case remoteHostColumn:
				c.textAt = append(c.textAt, remoteHostAt)
			default:
				n := c.index(key)
				c.textAt = append(c.textAt, n)
				written[n] = true
			}
		}
		for n := range c.fields {
			if !written[n] {
				c.notText = append(c.notText, n)
			}
		}
	}
	return specs
}

// errorNotText says that the text columns have no error.
func (c *componentSpec) errorNotText() bool {
	for _, n := range c.notText {
		if c.fields[n].typ == errorField {
			return true
		}
	}
	return false
}

// index gives the number of a standard field, or -1.
func (c *componentSpec) index(key string) int {
	for n := range c.fields {
		if c.fields[n].key == key {
			return n
		}
	}
	return -1
}

// remoteHost gives the host of Span.remote.
func (s *Span) remoteHost() string {
	i := strings.LastIndexByte(s.remote, ':')
	if i < 0 || strings.IndexByte(s.remote, ':') < i && s.remote[i-1] != ']' { // IPv6 alone
		return s.remote
	}
	return strings.Trim(s.remote[:i], "[]")
}

// absent says that an optional field has no value.
func (s *Span) absent(f *field, n int, r *resolved) bool {
	if f.typ == errorField {
		return s.extra().message == ""
	}
	return r.std[n] == 0
}

// number says that the field's value is an integer.
func (f *field) number() bool {
	return f.typ == numberField || f.typ == sizeField || f.typ == maybeField
}

// appendObject writes a JSON object as it is, and anything else as a text.
func appendObject(b []byte, text string) []byte {
	if object, ok := jsonLine(text); ok && object[0] == '{' {
		return append(b, object...)
	}
	return appendString(b, text)
}

// jsonLine gives a JSON list or object on one line and in UTF-8.
func jsonLine(text string) (string, bool) {
	text = strings.TrimSpace(text)
	if text == "" || text[0] != '[' && text[0] != '{' || !json.Valid([]byte(text)) {
		return text, false
	}
	if strings.ContainsAny(text, "\r\n") {
		var line bytes.Buffer
		if err := json.Compact(&line, []byte(text)); err != nil {
			return text, false
		}
		text = line.String()
	}
	return strings.ToValidUTF8(text, "\uFFFD"), true
}
