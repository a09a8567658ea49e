package opentelemetry

import (
	"fmt"
	"reflect"
	"runtime"

	twinspan "github.com/twinspan/twinspan/sdk"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"
)

// The names of OpenTelemetry's exception event:
// https://opentelemetry.io/docs/specs/semconv/exceptions/exceptions-spans/.
const (
	exceptionEvent      = "exception"
	exceptionType       = "exception.type"
	exceptionMessage    = "exception.message"
	exceptionStacktrace = "exception.stacktrace"
)

// maxStack bounds a recorded stack trace.
const maxStack = 8 << 10

// span is a native span as OpenTelemetry's: the same memory with other methods.
type span twinspan.Span

func wrap(native *twinspan.Span) any { return (*span)(native) }

func (s *span) native() *twinspan.Span { return (*twinspan.Span)(s) }

// Twinspan gives the native span of one that OpenTelemetry's API gave, or nil if it is another tracer's.
func Twinspan(s trace.Span) *twinspan.Span {
	if s, ok := s.(*span); ok {
		return s.native()
	}
	return nil
}

// End is trace.Span's. Called by defer in a panic, it records the panic, which goes on.
func (s *span) End(options ...trace.SpanEndOption) {
	var config trace.SpanConfig
	if len(options) > 0 {
		config = trace.NewSpanEndConfig(options...)
	}
	if recovered := recover(); recovered != nil {
		defer panic(recovered)
		list := []twinspan.Tag{twinspan.String(exceptionType, typeName(recovered)), twinspan.String(exceptionMessage, fmt.Sprint(recovered))}
		if config.StackTrace() {
			list = append(list, twinspan.String(exceptionStacktrace, stack()))
		}
		s.native().AddEvent(exceptionEvent, list...)
	}
	if at := config.Timestamp(); !at.IsZero() {
		s.native().EndAt(at)
		return
	}
	s.native().End()
}

// AddEvent is trace.Span's.
func (s *span) AddEvent(name string, options ...trace.EventOption) {
	if s.native().Ended() {
		return
	}
	config := trace.NewEventConfig(options...)
	s.addEvent(name, &config)
}

func (s *span) addEvent(name string, config *trace.EventConfig, more ...twinspan.Tag) {
	s.native().AddEventAt(name, config.Timestamp(), append(tags(config.Attributes()), more...)...)
}

// RecordError is trace.Span's.
func (s *span) RecordError(err error, options ...trace.EventOption) {
	if err == nil || s.native().Ended() {
		return
	}
	config := trace.NewEventConfig(options...)
	list := []twinspan.Tag{twinspan.String(exceptionType, typeName(err)), twinspan.String(exceptionMessage, err.Error())}
	if config.StackTrace() {
		list = append(list, twinspan.String(exceptionStacktrace, stack()))
	}
	s.addEvent(exceptionEvent, &config, list...)
}

// AddLink is trace.Span's.
func (s *span) AddLink(l trace.Link) {
	s.native().AddLink(contextOf(l.SpanContext), tags(l.Attributes)...)
}

// IsRecording is trace.Span's: true until the end, also for spans that are not sampled.
func (s *span) IsRecording() bool { return !s.native().Ended() }

// SpanContext is trace.Span's. Its trace state has Twinspan's member, so that OpenTelemetry's own propagators carry the
// dotted span id as well.
func (s *span) SpanContext() trace.SpanContext {
	c := s.native().Context()
	return otelContext(&c, s.native().TraceState(), false)
}

// SetStatus is trace.Span's: ok is final, error goes before unset.
func (s *span) SetStatus(code codes.Code, description string) {
	switch code {
	case codes.Ok:
		s.native().SetOK()
	case codes.Error:
		s.native().Fail(description)
	}
}

// SetName is trace.Span's.
func (s *span) SetName(name string) { s.native().SetOperation(name) }

// SetAttributes is trace.Span's.
func (s *span) SetAttributes(attributes ...attribute.KeyValue) {
	s.native().SetTagsFunc(len(attributes), filler(attributes))
}

// TracerProvider is trace.Span's.
func (s *span) TracerProvider() trace.TracerProvider { return NewTracerProvider(s.native().Tracer()) }

func typeName(v any) string {
	t := reflect.TypeOf(v)
	if t.PkgPath() == "" && t.Name() == "" {
		return t.String() // a pointer or a built-in type
	}
	return t.PkgPath() + "." + t.Name()
}

func stack() string {
	b := make([]byte, maxStack)
	return string(b[:runtime.Stack(b, false)])
}
