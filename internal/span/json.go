package span

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"strconv"
	"time"
)

// halfJSON is the public spelling of a half in the API, in `twinspan parse` and in exports. Times are decimal text, as
// in OTLP/JSON, because they are beyond the integers that JavaScript keeps.
type halfJSON struct {
	TraceID       string      `json:"traceId"`
	W3CTraceID    string      `json:"w3cTraceId"`
	SpanID        string      `json:"spanId"`
	ParentSpanID  string      `json:"parentSpanId,omitempty"`
	TwinSpanID    string      `json:"twinSpanId,omitempty"`
	SofaSpanID    string      `json:"sofaSpanId,omitempty"`
	Kind          string      `json:"kind"`
	Type          string      `json:"type"`
	App           string      `json:"app"`
	Instance      string      `json:"instance,omitempty"`
	Operation     string      `json:"operation"`
	Component     string      `json:"component,omitempty"`
	Status        string      `json:"status"`
	StatusMessage string      `json:"statusMessage,omitempty"`
	ResultCode    string      `json:"resultCode,omitempty"`
	LocalAddress  string      `json:"localAddress,omitempty"`
	PeerAddress   string      `json:"peerAddress,omitempty"`
	Peer          string      `json:"peer,omitempty"`
	LoadTest      bool        `json:"loadTest"`
	Route         string      `json:"route"`
	StartUnixNano string      `json:"startUnixNano"`
	Start         string      `json:"start"`
	DurationNano  int64       `json:"durationNano"`
	Attributes    attrsJSON   `json:"attributes"`
	Resource      attrsJSON   `json:"resource,omitempty"`
	Events        []eventJSON `json:"events,omitempty"`
	Links         []linkJSON  `json:"links,omitempty"`
}

type eventJSON struct {
	TimeUnixNano string    `json:"timeUnixNano"`
	Name         string    `json:"name"`
	Attributes   attrsJSON `json:"attributes,omitempty"`
}

type linkJSON struct {
	TraceID    string    `json:"traceId"`
	SpanID     string    `json:"spanId"`
	Attributes attrsJSON `json:"attributes,omitempty"`
}

// MarshalJSON gives the public spelling of a half.
func (h *Half) MarshalJSON() ([]byte, error) {
	out := halfJSON{
		TraceID: h.TraceString(), W3CTraceID: h.Trace.Hex(), SpanID: h.Span.String(), SofaSpanID: h.Dotted,
		Kind: h.Kind.String(), Type: h.Type.String(), App: h.App, Instance: h.Instance, Operation: h.Operation,
		Component: h.Component, Status: h.Status.String(), StatusMessage: h.Payload.StatusMessage(),
		ResultCode: h.ResultCode, LocalAddress: h.LocalAddr, PeerAddress: h.PeerAddr, Peer: h.Peer,
		LoadTest: h.LoadTest, Route: h.Route.String(), StartUnixNano: strconv.FormatInt(h.Start, 10),
		Start: h.StartTime().Format(time.RFC3339Nano), DurationNano: h.Duration,
		Attributes: attrsJSON(h.Payload), Resource: attrsJSON(h.Resource),
	}
	if h.Parent != 0 {
		out.ParentSpanID = h.Parent.String()
	}
	if h.Twin != 0 {
		out.TwinSpanID = h.Twin.String()
	}
	h.Payload.Events(func(e Event) bool {
		out.Events = append(out.Events, eventJSON{strconv.FormatInt(e.Time, 10), e.Name, attrsJSON(e.Attrs)})
		return true
	})
	h.Payload.Links(func(l Link) bool {
		out.Links = append(out.Links, linkJSON{hex.EncodeToString(l.TraceID), hex.EncodeToString(l.SpanID), attrsJSON(l.Attrs)})
		return true
	})
	return json.Marshal(out)
}

// attrsJSON writes the attributes of a Payload as one JSON object in their order; of a repeated name the first counts.
type attrsJSON Payload

func (a attrsJSON) MarshalJSON() ([]byte, error) {
	var b bytes.Buffer
	b.WriteByte('{')
	seen := make(map[string]bool)
	var err error
	Payload(a).Attrs(func(key string, v Value) bool {
		if seen[key] {
			return true
		}
		if len(seen) > 0 {
			b.WriteByte(',')
		}
		seen[key] = true
		var name, value []byte
		if name, err = json.Marshal(key); err != nil {
			return false
		}
		if value, err = json.Marshal(v); err != nil {
			return false
		}
		b.Write(name)
		b.WriteByte(':')
		b.Write(value)
		return true
	})
	b.WriteByte('}')
	return b.Bytes(), err
}
