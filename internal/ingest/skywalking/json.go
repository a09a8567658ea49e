package skywalking

import (
	"bytes"
	"encoding/json"
	"fmt"
	"mime"
	"net/http"
	"strconv"

	"github.com/twinspan/twinspan/internal/ingest"
)

const typeJSON = "application/json"

// readHTTP reads a SegmentObject, or a list of them, in protobuf's JSON.
func (s *Server) readHTTP(w http.ResponseWriter, r *http.Request, list bool) (d *decoder, body []byte, err error) {
	header := r.Header.Get("Content-Type")
	if contentType, _, _ := mime.ParseMediaType(header); contentType != typeJSON && header != "" {
		return nil, nil, fmt.Errorf("%w: it is %q, send %s", ingest.ErrMedia, header, typeJSON)
	}
	body, err = s.in.Bodies.Read(w, r)
	if err != nil {
		return nil, nil, err
	}
	d = newDecoder(&s.in.Limits)
	return d, body, d.json(body, list)
}

func (d *decoder) json(body []byte, list bool) error {
	var messages []json.RawMessage
	if !list {
		messages = []json.RawMessage{body}
	} else if err := json.Unmarshal(body, &messages); err != nil {
		return fmt.Errorf("%w: want a JSON list of segments: %w", ingest.ErrInvalid, err)
	}
	for i, raw := range messages {
		var m jsonSegment
		if err := json.Unmarshal(raw, &m); err != nil {
			return fmt.Errorf("%w: segment %d of %d (from 0): %w", ingest.ErrInvalid, i, len(messages), err)
		}
		s := segment{trace: m.TraceID, id: m.SegmentID, service: m.Service, instance: m.Instance, spans: make([]object, len(m.Spans))}
		for j, raw := range m.Spans {
			if err := s.spans[j].fromJSON(raw); err != nil {
				return fmt.Errorf("%w: segment %d of %d (from 0), span %d: %w", ingest.ErrInvalid, i, len(messages), j, err)
			}
		}
		if err := d.add(&s); err != nil {
			return err
		}
	}
	return nil
}

type jsonSegment struct {
	TraceID   string            `json:"traceId"`
	SegmentID string            `json:"traceSegmentId"`
	Service   string            `json:"service"`
	Instance  string            `json:"serviceInstance"`
	Spans     []json.RawMessage `json:"spans"`
}

type jsonSpan struct {
	SpanID    number     `json:"spanId"`
	ParentID  number     `json:"parentSpanId"`
	Start     number     `json:"startTime"`
	End       number     `json:"endTime"`
	Refs      []jsonRef  `json:"refs"`
	Operation string     `json:"operationName"`
	Peer      string     `json:"peer"`
	Type      jsonType   `json:"spanType"`
	Layer     jsonLayer  `json:"spanLayer"`
	Component number     `json:"componentId"`
	Failed    bool       `json:"isError"`
	Tags      []jsonPair `json:"tags"`
	Logs      []struct {
		Time number     `json:"time"`
		Data []jsonPair `json:"data"`
	} `json:"logs"`
}

type jsonRef struct {
	Type     jsonRefType `json:"refType"`
	Trace    string      `json:"traceId"`
	Segment  string      `json:"parentTraceSegmentId"`
	Span     number      `json:"parentSpanId"`
	Service  string      `json:"parentService"`
	Endpoint string      `json:"parentEndpoint"`
	Address  string      `json:"networkAddressUsedAtPeer"`
}

type jsonPair struct {
	Key   string `json:"key"`
	Value string `json:"value"`
}

// number is a whole number, also as text: so protobuf's JSON writes those of 64 bits.
type number int64

// UnmarshalJSON reads either.
func (n *number) UnmarshalJSON(b []byte) error {
	if string(b) == "null" {
		return nil
	}
	v, err := strconv.ParseInt(string(bytes.Trim(b, `"`)), 10, 64)
	if err != nil {
		return fmt.Errorf("%.40s is no whole number", b)
	}
	*n = number(v)
	return nil
}

// enum reads a member of an enumeration, its name or its number.
func enum(b []byte, what string, names []string) (int32, error) {
	text := string(bytes.Trim(b, `"`))
	for i, name := range names {
		if text == name {
			return int32(i), nil
		}
	}
	v, err := strconv.ParseInt(text, 10, 32)
	if err != nil && text != "null" {
		return 0, fmt.Errorf("%s is %.40q, want one of %q", what, text, names)
	}
	return int32(v), nil
}

type jsonType spanType

// UnmarshalJSON reads a SpanType.
func (t *jsonType) UnmarshalJSON(b []byte) error {
	n, err := enum(b, "spanType", []string{"Entry", "Exit", "Local"})
	*t = jsonType(n)
	return err
}

type jsonLayer layer

// UnmarshalJSON reads a SpanLayer. Layers that came later are as good as unknown.
func (l *jsonLayer) UnmarshalJSON(b []byte) error {
	n, err := enum(b, "spanLayer", []string{"Unknown", "Database", "RPCFramework", "Http", "MQ", "Cache", "FAAS"})
	if err == nil {
		*l = jsonLayer(n)
	}
	return nil
}

type jsonRefType int32

// UnmarshalJSON reads a RefType.
func (t *jsonRefType) UnmarshalJSON(b []byte) error {
	n, err := enum(b, "refType", []string{"CrossProcess", "CrossThread"})
	*t = jsonRefType(n)
	return err
}

func (o *object) fromJSON(raw []byte) error {
	var m jsonSpan
	if err := json.Unmarshal(raw, &m); err != nil {
		return err
	}
	*o = object{
		id: int32(m.SpanID), parent: int32(m.ParentID), start: int64(m.Start), end: int64(m.End), operation: m.Operation, peer: m.Peer,
		kind: spanType(m.Type), layer: layer(m.Layer), component: int32(m.Component), failed: m.Failed, hash: hash(raw), size: len(raw),
		tags: pairs(m.Tags),
	}
	for _, r := range m.Refs {
		o.refs = append(o.refs, reference{thread: r.Type == 1, trace: r.Trace, segment: r.Segment, span: int32(r.Span),
			service: r.Service, from: r.Endpoint, address: r.Address})
	}
	for _, l := range m.Logs {
		o.logs = append(o.logs, event{time: int64(l.Time), data: pairs(l.Data)})
	}
	return nil
}

func pairs(list []jsonPair) []pair {
	out := make([]pair, len(list))
	for i, p := range list {
		out[i] = pair{p.Key, p.Value}
	}
	return out
}
