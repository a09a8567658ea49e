package twinspan

import "strconv"

// fact is something that a tag of the conventions says.
type fact uint8

const (
	noFact fact = iota
	factMethod
	factURL
	factScheme
	factPath
	factRoute
	factStatus
	factRequestSize
	factResponseSize
	factRPCSystem
	factRPCService
	factRPCMethod
	factRPCStatus
	factDBSystem
	factDBName
	factDBText
	factDBOperation
	factMQSystem
	factMQDestination
	factMQMessage
	factMQGroup
	factMQOperation
	factMQPartition
	factMQOffset
	factMQRouting
	factHost
	factPort
	factPeerHost
	factPeerPort
	factPeerAddress
	factPeerService
	factLocalHost
	factLocalPort
	factCount
)

// factOf gives what a key says. Of two names of one thing the newer one counts: see infer.
func factOf(key string) (f fact, old bool) {
	switch key {
	case "http.request.method":
		return factMethod, false
	case "http.method":
		return factMethod, true
	case "url.full":
		return factURL, false
	case "http.url":
		return factURL, true
	case "url.scheme":
		return factScheme, false
	case "http.scheme":
		return factScheme, true
	case "url.path":
		return factPath, false
	case "http.target":
		return factPath, true
	case "http.route":
		return factRoute, false
	case "http.response.status_code":
		return factStatus, false
	case "http.status_code":
		return factStatus, true
	case "http.request.body.size":
		return factRequestSize, false
	case "http.request_content_length":
		return factRequestSize, true
	case "http.response.body.size":
		return factResponseSize, false
	case "http.response_content_length":
		return factResponseSize, true
	case "rpc.system.name":
		return factRPCSystem, false
	case "rpc.system":
		return factRPCSystem, true
	case "rpc.service":
		return factRPCService, false
	case "rpc.method":
		return factRPCMethod, false
	case "rpc.response.status_code":
		return factRPCStatus, false
	case "rpc.grpc.status_code":
		return factRPCStatus, true
	case "db.system.name":
		return factDBSystem, false
	case "db.system", "db.type":
		return factDBSystem, true
	case "db.namespace":
		return factDBName, false
	case "db.name", "db.instance":
		return factDBName, true
	case "db.query.text":
		return factDBText, false
	case "db.statement":
		return factDBText, true
	case "db.operation.name":
		return factDBOperation, false
	case "db.operation":
		return factDBOperation, true
	case "messaging.system":
		return factMQSystem, false
	case "messaging.destination.name":
		return factMQDestination, false
	case "messaging.destination", "message_bus.destination":
		return factMQDestination, true
	case "messaging.message.id":
		return factMQMessage, false
	case "messaging.message_id":
		return factMQMessage, true
	case "messaging.consumer.group.name":
		return factMQGroup, false
	case "messaging.kafka.consumer.group", "messaging.consumer.group", "messaging.rocketmq.client_group":
		return factMQGroup, true
	case "messaging.destination.partition.id":
		return factMQPartition, false
	case "messaging.kafka.destination.partition", "messaging.kafka.source.partition", "messaging.kafka.partition":
		return factMQPartition, true
	case "messaging.kafka.offset":
		return factMQOffset, false
	case "messaging.kafka.message.offset":
		return factMQOffset, true
	case "messaging.rabbitmq.destination.routing_key":
		return factMQRouting, false
	case "messaging.rabbitmq.routing_key":
		return factMQRouting, true
	case "messaging.operation.type":
		return factMQOperation, false
	case "messaging.operation.name", "messaging.operation":
		return factMQOperation, true
	case "server.address":
		return factHost, false
	case "net.peer.name", "net.host.name", "peer.hostname":
		return factHost, true
	case "server.port":
		return factPort, false
	case "net.host.port":
		return factPort, true
	case "network.peer.address":
		return factPeerHost, false
	case "net.sock.peer.addr", "net.peer.ip", "peer.ipv4", "peer.ipv6":
		return factPeerHost, true
	case "network.peer.port":
		return factPeerPort, false
	case "net.sock.peer.port", "net.peer.port", "peer.port":
		return factPeerPort, true
	case "peer.address":
		return factPeerAddress, false
	case "service.peer.name":
		return factPeerService, false
	case "peer.service":
		return factPeerService, true
	case "network.local.address":
		return factLocalHost, false
	case "network.local.port":
		return factLocalPort, false
	}
	return noFact, false
}

// standardFacts says which fact fills a standard field.
func standardFact(field string) fact {
	switch field {
	case TagURL:
		return factURL
	case TagMethod:
		return factMethod
	case TagRequestSize:
		return factRequestSize
	case TagResponseSize:
		return factResponseSize
	case TagProtocol:
		return factRPCSystem
	case TagService:
		return factRPCService
	case TagRemoteHost, TagPeerHostname:
		return factHost
	case TagPeerPort:
		return factPort
	case TagDatabase, TagInstance:
		return factDBName
	case TagSQL, TagStatement:
		return factDBText
	case TagDatabaseType, TagDBType:
		return factDBSystem
	case TagMessageID:
		return factMQMessage
	case TagTopic, TagKafkaTopic, TagExchange, TagChannel:
		return factMQDestination
	case TagConsumerGroup, TagProducerGroup:
		return factMQGroup
	case TagKafkaPartition:
		return factMQPartition
	case TagKafkaOffset:
		return factMQOffset
	case TagRoutingKey:
		return factMQRouting
	}
	return noFact
}

// facts are the places of the tags that say something, plus one; 0 where none does.
type facts [factCount]uint16

func (s *Span) facts() (at facts) {
	for i := range s.tags {
		if f, old := factOf(s.tags[i].Key); f != noFact && (!old || at[f] == 0) {
			at[f] = uint16(i + 1)
		}
	}
	return at
}

// text gives what a fact says as a text.
func (s *Span) fact(at *facts, f fact) string {
	if at[f] == 0 {
		return ""
	}
	t := &s.tags[at[f]-1]
	switch t.kind {
	case tagInt:
		return numberText(int64(t.num))
	case tagString:
		return t.str
	}
	return ""
}

// number gives what a fact says as a number, 0 for none.
func (s *Span) number(at *facts, f fact) int64 {
	if at[f] == 0 {
		return 0
	}
	t := &s.tags[at[f]-1]
	switch t.kind {
	case tagInt:
		return int64(t.num)
	case tagString:
		n, _ := strconv.ParseInt(t.str, 10, 64) // 0 is as good as none
		return n
	}
	return 0
}
