package twinopentracing

import (
	"bytes"
	"context"
	"io"
	"strings"
	"time"

	ot "github.com/opentracing/opentracing-go"
	"github.com/opentracing/opentracing-go/ext"
	twinspan "github.com/twinspan/twinspan/sdk"
)

// Tracer is an opentracing.Tracer. It is safe for concurrent use.
type Tracer struct{ native *twinspan.Tracer }

type companionKey struct{}

// NewTracer gives the OpenTracing tracer of a Tracer, the same one each time. A nil tracer traces nothing.
func NewTracer(native *twinspan.Tracer) ot.Tracer {
	if native == nil {
		return ot.NoopTracer{}
	}
	twinspan.UseContextFace(&face)
	return native.Companion(companionKey{}, func() any { return &Tracer{native} }).(*Tracer)
}

// face is read only.
var face = twinspan.ContextFace{Key: twinspan.ContextKey(func(ctx context.Context) { ot.SpanFromContext(ctx) }), Wrap: wrap}

func wrap(native *twinspan.Span) any { return (*span)(native) }

// ContextWithSpanHook is opentracing.TracerContextWithSpanExtension's: the context carries the native span as well.
func (t *Tracer) ContextWithSpanHook(ctx context.Context, s ot.Span) context.Context {
	return twinspan.ContextWithSpan(ctx, Twinspan(s))
}

// Twinspan gives the native span of one that OpenTracing's API gave, or nil if it is another tracer's.
func Twinspan(s ot.Span) *twinspan.Span {
	if s, ok := s.(*span); ok {
		return s.native()
	}
	return nil
}

// spanContext is an opentracing.SpanContext.
type spanContext struct{ native twinspan.SpanContext }

// ForeachBaggageItem is opentracing.SpanContext's.
func (c spanContext) ForeachBaggageItem(handler func(k, v string) bool) {
	for _, p := range c.native.Baggage() {
		if !handler(p.Key, p.Value) {
			return
		}
	}
}

// The attribute of a link that says what the reference was, as OpenTelemetry's bridges have it.
const (
	refType     = "opentracing.ref_type"
	childOf     = "child_of"
	followsFrom = "follows_from"
)

// StartSpan is opentracing.Tracer's.
func (t *Tracer) StartSpan(operation string, options ...ot.StartSpanOption) ot.Span {
	var o ot.StartSpanOptions
	for _, option := range options {
		option.Apply(&o)
	}
	start := twinspan.StartOptions{Kind: kindOf(o.Tags), Component: twinspan.Inferred, Operation: operation, Time: o.StartTime}
	parent := parentOf(o.References)
	if parent >= 0 {
		c := o.References[parent].ReferencedContext.(spanContext)
		start.Parent = &c.native
	}
	if t.native.HasSamplingRules() {
		for k, v := range o.Tags {
			if k != "error" && k != string(ext.SpanKind) {
				start.Tags = append(start.Tags, tag(k, v))
			}
		}
	}
	_, native := t.native.StartSpan(context.Background(), &start)
	for i, r := range o.References {
		c, ok := r.ReferencedContext.(spanContext)
		switch {
		case !ok || !c.native.Valid():
		case r.Type == ot.FollowsFromRef:
			native.AddLink(c.native, twinspan.String(refType, followsFrom))
		case i != parent:
			native.AddLink(c.native, twinspan.String(refType, childOf))
		}
	}
	s := (*span)(native)
	for k, v := range o.Tags {
		s.SetTag(k, v)
	}
	return s
}

// parentOf gives the reference that is the parent: the first ChildOf, else the first FollowsFrom, or -1.
func parentOf(references []ot.SpanReference) int {
	parent := -1
	for i, r := range references {
		if _, ok := r.ReferencedContext.(spanContext); !ok {
			continue // another tracer's
		}
		if r.Type == ot.ChildOfRef {
			return i
		}
		if parent < 0 {
			parent = i
		}
	}
	return parent
}

func kindOf(tags map[string]any) twinspan.Kind {
	var kind string
	switch v := tags[string(ext.SpanKind)].(type) {
	case string:
		kind = v
	case ext.SpanKindEnum:
		kind = string(v)
	}
	switch kind {
	case "client":
		return twinspan.Client
	case "server":
		return twinspan.Server
	case "producer":
		return twinspan.Producer
	case "consumer":
		return twinspan.Consumer
	}
	return twinspan.Internal
}

// binaryFormats are what the binary format has: W3C's for the 8-byte id, SOFATracer's for its own texts.
func binaryFormats() []twinspan.Propagation {
	return []twinspan.Propagation{twinspan.W3C, twinspan.SOFAHead}
}

// Inject is opentracing.Tracer's.
func (t *Tracer) Inject(c ot.SpanContext, format, carrier any) error {
	switch format {
	case ot.TextMap, ot.HTTPHeaders, ot.Binary:
	default:
		return ot.ErrUnsupportedFormat
	}
	sc, ok := c.(spanContext)
	if !ok {
		return ot.ErrInvalidSpanContext
	}
	if format == ot.Binary {
		w, ok := carrier.(io.Writer)
		if !ok {
			return ot.ErrInvalidCarrier
		}
		var b twinspan.BinaryCarrier
		t.native.Inject(sc.native, &b, binaryFormats()...)
		_, err := w.Write(b.Bytes)
		return err
	}
	w, ok := carrier.(ot.TextMapWriter)
	if !ok {
		return ot.ErrInvalidCarrier
	}
	t.native.Inject(sc.native, outOf(w))
	return nil
}

// Extract is opentracing.Tracer's.
func (t *Tracer) Extract(format, carrier any) (ot.SpanContext, error) {
	var found twinspan.SpanContext
	switch format {
	case ot.Binary:
		r, ok := carrier.(io.Reader)
		if !ok {
			return nil, ot.ErrInvalidCarrier
		}
		var data bytes.Buffer
		if _, err := io.Copy(&data, io.LimitReader(r, maxBinary)); err != nil {
			return nil, err
		}
		found = t.native.Extract(&twinspan.BinaryCarrier{Bytes: data.Bytes()}, binaryFormats()...)
	case ot.TextMap, ot.HTTPHeaders:
		r, ok := carrier.(ot.TextMapReader)
		if !ok {
			return nil, ot.ErrInvalidCarrier
		}
		found = t.native.Extract(in(r))
	default:
		return nil, ot.ErrUnsupportedFormat
	}
	if !found.Valid() && len(found.Baggage()) == 0 {
		return nil, ot.ErrSpanContextNotFound
	}
	return spanContext{found}, nil
}

// maxBinary bounds what is read of a binary carrier.
const maxBinary = 64 << 10

// outOf gives a native carrier to write into.
func outOf(w ot.TextMapWriter) twinspan.Carrier {
	switch w := w.(type) {
	case ot.HTTPHeadersCarrier:
		return twinspan.HeaderCarrier(w)
	case ot.TextMapCarrier:
		return twinspan.MapCarrier(w)
	}
	return writer{twinspan.MapCarrier{}, w}
}

// writer writes through to a carrier that cannot be read.
type writer struct {
	twinspan.MapCarrier
	to ot.TextMapWriter
}

// Set is twinspan.Carrier's.
func (w writer) Set(key, value string) {
	w.MapCarrier.Set(key, value)
	w.to.Set(key, value)
}

// in gives a native carrier to read from.
func in(r ot.TextMapReader) twinspan.Carrier {
	switch r := r.(type) {
	case ot.HTTPHeadersCarrier:
		return twinspan.HeaderCarrier(r)
	case ot.TextMapCarrier:
		return twinspan.MapCarrier(r)
	}
	all := reader{}
	_ = r.ForeachKey(func(key, value string) error { // all has no errors; what comes before one of r's counts
		all[key] = append(all[key], value)
		return nil
	})
	return all
}

// reader is a carrier with lists of values, whose keys are compared without case.
type reader map[string][]string

// Get is twinspan.Carrier's.
func (r reader) Get(key string) (string, bool) {
	if v := r.All(key); len(v) > 0 {
		return v[0], true
	}
	return "", false
}

// All is twinspan.Carrier's.
func (r reader) All(key string) []string {
	if v, ok := r[key]; ok {
		return v
	}
	for k, v := range r {
		if strings.EqualFold(k, key) {
			return v
		}
	}
	return nil
}

// Set is twinspan.Carrier's.
func (r reader) Set(key, value string) { r[key] = []string{value} }

// WithPrefix is twinspan.Carrier's.
func (r reader) WithPrefix(prefix string, yield func(rest, value string)) {
	for key, values := range r {
		if len(key) >= len(prefix) && strings.EqualFold(key[:len(prefix)], prefix) {
			yield(key[len(prefix):], values[0])
		}
	}
}

// orNow gives the present for no time.
func orNow(t time.Time) time.Time {
	if t.IsZero() {
		return time.Now()
	}
	return t
}
