package span

import "fmt"

// The names are those of OpenTelemetry (kinds, statuses) and of the call model (types); they appear in the API, in
// queries and in the published schema.
var (
	kindNames   = [...]string{"unspecified", "internal", "server", "client", "producer", "consumer"}
	typeNames   = [...]string{"internal", "rpc", "http", "db", "cache", "mq"}
	statusNames = [...]string{"unset", "ok", "error"}
	routeNames  = [...]string{"unknown", "agent", "otlp", "zipkin", "jaeger", "skywalking"}
)

func name[T ~uint8](names []string, v T) string {
	if int(v) < len(names) {
		return names[v]
	}
	return fmt.Sprintf("%d", v)
}

func parse[T ~uint8](what string, names []string, s string) (T, error) {
	for i, n := range names {
		if n == s {
			return T(i), nil
		}
	}
	return 0, fmt.Errorf("%s %q is unknown: use one of %q", what, s, names)
}

func (k Kind) String() string   { return name(kindNames[:], k) }
func (t Type) String() string   { return name(typeNames[:], t) }
func (s Status) String() string { return name(statusNames[:], s) }
func (r Route) String() string  { return name(routeNames[:], r) }

// ParseKind reads what String gives.
func ParseKind(s string) (Kind, error) { return parse[Kind]("span kind", kindNames[:], s) }

// ParseType reads what String gives.
func ParseType(s string) (Type, error) { return parse[Type]("call type", typeNames[:], s) }

// ParseStatus reads what String gives.
func ParseStatus(s string) (Status, error) { return parse[Status]("status", statusNames[:], s) }
