package skywalking

import "strings"

// components are SkyWalking's names of libraries by their numbers, from 1 on: those of Java and of all languages. The
// numbers are never given twice (component-libraries.yml in https://github.com/apache/skywalking).
var components = strings.Fields(`Tomcat HttpClient Dubbo H2 Mysql ORACLE Redis Motan MongoDB Resin Feign OKHttp SpringRestTemplate
	SpringMVC Struts2 NutzMVC NutzHttp JettyClient JettyServer Memcached ShardingJDBC PostgreSQL GRPC ElasticJob RocketMQ
	httpasyncclient Kafka ServiceComb Hystrix Jedis SQLite h2-jdbc-driver mysql-connector-java ojdbc Spymemcached Xmemcached
	postgresql-jdbc-driver rocketMQ-producer rocketMQ-consumer kafka-producer kafka-consumer mongodb-driver SOFARPC ActiveMQ
	activemq-producer activemq-consumer Elasticsearch transport-client http rpc RabbitMQ rabbitmq-producer rabbitmq-consumer
	Canal Gson Redisson Lettuce Zookeeper Vertx ShardingSphere spring-cloud-gateway RESTEasy SolrJ Solr SpringAsync JdkHttp
	spring-webflux Play cassandra-java-driver Cassandra Light4J Pulsar pulsar-producer pulsar-consumer Ehcache SocketIO
	rest-high-level-client spring-tx Armeria JdkThreading KotlinCoroutine AvroServer AvroClient Undertow Finagle Mariadb
	mariadb-jdbc quasar InfluxDB influxdb-java brpc-java GraphQL spring-annotation HBase spring-kafka-consumer SpringScheduled
	quartz-scheduler xxl-job spring-webflux-webclient thrift-server thrift-client AsyncHttpClient dbcp mssql-jdbc-driver
	Apache-CXF dolphinscheduler JsonRpc seata MyBatis tcp AzureHttpTrigger Neo4j Sentinel GuavaCache AlibabaDruid HikariCP
	Fastjson Jackson ClickHouse-jdbc-driver ClickHouse Apache-Kylin-jdbc-driver Apache-Kylin GuavaEventBus AWSLambdaTrigger`)

// otherComponents are the numbers of single languages that agents use most.
var otherComponents = map[int32]string{
	3001: "AspNetCore", 3002: "EntityFrameworkCore", 3003: "SqlClient", 3005: "StackExchange.Redis", 3007: "Npgsql",
	3008: "MySqlConnector", 4001: "HttpServer", 4002: "Express", 4003: "Egg", 4004: "Koa", 4005: "Axios", 4006: "Mongoose",
	5003: "MOSN", 5004: "GoHttpServer", 5005: "GoHttpClient", 5006: "Gin", 5008: "GoMicroClient", 5009: "GoMicroServer",
	5010: "Kratos", 5012: "GoMysql", 6000: "Nginx", 6001: "Kong", 6002: "APISIX", 7001: "Flask", 7002: "Requests", 7003: "PyMysql",
	7004: "Django", 7005: "Tornado", 7006: "Urllib3", 7014: "FastAPI", 8001: "PHP", 8002: "cURL", 8003: "PDO", 8004: "Mysqli",
	8006: "Predis", 9000: "EnvoyProxy",
}

// componentName gives a library's name, "" for one that is not known.
func componentName(number int32) string {
	if number > 0 && int(number) <= len(components) {
		return components[number-1]
	}
	return otherComponents[number]
}

// systems are the names of databases, caches and queues that begin or stand for a library's name in lower case.
var systems = []struct{ prefix, system string }{
	{"mysql", "mysql"}, {"gomysql", "mysql"}, {"pymysql", "mysql"}, {"mariadb", "mariadb"}, {"postgresql", "postgresql"},
	{"npgsql", "postgresql"}, {"oracle", "oracle"}, {"ojdbc", "oracle"}, {"h2", "h2"}, {"sqlite", "sqlite"}, {"mssql", "sqlserver"},
	{"sqlclient", "sqlserver"}, {"mongo", "mongodb"}, {"cassandra", "cassandra"}, {"elasticsearch", "elasticsearch"},
	{"rest-high-level-client", "elasticsearch"}, {"transport-client", "elasticsearch"}, {"clickhouse", "clickhouse"},
	{"influxdb", "influxdb"}, {"hbase", "hbase"}, {"neo4j", "neo4j"}, {"solr", "solr"},
	{"redis", "redis"}, {"jedis", "redis"}, {"lettuce", "redis"}, {"stackexchange.redis", "redis"}, {"predis", "redis"},
	{"memcached", "memcached"}, {"spymemcached", "memcached"}, {"xmemcached", "memcached"},
	{"kafka", "kafka"}, {"spring-kafka", "kafka"}, {"rocketmq", "rocketmq"}, {"rabbitmq", "rabbitmq"}, {"activemq", "activemq"},
	{"pulsar", "pulsar"},
}

// componentSystem gives the database, cache or queue that a library is a client of, "" for others.
func componentSystem(number int32) string {
	name := strings.ToLower(componentName(number))
	for _, s := range systems {
		if name != "" && strings.HasPrefix(name, s.prefix) {
			return s.system
		}
	}
	return ""
}
