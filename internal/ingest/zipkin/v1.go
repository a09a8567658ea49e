package zipkin

import (
	"encoding/json"
	"fmt"
	"strconv"
)

// v1Span is one span of Zipkin's first model, in which a span says by annotations what its sides did, and one span may hold
// both sides.
type v1Span struct {
	TraceID     string         `json:"traceId"`
	ParentID    string         `json:"parentId"`
	ID          string         `json:"id"`
	Name        string         `json:"name"`
	Timestamp   micros         `json:"timestamp"`
	Duration    micros         `json:"duration"`
	Annotations []v1Annotation `json:"annotations"`
	Binary      []v1Binary     `json:"binaryAnnotations"`
}

type v1Annotation struct {
	Timestamp micros   `json:"timestamp"`
	Value     string   `json:"value"`
	Endpoint  endpoint `json:"endpoint"`
}

// v1Binary is a tag, or with the value true the address of a side.
type v1Binary struct {
	Key      string   `json:"key"`
	Value    v1Value  `json:"value"`
	Endpoint endpoint `json:"endpoint"`
}

// v1Value is a value as text. JSON has texts, numbers and truth values.
type v1Value string

// UnmarshalJSON takes all of them.
func (v *v1Value) UnmarshalJSON(b []byte) error {
	var text string
	switch {
	case json.Unmarshal(b, &text) == nil: // null leaves it empty
		*v = v1Value(text)
	case len(b) > 0 && (b[0] == '{' || b[0] == '['):
		return fmt.Errorf("value %.40s is no text", b)
	default:
		*v = v1Value(b)
	}
	return nil
}

// side is one side of a span of the first model.
type side struct {
	kind       string
	from, to   *v1Annotation // nil where they are not there
	address    *endpoint     // of the other side
	begin, end string        // the values of from and to
	key        string        // of address
}

// messages gives the spans of the present model: one for each side that the span's annotations tell of, or one without a
// kind. The rules are those of Zipkin's own converter.
func (s *v1Span) messages() []message {
	caller := side{kind: "CLIENT", begin: "cs", end: "cr", key: "sa"}
	callee := side{kind: "SERVER", begin: "sr", end: "ss", key: "ca"}
	if s.annotation("ms") != nil {
		caller = side{kind: "PRODUCER", begin: "ms", end: "ws", key: "ma"}
	}
	if s.annotation("mr") != nil {
		callee = side{kind: "CONSUMER", begin: "mr", end: "wr", key: "ma"}
	}
	for _, one := range []*side{&caller, &callee} {
		one.from, one.to = s.annotation(one.begin), s.annotation(one.end)
		one.address = s.address(one.key)
	}
	switch {
	case caller.there() && callee.there():
		a, b := s.message(&caller), s.message(&callee)
		// The caller began the span and gives its times; the callee joined it.
		b.Shared, b.Timestamp, b.Duration = true, 0, 0
		b.times(&callee)
		if caller.address == nil {
			a.RemoteEndpoint = b.LocalEndpoint
		}
		if callee.address == nil {
			b.RemoteEndpoint = a.LocalEndpoint
		}
		s.share(&a, &b)
		return []message{a, b}
	case caller.there():
		return []message{s.whole(s.message(&caller))}
	case callee.there():
		m := s.message(&callee)
		// There was no flag for it: a server that had joined the span of its client did not give the span's times.
		m.Shared = s.ParentID != "" && s.Timestamp == 0 || callee.to != nil && s.Duration == 0
		return []message{s.whole(m)}
	}
	one := side{}
	if caller.address != nil {
		one.kind, one.address = caller.kind, caller.address
	} else if callee.address != nil {
		one.kind, one.address = callee.kind, callee.address
	}
	return []message{s.whole(s.message(&one))}
}

func (x *side) there() bool { return x.from != nil || x.to != nil }

// annotation gives the first one of a value.
func (s *v1Span) annotation(value string) *v1Annotation {
	for i := range s.Annotations {
		if s.Annotations[i].Value == value {
			return &s.Annotations[i]
		}
	}
	return nil
}

// address gives the endpoint of the other side.
func (s *v1Span) address(key string) *endpoint {
	for i := range s.Binary {
		if b := &s.Binary[i]; b.Key == key && b.isAddress() {
			return &b.Endpoint
		}
	}
	return nil
}

func (b *v1Binary) isAddress() bool {
	return (b.Key == "sa" || b.Key == "ca" || b.Key == "ma") && (b.Value == "true" || b.Value == "\x01")
}

// message makes the span of one side, without tags and annotations.
func (s *v1Span) message(x *side) message {
	m := message{TraceID: s.TraceID, ParentID: s.ParentID, ID: s.ID, Name: s.Name, Kind: x.kind, Timestamp: s.Timestamp, Duration: s.Duration}
	switch {
	case x.from != nil:
		m.LocalEndpoint = x.from.Endpoint
	case x.to != nil:
		m.LocalEndpoint = x.to.Endpoint
	default:
		m.LocalEndpoint = s.anyEndpoint()
	}
	if x.address != nil {
		m.RemoteEndpoint = *x.address
	}
	m.times(x)
	return m
}

// times takes the times of a side's annotations where the span has none.
func (m *message) times(x *side) {
	if m.Timestamp == 0 && x.from != nil {
		m.Timestamp = x.from.Timestamp
	}
	if m.Timestamp == 0 && x.to != nil {
		m.Timestamp = x.to.Timestamp
	}
	if m.Duration == 0 && x.from != nil && x.to != nil {
		m.Duration = max(0, x.to.Timestamp-x.from.Timestamp)
	}
}

// anyEndpoint is that of whoever wrote the span.
func (s *v1Span) anyEndpoint() endpoint {
	for i := range s.Annotations {
		if s.Annotations[i].Endpoint != (endpoint{}) {
			return s.Annotations[i].Endpoint
		}
	}
	for i := range s.Binary {
		if b := &s.Binary[i]; !b.isAddress() && b.Endpoint != (endpoint{}) {
			return b.Endpoint
		}
	}
	return endpoint{}
}

// whole gives m all tags and annotations.
func (s *v1Span) whole(m message) message {
	s.share(&m, nil)
	return m
}

// share gives tags and annotations to a, but those of b's service, where that is another one, to b.
func (s *v1Span) share(a, b *message) {
	to := func(e *endpoint) *message {
		if b != nil && e.ServiceName == b.LocalEndpoint.ServiceName && e.ServiceName != a.LocalEndpoint.ServiceName {
			return b
		}
		return a
	}
	for i := range s.Annotations {
		x := &s.Annotations[i]
		switch x.Value {
		case "cs", "cr", "sr", "ss", "ms", "mr", "ws", "wr":
			continue
		}
		m := to(&x.Endpoint)
		m.Annotations = append(m.Annotations, annotation{x.Timestamp, x.Value})
	}
	for i := range s.Binary {
		x := &s.Binary[i]
		switch {
		case x.isAddress():
		case x.Key == "lc" && x.Value == "": // names the writer, and nothing else
		default:
			m := to(&x.Endpoint)
			m.Tags = append(m.Tags, tag{x.Key, string(x.Value)})
		}
	}
}

// hex16 shows an id of 64 bits.
func hex16(n int64) string { return fmt.Sprintf("%016x", uint64(n)) }

func decimal[T ~int16 | ~int32 | ~int64](n T) string { return strconv.FormatInt(int64(n), 10) }
