package twinspan

import (
	"encoding/json"
	"errors"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/twinspan/twinspan/sdk/id"
)

// Exporter sends spans somewhere else than to the logs: package export has those for OTLP and Zipkin. A Tracer owns its exporters:
// it closes them with itself.
type Exporter interface {
	// Export takes an ended span that is sampled, or kept although it is not: it has the tag "sampled.out" then. It is called by the goroutine that ends the span, so it must not wait; what it
	// cannot take it drops and counts.
	Export(*SpanData)
	// Flush waits until all that was taken before is sent or given up.
	Flush()
	// Close flushes and stops.
	Close() error
}

// export hands an ended span to the exporters.
func (t *Tracer) export(s *Span, r *resolved) {
	if len(t.config.Exporters) == 0 {
		return
	}
	d := s.data(r)
	for _, e := range t.config.Exporters {
		e.Export(d)
	}
}

func (t *Tracer) flushExporters() {
	for _, e := range t.config.Exporters {
		e.Flush()
	}
}

func (t *Tracer) closeExporters() error {
	var errs []error
	for _, e := range t.config.Exporters {
		errs = append(errs, e.Close())
	}
	return errors.Join(errs...)
}

// SpanData is what an exporter gets of an ended span. All exporters get the same one, and none changes it.
type SpanData struct {
	TraceID   string   // as it is logged
	Trace     id.Trace // the same in 16 bytes
	SpanID    string   // dotted
	ID        id.Span
	Parent    id.Span // 0 for a root
	State     string  // tracestate of others
	Kind      Kind
	Component Component
	Random    bool // the W3C random-trace-id flag

	Start    time.Time
	Duration time.Duration

	Operation  string
	ResultCode string
	Failed     bool
	Succeeded  bool   // SetOK
	Message    string // of the error

	Local, Remote    string // ip:port
	RemoteApp        string
	Business, System []Pair
	Tags             []Tag
	Events           []Event
	Links            []Link

	DroppedTags, DroppedEvents, DroppedLinks int

	Resource []Tag // of the service: Config.Resource. One list for all spans of a Tracer.
}

// data copies what an exporter needs of an ended span, which will be used again. A tag marks one whose trace is sampled out.
func (s *Span) data(r *resolved) *SpanData {
	more := s.extra()
	remote := s.remote
	if r.port > 0 {
		remote = hostPort(remote, strconv.FormatInt(r.port, 10))
	}
	bag := s.baggage()
	tags := slices.Clone(s.tags)
	if r.kept != "" {
		tags = append(tags, String(keySampledOut, r.kept))
	}
	return &SpanData{
		// The id may lie in the span's own memory, from which the request's context hangs.
		TraceID: s.traceID, Trace: s.trace, SpanID: strings.Clone(s.spanID), ID: s.id8, Parent: s.parent8, State: s.state(), Kind: s.kind,
		Component: s.component, Random: s.random, Start: time.Unix(0, s.start), Duration: s.duration, Operation: s.operation, ResultCode: s.resultCode,
		Failed: s.failed, Succeeded: s.succeeded, Message: more.message, Local: s.local, Remote: remote, RemoteApp: s.remoteApp,
		Business: bag.biz, System: bag.sys, Tags: tags, Events: more.events, Links: more.links,
		DroppedTags: more.droppedTags, DroppedEvents: more.droppedEvents, DroppedLinks: more.droppedLinks,
		Resource: s.tracer.resource,
	}
}

// Value gives the tag's value: string, int64, bool, float64, or json.RawMessage for a list or an object.
func (t Tag) Value() any {
	switch t.kind {
	case tagInt:
		return int64(t.num)
	case tagBool:
		return t.num != 0
	case tagFloat:
		return math.Float64frombits(t.num)
	case tagJSON:
		return json.RawMessage(t.str)
	}
	return t.str
}

// Text gives the value as text: numbers and truth values as in the logs, lists and objects as JSON.
func (t Tag) Text() string {
	if t.kind == tagString || t.kind == tagJSON {
		return t.str
	}
	b, _ := json.Marshal(t.Value()) // NaN and the like give none
	return string(b)
}
