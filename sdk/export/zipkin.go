package export

import (
	"context"
	"encoding/json"
	"net"
	"strconv"
	"strings"
	"time"

	twinspan "github.com/twinspan/twinspan/sdk"
	"github.com/twinspan/twinspan/sdk/id"
)

// NewZipkin gives an exporter for Zipkin's API v2 with JSON. URL is such as "http://127.0.0.1:9411/api/v2/spans".
//
// The spans are those of Java SOFATracer's reporter: the dotted ids in the tags origin.span.id and origin.parent.span.id, ids as its
// hashes, a trace id of SOFATracer padded with zeros on the left, name and service in lower case, all tags and all baggage
// as tags. Unlike there, a trace id that Zipkin cannot have loses no span: it goes as its 16 bytes.
func NewZipkin(config Config, to HTTP, app string) *Exporter {
	return New(config, &zipkin{poster: newPoster(to, "application/json"), app: app})
}

type zipkin struct {
	*poster
	app string
}

func (z *zipkin) Send(ctx context.Context, spans []*twinspan.SpanData) (int, error) {
	list := make([]zipkinSpan, len(spans))
	for i := range spans {
		list[i] = toZipkin(spans[i], z.app)
	}
	body, err := json.Marshal(list)
	if err != nil {
		return 0, err
	}
	_, err = z.post(ctx, body)
	return 0, err
}

// zipkinSpan is a span of Zipkin's API v2.
type zipkinSpan struct {
	TraceID     string             `json:"traceId"`
	ParentID    string             `json:"parentId,omitempty"`
	ID          string             `json:"id"`
	Kind        string             `json:"kind,omitempty"`
	Name        string             `json:"name,omitempty"`
	Timestamp   int64              `json:"timestamp"`          // µs
	Duration    int64              `json:"duration,omitempty"` // µs, at least 1 where there is one
	Local       *zipkinEndpoint    `json:"localEndpoint,omitempty"`
	Remote      *zipkinEndpoint    `json:"remoteEndpoint,omitempty"`
	Annotations []zipkinAnnotation `json:"annotations,omitempty"`
	Tags        map[string]string  `json:"tags,omitempty"`
}

type zipkinEndpoint struct {
	ServiceName string `json:"serviceName,omitempty"`
	IPv4        string `json:"ipv4,omitempty"`
	IPv6        string `json:"ipv6,omitempty"`
	Port        int    `json:"port,omitempty"`
}

type zipkinAnnotation struct {
	Timestamp int64  `json:"timestamp"`
	Value     string `json:"value"`
}

// The tags of SOFATracer's reporter that hold the dotted ids.
const (
	tagOrigin       = "origin.span.id"
	tagOriginParent = "origin.parent.span.id"
)

func toZipkin(s *twinspan.SpanData, app string) zipkinSpan {
	z := zipkinSpan{
		TraceID: zipkinTrace(s), ID: s.ID.String(), Kind: zipkinKind(s.Kind), Name: strings.ToLower(s.Operation),
		Timestamp: s.Start.UnixMicro(), Local: endpoint(app, s.Local), Tags: make(map[string]string, len(s.Tags)+len(s.Business)+6),
	}
	if s.Duration > 0 {
		z.Duration = max(int64(s.Duration/time.Microsecond), 1)
	}
	if s.Parent != 0 {
		z.ParentID = s.Parent.String()
	}
	if s.Remote != "" || s.RemoteApp != "" {
		z.Remote = endpoint(s.RemoteApp, s.Remote)
	}
	for _, e := range s.Events {
		z.Annotations = append(z.Annotations, zipkinAnnotation{e.Time.UnixMicro(), annotation(e)})
	}
	for _, t := range s.Resource { // Zipkin has no other place for it
		z.Tags[t.Key] = t.Text()
	}
	for _, pairs := range [][]twinspan.Pair{s.System, s.Business} {
		for _, p := range pairs {
			z.Tags[p.Key] = p.Value
		}
	}
	for _, t := range s.Tags {
		z.Tags[t.Key] = t.Text()
	}
	z.Tags["local.app"], z.Tags["span.kind"] = app, s.Kind.String()
	if s.ResultCode != "" {
		z.Tags["result.code"] = s.ResultCode
	}
	if s.Failed {
		z.Tags["error"] = s.Message
	}
	z.Tags["operation"] = s.Operation // with its letters' case
	z.Tags[tagOrigin], z.Tags[tagOriginParent] = s.SpanID, id.ParentOf(s.SpanID)
	return z
}

// zipkinTrace is the trace id as SOFATracer's reporter writes it, where Zipkin can have it.
func zipkinTrace(s *twinspan.SpanData) string {
	text := strings.TrimSuffix(s.TraceID, "T")
	if !s.Trace.IsSOFA() || len(text) > 32 {
		return s.Trace.Hex()
	}
	return strings.Repeat("0", 32-len(text)) + text
}

func zipkinKind(k twinspan.Kind) string {
	switch k {
	case twinspan.Server:
		return "SERVER"
	case twinspan.Client:
		return "CLIENT"
	case twinspan.Producer:
		return "PRODUCER"
	case twinspan.Consumer:
		return "CONSUMER"
	}
	return ""
}

func endpoint(app, address string) *zipkinEndpoint {
	e := &zipkinEndpoint{ServiceName: strings.ToLower(app)}
	if host, port, err := net.SplitHostPort(address); err == nil {
		if n, err := strconv.ParseUint(port, 10, 16); err == nil {
			e.Port = int(n)
		}
		switch ip := net.ParseIP(host); {
		case ip == nil:
		case ip.To4() != nil:
			e.IPv4 = ip.To4().String()
		default:
			e.IPv6 = ip.String()
		}
	}
	return e
}

// annotation gives an event as text: Zipkin has no fields in it.
func annotation(e twinspan.Event) string {
	if len(e.Tags) == 0 {
		return e.Name
	}
	fields := make(map[string]any, len(e.Tags))
	for _, t := range e.Tags {
		fields[t.Key] = t.Text()
	}
	text, err := json.Marshal(fields)
	if err != nil {
		return e.Name
	}
	return e.Name + " " + string(text)
}
