package zipkin

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
)

// message is one span of Zipkin's v2 JSON.
type message struct {
	TraceID        string       `json:"traceId"`
	ParentID       string       `json:"parentId"`
	ID             string       `json:"id"`
	Kind           string       `json:"kind"`
	Name           string       `json:"name"`
	Timestamp      micros       `json:"timestamp"`
	Duration       micros       `json:"duration"`
	Shared         bool         `json:"shared"`
	LocalEndpoint  endpoint     `json:"localEndpoint"`
	RemoteEndpoint endpoint     `json:"remoteEndpoint"`
	Annotations    []annotation `json:"annotations"`
	Tags           tags         `json:"tags"`
}

type endpoint struct {
	ServiceName string `json:"serviceName"`
	IPv4        string `json:"ipv4"`
	IPv6        string `json:"ipv6"`
	Port        uint16 `json:"port"`
}

func (e *endpoint) ip() string {
	if e.IPv4 != "" {
		return e.IPv4
	}
	return e.IPv6
}

type annotation struct {
	Timestamp micros `json:"timestamp"`
	Value     string `json:"value"`
}

// micros is a time or duration in microseconds, 0 or more, at most what nanoseconds can say in 63 bits.
type micros int64

const maxMicros = (1<<63 - 1) / 1000

// UnmarshalJSON takes a whole number, also as text.
func (m *micros) UnmarshalJSON(b []byte) error {
	if string(b) == "null" {
		return nil
	}
	n, err := strconv.ParseInt(string(bytes.Trim(b, `"`)), 10, 64)
	if err != nil || n < 0 || n > maxMicros {
		return fmt.Errorf("%.40s is no number of microseconds", b)
	}
	*m = micros(n)
	return nil
}

// tags are the members of an object in their order.
type tags []tag

type tag struct{ key, value string }

func (t tags) get(key string) string {
	for i := range t {
		if t[i].key == key {
			return t[i].value
		}
	}
	return ""
}

func (t tags) has(key string) bool {
	for i := range t {
		if t[i].key == key {
			return true
		}
	}
	return false
}

// UnmarshalJSON takes text, and numbers and truth values as text, as Zipkin's server does.
func (t *tags) UnmarshalJSON(b []byte) error {
	if string(b) == "null" {
		return nil
	}
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber()
	if open, err := d.Token(); err != nil || open != json.Delim('{') {
		return errors.New("tags are no object")
	}
	for d.More() {
		key, err := d.Token()
		if err != nil {
			return err
		}
		value, err := d.Token()
		if err != nil {
			return err
		}
		name := key.(string) // the decoder lets nothing else stand here
		switch v := value.(type) {
		case string:
			*t = append(*t, tag{name, v})
		case json.Number:
			*t = append(*t, tag{name, v.String()})
		case bool:
			*t = append(*t, tag{name, strconv.FormatBool(v)})
		default:
			return fmt.Errorf("tag %.40q is no text", name)
		}
	}
	return nil
}
